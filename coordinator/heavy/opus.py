"""Voice notes as Telegram wants them: OGG with Opus, mono."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from core.errors import Retryable

if TYPE_CHECKING:
    from collections.abc import Iterable

    from av import AudioFrame

RATE = 48_000
BIT_RATE = 32_000
_PIECE = 4_800


def as_voice_note(raw: bytes) -> tuple[bytes, float]:
    """Sound in any usual format as a voice note, and its length in seconds."""
    import av

    try:
        with av.open(io.BytesIO(raw), mode="r", metadata_errors="ignore") as container:
            if not container.streams.audio:
                raise Retryable("what came back holds no sound")
            stream = container.streams.audio[0]
            frames = list(container.decode(stream))
            seconds = sum(frame.samples / frame.sample_rate for frame in frames)
            is_ready = container.format.name == "ogg" and stream.codec_context.name in _OPUS
            note = raw if is_ready else encoded(frames)
    except (av.error.FFmpegError, ValueError, IndexError) as error:
        raise Retryable("what came back is no sound") from error
    if seconds <= 0:
        raise Retryable("what came back is silent")
    return note, round(seconds, 2)


_OPUS = frozenset({"opus", "libopus"})


def from_samples(samples: bytes, rate: int) -> tuple[bytes, float]:
    """16-bit mono samples as a voice note, and its length in seconds."""
    return encoded(_frames(samples, rate)), round(len(samples) / 2 / rate, 2)


def _frames(samples: bytes, rate: int) -> Iterable[AudioFrame]:
    import av

    for start in range(0, len(samples), _PIECE * 2):
        piece = samples[start : start + _PIECE * 2]
        frame = av.AudioFrame(format="s16", layout="mono", samples=len(piece) // 2)
        frame.planes[0].update(piece.ljust(frame.planes[0].buffer_size, b"\0"))
        frame.sample_rate = rate
        yield frame


def encoded(frames: Iterable[AudioFrame]) -> bytes:
    """Frames as OGG with Opus."""
    import av
    from av.audio.resampler import AudioResampler

    out = io.BytesIO()
    resampler = AudioResampler(format="s16", layout="mono", rate=RATE)
    with av.open(out, mode="w", format="ogg") as container:
        stream = container.add_stream("libopus", rate=RATE, layout="mono", bit_rate=BIT_RATE)
        for frame in frames:
            frame.pts = None
            for piece in resampler.resample(frame):
                container.mux(stream.encode(piece))
        for piece in resampler.resample(None):
            container.mux(stream.encode(piece))
        container.mux(stream.encode(None))
    return out.getvalue()
