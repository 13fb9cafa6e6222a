"""Exports of the memory on disk: whole, in pieces, private, and not kept for long."""

from __future__ import annotations

import json
import os
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from bot.memory_export import KEPT_S, write_export
from coordinator.memory.types import Memory, MemoryId

if TYPE_CHECKING:
    from pathlib import Path

NOW = datetime(2026, 11, 21, 9, 5, tzinfo=UTC)


def memory(number: int, text: str = "I like tea") -> Memory:
    return Memory(
        id=MemoryId(number), layer="fact", text=text, label="owner", state="active",
        message_id=None, superseded_by=None, expires_at=None, created_at=NOW,
    )  # fmt: skip


def read(paths: list[Path]) -> list[int]:
    return [row["id"] for path in paths for row in json.loads(path.read_text())["memories"]]


def test_a_large_memory_comes_in_pieces_that_hold_all_of_it(tmp_path: Path) -> None:
    memories = [memory(number, "x" * 1_000) for number in range(50)]
    paths = write_export(tmp_path, memories, update_id=7, piece=10_000)
    assert len(paths) > 5
    assert read(paths) == list(range(50))
    assert all(path.stat().st_size <= 10_000 for path in paths)
    assert {path.stat().st_mode & 0o777 for path in paths} == {0o600}


def test_an_update_that_is_handled_again_writes_the_same_files(tmp_path: Path) -> None:
    first = write_export(tmp_path, [memory(1)], update_id=7)
    assert write_export(tmp_path, [memory(1)], update_id=7) == first
    assert len(list(tmp_path.iterdir())) == 1


def test_nothing_remembered_is_one_empty_file(tmp_path: Path) -> None:
    assert read(write_export(tmp_path, [], update_id=7)) == []


def test_an_old_export_goes_with_the_next(tmp_path: Path) -> None:
    (old,) = write_export(tmp_path, [memory(1)], update_id=7)
    os.utime(old, times=(time.time() - KEPT_S - 60,) * 2)
    write_export(tmp_path, [memory(1)], update_id=8)
    assert not old.exists()
