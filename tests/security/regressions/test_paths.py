"""Class: path traversal, symlinks and hard links, wherever a name comes from the container."""

from __future__ import annotations

import io
import os
import stat
import tarfile
import zipfile
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from core.archives import Bounds as ArchiveBounds
from core.archives import unpack
from core.errors import UserFacing
from core.tasks import TaskFile
from core.workspace import Bounds, Changes, OwnerFiles
from core.workspace import collect as stage
from core.workspace.types import Change, FileState
from executors.provisions import copy_sent
from executors.results import collect
from executors.slots import CA_FILE, Slot

if TYPE_CHECKING:
    from collections.abc import Callable

SECRET = b"the host's own secret\n"
MINE = (os.geteuid(), os.getegid())


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    """What nobody in a container may read or change."""
    path = tmp_path / "outside" / "secret.key"
    path.parent.mkdir()
    path.write_bytes(SECRET)
    path.chmod(0o600)
    return path


def assert_untouched(outside: Path) -> None:
    assert outside.read_bytes() == SECRET
    assert stat.S_IMODE(outside.stat().st_mode) == 0o600


def link(work: Path, outside: Path) -> None:
    (work / "x").symlink_to(outside)


def hard_link(work: Path, outside: Path) -> None:
    (work / "x").hardlink_to(outside)


def folder_link(work: Path, outside: Path) -> None:
    (work / "d").symlink_to(outside.parent)


def pipe(work: Path, outside: Path) -> None:
    assert outside
    os.mkfifo(work / "x")


def chain(work: Path, outside: Path) -> None:
    (work / "y").symlink_to(outside)
    (work / "x").symlink_to("y")


def nothing(work: Path, outside: Path) -> None:
    assert work != outside


TRAPS: list[tuple[Callable[[Path, Path], None], str]] = [
    (nothing, "../outside/secret.key"),
    (nothing, "{outside}"),
    (nothing, "/work/../outside/secret.key"),
    (nothing, "/work//{outside}"),
    (nothing, "a/../../outside/secret.key"),
    (nothing, "/proc/self/environ"),
    (link, "x"),
    (chain, "x"),
    (hard_link, "x"),
    (folder_link, "d/secret.key"),
    (folder_link, "./d/./secret.key"),
    (pipe, "x"),
]


@pytest.mark.parametrize(("trap", "name"), TRAPS)
def test_a_result_file_cannot_be_one_of_the_host(
    tmp_path: Path, outside: Path, trap: Callable[[Path, Path], None], name: str
) -> None:
    work, target = tmp_path / "work", tmp_path / "results"
    work.mkdir()
    trap(work, outside)
    files, refused = collect(work, [name.format(outside=outside)], target)
    assert files == ()
    assert "was not handed over" in refused
    assert not target.exists()


@pytest.mark.parametrize("trap", [link, chain, hard_link, folder_link, pipe])
def test_a_workspace_with_traps_brings_nothing_of_the_host_to_the_owner(
    tmp_path: Path, outside: Path, trap: Callable[[Path, Path], None]
) -> None:
    work, staging = tmp_path / "work", tmp_path / "staging"
    work.mkdir()
    trap(work, outside)
    (work / "good.txt").write_bytes(b"good\n")
    changes = stage(work, {}, staging=staging, bounds=Bounds())
    assert [c.path for c in changes.items] == ["good.txt"]
    assert changes.refused
    kept = [p.read_bytes() for p in staging.rglob("*") if p.is_file()]
    assert kept == [b"good\n"]


@pytest.mark.parametrize(
    "path", ["../outside/new", "/etc/agentai", "a/../../x", "./x", "a//b", ".agentai/x", "a\u202eb"]
)
def test_a_commit_to_a_path_that_leads_out_is_refused(tmp_path: Path, path: str) -> None:
    files = OwnerFiles(tmp_path / "owner", tmp_path / "versions")
    change = Change(path=path, before=None, after=FileState(size=0, sha256="0" * 64))
    changes = Changes(items=(change,))
    with pytest.raises(UserFacing):
        files.commit("c1", 1, changes=changes, staging=tmp_path, expect=changes.digests())
    assert list((tmp_path / "owner").iterdir()) == []


