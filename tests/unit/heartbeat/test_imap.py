"""Mails as values, and who may be heard."""

from email.message import EmailMessage

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import UserFacing
from heartbeat.imap import MAIL_BYTES, address_of, may_pass, read_mail


def test_a_mail_is_read() -> None:
    message = EmailMessage()
    message["From"] = "Ann <ann@example.org>"
    message["Subject"] = "Grüße"
    message.set_content("Hello")
    message.add_alternative("<b>Hello</b>", subtype="html")
    mail = read_mail(3, message.as_bytes())
    assert (mail.uid, mail.sender, mail.subject) == (3, "ann@example.org", "Grüße")
    assert mail.text.strip() == "Hello"


@given(st.binary(max_size=400))
def test_no_bytes_break_the_reader(raw: bytes) -> None:
    assert read_mail(1, raw).uid == 1


DEEP = b"(" * 20_000
PARTS = b"".join(
    b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (n, n) for n in range(900)
)


@pytest.mark.parametrize(
    ("raw", "sender"),
    [
        (b"From: " + DEEP + b"\r\n\r\nx", ""),
        (b"From: a@b.c\r\nContent-Type: " + DEEP + b"\r\n\r\nx", "a@b.c"),
        (b"From: a@b.c\r\nContent-Disposition: " + DEEP + b"\r\n\r\nx", "a@b.c"),
        (b'From: a@b.c\r\nContent-Type: text/plain; charset="\x00"\r\n\r\nx', "a@b.c"),
        (PARTS, ""),
        (b"From: a@b.c, " + b"d@e.f, " * 500 + b"\r\n\r\nx", ""),
    ],
    ids=["deep sender", "deep type", "deep disposition", "odd charset", "deep parts", "many"],
)
def test_a_mail_that_is_made_to_break_the_parser_is_passed_over(raw: bytes, sender: str) -> None:
    assert read_mail(1, raw[:MAIL_BYTES]).sender == sender


def test_headers_that_take_the_parser_seconds_are_not_parsed() -> None:
    raw = b"From: " + b'"' * 60_000 + b"\r\nSubject: s\r\nX-Long: " + b"," * 60_000 + b"\r\n\r\nx"
    assert read_mail(1, raw).subject == "s"


HEADERS = ["From", "Subject", "Content-Type", "Content-Transfer-Encoding"]


@given(st.text(max_size=60), st.sampled_from(HEADERS))
def test_no_header_breaks_the_reader(value: str, name: str) -> None:
    assert read_mail(1, f"{name}: {value}\n\nbody".encode("utf-8", "replace")).uid == 1


def test_two_senders_are_none() -> None:
    assert read_mail(1, b"From: a@b.c, d@e.f\n\nx").sender == ""
    assert read_mail(1, b"From: a@b.c\nFrom: d@e.f\n\nx").sender == ""


@pytest.mark.parametrize(
    ("sender", "rules", "passes"),
    [
        ("ann@example.org", ["ANN@example.org"], True),
        ("ann@example.org", ["@example.org"], True),
        ("ann@sub.example.org", ["@example.org"], False),
        ("ann@evilexample.org", ["@example.org"], False),
        ("ann@example.org", [], False),
        ("", ["*"], False),
        ("a@b.c", ["*"], True),
        ("x@example.org@evil.net", ["@example.org"], False),
    ],
)
def test_rules_name_senders(sender: str, rules: list[str], passes: bool) -> None:  # noqa: FBT001, RUF100
    assert may_pass(sender, rules) is passes


@pytest.mark.parametrize(
    "spec",
    [{}, {"host": "mail.example.org"}, {"host": "mail.example.org", "user": "u", "tls": False},
     {"host": "h", "user": "u", "folder": 'a"b'}, {"host": "h", "user": "u\r\nLOGOUT"}],
)  # fmt: skip
def test_an_unsafe_mailbox_is_refused(spec: dict[str, object]) -> None:
    with pytest.raises(UserFacing):
        address_of(spec, "p")
    assert "hunter2" not in repr(address_of({"host": "h", "user": "u"}, "hunter2"))
