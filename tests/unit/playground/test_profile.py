"""The bot's own profile, as the Bot API keeps it."""

from __future__ import annotations

import pytest

from playground.profile import profile_methods
from playground.state import State
from playground.validation import ApiError
from playground.wire import Upload

BOT = 42


@pytest.fixture
def state() -> State:
    owner = {"id": 7, "is_bot": False, "first_name": "Ada"}
    return State(bot_id=BOT, username="a_bot", name="Default", owner=owner)


@pytest.mark.parametrize(
    ("method", "field", "cap", "default"),
    [("myname", "name", 64, "Default"), ("mydescription", "description", 512, ""),
     ("myshortdescription", "short_description", 120, "")],
)  # fmt: skip
def test_words_are_kept_within_their_bounds_and_empty_ones_take_them_back(
    state: State, method: str, field: str, cap: int, default: str
) -> None:
    methods = profile_methods(state)
    assert methods[f"get{method}"]({}) == {field: default}
    assert methods[f"set{method}"]({field: "x" * cap}) is True
    assert methods[f"get{method}"]({}) == {field: "x" * cap}
    with pytest.raises(ApiError, match="TOO_LONG"):
        methods[f"set{method}"]({field: "x" * (cap + 1)})
    methods[f"set{method}"]({})
    assert methods[f"get{method}"]({}) == {field: default}


def test_a_picture_is_a_jpeg_that_comes_along(state: State) -> None:
    methods = profile_methods(state)
    upload = Upload(name="p", mime="image/jpeg", content=b"\xff\xd8\xff rest")
    photo = {"type": "static", "photo": "attach://one"}
    assert methods["setmyprofilephoto"]({"photo": photo, "one": upload}) is True
    found = methods["getuserprofilephotos"]({"user_id": BOT, "limit": 1})
    assert found["total_count"] == 1
    assert found["photos"][0][0]["file_id"] in state.files
    assert methods["getuserprofilephotos"]({"user_id": 7})["photos"] == []
    png = Upload(name="p", mime="image/png", content=b"\x89PNG")
    for bad in ({"photo": photo, "one": png}, {"photo": photo}, {"photo": "x"}, {}):
        with pytest.raises(ApiError):
            methods["setmyprofilephoto"](bad)
    methods["removemyprofilephoto"]({})
    assert methods["getuserprofilephotos"]({"user_id": BOT})["total_count"] == 0
