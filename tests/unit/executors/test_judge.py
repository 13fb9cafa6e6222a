from __future__ import annotations

from typing import TYPE_CHECKING, Literal, cast

import pytest

from core.approvals import State
from core.errors import Retryable
from core.policy import Hold, Label, secret_scope
from executors.egress import egress_effect, host_remember
from executors.gateway.hosts import parse_host
from executors.gateway.ports import Asked, Forward, Headers, Inspect, Refused, Splice
from executors.judge import TaskJudge
from executors.placeholders import Stand, token_of
from tests.unit.executors.in_memory import Books, Secrets

if TYPE_CHECKING:
    from core.vault import Vault

HOST = parse_host("api.example.com")
OTHER = parse_host("other.example.com")
VALUE = 'a/secret+value="1"'
TOKEN = token_of("key", 7, "API_KEY")
STAND = Stand(name="API_KEY", host=HOST, header="authorization", token=TOKEN)
AUTH = (b"authorization", TOKEN.encode())


class Room:
    """A judge over books in memory."""

    def __init__(
        self, *, words: str = "", cap: int = 1000, stands: tuple[Stand, ...] = (STAND,),
        production: str = "",
    ) -> None:  # fmt: skip
        self.books = Books(("API_KEY", HOST), words=words, policy__production=production)
        self.vault = Secrets({"API_KEY": (VALUE, "Bearer {}")})
        self.judge = TaskJudge(
            self.books.effects, stands=stands, vault=cast("Vault", self.vault), config=1,
            sent_cap=cap,
        )  # fmt: skip

    async def ask(self, request: Asked) -> str:
        said = await self.judge.request(request)
        return said.code if isinstance(said, Refused) else "forwarded"

    def trust(self) -> None:
        self.books.grant(HOST)
        self.books.allow_scope(secret_scope("API_KEY", f"{HOST}:443"))


def asked(
    method: str = "GET", target: str = "/", *headers: tuple[bytes, bytes], body: bytes = b"",
    scheme: Literal["http", "https"] = "https",
) -> Asked:  # fmt: skip
    return Asked(
        scheme=scheme, host=HOST, port=443 if scheme == "https" else 80, method=method,
        target=target, headers=headers, body=body,
    )  # fmt: skip


# --- tunnels ---


@pytest.mark.parametrize(
    ("methods", "paths", "stands", "verdict"),
    [
        ((), (), (), Splice), ((), (), (STAND,), Inspect), (("GET",), (), (), Inspect),
        ((), ("/a/",), (), Inspect),
    ],
)  # fmt: skip
async def test_a_tunnel_is_spliced_only_when_all_is_granted_and_no_secret_is_for_it(
    methods: tuple[str, ...], paths: tuple[str, ...], stands: tuple[Stand, ...], verdict: type
) -> None:
    room = Room(stands=stands)
    room.books.grant(HOST, *methods, paths=paths)
    assert isinstance(await room.judge.connect(HOST, 443), verdict)


async def test_a_spliced_tunnel_is_written_down_and_taints_the_task_first() -> None:
    room = Room(stands=())
    room.books.grant(HOST)
    await room.judge.connect(HOST, 443)
    assert room.books.ledger.kinds() == ["effect.intent"]
    assert Label.UNTRUSTED in room.books.facts.labels


async def test_a_host_in_the_owners_words_is_inspected_and_only_read() -> None:
    room = Room(words=f"look at https://{HOST}/a please")
    assert isinstance(await room.judge.connect(HOST, 443), Inspect)
    assert await room.ask(asked()) == "forwarded"
    assert await room.ask(asked("POST")) == "denied_by_owner"


@pytest.mark.parametrize(
    ("port", "code"),
    [(443, "access_not_granted"), (22, "outside_ceiling"), (5432, "outside_ceiling")],
)
async def test_a_tunnel_that_nothing_allows_is_refused_without_a_card(port: int, code: str) -> None:
    room = Room()
    said = await room.judge.connect(OTHER, port)
    assert isinstance(said, Refused)
    assert said.code == code
    assert room.books.owner.asked == []


