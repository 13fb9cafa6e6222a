"""Copies for a task, and what is taken from a folder that may hold anything."""

import os
import shutil
import socket
import tempfile
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings

from core.errors import UserFacing
from core.workspace import Bounds, folder
from core.workspace.snapshot import TOLD_CAP
from tests.unit.core.workspace.trees import OTHER_IDS, TREES, Desk, Tree, read, state, write


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path, {"a.md": b"a", "sub/b.md": b"b", "c.txt": b"c"})


def test_copies_are_real_private_and_chosen_by_globs(desk: Desk) -> None:
    copied = desk.give("*.md")
    assert read(desk.work) == {"a.md": b"a", "sub/b.md": b"b"}
    assert copied.base == {"a.md": state(b"a"), "sub/b.md": state(b"b")}
    assert (desk.work / "a.md").stat().st_nlink == 1
    assert (desk.work / "a.md").stat().st_mode & 0o7777 == 0o600
    assert (desk.work / "sub").stat().st_mode & 0o7777 == 0o700
    (desk.work / "a.md").write_bytes(b"other")
    assert read(desk.owned)["a.md"] == b"a"


def test_copies_belong_to_the_container(desk: Desk) -> None:
    desk.files.copy_in(["*"], desk.work, owner_ids=OTHER_IDS)
    for path in (desk.work, desk.work / "sub", desk.work / "sub" / "b.md"):
        assert (path.stat().st_uid, path.stat().st_gid) == OTHER_IDS


def test_links_and_odd_names_are_left_out_of_a_copy(desk: Desk) -> None:
    (desk.owned / "link").symlink_to("/etc/passwd")
    (desk.owned / "dir").symlink_to("/etc")
    (desk.owned / "u\u0308").touch()
    (desk.owned / ".agentai").mkdir()
    (desk.owned / ".agentai" / "secret").touch()
    left = dict(desk.give().left_out)
    assert left == {
        "link": "it is a link",
        "dir": "it is a link",
        "ü": "the name is not in the usual Unicode form (NFC)",
    }
    assert set(read(desk.work)) == {"a.md", "c.txt", "sub/b.md"}


@pytest.mark.parametrize(
    ("bounds", "why"),
    [(Bounds(max_files=2), "more than 2 files"), (Bounds(max_bytes=2), "too large")],
)
def test_a_copy_keeps_to_its_bounds(desk: Desk, bounds: Bounds, why: str) -> None:
    copied = desk.give(bounds=bounds)
    assert len(copied.base) == 2
    assert why in copied.left_out[0][1]
    assert len(read(desk.work)) == 2


def test_a_copy_never_writes_through_a_link(desk: Desk, tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    desk.work.mkdir()
    (desk.work / "sub").symlink_to(tmp_path / "outside")
    (desk.work / "a.md").symlink_to(tmp_path / "outside" / "a.md")
    assert {path for path, _ in desk.give().left_out} == {"a.md", "sub/b.md"}
    assert not any((tmp_path / "outside").iterdir())


def _huge(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(1 << 40)


def _socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))


def _deep(path: Path) -> None:
    (path / "/".join("d" * 20)).mkdir(parents=True)


REFUSED: dict[str, tuple[Callable[[Path], object], str]] = {
    "link": (lambda p: p.symlink_to("/etc/passwd"), "it is a link"),
    "folder_link": (lambda p: p.symlink_to("/etc"), "it is a link"),
    "dangling": (lambda p: p.symlink_to("nowhere"), "it is a link"),
    "hard": (lambda p: os.link(p.parent / "c.txt", p), "hard link"),
    "pipe": (os.mkfifo, "it is a pipe"),
    "socket": (_socket, "it is a socket"),
    "huge": (_huge, "too large"),
    "hidden\u202e": (lambda p: p.touch(), "hidden characters"),
    "u\u0308": (lambda p: p.touch(), "NFC"),
    " space": (lambda p: p.touch(), "space"),
    ".agentai": (lambda p: p.mkdir(), "kept for AgentAI"),
    "deep": (_deep, "20 folders deep"),
}


@pytest.mark.parametrize("name", REFUSED, ids=ascii)
def test_what_is_no_plain_file_is_refused_with_its_reason(desk: Desk, name: str) -> None:
    desk.give("*.md")
    (desk.work / "c.txt").write_bytes(b"c")
    make, why = REFUSED[name]
    make(desk.work / name)
    changes = desk.collect()
    assert why in changes.refused[0][1]
    assert "\u202e" not in changes.refused[0][0]
    assert {c.path for c in changes.items} <= {"c.txt"}


