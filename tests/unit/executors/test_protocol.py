"""Lines of a container that may say anything."""

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from executors.protocol import (
    BadLine,
    BeginStep,
    Finish,
    Hello,
    Request,
    error_line,
    parse_line,
    result_line,
)

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=10,
)
METHODS = ["begin_step", "end_step", "model", "progress", "ask", "finish"]


def line(value: Any) -> bytes:
    return json.dumps(value).encode()


def test_a_hello_is_read() -> None:
    assert parse_line(b'{"hello": 1, "task": null}\n') == Hello(hello=1, task=None)
    assert parse_line(b'{"hello": 1, "task": 12}') == Hello(hello=1, task=12)


def test_requests_are_read() -> None:
    begun = {"index": 0, "tool": "shell", "arguments": {"command": "ls"}}
    found = parse_line(line({"id": 3, "method": "begin_step", "params": begun}))
    assert found == Request(id=3, params=BeginStep(**begun))
    end = {"state": "done", "result": "r", "reason": None, "files": ["a"]}
    found = parse_line(line({"id": 4, "method": "finish", "params": end}))
    assert isinstance(found, Request)
    assert isinstance(found.params, Finish)


@pytest.mark.parametrize(
    ("raw", "says"),
    [
        (b"", "not JSON"),
        (b"\xff\xfe", "not JSON"),
        (b"[" * 200_000, "not JSON"),
        (line([]), "line"),
        (line({"hello": 2, "task": None}), "hello"),
        (line({"hello": 1, "task": -1}), "task"),
        (line({"hello": 1}), "task"),
        (line({"id": 1, "method": "rm", "params": {}}), "method"),
        (line({"id": "1", "method": "progress", "params": {}}), "id"),
        (line({"id": 1, "method": "progress", "params": {"text": "x" * 5000}}), "text"),
        (line({"id": 1, "method": "begin_step", "params": {"index": -1}}), "index"),
        (line({"id": 1, "method": "finish", "params": {"state": "cancelled"}}), "state"),
        (line({"id": 1, "method": "progress", "params": {"text": "x"}, "fence": 9}), "fence"),
    ],
)
def test_a_bad_line_is_refused_with_its_reason(raw: bytes, says: str) -> None:
    with pytest.raises(BadLine, match=says):
        parse_line(raw)


@given(
    st.binary(max_size=200)
    | JSON.map(line)
    | st.builds(
        lambda m, p: line({"id": 1, "method": m, "params": p}),
        st.sampled_from(METHODS),
        st.dictionaries(st.sampled_from(["index", "tool", "text", "state", "files"]), JSON),
    )
)
def test_nothing_a_container_sends_raises_anything_else(raw: bytes) -> None:
    with suppress(BadLine):
        assert isinstance(parse_line(raw), Hello | Request)


def test_answers_are_lines() -> None:
    assert result_line(1, {"a": "x\ny"}).count(b"\n") == 1
    assert json.loads(error_line(2, "stale", "gone")) == {
        "id": 2, "error": {"kind": "stale", "text": "gone"},
    }  # fmt: skip
