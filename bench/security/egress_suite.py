"""Ways out of a container that must not exist, each tried for real, counted and judged.

A bypass is: a byte at a place that was not granted, a secret anywhere but in its own header at its
own host, a secret that came back readable, a request that nobody wrote down, or an end other
than the one that the case expects.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from bench.security import (
    egress_cases,
    egress_cases_limits,
    egress_cases_secrets,
    egress_cases_wire,
)
from bench.security.egress_fuzz import Fuzzed, fuzz
from bench.security.egress_world import world

if TYPE_CHECKING:
    from bench.security.egress_cases import Case
    from bench.security.egress_world import World

CASES = (
    *egress_cases.CASES, *egress_cases_wire.CASES, *egress_cases_secrets.CASES,
    *egress_cases_limits.CASES,
)  # fmt: skip
CASE_S = 40.0
Figures = dict[str, tuple[float | int | None, str, str]]


@dataclass
class Counted:
    """What the cases showed; a bypass is a sentence."""

    cases: int = 0
    groups: Counter[str] = field(default_factory=Counter)
    bypasses: list[str] = field(default_factory=list)


async def tried(there: World, case: Case) -> list[str]:
    """Carries out one case; returns how it got out."""
    async with there.box(case.options) as box:
        async with asyncio.timeout(CASE_S):
            said = await case.act(box)
        found = await box.breaches(case.reaches)
    if said not in case.expects:
        found.append(f"it ended with {said!r}")
    return [f"{case.group}/{case.name}: {one}" for one in found]


async def measure(dsn: str, folder: Path, *, cases: tuple[Case, ...] = CASES) -> Counted:
    """Tries all cases on an empty database."""
    counted = Counted()
    async with world(dsn, folder) as there:
        for case in cases:
            counted.cases += 1
            counted.groups[case.group] += 1
            counted.bypasses += await tried(there, case)
    return counted


def figures(counted: Counted, fuzzed: Fuzzed) -> Figures:
    """What goes into the result file."""
    return {
        "egress_cases": (counted.cases, "cases", f"of {len(counted.groups)} classes, all tried"),
        "egress_bypasses": (len(counted.bypasses), "cases", "in which something got out"),
        "egress_fuzzed": (fuzzed.count, "inputs", "hosts, authorities, URLs and CONNECT targets"),
        "egress_fuzz_accepted": (fuzzed.accepted, "inputs", "of these that we took"),
        "egress_fuzz_disagreements": (
            len(fuzzed.disagreements), "inputs", "taken and read otherwise by another parser",
        ),
    }  # fmt: skip


def main(count: int) -> int:
    """Runs it with a Postgres of its own and prints what it found."""
    from tests.support.services import own_postgres

    servers = own_postgres.__wrapped__()  # type: ignore[attr-defined]
    postgres = next(servers)
    with tempfile.TemporaryDirectory(prefix="egress-") as folder:
        counted = asyncio.run(measure(postgres.fresh_database(), Path(folder)))
    next(servers, None)
    for line in counted.bypasses:
        print(line)
    for key, (value, unit, meaning) in figures(counted, fuzz(count)).items():
        print(f"{key:28} {value} {unit:8} {meaning}")
    return len(counted.bypasses)


if __name__ == "__main__":
    sys.exit(bool(main(int(sys.argv[1]) if len(sys.argv) > 1 else 20_000)))