async def test_a_stopped_task_opens_nothing() -> None:
    room = Room()
    room.trust()
    room.books.facts.is_stopped = True
    said = await room.judge.connect(HOST, 443)
    assert isinstance(said, Refused)
    assert said.code == "stopped"
    assert await room.ask(asked()) == "stopped"


# --- tunnels that are open ---


class Tunnel:
    """Stands where the gateway's tunnel does."""

    def __init__(self, room: Room) -> None:
        self.is_cut = False
        self.open = room.judge.spliced(HOST, 443, self.cut)

    def cut(self) -> None:
        self.is_cut = True


async def opened(room: Room) -> Tunnel:
    assert isinstance(await room.judge.connect(HOST, 443), Splice)
    return Tunnel(room)


async def test_an_open_tunnel_is_cut_when_its_grant_is_taken_back() -> None:
    room = Room(stands=())
    room.books.grant(HOST)
    tunnel = await opened(room)
    with tunnel.open:
        await room.judge.look_again()
        assert not tunnel.is_cut
        room.books.owner.rules.clear()
        await room.judge.look_again()
        assert tunnel.is_cut


async def test_an_open_tunnel_is_cut_when_its_grant_becomes_narrower() -> None:
    room = Room(stands=())
    room.books.grant(HOST)
    tunnel = await opened(room)
    with tunnel.open:
        room.books.owner.rules.clear()
        room.books.grant(HOST, "GET")
        await room.judge.look_again()
        assert tunnel.is_cut


async def test_an_open_tunnel_is_cut_when_the_task_is_stopped() -> None:
    room = Room(stands=())
    room.books.grant(HOST)
    tunnel = await opened(room)
    with tunnel.open:
        room.books.facts.is_stopped = True
        await room.judge.look_again()
        assert tunnel.is_cut


@pytest.mark.parametrize("held", [Hold.ASK, Hold.DENY])
async def test_while_a_standing_rule_holds_no_tunnel_hides_what_it_sends(held: Hold) -> None:
    room = Room(stands=())
    room.books.grant(HOST)
    tunnel = await opened(room)
    with tunnel.open:
        room.books.facts.held = held
        await room.judge.look_again()
        assert tunnel.is_cut
    assert isinstance(await room.judge.connect(HOST, 443), Inspect)


@pytest.mark.parametrize(
    ("held", "outcome"), [(Hold.ASK, "denied_by_owner"), (Hold.DENY, "held_by_standing_rule")]
)
async def test_a_standing_rule_holds_a_granted_change_and_lets_reading_be(
    held: Hold, outcome: str
) -> None:
    room = Room()
    room.trust()
    room.books.facts.held = held
    assert await room.ask(asked()) == "forwarded"
    assert await room.ask(asked("POST", body=b"x")) == outcome
    for card in room.books.owner.asked:
        assert not card.may_remember
        assert card.actions[0].remember == ()


async def test_an_open_tunnel_lives_on_when_the_budget_is_just_used_up() -> None:
    room = Room(stands=())
    room.books.grant(HOST)
    tunnel = await opened(room)
    with tunnel.open:
        room.books.facts.bytes_out = 50 * 1024 * 1024
        await room.judge.look_again()
        assert not tunnel.is_cut


async def test_without_open_tunnels_nothing_is_read() -> None:
    room = Room()
    await room.judge.look_again()
    assert room.books.owner.reads == 0


# --- production ---


@pytest.mark.parametrize("production", [HOST, "*.example.com", "x.test,*"])
async def test_a_production_host_is_always_looked_at(production: str) -> None:
    room = Room(stands=(), production=production)
    room.books.grant(HOST)
    assert isinstance(await room.judge.connect(HOST, 443), Inspect)


