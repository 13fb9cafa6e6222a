"""Names of speech models."""

import pytest

from coordinator.heavy.fetch_voice_model import MODELS, share_done, source
from core.errors import UserFacing


def test_short_names_and_repositories_are_known() -> None:
    assert source("base") == ("Systran/faster-whisper-base", 148)
    assert source("someone/their-model.v2") == ("someone/their-model.v2", 0)


@pytest.mark.parametrize("name", ["", "huge", "../etc", "a/../b", "/abs/path", "a/b/c", "a b/c"])
def test_other_names_are_refused_with_the_choices(name: str) -> None:
    with pytest.raises(UserFacing) as told:
        source(name)
    assert all(known in told.value.hint for known in MODELS)


def test_progress_is_a_share_below_one() -> None:
    assert share_done(0, 100) == 0
    assert share_done(50_000_000, 100) == 0.5
    assert share_done(500_000_000, 100) == 0.99
    assert share_done(500, 0) == 0
