from __future__ import annotations

import base64
import html
import json
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from executors.placeholders import (
    MARK,
    Stand,
    forms_of,
    misplaced,
    sent_forms,
    swapped,
    token_of,
    used_in,
)

if TYPE_CHECKING:
    from executors.gateway.ports import Headers

TOKEN = token_of("key", 1, "A")
STAND = Stand(name="A", host="api.example.com", header="authorization", token=TOKEN)
T = TOKEN.encode()


def basic(plain: bytes) -> bytes:
    return b"Basic " + base64.b64encode(plain)


@pytest.mark.parametrize(
    ("host", "pattern", "is_for"),
    [
        ("api.example.com", "api.example.com", True), ("example.com", "api.example.com", False),
        ("a.example.com", "*.example.com", True), ("a.b.example.com", "*.example.com", False),
        ("example.com", "*.example.com", False), ("aexample.com", "*.example.com", False),
        ("api.example.com.evil.test", "api.example.com", False),
    ],
)  # fmt: skip
def test_a_stand_in_is_for_its_host_only(host: str, pattern: str, *, is_for: bool) -> None:
    stand = Stand(name="A", host=pattern, header="authorization", token=TOKEN)
    assert stand.is_for(host) is is_for


def test_a_token_belongs_to_a_key_a_task_and_a_name() -> None:
    given_ = {token_of(k, t, n) for k in ("a", "b") for t in (1, 11) for n in ("X", "1X")}
    assert len(given_) == 8
    assert all(token.encode().startswith(MARK) for token in given_)
    assert token_of("a", 1, "X") == token_of("a", 1, "X")
    assert TOKEN not in repr(STAND)


@pytest.mark.parametrize(
    ("header", "host", "is_used"),
    [
        ((b"authorization", T), "api.example.com", True),
        ((b"authorization", b"Bearer " + T), "api.example.com", True),
        ((b"authorization", basic(b"me:" + T)), "api.example.com", True),
        ((b"authorization", basic(b"me:" + T).lower()), "api.example.com", False),
        ((b"authorization", T), "evil.example.com", False),
        ((b"x-authorization", T), "api.example.com", False),
        ((b"authorization", T[:-1]), "api.example.com", False),
        ((b"authorization", T.upper()), "api.example.com", False),
    ],
)
def test_a_stand_in_counts_in_its_header_at_its_host(
    header: tuple[bytes, bytes], host: str, *, is_used: bool
) -> None:
    assert used_in((header,), [STAND], host) == ((STAND,) if is_used else ())


@pytest.mark.parametrize(
    ("headers", "target", "body", "is_misplaced"),
    [
        (((b"authorization", T),), "/", b"", False),
        (((b"authorization", b"a " + T + b" b " + T),), "/", b"", False),
        (((b"authorization", basic(b"me:" + T)),), "/", b"", False),
        (((b"authorization", T + MARK),), "/", b"", True),
        (((b"authorization", basic(b"me:" + MARK + b"x")),), "/", b"", True),
        (((b"x", T),), "/", b"", True), (((b"x", basic(b"u:" + T)),), "/", b"", True),
        ((), f"/{TOKEN}", b"", True), ((), "/", b"a" + T, True), ((), "/", MARK, True),
        ((), "/", b"", False),
    ],
)  # fmt: skip
def test_a_placeholder_anywhere_else_is_found(
    headers: Headers, target: str, body: bytes, *, is_misplaced: bool
) -> None:
    assert misplaced(headers, target=target, body=body, used=[STAND]) is is_misplaced


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (T, b"Bearer s"), (b"token " + T, b"token s"), (basic(b"me:" + T), basic(b"me:s")),
        (b"other", b"other"), (b"Basic !!", b"Basic !!"), (b"Basic", b"Basic"),
    ],
)  # fmt: skip
def test_a_bare_placeholder_takes_the_template_and_another_the_value(
    old: bytes, new: bytes
) -> None:
    headers = ((b"authorization", old), (b"x", T))
    made = swapped(headers, STAND, value="s", whole="Bearer s")
    assert made == ((b"authorization", new), (b"x", T))


VALUES = st.text(
    alphabet=st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")), min_size=8, max_size=60
)


def scrubbed(data: bytes, forms: dict[bytes, bytes]) -> bytes:
    for form in sorted(forms, key=len, reverse=True):
        data = data.replace(form, forms[form])
    return data


@given(VALUES)
def test_the_usual_spellings_of_a_secret_are_all_known(value: str) -> None:
    raw, forms = value.encode(), forms_of(value, TOKEN)
    for shown in (
        raw, base64.b64encode(raw).rstrip(b"="), base64.urlsafe_b64encode(raw).rstrip(b"="),
        raw.hex().encode(), quote(value, safe="").encode(), json.dumps(value)[1:-1].encode(),
        html.escape(value).encode(),
    ):  # fmt: skip
        assert scrubbed(b"<" + shown + b">", {shown: forms[shown]}) == b"<" + T + b">"


def test_a_short_value_is_only_looked_for_as_it_is() -> None:
    assert forms_of("abc", TOKEN) == {b"abc": T}


def test_only_credentials_that_changed_are_remembered_as_sent() -> None:
    asked = ((b"authorization", basic(b"me:" + T)), (b"x", basic(b"a:b")), (b"y", T))
    sent = ((b"authorization", basic(b"me:s")), (b"x", basic(b"a:b")), (b"y", b"Bearer s"))
    shown, mine = (basic(p)[6:].rstrip(b"=") for p in (b"me:s", b"me:" + T))
    assert sent_forms(asked, sent) == {shown: mine}


def test_credentials_are_known_in_a_url_too() -> None:
    asked = ((b"authorization", basic(b"me:" + T)),)
    sent = ((b"authorization", basic(b"me:\xff\xfe\xff\xfe>>>???")),)
    raw = base64.b64encode(b"me:\xff\xfe\xff\xfe>>>???").rstrip(b"=")
    assert b"/" in raw
    assert {raw, quote(raw, safe="").encode()} <= set(sent_forms(asked, sent))


@given(st.binary(max_size=80), st.binary(max_size=80))
def test_no_bytes_of_a_header_break_the_search(one: bytes, other: bytes) -> None:
    headers = ((b"authorization", b"Basic " + one), (b"authorization", other))
    used = used_in(headers, [STAND], STAND.host)
    assert used == ()
    assert misplaced(headers, target="/", body=b"", used=used) or MARK not in one + other
    assert swapped(headers, STAND, value="s", whole="w") == headers
