"""The Bot API's methods that a bot like ours uses.

Each takes the call's parameters and returns its `result`.
"""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

from playground.validation import (
    FILE_CAP,
    ApiError,
    bad,
    check_entities,
    check_markup,
    check_text,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from playground.state import Shown, State

CALLBACK_LIVES_S = 150.0
Params = dict[str, Any]


class Upload:
    """A file that came with a call."""

    def __init__(self, name: str, mime: str, content: bytes) -> None:
        self.name, self.mime, self.content = name, mime, content


def read_params(raw: Mapping[str, Any]) -> Params:
    """Parameters as they mean: a form sends numbers, switches and objects as JSON texts."""
    return {name: _meant(name, value) for name, value in raw.items()}


_TEXTS = frozenset({
    "text", "caption", "callback_query_id", "url", "secret_token", "action", "file_id",
    "parse_mode",
})  # fmt: skip


def _meant(name: str, value: Any) -> Any:  # noqa: ANN401 - JSON
    if not isinstance(value, str) or name in _TEXTS:
        return value
    try:
        return json.loads(value)
    except ValueError:
        return value


class Methods:
    """Everything but getUpdates and webhooks, which the server handles itself.

    `tell(kind, data)` reports to the page what changed.
    """

    def __init__(self, state: State, tell: Callable[[str, Any], None]) -> None:
        self._state = state
        self._tell = tell
        self.callbacks: dict[str, tuple[float, int]] = {}  # id → made at, message id
        self._by_name: dict[str, Callable[[Params], Any]] = {
            "getme": self._get_me, "sendmessage": self._send_message,
            "editmessagetext": self._edit_text, "editmessagecaption": self._edit_caption,
            "editmessagereplymarkup": self._edit_markup, "deletemessage": self._delete,
            "senddocument": self._send_document, "sendphoto": self._send_photo,
            "getfile": self._get_file, "sendchataction": self._action,
            "answercallbackquery": self._answer_callback, "setmycommands": self._set_commands,
            "getmycommands": lambda _: self._state.commands,
            "deletemycommands": lambda _: self._set_commands({"commands": []}),
            "setmessagereaction": lambda _: True, "getchat": self._get_chat,
            "sendmessagedraft": lambda _: True, "logout": lambda _: True, "close": lambda _: True,
        }  # fmt: skip

    def call(self, method: str, params: Params) -> Any:  # noqa: ANN401 - JSON
        """Carries out a call, or raises `ApiError`."""
        found = self._by_name.get(method.lower())
        if found is None:
            raise ApiError(404, "Not Found")
        return found(params)

    def _get_me(self, _: Params) -> Any:  # noqa: ANN401 - JSON
        return {
            **self._state.bot, "can_join_groups": True, "can_read_all_group_messages": False,
            "supports_inline_queries": False, "can_connect_to_business": False,
            "has_main_web_app": False,
        }  # fmt: skip

    def _chat_id(self, params: Params) -> int:
        chat_id = params.get("chat_id")
        if not isinstance(chat_id, int):
            raise bad("chat not found")
        known = {self._state.owner["id"]} | {m.chat_id for m in self._state.messages.values()}
        if chat_id not in known:
            raise bad("chat not found")
        return chat_id

    def _reply_to(self, params: Params, chat_id: int) -> int | None:
        reply = params.get("reply_parameters") or {}
        wanted = reply.get("message_id", params.get("reply_to_message_id"))
        if wanted is None:
            return None
        if self._state.find(chat_id, wanted) is None:
            if reply.get("allow_sending_without_reply"):
                return None
            raise bad("message to be replied not found")
        return int(wanted)

    # --- sending ---

    def _send_message(self, params: Params) -> Any:  # noqa: ANN401 - JSON
        if params.get("parse_mode"):
            raise bad("can't parse entities: the playground knows no parse modes")
        chat_id = self._chat_id(params)
        text = check_text(params.get("text"))
        return self._sent(
            chat_id, text=text, entities=check_entities(text, params.get("entities")),
            buttons=check_markup(params.get("reply_markup")),
            reply_to=self._reply_to(params, chat_id),
        )  # fmt: skip

    def _send_document(self, params: Params) -> Any:  # noqa: ANN401 - JSON
        return self._send_file(params, "document")

    def _send_photo(self, params: Params) -> Any:  # noqa: ANN401 - JSON
        return self._send_file(params, "photo")

    def _send_file(self, params: Params, kind: str) -> Any:  # noqa: ANN401 - JSON
        chat_id = self._chat_id(params)
        caption = check_text(params.get("caption"), is_caption=True)
        given = params.get(kind)
        if isinstance(given, str) and given.startswith("attach://"):
            given = params.get(given.removeprefix("attach://"))
        if isinstance(given, Upload):
            if not given.content:
                raise bad("file must be non-empty")
            file_id = self._state.store(given.name, given.mime, given.content).file_id
        elif isinstance(given, str) and given in self._state.files:
            file_id = given
        else:
            raise bad(f"there is no {kind} in the request")
        parts: dict[str, Any] = {kind: file_id}
        return self._sent(
            chat_id, text=caption, entities=check_entities(caption, params.get("caption_entities")),
            buttons=check_markup(params.get("reply_markup")),
            reply_to=self._reply_to(params, chat_id), **parts,
        )  # fmt: skip

    def _sent(self, chat_id: int, **parts: Any) -> Any:  # noqa: ANN401 - fields of Shown
        shown = self._state.add(chat_id, self._state.bot_id, **parts)
        self._tell("message", shown)
        return self._state.as_api(shown)

    # --- editing ---

    def _edit_text(self, params: Params) -> Any:  # noqa: ANN401 - JSON
        shown = self._state.editable(self._chat_id(params), params.get("message_id"))
        text = check_text(params.get("text"))
        entities = check_entities(text, params.get("entities"))
        return self._change(shown, text, entities, check_markup(params.get("reply_markup")))

    def _edit_caption(self, params: Params) -> Any:  # noqa: ANN401 - JSON
        shown = self._state.editable(self._chat_id(params), params.get("message_id"))
        if not shown.document and not shown.photo:
            raise bad("there is no caption in the message to edit")
        text = check_text(params.get("caption"), is_caption=True)
        entities = check_entities(text, params.get("caption_entities"))
        return self._change(shown, text, entities, check_markup(params.get("reply_markup")))

    def _edit_markup(self, params: Params) -> Any:  # noqa: ANN401 - JSON
        shown = self._state.editable(self._chat_id(params), params.get("message_id"))
        markup = check_markup(params.get("reply_markup"))
        return self._change(shown, shown.text, shown.entities, markup)

    def _change(
        self, shown: Shown, text: str, entities: list[Any], buttons: list[list[Any]]
    ) -> Any:  # noqa: ANN401 - JSON
        if shown.looks() == (text, entities, buttons):
            raise bad(
                "message is not modified: specified new message content and reply markup are "
                "exactly the same as a current content and reply markup of the message"
            )
        shown.text, shown.entities, shown.buttons = text, entities, buttons
        shown.edits += 1
        self._tell("edit", shown)
        return self._state.as_api(shown)

    def _delete(self, params: Params) -> bool:
        shown = self._state.find(self._chat_id(params), params.get("message_id"))
        if shown is None:
            raise bad("message to delete not found")
        shown.deleted = True
        self._tell("delete", {"id": shown.id})
        return True

    # --- the rest ---

    def _get_file(self, params: Params) -> Any:  # noqa: ANN401 - JSON
        file = self._state.files.get(str(params.get("file_id")))
        if file is None:
            raise bad("invalid file_id")
        if len(file.content) > FILE_CAP:
            raise bad("file is too big")
        return {
            "file_id": file.file_id, "file_unique_id": f"u{file.file_id}",
            "file_size": len(file.content), "file_path": f"documents/{file.file_id}",
        }  # fmt: skip

    def _action(self, params: Params) -> bool:
        self._chat_id(params)
        self._tell("action", {"action": params.get("action", "typing")})
        return True

    def _answer_callback(self, params: Params) -> bool:
        made_at, message_id = self.callbacks.pop(
            str(params.get("callback_query_id")), (-CALLBACK_LIVES_S, 0)
        )
        if time.monotonic() - made_at > CALLBACK_LIVES_S:
            raise bad("query is too old and response timeout expired or query ID is invalid")
        text, alert = params.get("text") or "", bool(params.get("show_alert"))
        self._tell("callback", {"message_id": message_id, "text": text, "alert": alert})
        return True

    def _set_commands(self, params: Params) -> bool:
        commands = params.get("commands")
        if not isinstance(commands, list):
            raise bad("can't parse commands")
        self._state.commands = commands
        self._tell("commands", commands)
        return True

    def _get_chat(self, params: Params) -> Any:  # noqa: ANN401 - JSON
        chat = self._state.chat(self._chat_id(params))
        return {**chat, "accent_color_id": 0, "max_reaction_count": 11}
