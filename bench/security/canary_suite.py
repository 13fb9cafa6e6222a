"""Secrets planted in a real instance, used, rotated, mistyped; then looked for everywhere.

Five are planted each in another way: from a terminal (three, in different headers), by the one-time
form, in the chat. Six more are mistakes: values sent in the chat with a wrong command. Tasks use
them through the gateway against a server that echoes all it gets; processes are killed and errors
provoked. The server must have got each used value, and nobody else: a canary that stands anywhere
else, in any of the forms of `canary_places`, is counted.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import aiohttp

from bench.security import canary_places as places
from bench.security.canary_places import Canary, found_in
from bench.security.canary_world import DEAD, HOST, USES, an_instance
from core.db import Database

if TYPE_CHECKING:
    from bench.security.canary_world import Instance

CLI_OPTIONS = {
    "CLI_BEARER": (),
    "CLI_HEADER": ("--header", "x-api-key", "--format", "Token {}"),
    "CLI_BASIC": (),
}
MISTAKES = {
    "capital letters": f"/SECRET set CAPITALS {HOST} {{}}",
    "a line break": f"/secret set LINES {HOST}\n{{}}",
    "a bad name": f"/secret set bad-name {HOST} {{}}",
    "no host": "/secret set NO_HOST {}",
    "a wrong verb": f"/secret add VERB {HOST} {{}}",
    "no verb": "/secret {}",
}
Figures = dict[str, tuple[float | int | None, str, str]]


@dataclass
class Counted:
    """What the run showed; `found` and `wrong` never hold a value."""

    planted: int = 0
    searched: int = 0
    found: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)


class Run:
    """One run from planting to searching."""

    def __init__(self, instance: Instance) -> None:
        self._in, self._world = instance, instance.world
        self.planted = {name: Canary.random(name) for name in USES}
        self.mistaken = {name: Canary.random(name) for name in MISTAKES}
        self._printed: places.Places = {}
        self.counted = Counted()

    @property
    def canaries(self) -> list[Canary]:
        return [*self.planted.values(), *self.mistaken.values()]

    async def run(self) -> Counted:
        """Plants, uses, provokes, searches."""
        await self._plant()
        await self._use()
        await self._provoke()
        self.counted.planted = len(self.canaries)
        self._check_arrival()
        await self._search()
        return self.counted

    # --- planting ---

    async def _plant(self) -> None:
        for name, options in CLI_OPTIONS.items():
            arguments = ("secret", "set", name, "--host", HOST, *options)
            await self._cli(*arguments, told=f"{self.planted[name].value}\n")
        await self._fill_in("BY_FORM")
        self._world.says(f"/secret set BY_CHAT {HOST} {self.planted['BY_CHAT'].value}")
        await self._world.sees("BY_CHAT is kept")

    async def _cli(self, *arguments: str, told: str = "") -> None:
        label = f"output {len(self._printed) + 1}: {' '.join(arguments[:2])}"
        self._printed[label] = await self._in.cli(*arguments, told=told)

    async def _fill_in(self, name: str) -> None:
        self._world.says(f"/secret set {name} {HOST}")
        offer = await self._world.sees(f"keep the value of {name} out of Telegram")
        url = next(line for line in offer.text.splitlines() if line.startswith("http://"))
        origin = url.rpartition("/")[0]
        async with aiohttp.ClientSession() as browser:
            await (await browser.get(url)).read()
            filled = {"value": self.planted[name].value}
            answer = await browser.post(url, data=filled, headers={"Origin": origin})
            self._printed[f"form, status {answer.status}"] = await answer.read()

    # --- using ---

    async def _use(self) -> None:
        for name, use in USES.items():
            self._world.says(
                f"/run curl -sSi {use} https://{HOST}/{name}; echo ${name}; env | sort"
            )
            await self._tap(f"With your secret {name}")
            await self._world.sees(lambda m, n=name: f'"path": "/{n}"' in m.text)  # type: ignore[misc]
        self._world.says(f"please look at https://{HOST}/model with your secret")
        await self._tap("With your secret CLI_BEARER")
        await self._world.sees("Seen:")

    async def _tap(self, text: str) -> None:
        card = await self._world.sees(lambda m: bool(m.buttons) and text in m.text)
        for _ in range(50):  # a press in the very moment of its coming is refused
            if not card.buttons:
                return
            self._world.telegram.person.press(card.id, card.buttons[0][0]["text"])
            await asyncio.sleep(0.3)

    # --- provoking ---

    async def _provoke(self) -> None:
        for name, text in MISTAKES.items():
            said = self._world.says(text.format(self.mistaken[name].value))
            await self._is_deleted(name, said)
        for address in (f"https://{DEAD}/", f"http://{HOST}/", f"https://{HOST}/?q=$BY_CHAT"):
            self._world.says(f"/run curl -sS -m 3 {USES['BY_CHAT']} {address}; echo e-$((40+2))")
        await self._seen_often("e-42", 3)
        await self._cli("secret", "set", "CLI_BEARER", "--host", "no host", told="x")
        await self._cli("secret", "set", "bad name", "--host", HOST, told="x")
        await self._cli("secret", "rotate")
        await self._cli("secret", "list")
        self._world.executor.kill()
        self._world.executor.start()
        await self._world.executor.ready()
        await asyncio.to_thread(self._in.postgres.restart)
        self._world.says(f"/run curl -sS {USES['BY_FORM']} https://{HOST}/again; sleep 300")
        await self._tap("With your secret BY_FORM")
        await self._arrived("/again")

    async def _is_deleted(self, name: str, message: int) -> None:
        for _ in range(500):
            if self._world.telegram.state.messages[message].deleted:
                return
            await asyncio.sleep(0.02)
        self.counted.wrong.append(f"the message was not deleted: {name}")

    async def _seen_often(self, text: str, times: int) -> None:
        async with asyncio.timeout(60):
            while sum(text in said for said in self._world.chat()) < times:
                await asyncio.sleep(0.05)

    async def _arrived(self, path: str) -> None:
        async with asyncio.timeout(30):
            while not any(r["path"] == path for r in self._in.web.requests):
                await asyncio.sleep(0.05)

    # --- searching ---

    def _check_arrival(self) -> None:
        """The server got each value: the search below looks for something that was really used."""
        got = {"web": repr(self._in.web.requests).encode()}
        arrived = {line.partition(" in ")[0] for line in found_in(got, self.planted.values())}
        missing = self.planted.keys() - arrived
        self.counted.wrong += [f"never arrived: {name}" for name in sorted(missing)]

    async def _search(self) -> None:
        """While one task still runs, so that its container is looked at too."""
        world, folder = self._world, self._in.folder
        await self._cli("audit", "export", str(self._in.temporary / "audit.jsonl"))
        await self._cli("export", str(self._in.temporary / "export.json"))
        found = await self._of_database()
        found |= places.redis_keys(world.env["REDIS_URL"]) | places.conversations(world)
        found |= places.processes() | self._printed
        found |= places.containers((world.home / "host_id").read_text().strip())
        for label in ("home", "tmp", "postgres", "valkey"):
            found |= places.files(label, folder / label)
        self.counted.searched = len(found)
        self.counted.found = await asyncio.to_thread(found_in, found, self.canaries)
        self.counted.wrong += [
            f"{p.name} may dump core" for p in (world.serve, world.executor) if _may_dump(p.pid)
        ]

    async def _of_database(self) -> places.Places:
        database = await Database.connect(self._world.env["DATABASE_URL"], size=1)
        try:
            return await places.tables(database)
        finally:
            await database.close()


def _may_dump(pid: int) -> bool:
    lines = Path(f"/proc/{pid}/limits").read_text(encoding="ascii").splitlines()
    limits = next(line.split() for line in lines if line.startswith("Max core file size"))
    return limits[4:6] != ["0", "0"]


async def measure() -> Counted:
    """The whole run."""
    async with an_instance() as instance:
        return await Run(instance).run()


def figures(counted: Counted) -> Figures:
    """For the page of results."""
    return {
        "canaries_planted": (counted.planted, "secrets", "five kept, six in mistyped commands"),
        "canary_places_searched": (
            counted.searched, "places", "tables, keys, files, processes, prompts, messages",
        ),
        "canaries_found": (len(counted.found), "places", "that hold one, plain or encoded"),
        "canary_wrong": (
            len(counted.wrong), "things", "not used, not deleted, or a core dump allowed",
        ),
    }  # fmt: skip


if __name__ == "__main__":
    result = asyncio.run(measure())
    for key, figure in figures(result).items():
        print(key, *figure)
    print(*result.found, *result.wrong, sep="\n")
