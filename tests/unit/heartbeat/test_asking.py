"""The model's typed answers, read from whatever it wrote."""

import json

from hypothesis import given
from hypothesis import strategies as st

from heartbeat.asking import UNREADABLE, read_answers
from heartbeat.deciding import Nothing, Notify, Start


def test_each_kind_of_answer_is_read_also_inside_a_code_block() -> None:
    said = [
        {"check": "a", "kind": "nothing"},
        {"check": "b", "kind": "notify", "text": "hello", "reason": "why"},
        {"check": "c", "kind": "task", "title": "t", "instructions": "do"},
    ]
    text = f"Here:\n```json\n{json.dumps({'answers': said})}\n```"
    assert read_answers(text, ["a", "b", "c"]) == {
        "a": Nothing(),
        "b": Notify(text="hello", reason="why"),
        "c": Start(title="t", instructions="do"),
    }


def test_a_check_that_was_not_asked_about_gets_no_answer() -> None:
    text = json.dumps({"answers": [{"check": "other", "kind": "notify", "text": "x"}]})
    assert read_answers(text, ["a"]) == {}


@given(st.text(max_size=200) | st.recursive(st.none() | st.text(max_size=5), st.lists).map(str))
def test_what_is_no_answer_is_told_in_our_own_words(text: str) -> None:
    assert read_answers(text, ["a"]) == {"a": Notify(text=UNREADABLE)}


def test_an_unknown_kind_is_no_answer() -> None:
    text = json.dumps({"answers": [{"check": "a", "kind": "approve"}]})
    assert read_answers(text, ["a"]) == {"a": Notify(text=UNREADABLE)}
