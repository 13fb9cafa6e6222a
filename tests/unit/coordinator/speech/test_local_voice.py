from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from coordinator.speech.local_voice import LIBRARY, has_voice

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("listed", "is_there"),
    [(b"\0libflite.so.1\0", True), (b"\0libflite_cmulex.so.1\0", False), (None, True)],
)
def test_a_machine_is_silent_only_when_its_loader_surely_lacks_the_library(
    tmp_path: Path, listed: bytes | None, is_there: bool
) -> None:
    path = tmp_path / "cache"
    if listed is not None:
        path.write_bytes(listed)
    assert has_voice(path, more="") is is_there


def test_a_folder_of_ones_own_counts_too(tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    cache.write_bytes(b"")
    assert not has_voice(cache, more=f":{tmp_path}")
    (tmp_path / LIBRARY).touch()
    assert has_voice(cache, more=f":{tmp_path}")
