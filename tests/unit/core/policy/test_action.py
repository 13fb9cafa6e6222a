"""Canonical actions: equal when they are the same, different when they differ anywhere."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.policy import Action, Reason, canonical, digest_of, explain

ACTION = Action(
    task=1, kind="use", resource="mail", verb="send", arguments={"to": ["a"], "n": 1},
    targets=("x",), files={"a.md": "00"}, skill="s", manifest="m", config=3,
)  # fmt: skip


def test_a_difference_anywhere_is_a_different_digest() -> None:
    changed = [
        replace(ACTION, task=2), replace(ACTION, kind="files"), replace(ACTION, resource="bank"),
        replace(ACTION, verb="draft"), replace(ACTION, arguments={"to": ["a"], "n": 1.5}),
        replace(ACTION, arguments={"to": ["a", ""], "n": 1}), replace(ACTION, targets=("x", "")),
        replace(ACTION, files={"a.md": "01"}), replace(ACTION, files={"b.md": "00"}),
        replace(ACTION, skill="t"), replace(ACTION, manifest="n"), replace(ACTION, config=4),
        replace(ACTION, arguments={"to": "a", "n": 1}), replace(ACTION, arguments={}),
    ]  # fmt: skip
    assert len({one.digest for one in [ACTION, *changed]}) == len(changed) + 1


def test_the_order_of_keys_does_not_matter_and_the_version_is_inside() -> None:
    again = replace(ACTION, arguments={"n": 1, "to": ["a"]})
    assert again.digest == ACTION.digest
    assert ACTION.as_json()["version"] == 1
    assert ACTION.as_json()["targets"] == ["x"]


def test_the_canonical_text_is_fixed() -> None:
    assert canonical({"b": [1, None, True], "a": "\u00e9\u200b"}) == (
        '{"a":"\\u00e9\\u200b","b":[1,null,true]}'
    )
    assert digest_of({}) == "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (float("nan"), "a number that is not finite"),
        (float("inf"), "a number that is not finite"),
        ([{"a": float("-inf")}], "a number that is not finite"),
        ({1: "a"}, "a key that is not text"),
        ({"a": {None: 1}}, "a key that is not text"), (b"x", "a value of type bytes"),
        ((1, {2}), "a value of type set"), ([object()], "a value of type object"),
    ],
)  # fmt: skip
def test_what_json_cannot_hold_exactly_is_refused(value: object, said: str) -> None:
    with pytest.raises(ValueError, match=f"^{said}$"):
        canonical(value)  # type: ignore[arg-type]


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)  # fmt: skip


@given(_json, _json)
def test_two_values_have_one_text_only_when_they_are_equal(one: object, other: object) -> None:
    same = canonical(one) == canonical(other)  # type: ignore[arg-type]
    assert same == (json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True))


def test_every_reason_has_a_sentence_of_its_own() -> None:
    texts = [explain(reason) for reason in Reason]
    assert len(set(texts)) == len(texts)
    assert all(text.endswith(".") and len(text) < 110 for text in texts)
