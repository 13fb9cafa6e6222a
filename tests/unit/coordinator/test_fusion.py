"""Fusion: rankings become one, whatever their scores are like."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coordinator.fusion import Hit, age_factor, fuse, fuse_ranks, lend, scaled, spread

HITS = st.lists(
    st.builds(Hit, id=st.integers(1, 50), score=st.floats(-5, 50)), max_size=30,
    unique_by=lambda hit: hit.id,
)  # fmt: skip


def hits(*pairs: tuple[int, float]) -> list[Hit]:
    return [Hit(id=id_, score=score) for id_, score in pairs]


def ids(found: list[Hit]) -> list[int]:
    return [hit.id for hit in found]


def test_what_two_searches_find_beats_what_one_finds() -> None:
    words, vectors = hits((1, 9.0), (2, 8.0), (9, 0.0)), hits((2, 0.9), (3, 0.88), (8, 0.7))
    assert ids(fuse([words, vectors], [1.0, 1.0]))[0] == 2


def test_scores_on_any_scale_weigh_the_same() -> None:
    big, small = hits((1, 900.0), (2, 100.0)), hits((2, 0.9), (1, 0.1))
    assert [hit.score for hit in fuse([big, small], [1.0, 1.0])] == [1.0, 1.0]


def test_a_single_hit_counts_fully() -> None:
    assert spread(hits((4, 0.2))) == hits((4, 1.0))


def test_ranks_alone_decide_in_reciprocal_rank_fusion() -> None:
    assert ids(fuse_ranks([hits((1, 99.0), (2, 1.0)), hits((2, 5.0))], [1.0, 1.0])) == [2, 1]


def test_a_neighbour_comes_in_with_its_share() -> None:
    beside = {2: (1, 3, 0, 4)}
    found = lend(hits((2, 1.0)), lambda id_: beside.get(id_, ()), shares=(0.5, 0.25))
    assert found == hits((2, 1.0), (1, 0.5), (3, 0.5), (4, 0.25))


def test_neighbours_further_away_than_the_shares_get_nothing() -> None:
    found = lend(hits((2, 1.0)), lambda _: (1, 3, 7, 8), shares=(0.5,))
    assert ids(found) == [2, 1, 3]


@pytest.mark.parametrize(
    ("days", "factor"), [(-3, 1.0), (0, 1.0), (10, 0.75), (20, 0.625), (10_000, 0.5)]
)
def test_age_lessens_down_to_a_floor(days: int, factor: float) -> None:
    half = timedelta(days=10)
    assert age_factor(timedelta(days=days), half_life=half, floor=0.5) == pytest.approx(factor)


def test_factors_change_the_order() -> None:
    assert ids(scaled(hits((1, 1.0), (2, 0.9)), {1: 0.5})) == [2, 1]


@given(st.lists(HITS, min_size=1, max_size=4))
def test_nothing_is_lost_and_the_order_is_by_score(rankings: list[list[Hit]]) -> None:
    found = fuse(rankings, [1.0] * len(rankings))
    assert {hit.id for hit in found} == {hit.id for ranking in rankings for hit in ranking}
    scores = [hit.score for hit in found]
    assert scores == sorted(scores, reverse=True)
    assert all(0 <= score <= len(rankings) for score in scores)
