"""Where the owner's files live: a folder now, any S3 perhaps later."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from core.workspace.types import Changes, Entry, UndoResult


class Files(Protocol):
    """The owner's files."""

    def list(self, glob: str = "*") -> list[Entry]:
        """The files that match, by path."""

    def read(self, path: str, *, cap: int) -> bytes:
        """The content of one file, up to `cap` bytes."""

    def commit(
        self,
        commit_id: str,
        task: int,
        *,
        changes: Changes,
        staging: Path,
        expect: Mapping[str, str | None],
    ) -> None:
        """Carries out approved changes, all or none."""

    def undo(self, task: int | None = None, *, commit_id: str | None = None) -> UndoResult:
        """Takes back the last commit that was not taken back yet."""
