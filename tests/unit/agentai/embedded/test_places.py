from __future__ import annotations

import os
from pathlib import Path

import pytest

from agentai.embedded import places
from agentai.process import Account
from core.errors import UserFacing


def test_sockets_of_a_deep_home_fit_into_an_address(tmp_path: Path) -> None:
    deep = tmp_path.joinpath(*["a-rather-long-name"] * 10)
    deep.mkdir(parents=True)
    folder = places.socket_folder(deep)
    assert len(os.fsencode(folder / "pg" / ".s.PGSQL.5432.lock")) < 107
    assert places.socket_folder(deep) == folder
    places.remove_socket_folder(deep)
    assert not folder.exists()


def test_two_homes_have_two_socket_folders(tmp_path: Path) -> None:
    homes = [tmp_path / "a", tmp_path / "b"]
    assert len({places.socket_folder(home) for home in homes}) == 2
    for home in homes:
        places.remove_socket_folder(home)


def test_a_link_in_place_of_a_private_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(UserFacing, match="belongs to somebody else"):
        places.private_folder(tmp_path / "link")


def test_a_program_under_a_closed_folder_cannot_be_run_by_others(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    program = closed / "program"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    assert not places.others_may_run(program)
    assert places.others_may_run(Path("/bin/sh").resolve())


def test_unreachable_programs_are_copied_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    packages = tmp_path / "closed"
    (packages / "server" / "include").mkdir(parents=True)
    packages.chmod(0o700)
    main = packages / "server" / "run"
    main.write_text("#!/bin/sh\n")
    main.chmod(0o755)
    (packages / "server" / "include" / "a.h").write_text("")
    monkeypatch.setattr(places, "PROGRAM_CACHE", tmp_path / "cache")
    stranger = Account(uid=70432, gid=70432)
    wanted = Path("server/run")
    found = places.reachable(packages, ("server",), main=wanted, account=stranger)
    assert found.parent == tmp_path / "cache"
    assert (found / wanted).stat().st_mode & 0o005 == 0o005
    assert not (found / "server" / "include").exists()
    assert places.reachable(packages, ("server",), main=wanted, account=stranger) == found
    assert places.reachable(packages, ("server",), main=wanted, account=None) == packages


def test_a_missing_package_is_one_sentence() -> None:
    with pytest.raises(UserFacing, match="not_there_at_all is not installed"):
        places.package_folder("not_there_at_all")
