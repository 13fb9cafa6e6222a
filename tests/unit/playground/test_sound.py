"""Recordings in the stand-in for Telegram: sent by the person, sent by the bot, kept."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from playground.person import NotPossible
from playground.server import OWNER_ID, PlaygroundServer
from playground.validation import ApiError
from playground.wire import Upload

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def server() -> PlaygroundServer:
    return PlaygroundServer(token="1234:x")


def newest(server: PlaygroundServer) -> dict[str, Any]:
    message: dict[str, Any] = server.updates.pending[-1]["message"]
    return message


@pytest.mark.parametrize(
    ("kind", "keys"),
    [
        ("voice", {"file_id", "file_unique_id", "mime_type", "file_size", "duration"}),
        ("audio", {"file_id", "file_unique_id", "file_name", "mime_type", "file_size", "duration"}),
        ("video_note", {"file_id", "file_unique_id", "file_size", "duration", "length"}),
    ],
)
async def test_a_recording_arrives_with_the_fields_of_the_bot_api(
    server: PlaygroundServer, kind: str, keys: set[str]
) -> None:
    server.person.send_sound(b"OggS", kind=kind, seconds=3, caption="listen")
    message = newest(server)
    assert set(message[kind]) == keys
    assert (message[kind]["duration"], message["caption"]) == (3, "listen")
    assert "forward_origin" not in message
    server.person.send_sound(b"OggS", kind=kind, is_forwarded=True)
    assert newest(server)["forward_origin"]["type"] == "hidden_user"


async def test_what_is_no_recording_is_refused(server: PlaygroundServer) -> None:
    for content, kind in ((b"", "voice"), (b"x", "smell")):
        with pytest.raises(NotPossible):
            server.person.send_sound(content, kind=kind)


async def test_the_bot_sends_a_voice_note_and_edits_its_caption(server: PlaygroundServer) -> None:
    note = Upload(name="voice.ogg", mime="audio/ogg", content=b"OggS...")
    call = server._methods.call
    sent = call("sendVoice", {"chat_id": OWNER_ID, "voice": note, "duration": 2})
    assert (sent["voice"]["duration"], sent["from"]["is_bot"]) == (2, True)
    edit = {"chat_id": OWNER_ID, "message_id": sent["message_id"], "caption": "mine"}
    assert call("editMessageCaption", edit)["caption"] == "mine"
    with pytest.raises(ApiError, match="no text in the message"):
        call("editMessageText", {**edit, "text": "x"})
    bad = Upload(name="a", mime="audio/mpeg", content=b"ID3")
    with pytest.raises(ApiError, match="VOICE_FILE_INVALID"):
        call("sendVoice", {"chat_id": OWNER_ID, "voice": bad})
    (shown,) = server.bot_messages()
    page = server.state.as_page(shown)
    assert page["sound"]["kind"] == "voice"


async def test_recordings_survive_a_restart_of_the_playground(tmp_path: Path) -> None:
    path = tmp_path / "chat.sqlite"
    first = PlaygroundServer(token="1234:x", state_path=path)
    await first.start()
    sent = first.person.send_sound(b"OggS kept", kind="voice", seconds=3)
    await first.stop()
    second = PlaygroundServer(token="1234:x", state_path=path)
    await second.start()
    message = second.state.messages[sent]
    assert second.state.files[message.voice or ""].content == b"OggS kept"
    assert message.seconds == 3
    await second.stop()
