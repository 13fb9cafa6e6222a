"""A pass of forgetting goes through every place once, and is read again as it was kept."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coordinator.forgetting.places import ERASED, KEYS
from coordinator.forgetting.state import END, STAGES, START, Pass, read_pass

WORDS = st.lists(st.text(min_size=1, max_size=8), max_size=4).map(tuple)


def test_each_place_has_a_key_and_its_turn_in_both_rounds() -> None:
    assert set(KEYS) == set(ERASED)
    for stages in STAGES.values():
        assert {one.partition(":")[2] for one in stages} >= set(ERASED)


@pytest.mark.parametrize("number", [1, 2])
def test_a_round_ends_after_all_its_places(number: int) -> None:
    state = Pass(round=number, stage=STAGES[number][0])
    seen = [state.stage]
    while state.stage != END:
        state = state.onward()
        seen.append(state.stage)
        assert state.after == START
    assert tuple(seen) == STAGES[number]


@given(words=WORDS, used=WORDS, after=st.integers(-(2**63), 2**63 - 1),
       stage=st.sampled_from(STAGES[1]))  # fmt: skip
def test_what_was_kept_is_read_again(
    words: tuple[str, ...], used: tuple[str, ...], after: int, stage: str
) -> None:
    state = Pass(
        words=words, used=used, sentences=(("a", "b", "c"),), told=((1, 2),), memories=(3,),
        after=after, stage=stage, files=("f",), tasks=(4,),
    )  # fmt: skip
    assert read_pass(json.loads(json.dumps(state.public())), state.secret()) == state


def test_words_stand_only_in_what_is_sealed() -> None:
    state = Pass(told=((1, 2),)).with_texts(["My locker has the code quixotic"])
    state = state.with_used(["locker"])
    assert state.eraser.words == ("quixotic", "code")
    assert "locker" not in json.dumps(state.public())
    assert "quixotic" not in json.dumps(state.public())


@pytest.mark.parametrize("kept", [{}, {"round": 1, "stage": "gone"}, {"round": 2, "stage": "x"}])
def test_a_pass_of_another_version_begins_anew(kept: dict[str, object]) -> None:
    state = read_pass(kept, json.dumps({"words": ["quixotic"], "sentences": [["a", "b", "c"]]}))
    assert (state.stage, state.after) == (STAGES[state.round][0], START)
    assert state.eraser.holds("quixotic")


def test_the_second_round_looks_for_all_words_again_and_waits_for_its_tasks() -> None:
    second = Pass(words=("quixotic",), used=("quixotic",), stage=END, files=("f",)).second([7])
    assert (second.round, second.stage, second.tasks) == (2, STAGES[2][0], (7,))
    assert second.eraser.words == ("quixotic",)
    assert second.files == ()
