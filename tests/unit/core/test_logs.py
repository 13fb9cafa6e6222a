"""No secret in a log line."""

import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.logs import MASK, Redactor


def line(redactor: Redactor, message: str, **extra: object) -> str:
    record = logging.makeLogRecord({"name": "n", "levelname": "INFO", "msg": message, **extra})
    return redactor.format(record)


@given(st.text("abcdefghijklmnopqrstuvwxyz0123456789", min_size=8, max_size=40), st.text())
def test_a_known_secret_never_appears(secret: str, around: str) -> None:
    redactor = Redactor([secret])
    assert secret not in redactor.mask(f"{around}{secret}{around}").replace(MASK, "")


def test_tokens_keys_and_passwords_are_masked_by_their_looks() -> None:
    redactor = Redactor()
    told = line(
        redactor,
        "https://api.telegram.org/bot123456789:AAabcdefghijklmnopqrstuvwxyz0123456/getMe",
        key="sk-or-v1-abcdefabcdefabcdef",
        dsn="postgresql://user:hunter2pass@host/db",
    )
    for secret in ("AAabcdefghijklmnop", "abcdefabcdef", "hunter2pass"):
        assert secret not in told


def test_a_traceback_is_masked_too() -> None:
    redactor = Redactor(["the-secret-value"])
    with pytest.raises(ValueError, match="it was") as caught:
        int("it was the-secret-value")
    told = line(redactor, "failed", exc_info=(caught.type, caught.value, caught.tb))
    assert "ValueError" in told
    assert "the-secret-value" not in told


def test_fields_follow_the_sentence() -> None:
    assert line(Redactor(), "a thing happened", task=7).endswith("a thing happened task=7")
