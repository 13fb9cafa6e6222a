"""Job `transcribe`: speech to text with a Whisper model that lies in a folder. Never downloads.

    {"path": FILE, "model": FOLDER, "language": "de" or "", "max_s": 600, "hint": WORDS}
    → {"text", "language", "probability", "duration_s"}

Threat: the file may come from a stranger, and FFmpeg reads it. It is decoded only as far as the
limit on length, which is counted in samples and not believed from the header; the process is caged.
"""

from __future__ import annotations

import io
import os
from functools import lru_cache
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from core.errors import UserFacing

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import numpy as np
    from av import AudioFrame
    from av.container import InputContainer
    from faster_whisper import WhisperModel  # type: ignore[import-untyped] # it ships no types
    from numpy.typing import NDArray

RATE = 16_000
MAX_S = 3600.0
TEXT_CAP = 200_000
_BROKEN = UserFacing("There is no sound in it that can be read.", "Record it again.")


class Segment(Protocol):
    """What we read of a piece of a transcript."""

    text: str
    no_speech_prob: float
    avg_logprob: float


def run(payload: dict[str, Any]) -> dict[str, Any]:
    """Decodes and transcribes one file."""
    model = Path(payload["model"])
    if not (model / "model.bin").is_file():
        raise UserFacing("The speech model is not there.", "Check the setting of the voice model.")
    sound = _decode(payload["raw"], min(float(payload.get("max_s") or MAX_S), MAX_S))
    options: dict[str, Any] = {"vad_filter": True, "beam_size": 5}
    if payload.get("language"):
        options["language"] = str(payload["language"])
    if payload.get("hint"):
        options["initial_prompt"] = str(payload["hint"])[:500]
    try:
        segments, info = _model(str(model)).transcribe(sound, **options)
    except ValueError as error:  # a language that is none, no speech to tell the language by
        if len(sound) < RATE // 10:
            raise _BROKEN from error
        raise UserFacing("The speech could not be read.", "Check the language setting.") from error
    return {
        "text": joined(segments), "language": info.language,
        "probability": round(float(info.language_probability), 3),
        "duration_s": round(len(sound) / RATE, 2),
    }  # fmt: skip


def joined(segments: Iterable[Segment]) -> str:
    """The text, bounded, without pieces that the model itself takes for silence."""
    parts: list[str] = []
    size = 0
    for segment in segments:
        if segment.no_speech_prob > 0.6 and segment.avg_logprob < -1.0:
            continue
        parts.append(segment.text.strip())
        size += len(segment.text)
        if size > TEXT_CAP:
            break
    return " ".join(part for part in parts if part)[:TEXT_CAP]


def check_length(samples: int, max_s: float) -> None:
    """Refuses what is longer than `max_s` seconds."""
    if samples > max_s * RATE:
        raise UserFacing(
            f"The recording is longer than {max_s / 60:g} minutes.", "Send it in shorter pieces."
        )


def _decode(raw: bytes, max_s: float) -> NDArray[np.float32]:
    """Mono, 16 kHz, from -1 to 1."""
    import av
    import numpy as np

    try:
        chunks: list[NDArray[np.int16]] = []
        total = 0
        with av.open(io.BytesIO(raw), mode="r", metadata_errors="ignore") as container:
            if not container.streams.audio:
                raise _BROKEN
            for chunk in _resampled(_decoded(container)):
                chunks.append(chunk)
                total += chunk.size
                check_length(total, max_s)
    except (av.error.FFmpegError, OSError, ValueError, IndexError) as error:
        raise _BROKEN from error
    if not total:
        raise _BROKEN
    return np.concatenate(chunks).astype(np.float32) / 32768.0


def _decoded(container: InputContainer) -> Iterator[AudioFrame]:
    """The frames of the first sound track; what is broken in between is left out."""
    import av

    for packet in container.demux(container.streams.audio[0]):
        try:
            yield from packet.decode()
        except av.error.InvalidDataError:
            continue


def _resampled(frames: Iterator[AudioFrame]) -> Iterator[NDArray[np.int16]]:
    import numpy as np
    from av.audio.resampler import AudioResampler

    resampler = AudioResampler(format="s16", layout="mono", rate=RATE)
    for frame in chain(frames, (None,)):  # None brings what the resampler still holds
        for piece in resampler.resample(frame):
            yield piece.to_ndarray().reshape(-1).astype(np.int16, copy=False)


@lru_cache(maxsize=1)
def _model(folder: str) -> WhisperModel:
    from faster_whisper import WhisperModel

    return WhisperModel(
        folder, device="cpu", compute_type="int8", local_files_only=True,
        cpu_threads=int(os.environ.get("OMP_NUM_THREADS", "1")),
    )  # fmt: skip
