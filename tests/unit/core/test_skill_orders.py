"""What a skill's task carries."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import Bug
from core.skill_orders import OrderFile, SkillOrder, order_from_json, order_to_json

FILES = st.builds(OrderFile, path=st.text(), size=st.integers(0), sha256=st.text())
ORDERS = st.builds(
    SkillOrder, name=st.text(), digest=st.text(), body=st.text(),
    files=st.lists(FILES).map(tuple), tools=st.lists(st.text()).map(tuple),
)  # fmt: skip


@given(ORDERS)
def test_an_order_is_read_as_it_was_written(order: SkillOrder) -> None:
    kept = json.loads(json.dumps(order_to_json(order)))
    assert order_from_json({**kept, "hosts": []}) == order


def test_a_task_without_a_skill_has_no_order() -> None:
    assert order_from_json(None) is None
    assert order_from_json({"hosts": []}) is None


@pytest.mark.parametrize("found", [{}, {"name": "x"}, [], "text", {"name": 1, "files": 3}])
def test_anything_else_is_a_bug(found: object) -> None:
    with pytest.raises(Bug):
        order_from_json({"order": found})


def test_tools_that_are_not_listed_are_refused_but_a_task_may_always_end() -> None:
    order = SkillOrder(name="x", digest="d", body="", tools=("read_file",))
    assert order.allows_tool("read_file")
    assert order.allows_tool("finish")
    assert not order.allows_tool("shell")
    assert SkillOrder(name="x", digest="d", body="").allows_tool("shell")
