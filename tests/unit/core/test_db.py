"""Texts as Postgres can keep them."""

import json

from hypothesis import given
from hypothesis import strategies as st

from core.db import _to_json, storable

ANY = st.text(st.characters(), max_size=50)  # lone surrogates, too


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
    assert "\\u0000" not in text
    json.loads(text)
