"""Audit chains tampered with in every way we know: each must be seen, at the right row.

The ways are those of the tests (`tests.support.tampering`); here there are more of them, over
chains of all lengths. Half of the checks read an export, line by line, as `agentai audit` does.
"""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass, field

from core.audit import Entry, Head, Signer, Verdict, entry_line, parse_entry, verify
from tests.support.tampering import chain, heads_of, tamper

LONGEST = 60
EACH_CHAIN = 10
SIGNER = Signer("a-secret-key-for-benches")
Figures = dict[str, tuple[float | int | None, str, str]]


@dataclass
class Counted:
    """What the run showed; `missed` says which way, where, and what the check said instead."""

    tamperings: int = 0
    ways: Counter[str] = field(default_factory=Counter)
    missed: list[str] = field(default_factory=list)
    false_alarms: list[str] = field(default_factory=list)


def measure(count: int = 10_000, *, seed: int = 1) -> Counted:
    """Tampers `count` times, with chains made anew every few times."""
    dice, counted = random.Random(seed), Counted()
    while counted.tamperings < count:
        entries = chain(dice.randint(1, LONGEST), dice)
        heads = heads_of(entries, SIGNER)
        intact = verify(entries, heads, SIGNER.public_key)
        if not intact.ok:
            counted.false_alarms.append(f"{len(entries)} rows: {intact.reason}")
        for _ in range(min(EACH_CHAIN, count - counted.tamperings)):
            _one(entries, heads, dice, counted)
    return counted


def _one(entries: list[Entry], heads: list[Head], dice: random.Random, counted: Counted) -> None:
    tampered, first_bad, way = tamper(entries, dice)
    if counted.tamperings % 2:
        tampered = _through_a_file(tampered)
    verdict = verify(tampered, heads, SIGNER.public_key)
    counted.tamperings += 1
    counted.ways[way] += 1
    if verdict.ok or verdict.first_bad != first_bad:
        counted.missed.append(_miss(way, first_bad, verdict))


def _through_a_file(entries: list[Entry]) -> list[Entry]:
    return [parse_entry(entry_line(entry).encode()) for entry in entries]


def _miss(way: str, first_bad: int, verdict: Verdict) -> str:
    return f"{way} at row {first_bad}: ok={verdict.ok}, row {verdict.first_bad}, {verdict.reason}"


def figures(counted: Counted) -> Figures:
    """For the page of results."""
    return {
        "audit_tamperings": (counted.tamperings, "chains", f"in {len(counted.ways)} ways"),
        "audit_tamperings_missed": (
            len(counted.missed), "chains", "not seen, or seen at another row",
        ),
    }  # fmt: skip


if __name__ == "__main__":
    found = measure()
    print(found.tamperings, len(found.missed), len(found.false_alarms), dict(found.ways))
    for line in [*found.missed[:20], *found.false_alarms[:5]]:
        print(line)
