"""What the owner reads about a form, and where a secret may stand in one."""

from dataclasses import replace
from urllib.parse import parse_qsl, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from executors.forms import (
    body_stands,
    fields,
    filled,
    is_report,
    kind_of,
    may_be_form,
    shown_fields,
    without,
)
from executors.gateway.hosts import Host
from executors.gateway.ports import Asked, Scheme
from executors.placeholders import Stand, token_of

STAND = Stand(
    name="PASSWORD", host="shop.example.com", header="authorization",
    token=token_of("key", 1, "PASSWORD"),
)  # fmt: skip
FORM = "application/x-www-form-urlencoded"


def asked(
    body: bytes, kind: str = FORM, *, host: str = "shop.example.com", scheme: Scheme = "https"
) -> Asked:
    return Asked(
        scheme=scheme, host=Host(host), port=443, method="POST", target="/login",
        headers=((b"content-type", kind.encode()),), body=body,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "body", "shown"),
    [
        (FORM, b"a=1&b=two+words&c=", "a = 1\nb = two words\nc = (empty)"),
        (FORM, b"password=hunter2", "password = (hidden, 7 characters)"),
        ("application/json", b'{"a": {"b": [1, "x"]}, "c": null}',
         "a.b[0] = 1\na.b[1] = x\nc = null"),
        (
            'multipart/form-data; boundary="X"',
            b'--X\r\nContent-Disposition: form-data; name="n"\r\n\r\none\r\ntwo\r\n'
            b'--X\r\nContent-Disposition: form-data; name="f"; filename="a.txt"\r\n\r\n'
            b'abc\r\n--X--\r\n',
            "n = one ⏎ two\nf = (the file 'a.txt', 3 bytes)",
        ),
    ],
    ids=["plain", "password", "json", "parts"],
)  # fmt: skip
def test_a_form_is_shown_field_by_field(kind: str, body: bytes, shown: str) -> None:
    found = fields(asked(body, kind))
    assert found is not None
    assert shown_fields(found, [STAND]) == shown


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        (FORM, b"\xff=1"), (FORM, b"no form at all"), ("text/plain", b"a=1"), ("", b"a=1"),
        ("application/json", b"{"), ("multipart/form-data", b"--X"), (FORM, b""),
        ("application/json", b"[" * 5000),
    ],
    ids=range(8),
)  # fmt: skip
def test_what_is_no_form_is_not_shown_as_one(kind: str, body: bytes) -> None:
    assert fields(asked(body, kind)) is None


@given(
    st.binary(max_size=200),
    st.sampled_from([FORM, "application/json", "multipart/form-data; boundary=X"]),
)
def test_reading_a_form_never_fails(body: bytes, kind: str) -> None:
    found = fields(asked(body, kind))
    assert found is None or shown_fields(found, [STAND])


@given(st.text(st.characters(exclude_categories=("Cc", "Cs")), min_size=1))
def test_a_secret_arrives_in_its_field_whatever_it_holds(value: str) -> None:
    request = asked(urlencode({"user": "ada", "password": STAND.token}).encode())
    sent = filled(request, request.body, STAND, value)
    assert dict(parse_qsl(sent.decode())) == {"user": "ada", "password": value}


def test_a_secret_stands_only_in_a_form_to_its_own_host_over_https() -> None:
    body = f"password={STAND.token}".encode()
    assert body_stands(asked(body), [STAND]) == (STAND,)
    assert body_stands(asked(body, host="evil.example.com"), [STAND]) == ()
    assert body_stands(asked(body, scheme="http"), [STAND]) == ()
    assert body_stands(asked(body, "text/plain"), [STAND]) == ()
    assert without(body, [STAND]) == b"password="
    assert b"agentai_secret_" in without(body + b"&x=agentai_secret_other", [STAND])


def test_the_card_names_the_secret_and_not_its_stand_in() -> None:
    found = fields(asked(f"password={STAND.token}".encode()))
    assert found is not None
    assert shown_fields(found, [STAND]) == "password = (your secret PASSWORD)"


def test_two_content_types_are_no_form() -> None:
    pair = (b"content-type", FORM.encode())
    assert kind_of((pair, pair)) is None


def test_what_browsers_send_by_themselves_is_known() -> None:
    assert is_report(asked(b"PING", "text/ping"))
    assert is_report(asked(b"{}", "application/csp-report; charset=utf-8"))
    assert not is_report(asked(b"a=1"))


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("application/json", b'{"amount": 1000000, "amount": 1}'),
        ("application/json; charset=utf-16", '{"amount": 1}'.encode("utf-16")),
        (f"{FORM}; charset=ibm037", b"a=1"), (FORM, b"a=%ff"), (f"{FORM}; charset=utf-7", b"a=1"),
    ],
    ids=["twice", "wide", "other letters", "no text", "seven bits"],
)  # fmt: skip
def test_what_a_server_may_read_differently_is_not_shown_as_fields(kind: str, body: bytes) -> None:
    assert fields(asked(body, kind)) is None