async def test_a_change_of_production_asks_though_granted_and_is_typed_and_not_remembered() -> None:
    room = Room(production=HOST)
    room.trust()
    assert await room.ask(asked()) == "forwarded", "reading is not a change"
    assert await room.ask(asked("POST", body=b"x")) == "denied_by_owner"
    (card,) = room.books.owner.asked
    assert card.is_production
    assert not card.may_remember
    assert card.actions[0].remember == ()


async def test_an_ordinary_card_cannot_stand_for_one_of_production() -> None:
    cards = []
    for production in ("", HOST):
        room = Room(production=production)
        assert await room.ask(asked("POST", body=b"x")) == "denied_by_owner"
        cards += room.books.owner.asked
    ordinary, typed = cards
    assert ordinary.actions[0].digest != typed.actions[0].digest


async def test_a_card_shows_the_body_that_leaves() -> None:
    room = Room()
    await room.ask(asked("POST", body=b"amount=5\xff"))
    await room.ask(asked("POST", body=b"x" * 300_000))
    shown, long = (card.actions[0].display for card in room.books.owner.asked)
    assert shown == "amount=5\ufffd"
    assert "300000 bytes" in long


# --- requests ---

GRANTS = [
    (("GET",), (), "GET", "/", "forwarded"), (("GET",), (), "HEAD", "/", "denied_by_owner"),
    (("GET", "POST"), (), "POST", "/", "forwarded"), (("GET",), (), "POST", "/", "denied_by_owner"),
    ((), (), "DELETE", "/", "denied_by_owner"), (("DELETE",), (), "DELETE", "/", "denied_by_owner"),
    ((), ("/me/",), "GET", "/me/x", "forwarded"), ((), ("/me/",), "GET", "/you", "denied_by_owner"),
    ((), ("/me",), "GET", "/me?a=/you", "forwarded"), ((), ("/me",), "GET", "/me/x",
    "denied_by_owner"),
    ((), ("/me/",), "GET", "/?/me/", "denied_by_owner"), ((), (), "get", "/", "forwarded"),
    (("GET",), (), "get", "/", "denied_by_owner"),
]  # fmt: skip


@pytest.mark.parametrize(("methods", "paths", "method", "target", "outcome"), GRANTS)
async def test_a_request_is_held_to_methods_and_paths(
    methods: tuple[str, ...], paths: tuple[str, ...], method: str, target: str, outcome: str
) -> None:
    room = Room()
    room.books.grant(HOST, *methods, paths=paths)
    assert await room.ask(asked(method, target)) == outcome


async def test_every_request_is_written_down_before_and_after() -> None:
    room = Room()
    room.trust()
    request = asked()
    await room.judge.request(request)
    assert room.books.ledger.kinds() == ["effect.intent"]
    await room.judge.answered(request, "200")
    await room.judge.answered(request, "200")
    assert room.books.ledger.kinds() == ["effect.intent", "effect.outcome"]
    assert room.books.ledger.lines[1][1]["outcome"] == "200"


@pytest.mark.parametrize(("method", "wide"), [("GET", True), ("POST", True), ("DELETE", False)])
async def test_only_what_destroys_nothing_can_be_allowed_for_more_than_once(
    method: str, *, wide: bool
) -> None:
    room = Room()
    assert await room.ask(asked(method)) == "denied_by_owner"
    assert room.books.owner.asked[0].may_remember is wide


async def test_an_approved_request_is_carried_out_once_with_its_ticket() -> None:
    room = Room()
    room.books.owner.answer = State.APPROVED
    request = asked("DELETE")
    assert await room.ask(request) == "forwarded"
    await room.judge.answered(request, "204")
    assert room.books.ledger.kinds() == ["effect.intent", "effect.outcome"]
    assert "task" not in room.books.ledger.lines[1][1], "the ticket was closed"


