"""Answers of a model service of any shape."""

import json
from contextlib import suppress

from hypothesis import given
from hypothesis import strategies as st

from coordinator.model import CallFailed, _code, _Partial, _read_whole, _said, _seconds

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from(["choices", "message", "content", "tool_calls", "function", "name",
                         "arguments", "error", "code", "usage", "id"]) | st.text(max_size=3),
        inner, max_size=5,
    ),
    max_leaves=15,
)  # fmt: skip


def read(body: object) -> _Partial:
    partial = _Partial()
    _read_whole(json.dumps(body).encode(), partial)
    return partial


@given(JSON | st.builds(lambda m: {"choices": [{"message": m}]}, JSON))
def test_any_answer_is_read_or_refused_clearly(body: object) -> None:
    with suppress(CallFailed):
        answer = read(body).answer("m")
        assert isinstance(answer.text, str)


@given(JSON)
def test_any_error_body_is_told_in_a_short_text(body: object) -> None:
    assert len(_said(body)) <= 300
    assert isinstance(_code(body), int)


@given(st.none() | st.text())
def test_any_retry_after_is_a_bounded_number(value: str | None) -> None:
    assert 0 <= max(0.0, _seconds(value)) <= 300


def test_text_and_calls_are_read() -> None:
    call = {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    message = {"content": " hi ", "tool_calls": [call]}
    answer = read({"choices": [{"message": message}], "usage": {"prompt_tokens": 3}}).answer("m")
    assert answer.text == "hi"
    assert [(c.id, c.name, c.arguments) for c in answer.tool_calls] == [("c", "f", "{}")]
    assert answer.usage.prompt_tokens == 3
