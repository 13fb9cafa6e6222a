"""/memory export as files on disk: the outbox holds their paths, never the memories themselves."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

from bot.memory_cards import export_json

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from coordinator.memory.types import Memory

PIECE = 20_000_000  # bytes; Telegram takes 50 MB from a bot
KEPT_S = 24 * 3600.0


def write_export(
    folder: Path, memories: Sequence[Memory], *, update_id: int, piece: int = PIECE
) -> list[Path]:
    """Writes the files of one export, the same for the same update, and removes old ones."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    _tidy(folder)
    paths = []
    for number, part in enumerate(_parts(memories, piece), start=1):
        path = folder / f"{update_id}-{number}.json"
        fresh = path.with_suffix(".part")
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(export_json(part))
        fresh.replace(path)
        paths.append(path)
    return paths


def _parts(memories: Sequence[Memory], piece: int) -> Iterator[list[Memory]]:
    """Runs of memories that stay below `piece` bytes; at least one run."""
    part: list[Memory] = []
    size = 0
    for memory in memories:
        needed = len(memory.text.encode()) * 2 + 300
        if part and size + needed > piece:
            yield part
            part, size = [], 0
        part.append(memory)
        size += needed
    yield part


def _tidy(folder: Path) -> None:
    for old in (*folder.glob("*.json"), *folder.glob("*.part")):
        if old.stat().st_mtime < time.time() - KEPT_S:
            old.unlink(missing_ok=True)