def test_a_link_in_the_owners_folder_is_neither_read_nor_written_through(
    tmp_path: Path, outside: Path
) -> None:
    owner, work, staging = tmp_path / "owner", tmp_path / "work", tmp_path / "staging"
    files = OwnerFiles(owner, tmp_path / "versions")
    (owner / "d").symlink_to(outside.parent)
    (owner / "x").symlink_to(outside)
    work.mkdir()
    copied = files.copy_in(["*"], work / "files", owner_ids=MINE, bounds=Bounds())
    assert dict(copied.base) == {}
    (work / "files" / "d").mkdir()
    (work / "files" / "d" / "secret.key").write_bytes(b"evil\n")
    changes = stage(work / "files", copied.base, staging=staging, bounds=Bounds())
    with pytest.raises(UserFacing):
        files.commit("c1", 1, changes=changes, staging=staging, expect=changes.digests())
    with pytest.raises(UserFacing):
        files.read("x", cap=1000)
    assert outside.read_bytes() == SECRET


def a_zip(name: str, *, is_link: bool = False) -> bytes:
    out, info = io.BytesIO(), zipfile.ZipInfo(name)
    info.external_attr = ((stat.S_IFLNK if is_link else stat.S_IFREG) | 0o777) << 16
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr(info, b"../outside/secret.key")
    return out.getvalue()


def a_tar(*members: tuple[str, bytes, str]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for name, kind, target in members:
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, target
            archive.addfile(info)
    return out.getvalue()


ARCHIVES = {
    "zip up": a_zip("../outside/new"),
    "zip absolute": a_zip("/tmp/agentai-new"),
    "zip backslash": a_zip("..\\outside\\new"),
    "zip link": a_zip("x", is_link=True),
    "tar up": a_tar(("../outside/new", tarfile.REGTYPE, "")),
    "tar absolute": a_tar(("/tmp/agentai-new", tarfile.REGTYPE, "")),
    "tar link": a_tar(("d", tarfile.SYMTYPE, "../outside"), ("d/new", tarfile.REGTYPE, "")),
    "tar hard link": a_tar(("x", tarfile.LNKTYPE, "../outside/secret.key")),
    "tar device": a_tar(("x", tarfile.CHRTYPE, "")),
    "tar pipe": a_tar(("x", tarfile.FIFOTYPE, "")),
}


@pytest.mark.parametrize("content", ARCHIVES.values(), ids=ARCHIVES.keys())
def test_an_archive_with_a_member_that_leads_out_is_refused_as_a_whole(
    tmp_path: Path, outside: Path, content: bytes
) -> None:
    (tmp_path / "a").write_bytes(content)
    with pytest.raises(UserFacing):
        unpack(tmp_path / "a", tmp_path / "target", ArchiveBounds())
    assert not (tmp_path / "target").exists()
    assert sorted(outside.parent.iterdir()) == [outside]
    assert outside.read_bytes() == SECRET
    assert not Path("/tmp/agentai-new").exists()


async def test_a_container_cannot_aim_a_returning_host_at_a_file_outside_its_slot(
    tmp_path: Path, outside: Path
) -> None:
    """After a restart the host makes the slot ready again, while the container lives on."""
    (tmp_path / CA_FILE).write_text("the authority\n")
    slot = Slot(tmp_path, "slot")
    await slot.prepare(MINE)
    await slot.line.close()
    for name in (CA_FILE, "host.sock"):
        (slot.sock / name).unlink()
        (slot.sock / name).symlink_to(outside)
    again = Slot(tmp_path, "slot")
    await again.prepare(MINE)
    await again.line.close()
    assert_untouched(outside)


def test_a_resumed_task_cannot_aim_the_copy_of_an_owners_file_outside(
    outside: Path, tmp_path: Path
) -> None:
    """Its container was lost; the workspace that it left is given to a new one."""
    (tmp_path / "sent").write_bytes(b"a file that the owner sent\n")
    file = TaskFile(name="data.csv", path=str(tmp_path / "sent"))
    work = tmp_path / "slot" / "work"
    work.mkdir(parents=True)
    (work / "data.csv").symlink_to(outside)
    with suppress(OSError, UserFacing):
        copy_sent([file], work, owner=MINE)
    assert_untouched(outside)
