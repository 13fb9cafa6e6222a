from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.approvals import State
from core.errors import Denied
from executors.access import ALREADY, GRANTED, ask_access
from executors.protocol import AskAccess, HostWanted
from tests.unit.executors.in_memory import Books


def wanted(*hosts: tuple[str, tuple[str, ...]], port: int = 443) -> AskAccess:
    return AskAccess(
        step=0,
        hosts=[HostWanted(host=h, port=port, methods=list(methods)) for h, methods in hosts],
    )


async def ask(books: Books, access: AskAccess) -> str:
    try:
        return await ask_access(books.effects, access, config=1)
    except Denied as error:
        return error.code


READS = ["GET", "HEAD", "OPTIONS"]


@pytest.mark.parametrize(
    ("methods", "kept"),
    [
        ((), READS), (("GET",), READS), (("head",), READS), (("POST",), ["GET", "HEAD", "OPTIONS",
        "POST"]),
        (("put", "Post"), ["GET", "HEAD", "OPTIONS", "POST", "PUT"]), (("*",), []), (("GET",
        "*"), []),
    ],
)  # fmt: skip
async def test_a_card_remembers_exactly_the_methods_that_were_asked_for(
    methods: tuple[str, ...], kept: list[str]
) -> None:
    books = Books()
    books.owner.answer = State.APPROVED
    assert await ask(books, wanted(("a.example.com", methods))) == GRANTED
    (card,) = books.owner.asked
    (remember,) = card.actions[0].remember
    assert remember.rule == {
        "host": "a.example.com", "ports": [443], "methods": kept, "paths": [],
    }  # fmt: skip


async def test_all_that_is_missing_stands_on_one_card() -> None:
    books = Books()
    books.grant("a.example.com", "GET")
    hosts = ("a.example.com", ()), ("b.example.com", ()), ("*.c.example.com", ("POST",))
    assert await ask(books, wanted(*hosts)) == "denied_by_owner"
    (card,) = books.owner.asked
    assert [a.remember[0].rule["host"] for a in card.actions] == [
        "b.example.com",
        "*.c.example.com",
    ]


async def test_what_is_allowed_already_asks_nobody() -> None:
    books = Books()
    books.grant("a.example.com")
    assert await ask(books, wanted(("a.example.com", ("GET", "POST")))) == ALREADY
    assert books.owner.asked == []


@pytest.mark.parametrize(
    ("granted", "methods", "asks"),
    [
        (("POST",), ("POST", "PUT"), True), (("PUT",), ("POST", "PUT"), True),
        (("POST", "PUT"), ("POST", "PUT"), False), (("POST",), ("POST", "GET"), True),
        (("GET",), ("GET", "HEAD"), True), (("POST",), ("*",), True), ((), ("*",), False),
        (("DELETE",), ("DELETE",), False), (("DELETE",), ("DELETE", "PUT"), True),
    ],
)  # fmt: skip
async def test_every_wanted_method_must_be_granted(
    granted: tuple[str, ...], methods: tuple[str, ...], *, asks: bool
) -> None:
    books = Books()
    books.owner.answer = State.APPROVED
    books.grant("a.example.com", *granted)
    assert await ask(books, wanted(("a.example.com", methods))) == (GRANTED if asks else ALREADY)
    assert len(books.owner.asked) == asks


async def test_access_to_delete_is_never_for_good_but_for_this_task() -> None:
    books = Books()
    books.grant("a.example.com", "DELETE")
    await ask(books, wanted(("a.example.com", ("DELETE", "PUT"))))
    (card,) = books.owner.asked
    assert not card.may_remember
    assert card.actions[0].remember[0].rule["methods"] == ["DELETE", *READS, "PUT"]


@pytest.mark.parametrize("host", ["a.example.com", "*.example.com"])
async def test_access_to_change_production_is_typed_and_never_for_good(host: str) -> None:
    books = Books(policy__production="a.example.com")
    await ask(books, wanted((host, ("POST",))))
    await ask(books, wanted((host, ("*",))))
    await ask(books, wanted((host, ("GET",))))
    changes, reading = books.owner.asked[:2], books.owner.asked[2]
    assert all(card.is_production and not card.may_remember for card in changes)
    assert reading.may_remember
    assert not reading.is_production


async def test_access_that_was_allowed_leaves_nothing_in_doubt() -> None:
    books = Books()
    books.owner.answer = State.APPROVED
    await ask(books, wanted(("a.example.com", ("POST",))))
    assert books.ledger.kinds() == ["effect.intent", "effect.outcome"]


async def test_an_owner_who_says_no_is_believed() -> None:
    assert await ask(Books(), wanted(("a.example.com", ()))) == "denied_by_owner"


BAD = [
    "localhost", "127.0.0.1", "2130706433", "0x7f.1", "[::1]", "a@b.example", "a.example:80",
    "a.example.", "*", "*.", "*.com", "**.a.example", "*.*.example.com", "a.*.example",
    "x*.example.com",
    "b\u00fccher.example", "xn--a.example", "a..example", "a.example/", "http://a.example",
    "a\x00.example",
]  # fmt: skip


@pytest.mark.parametrize("host", BAD)
async def test_what_is_no_host_is_never_asked_about(host: str) -> None:
    books = Books()
    assert await ask(books, wanted((host, ()))) == "bad_host"
    assert books.owner.asked == []


@pytest.mark.parametrize("port", [22, 5432, 8443])
async def test_a_port_outside_the_ceiling_is_never_asked_about(port: int) -> None:
    books = Books()
    assert await ask(books, wanted(("a.example.com", ()), port=port)) == "outside_ceiling"
    assert books.owner.asked == []


async def test_one_impossible_host_refuses_the_whole_list() -> None:
    books = Books()
    access = wanted(("a.example.com", ()), ("127.0.0.1", ()))
    assert await ask(books, access) == "bad_host"
    assert books.owner.asked == []


async def test_a_stopped_task_may_ask_for_nothing() -> None:
    books = Books()
    books.facts.is_stopped = True
    assert await ask(books, wanted(("a.example.com", ()))) == "stopped"


@given(st.text(alphabet="aA.-*:/@1x \\\u0430", min_size=1, max_size=20))
async def test_whatever_a_card_shows_is_one_plain_name(host: str) -> None:
    books = Books()
    await ask(books, wanted((host, ())))
    for card in books.owner.asked:
        shown = str(card.actions[0].remember[0].rule["host"])
        assert shown == host.lower() or shown == host
        assert shown.removeprefix("*.").replace(".", "").replace("-", "").isalnum()
        assert shown.isascii()
