"""Kills parts at random while the owner chats and runs commands; counts what was lost, doubled,
sent twice.

Each round the owner says something and orders a command, updates are sometimes delivered twice,
Telegram sometimes fails, and after a random moment one part dies: serve, executor, both, Postgres
or Valkey. It is started again and the next round begins at once. At the end everything said must
have been answered, and every command reported.

Whether a command ran twice is seen from outside: an observer reads the host's process table and
counts the distinct processes that ran it.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import sys
import tempfile
import threading
import time
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from tests.support.model_server import Body, Reply, say
from tests.support.services import RunningPostgres, RunningValkey
from tests.support.world import World

if TYPE_CHECKING:
    from collections.abc import Callable

MARK = f"chaos-{os.getpid()}-"
SETTLE_S = 120.0


class Observer(threading.Thread):
    """Samples the process table for commands that carry a mark."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.seen: defaultdict[str, set[tuple[str, str]]] = defaultdict(set)
        self.stopped = threading.Event()

    def run(self) -> None:
        known: set[str] = set()
        while not self.stopped.wait(0.03):
            alive = {p.name for p in Path("/proc").iterdir() if p.name.isdigit()}
            for pid in alive - known:
                self._look(pid)
            known = alive

    def _look(self, pid: str) -> None:
        try:
            command = Path(f"/proc/{pid}/cmdline").read_bytes().decode("utf-8", "replace")
            stat = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
            parent = Path(f"/proc/{stat[1]}/cmdline").read_bytes()
        except (OSError, IndexError):
            return
        if parent.startswith(b"/bin/bash\0-c\0"):
            return  # a child that bash has forked but that has not become `sleep` yet
        if command.startswith("/bin/bash\0-c\0") and MARK in command:
            mark = MARK + command.split(MARK, 1)[1].split("-end", 1)[0]
            self.seen[mark].add((pid, stat[19]))


@dataclass
class Outcome:
    """What the run found."""

    rounds: int = 0
    messages: int = 0
    commands: int = 0
    lost_messages: list[str] = field(default_factory=list)
    lost_results: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    in_doubt: int = 0
    duplicate_sends: int = 0
    kills: Counter[str] = field(default_factory=Counter)

    @property
    def lost(self) -> int:
        return len(self.lost_messages) + len(self.lost_results)


def answers(body: Body) -> Reply:
    """Repeats the tokens of all pending messages, as a model that reads everything would."""
    texts: list[str] = []
    for message in body["messages"]:
        if message["role"] == "assistant":
            texts = []
        elif message["role"] == "user":
            texts.append(str(message["content"]))
    tokens = [word for text in texts for word in text.split() if word.startswith("token-")]
    return say("heard: " + " ".join(tokens), pause_s=0.05)


