"""Rare words decide; all words weigh."""

from hypothesis import given
from hypothesis import strategies as st

from coordinator.memory.terms import TERMS, Count, choose_terms, quoted, weight


def test_common_words_bring_no_candidates_when_rarer_ones_do() -> None:
    counts = [Count(lexeme="the", passages=90_000), Count(lexeme="anna", passages=3)]
    terms = choose_terms(counts, 100_000)
    assert terms is not None
    assert terms.deciding == "'anna'"
    assert terms.each == ("'anna'", "'the'")


def test_a_common_word_alone_still_decides() -> None:
    terms = choose_terms([Count(lexeme="day", passages=90_000)], 100_000)
    assert terms is not None
    assert terms.deciding == "'day'"


def test_words_that_stand_nowhere_only_raise_what_a_perfect_passage_would_reach() -> None:
    known, unknown = Count(lexeme="tea", passages=1), Count(lexeme="zebra", passages=0)
    both, one = choose_terms([known, unknown], 10), choose_terms([known], 10)
    assert both is not None
    assert one is not None
    assert both.each == one.each
    assert both.whole > one.whole
    assert choose_terms([unknown], 10) is None


def test_quotes_and_backslashes_stay_inside_the_word() -> None:
    assert quoted("o'neil\\") == "'o''neil\\\\'"


@given(st.lists(st.builds(Count, lexeme=st.text(min_size=1), passages=st.integers(0, 500))),
       st.integers(0, 500))  # fmt: skip
def test_weights_are_never_negative_and_terms_are_bounded(counts: list[Count], total: int) -> None:
    terms = choose_terms(counts, total)
    if terms is not None:
        assert len(terms.each) == len(terms.weights) <= TERMS
        assert all(one >= 0 for one in terms.weights)
    assert weight(total, total) >= 0
