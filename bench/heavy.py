"""`python -m bench.heavy`: what the heavy processes weigh, how fast they start and work."""

from __future__ import annotations

import asyncio
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image

from bench.results import save
from coordinator.heavy.client import Heavy
from tests.support.model_server import ScriptedModel, say
from tests.support.speech import TINY_MODEL, speak

if TYPE_CHECKING:
    from collections.abc import Mapping

ROOT = Path(__file__).resolve().parent.parent
Figures = dict[str, tuple[float | int | None, str, str]]

SENTENCE = "The owner moved the meeting with the bank to Thursday and asked for the papers. "
SPOKEN = (
    "Please remind me to call the dentist on Monday morning. The train to Berlin leaves at nine, "
    "and I still need a ticket. Tell my sister that I will be there for dinner."
)
#: What serve has anyway is imported before the first look; then ours, then calls, then idleness.
SERVE = """
import asyncio, gc, json, sys
import asyncpg, redis, telegram, core.config, core.models, core.tasks, core.spawn
def pss():
    gc.collect()
    lines = open("/proc/self/smaps_rollup").read().splitlines()
    return next(int(l.split()[1]) for l in lines if l.startswith("Pss:")) / 1024
async def main():
    await asyncio.sleep(0.1)
    before = pss()
    from coordinator.heavy.client import Heavy
    import coordinator.embedding, coordinator.extracting
    loaded = pss()
    heavy = Heavy(idle_s=lambda: 0.2)
    for number in range(20):
        await heavy.call("embed_query", {"texts": [f"question {number}"], "kind": "query"},
                         timeout_s=60)
        await heavy.call("embed_passages", {"texts": ["a passage"] * 8, "kind": "passage"},
                         timeout_s=60)
    while heavy.processes():
        await asyncio.sleep(0.1)
    print(json.dumps([before, loaded, pss()]))
asyncio.run(main())
"""


async def timed(heavy: Heavy, job: str, payload: Mapping[str, object]) -> float:
    began = time.monotonic()
    await heavy.call(job, payload, timeout_s=300)
    return time.monotonic() - began


async def measure_questions(figures: Figures) -> None:
    question = {"texts": ["When do I have to see the dentist?"], "kind": "query"}
    starts = []
    for _ in range(5):
        heavy = Heavy()
        starts.append(await timed(heavy, "embed_query", question))
        warm = [await timed(heavy, "embed_query", question) for _ in range(20)]
        figures["heavy_query_pss_mb"] = (
            heavy.memory_mb()["query"], "MB", "the process that embeds questions (PSS)"
        )  # fmt: skip
        await heavy.close()
    figures["heavy_start_ms"] = (
        round(statistics.median(starts) * 1000), "ms", "no process yet to the first vector, median"
    )  # fmt: skip
    figures["heavy_query_ms"] = (
        round(statistics.median(warm) * 1000, 1), "ms", "one question, running process, median"
    )  # fmt: skip


async def measure_passages(heavy: Heavy, figures: Figures) -> None:
    for name, repeat, tokens in (("short", 1, 18), ("long", 24, 400)):
        texts = [f"{number}. {SENTENCE * repeat}" for number in range(8)]
        payload = {"texts": texts, "kind": "passage"}
        await timed(heavy, "embed_passages", payload)
        took = await timed(heavy, "embed_passages", payload)
        figures[f"heavy_passages_{name}_per_s"] = (
            round(8 / took, 1), "per s", f"passages of about {tokens} tokens, one thread"
        )  # fmt: skip


async def measure_files(heavy: Heavy, folder: Path, figures: Figures) -> None:
    wav = {"path": str(speak(SPOKEN, folder / "a.wav")), "model": TINY_MODEL}
    first = await timed(heavy, "transcribe", wav)
    took = await timed(heavy, "transcribe", wav)
    body = await heavy.call("transcribe", wav, timeout_s=300)
    figures["heavy_transcribe_first_s"] = (round(first, 2), "s", "with start and loading the model")
    figures["heavy_transcribe_factor"] = (
        round(took / float(str(body["duration_s"])), 3), "ratio",
        "time / length of the recording, tiny English model",
    )  # fmt: skip
    photo = Image.effect_noise((4000, 3000), 60).convert("RGB")
    photo.save(folder / "a.jpg", quality=90)
    picture = {"path": str(folder / "a.jpg")}
    await timed(heavy, "picture", picture)
    took = await timed(heavy, "picture", picture)
    figures["heavy_picture_ms"] = (round(took * 1000), "ms", "a 12-megapixel JPEG made small")


async def measure_extraction(heavy: Heavy, figures: Figures) -> None:
    model = ScriptedModel(lambda _: say('{"memory": [{"text": "User moved to Bonn"}]}'))
    await model.start()
    payload = {
        "base_url": model.url, "api_key": "none", "model": "m", "timeout_s": 60,
        "said": [{"text": "I moved to Bonn", "date": "2026-05-01"}], "known": [],
        "on": "2026-05-01",
    }  # fmt: skip
    first = await timed(heavy, "extract", payload)
    took = await timed(heavy, "extract", payload)
    figures["heavy_extract_first_s"] = (round(first, 2), "s", "with start and importing mem0")
    figures["heavy_extract_ms"] = (round(took * 1000), "ms", "one extraction, a model at once")
    figures["heavy_extract_prompt_bytes"] = (model.requests[0][2], "bytes", "mem0's request")
    await model.stop()


def measure_serve(figures: Figures) -> None:
    done = subprocess.run(
        [sys.executable, "-c", SERVE], cwd=ROOT, capture_output=True, text=True, check=True
    )
    before, loaded, after = json.loads(done.stdout)
    figures["heavy_serve_import_mb"] = (
        round(loaded - before, 2), "MB", "growth of serve's memory by importing the client (PSS)"
    )  # fmt: skip
    figures["heavy_serve_growth_mb"] = (
        round(after - before, 2), "MB", "the same after 40 calls, all processes ended again"
    )  # fmt: skip


async def run(folder: Path) -> Figures:
    figures: Figures = {}
    await measure_questions(figures)
    heavy = Heavy()
    try:
        await measure_passages(heavy, figures)
        await measure_files(heavy, folder, figures)
        await measure_extraction(heavy, figures)
        for lane, memory in heavy.memory_mb().items():
            figures[f"heavy_{lane}_pss_mb"] = (memory, "MB", f"the process {lane}, idle (PSS)")
    finally:
        await heavy.close()
    await asyncio.to_thread(measure_serve, figures)
    return figures


def main() -> int:
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        figures = asyncio.run(run(Path(folder)))
    save("heavy", figures)
    for key, (value, unit, meaning) in figures.items():
        print(f"{key:30} {value} {unit:6} {meaning}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
