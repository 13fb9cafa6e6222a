from __future__ import annotations

import ipaddress
import socket
from urllib.parse import urlsplit

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from executors.gateway.hosts import (
    BadHost,
    HostPattern,
    parse_authority,
    parse_host,
    parse_port,
)

LONG = "a" * 63


@pytest.mark.parametrize(
    ("text", "host"),
    [
        ("example.com", "example.com"),
        ("EXAMPLE.Com", "example.com"),
        ("a.b", "a.b"),
        ("1.example.com", "1.example.com"),
        ("127.0.0.1.example.com", "127.0.0.1.example.com"),
        ("r3---sn-x.example.com", "r3---sn-x.example.com"),
        ("xn--bcher-kva.example", "xn--bcher-kva.example"),
        ("example.xn--p1ai", "example.xn--p1ai"),
        (f"{LONG}.com", f"{LONG}.com"),
        (".".join([LONG] * 3 + ["a" * 59, "a"]), ".".join([LONG] * 3 + ["a" * 59, "a"])),
    ],
)
def test_a_plain_name_is_taken_in_lower_case(text: str, host: str) -> None:
    assert parse_host(text) == host


@pytest.mark.parametrize(
    "text",
    [
        "",
        ".",
        "..",
        "localhost",
        "com",
        "example.com.",
        ".example.com",
        "a..b",
        f"{LONG}a.com",
        ".".join([LONG] * 4),
        "-a.com",
        "a-.com",
        "_dmarc.example.com",
        "_.com",
        "a_b.com",
        "user@example.com",
        "example.com\\a",
        "example.com/a",
        "exa%6dple.com",
        "example.com#a",
        "example.com?a",
        "example.com:80",
        "exam ple.com",
        "example.com ",
        " example.com",
        "example.com\t",
        "example.com\n",
        "example.com\r\nx.com",
        "example.com\x00",
        "exam\x00ple.com",
        "example.com\x7f",
        "*.example.com",
        "bücher.example",
        "exAmple.Kom".replace("K", "\u212a"),
        "example\u3002com",
        "example.com\uff0eevil.org",
        "127.0.0.1",
        "8.8.8.8",
        "127.1",
        "127.0.1",
        "2130706433",
        "0x7f000001",
        "0x7f.1",
        "0x7f.0.0.0x1",
        "1.0x7f",
        "017700000001",
        "0177.0.0.1",
        "0177.0.0.01",
        "1.2.3.4.5",
        "example.1",
        "example.0x1",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "::1",
        "fe80::1%eth0",
        "[fe80::1%25eth0]",
        "[v1.a]",
        "xn--.com",
        "xn--a.com",
        "xn--example-.com",
        "xn--0.com",
        "xn--bcher-kva-.example",
        "xn--a-ecp.ru" + "xn--",
        "\u0661.com",
    ],
)
def test_everything_else_is_refused(text: str) -> None:
    with pytest.raises(BadHost) as caught:
        parse_host(text)
    assert caught.value.code == "malformed"


PIECES = st.sampled_from(
    [*"aZ09xX.-_%@/\\:[]#? \t\n\x00", "xn--", "0x7f", "127", "1", "com", "localhost", "\u3002", "é"]
)


@given(st.one_of(st.text(), st.lists(PIECES, min_size=1, max_size=8).map("".join)))
@example("1.2.3.0x4")
def test_what_is_accepted_every_other_parser_reads_the_same(text: str) -> None:
    try:
        host = parse_host(text)
    except BadHost:
        return
    assert urlsplit(f"http://{host}/").hostname == host
    assert urlsplit(f"http://{host}:80/").port == 80
    with pytest.raises(ValueError, match="does not appear"):
        ipaddress.ip_address(host)
    with pytest.raises(OSError, match="illegal"):
        socket.inet_aton(host)
    assert parse_host(host) == host


@pytest.mark.parametrize(
    ("pattern", "host", "is_match"),
    [
        ("example.com", "example.com", True),
        ("example.com", "a.example.com", False),
        ("*.example.com", "a.example.com", True),
        ("*.example.com", "example.com", False),
        ("*.example.com", "a.b.example.com", False),
        ("*.example.com", "aexample.com", False),
        ("*.example.com", "example.com.evil.org", False),
        ("*.Example.com", "A.example.COM", True),
    ],
)
def test_a_wildcard_is_exactly_one_label(pattern: str, host: str, is_match: bool) -> None:
    assert HostPattern.parse(pattern).matches(parse_host(host)) is is_match
    assert str(HostPattern.parse(pattern)) == pattern.lower()


@pytest.mark.parametrize(
    "text",
    ["*", "*.com", "a*.example.com", "*a.example.com", "*.*.example.com", "a.*.com", "*.", ""],
)
def test_a_wildcard_elsewhere_is_refused(text: str) -> None:
    with pytest.raises(BadHost):
        HostPattern.parse(text)


def test_an_authority_is_a_name_and_a_port() -> None:
    assert parse_authority("Example.com:443") == ("example.com", 443)
    assert parse_port("65535") == 65535


@pytest.mark.parametrize(
    "port",
    ["", "0", "65536", "080", "+80", "-1", " 80", "80 ", "8_0", "0x50", "٨٠", "80:80", "1e3"],
)
def test_a_port_is_plain_digits(port: str) -> None:
    with pytest.raises(BadHost):
        parse_authority(f"example.com:{port}")


@pytest.mark.parametrize("text", ["example.com", ":443", "a@example.com:443", "[::1]:443"])
def test_an_authority_without_a_name_or_port_is_refused(text: str) -> None:
    with pytest.raises(BadHost):
        parse_authority(text)
