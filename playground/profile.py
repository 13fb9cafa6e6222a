"""The Bot API's methods about the bot's own profile: name, words about itself, picture.

Source: the Bot API's setMyName, setMyDescription, setMyShortDescription, setMyProfilePhoto (a
static one is a JPEG that comes along) and getUserProfilePhotos. Languages are not told apart.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from playground.validation import bad
from playground.wire import Params, Upload

if TYPE_CHECKING:
    from collections.abc import Callable

    from playground.state import State

CAPS = {"name": 64, "description": 512, "short_description": 120}
JPEG = b"\xff\xd8\xff"


def profile_methods(state: State) -> dict[str, Callable[[Params], Any]]:
    """The methods by their names in small letters."""
    found: dict[str, Callable[[Params], Any]] = {
        "setmyprofilephoto": lambda params: _set_picture(state, params),
        "removemyprofilephoto": lambda _: _remove_picture(state),
        "getuserprofilephotos": lambda params: _pictures(state, params),
    }
    for field in CAPS:
        method = f"my{field.replace('_', '')}"
        found[f"set{method}"] = partial(_set, state, field)
        found[f"get{method}"] = partial(_get, state, field)
    return found


def _get(state: State, field: str, _: Params) -> dict[str, str]:
    default = str(state.bot["first_name"]) if field == "name" else ""
    return {field: state.profile.get(field) or default}


def _set(state: State, field: str, params: Params) -> bool:
    text = str(params.get(field) or "")
    if len(text) > CAPS[field]:
        raise bad(f"{field.upper()}_TOO_LONG")
    state.profile[field] = text
    return True


def _set_picture(state: State, params: Params) -> bool:
    given = params.get("photo")
    if not isinstance(given, dict) or given.get("type") != "static":
        raise bad("can't parse InputProfilePhoto")
    upload = params.get(str(given.get("photo")).removeprefix("attach://"))
    if not isinstance(upload, Upload) or not upload.content.startswith(JPEG):
        raise bad("PHOTO_INVALID")
    state.pictures.insert(0, state.store("picture.jpg", "image/jpeg", upload.content).file_id)
    return True


def _remove_picture(state: State) -> bool:
    del state.pictures[:1]
    return True


def _pictures(state: State, params: Params) -> Any:  # noqa: ANN401 - JSON
    ids = state.pictures if params.get("user_id") == state.bot_id else []
    sizes = [
        {"file_id": one, "file_unique_id": f"u{one}", "width": 640, "height": 640,
         "file_size": len(state.files[one].content)}
        for one in ids
    ]  # fmt: skip
    limit = params.get("limit", 100)
    return {"total_count": len(sizes), "photos": [[size] for size in sizes[:limit]]}
