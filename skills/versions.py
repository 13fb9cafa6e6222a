"""The history of the owner's skills: every state of the folder, what changed, and the way back.

Threat: see `skills.git`. Files are read by us, without following links, and handed to git as data;
git never looks into the folder itself, so that a `.git`, `.gitattributes` or `.gitmodules` that
came with a skill means nothing. All methods block: call them through `asyncio.to_thread`.

A skill is named by its `place`: its folder or its single file, relative to the owner's folder.
"""

from __future__ import annotations

import re
import shutil
import threading
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from tempfile import mkdtemp
from typing import TYPE_CHECKING

from core.errors import UserFacing
from core.hygiene import clean, visible
from core.workspace.paths import checked
from skills.git import Git
from skills.tree import FILE_CAP, read_bytes, survey

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MAIN = "refs/heads/main"
NEXT = "refs/heads/next"
DIFF_CAP = 100_000
AUTHOR = "AgentAI <agentai@localhost>"
_ID = re.compile(r"[0-9a-f]{7,40}")
_BLOB = re.compile(r"100(?:644|755) blob ([0-9a-f]{40})\t(.+)", re.DOTALL)


@dataclass(frozen=True, kw_only=True, slots=True)
class Version:
    """One state of the folder."""

    id: str
    at: datetime
    message: str


class Versions:
    """The history of `folder`, kept in the bare repository `repository` outside of it."""

    def __init__(self, folder: Path, repository: Path) -> None:
        if repository.resolve().is_relative_to(folder.resolve()):
            raise ValueError("the history must not lie among the skills")
        self._folder = folder
        self._git = Git(repository)
        self._lock = threading.Lock()

    def commit(self, message: str, *, now: datetime | None = None) -> Version | None:
        """Keeps the folder as it is; None if that is what the newest version holds already."""
        at = now or datetime.now(UTC)
        text = clean(" ".join(message.split()), cap=200) or "changed"
        with self._lock:
            self._git.init()
            old = self._newest()
            self._git.run("fast-import", "--quiet", "--force", stdin=self._stream(text, at, old))
            new = self._git.run("rev-parse", NEXT).decode().strip()
            self._git.run("update-ref", "-d", NEXT)
            if old is not None and self._tree(old) == self._tree(new):
                return None
            self._git.run("update-ref", MAIN, new, *([old] if old else []))
        return Version(id=new[:12], at=at.replace(microsecond=0), message=text)

    def history(self, place: str, limit: int = 20) -> tuple[Version, ...]:
        """The versions in which the skill changed, newest first."""
        if not self._has_any():
            return ()
        output = self._git.run(
            "log", f"--max-count={limit}", "--format=%H %ct %s", MAIN, "--", checked(place)
        )
        lines = (line.split(" ", 2) for line in output.decode(errors="replace").splitlines())
        return tuple(
            Version(id=id_[:12], at=datetime.fromtimestamp(int(at), UTC), message=message)
            for id_, at, message in lines
        )

    def diff(self, place: str, version: str) -> str:
        """What changed in the skill from that version to the newest one, safe to show."""
        since = self._known(version)
        output = self._git.run(
            "diff", "--no-ext-diff", "--no-textconv", "--no-color", "--no-renames", since, MAIN,
            "--", checked(place),
        )  # fmt: skip
        return clean(visible(output[: 4 * DIFF_CAP].decode(errors="replace")), cap=DIFF_CAP)

    def rollback(self, place: str, version: str) -> Version | None:
        """Puts the skill's files back as they were then, and keeps that as a new version."""
        self.commit("before going back")
        files = dict(self._files_at(self._known(version), checked(place)))
        if not files:
            raise UserFacing(f"{place} was not there in version {version}.")
        _put_back(self._folder, place, files)
        return self.commit(f"{place} back to {version}")

    def _newest(self) -> str | None:
        return self._git.find("rev-parse", "--verify", "--quiet", MAIN)

    def _has_any(self) -> bool:
        self._git.init()
        return self._newest() is not None

    def _tree(self, commit: str) -> bytes:
        return self._git.run("rev-parse", f"{commit}^{{tree}}")

    def _known(self, version: str) -> str:
        """The whole id of a version of this history."""
        if _ID.fullmatch(version) and self._has_any():
            found = self._git.find("rev-parse", "--verify", "--quiet", f"{version}^{{commit}}")
            if found is not None:
                return found
        raise UserFacing(f"There is no version {version[:40]!r}.", "See the skill's history.")

    def _stream(self, message: str, at: datetime, old: str | None) -> bytes:
        """One commit as fast-import reads it: all files, whatever stood there before."""
        parts = [
            f"commit {NEXT}\ncommitter {AUTHOR} {int(at.timestamp())} +0000\n".encode(),
            _data(message.encode()),
            f"from {old}\n".encode() if old else b"",
            b"deleteall\n",
        ]
        for path, content in _contents(self._folder):
            quoted = path.replace("\\", "\\\\").replace('"', '\\"')
            parts += [f'M 100644 inline "{quoted}"\n'.encode(), _data(content)]
        return b"".join(parts)

    def _files_at(self, commit: str, place: str) -> Iterator[tuple[str, bytes]]:
        listed = self._git.run("ls-tree", "-r", "-z", commit, "--", place).decode()
        for entry in filter(None, listed.split("\0")):
            if found := _BLOB.fullmatch(entry):
                yield checked(found[2]), self._git.run("cat-file", "blob", found[1])


def _data(content: bytes) -> bytes:
    return b"data %d\n" % len(content) + content + b"\n"


def _contents(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Every file of every skill, also of a broken one; odd entries are left out."""
    for found in survey(folder)[0]:
        for path in (found.main, *found.files):
            with suppress(UserFacing):
                yield path, read_bytes(folder, path, FILE_CAP)


def _put_back(folder: Path, place: str, files: dict[str, bytes]) -> None:
    """Writes beside and renames, so that a reader never sees half of it."""
    target = folder / place
    if not target.parent.resolve().is_relative_to(folder.resolve()):
        raise UserFacing(f"{place} lies behind a link.")
    target.parent.mkdir(parents=True, exist_ok=True)
    staging = folder / mkdtemp(prefix=".agentai-", dir=folder)
    try:
        for path, content in files.items():
            file = staging / "new" / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content)
        if target.exists() or target.is_symlink():
            target.rename(staging / "old")
        (staging / "new" / place).rename(target)
    finally:
        shutil.rmtree(staging, ignore_errors=True)
