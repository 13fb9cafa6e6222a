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
    ("see notes.readme.md", "notes.readme.md", False),
    ("", "", False),
    # the address of a page
    ("see HTTP://Example.com:8080/a, please", "example.com", True),
    ("see https://example.com, https://b.example.", "example.com", True),
    ("see https://a.example\n(https://example.com).", "example.com", True),
    ("see [this](https://example.com/a)", "example.com", True),
    ("see <https://example.com>", "example.com", True),
    ("see \u201chttps://example.com\u201d \u2018https://b.example\u2019", "b.example", True),
    ("curl 'https://example.com/a';", "example.com", True),
    ("log in at https://me:word@example.com/a", "example.com", True),
    ("log in at https://example.com@evil.example/a", "example.com", False),
    ("log in at https://example.com:443@evil.example/a", "example.com", False),
    ("log in at https://safe.example\\@evil.example/a", "evil.example", False),
    ("log in at https://safe.example\\@evil.example/a", "safe.example", False),
    ("see https://safe.example/go?to=https://evil.example/x", "safe.example", True),
    ("see https://safe.example/go?to=https://evil.example/x", "evil.example", False),
    ("see https://safe.example/(https://evil.example/x", "evil.example", False),
    ('see https://safe.example/?q="evil.example"', "evil.example", False),
    ("see https://safe.example#evil.example", "evil.example", False),
    ("see safe.example/(https://evil.example/x)", "evil.example", False),
    ("see safe.example?(https://evil.example/x)", "evil.example", False),
    ("see xhttps://evil.example", "evil.example", False),
    ("see ftp://evil.example", "evil.example", False),
    ("see https://lib.rs/crates", "lib.rs", True),
    ("see https://evil.example.com", "example.com", False),
    ("see https://[evil.example]", "evil.example", False),
    # a word of its own
    ("www.informations.com", "www.informations.com", True),
    ("my page (www.dora-website.com)", "www.dora-website.com", True),
    ("read www.company-todo-list.com/alice!", "www.company-todo-list.com", True),
    ("sum up example.com/a?b#c", "example.com", True),
    ("is example.com\u2019s page up", "example.com", True),
    ("what does 'example.com' say?", "example.com", True),
    ("is it example.com?", "example.com", True),
    ("see a/example.com", "example.com", False),
    ("see x=example.com", "example.com", False),
    ("see example.com@evil.example", "example.com", False),
    ("see example.com\u0435", "example.com", False),
    ("see \u212alaus.example and https://\u212alaus.example", "klaus.example", False),
    # a file
    ("Tidy up README.md and run setup.sh", "readme.md", False),
    ("Tidy up README.md and run setup.sh", "setup.sh", False),
    ("Read lib.rs, main.py and data.zip", "lib.rs", False),
    ("Read lib.rs, main.py and data.zip", "main.py", False),
    ("Read lib.rs, main.py and data.zip", "data.zip", False),
    ("Play (clip.mov)", "clip.mov", False),
    ("Read data.zip/inside", "data.zip", False),
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
    ("the pl an", "pl\u200ban", False),
    ("title it XDinner at {place}'", "Dinner at Chez Nous", False),
    ("title it 'Dinner at {place}X", "Dinner at Chez Nous", False),
    ("the k list", "the 2 list", False),
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
    ("say that she helped me", "she helped you", True),
    ("say that it is mine", "it is yours", True),
    ("say that I do it myself", "I do it yourself", True),
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


LABELS = st.from_regex(r"[a-z]([a-z0-9-]{0,8}[a-z0-9])?", fullmatch=True)
SITES = st.lists(LABELS, min_size=1, max_size=3).map(lambda labels: ".".join([*labels, "example"]))


@given(SITES, SITES, st.sampled_from(["/", "?", "#", "/a?b=", "/(", '/?"', "/https://", "#<"]))
def test_an_address_inside_an_address_names_no_second_site(
    first: str, second: str, between: str
) -> None:
    for begin in ("https://", ""):
        for inner in (second, f"https://{second}/"):
            text = f"see {begin}{first}{between}{inner}"
            assert has_host((text,), first)
            assert has_host((text,), second) is (first == second)


@given(st.text(), SITES)
def test_a_site_that_the_owner_wrote_is_found(text: str, site: str) -> None:
    assert has_host((f"{text} {site} {text}",), site)
    assert has_host((f"{text} (https://{site}/{text})",), site)
