"""A socket in a folder that a container sees."""

import gc
import os
import socket
import stat
from pathlib import Path

import pytest

from executors.sockets import bind_in


def test_a_socket_takes_the_place_of_a_former_one(tmp_path: Path) -> None:
    deep = tmp_path / ("d" * 100) / ("e" * 100)
    deep.mkdir(parents=True)
    bind_in(deep, "host.sock").close()
    with bind_in(deep, "host.sock") as bound:
        bound.listen()
        found = (deep / "host.sock").stat()
        assert stat.S_ISSOCK(found.st_mode)
        assert stat.S_IMODE(found.st_mode) == 0o666
        folder = os.open(deep, os.O_RDONLY)
        with socket.socket(socket.AF_UNIX) as dial:
            dial.connect(f"/proc/self/fd/{folder}/host.sock")
        os.close(folder)


def test_a_name_that_is_taken_by_a_folder_is_an_error_and_leaks_nothing(tmp_path: Path) -> None:
    (tmp_path / "host.sock").mkdir()
    with pytest.raises(OSError, match=r"in use|directory"):
        bind_in(tmp_path, "host.sock")
    gc.collect()  # an open socket would warn here, and warnings are errors


def test_a_link_in_the_place_of_the_folder_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    with pytest.raises(OSError, match=r"link|directory"):
        bind_in(tmp_path / "link", "host.sock")
    assert list((tmp_path / "real").iterdir()) == []
