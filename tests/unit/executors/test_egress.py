from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.policy import Grant, Tier
from executors.egress import (
    SHOWN_CAP,
    production,
    readable_body,
    request_arguments,
    request_effect,
    request_remember,
)
from executors.gateway.hosts import parse_host
from executors.gateway.ports import Asked

if TYPE_CHECKING:
    from core.policy import Effect

HOST = parse_host("api.example.com")


def asked(method: str, body: bytes = b"") -> Asked:
    return Asked(
        scheme="https", host=HOST, port=443, method=method, target="/", headers=(), body=body
    )


def effect(method: str, *, in_production: bool = True) -> Effect:
    return request_effect(asked(method), ("KEY",), in_production=in_production)


@pytest.mark.parametrize(
    ("method", "expected"),
    [("GET", False), ("HEAD", False), ("POST", True), ("DELETE", True), ("get", True)],
)
def test_every_change_of_production_says_so_and_no_reading(method: str, *, expected: bool) -> None:
    found = effect(method)
    assert found.is_production is expected
    assert (production(found) == {"production": True}) is expected
    assert ("production" in request_arguments(asked(method), found)) is expected
    assert not effect(method, in_production=False).is_production


@pytest.mark.parametrize(
    ("method", "in_production", "kinds"),
    [
        ("GET", True, ["scope", "host"]), ("POST", False, ["scope", "host"]),
        ("POST", True, []), ("DELETE", False, []),
    ],
)  # fmt: skip
def test_what_is_grave_offers_nothing_to_remember(
    method: str, kinds: list[str], *, in_production: bool
) -> None:
    one = effect(method, in_production=in_production)
    assert [r.kind for r in request_remember(asked(method), one, Grant())] == kinds
    assert (one.tier is Tier.DESTRUCTIVE) is (method == "DELETE")


def test_a_body_is_shown_or_named_by_size_and_digest() -> None:
    assert readable_body(b"") == ""
    assert readable_body("é".encode() + b"\xff") == "é\ufffd"
    assert len(readable_body(b"x" * SHOWN_CAP)) == SHOWN_CAP
    long = readable_body(b"x" * (SHOWN_CAP + 1))
    assert str(SHOWN_CAP + 1) in long
    assert (
        str(request_arguments(asked("PUT", b"x" * (SHOWN_CAP + 1)), effect("PUT"))["body"]) in long
    )


@given(st.binary(max_size=300))
def test_any_body_can_be_stored_as_text(body: bytes) -> None:
    assert bool(readable_body(body).encode()) is bool(body)
