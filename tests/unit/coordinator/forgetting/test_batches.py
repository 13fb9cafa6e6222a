"""A batch that took long is followed by a smaller one."""

from __future__ import annotations

import pytest

from coordinator.forgetting.batches import LEAST, MOST, held, next_size


@pytest.mark.parametrize(
    ("size", "took_s", "then"),
    [
        (500, 0.01, 1000),
        (500, 0.2, 500),
        (500, 2.0, 125),
        (MOST, 0.0, MOST),
        (LEAST, 9.0, LEAST),
    ],
)
def test_the_next_batch_is_as_big_as_its_time_allows(size: int, took_s: float, then: int) -> None:
    assert next_size(size, took_s) == then


def test_a_word_is_held_only_where_it_counts() -> None:
    assert held(("anna", "quixotic"), ["Johanna", "superquixotic"]) == ["quixotic"]
    assert held(("anna",), []) == []
