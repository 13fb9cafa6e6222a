"""What a secret may be called, hold and be sent with: each rule at its edge."""

from __future__ import annotations

from dataclasses import FrozenInstanceError

import pytest

from core.errors import UserFacing
from core.vault.names import MAX_VALUE_BYTES, PLAIN, Use, parse_name, parse_use, parse_value

LABEL = "a" * 63


def refused(call: object) -> UserFacing:
    with pytest.raises(UserFacing) as caught:
        call()  # type: ignore[operator]
    return caught.value


def test_a_use_is_a_fixed_value() -> None:
    use = Use(host="a.example", header="h", template=PLAIN)
    assert use.template == "{}"
    with pytest.raises(FrozenInstanceError):
        use.host = "b.example"  # type: ignore[misc]
    with pytest.raises(TypeError, match="positional"):
        Use("a.example", "h", "{}")  # type: ignore[call-arg]
    assert not hasattr(use, "__dict__")


def test_every_refusal_says_what_would_be_right() -> None:
    def use(host: str = "a.example", header: str = "h", template: str = PLAIN) -> UserFacing:
        return refused(lambda: parse_use(host, header, template))

    said = [
        refused(lambda: parse_name("a")), refused(lambda: parse_value("a\n")), use(host=""),
        use(header=""), use(template=""), refused(lambda: parse_value("\ud800")),
        refused(lambda: parse_value("")),
    ]  # fmt: skip
    assert [one.sentence() for one in said] == [
        "That is no name for a secret.\nUse up to 64 capital letters, digits and _, beginning with "
        "a letter: GITHUB_TOKEN",
        "The value must not hold line breaks, tabs or other control characters.\nWas a line break "
        "copied with it?",
        "That is no host to send a secret to.\nGive a full name such as api.example.com, or "
        "*.example.com for one label before it.",
        "That is no header for a secret.\nMost services read: authorization",
        "The format must hold {} exactly once, where the value goes.\nSuch as: Bearer {}",
        "The value is not valid text.",
        "The value must have 1 to 8192 bytes.",
    ]


@pytest.mark.parametrize("name", ["A", "A" * 64, "Z09_", "A_"])
def test_a_name_is_up_to_64_capitals_digits_and_lines(name: str) -> None:
    assert parse_name(name) == name


def test_a_value_has_one_to_8192_bytes() -> None:
    assert MAX_VALUE_BYTES == 8192
    assert parse_value("x") == "x"
    assert len(parse_value("x" * 8192)) == 8192
    refused(lambda: parse_value("x" * 8193))


@pytest.mark.parametrize(
    "host",
    ["a.b", "a1.b2c", "*.a.b", f"{LABEL}.example", "a-b.example", "1.example", "a.b.c.d.e",
     f"{LABEL}.{LABEL}.{LABEL}.{'a' * 61}", "a.1b", "xn--e1afmkfd.example"],
)  # fmt: skip
def test_a_full_host_name_is_taken(host: str) -> None:
    assert parse_use(host, "h", PLAIN).host == host


@pytest.mark.parametrize(
    "host",
    [f"{LABEL}a.example", f"{LABEL}.{LABEL}.{LABEL}.{'a' * 62}", "a-.example", "a.b-", "a.1",
     "*.b", "*.*.a.b", "a.example.", ".a.example", "a_b.example", "*a.example", "a.example/",
     "a.٣"],
)  # fmt: skip
def test_what_is_no_full_host_name_is_refused(host: str) -> None:
    refused(lambda: parse_use(host, "h", PLAIN))


@pytest.mark.parametrize("header", ["x", "x" * 64, "x-1", "!#$%&'*+.^_`|~-"])
def test_a_header_is_a_token(header: str) -> None:
    assert parse_use("a.example", header, PLAIN).header == header


@pytest.mark.parametrize(
    "header",
    ["Connection", "content-length", "HOST", "te", "trailer", "Transfer-Encoding", "upgrade",
     "x" * 65, "x\n", "x y", "x(", "é"],
)  # fmt: skip
def test_a_header_that_steers_the_message_is_refused(header: str) -> None:
    refused(lambda: parse_use("a.example", header, PLAIN))


@pytest.mark.parametrize("template", ["{}", "Bearer {}", "{} x", "x" * 98 + "{}", "~|z{}~|z "])
def test_a_template_holds_the_place_and_plain_text(template: str) -> None:
    assert parse_use("a.example", "h", template).template == template


@pytest.mark.parametrize("template", ["x" * 99 + "{}", "{}\n", "é{}", "{}\x7f", "{{}", "{}}"])
def test_a_template_holds_nothing_else(template: str) -> None:
    refused(lambda: parse_use("a.example", "h", template))
