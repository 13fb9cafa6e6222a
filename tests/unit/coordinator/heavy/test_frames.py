"""Frames between the serving process and a heavy one."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coordinator.heavy.frames import FRAME_CAP, HEADER_BYTES, BadFrame, failure, length, pack, parse
from core.errors import Retryable, UserFacing

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


@given(st.dictionaries(st.text(), JSON, max_size=4))
def test_what_is_packed_is_read_back(body: dict[str, object]) -> None:
    frame = pack(body)
    assert length(frame[:HEADER_BYTES]) == len(frame) - HEADER_BYTES
    assert parse(frame[HEADER_BYTES:]) == body


@given(st.binary(max_size=200))
def test_any_bytes_are_an_object_or_refused(raw: bytes) -> None:
    with suppress(BadFrame):
        assert isinstance(parse(raw), dict)
    with suppress(BadFrame):
        assert 0 <= length(raw[:HEADER_BYTES]) <= FRAME_CAP


def test_a_frame_that_is_too_large_is_refused_on_both_ends() -> None:
    with pytest.raises(BadFrame):
        pack({"text": "x" * 100}, cap=100)
    with pytest.raises(BadFrame):
        length((FRAME_CAP + 1).to_bytes(HEADER_BYTES, "big"))


def raised(error: Exception) -> Exception:
    try:
        raise error
    except type(error) as caught:
        return caught


def test_our_own_errors_keep_their_words() -> None:
    assert failure(UserFacing("Broken.", "Send it again.")) == {
        "error": {"kind": "user", "text": "Broken.", "hint": "Send it again."}
    }
    assert failure(Retryable("away", 7.0)) == {
        "error": {"kind": "retry", "text": "away", "after_s": 7.0}
    }


def test_an_error_of_a_library_is_told_by_its_place_and_never_by_its_words() -> None:
    told = str(failure(raised(ValueError("the owner wrote: secret"))))
    assert "secret" not in told
    assert f"ValueError in {__name__}:" in told
    assert "MemoryError" not in str(failure(MemoryError()))
