"""What counts as standing in the owner's own words."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.policy.words import has_address, has_content, has_hidden, has_host, has_name

ADDRESSES = [
    ("write to bob@example.com", "bob@example.com", True),
    ("write to BOB@example.com.", "bob@example.com", True),
    ("to: bob@example.com, please", "bob@example.com", True),
    ("pay GB29NWBK60161331926819 back", "GB29NWBK60161331926819", True),
    ("bob@example.com:\nhello", "bob@example.com", True),
    ("to rob.bob@example.com", "bob@example.com", False),
    ("to bob@example.com.evil.org", "bob@example.com", False),
    ("to bob@example.community", "bob@example.com", False),
    ("to bob@example.com-x", "bob@example.com", False),
    ("to b\u043eb@example.com", "bob@example.com", False),
    ("to b\u043eb@example.com", "b\u043eb@example.com", False),
    ("anything", "", False),
    ("any thing", " ", False),
    ("to bobby", "bob", False),
    ("", "bob@example.com", False),
]


@pytest.mark.parametrize(("text", "address", "expected"), ADDRESSES)
def test_an_address_stands_there_whole(text: str, address: str, *, expected: bool) -> None:
    assert has_address(("nothing", text), address) is expected


HOSTS = [
    ("see https://example.com/a?b", "example.com", True),
    ("see example.com.", "example.com", True),
    ("(www.example.com)", "www.example.com", True),
    ("see example.com:8080", "example.com", True),
    ("see www.example.com", "example.com", False),
    ("see example.com.evil.org", "example.com", False),
    ("see my-example.com", "example.com", False),
    ("see example.com-x.org", "example.com", False),
    ("write to bob@example.com", "example.com", False),
    ("EXAMPLE.com", "example.com", True),
    ("exampleXcom", "example.com", False),
    ("see example.com_x", "example.com", False),
]


@pytest.mark.parametrize(("text", "host", "expected"), HOSTS)
def test_a_host_stands_there_by_itself(text: str, host: str, *, expected: bool) -> None:
    assert has_host(("nothing", text), host) is expected


NAMES = [
    ("add it to the 'Introductory meeting'", "Introductory Meeting", True),
    ("update team-building-activities.docx now", "team-building-activities.docx", True),
    ("the grocery list I have", "grocery-list.docx", True),
    ("the grocery shopping list", "grocery-list.docx", False),
    ("lunchtime", "Lunch", False),
    ("title it 'Dinner at {place}'", "Dinner at Chez Nous", True),
    ("title it 'Dinner at {place}'", "Dinner at", True),
    ("title it 'Dinner at {place}'", "Dinner at a b c d e f", True),
    ("title it 'Dinner at {place}'", "Dinner at a b c d e f g", False),
    ("title it 'Dinner at {place}'", "Supper at Chez Nous", False),
    ("title it \u201cDinner at {place} today\u201d", "Dinner at Chez Nous today", True),
    ("title it 'Dinner at {place} today'", "Dinner at Chez Nous", False),
    ("title it '{anything}'", "whatever I like", False),
    ("Dinner at {place}", "Dinner at Chez Nous", False),
    ("the plan", "pl\u200ban", False),
    ("...", "...", False),
    ("file .md", ".md", True),
    ("the Plan.v2", "Plan", True),
    ("caf\u00e9", "cafe\u0301", True),
    ("a", "a b", False),
    ("", "x", False),
]


@pytest.mark.parametrize(("text", "name", "expected"), NAMES)
def test_a_name_stands_there_word_for_word(text: str, name: str, *, expected: bool) -> None:
    assert has_name(("nothing", text), name) is expected


CONTENTS = [
    ("write: See you at noon", "see you at noon!", True),
    ("say that you've seen it", "I've seen it", True),
    ("tell her your plan is mine", "my plan is mine", True),
    ("ask if they are in", "am in", True),
    ("Congrats on the k-th place (k is the rank)", "Congrats on the 2-th place", True),
    ("Congrats on the 1st and 7 place", "the 1st and 12 place", True),
    ("Congrats on the k-th place", "Congrats on the 123-th place", False),
    ("Congrats on the k-th place", "Congrats on the x-th place", False),
    ("Congrats on the kk-th place", "Congrats on the 12-th place", False),
    ("write: See you at noon", "see you at midnight", False),
    ("write: See you at noon", "at noon see you", False),
    ("write: See you", "see you at noon", False),
    ("write: See you at noon", "see at noon", False),
    ("anything", "", True),
    ("anything", " \n", True),
    ("anything", "!!!", False),
    ("see you", "see\u202e you", False),
    ("", "x", False),
]


@pytest.mark.parametrize(("text", "content", "expected"), CONTENTS)
def test_content_is_the_owners_own(text: str, content: str, *, expected: bool) -> None:
    assert has_content(("nothing", text), content) is expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain\n\ttext\r", False), ("a\u200bb", True), ("a\u202eb", True), ("\x00", True),
        ("\x1b[2K", True), ("\ue000", True), ("\U000e0041", True), ("\ud800", True),
        ("\u0378", True), ("\u00e9\u4e2d\U0001f600", False),
    ],
)  # fmt: skip
def test_hidden_characters_are_found(text: str, *, expected: bool) -> None:
    assert has_hidden(text) is expected


@given(st.text(), st.text(alphabet="ab@.-e"))
def test_no_words_clear_nothing(text: str, address: str) -> None:
    assert not has_address((), address)
    assert not has_host((), address)
    assert not has_name((), text)
    assert not has_content((), text) or not text.strip()


@given(st.emails())
def test_an_address_that_the_owner_wrote_is_found(address: str) -> None:
    assert has_address((f"please write to {address} today",), address)
