from __future__ import annotations

import contextlib
import ssl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from executors.gateway.hello import BadHello, server_name


def client_hello(name: str | None) -> bytes:
    context = ssl.create_default_context()
    context.check_hostname = False
    out = ssl.MemoryBIO()
    with pytest.raises(ssl.SSLWantReadError):
        context.wrap_bio(ssl.MemoryBIO(), out, server_hostname=name).do_handshake()
    return out.read()


HELLO = client_hello("example.com")
NAME = b"\x00\x0e\x00\x00\x0bexample.com"


def records(message: bytes, size: int) -> bytes:
    pieces = [message[at : at + size] for at in range(0, len(message), size)]
    return b"".join(b"\x16\x03\x01" + len(p).to_bytes(2, "big") + p for p in pieces)


def test_the_name_of_a_real_client_is_read() -> None:
    assert server_name(HELLO) == "example.com"
    assert server_name(client_hello("A.Example.com")) == "a.example.com"


@given(st.integers(0, len(HELLO) - 1))
def test_a_part_of_a_hello_is_not_yet_an_answer(count: int) -> None:
    assert server_name(HELLO[:count]) is None


@given(st.integers(1, len(HELLO)))
def test_a_hello_may_be_spread_over_records(size: int) -> None:
    assert server_name(records(HELLO[5:], size)) == "example.com"


def test_bytes_of_the_next_record_do_not_matter() -> None:
    assert server_name(HELLO + b"\x17\x03\x03\x00\x01x") == "example.com"


@pytest.mark.parametrize(
    "data",
    [
        b"GET / HTTP/1.1\r\n",
        b"\x80\x2e\x01\x03\x01",
        b"\x16\x02\x00\x00\x05hello",
        b"\x16\x03\x01\x00\x00",
        b"\x16\x03\x01\x40\x01x",
        b"\x16\x03\x01\x00\x05\x02\x00\x00\x01x",
        b"SSH-2.0-x\r\n",
        client_hello(None),
        records(HELLO[5:] + b"x", 16000),
        HELLO.replace(NAME, b"\x00\x0e\x01\x00\x0bexample.com"),
        HELLO.replace(NAME, b"\x00\x0e\x00\x00\x0bexample\x00com"),
        HELLO.replace(NAME, b"\x00\x0e\x00\x00\x0bexample.co."),
        HELLO.replace(NAME, b"\x00\x0e\x00\x00\x0a127.0.0.1xx"),
        HELLO.replace(NAME, b"\x00\x0d\x00\x00\x0aexample.coX"),
        HELLO.replace(NAME, b"\x00\x0e\x00\x00\x0bexampl\xe9.com"),
    ],
)
def test_anything_else_is_refused(data: bytes) -> None:
    with pytest.raises(BadHello):
        server_name(data)


def test_two_names_are_refused() -> None:
    at = HELLO.index(b"\x00\x00" + len(NAME).to_bytes(2, "big") + NAME)
    extension = HELLO[at : at + 4 + len(NAME)]
    body = bytearray(HELLO[5:at] + extension + HELLO[at:])
    sizes = at - 2 - 5
    if int.from_bytes(HELLO[at - 2 : at], "big") != len(HELLO) - at:
        pytest.fail("the name is not the first extension any more")
    body[sizes : sizes + 2] = (len(HELLO) - at + len(extension)).to_bytes(2, "big")
    body[1:4] = (len(body) - 4).to_bytes(3, "big")
    with pytest.raises(BadHello, match="once"):
        server_name(records(bytes(body), 16000))


@given(st.binary(max_size=200), st.integers(0, len(HELLO)))
def test_no_bytes_raise_anything_else(noise: bytes, at: int) -> None:
    for data in (noise, HELLO[:at] + noise + HELLO[at:], records(b"\x01" + noise, 50)):
        with contextlib.suppress(BadHello):
            server_name(data)
