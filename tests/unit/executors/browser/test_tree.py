"""A page as text."""

from typing import Any

from executors.browser.tree import Frame, Place, Refs, lines, page_text


def node(
    number: int, role: str, name: str = "", below: tuple[int, ...] = (), **more: Any
) -> dict[str, Any]:
    return {
        "nodeId": str(number), "role": {"value": role}, "name": {"value": name},
        "childIds": [str(n) for n in below], "backendDOMNodeId": number, **more,
    }  # fmt: skip


def tree(*nodes: dict[str, Any], refs: Refs | None = None, session: str = "s") -> list[str]:
    ids = {n: str(one["nodeId"]) for one in nodes for n in one["childIds"]}
    linked = [{**one, "parentId": ids.get(one["nodeId"])} for one in nodes]
    frame = Frame(nodes=linked, session=session, inner=lambda _: None)
    return lines(frame, refs or Refs())


def test_running_text_is_one_line_and_paragraphs_are_apart() -> None:
    found = tree(
        node(1, "RootWebArea", below=(2, 6)), node(2, "paragraph", below=(3, 4)),
        node(3, "StaticText", "some"), node(4, "strong", below=(5,)), node(5, "StaticText", "bold"),
        node(6, "paragraph", below=(7,)), node(7, "StaticText", "more"),
    )  # fmt: skip
    assert found == ["some bold", "more"]


def test_what_can_be_used_has_a_reference_and_shows_its_state() -> None:
    checked = [{"name": "checked", "value": {"value": "true"}}]
    found = tree(
        node(1, "RootWebArea", below=(2, 3)), node(2, "button", "Send", below=(4,)),
        node(3, "checkbox", "News", properties=checked), node(4, "StaticText", "Send"),
    )  # fmt: skip
    assert found == ['- button "Send" [e1]', '- checkbox "News" (checked) [e2]']


def test_a_reference_is_never_given_to_another_element() -> None:
    refs = Refs()
    old = refs.name(Place(session="s", node=7))
    assert refs.name(Place(session="s", node=7)) == old
    refs.forget("s")
    assert refs.place(old) is None
    assert refs.name(Place(session="s", node=7)) != old
    assert refs.place("e99") is None


def test_a_page_that_nests_without_end_is_cut() -> None:
    deep = [node(n, "generic", below=(n + 1,)) for n in range(1, 5000)]
    assert tree(*deep, node(5000, "StaticText", "too deep")) == []


def test_a_long_page_is_read_in_parts_that_miss_nothing() -> None:
    whole = [f"line {n}" for n in range(100)]
    first = page_text(whole, start=0, cap=200)
    assert first.endswith("more lines; read on with start=26")
    assert page_text(whole, start=26, cap=10_000).splitlines() == whole[26:]
    assert page_text(whole, start=0, cap=200, find="LINE 99") == "line 99"
    assert page_text(whole, start=0, cap=200, find="none") == "nothing there"
    assert page_text([], start=0, cap=200) == "The page is empty."
