"""Tool calls of a model that may say anything."""

import json
from contextlib import suppress
from dataclasses import fields

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coordinator.tools import (
    ALL,
    SCHEMAS,
    AskOwner,
    CancelTask,
    ChangeSetting,
    Delegate,
    ListTasks,
    Offer,
    SteerTask,
    ToolCall,
    offered,
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


def names_of(now: Offer) -> list[str]:
    return [tool["function"]["name"] for tool in offered(now)]


@pytest.mark.parametrize(
    ("now", "wanted"),
    [
        (Offer(), []),
        (Offer(has_memory=True), ["remember"]),
        (Offer(has_tasks=True), ["list_tasks", "cancel_task", "steer_task"]),
        (Offer(has_more_skills=True, has_past=True), ["search_skills", "recall"]),
        (Offer(has_documents=True, may_look=True), ["search_docs", "look"]),
    ],
)
def test_only_tools_that_can_apply_are_offered(now: Offer, wanted: list[str]) -> None:
    always = ["delegate", "ask_owner", "schedule", "standing_rule", "change_setting"]
    assert names_of(now) == [*always, *wanted]


def test_every_tool_is_offered_when_there_is_everything() -> None:
    assert offered(ALL) == SCHEMAS


ANY = st.builds(Offer, **{field.name: st.booleans() for field in fields(Offer)})


@given(ANY, ANY)
def test_tools_keep_their_order(one: Offer, other: Offer) -> None:
    both = [name for name in names_of(one) if name in names_of(other)]
    assert both == [name for name in names_of(other) if name in names_of(one)]
