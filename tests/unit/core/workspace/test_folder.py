"""Reading and writing below a folder that somebody else changes."""

import os
from pathlib import Path

import pytest

from core.errors import UserFacing
from core.workspace import folder


def test_a_walk_stops_at_its_cap_and_says_so(tmp_path: Path) -> None:
    for n in range(5):
        (tmp_path / f"{n}").touch()
    with folder.closing(folder.open_root(tmp_path)) as root:
        assert [f.why for f in folder.walk(root, entries=4)] == [folder.TOO_MANY]
        assert [f.path for f in folder.walk(root, entries=5)] == ["0", "1", "2", "3", "4"]


@pytest.mark.parametrize("is_made", [True, False])
def test_no_link_is_followed_to_a_parent(tmp_path: Path, is_made: bool) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "root").mkdir()
    (tmp_path / "root" / "sub").symlink_to(tmp_path / "outside")
    with folder.closing(folder.open_root(tmp_path / "root")) as root:
        for path in ("sub/a", "sub/b/c"):
            with pytest.raises(UserFacing, match=r"does not lie in a plain folder"):
                folder.open_parent(root, path, is_made=is_made)
    assert not any((tmp_path / "outside").iterdir())


def test_a_root_that_is_a_link_is_refused(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path)
    with pytest.raises(OSError, match=r"Not a directory|symbolic links"):
        folder.open_root(tmp_path / "link")


def test_a_file_that_grows_past_its_limit_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"12345")
    with folder.closing(os.open(tmp_path / "a", os.O_RDONLY)) as file:
        with pytest.raises(UserFacing, match=r"grew"):
            folder.pour(file, None, limit=4)
        os.lseek(file, 0, os.SEEK_SET)
        assert folder.pour(file, None, limit=5).size == 5


def test_new_folders_are_as_open_as_the_folder_around_them(tmp_path: Path) -> None:
    (tmp_path / "r").mkdir(mode=0o750)
    with folder.closing(folder.open_root(tmp_path / "r")) as root:
        os.close(folder.open_parent(root, "a/b/c", is_made=True))
    assert (tmp_path / "r" / "a" / "b").stat().st_mode & 0o7777 == 0o750
