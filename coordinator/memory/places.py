"""Where a message stands: in which talk, and at which place of it. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

PAUSE = timedelta(hours=2)


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """A talk is named by the id of its first message."""

    talk: int
    place: int
    at: datetime


def next_place(last: Place | None, message_id: int, at: datetime) -> Place:
    """The message's place; after a pause of two hours a new talk begins."""
    if last is None or at - last.at > PAUSE:
        return Place(talk=message_id, place=0, at=at)
    return Place(talk=last.talk, place=last.place + 1, at=at)
