"""Sealed values."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import ConfigError
from core.seal import Seal

SEAL = Seal("a-secret-key-of-the-instance")


@given(
    st.text(st.characters(exclude_categories=["Cs"])),
    st.text(st.characters(exclude_categories=["Cs"])),
)
def test_what_is_sealed_opens_again(plain: str, name: str) -> None:
    assert SEAL.open(SEAL.close(plain, name=name), name=name) == plain


def test_a_sealed_value_is_not_readable_and_never_the_same_twice() -> None:
    first, second = SEAL.close("hunter2", name="n"), SEAL.close("hunter2", name="n")
    assert "hunter2" not in first
    assert first != second


def test_another_key_or_another_name_does_not_open_it() -> None:
    sealed = SEAL.close("hunter2", name="model.api_key")
    with pytest.raises(ConfigError, match="AGENTAI_SECRET_KEY"):
        Seal("another-key-of-an-instance").open(sealed, name="model.api_key")
    with pytest.raises(ConfigError):
        SEAL.open(sealed, name="other")


def test_the_seal_does_not_show_its_key() -> None:
    assert "a-secret-key" not in repr(SEAL)
