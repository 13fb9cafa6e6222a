"""A thousand turns: how large prompts get, what is still known, and what memory costs `serve`.

    python -m bench.context           all, some minutes
    python -m bench.context --talk    the conversation only, nothing is written

The conversation runs over the product's own turns, summaries and memory with its default embedder;
only the model is a stand-in, whose summaries keep nothing. `serve` is measured as two real
processes side by side, one with memory switched off, after the same fifty turns.
"""

from __future__ import annotations

import asyncio
import shutil
import sys
import tempfile
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from bench.results import save
from bench.vectors import Offline
from coordinator.packing import prompt_cap
from tests.support.long_talk import facts, long_talk
from tests.support.model_server import last_user, say
from tests.support.services import RunningPostgres, RunningValkey
from tests.support.world import World, a_world

if TYPE_CHECKING:
    from tests.support.model_server import Answer, Body

TURNS, PLANTED, HISTORY_KB = 1_000, 50, 24
TALK = 50
IDLE_S = 5
Figures = dict[str, tuple[float | int | None, str, str]]


async def conversation(postgres: RunningPostgres, valkey: RunningValkey) -> Figures:
    """The thousand turns."""
    embedder = Offline()
    async with long_talk(
        postgres.fresh_database(), valkey.url, embedder, history_kb=HISTORY_KB
    ) as talk:
        seen = await talk.run(TURNS, planted=PLANTED)
    print(seen)
    cap = prompt_cap(HISTORY_KB * 1024)
    return {
        "context_peak_bytes": (
            seen.peak_bytes, "bytes", f"largest request of {TURNS:,} turns, with the tools' schemas"
        ),
        "context_cap_bytes": (cap, "bytes", "cap of a prompt's text, whatever comes in"),
        "facts_kept_share": (
            round(seen.kept_share, 1), "%",
            f"of {seen.facts} facts said once, known at the end though the summary kept none",
        ),
        "facts_in_prompt_share": (
            round(100 * seen.in_prompt / seen.facts, 1), "%", "of them without a call of `recall`"
        ),
        "rules_missing": (seen.rules_missing, "prompts", "in which a standing rule was missing"),
        "context_turn_calls": (seen.turn_calls, "calls", "model calls for turns and questions"),
        "context_summary_calls": (seen.summary_calls, "calls", "model calls for summaries"),
    }  # fmt: skip


def _answers(body: Body) -> Answer:
    if body.get("tools"):
        return say(f"answer to {last_user(body)[:9]}")
    return say('{"memory": []}')


async def _fifty(world: World, *, has_memory: bool) -> None:
    """Starts `serve`, says fifty things, and leaves it alone."""
    world.model.script = _answers
    await world.start(with_executor=False)
    for name, value in (("heavy.idle_s", IDLE_S), ("memory.enabled", has_memory)):
        world.says(f"/config {name} {str(value).lower()}")
        await world.sees(name)
    said = facts(TALK)
    for number in range(TALK):
        world.says(f"turn {number:04d}: {said[number].said}")
        await world.sees(f"answer to turn {number:04d}"[:19])


async def _all_idle(process: psutil.Process) -> None:
    """Waits until its heavy processes have ended, and a little more."""
    async with asyncio.timeout(180):
        while process.children():
            await asyncio.sleep(0.5)
    await asyncio.sleep(3)


def _own_pss_mb(process: psutil.Process) -> float:
    return float(process.memory_full_info().pss) / 1024**2


async def idle_cost(postgres: RunningPostgres, valkey: RunningValkey, folder: Path) -> Figures:
    """Both at once, so that what they share is shared alike."""
    async with AsyncExitStack() as stack:
        pss = []
        for name in ("on", "off"):
            home = folder / name
            home.mkdir()
            world = await stack.enter_async_context(
                a_world(home, postgres.fresh_database(), valkey.url)
            )
            await _fifty(world, has_memory=name == "on")
            pss.append(psutil.Process(world.serve.pid))
        await asyncio.sleep(30)  # what was learnt is extracted and embedded
        for process in pss:
            await _all_idle(process)
        on, off = (_own_pss_mb(process) for process in pss)
    growth = "growth of serve's memory (PSS) by memory, idle after 50 turns"
    return {
        "serve_pss_growth_mb": (round(on - off, 1), "MB", growth),
        "serve_pss_memory_on_mb": (round(on, 1), "MB", "serve with memory, idle"),
        "serve_pss_memory_off_mb": (round(off, 1), "MB", "serve without memory, idle"),
    }


async def run(folder: Path, *, only_talk: bool) -> None:
    """All of it; prints as it goes."""
    postgres, valkey = RunningPostgres(folder / "postgres"), RunningValkey(folder / "valkey")
    try:
        figures = await conversation(postgres, valkey)
        if not only_talk:
            figures |= await idle_cost(postgres, valkey, folder)
            save("eval-context", figures)
        for key, (value, unit, _) in figures.items():
            print(f"{key}: {value} {unit}")
    finally:
        valkey.close()
        postgres.close()


def main() -> int:
    """Runs it; returns the exit code."""
    folder = Path(tempfile.mkdtemp(prefix="agentai-bench-"))
    try:
        asyncio.run(run(folder, only_talk="--talk" in sys.argv))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
