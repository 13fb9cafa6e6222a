"""Whatever a call carries, it is carried out or refused; it never breaks the server."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from playground.callbacks import Callbacks
from playground.methods import Methods
from playground.state import State
from playground.validation import ApiError
from playground.wire import Upload, meant

BOT, OWNER = 1, 7001
METHODS = (
    "getMe", "sendMessage", "editMessageText", "editMessageCaption", "editMessageReplyMarkup",
    "deleteMessage", "sendDocument", "sendPhoto", "getFile", "sendChatAction", "getChat",
    "answerCallbackQuery", "setMyCommands", "getMyCommands", "deleteMyCommands",
    "setMessageReaction",
)  # fmt: skip
NAMES = (
    "chat_id", "text", "entities", "reply_markup", "reply_parameters", "message_id", "caption",
    "caption_entities", "document", "photo", "file_id", "action", "callback_query_id", "commands",
)  # fmt: skip
FIELDS = ("message_id", "type", "offset", "length", "command", "inline_keyboard", "text", "url")
upload = Upload(name="x", mime="text/plain", content=b"x")
values = st.recursive(
    st.none() | st.booleans() | st.integers(0, 9) | st.text(max_size=4)
    | st.sampled_from([OWNER, "attach://text", "typing", "1", 2**70, 1.5, "bold", upload]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(FIELDS), inner),
    max_leaves=5,
)  # fmt: skip


def a_state() -> State:
    owner = {"id": OWNER, "is_bot": False, "first_name": "You"}
    state = State(bot_id=BOT, username="b", name="B", owner=owner)
    state.add(OWNER, BOT, text="the bot's")
    state.add(OWNER, OWNER, text="the owner's")
    file = state.store("x", "text/plain", b"x")
    state.add(OWNER, BOT, text="a file", document=file.file_id)
    return state


@given(
    st.sampled_from(METHODS),
    st.dictionaries(st.sampled_from(NAMES), values),
    st.booleans(),
)
def test_no_parameters_whatever_break_a_method(
    method: str, params: dict[str, Any], has_chat: bool
) -> None:
    state = a_state()
    told: list[str] = []
    methods = Methods(state, Callbacks(), lambda kind, data: told.append(kind))
    if has_chat:
        params["chat_id"] = OWNER
    with contextlib.suppress(ApiError):
        methods.call(method, meant(params))
    for shown in state.messages.values():
        state.as_api(shown)
        state.as_page(shown)


def test_a_refused_call_changes_nothing() -> None:
    state = a_state()
    methods = Methods(state, Callbacks(), lambda kind, data: pytest.fail(kind))
    reply = {"message_id": 99}
    params = {"chat_id": OWNER, "document": upload, "reply_parameters": reply}
    with pytest.raises(ApiError):
        methods.call("sendDocument", params)
    assert (len(state.files), len(state.messages)) == (1, 3)
