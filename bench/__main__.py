"""`make bench`: the figures of the main job, against a bare loop in the same run."""

from __future__ import annotations

import asyncio
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import docker

from bench.results import save
from bench.subject import FLOOR, OURS, Subject, cpu_s, pss_mb
from core.db import Database
from executors.images import executor_image_tag, project_root
from tests.support.model_server import Body, Reply, say

if TYPE_CHECKING:
    from collections.abc import Sequence

IDLE_S = 30.0
Figures = dict[str, tuple[float | int | None, str, str]]


def echo(pause_s: float) -> Any:
    """A model that repeats what is new, after a pause."""

    def script(body: Body) -> Reply:
        texts: list[str] = []
        for message in body["messages"]:
            texts = [] if message["role"] == "assistant" else [*texts, str(message["content"])]
        tokens = [w for t in texts for w in t.split() if w.startswith("token-")]
        return say("answer " + " ".join(tokens), pause_s=pause_s)

    return script


def median_ms(seconds: Sequence[float]) -> float:
    return round(statistics.median(seconds) * 1000, 1)


def p95_ms(seconds: Sequence[float]) -> float:
    return round(sorted(seconds)[int(len(seconds) * 0.95)] * 1000, 1)


async def latencies(subject: Subject, pause_s: float, count: int) -> list[float]:
    """Round trips without the model's own time."""
    subject.model.script = echo(pause_s)
    await subject.round_trips(3)
    return [took - pause_s for took in await subject.round_trips(count)]


async def measure_chat(floor: Subject, ours: Subject, figures: Figures) -> None:
    for name, pause_s, count in (("0ms", 0.0, 40), ("300ms", 0.3, 15)):
        bare = await latencies(floor, pause_s, count)
        own = await latencies(ours, pause_s, count)
        ratio = round(statistics.median(own) / statistics.median(bare), 2)
        figures[f"overhead_ratio_{name}"] = (ratio, "ratio", "our overhead / bare loop's, medians")
        figures[f"overhead_{name}_ms"] = (
            median_ms(own),
            "ms",
            "our median, without the model's time",
        )
        figures[f"overhead_{name}_p95_ms"] = (p95_ms(own), "ms", "our 95th percentile")
        figures[f"floor_{name}_ms"] = (median_ms(bare), "ms", "the bare loop's median")
    ours.model.script = echo(0.0)


async def measure_bursts(ours: Subject, figures: Figures) -> None:
    lost = 0
    for name, count in (("burst_200_s", 200), ("burst_300_s", 300)):
        began = time.monotonic()
        tokens = [f"token-{name}-{n}-end" for n in range(count)]
        for token in tokens:
            ours.telegram.person.send(f"question {token}")
        missing = set(tokens)
        while missing and time.monotonic() - began < 60:
            said = {w for m in ours.telegram.bot_messages() for w in m.text.split()}
            missing -= said
            await asyncio.sleep(0.05)
        lost += len(missing)
        took = round(time.monotonic() - began, 2)
        figures[name] = (took, "s", f"{count} messages at once in the owner's chat, all answered")
    figures["burst_lost"] = (lost, "messages", "never answered, of 500")


async def measure_idle(ours: Subject, figures: Figures) -> None:
    await asyncio.sleep(3)
    parts = ours.processes()
    before = {name: cpu_s(process) for name, process in parts.items() if name != "up"}
    await asyncio.sleep(IDLE_S)
    total = 0.0
    for name, process in parts.items():
        if name == "up":
            continue
        memory = round(pss_mb(process), 1)
        total += memory
        used = round((cpu_s(process) - before[name]) / IDLE_S * 100, 2)
        label = name.replace("-server", "")
        figures[f"{label}_idle_pss_mb"] = (memory, "MB", f"idle memory of {label} (PSS)")
        figures[f"{label}_idle_cpu_percent"] = (used, "%", f"of one core, {label} idle")
    own = round(pss_mb(parts["up"]) - total, 1)
    figures["up_idle_pss_mb"] = (own, "MB", "idle memory of the supervisor (PSS)")
    figures["all_idle_pss_mb"] = (
        round(total + own, 1),
        "MB",
        "all processes together, with Postgres",
    )


async def measure_start(ours: Subject, figures: Figures) -> None:
    times = []
    for _ in range(5):
        ours.stop()
        times.append(await ours.start())
        await asyncio.sleep(1)
    figures["first_poll_s"] = (
        round(statistics.median(times), 2), "s", "start of `agentai up` to the first poll"
    )  # fmt: skip


async def first_command_ms(ours: Subject, database: Database, count: int) -> list[float]:
    """From a task's row in Postgres to its first command's own clock."""
    found = []
    for _ in range(count):
        before = await database.fetchval("select coalesce(max(no), 0) from tasks")
        ours.telegram.person.send("/run date +%s.%N")
        async with asyncio.timeout(30):
            while True:
                row = await database.fetchrow(
                    "select extract(epoch from created_at)::float8 as made, result from tasks"
                    " where no > $1 and state = 'done'",
                    before,
                )
                if row:
                    break
                await asyncio.sleep(0.02)
        found.append((float(row["result"]) - row["made"]) * 1000)
        await asyncio.sleep(2)  # the pool fills again
    return found


