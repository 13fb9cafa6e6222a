"""Tool calls of a model that may say anything."""

import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coordinator.tools import (
    SCHEMAS,
    AskOwner,
    CancelTask,
    ChangeSetting,
    Delegate,
    ListTasks,
    SteerTask,
    ToolCall,
    parse_call,
)
from core.errors import UserFacing

NAMES = [s["function"]["name"] for s in SCHEMAS]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


def call(name: str, arguments: str) -> ToolCall:
    return ToolCall(id="c1", name=name, arguments=arguments)


@pytest.mark.parametrize(
    ("name", "arguments", "wanted"),
    [
        ("delegate", {"title": "t", "instructions": "i"}, Delegate(title="t", instructions="i")),
        (
            "delegate",
            {"title": "t", "instructions": "i", "files": [1], "more": 2},
            Delegate(title="t", instructions="i", files=[1]),
        ),
        ("list_tasks", {}, ListTasks()),
        ("list_tasks", {"no": 3}, ListTasks(no=3)),
        ("cancel_task", {"no": "4"}, CancelTask(no=4)),
        ("steer_task", {"no": 4, "text": "x"}, SteerTask(no=4, text="x")),
        ("ask_owner", {"question": "q", "choices": ["a"]}, AskOwner(question="q", choices=["a"])),
        (
            "change_setting",
            {"name": "tasks.parallel", "value": "2"},
            ChangeSetting(name="tasks.parallel", value="2"),
        ),
    ],
)
def test_a_proper_call_becomes_a_value(
    name: str, arguments: dict[str, object], wanted: object
) -> None:
    assert parse_call(call(name, json.dumps(arguments))) == wanted


@pytest.mark.parametrize(
    ("name", "arguments", "says"),
    [
        ("rm", "{}", "no tool"),
        ("delegate", "{", "not valid JSON"),
        ("delegate", "[]", "arguments"),
        ("delegate", '{"title": "t"}', "instructions"),
        ("delegate", '{"title": "", "instructions": "i"}', "title"),
        ("cancel_task", '{"no": "x"}', "no"),
        ("cancel_task", "[" * 100_000, "not valid JSON"),
    ],
)
def test_a_bad_call_tells_the_model_what_to_mend(name: str, arguments: str, says: str) -> None:
    with pytest.raises(UserFacing) as error:
        parse_call(call(name, arguments))
    assert says in error.value.sentence()


@given(st.sampled_from(NAMES) | st.text(), st.text() | JSON.map(json.dumps))
def test_no_call_at_all_breaks_anything(name: str, arguments: str) -> None:
    with suppress(UserFacing):
        parse_call(call(name, arguments))


@pytest.mark.parametrize("name", NAMES)
def test_every_tool_that_is_offered_is_understood(name: str) -> None:
    with pytest.raises(UserFacing) as error:
        parse_call(call(name, '"text"'))
    assert "no tool" not in error.value.text
