"""Job `speak_here`: English speech by flite's library, without any network.

    {"text", "voice": "slt"} → {"audio": base64 of OGG/Opus, "seconds"}

The library (Debian: libflite1) is called directly: so no other program runs, and no text stands in
a list of processes. A crash in it ends this process only.
"""

from __future__ import annotations

import base64
import ctypes
from functools import cache
from typing import Any

from coordinator.heavy.opus import from_samples
from core.errors import UserFacing

VOICES = ("slt", "rms", "awb", "kal16")
TEXT_CAP = 5_000
SECONDS_CAP = 600
_SIMPLE = str.maketrans("\u2018\u2019\u201c\u201d\u2013\u2014", "''\"\"--")
_PARTS = ("usenglish", "cmulex")
MISSING = UserFacing(
    "There is no voice on this machine.",
    "Install it on the server (Debian: apt-get install libflite1), or store an ElevenLabs key: "
    "/secret set ELEVENLABS api.elevenlabs.io",
)


class _Wave(ctypes.Structure):
    """`cst_wave` of flite's cst_wave.h."""

    _fields_ = (
        ("type", ctypes.c_char_p), ("sample_rate", ctypes.c_int), ("num_samples", ctypes.c_int),
        ("num_channels", ctypes.c_int), ("samples", ctypes.POINTER(ctypes.c_short)),
    )  # fmt: skip


def run(payload: dict[str, Any]) -> dict[str, Any]:
    """Speaks up to `TEXT_CAP` characters."""
    voice = str(payload["voice"])
    if voice not in VOICES:
        raise UserFacing("There is no such voice on this machine.", "/voice lists them.")
    samples, rate = _wave(plain(str(payload["text"])), voice)
    audio, seconds = from_samples(samples[: SECONDS_CAP * rate * 2], rate)
    return {"audio": base64.b64encode(audio).decode(), "seconds": seconds}


def plain(text: str) -> str:
    """What the library can read: ASCII without control characters."""
    kept = text.translate(_SIMPLE).encode("ascii", "ignore").decode()[:TEXT_CAP]
    return " ".join("".join(c if c.isprintable() else " " for c in kept).split())


def _wave(text: str, voice: str) -> tuple[bytes, int]:
    library = _library()
    wave = library.flite_text_to_wave(text.encode(), _voice(voice))
    try:
        found = wave.contents
        if found.num_samples <= 0 or found.num_channels != 1:
            raise UserFacing("There was nothing to say.")
        return ctypes.string_at(found.samples, found.num_samples * 2), int(found.sample_rate)
    finally:
        library.delete_wave(wave)


@cache
def _library() -> ctypes.CDLL:
    try:
        library = ctypes.CDLL("libflite.so.1", mode=ctypes.RTLD_GLOBAL)
        for part in _PARTS:
            ctypes.CDLL(f"libflite_{part}.so.1", mode=ctypes.RTLD_GLOBAL)
    except OSError as error:
        raise MISSING from error
    library.flite_text_to_wave.restype = ctypes.POINTER(_Wave)
    library.flite_text_to_wave.argtypes = [ctypes.c_char_p, ctypes.c_void_p]
    library.delete_wave.argtypes = [ctypes.POINTER(_Wave)]
    library.flite_init()
    return library


@cache
def _voice(name: str) -> int:
    _library()
    try:
        module = ctypes.CDLL(f"libflite_cmu_us_{name}.so.1", mode=ctypes.RTLD_GLOBAL)
    except OSError as error:
        raise MISSING from error
    register = module[f"register_cmu_us_{name}"]
    register.restype = ctypes.c_void_p
    register.argtypes = [ctypes.c_char_p]
    return int(register(None))
