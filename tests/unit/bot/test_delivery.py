"""Decisions about messages on their way."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.delivery import (
    PROBES,
    TextPayload,
    candidates,
    read_probe,
    remedy,
    text_call,
    text_payload,
)
from bot.render import Entity, Piece


@pytest.mark.parametrize(
    ("refusal", "probe"),
    [
        (None, "arrived"),
        ("message is not modified: specified new message content", "arrived"),
        ("message to edit not found", "elsewhere"),
        ("message can't be edited", "elsewhere"),
    ],
)
def test_a_probe_tells_whether_the_message_arrived(refusal: str | None, probe: str) -> None:
    assert read_probe(refusal) == probe


@given(st.integers(0, 10**9), st.frozensets(st.integers(0, 50)))
def test_candidates_are_the_first_unknown_ids(after: int, offsets: frozenset[int]) -> None:
    known = frozenset(after + o for o in offsets)
    found = candidates(after, known)
    assert len(found) == PROBES
    assert all(c > after and c not in known for c in found)
    assert list(found) == sorted(found)


@pytest.mark.parametrize(
    ("refusal", "method", "has_entities", "is_blocked", "expected"),
    [
        ("message is not modified: x", "edit", False, False, "gone"),
        ("message to edit not found", "edit", False, False, "as_new"),
        ("message can't be edited", "edit", False, False, "as_new"),
        ("message to delete not found", "delete", False, False, "gone"),
        ("message can't be deleted for everyone", "delete", False, False, "give_up"),
        ("bot was blocked by the user", "delete", False, True, "wait"),
        ("can't parse entities: x", "text", True, False, "plain"),
        ("can't parse entities: x", "text", False, False, "give_up"),
        ("message is too long", "text", False, False, "give_up"),
        ("bot was blocked by the user", "text", True, True, "wait"),
        ("bot was blocked by the user", "edit", False, True, "wait"),
    ],
)
def test_each_refusal_has_a_remedy(
    refusal: str, method: str, has_entities: bool, is_blocked: bool, expected: str
) -> None:
    found = remedy(refusal, method=method, has_entities=has_entities, is_blocked=is_blocked)
    assert found == expected


def test_a_payload_survives_the_database() -> None:
    piece = Piece(
        text="a b",
        entities=(
            Entity(type="bold", offset=0, length=1),
            Entity(type="text_link", offset=2, length=1, url="https://x.example"),
        ),
    )
    payload = text_payload(piece, reply_to=4, keys=[[("Yes", "a:0")]], choices=("Yes",))
    again = TextPayload.model_validate(payload.model_dump(exclude_defaults=True, mode="json"))
    assert again == payload
    fields = text_call(again, 7)
    assert fields["entities"] == [
        {"type": "bold", "offset": 0, "length": 1},
        {"type": "text_link", "offset": 2, "length": 1, "url": "https://x.example"},
    ]
    assert fields["reply_parameters"] == {"message_id": 4, "allow_sending_without_reply": True}
    assert fields["reply_markup"] == {
        "inline_keyboard": [[{"text": "Yes", "callback_data": "a:0"}]]
    }
