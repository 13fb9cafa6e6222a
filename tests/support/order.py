"""The order of a run on several workers: what takes long comes first, so that none ends late.

Each worker begins with an equal, unbroken slice of the list (`--dist worksteal`) and later takes
from the end of the others'. So every slice gets its share of the slow files, slowest first, and is
filled up with quick tests: only those are left to be taken at the end. A file's tests stay together
and in their order.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

# Seconds a test, about; a folder that is not named here is quick.
SECONDS = {"tests/end_to_end": 10.0, "tests/security": 1.0, "tests/integration": 1.0}
# One test of these takes longer than its neighbours.
LONG = {
    "tests/security/test_agentdojo.py": 30.0,
    "tests/security/test_mutants.py": 10.0,
    "tests/integration/agentai/test_up.py": 8.0,
    "tests/integration/executors/test_host.py": 5.0,
    "tests/integration/executors/test_hostile.py": 6.0,
    "tests/integration/executors/test_quiet.py": 6.0,
    "tests/integration/executors/test_reader.py": 8.0,
}


@dataclass(frozen=True, kw_only=True, slots=True)
class File:
    """One file of the run: where its tests stand in the list, and what one of them costs."""

    places: tuple[int, ...]
    seconds: float

    @property
    def cost(self) -> float:
        """Seconds for all of it."""
        return self.seconds * len(self.places)


def dealt(paths: Sequence[str], workers: int) -> list[int]:
    """The order in which to run: places in `paths`, which names the file of each test. Pure."""
    if workers < 2:
        return list(range(len(paths)))
    files = _files(paths)
    slices: list[list[File]] = [[] for _ in range(workers)]
    for file in sorted((f for f in files if f.seconds), key=lambda f: -f.cost):
        min(slices, key=lambda own: sum(f.cost for f in own)).append(file)
    quick = [place for file in files if not file.seconds for place in file.places]
    found: list[int] = []
    for number, own in enumerate(slices):
        slow = sorted(own, key=lambda f: -f.seconds)
        places = [place for file in slow for place in file.places]
        size = (len(paths) - len(found)) // (workers - number)  # as xdist cuts them
        room = len(quick) if number == workers - 1 else max(0, size - len(places))
        found += places + quick[:room]
        quick = quick[room:]
    return found


def _files(paths: Sequence[str]) -> list[File]:
    places: dict[str, list[int]] = {}
    for place, path in enumerate(paths):
        places.setdefault(path, []).append(place)
    return [File(places=tuple(own), seconds=seconds_of(path)) for path, own in places.items()]


def seconds_of(path: str) -> float:
    """What one test of this file takes, about; 0 for a quick one. Pure."""
    folder = "/".join(path.split("/")[:2])
    return LONG.get(path, SECONDS.get(folder, 0.0))
