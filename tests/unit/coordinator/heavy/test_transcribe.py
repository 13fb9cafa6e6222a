"""Transcripts without a model."""

from dataclasses import dataclass

import pytest

from coordinator.heavy.transcribe import RATE, TEXT_CAP, check_length, joined
from core.errors import UserFacing


@dataclass
class Piece:
    text: str
    no_speech_prob: float = 0.0
    avg_logprob: float = 0.0


def test_pieces_are_joined_without_what_the_model_takes_for_silence() -> None:
    pieces = [
        Piece(" Hello."), Piece(" Thank you.", 0.9, -1.4), Piece(""), Piece(" Sure?", 0.9, -0.2)
    ]  # fmt: skip
    assert joined(pieces) == "Hello. Sure?"


def test_a_model_that_never_stops_is_cut() -> None:
    assert len(joined(Piece("word " * 1000) for _ in range(1000))) <= TEXT_CAP


def test_the_bound_on_length_is_counted_in_samples() -> None:
    check_length(60 * RATE, 60.0)
    with pytest.raises(UserFacing, match="longer than 1 minutes"):
        check_length(60 * RATE + 1, 60.0)
