"""The order of a run on several workers."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tests.support.order import dealt, seconds_of

NAMES = [
    "tests/end_to_end/test_a.py", "tests/end_to_end/test_b.py", "tests/integration/core/test_c.py",
    "tests/security/test_agentdojo.py", "tests/unit/core/test_d.py", "tests/unit/bot/test_e.py",
]  # fmt: skip


@given(
    files=st.lists(st.tuples(st.sampled_from(NAMES), st.integers(1, 9))), workers=st.integers(1, 5)
)
def test_every_test_runs_once_and_a_file_keeps_its_order(
    files: list[tuple[str, int]], workers: int
) -> None:
    paths = [path for path, count in files for _ in range(count)]
    order = dealt(paths, workers)
    assert sorted(order) == list(range(len(paths)))
    for path in NAMES:
        places = [place for place in order if paths[place] == path]
        assert places == sorted(places)


def test_each_worker_begins_with_slow_tests_and_ends_with_quick_ones() -> None:
    counts = dict(zip(NAMES, (3, 3, 10, 1, 30, 31), strict=True))
    paths = [path for path, count in counts.items() for _ in range(count)]
    order = [paths[place] for place in dealt(paths, 3)]
    size = len(order) // 3
    for own in (order[:size], order[size : 2 * size], order[2 * size :]):
        assert seconds_of(own[0]) > 1
        assert seconds_of(own[-1]) == 0


def test_one_worker_keeps_the_order_of_the_files() -> None:
    assert dealt(["tests/unit/test_x.py", "tests/end_to_end/test_y.py"], 1) == [0, 1]
