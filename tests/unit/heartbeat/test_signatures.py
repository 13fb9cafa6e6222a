"""Webhook signatures."""

import hashlib
import hmac
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heartbeat.signatures import sign, verify

NOW = datetime(2026, 5, 1, tzinfo=UTC)
SECRET = b"s3cret-of-this-hook"


def own(body: bytes, header: str, *, secret: bytes = SECRET, now: datetime = NOW) -> bool:
    headers = {"x-agentai-signature": header}
    return verify(headers, body, secret=secret, now=now, style="agentai") is not None


@given(st.binary(max_size=200))
def test_a_genuine_request_passes_and_any_change_fails(body: bytes) -> None:
    header = sign(body, secret=SECRET, now=NOW)
    assert own(body, header)
    assert not own(body + b"x", header)
    assert not own(body, header, secret=b"other")
    assert not own(body, header.replace("t=1", "t=2"))


def test_an_old_or_future_request_fails() -> None:
    header = sign(b"x", secret=SECRET, now=NOW)
    assert own(b"x", header, now=NOW + timedelta(seconds=300))
    for delta in (301, -301):
        assert not own(b"x", header, now=NOW + timedelta(seconds=delta))


@given(st.text(max_size=120))
def test_no_header_breaks_the_check_or_passes(header: str) -> None:
    assert not own(b"x", header)
    headers = {"x-hub-signature-256": header, "x-github-delivery": "72d3162e-cc78"}
    assert verify(headers, b"x", secret=SECRET, now=NOW, style="github") is None


def test_an_empty_secret_proves_nothing() -> None:
    assert not own(b"x", sign(b"x", secret=b"", now=NOW), secret=b"")


def test_github_s_own_example_passes() -> None:
    # From GitHub's page "Validating webhook deliveries".
    mac = "757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
    headers = {"x-hub-signature-256": f"sha256={mac}", "x-github-delivery": "72d3162e-cc78-11e3"}
    secret = b"It's a Secret to Everybody"
    found = verify(headers, b"Hello, World!", secret=secret, now=NOW, style="github")
    assert found is not None
    assert (found.key, found.digest) == ("72d3162e-cc78-11e3", mac)


@pytest.mark.parametrize("delivery", ["", "x", "a b c d e f g h", "x" * 200])
def test_github_s_delivery_must_have_a_name(delivery: str) -> None:
    mac = hmac.new(SECRET, b"x", hashlib.sha256).hexdigest()
    headers = {"x-hub-signature-256": f"sha256={mac}", "x-github-delivery": delivery}
    assert verify(headers, b"x", secret=SECRET, now=NOW, style="github") is None