FORM = (b"content-type", b"application/x-www-form-urlencoded")


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        (asked("POST", "/", (b"x-http-method-override", b"DELETE")), "override_refused"),
        (asked("POST", "/", FORM, body=b"_method=DELETE"), "override_refused"),
        (asked("GET", "/", (b"x-original-url", b"/admin")), "override_refused"),
        (asked("GET", f"/?t={TOKEN}"), "secret_not_for_here"),
        (asked("POST", "/", body=TOKEN.encode()), "secret_not_for_here"),
        (asked("GET", "/", (b"x-other", TOKEN.encode())), "secret_not_for_here"),
        (asked("GET", "/", AUTH, scheme="http"), "secret_not_for_here"),
    ],
)
async def test_some_requests_no_grant_can_mend(request_: Asked, code: str) -> None:
    room = Room()
    room.trust()
    room.books.grant(HOST, port=80)
    assert await room.ask(request_) == code
    assert room.books.ledger.kinds() == ["effect.denied"]


async def test_plain_http_to_the_port_of_https_is_refused() -> None:
    room = Room()
    room.trust()
    plain = Asked(
        scheme="http", host=HOST, port=443, method="GET", target="/", headers=(), body=b""
    )
    assert await room.ask(plain) == "plain_http"


async def test_a_git_fetch_counts_as_reading_and_nothing_that_looks_like_one() -> None:
    room = Room()
    room.books.grant(HOST, "GET")
    kind = (b"content-type", b"application/x-git-upload-pack-request")
    want = b"0032want " + b"a" * 40 + b"\n00000009done\n"
    assert await room.ask(asked("POST", "/r/git-upload-pack", kind, body=want)) == "forwarded"
    for target in ("/r/git-receive-pack", "/r?x=/git-upload-pack", "/r/git-upload-pack?x"):
        assert await room.ask(asked("POST", target, kind, body=want)) == "denied_by_owner"


# --- secrets ---


async def test_a_placeholder_becomes_the_secret_and_the_answer_is_scrubbed_of_it() -> None:
    room = Room()
    room.trust()
    said = await room.judge.request(asked("GET", "/", AUTH))
    assert said == Forward(headers=((b"authorization", f"Bearer {VALUE}".encode()),))
    assert room.judge.scrub(f"<{VALUE}>".encode()) == f"<{TOKEN}>".encode()
    assert room.vault.touched == ["API_KEY"]
    assert Label.PRIVATE in room.books.facts.labels


async def test_a_secret_is_asked_for_the_first_time() -> None:
    room = Room()
    room.books.grant(HOST)
    assert await room.ask(asked("GET", "/", AUTH)) == "denied_by_owner"
    assert room.books.owner.asked[0].reason == "secret_not_used_before"


async def test_an_answer_is_scrubbed_of_a_secret_that_this_task_never_used() -> None:
    room = Room()
    room.trust()
    assert await room.ask(asked()) == "forwarded"
    assert room.judge.scrub(VALUE.encode()) == TOKEN.encode()
    assert room.vault.touched == []


async def test_a_secret_that_is_gone_is_no_way_around() -> None:
    room = Room()
    room.trust()
    room.vault.values.clear()
    assert await room.ask(asked()) == "forwarded"
    assert await room.ask(asked("GET", "/", AUTH)) == "secret_missing"


async def test_a_secret_that_was_bound_to_another_host_does_not_go_to_the_old_one() -> None:
    room = Room()
    room.trust()
    room.vault.host = OTHER
    room.vault.values["API_KEY"] = ("the-new-value", "Bearer {}")
    assert await room.ask(asked("GET", "/", AUTH)) == "secret_moved"
    assert room.vault.touched == []
    assert room.books.ledger.lines == [], "nothing was begun"
    assert await room.ask(asked("GET", "/", AUTH)) == "secret_not_for_here"


async def test_a_secret_that_was_bound_to_another_host_goes_there() -> None:
    room = Room()
    room.vault.host = OTHER
    room.books.grant(OTHER)
    room.books.allow_scope(secret_scope("API_KEY", f"{OTHER}:443"))
    request = Asked(
        scheme="https", host=OTHER, port=443, method="GET", target="/", headers=(AUTH,), body=b""
    )
    said = await room.judge.request(request)
    assert isinstance(said, Forward)
    assert VALUE.encode() in said.headers[0][1]


