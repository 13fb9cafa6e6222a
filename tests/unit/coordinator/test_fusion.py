"""Fusion: rankings become one, whatever their scores are like."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coordinator.fusion import age_factor, best_of, by_share, fuse, lend, spread

RANKINGS = st.dictionaries(st.integers(1, 50), st.floats(-5, 50), max_size=30)


def test_what_two_searches_find_beats_what_one_finds() -> None:
    words, vectors = {1: 9.0, 2: 8.0, 9: 0.0}, {2: 0.9, 3: 0.88, 8: 0.7}
    assert best_of(fuse([words, vectors], [1.0, 1.0]), 1) == [2]


def test_scores_on_any_scale_weigh_the_same() -> None:
    big, small = {1: 900.0, 2: 100.0}, {2: 0.9, 1: 0.1}
    assert fuse([big, small], [1.0, 1.0]) == {1: 1.0, 2: 1.0}


def test_a_single_hit_counts_fully() -> None:
    assert spread({4: 0.2}) == {4: 1.0}


def test_a_neighbour_comes_in_with_its_share() -> None:
    beside = {2: (1, 3, 0, 4)}
    found = lend({2: 1.0}, lambda id_: beside.get(id_, ()), shares=(0.5, 0.25))
    assert found == {2: 1.0, 1: 0.5, 3: 0.5, 4: 0.25}


def test_neighbours_further_away_than_the_shares_get_nothing() -> None:
    assert set(lend({2: 1.0}, lambda _: (1, 3, 7, 8), shares=(0.5,))) == {2, 1, 3}


def test_equal_scores_stand_in_the_order_of_their_ids() -> None:
    assert best_of({3: 1.0, 1: 1.0, 2: 5.0}, 9) == [2, 1, 3]


@pytest.mark.parametrize(
    ("days", "factor"), [(-3, 1.0), (0, 1.0), (10, 0.75), (20, 0.625), (10_000, 0.5)]
)
def test_age_lessens_down_to_a_floor(days: int, factor: float) -> None:
    half = timedelta(days=10)
    assert age_factor(timedelta(days=days), half_life=half, floor=0.5) == pytest.approx(factor)


@given(st.lists(RANKINGS, min_size=1, max_size=4))
def test_nothing_is_lost_and_no_ranking_adds_more_than_its_weight(
    rankings: list[dict[int, float]],
) -> None:
    found = fuse(rankings, [1.0] * len(rankings))
    assert set(found) == {id_ for ranking in rankings for id_ in ranking}
    assert all(0 <= score <= len(rankings) for score in found.values())


def test_a_model_counts_by_the_share_that_it_has_embedded() -> None:
    former, present = {1: 0.9, 2: 0.7, 3: 0.5}, {2: 0.4, 3: 0.1}
    found = by_share([(former, 1.0), (present, 0.75)])
    assert found == pytest.approx({1: 1.0, 2: 0.75, 3: 0.0})


def test_what_a_single_model_found_keeps_its_scores() -> None:
    assert by_share([({1: 0.9, 2: 0.7}, 0.2)]) == {1: 0.9, 2: 0.7}
    assert by_share([]) == {}


@given(st.lists(st.tuples(RANKINGS, st.floats(0, 1)), min_size=2, max_size=4))
def test_nothing_that_a_model_found_is_lost_and_no_score_exceeds_its_share(
    rankings: list[tuple[dict[int, float], float]],
) -> None:
    found = by_share(rankings)
    assert set(found) == {id_ for ranking, _ in rankings for id_ in ranking}
    assert all(0 <= score <= max(share for _, share in rankings) for score in found.values())
