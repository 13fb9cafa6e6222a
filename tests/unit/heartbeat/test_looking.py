from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING, cast

from core.errors import Denied, Retryable, UserFacing
from heartbeat.cadence import Every
from heartbeat.checks import Check
from heartbeat.conditions import read_condition
from heartbeat.looking import AT_ONCE, Looker
from heartbeat.ports import Printed

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from heartbeat.check_store import CheckStore


class Outside:
    """Commands that end when a test says so, and pages that answer at once."""

    def __init__(self) -> None:
        self.running = 0
        self.most = 0
        self.gate = asyncio.Event()
        self.failure: Exception | None = None

    async def run(self, command: str, permissions: Mapping[str, object]) -> Printed:
        self.running += 1
        self.most = max(self.most, self.running)
        try:
            await self.gate.wait()
        finally:
            self.running -= 1
        return Printed(code=0, digest=command)

    async def fetch(self, url: str, permissions: Mapping[str, object]) -> str:
        if self.failure is not None:
            raise self.failure
        return url


def check(name: str, when: str) -> Check:
    return Check(
        name=name, line=1, instructions=name, cadence=Every(every=timedelta(hours=1)),
        condition=read_condition(when),
    )  # fmt: skip


def looker(outside: Outside, root: Path, patience_s: float = 0.01) -> Looker:
    return Looker(
        cast("CheckStore", None), root, run=outside.run, fetch=outside.fetch, patience_s=patience_s
    )


def told(looking: Looker) -> list[str]:
    return [problem.text for problem in looking.problems]


async def test_a_slow_command_does_not_hold_up_the_others(tmp_path: Path) -> None:
    outside = Outside()
    looking = looker(outside, tmp_path)
    checks = [check("slow", "command exits 0: a"), check("file", "file changed a.md"),
              check("page", "url changed https://x.example.org")]  # fmt: skip
    first = await looking.look_all(checks)
    assert {name: look.value for name, look in first.items()} == {
        "file": "missing", "page": "https://x.example.org",
    }  # fmt: skip
    again = await looking.look_all(checks)
    assert "slow" not in again
    assert outside.most == 1  # still the same run
    outside.gate.set()
    found = await looking.look_all(checks)
    assert found["slow"].value == "0"
    await looking.close()


async def test_only_a_few_look_at_once_and_closing_ends_them(tmp_path: Path) -> None:
    outside = Outside()
    looking = looker(outside, tmp_path)
    await looking.look_all([check(f"c{n}", f"command exits 0: {n}") for n in range(9)])
    assert outside.most == AT_ONCE
    await looking.close()
    assert outside.running == 0


async def test_a_refusal_is_told_at_once_and_a_failure_when_it_lasts(tmp_path: Path) -> None:
    outside = Outside()
    looking = looker(outside, tmp_path)
    page = check("page", "url changed https://x.example.org")
    outside.failure = UserFacing("It cannot be read.")
    for _ in range(2):
        assert (await looking.look(page)).value is None
    assert told(looking) == []
    await looking.look(page)
    assert told(looking) == ["It cannot be read."]
    outside.failure = None
    await looking.look(page)
    assert told(looking) == []
    outside.failure = Denied("page_refused", "It may not be read.")
    await looking.look(page)
    assert told(looking) == ["It may not be read."]


async def test_without_a_database_a_look_is_tried_again_at_the_next_beat(tmp_path: Path) -> None:
    outside = Outside()
    looking = looker(outside, tmp_path)
    page = check("page", "url changed https://x.example.org")
    outside.failure = Retryable("away")
    assert await looking.look_all([page]) == {}
    outside.failure = None
    assert (await looking.look_all([page]))["page"].value == "https://x.example.org"


async def test_what_was_wrong_with_a_check_goes_with_it(tmp_path: Path) -> None:
    outside = Outside()
    looking = looker(outside, tmp_path)
    page = check("page", "url changed https://x.example.org")
    outside.failure = Denied("page_refused", "It may not be read.")
    await looking.look(page)
    looking.forget_others([page])
    assert told(looking) == ["It may not be read."]
    looking.forget_others([check("page", "url changed https://y.example.org")])
    assert told(looking) == []


async def test_a_file_that_cannot_even_be_named_holds_up_no_other_check(tmp_path: Path) -> None:
    (tmp_path / "circle").symlink_to(tmp_path / "circle")
    looking = looker(Outside(), tmp_path)
    found = await looking.look_all(
        [check("circle", "file changed circle/x"), check("nul", "file changed a\0b"),
         check("file", "file changed a.md")]
    )  # fmt: skip
    assert [found[name].value for name in ("circle", "nul", "file")] == [None, None, "missing"]
