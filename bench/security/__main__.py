"""`make security`: every suite in its long version; figures go to bench/results/security-*.json.

python -m bench.security                 all of them
python -m bench.security agentdojo stop  some of them
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from bench.results import save

Figures = dict[str, tuple[float | int | None, str, str]]


def agentdojo() -> Figures:
    from bench.security import agentdojo_suite as suite

    return suite.figures(suite.measure())


def approvals() -> Figures:
    from bench.security import approvals_suite as suite

    return suite.long_figures()


def egress() -> Figures:
    from bench.security import egress_cpu, egress_suite
    from bench.security.approvals_suite import postgres
    from bench.security.egress_fuzz import fuzz

    with postgres() as server, tempfile.TemporaryDirectory(prefix="egress-") as folder:
        counted = asyncio.run(egress_suite.measure(server.fresh_database(), Path(folder)))
        cpu = egress_cpu.figures(egress_cpu.measure_cpu(server.fresh_database()))
    print(*counted.bypasses, sep="\n")
    return {**egress_suite.figures(counted, fuzz(1_000_000)), **cpu}


def containers() -> Figures:
    from bench.security import container_suite as suite

    attempts, held = asyncio.run(suite.measure(hard=True))
    return {
        "container_attempts": (len(attempts), "attempts", "ways out of a container, tried inside"),
        "container_escapes": (len(attempts) - held, "attempts", "of them that worked"),
    }


def canaries() -> Figures:
    from bench.security import canary_suite as suite

    counted = asyncio.run(suite.measure())
    print(*counted.found, *counted.wrong, sep="\n")
    return suite.figures(counted)


def audit() -> Figures:
    from bench.security import audit_suite as suite

    return suite.figures(suite.measure())


def stop() -> Figures:
    from bench.security import stop_suite as suite

    counted = asyncio.run(suite.measure(105))
    print(*counted.wrong, sep="\n")
    return suite.figures(counted)


def mutants() -> Figures:
    from bench.security import mutants as suite

    return suite.figures(suite.measure(list(suite.TESTS)))


SUITES: dict[str, Callable[[], Figures]] = {
    "agentdojo": agentdojo, "approvals": approvals, "egress": egress, "containers": containers,
    "canaries": canaries, "audit": audit, "stop": stop, "mutants": mutants,
}  # fmt: skip


def main(names: list[str]) -> int:
    """Runs suites; 2 for a name that is none."""
    if unknown := set(names) - set(SUITES):
        print(f"no such suite: {', '.join(sorted(unknown))}; there are {', '.join(SUITES)}")
        return 2
    for name in names or list(SUITES):
        began = time.monotonic()
        print(f"{name} …", flush=True)
        found = SUITES[name]()
        save(f"security-{name}", found)
        for key, (value, unit, _) in found.items():
            print(f"  {key} = {value} {unit}", flush=True)
        print(f"  {time.monotonic() - began:.0f} s", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
