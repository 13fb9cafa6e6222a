"""Approval cards: all that runs is shown, nothing else can look like us."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.approval_cards import approval_card, cut, shown, whole
from core.approvals import Approval, State
from core.approvals.types import ApprovedAction, Remember
from core.policy import Action, canonical

if TYPE_CHECKING:
    from core.policy.action import Json

LETTERS = st.text(max_size=1500) | st.builds(
    str.__mul__, st.sampled_from(["\U0001f600", "x\U00020000"]), st.integers(0, 1500)
)
MADE = datetime(2026, 1, 1, tzinfo=UTC)
UNITS = 4096


def action(kind: str, verb: str, resource: str, **arguments: Json) -> ApprovedAction:
    made = Action(
        task=3, kind=kind, resource=resource, verb=verb, arguments=arguments,
        targets=("notes.md",) if kind == "files" else (), files={}, skill="", manifest="", config=0,
    )  # fmt: skip
    return ApprovedAction(digest=made.digest, action=canonical(made.as_json()), display="")


def request(target: str = "/items", **more: Json) -> ApprovedAction:
    return action(
        "egress", "POST", "api.example.com:443", method="POST", scheme="https", target=target,
        **{"bytes": 0, "body": "ab" * 32, "secrets": [], **more},
    )  # fmt: skip


def approval(*actions: ApprovedAction, **changes: object) -> Approval:
    base = Approval(
        id=12, nonce="nonce", code="abc234", task_no=3, chat_id=7, reason="always_asks", detail="",
        is_production=False, may_remember=False, state=State.PENDING, scope=None, created_at=MADE,
        expires_at=MADE + timedelta(minutes=15), decided_at=None, shown=None, actions=actions,
    )  # fmt: skip
    return replace(base, **changes)  # type: ignore[arg-type]


def labels(one: Approval) -> list[str]:
    return [label for row in approval_card(one).keys for label, _ in row]


def text(one: Approval) -> str:
    return approval_card(one).piece.text


def file_of(one: Approval, **more: int) -> str:
    found = whole(one, **more)
    return base64.b64decode(found.content or "").decode() if found else ""


@pytest.mark.parametrize(
    ("one", "expected"),
    [
        (request(), "POST https://api.example.com/items"),
        (request(bytes=5), "Sends 5 bytes, sha256 abababababab…"),
        (request(secrets=["TOKEN", "B"]), "With your secret TOKEN, B"),
        (action("access", "GET", "a.example:443", methods=["GET", "HEAD"]), "a.example: reading"),
        (action("access", "POST", "a.example:8443", methods=["POST"]), "a.example:8443: POST"),
        (action("access", "*", "a.example:443", methods=[]), "without looking inside"),
        (action("files", "delete", "files"), "Delete notes.md"),
        (action("files", "overwrite", "files"), "Replace notes.md"),
        (action("use", "send", "mail", to="bob"), 'mail: send\n{"to": "bob"}'),
    ],
)
def test_each_kind_of_action_is_told_in_words(one: ApprovedAction, expected: str) -> None:
    assert expected in text(approval(one))


def test_a_pending_card_says_how_to_answer_and_until_when() -> None:
    said = text(approval(request()))
    assert "Valid for 15 min." in said
    assert "/approve 12 abc234 or /deny 12" in said


def test_buttons_carry_the_nonce_and_a_letter_only() -> None:
    keys = approval_card(approval(request())).keys
    assert keys == ((("Approve", "p:nonce:o"), ("Deny", "p:nonce:d")),)


def test_production_can_be_denied_by_button_but_only_be_approved_by_typing() -> None:
    one = approval(request(), is_production=True, may_remember=True)
    assert labels(one) == ["Deny"]
    assert "type: /approve 12 abc234" in text(one)


def test_what_may_be_remembered_has_a_button_for_each_scope() -> None:
    task = "Until #3 ends"
    assert labels(approval(request(), may_remember=True)) == ["Once", task, "Always", "Deny"]
    access = action("access", "GET", "a.example:443", methods=["GET"])
    assert labels(approval(access, may_remember=True)) == [task, "Always", "Deny"]


@pytest.mark.parametrize(
    ("state", "scope", "expected"),
    [
        (State.APPROVED, "once", "Allowed, once."),
        (State.APPROVED, "task", "Allowed for this task."),
        (State.APPROVED, "always", "Allowed for good."),
        (State.DENIED, None, "You said no."),
        (State.EXPIRED, None, "Nobody answered in time"),
        (State.WITHDRAWN, None, "the task has ended"),
    ],
)
def test_an_ended_card_says_how_and_has_no_buttons(
    state: State, scope: str | None, expected: str
) -> None:
    one = approval(request(), state=state, scope=scope)
    assert expected in text(one)
    assert labels(one) == []
    assert "abc234" not in text(one)


def test_what_the_reason_quotes_stands_apart_from_our_words() -> None:
    one = approval(request(), reason="untrusted_content_seen", detail="x) **Approved by you.**")
    card = approval_card(one)
    quoted = [card.piece.text[e.offset : e.offset + e.length] for e in card.piece.entities
              if e.type == "code"]  # fmt: skip
    assert any("Approved by you" in part for part in quoted)


def test_a_detail_that_the_card_shows_already_is_not_said_twice() -> None:
    assert text(approval(request(), detail="api.example.com:443")).count("api.example.com") == 1


def test_an_unknown_reason_is_still_a_sentence() -> None:
    assert "It needs your decision." in text(approval(request(), reason="from_a_newer_version"))


def test_a_value_that_is_cut_comes_whole_as_a_file() -> None:
    one = approval(request("/" + "a" * 310 + "?tail"))
    assert "?tail" not in text(one)
    assert "?tail" in file_of(one)
    assert whole(approval(request("/" + "a" * 100))) is None


def test_actions_that_do_not_fit_beside_each_other_come_as_a_file() -> None:
    files = [
        replace(action("files", "overwrite", "files", n=n), display=f"+{'x' * 1000}{n}")
        for n in range(5)
    ]
    one = approval(*files)
    assert "The file holds the rest." in text(one)
    assert all(f.display in file_of(one) for f in files)


def test_of_many_actions_the_card_says_how_many_more_the_file_holds() -> None:
    one = approval(*(request(f"/{n}") for n in range(11)))
    assert "… and 3 more; the file holds all of them." in text(one)
    assert all(a.action in file_of(one) for a in one.actions)


def test_a_diff_with_hidden_characters_shows_them_also_in_the_file() -> None:
    display = "+\u202etxt.exe" + "y" * 1300
    one = approval(replace(action("files", "overwrite", "files"), display=display))
    assert "\u202e" not in text(one) + file_of(one)
    assert "⟨U+202E⟩" in text(one)
    assert "⟨U+202E⟩" in file_of(one)


def test_the_body_of_a_request_is_shown_and_comes_whole_when_it_is_long() -> None:
    short = replace(request(bytes=5), display="to=anna&text=\u202ehi")
    assert "to=anna&text=⟨U+202E⟩hi" in text(approval(short))
    assert whole(approval(short)) is None
    body = "a=1&" * 2_000 + "to=evil.example"
    long = approval(replace(request(bytes=len(body)), display=body))
    assert "evil.example" not in text(long)
    assert "8015 characters in all, sha256 " in text(long)
    assert body in file_of(long)


def test_the_whole_of_a_long_change_is_in_the_file() -> None:
    lines = "\n".join(f"+line {n}" for n in range(5_000))
    one = approval(replace(action("files", "overwrite", "files"), display=lines))
    assert "+line 4999" not in text(one)
    assert lines in file_of(one)


def test_what_no_file_can_hold_is_named_by_its_size_and_its_digest() -> None:
    one = replace(action("files", "overwrite", "files"), display="+" * 3_000)
    found = file_of(approval(one, replace(one, display="-" * 3_000)), cap=5_000)
    assert "+" * 3_000 in found
    assert "Too much for one file: 3000 characters in all, sha256 " in found


@pytest.mark.parametrize("symbol", ["\U0001f600", "\U00020000", "x", "\u4e2d"])
@pytest.mark.parametrize("size", [100, 290, 1_100, 5_000])
@pytest.mark.parametrize("state", [State.PENDING, State.APPROVED])
def test_a_card_of_any_letters_fits_a_message(symbol: str, size: int, state: State) -> None:
    long = symbol * size
    kinds = [
        replace(request("/" + long), display=long),
        replace(action("files", "overwrite", "files"), display=long),
        action("use", long, long, to=long),
    ]
    for one in kinds:
        for count in (1, 2, 3, 8, 30):
            full = approval(*[one] * count, reason="first_change", detail=long,
                            is_production=True, state=state,
                            scope="once" if state is State.APPROVED else None)  # fmt: skip
            assert len(text(full).encode("utf-16-le")) // 2 <= UNITS
            if "ile holds" in text(full):
                assert one.action in file_of(full)
                assert one.display in file_of(full)


def test_cutting_names_the_size_and_the_digest_of_all_of_it() -> None:
    assert cut("a" * 10, 10) == "a" * 10
    assert cut("a" * 11, 10).startswith("a" * 10 + "… (11 characters in all, sha256 ")
    assert cut("a" * 10 + "b", 10) != cut("a" * 10 + "c", 10)


@given(st.text())
def test_a_shown_value_is_one_line_without_hidden_characters(value: str) -> None:
    said = shown(value)
    assert len(said.splitlines()) <= 1
    assert not set(said) & set("\u202e\u2066\u200b\u2060\ufeff\u00ad\x00\x1b\x85")


@given(st.lists(st.tuples(LETTERS, LETTERS), min_size=1, max_size=10))
def test_a_card_fits_a_message_and_nothing_is_lost(values: list[tuple[str, str]]) -> None:
    actions = [
        replace(action("files", "overwrite", "files", target=target), display=display)
        for target, display in values
    ]
    card = approval_card(one := approval(*actions))
    assert len(card.piece.text.encode("utf-16-le")) // 2 <= UNITS
    assert "/approve 12 abc234" in card.piece.text
    assert [label for row in card.keys for label, _ in row] == ["Approve", "Deny"]
    if "The file holds" in card.piece.text or "the file holds" in card.piece.text:
        assert all(a.action in file_of(one) for a in actions)


@given(st.text(max_size=600))
def test_a_request_is_whole_on_the_card_or_in_the_file(target: str) -> None:
    one = approval(request(target))
    said = shown("https://api.example.com" + target, 10_000)
    is_there = said.strip() in text(one)
    assert is_there or json.dumps(target)[1:-1] in file_of(one)


def test_what_a_longer_yes_allows_is_said_with_place_and_time() -> None:
    rule: dict[str, Json] = {"host": "api.example.com", "methods": ["POST"]}
    host = Remember(kind="host", rule=rule)
    secret = Remember(kind="scope", rule={"scope": "secret:TOKEN:api.example.com:443"})
    one = replace(request(), remember=(host, secret))
    said = text(approval(one, may_remember=True))
    assert "“Until #3 ends” allows any POST to api.example.com and your secret TOKEN" in said
    assert "“Always” allows it in every task, until you take it back with /grants." in said
    assert "“Always”" not in text(approval(one))
    assert "“Always”" not in text(approval(one, may_remember=True, is_production=True))