def docker_run_ms(count: int) -> list[float]:
    """`docker run` of the same image, hardened as far as its options go, to its first command."""
    client = docker.from_env()
    image = executor_image_tag(project_root())
    found = []
    for _ in range(count):
        began = time.time()
        printed = client.containers.run(
            image, ["date", "+%s.%N"], remove=True, network_mode="none", read_only=True,
            cap_drop=["ALL"], security_opt=["no-new-privileges:true"], pids_limit=256,
            mem_limit="512m",
        )  # fmt: skip
        found.append((float(printed) - began) * 1000)
    client.close()
    return found


async def measure_containers(ours: Subject, database: Database, figures: Figures) -> None:
    await ours.settled()
    warm = await first_command_ms(ours, database, 15)
    ours.telegram.person.send("/config pool.size 0")
    await ours.telegram.wait_for(lambda m: "pool.size is now 0" in m.text)
    await asyncio.sleep(3)
    cold = await first_command_ms(ours, database, 8)
    ours.telegram.person.send("/config pool.size 1")
    await ours.telegram.wait_for(lambda m: "pool.size is now 1" in m.text)
    plain = await asyncio.to_thread(docker_run_ms, 8)
    meaning = "task queued to the first command inside the container, "
    figures["warm_start_ms"] = (round(statistics.median(warm), 1), "ms", meaning + "warm pool")
    figures["warm_start_slowest_ms"] = (
        round(sorted(warm)[-1], 1),
        "ms",
        meaning + "warm, slowest of 15",
    )
    figures["cold_start_ms"] = (round(statistics.median(cold), 1), "ms", meaning + "no pool")
    figures["docker_run_ms"] = (
        round(statistics.median(plain), 1), "ms", "docker run of that image to its first command"
    )  # fmt: skip


async def measure_busy(ours: Subject, figures: Figures) -> None:
    idle = await ours.round_trips(20)
    for _ in range(5):
        ours.telegram.person.send("/run sleep 20")
    await asyncio.sleep(4)
    busy = await ours.round_trips(20)
    ratio = round(statistics.median(busy) / statistics.median(idle), 2)
    figures["busy_chat_ratio"] = (
        ratio,
        "ratio",
        "chat beside five 20 s tasks / chat while idle",
    )
    ours.telegram.person.send("/cancel all")
    await asyncio.sleep(3)


def is_running(mark: str) -> bool:
    done = subprocess.run(["pgrep", "-f", mark], capture_output=True, check=False)
    return done.returncode == 0


async def measure_stop(ours: Subject, figures: Figures, count: int = 60) -> None:
    """From the press on Cancel to the last process of the task gone; the model hangs meanwhile."""
    ours.model.script = echo(30.0)
    ours.telegram.person.send("this turn hangs")
    found = []
    for number in range(count):
        mark = f"{6000 + number}.125"
        ours.telegram.person.send(f"/run sleep {mark}")
        async with asyncio.timeout(30):
            while not is_running(f"^sleep {mark}"):
                await asyncio.sleep(0.02)
        card = await ours.telegram.wait_for(lambda m, k=mark: k in m.text and bool(m.buttons))
        began = time.monotonic()
        ours.telegram.person.press(card.id, "Cancel")
        while is_running(f"^sleep {mark}"):
            await asyncio.sleep(0.005)
        found.append(time.monotonic() - began)
    found.sort()
    p99 = round(found[min(len(found) - 1, int(len(found) * 0.99))], 3)
    figures["stop_p99_s"] = (p99, "s", f"press on Cancel to the last process gone, {count} times")
    figures["stop_median_s"] = (round(statistics.median(found), 3), "s", "the same, median")


async def run(folder: Path) -> Figures:
    figures: Figures = {}
    floor, ours = Subject(FLOOR, folder / "floor"), Subject(OURS, folder / "ours")
    for subject in (floor, ours):
        await subject.open()
        await subject.start()
    await ours.settled()
    try:
        ours.model.script = echo(0.0)
        await ours.round_trip()
        figures["hello_prompt_bytes"] = (
            ours.model.requests[0][2], "bytes", "the whole request body of a first hello"
        )  # fmt: skip
        print("chat", flush=True)
        await measure_chat(floor, ours, figures)
        floor.stop()
        print("idle", flush=True)
        await measure_idle(ours, figures)
        figures["serve_idle_pss_mb"] = figures.pop("serve_idle_pss_mb")
        print("bursts", flush=True)
        await measure_bursts(ours, figures)
        print("starts", flush=True)
        await measure_start(ours, figures)
        database = await Database.connect(ours.database_url(), size=1)
        print("containers", flush=True)
        await measure_containers(ours, database, figures)
        print("busy", flush=True)
        await measure_busy(ours, figures)
        print("stop", flush=True)
        await measure_stop(ours, figures)
        await database.close()
    finally:
        await floor.close()
        await ours.close()
    return figures


def main() -> int:
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        figures = asyncio.run(run(Path(folder)))
    save("main_job", figures)
    for key, (value, unit, meaning) in figures.items():
        print(f"{key:28} {value} {unit:9} {meaning}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
