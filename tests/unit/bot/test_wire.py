"""Updates as Telegram sends them, and as it never should."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.updates import Message, Other, Press
from bot.wire import MalformedUpdate, read_update, safe_name, update_ids

ME = {"id": 7, "is_bot": False, "first_name": "Me"}
CHAT = {"id": 7, "type": "private"}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=10,
)


def update(**parts: Any) -> str:
    return json.dumps({"update_id": 1, **parts})


def message(**parts: Any) -> dict[str, Any]:
    return {"message_id": 5, "from": ME, "chat": CHAT, "date": 0, **parts}


def read(**parts: Any) -> Message:
    found = read_update(update(message=message(**parts)))
    assert isinstance(found, Message)
    return found


def test_a_text_message_is_read() -> None:
    found = read(text=" hello ", reply_to_message={"message_id": 3})
    assert (found.text, found.message_id, found.reply_to) == ("hello", 5, 3)
    assert (found.sender.user_id, found.sender.is_private) == (7, True)
    assert not found.is_edit


def test_an_edit_is_marked() -> None:
    found = read_update(update(edited_message=message(text="x")))
    assert isinstance(found, Message)
    assert found.is_edit


@pytest.mark.parametrize(
    "sign", [{"forward_origin": {"type": "user"}}, {"forward_date": 0}, {"via_bot": {"id": 1}}]
)
def test_what_the_sender_did_not_write_is_marked(sign: dict[str, Any]) -> None:
    assert read(text="/run id", **sign).is_forwarded
    assert not read(text="/run id").is_forwarded


@pytest.mark.parametrize(
    ("parts", "name", "size"),
    [
        ({"document": {"file_id": "a", "file_name": "r.csv", "file_size": 9}}, "r.csv", 9),
        ({"document": {"file_id": "a"}}, "file.bin", 0),
        ({"voice": {"file_id": "a", "file_size": 2}}, "voice.ogg", 2),
        (
            {"photo": [{"file_id": "s", "file_size": 1}, {"file_id": "b", "file_size": 8}]},
            "photo-5.jpg",
            8,
        ),
        ({"document": {"file_id": "a", "file_name": "../../etc/passwd"}}, "_.._etc_passwd", 0),
    ],
)
def test_files_of_all_kinds_are_read(parts: dict[str, Any], name: str, size: int) -> None:
    found = read(caption="see", **parts)
    assert found.file is not None
    assert (found.file.name, found.file.size, found.text) == (name, size, "see")


def test_a_press_is_read() -> None:
    found = read_update(
        update(callback_query={"id": "9", "from": ME, "data": "c:1", "message": message(text="t")})
    )
    assert isinstance(found, Press)
    assert (found.data, found.message_id, found.callback_id) == ("c:1", 5, "9")


@pytest.mark.parametrize(
    "parts",
    [
        {},
        {"message_reaction": {"chat": CHAT}},
        {"channel_post": message(text="x")},
        {"message": {"message_id": 1, "chat": CHAT, "text": "no sender"}},
        {"callback_query": {"id": "9", "from": ME, "data": "c:1"}},
    ],
)
def test_what_the_bot_has_no_use_for_is_other(parts: dict[str, Any]) -> None:
    assert isinstance(read_update(update(**parts)), Other)


@pytest.mark.parametrize(
    ("payload", "names"),
    [
        ("nonsense", "update"),
        ("[]", "update"),
        ('{"update_id": "x"}', "update_id"),
        (update(message={"message_id": 1}), "message.chat"),
        (update(message=message(text=5)), "message.text"),
        (update(message={**message(), "from": {"id": "root"}}), "message.from.id"),
        (update(message={**message(), "message_id": 2**70}), "message.message_id"),
    ],
)
def test_a_malformed_update_says_where(payload: str, names: str) -> None:
    with pytest.raises(MalformedUpdate, match=names.replace(".", r"\.")):
        read_update(payload)


@given(st.text() | JSON.map(json.dumps) | JSON.map(lambda j: update(message=j)))
def test_any_payload_is_read_or_refused_clearly(payload: str) -> None:
    try:
        found = read_update(payload)
    except MalformedUpdate as error:
        text = str(error)
    else:
        text = repr(found)
    assert text


@given(st.text())
def test_no_file_name_can_leave_its_folder(name: str) -> None:
    safe = safe_name(name)
    assert 0 < len(safe.encode()) <= 100
    assert "/" not in safe
    assert "\\" not in safe
    assert safe not in {".", ".."}
    assert safe.isprintable()


def test_a_long_name_keeps_its_ending_and_fits_a_file_system() -> None:
    assert safe_name("\u6587" * 120 + ".zip") == "\u6587" * 32 + ".zip"
    assert safe_name("x" * 300) == "x" * 100


@given(st.lists(JSON, max_size=5))
def test_an_answer_to_getupdates_may_hold_anything(raw: list[object]) -> None:
    for update_id, payload in update_ids(raw):
        assert json.loads(payload)["update_id"] == update_id
