"""`python -m bench.speech`: how well and how fast voice notes are heard and answered."""

from __future__ import annotations

import asyncio
import base64
import statistics
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from bench.results import save
from coordinator.heavy.client import Heavy
from tests.support.model_server import say
from tests.support.services import RunningPostgres, RunningValkey
from tests.support.speech import SENTENCES, TINY_MODEL, voice_note, word_errors
from tests.support.world import a_world

if TYPE_CHECKING:
    from tests.support.world import World

Figures = dict[str, tuple[float | int | None, str, str]]

NOTES = 5
ANSWER = "The train to Berlin leaves at nine in the morning."


async def heard(heavy: Heavy, path: Path) -> tuple[str, float, float]:
    """The words, the time it took, and the length of the recording, in seconds."""
    began = time.monotonic()
    payload = {"path": str(path), "model": TINY_MODEL}
    body = await heavy.call("transcribe", payload, timeout_s=300)
    return str(body["text"]), time.monotonic() - began, float(str(body["duration_s"]))


async def measure_hearing(folder: Path, figures: Figures) -> None:
    """Word errors and speed over all sentences, with a running process."""
    heavy, path = Heavy(), folder / "note.ogg"
    wrong = of = 0
    took = length = 0.0
    path.write_bytes(voice_note(SENTENCES[0], folder))
    await heard(heavy, path)
    for words in SENTENCES:
        path.write_bytes(voice_note(words, folder))
        text, seconds, duration = await heard(heavy, path)
        errors, count = word_errors(words, text)
        wrong, of, took, length = wrong + errors, of + count, took + seconds, length + duration
    figures["speech_wer"] = (
        round(wrong / of, 3), "share", f"word errors in {of} words, tiny English model, flite"
    )  # fmt: skip
    figures["speech_realtime_factor"] = (
        round(took / length, 3), "ratio", "time to listen / length of the recording"
    )  # fmt: skip
    figures["speech_hearing_pss_mb"] = (
        heavy.memory_mb()["hearing"], "MB", "the process that listens (PSS)"
    )  # fmt: skip
    await heavy.close()


async def measure_round_trip(folder: Path, figures: Figures) -> None:
    """Text to speech by the local voice, and back to text."""
    heavy, path = Heavy(), folder / "note.ogg"
    wrong = of = 0
    took = length = 0.0
    for words in SENTENCES:
        began = time.monotonic()
        body = await heavy.call("speak_here", {"text": words, "voice": "slt"}, timeout_s=60)
        took, length = took + time.monotonic() - began, length + float(str(body["seconds"]))
        path.write_bytes(base64.b64decode(str(body["audio"])))
        text, _, _ = await heard(heavy, path)
        errors, count = word_errors(words, text)
        wrong, of = wrong + errors, of + count
    figures["speech_round_trip_wer"] = (
        round(wrong / of, 3), "share", "word errors after text, local voice slt, voice note, text"
    )  # fmt: skip
    figures["speech_speaking_factor"] = (
        round(took / length, 3), "ratio", "time to speak / length, local voice, start included"
    )  # fmt: skip
    figures["speech_speaking_pss_mb"] = (
        heavy.memory_mb()["speaking here"], "MB", "the process of the local voice (PSS)"
    )  # fmt: skip
    await heavy.close()


def heavy_pss_mb(serve_pid: int) -> float:
    """The memory of all processes that serve has started."""
    total = 0
    for child in psutil.Process(serve_pid).children(recursive=True):
        with suppress(psutil.Error):
            total += child.memory_full_info().pss
    return total / 1024**2


async def answered(world: World, words: str, folder: Path, number: int) -> tuple[float, float]:
    """Seconds from sending a voice note to its answer, and the peak of memory meanwhile."""
    note, peak = voice_note(words, folder), 0.0
    began = time.monotonic()
    world.telegram.person.send_sound(note, seconds=4)
    while not any(f"answer {number}" in text for text in world.chat()):
        await asyncio.sleep(0.02)
        if time.monotonic() - began > 60:
            raise TimeoutError("no answer within a minute")
        peak = max(peak, heavy_pss_mb(world.serve.pid))
    return time.monotonic() - began, peak


async def measure_answers(folder: Path, figures: Figures) -> None:
    """The whole product: a voice note in, its answer in the chat."""
    (folder / "pg").mkdir()
    postgres, valkey = RunningPostgres(folder / "pg"), RunningValkey(folder)
    try:
        async with a_world(folder, postgres.fresh_database(), valkey.url) as world:
            turns = iter(range(NOTES + 1))
            world.model.script = lambda _: say(f"answer {next(turns)}. {ANSWER}")
            await world.start(with_executor=False)
            world.says(f"/config voice.model {TINY_MODEL}")
            await world.sees("voice.model")
            runs = [await answered(world, SENTENCES[n], folder, n) for n in range(NOTES)]
    finally:
        valkey.close()
        postgres.close()
    figures["speech_first_note_to_reply_s"] = (
        round(runs[0][0], 2), "s", "voice note to answer; nothing is loaded yet, model at once"
    )  # fmt: skip
    figures["speech_note_to_reply_s"] = (
        round(statistics.median(run[0] for run in runs[1:]), 2), "s",
        "voice note of 3 to 4 s to answer, median, process running",
    )  # fmt: skip
    figures["speech_heavy_peak_mb"] = (
        round(max(run[1] for run in runs)), "MB", "all heavy processes of serve meanwhile (PSS)"
    )  # fmt: skip


async def run(folder: Path) -> Figures:
    """All figures."""
    figures: Figures = {}
    await measure_hearing(folder, figures)
    await measure_round_trip(folder, figures)
    await measure_answers(folder, figures)
    return figures


def main() -> int:
    """Measures and saves."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        figures = asyncio.run(run(Path(folder)))
    save("speech", figures)
    for key, (value, unit, meaning) in figures.items():
        print(f"{key:30} {value} {unit:6} {meaning}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
