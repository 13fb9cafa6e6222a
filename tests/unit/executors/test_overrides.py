from __future__ import annotations

import gzip

import pytest
from hypothesis import given
from hypothesis import strategies as st

from executors.gateway.hosts import parse_host
from executors.gateway.ports import Asked
from executors.overrides import is_git_fetch, is_overridden

FORM = (b"content-type", b"application/x-www-form-urlencoded; charset=utf-8")
JSON = (b"content-type", b"application/json; charset=utf-8")
PARTS = (b"content-type", b"Multipart/Form-Data; boundary=b")
GIT = (b"content-type", b"application/x-git-upload-pack-request")
WANT = b"0032want " + b"a" * 40 + b"\n00000009done\n"


def asked(
    method: str = "POST", target: str = "/", *headers: tuple[bytes, bytes], body: bytes = b""
) -> Asked:
    return Asked(
        scheme="https", host=parse_host("a.example"), port=443, method=method, target=target,
        headers=headers, body=body,
    )  # fmt: skip


@pytest.mark.parametrize(
    "request_",
    [
        asked("GET", "/", (b"x-http-method-override", b"GET")),
        asked("POST", "/", (b"x_http_method_override", b"DELETE")),
        asked("POST", "/", (b"x-http-method", b"PUT")), asked("POST", "/",
        (b"x-method-override", b"PUT")),
        asked("GET", "/", (b"x-original-url", b"/admin")), asked("GET", "/",
        (b"x-rewrite-url", b"/admin")),
        asked("GET", "/", (b"x-forwarded-host", b"b.example")), asked("GET", "/",
        (b"forwarded", b"host=b")),
        asked("POST", "/?_method=DELETE"), asked("POST", "/a?b=c&_METHOD=DELETE"),
        asked("POST", "/", JSON, body=b'{"_method": "DELETE"}'),
        asked("POST", "/", JSON, body=b'{"a": {"\\u005fM\\u0065thod" : "put"}}'),
        asked("POST", "/?%5fmethod=DELETE"), asked("POST", "/", FORM, body=b"_method=put"),
        asked("POST", "/", FORM, body=b"a=b&_m%65thod=put"),
        asked("POST",
        "/", PARTS, body=b'--b\r\nContent-Disposition: form-data; name="_method"\r\n\r\nPUT'),
        asked("POST",
        "/", PARTS, body=b"--b\r\nContent-Disposition: form-data; name=_method\r\n\r\nPUT"),
    ],
)  # fmt: skip
def test_a_request_that_asks_for_another_reading_is_found(request_: Asked) -> None:
    assert is_overridden(request_)


@pytest.mark.parametrize(
    "request_",
    [
        asked("POST", "/", JSON, body=b'{"a": "_method", "my_method": 1}'),
        asked("GET", "/"), asked("GET", "/_method=x"), asked("GET", "/?the_method=x"),
        asked("GET", "/?q=_method"), asked("POST", "/", FORM, body=b"my_method=1&a=_method"),
        asked("POST", "/", (b"content-type", b"text/plain"), body=b"_method=x"), asked("POST",
        "/", FORM),
        asked("POST", "/", (b"x-forwarded-for", b"1.1.1.1")),
    ],
)  # fmt: skip
def test_an_ordinary_request_passes(request_: Asked) -> None:
    assert not is_overridden(request_)


@pytest.mark.parametrize(
    ("request_", "is_fetch"),
    [
        (asked("POST", "/r/git-upload-pack", GIT, body=WANT), True),
        (asked("POST", "/r/git-upload-pack", GIT, body=b"0014command=ls-refs\n"), True),
        (asked("POST", "/r/git-upload-pack", GIT, body=b"0011command=fetch"), True),
        (asked("POST", "/r/git-upload-pack", GIT, body=b"0011command=fetch0014agent=git/2"), True),
        (asked("POST", "/r/git-upload-pack", GIT, body=b"0014command=ls-refs\n0014agent=x"), True),
        (asked("POST", "/r/git-upload-pack", GIT, body=b"0015command=fetchall"), False),
        (asked("POST", "/r/git-upload-pack", GIT, (b"content-encoding", b"gzip"),
               body=gzip.compress(WANT)), True),
        (asked("POST", "/r/git-upload-pack", GIT,
        (b"content-encoding", b"gzip"), body=WANT), False),
        (asked("POST", "/r/git-upload-pack", GIT, body=b"data"), False),
        (asked("POST", "/r/git-upload-pack", GIT), False),
        (asked("POST", "/r/git-upload-pack", body=WANT), False),
        (asked("POST", "/r/git-upload-pack", GIT, GIT, body=WANT), False),
        (asked("POST", "/r/git-upload-pack?a", GIT, body=WANT), False),
        (asked("POST", "/?/git-upload-pack", GIT, body=WANT), False),
        (asked("POST", "/r/git-receive-pack", GIT, body=WANT), False),
        (asked("PUT", "/r/git-upload-pack", GIT, body=WANT), False),
    ],
)  # fmt: skip
def test_git_reads_with_exactly_one_form_of_post(request_: Asked, *, is_fetch: bool) -> None:
    assert is_git_fetch(request_) is is_fetch


@given(st.binary(max_size=60), st.binary(max_size=60))
def test_any_bytes_can_be_looked_at(body: bytes, kind: bytes) -> None:
    request_ = asked("POST", "/?a=%zz", (b"content-type", kind), FORM, body=body)
    assert is_overridden(request_) in {True, False}
    assert not is_git_fetch(request_)
