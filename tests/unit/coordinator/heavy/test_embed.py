"""Texts on their way into a C library."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coordinator.heavy.embed import BATCH, TEXT_CAP, clean, run
from core.errors import Bug


@given(st.text(alphabet=st.characters(), max_size=TEXT_CAP + 50))
def test_any_text_becomes_bounded_utf8_without_nul(text: str) -> None:
    cleaned = clean(text)
    assert len(cleaned) <= TEXT_CAP
    assert b"\0" not in cleaned.encode()


def test_a_lone_surrogate_is_replaced() -> None:
    assert clean("a\ud800b\0c") == "a?b c"


@pytest.mark.parametrize("count", [0, BATCH + 1])
def test_a_batch_has_bounds(count: int) -> None:
    with pytest.raises(Bug):
        run({"texts": ["x"] * count, "kind": "query"})
