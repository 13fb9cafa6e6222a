"""Which words give away what was forgotten, and what is left of a row without them."""

from __future__ import annotations

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coordinator.forgetting.words import MARK, Eraser, candidates, sentences, without
from core.policy import Action, canonical

WORDS = Eraser(words=("quixotic", "locker", "anna", "4711", "zürich"))
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=30),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=10,
)


def test_everyday_words_and_short_ones_tell_nothing() -> None:
    assert candidates(["I would like to go to my home today, in 2026"]) == ()
    assert set(candidates(["My locker has the code quixotic 4711"])) == {
        "locker", "code", "quixotic", "4711",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("Your Quixotic, plan", f"Your {MARK}, plan"),
        ("all lockers are QUIXOTICALLY red", f"all {MARK} are {MARK} red"),
        ("superquixotic", f"super{MARK}"),
        ("Anna and Johanna, Annas", f"{MARK} and Johanna, Annas"),
        ("dial 4711 or 247113", f"dial {MARK} or 247113"),
        ("anna_quixotic", f"{MARK}_{MARK}"),
        ("locker quixotic, anna", MARK),
        ("nothing of it", "nothing of it"),
        ('{"a": "quixotic"}', f'{{"a": "{MARK}"}}'),
        ('{"a": "Z\\u00fcrich"}', f'{{"a": "{MARK}"}}'),
        ('{"broken quixotic', f'{{"broken {MARK}'),
    ],
)
def test_words_go_where_they_stand_and_the_rest_stays(text: str, left: str) -> None:
    assert WORDS.text(text) == left


def test_a_sentence_goes_although_each_of_its_words_is_an_everyday_one() -> None:
    eraser = Eraser(sentences=sentences(["I like my home. Yes"]))
    assert eraser.text("You said: “i  LIKE my\nhome”, no") == f"You said: “{MARK}”, no"
    assert eraser.text("I like your home") == "I like your home"


def test_names_of_our_own_objects_stay_and_those_of_a_model_go() -> None:
    eraser = Eraser(words=("content",))
    assert eraser.value({"content": "the content"}) == {"content": f"the {MARK}"}
    assert eraser.value({"content": 1}, keys=True) == {MARK: 1}
    arguments = json.dumps({"quixotic": ["x", {"y": "Quixotic!"}]})
    assert WORDS.value([{"arguments": arguments}]) == [
        {"arguments": json.dumps({MARK: ["x", {"y": f"{MARK}!"}]})}
    ]


def test_a_payload_keeps_what_its_buttons_do() -> None:
    payload: dict[str, object] = {
        "text": "the quixotic one", "entities": [{"type": "bold", "offset": 4, "length": 8}],
        "buttons": [[["Quixotic?", "locker:1"]]], "choices": ["quixotic", "m12"],
        "reply_to": 5, "content": base64.b64encode(b"a quixotic file").decode(),
        "photos": [{"filename": "a.jpg", "caption": "quixotic"}],
    }  # fmt: skip
    clean = WORDS.payload(payload)
    assert clean["text"] == f"the {MARK} one"
    assert "entities" not in clean
    assert clean["buttons"] == [[[f"{MARK}?", "locker:1"]]]
    assert clean["choices"] == [MARK, "m12"]
    assert base64.b64decode(str(clean["content"])) == f"a {MARK} file".encode()
    assert clean["photos"] == [{"filename": "a.jpg", "caption": MARK}]
    assert clean["reply_to"] == 5


def test_a_file_that_is_no_text_is_emptied_when_it_holds_the_words() -> None:
    held = base64.b64encode(b"\xff\xfe quixotic \x00").decode()
    other = base64.b64encode(b"\xff\xfe other \x00").decode()
    assert base64.b64decode(WORDS.encoded(held)) == MARK.encode()
    assert WORDS.encoded(other) == other
    assert WORDS.encoded("no base64, quixotic") == f"no base64, {MARK}"


def test_an_update_loses_the_texts_of_a_message_also_where_it_is_quoted() -> None:
    told = {"message_id": 7, "chat": {"id": 1}, "text": "all of it", "entities": [{}]}
    reply = {
        "update_id": 3, "message": {"message_id": 8, "chat": {"id": 1}, "text": "what I said",
        "reply_to_message": told, "quote": {"text": "of it"}},
    }  # fmt: skip
    clean = json.loads(without(json.dumps(reply), frozenset({(1, 7)})))
    assert clean["message"]["text"] == "what I said"
    assert clean["message"]["reply_to_message"]["text"] == MARK
    assert "of it" not in json.dumps(clean)
    other = json.loads(without(json.dumps(reply), frozenset({(2, 7)})))
    assert other == reply
    assert without("broken", frozenset(), is_all=True) == MARK


@given(st.text(max_size=80), st.text(max_size=80))
def test_nothing_is_left_of_a_word_and_doing_it_twice_changes_nothing(a: str, b: str) -> None:
    clean = WORDS.text(f"{a} Quixotic {b}")
    assert "quixotic" not in clean.lower()
    assert WORDS.text(clean) == clean


@given(JSON)
def test_a_value_without_the_words_stays_as_it_is(value: object) -> None:
    assert Eraser(words=("zyzzyvaquixotic",)).value(value) == value


@given(JSON)
def test_any_value_can_be_cleaned(value: object) -> None:
    clean = WORDS.value({"x": value, "y": "quixotic"}, keys=True)
    assert "quixotic" not in json.dumps(clean, ensure_ascii=False).lower()


@given(st.text(max_size=200))
def test_any_text_gives_candidates_that_find_themselves(text: str) -> None:
    for word in candidates([text]):
        assert Eraser(words=(word,)).holds(f"({word})")


def test_an_action_loses_its_words_and_keeps_the_names_that_cards_are_drawn_from() -> None:
    action = Action(
        task=3, kind="egress", resource="locker.example:443", verb="POST",
        arguments={"method": "POST", "target": "/anna", "bytes": 2, "body": "ab", "secrets": []},
        targets=(), files={"locker.txt": "d"}, skill="", manifest="", config=0,
    )  # fmt: skip
    hostile = Eraser(words=(*WORDS.words, "kind", "resource", "arguments", "manifest", "targets"))
    clean = json.loads(hostile.action(canonical(action.as_json())))
    assert set(clean) == set(action.as_json())
    assert set(clean["arguments"]) == set(action.arguments)
    assert not WORDS.holds(json.dumps(clean))
    assert clean["files"] == {f"{MARK}.txt": "d"}


@pytest.mark.parametrize("text", ["", "broken quixotic", "[1]", '{"to": "quixotic"}', '{"a": 1}'])
def test_what_is_no_action_is_cleaned_as_well(text: str) -> None:
    clean = WORDS.action(text)
    assert not WORDS.holds(clean)
    assert (clean == text) is not WORDS.holds(text)