def test_a_compressed_form_is_not_shown_as_fields() -> None:
    request = asked(b"a=1")
    packed = replace(request, headers=(*request.headers, (b"content-encoding", b"deflate")))
    assert fields(request) is not None
    assert fields(packed) is None


@pytest.mark.parametrize(
    ("body", "shown"),
    [
        (b"shipping=Berlin&opinion=bad&compass=N", "shipping = Berlin\nopinion = bad\ncompass = N"),
        (b"userPin=1234&user_pass=abc&x[csrf]=9",
         "userPin = (hidden, 4 characters)\nuser_pass = (hidden, 3 characters)\n"
         "x[csrf] = (hidden, 1 characters)"),
        (b"note=%28hidden%2C+3+characters%29", 'note = "(hidden, 3 characters)"'),
        (b"note=x" + b"+" * 40 + b"amount+%3D+5", "note = x ⟨40 spaces⟩ amount = 5"),
        (b"n=1" + b"%E2%80%83" * 9 + b"2", "n = 1 ⟨9 spaces⟩ 2"),
    ],
    ids=["parts of words", "whole words", "our words", "gap", "wide gap"],
)  # fmt: skip
def test_a_page_cannot_hide_or_forge_a_field(body: bytes, shown: str) -> None:
    found = fields(asked(body))
    assert found is not None
    assert shown_fields(found, [STAND]) == shown


def test_a_long_value_is_shown_whatever_its_field_is_called() -> None:
    found = fields(asked(b"token=" + b"x" * 200))
    assert found is not None
    assert shown_fields(found, []) == "token = " + "x" * 200


def test_numbers_are_shown_as_they_are_written() -> None:
    found = fields(asked(b'{"a": 1e400, "b": 1.00000000000000001}', "application/json"))
    assert found is not None
    assert shown_fields(found, []) == "a = 1e400\nb = 1.00000000000000001"


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        (FORM, "{token}=1"), (FORM, "a={token}&{token}=2"),
        ("application/json", '{{"{token}": 1}}'),
        ('multipart/form-data; boundary="X"',
         '--X\r\nContent-Disposition: form-data; name="f"; filename="{token}"\r\n\r\nabc\r\n'
         "--X--\r\n"),
        ('multipart/form-data; boundary="X"',
         '--X\r\nContent-Disposition: form-data; name="f"; filename="a"\r\n\r\n{token}\r\n'
         "--X--\r\n"),
        ('multipart/form-data; boundary="X"',
         '{token}\r\n--X\r\nContent-Disposition: form-data; name="f"\r\n\r\nabc\r\n--X--\r\n'),
    ],
    ids=["name", "value and name", "json key", "file name", "file", "before the parts"],
)  # fmt: skip
def test_a_secret_stands_in_no_place_that_the_card_does_not_show(kind: str, body: str) -> None:
    request = asked(body.format(token=STAND.token).encode(), kind)
    assert body_stands(request, [STAND]) == ()


def headers(kind: str | None, **more: str) -> tuple[tuple[bytes, bytes], ...]:
    said = () if kind is None else ((b"content-type", kind.encode()),)
    return (*said, *((f"sec-fetch-{k}".encode(), v.encode()) for k, v in more.items()))


@pytest.mark.parametrize(
    ("said", "is_form"),
    [
        (headers(FORM), True), (headers("multipart/form-data; boundary=X"), True),
        (headers("text/plain"), True), (headers(None), True),
        (headers("text/plain", site="cross-site", mode="no-cors"), True),
        (headers("text/plain", site="same-origin", mode="navigate", dest="document"), True),
        (headers("application/json", site="same-origin", mode="navigate", dest="iframe"), True),
        (headers("text/plain", site="same-origin", mode="cors"), False),
        (headers(None, site="same-origin", mode="cors", dest="empty"), False),
        (headers("application/json"), False), (headers("Application/JSON; charset=utf-8"), False),
        ((*headers("application/json"), *headers(FORM)), True),
    ],
    ids=range(12),
)  # fmt: skip
def test_what_any_page_may_send_counts_as_a_form(
    said: tuple[tuple[bytes, bytes], ...], *, is_form: bool
) -> None:
    assert may_be_form(said) is is_form
