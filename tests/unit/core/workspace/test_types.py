"""Values of the workspace."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import Bug
from core.workspace import Changes, Copied
from tests.unit.core.workspace.trees import change, state

TEXTS = st.text(st.characters(exclude_categories=["Cs"]))


@given(st.dictionaries(TEXTS, st.binary()), st.lists(st.tuples(TEXTS, TEXTS)))
def test_a_base_comes_back_from_the_database(
    tree: dict[str, bytes], left: list[tuple[str, str]]
) -> None:
    copied = Copied(base={p: state(c) for p, c in tree.items()}, left_out=tuple(left))
    assert Copied.from_json(copied.to_json()) == copied


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{}", '{"base": [], "left_out": []}', '{"base": {"a": [1, "x"]}, "left_out": []}',
     '{"base": {"a": null}, "left_out": []}', '{"base": {}, "left_out": [1]}',
     json.dumps({"base": {"a": [-1, "0" * 64]}, "left_out": []})],
)  # fmt: skip
def test_a_damaged_base_is_a_bug(text: str) -> None:
    with pytest.raises(Bug):
        Copied.from_json(text)


def test_a_change_knows_its_kind_and_its_inverse() -> None:
    made = change("a", None, b"1")
    assert [c.kind for c in (made, change("a", b"1", b"2"), made.inverse())] == [
        "new", "changed", "deleted",
    ]  # fmt: skip
    with pytest.raises(Bug):
        change("a", b"1", b"1")


def test_changes_are_told_apart_by_what_needs_approval() -> None:
    changes = Changes(items=(change("a", None, b"1"), change("b", b"1", None)))
    assert changes.of("new").digests() == {"a": state(b"1").sha256}
    assert changes.of("changed", "deleted").digests() == {"b": None}