def test_a_device_is_refused(desk: Desk) -> None:
    desk.give()
    with (
        folder.closing(folder.open_root(Path("/dev"))) as devices,
        pytest.raises(UserFacing, match="it is a device"),
    ):
        folder.open_file(devices, "zero")
    with suppress(PermissionError):  # only root makes one
        os.mknod(desk.work / "zero", 0o020600, os.makedev(1, 5))
        assert desk.collect().refused == (("zero", "it is a device"),)


def test_a_name_that_is_no_text_is_refused(desk: Desk) -> None:
    desk.give()
    os.close(os.open(bytes(desk.work) + b"/\xff", os.O_CREAT | os.O_WRONLY))
    assert desk.collect().refused == (("⟨U+DCFF⟩", "the name holds hidden characters"),)


def test_a_base_file_behind_something_refused_is_not_deleted(desk: Desk) -> None:
    desk.give()
    shutil.rmtree(desk.work / "sub")
    (desk.work / "sub").symlink_to("/etc")
    (desk.work / "a.md").unlink()
    changes = desk.collect()
    assert [(c.path, c.kind) for c in changes.items] == [("a.md", "deleted")]
    assert changes.refused == (("sub", "it is a link"),)


def test_a_folder_with_too_many_entries_deletes_nothing(desk: Desk) -> None:
    desk.give()
    (desk.work / "a.md").unlink()
    for n in range(30):
        (desk.work / f"{n}").touch()
    changes = desk.collect(Bounds(max_files=5))
    assert changes.items == ()
    assert "not all of them" in changes.refused[0][1]


@pytest.mark.parametrize("bounds", [Bounds(max_files=2), Bounds(max_bytes=2)])
def test_a_collection_keeps_to_its_bounds(desk: Desk, bounds: Bounds) -> None:
    desk.give()
    for name in "xyz":
        (desk.work / name).write_bytes(name.encode())
    changes = desk.collect(bounds)
    assert [c.path for c in changes.items] == ["x", "y"]
    assert [path for path, _ in changes.refused] == ["z"]


def test_refusals_are_counted_beyond_a_hundred(desk: Desk) -> None:
    desk.give()
    for n in range(TOLD_CAP + 7):
        (desk.work / f"{n}").symlink_to("x")
    assert desk.collect().refused[-1] == ("…", "7 more")


def test_what_is_staged_stays_whatever_the_container_does(desk: Desk) -> None:
    desk.give()
    (desk.work / "a.md").write_bytes(b"new")
    (change,) = desk.collect().items
    (desk.work / "a.md").write_bytes(b"evil")
    assert change.after == state(b"new")
    assert (desk.staging / state(b"new").sha256).read_bytes() == b"new"
    assert [p.name for p in desk.staging.iterdir()] == [state(b"new").sha256]


def test_a_folder_that_becomes_a_link_while_it_is_read_leaks_nothing(
    desk: Desk, tmp_path: Path
) -> None:
    write(tmp_path / "outside", {"b.md": b"secret"})
    desk.give()
    stop = threading.Event()
    swapper = threading.Thread(target=_swap, args=(desk.work / "sub", tmp_path / "outside", stop))
    swapper.start()
    try:
        for _ in range(150):
            for change in desk.collect().items:
                assert change.after is None
    finally:
        stop.set()
        swapper.join()
    assert not any(p.read_bytes() == b"secret" for p in desk.staging.iterdir())


def _swap(folder: Path, outside: Path, stop: threading.Event) -> None:
    aside = folder.parent.with_name("aside")
    while not stop.is_set():
        folder.rename(aside)
        folder.symlink_to(outside)
        folder.unlink()
        aside.rename(folder)


@settings(max_examples=60)
@given(TREES, TREES)
def test_the_base_and_the_changes_are_the_new_tree(old: Tree, new: Tree) -> None:
    with tempfile.TemporaryDirectory() as home:
        desk = Desk(Path(home), old)
        desk.give()
        write(desk.work, new)
        changes = desk.collect()
        result = dict(desk.copied.base)
        for change in changes.items:
            assert result.pop(change.path, None) == change.before
            if change.after:
                result[change.path] = change.after
        assert result == {path: state(content) for path, content in new.items()}
        assert changes.refused == ()
