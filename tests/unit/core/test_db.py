"""Texts as Postgres can keep them."""

import json

from hypothesis import given
from hypothesis import strategies as st

from core.db import _to_json, storable

ANY = st.text(st.characters(), max_size=50)  # lone surrogates, too


def has_nul(value: object) -> bool:
    if isinstance(value, str):
        return "\x00" in value
    if isinstance(value, dict):
        return any(has_nul(k) or has_nul(v) for k, v in value.items())
    return isinstance(value, list) and any(has_nul(v) for v in value)


@given(ANY)
def test_any_text_becomes_storable_and_a_clean_one_stays_as_it_is(text: str) -> None:
    kept = storable(text)
    assert "\x00" not in kept
    kept.encode()
    if "\x00" not in text and not any("\ud800" <= c <= "\udfff" for c in text):
        assert kept == text
    assert len(kept) == len(text)


@given(
    st.recursive(ANY | st.integers() | st.none(), lambda v: st.lists(v) | st.dictionaries(ANY, v))
)
def test_any_value_becomes_json_that_postgres_takes(value: object) -> None:
    text = _to_json(value)
    text.encode()
    assert not has_nul(json.loads(text))


def test_letters_that_look_like_an_escape_stay_letters() -> None:
    for text in ("\\u0000", "\\\\u0000", "a\x00\\u0000"):
        assert json.loads(_to_json(text)) == text.replace("\x00", "\ufffd")
