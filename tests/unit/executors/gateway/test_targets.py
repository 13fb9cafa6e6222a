from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import Denied
from executors.gateway.hosts import parse_host
from executors.gateway.targets import check_same_host, check_target, host_header, split_absolute


@pytest.mark.parametrize(
    "target",
    ["/", "/a/b", "/a.b/..c", "/a%20b", "/%41", "/a?x=//../;%2f", "/.well-known/a", "/a%25b"],
)
def test_a_plain_path_passes(target: str) -> None:
    check_target(target)


@pytest.mark.parametrize(
    "target",
    [
        "",
        "a",
        "*",
        "/..",
        "/.",
        "/a/../b",
        "/a/./b",
        "/a/..",
        "/%2e%2e/a",
        "/%2E./a",
        "/.%2e/",
        "/%252e%252e/a",
        "/a%2fb",
        "/a%2Fb",
        "/a%252fb",
        "/a%5cb",
        "/a%5Cb",
        "/a%255cb",
        "/a\\b",
        "//a",
        "/a//b",
        "/a;b",
        "/..;/a",
        "/a%3bb",
        "/a#b",
        "/a?b#c",
        "/a?b\\c",
        "/a\x00",
        "/a b",
        "/a\x7f",
        "/é",
        "/a%00",
        "/a%0d%0a",
        "/a%",
        "/a%2",
        "/a%zz",
        "/a?b c",
    ],
)
def test_a_path_with_two_readings_is_refused(target: str) -> None:
    with pytest.raises(Denied) as caught:
        check_target(target)
    assert caught.value.code == "path_refused"


@given(st.text(alphabet="/.%25eEfFcC;\\ab?", max_size=12))
def test_what_passes_has_no_dots_after_decoding(rest: str) -> None:
    from urllib.parse import unquote

    target = f"/{rest}"
    try:
        check_target(target)
    except Denied:
        return
    path = target.partition("?")[0]
    for seen in (path, unquote(path), unquote(unquote(path))):
        assert not {".", ".."} & set(seen.split("/"))
        assert "\\" not in seen
        assert seen.count("/") == path.count("/")


def test_an_absolute_target_is_taken_apart() -> None:
    assert split_absolute("http://Example.com/a?b") == ("example.com", 80, "/a?b")
    assert split_absolute("http://example.com:8080") == ("example.com", 8080, "/")


@pytest.mark.parametrize(
    "url",
    [
        "/a",
        "https://example.com/",
        "ftp://a.b/",
        "http:///a",
        "http://a@b.com/",
        "http://b.com:/",
        "http://127.0.0.1/",
        "http://[::1]/",
        "http://b.com:080/",
        "*",
        "b.com:80",
        "http://b.com\\/",
    ],
)
def test_any_other_absolute_target_is_malformed(url: str) -> None:
    with pytest.raises(Denied) as caught:
        split_absolute(url)
    assert caught.value.code == "malformed"


def test_the_host_header_names_the_same_place() -> None:
    host = parse_host("example.com")
    check_same_host("Example.com", host, 443)
    check_same_host("example.com:443", host, 443)
    for header in ("", "example.com:80", "example.com.", "a.example.com", "example.com:", "a@b"):
        with pytest.raises(Denied, match="Host"):
            check_same_host(header, host, 443)
    assert host_header(host, 443, default=443) == b"example.com"
    assert host_header(host, 8443, default=443) == b"example.com:8443"