class Chaos:
    """One run."""

    def __init__(self, world: World, postgres: RunningPostgres, valkey: RunningValkey) -> None:
        self._world = world
        self._postgres = postgres
        self._valkey = valkey
        self._observer = Observer()
        self.outcome = Outcome()

    async def run(self, rounds: int, dice: random.Random) -> Outcome:
        world = self._world
        world.model.script = answers
        self._observer.start()
        await world.start()
        for number in range(rounds):
            await self._round(number, dice)
            self.outcome.rounds += 1
            if sys.stdout.isatty() or number % 20 == 19:
                print(f"round {number + 1} of {rounds}", flush=True)
        world.telegram.faults.clear()
        await self._settle()
        self._observer.stopped.set()
        self._observer.join()
        return self._count()

    async def _round(self, number: int, dice: random.Random) -> None:
        world = self._world
        if dice.random() < 0.3:
            world.telegram.updates.duplicates += 1
        if dice.random() < 0.3:
            kind = dice.choice(["429", "502", "drop_before", "drop_after"])
            world.telegram.faults.add("sendMessage", kind)
        world.says(f"please hear token-{number}-end")
        world.says(f"/run sleep 0.3; echo {MARK}{number}-end")
        self.outcome.messages += 1
        self.outcome.commands += 1
        await asyncio.sleep(dice.random() * 1.2)
        victim = dice.choices(
            ["serve", "executor", "both", "postgres", "valkey"], [35, 35, 10, 10, 10]
        )[0]
        self.outcome.kills[victim] += 1
        await self._kill(victim)

    async def _kill(self, victim: str) -> None:
        world = self._world
        match victim:
            case "serve" | "executor":
                process = world.serve if victim == "serve" else world.executor
                process.kill()
                process.start()
                await process.ready()
            case "both":
                world.serve.kill()
                world.executor.kill()
                world.serve.start()
                world.executor.start()
                await world.serve.ready()
                await world.executor.ready()
            case "postgres":
                self._postgres.kill()
                await asyncio.to_thread(self._postgres.start)
            case _:
                self._valkey.kill()
                await asyncio.to_thread(self._valkey.start)

    async def _settle(self) -> None:
        """Waits until everything is answered, or nothing has changed for a long time."""
        deadline = time.monotonic() + SETTLE_S
        while time.monotonic() < deadline:
            if not self._missing_messages() and not self._missing_results():
                break
            await asyncio.sleep(0.2)
        await asyncio.sleep(2)  # whatever would come twice comes now

    def _texts(self) -> list[str]:
        return self._world.chat()

    def _missing_messages(self) -> list[str]:
        heard = {w for t in self._texts() if t.startswith("heard:") for w in t.split()}
        wanted = (f"token-{n}-end" for n in range(self.outcome.messages))
        return [token for token in wanted if token not in heard]

    def _results(self) -> Counter[str]:
        """How often the result of each command stands in the chat (not its progress message)."""
        found: Counter[str] = Counter()
        for text in self._texts():
            head, _, rest = text.partition("\n")
            if rest and head.startswith("#") and MARK in head:
                found[MARK + head.split(MARK, 1)[1].split("-end", 1)[0]] += 1
        return found

    def _missing_results(self) -> list[str]:
        found = self._results()
        wanted = (f"{MARK}{n}" for n in range(self.outcome.commands))
        return [mark for mark in wanted if mark not in found]

    def _count(self) -> Outcome:
        outcome = self.outcome
        outcome.lost_messages = self._missing_messages()
        outcome.lost_results = self._missing_results()
        outcome.doubled = [mark for mark, seen in self._observer.seen.items() if len(seen) > 1]
        outcome.in_doubt = sum("ended in doubt" in t and "\n" in t for t in self._texts())
        replies = Counter(t for t in self._texts() if t.startswith("heard:"))
        doubles: list[Callable[[], int]] = [
            lambda: sum(n - 1 for n in replies.values()),
            lambda: sum(n - 1 for n in self._results().values()),
        ]
        outcome.duplicate_sends = sum(count() for count in doubles)
        return outcome


async def run_chaos(rounds: int, seed: int, folder: Path) -> Outcome:
    """A world of its own, `rounds` rounds, everything cleaned up."""
    postgres, valkey = RunningPostgres(folder / "postgres"), RunningValkey(folder / "valkey")
    try:
        world = World(
            home=folder / "home", database_url=postgres.fresh_database(), redis_url=valkey.url
        )
        world.home.mkdir()
        await world.open()
        try:
            return await Chaos(world, postgres, valkey).run(rounds, random.Random(seed))
        finally:
            await world.close()
    finally:
        postgres.close()
        valkey.close()


def main() -> int:
    """`python -m bench.chaos [--rounds N] [--seed N]`: runs, reports, writes the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="chaos-") as folder:
        outcome = asyncio.run(run_chaos(options.rounds, options.seed, Path(folder)))
    print(f"seed {options.seed}: {outcome}")
    from bench.results import save

    save("chaos", {
        "chaos_rounds": (outcome.rounds, "rounds", "serve, executor, both, Postgres or Valkey"),
        "chaos_lost": (outcome.lost, "messages", "messages not answered, commands not reported"),
        "chaos_doubled": (len(outcome.doubled), "tasks", "commands that ran twice"),
        "chaos_duplicate_sends": (outcome.duplicate_sends, "messages", "answers or results twice"),
        "chaos_in_doubt": (outcome.in_doubt, "tasks", "commands reported as ended in doubt"),
        "chaos_messages": (outcome.messages + outcome.commands, "messages", "messages sent in all"),
    })  # fmt: skip
    return 0 if outcome.lost == 0 and not outcome.doubled else 1


if __name__ == "__main__":
    sys.exit(main())
