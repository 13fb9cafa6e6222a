"""The Bot API's methods that a bot like ours uses.

Each takes the call's parameters and returns its `result`.
"""

from __future__ import annotations

import secrets
import time
from typing import TYPE_CHECKING, Any

from playground.profile import profile_methods
from playground.validation import (
    FILE_CAP,
    PHOTO_CAP,
    UPLOAD_CAP,
    ApiError,
    bad,
    check_commands,
    check_formatted,
    check_markup,
    looks_like_image,
)
from playground.wire import Params, Upload

if TYPE_CHECKING:
    from collections.abc import Callable

    from playground.callbacks import Callbacks
    from playground.state import Shown, State

ANSWER_CAP = 200
ALBUM_CAP = 10
DELETABLE_S = 48 * 3600
ACTIONS = frozenset({
    "typing", "upload_photo", "record_video", "upload_video", "record_voice", "upload_voice",
    "upload_document", "choose_sticker", "find_location", "record_video_note", "upload_video_note",
})  # fmt: skip


class Methods:
    """Everything but getUpdates and webhooks, which the server handles itself.

    `tell(kind, data)` reports to the page what changed.
    """

    def __init__(
        self, state: State, callbacks: Callbacks, tell: Callable[[str, Any], None]
    ) -> None:
        self._state = state
        self._callbacks = callbacks
        self._tell = tell
        self._by_name: dict[str, Callable[[Params], Any]] = {
            "getme": self._get_me, "sendmessage": self._send_message,
            "editmessagetext": self._edit_text, "editmessagecaption": self._edit_caption,
            "editmessagereplymarkup": self._edit_markup, "deletemessage": self._delete,
            "senddocument": self._send_document, "sendphoto": self._send_photo,
            "sendanimation": self._send_animation, "sendmediagroup": self._send_media_group,
            "sendvoice": self._send_voice, "getfile": self._get_file,
            "sendchataction": self._action,
            "answercallbackquery": self._answer_callback, "setmycommands": self._set_commands,
            "getmycommands": lambda _: self._state.commands,
            "deletemycommands": lambda _: self._set_commands({"commands": []}),
            "setmessagereaction": self._react, "getchat": self._get_chat,
            **profile_methods(state),
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
        if chat_id in (None, ""):
            raise bad("chat_id is empty")
        if not isinstance(chat_id, int) or chat_id not in self._state.chats:
            raise bad("chat not found")
        return chat_id

    def _reply_to(self, params: Params, chat_id: int) -> int | None:
        reply = params.get("reply_parameters") or {}
        if not isinstance(reply, dict):
            raise bad("object expected as reply parameters")
        wanted = reply.get("message_id", params.get("reply_to_message_id"))
        if wanted is None:
            return None
        if self._state.find(chat_id, wanted) is None:
            if reply.get("allow_sending_without_reply"):
                return None
            raise bad("message to be replied not found")
        return int(wanted)

    def _formatted(self, params: Params, kind: str) -> tuple[str, list[dict[str, Any]]]:
        """The text or caption with its entities."""
        if params.get("parse_mode"):
            raise bad("can't parse entities: the playground knows no parse modes")
        is_caption = kind == "caption"
        entities = params.get("caption_entities" if is_caption else "entities")
        return check_formatted(params.get(kind), entities, is_caption=is_caption)

    # --- sending ---

    def _send_message(self, params: Params) -> Any:  # noqa: ANN401 - JSON
        return self._sent(self._chat_id(params), params, "text")

    def _send_document(self, params: Params) -> Any:  # noqa: ANN401 - JSON
        return self._send_file(params, "document")

    def _send_photo(self, params: Params) -> Any:  # noqa: ANN401 - JSON
        return self._send_file(params, "photo")

    def _send_voice(self, params: Params) -> Any:  # noqa: ANN401 - JSON
        seconds = params.get("duration")
        return self._send_file(
            params, "voice", seconds=seconds if isinstance(seconds, int) and seconds > 0 else 0
        )

    def _send_animation(self, params: Params) -> Any:  # noqa: ANN401 - JSON
        return self._send_file(params, "animation")

    def _send_media_group(self, params: Params) -> Any:  # noqa: ANN401 - JSON
        """Two to ten photos or documents; all are looked at before the first is sent."""
        chat_id, listed = self._chat_id(params), params.get("media")
        if not isinstance(listed, list) or not 2 <= len(listed) <= ALBUM_CAP:
            raise bad("group must have 2 to 10 items")
        reply_to, items = self._reply_to(params, chat_id), []
        for media in listed:
            kind = media.get("type") if isinstance(media, dict) else None
            if kind not in {"photo", "document"}:
                raise bad("wrong type of the media")
            text, entities = self._formatted(media, "caption")
            file: dict[str, Any] = {kind: self._file_id({**params, kind: media.get("media")}, kind)}
            items.append({"text": text, "entities": entities, "reply_to": reply_to, **file})
        album = secrets.token_hex(6)
        sent = [self._state.add(chat_id, self._state.bot_id, album=album, **item) for item in items]
        for shown in sent:
            self._tell("message", shown)
        return [self._state.as_api(shown) for shown in sent]

    def _send_file(self, params: Params, kind: str, **more: int) -> Any:  # noqa: ANN401 - JSON
        chat_id = self._chat_id(params)
        self._formatted(params, "caption")  # refused before the file is kept
        check_markup(params.get("reply_markup"))
        self._reply_to(params, chat_id)
        file: dict[str, Any] = {kind: self._file_id(params, kind)}
        return self._sent(chat_id, params, "caption", **file, **more)

    def _file_id(self, params: Params, kind: str) -> str:
        """The file that came along, or one that was sent before."""
        given = params.get(kind)
        if isinstance(given, str) and given.startswith("attach://"):
            given = params.get(given.removeprefix("attach://"))
        if isinstance(given, str):
            if given not in self._state.files:
                raise bad("wrong file identifier/HTTP URL specified")
            return given
        if not isinstance(given, Upload):
            raise bad(f"there is no {kind} in the request")
        if not given.content:
            raise bad("file must be non-empty")
        if len(given.content) > UPLOAD_CAP:
            raise ApiError(413, "Request Entity Too Large")
        if kind == "photo" and not looks_like_image(given.content):
            raise bad("IMAGE_PROCESS_FAILED")
        if kind == "photo" and len(given.content) > PHOTO_CAP:
            raise ApiError(413, "Request Entity Too Large")
        if kind == "voice" and not given.content.startswith(b"OggS"):
            raise bad("VOICE_FILE_INVALID: the playground takes OGG with Opus only")
        return self._state.store(given.name, given.mime, given.content).file_id

    def _sent(self, chat_id: int, params: Params, kind: str, **file: Any) -> Any:  # noqa: ANN401 - JSON
        text, entities = self._formatted(params, kind)
        shown = self._state.add(
            chat_id, self._state.bot_id, text=text, entities=entities,
            buttons=check_markup(params.get("reply_markup")),
            reply_to=self._reply_to(params, chat_id), **file,
        )  # fmt: skip
        self._tell("message", shown)
        return self._state.as_api(shown)

    # --- editing ---

    def _editable(self, params: Params) -> Shown:
        chat_id, message_id = self._chat_id(params), params.get("message_id")
        if message_id is None:
            raise bad("message identifier is not specified")
        return self._state.editable(chat_id, message_id)

    def _edit_text(self, params: Params) -> Any:  # noqa: ANN401 - JSON
        shown = self._editable(params)
        text, entities = self._formatted(params, "text")
        if _has_file(shown):
            raise bad("there is no text in the message to edit")
        return self._change(shown, params, text, entities)

    def _edit_caption(self, params: Params) -> Any:  # noqa: ANN401 - JSON
        shown = self._editable(params)
        if not _has_file(shown):
            raise bad("there is no caption in the message to edit")
        text, entities = self._formatted(params, "caption")
        return self._change(shown, params, text, entities)

    def _edit_markup(self, params: Params) -> Any:  # noqa: ANN401 - JSON
        shown = self._editable(params)
        return self._change(shown, params, shown.text, shown.entities)

    def _change(self, shown: Shown, params: Params, text: str, entities: list[Any]) -> Any:  # noqa: ANN401 - JSON
        buttons = check_markup(params.get("reply_markup"), is_edit=True)
        if shown.looks() == (text, entities, buttons):
            raise bad(
                "message is not modified: specified new message content and reply markup are "
                "exactly the same as a current content and reply markup of the message"
            )
        shown.text, shown.entities, shown.buttons = text, entities, buttons
        shown.edits += 1
        shown.edited_at = int(time.time())
        self._tell("edit", shown)
        return self._state.as_api(shown)

    def _delete(self, params: Params) -> bool:
        shown = self._state.find(self._chat_id(params), params.get("message_id"))
        if shown is None:
            raise bad("message to delete not found")
        if time.time() - shown.date > DELETABLE_S:
            raise bad("message can't be deleted for everyone")
        shown.deleted = True
        self._tell("delete", {"id": shown.id})
        return True

    # --- the rest ---

    def _get_file(self, params: Params) -> Any:  # noqa: ANN401 - JSON
        file = self._state.files.get(str(params.get("file_id")))
        if file is None:
            raise bad("wrong file_id or the file is temporarily unavailable")
        if len(file.content) > FILE_CAP:
            raise bad("file is too big")
        return {
            "file_id": file.file_id, "file_unique_id": f"u{file.file_id}",
            "file_size": len(file.content), "file_path": f"documents/{file.file_id}",
        }  # fmt: skip

    def _action(self, params: Params) -> bool:
        self._chat_id(params)
        if str(params.get("action")) not in ACTIONS:
            raise bad("wrong parameter action in request")
        self._tell("action", {"action": params["action"]})
        return True

    def _react(self, params: Params) -> bool:
        if self._state.find(self._chat_id(params), params.get("message_id")) is None:
            raise bad("message to react not found")
        return True

    def _answer_callback(self, params: Params) -> bool:
        text, alert = str(params.get("text") or ""), bool(params.get("show_alert"))
        if len(text) > ANSWER_CAP:
            raise bad("MESSAGE_TOO_LONG")
        message_id = self._callbacks.answer(str(params.get("callback_query_id")))
        self._tell("callback", {"message_id": message_id, "text": text, "alert": alert})
        return True

    def _set_commands(self, params: Params) -> bool:
        self._state.commands = check_commands(params.get("commands"))
        self._tell("commands", self._state.commands)
        return True

    def _get_chat(self, params: Params) -> Any:  # noqa: ANN401 - JSON
        chat = self._state.chat(self._chat_id(params))
        return {**chat, "accent_color_id": 0, "max_reaction_count": 11}


def _has_file(shown: Shown) -> bool:
    return bool(shown.document or shown.photo or shown.sound or shown.animation)