async def test_a_secret_that_was_bound_to_another_header_does_not_go_in_the_old_one() -> None:
    room = Room()
    room.trust()
    room.vault.header = "x-api-key"
    assert await room.ask(asked("GET", "/", AUTH)) == "secret_moved"
    moved = asked("GET", "/", (b"x-api-key", TOKEN.encode()))
    assert await room.ask(moved) == "forwarded"


async def test_a_secret_that_is_gone_uses_up_no_tap() -> None:
    room = Room()
    room.trust()
    room.books.owner.answer = State.APPROVED
    value = room.vault.values.pop("API_KEY")
    request = asked("DELETE", "/", AUTH)
    assert await room.ask(request) == "secret_missing"
    assert room.books.ledger.lines == []
    room.vault.values["API_KEY"] = value
    assert await room.ask(request) == "forwarded"


async def test_an_effect_that_ends_before_it_leaves_is_closed_as_failed() -> None:
    room = Room()
    room.trust()
    room.books.facts.is_broken = True
    with pytest.raises(ConnectionError):
        await room.judge.request(asked())
    assert room.books.ledger.kinds() == ["effect.intent", "effect.outcome"]
    assert room.books.ledger.lines[1][1]["outcome"] == "failed"


async def test_the_vault_is_asked_until_the_database_is_back() -> None:
    room = Room()
    room.trust()
    room.vault.failures = [Retryable("away", after_s=0.0) for _ in range(3)]
    assert await room.ask(asked("GET", "/", AUTH)) == "forwarded"
    assert room.vault.failures == []


async def test_basic_credentials_that_come_back_are_scrubbed_as_they_were_sent() -> None:
    import base64

    room = Room()
    room.trust()
    mine = base64.b64encode(f"me:{TOKEN}".encode())
    sent = base64.b64encode(f"me:{VALUE}".encode())
    headers: Headers = ((b"authorization", b"Basic " + mine),)
    assert await room.judge.request(asked("GET", "/", *headers)) == Forward(
        headers=((b"authorization", b"Basic " + sent),)
    )
    back = room.judge.scrub(b"you sent " + sent)
    assert back.rstrip(b"=") == b"you sent " + mine.rstrip(b"=")


# --- bytes ---


async def test_bytes_are_counted_to_the_last_one_and_booked_once() -> None:
    room = Room(cap=10)
    assert room.judge.sent(4) is None
    assert room.judge.sent(6) is None
    refused = room.judge.sent(1)
    assert refused is not None
    assert refused.code == "budget_bytes"
    await room.judge.book()
    await room.judge.book()
    assert room.books.facts.bytes_out == 10


async def test_a_body_larger_than_what_is_left_is_refused_by_the_kernel() -> None:
    room = Room()
    room.trust()
    room.books.facts.bytes_out = 50 * 1024 * 1024
    assert await room.ask(asked("POST", "/", body=b"x")) == "budget_bytes"


def test_an_effect_names_host_and_port_and_what_deletes_destroys() -> None:
    assert egress_effect("a.b", 443, "DELETE").tier == "destructive"
    assert egress_effect("a.b", 443, "OPTIONS").tier == "read"
    assert egress_effect("a.b", 8443, "POST").scope == "egress:a.b:8443:POST"
    assert host_remember("a.b", 443, ()).rule["methods"] == []


async def test_what_the_proxy_refused_by_itself_is_in_the_audit_trail_once() -> None:
    room = Room()
    for _ in range(3):
        await room.judge.noted("169.254.169.254:80\u202e", "CONNECT", "malformed")
    ((kind, body),) = room.books.ledger.lines
    assert (kind, body["reason"]) == ("effect.denied", "malformed")
    assert body["scope"] == "egress:169.254.169.254:80⟨U+202E⟩:CONNECT"


async def test_a_tunnel_that_is_not_granted_is_in_the_audit_trail() -> None:
    room = Room()
    await room.judge.connect(OTHER, 443)
    assert room.books.ledger.kinds() == ["effect.denied"]
