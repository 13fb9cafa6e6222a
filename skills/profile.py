"""What a bot looks like: its name, its words about itself, and its picture. Pure.

Threat: an archive of a stranger renames the bot to something that passes for another. So a profile
is shown as it is, hidden characters as marks, and nothing of it counts before the owner's tap.
Source of the bounds: the Bot API's setMyName, setMyShortDescription, setMyDescription and
InputProfilePhotoStatic.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

from core.errors import UserFacing
from core.hygiene import visible

if TYPE_CHECKING:
    from collections.abc import Mapping

CAPS = {"name": 64, "about": 120, "description": 512}
PICTURE_CAP = 5 * 1024 * 1024
_JPEG = b"\xff\xd8\xff"


@dataclass(frozen=True, kw_only=True, slots=True)
class BotProfile:
    """Empty parts are left as they are when a profile is taken over."""

    name: str = ""
    about: str = ""
    description: str = ""
    picture: bytes = b""

    def texts(self) -> dict[str, str]:
        """Its words by name, without empty ones."""
        return {name: getattr(self, name) for name in CAPS if getattr(self, name)}

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to take over."""
        return not any(getattr(self, field.name) for field in fields(self))


NO_PROFILE = BotProfile()


def profile_of(texts: Mapping[object, object], picture: bytes) -> BotProfile:
    """A profile from an archive. UserFacing for a picture that Telegram would not take."""
    if picture and (not picture.startswith(_JPEG) or len(picture) > PICTURE_CAP):
        raise UserFacing("The bot's picture in it is no JPEG of at most 5 MB.")
    found = {name: texts.get(name) for name in CAPS}
    words = {
        name: visible(value.strip())[: CAPS[name]]
        for name, value in found.items()
        if isinstance(value, str)
    }
    return BotProfile(**words, picture=picture)
