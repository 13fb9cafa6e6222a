"""Parameters as they mean."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from playground.validation import ApiError
from playground.wire import meant, whole

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@given(json_values)
def test_a_form_means_the_same_as_json(value: Any) -> None:
    assert meant({"reply_markup": json.dumps(value)}) == {"reply_markup": value}


@given(st.text())
def test_texts_stay_texts(text: str) -> None:
    for name in ("text", "caption", "callback_query_id", "url", "secret_token"):
        assert meant({name: text}) == {name: text}
    meant({"chat_id": text})


@pytest.mark.parametrize(
    ("value", "number"), [(None, 7), ("", 7), (0, 0), (-3, -3), (2**62, 2**62)]
)
def test_an_absent_number_is_the_default(value: object, number: int) -> None:
    assert whole({"offset": value}, "offset", 7) == number
    assert whole({}, "offset", 7) == 7


@pytest.mark.parametrize("value", ["x", 1.5, [], {}, 2**63, -(2**63)])
def test_what_is_no_number_is_refused(value: object) -> None:
    with pytest.raises(ApiError, match="expected a number"):
        whole({"offset": value}, "offset", 0)
