"""What a person's client does before anything reaches the bot."""

from __future__ import annotations

import pytest

from playground.callbacks import Callbacks
from playground.person import NotPossible, Person
from playground.state import State
from playground.updates import UpdateQueue

BOT, OWNER = 1, 7001


class Chat:
    """A person in front of an empty chat."""

    def __init__(self) -> None:
        owner = {"id": OWNER, "is_bot": False, "first_name": "You"}
        self.state = State(bot_id=BOT, username="b", name="B", owner=owner)
        self.updates = UpdateQueue()
        self.person = Person(self.state, self.updates, Callbacks(), lambda kind, data: None)

    def kinds(self) -> list[str]:
        return [next(k for k in u if k != "update_id") for u in self.updates.pending]


def test_a_blank_text_is_not_sent() -> None:
    chat = Chat()
    assert chat.person.send(" \n ") == 0
    assert chat.updates.pending == []


def test_the_first_file_of_an_album_carries_the_caption_and_its_command() -> None:
    chat = Chat()
    files = [("a", "text/plain", b"a"), ("b", "image/png", b"b")]
    chat.person.send_files(files, caption=" /task sum up ")
    one, two = [u["message"] for u in chat.updates.pending]
    assert one["caption"] == "/task sum up"
    assert one["caption_entities"] == [{"type": "bot_command", "offset": 0, "length": 5}]
    assert "caption" not in two
    assert one["media_group_id"] == two["media_group_id"]
    assert two["photo"][0]["file_size"] == 1


def test_an_edit_is_an_edited_message_with_its_date() -> None:
    chat = Chat()
    asked = chat.person.send("typo")
    chat.person.edit(asked, " text ")
    edited = chat.updates.pending[-1]["edited_message"]
    assert (edited["message_id"], edited["text"]) == (asked, "text")
    assert edited["edit_date"] >= edited["date"]


def test_a_caption_can_be_edited_away_and_a_text_cannot() -> None:
    chat = Chat()
    (sent,) = chat.person.send_files([("a", "text/plain", b"a")], caption="old")
    chat.person.edit(sent, "")
    assert "caption" not in chat.updates.pending[-1]["edited_message"]
    with pytest.raises(NotPossible, match="needs a text"):
        chat.person.edit(chat.person.send("x"), "")


def test_only_buttons_that_are_there_can_be_pressed() -> None:
    chat = Chat()
    keys = [[{"text": "Site", "url": "https://example.org"}, {"text": "Go", "callback_data": "g"}]]
    shown = chat.state.add(OWNER, BOT, text="x", buttons=keys)
    chat.person.press(shown.id, "Go", user_id=42)
    query = chat.updates.pending[-1]["callback_query"]
    assert (query["data"], query["from"]["id"]) == ("g", 42)
    for data in ("Site", "https://example.org", "", "other"):
        with pytest.raises(NotPossible, match="gone"):
            chat.person.press(shown.id, data)
    shown.deleted = True
    with pytest.raises(NotPossible, match="gone"):
        chat.person.press(shown.id, "Go")
    assert chat.kinds() == ["callback_query"]


def test_a_message_in_a_group_comes_from_the_group() -> None:
    chat = Chat()
    chat.person.send("hello all", user_id=42, chat_id=-5)
    message = chat.updates.pending[-1]["message"]
    assert message["chat"] == {"id": -5, "type": "group", "title": "Group"}
    assert message["from"]["id"] == 42


def test_a_reply_shows_its_message_while_that_stands() -> None:
    chat = Chat()
    first = chat.person.send("first")
    chat.person.send("second", reply_to=first)
    assert chat.updates.pending[-1]["message"]["reply_to_message"]["text"] == "first"
    chat.state.messages[first].deleted = True
    chat.person.send("third", reply_to=first)
    assert "reply_to_message" not in chat.updates.pending[-1]["message"]
