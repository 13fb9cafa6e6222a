"""Folders as dictionaries, for tests of the workspace."""

import hashlib
import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from hypothesis import strategies as st

from core.workspace import Bounds, Change, Changes, Copied, FileState, OwnerFiles, collect

Tree = dict[str, bytes]
IDS = (os.getuid(), os.getgid())
# The container's, or another owner's: only root may give files away, others keep their own.
OTHER_IDS = (4242, 4343) if os.geteuid() == 0 else IDS


def state(content: bytes) -> FileState:
    return FileState(size=len(content), sha256=hashlib.sha256(content).hexdigest())


def change(path: str, before: bytes | None, after: bytes | None) -> Change:
    return Change(
        path=path,
        before=None if before is None else state(before),
        after=None if after is None else state(after),
    )


def write(folder: Path, tree: Mapping[str, bytes]) -> None:
    """Makes the folder hold exactly these files."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for path, content in tree.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)


def read(folder: Path) -> Tree:
    """All there is in a folder, also what no user of it should ever see."""
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


class Desk:
    """An owner's folder, a container's folder, and the way from one to the other."""

    def __init__(self, home: Path, tree: Mapping[str, bytes]) -> None:
        self.owned, self.work, self.staging = home / "owned", home / "work", home / "staging"
        write(self.owned, tree)
        self.files = OwnerFiles(self.owned, home / "versions")
        self.copied = Copied(base={})

    def give(self, *globs: str, bounds: Bounds | None = None) -> Copied:
        self.copied = self.files.copy_in(globs or ("*",), self.work, owner_ids=IDS, bounds=bounds)
        return self.copied

    def collect(self, bounds: Bounds | None = None) -> Changes:
        return collect(self.work, self.copied.base, staging=self.staging, bounds=bounds)

    def commit(self, changes: Changes, *, name: str = "c1", task: int = 1) -> None:
        self.files.commit(
            name, task, changes=changes, staging=self.staging, expect=changes.digests()
        )

    def work_out(self, tree: Mapping[str, bytes], *, name: str = "c1", task: int = 1) -> Changes:
        """A whole task: its files, its work, its commit."""
        shutil.rmtree(self.work, ignore_errors=True)
        self.give()
        write(self.work, tree)
        changes = self.collect()
        self.commit(changes, name=name, task=task)
        return changes


def _is_possible(tree: Tree) -> bool:
    return not any(other.startswith(f"{path}/") for path in tree for other in tree)


_PARTS = st.lists(st.sampled_from(["a", "b", ".c", "ü d"]), min_size=1, max_size=3)
TREES = st.dictionaries(_PARTS.map("/".join), st.binary(max_size=3), max_size=6).filter(
    _is_possible
)
