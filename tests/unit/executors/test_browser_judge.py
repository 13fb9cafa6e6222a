"""What a browser's request may do: attacks of a page and of the whole container on its judge."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import pytest

from core.approvals import State
from core.policy import secret_scope
from executors.egress_cards import AS_IT_IS
from executors.gateway.hosts import parse_host
from executors.gateway.ports import Asked, Forward, Headers, Refused
from executors.judge import TaskJudge
from executors.looks import Looks
from executors.placeholders import MARK, Stand, token_of
from tests.unit.executors.in_memory import Books, Secrets
from tests.unit.executors.test_looks import Both, looked

if TYPE_CHECKING:
    from pathlib import Path

    from core.bus import Bus
    from core.vault import Vault
    from executors.slots import Line

SHOP = parse_host("api.example.com")
OTHER = parse_host("other.example.com")
TOKEN = token_of("key", 7, "PASSWORD")
STAND = Stand(name="PASSWORD", host=SHOP, header="authorization", token=TOKEN)
FORM = (b"content-type", b"application/x-www-form-urlencoded")
JSON = (b"content-type", b"application/json")
PLAIN = (b"content-type", b"text/plain")
OWN: Headers = ((b"sec-fetch-site", b"same-origin"), (b"sec-fetch-mode", b"cors"))


class Room:
    """A judge of a task with a browser; both hosts were granted with GET and POST."""

    def __init__(self, folder: Path) -> None:
        self.books = Books(("PASSWORD", SHOP))
        for host in (SHOP, OTHER):
            self.books.grant(host, "GET", "POST")
        self.vault = Secrets({"PASSWORD": ("hunter2 & co", "Bearer {}")})
        self.both = Both(looked("https://api.example.com/\namount = 5"))
        self.judge = TaskJudge(
            self.books.effects, stands=(STAND,), vault=cast("Vault", self.vault), config=1,
            sent_cap=100_000,
            looks=Looks(cast("Bus", self.both), cast("Line", self.both), no=7, folder=folder),
        )  # fmt: skip

    async def ask(self, request: Asked) -> str:
        said = await self.judge.request(request)
        return said.code if isinstance(said, Refused) else "forwarded"


@pytest.fixture
def room(tmp_path: Path) -> Room:
    return Room(tmp_path)


def asked(
    method: str, *headers: tuple[bytes, bytes], body: bytes = b"", target: str = "/"
) -> Asked:
    return Asked(
        scheme="https", host=SHOP, port=443, method=method, target=target, headers=headers,
        body=body,
    )  # fmt: skip


@pytest.mark.parametrize(
    "headers",
    [(FORM,), (PLAIN,), (), (PLAIN, JSON), (JSON, (b"sec-fetch-dest", b"document"))],
    ids=["form", "plain form", "no type", "two types", "a page that is sent"],
)
async def test_what_any_page_can_send_asks_though_granted(room: Room, headers: Headers) -> None:
    assert await room.ask(asked("POST", *headers, body=b"amount=5")) == "denied_by_owner"
    (card,) = room.books.owner.asked
    assert not card.may_remember


async def test_a_pages_own_script_does_what_was_granted(room: Room) -> None:
    assert await room.ask(asked("POST", JSON, body=b"{}")) == "forwarded"
    assert await room.ask(asked("POST", PLAIN, *OWN, body=b"x")) == "forwarded"
    assert room.books.owner.asked == []


async def test_a_read_that_sends_a_body_asks(room: Room) -> None:
    assert await room.ask(asked("GET")) == "forwarded"
    assert await room.ask(asked("GET", FORM, body=b"item=lamp")) == "denied_by_owner"


async def test_a_remembered_secret_does_not_leave_in_a_read_without_a_card(room: Room) -> None:
    room.books.allow_scope(secret_scope("PASSWORD", f"{SHOP}:443"))
    request = asked("GET", FORM, body=f"p={TOKEN}".encode())
    assert await room.ask(request) == "denied_by_owner"
    (card,) = room.books.owner.asked
    assert not card.may_remember
    assert "p = (your secret PASSWORD)" in card.actions[0].display


async def test_an_approved_form_leaves_with_its_secret_and_only_once(room: Room) -> None:
    room.books.owner.answer = State.APPROVED
    said = await room.judge.request(asked("POST", FORM, body=f"p={TOKEN}".encode()))
    assert isinstance(said, Forward)
    assert said.body == b"p=hunter2+%26+co"
    room.books.owner.answer = State.DENIED
    assert await room.ask(asked("POST", FORM, body=f"p={TOKEN}".encode())) == "denied_by_owner"


@pytest.mark.parametrize(
    "request_",
    [
        asked("POST", FORM, body=f"p={TOKEN}".encode(), target=f"/?x={TOKEN}"),
        asked("POST", FORM, (b"cookie", f"a={TOKEN}".encode()), body=f"p={TOKEN}".encode()),
        asked("POST", FORM, (b"referer", f"https://a/{TOKEN}".encode()), body=b"a=1"),
        asked("POST", PLAIN, body=f"p={TOKEN}".encode()),
        asked("POST", FORM, (b"content-encoding", b"br"), body=f"p={TOKEN}".encode()),
        asked("POST", FORM, body=f"{TOKEN}=p".encode()),
        asked("POST", JSON, body=f'{{"p": "x", "p": "{TOKEN}"}}'.encode()),
        asked("POST", FORM, body=b"p=" + MARK + b"0" * 40),
    ],
    ids=range(8),
)  # fmt: skip
async def test_a_stand_in_anywhere_else_is_refused_without_a_card(
    room: Room, request_: Asked
) -> None:
    assert await room.ask(request_) == "secret_not_for_here"
    assert room.books.owner.asked == []


async def test_a_redirect_that_sends_a_form_again_elsewhere_asks_again_without_the_secret(
    room: Room,
) -> None:
    room.books.owner.answer = State.APPROVED
    assert await room.ask(asked("POST", FORM, body=f"p={TOKEN}".encode())) == "forwarded"
    again = Asked(
        scheme="https", host=OTHER, port=443, method="POST", target="/", headers=(FORM,),
        body=f"p={TOKEN}".encode(),
    )  # fmt: skip
    assert await room.ask(again) == "secret_not_for_here"


async def test_an_approval_is_for_the_type_that_was_shown(room: Room) -> None:
    bodies = [asked("POST", kind, body=b"1") for kind in (FORM, PLAIN)]
    for request in bodies:
        assert await room.ask(request) == "denied_by_owner"
    one, other = (card.actions[0].digest for card in room.books.owner.asked)
    assert one != other


async def test_a_page_cannot_write_a_line_of_the_card(room: Room) -> None:
    await room.ask(asked("POST", FORM, body=b"item=lamp&amount=900"))
    (card,) = room.books.owner.asked
    assert card.actions[0].display == (
        "Page, as the container says: https://api.example.com/%20amount%20=%205\n"
        "item = lamp\namount = 900"
    )


async def test_what_cannot_be_taken_apart_is_marked_as_such(room: Room) -> None:
    await room.ask(asked("POST", FORM, body=b"amount = 5\n\xff=9"))
    (card,) = room.books.owner.asked
    assert card.actions[0].display.endswith(f"\n{AS_IT_IS}\namount = 5\n\ufffd=9")
