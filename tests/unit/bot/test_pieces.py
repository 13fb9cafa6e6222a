"""Pieces of what the owner sees as several messages and we keep as one."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from bot.pieces import recaptioned, repasted
from bot.updates import Message, Sender

ME = Sender(user_id=1, chat_id=1, is_private=True, is_bot=False)
EDIT = Message(
    update_id=9, sender=ME, message_id=100, text="new", reply_to=None, album=None, file=None,
    is_edit=True,
)  # fmt: skip
TEXTS = st.lists(st.text(alphabet="abc \n", min_size=1, max_size=8), min_size=2, max_size=5)


@given(TEXTS, st.integers(0, 4), st.text(alphabet="xyz", min_size=1, max_size=8))
def test_an_edited_piece_replaces_itself_and_leaves_the_others(
    texts: list[str], which: int, new: str
) -> None:
    which %= len(texts)
    said = {100 + 2 * index: text for index, text in enumerate(texts)}
    edit = replace(EDIT, message_id=100 + 2 * which, text=new)
    wanted = "".join([*texts[:which], new, *texts[which + 1 :]])
    assert repasted(f"[quoting x]\n{''.join(texts)}", said, edit, 100) in {
        f"[quoting x]\n{wanted}", None,
    }  # fmt: skip
    distinct = {100 + 2 * index: f"{index}:{text}" for index, text in enumerate(texts)}
    whole = "".join(distinct.values())
    pieces = {**distinct, edit.message_id: new}
    assert repasted(whole, distinct, edit, 100) == "".join(pieces.values())


def test_what_was_said_by_itself_is_no_piece() -> None:
    alone, two = {100: "one"}, {100: "one", 101: "two"}
    assert repasted("one", alone, EDIT, 100) is None
    assert repasted("one", two, EDIT, 100) is None  # the second was a message of its own
    assert repasted("onetwo and more", two, EDIT, 100) is None  # something else came to it
    assert repasted("onetwo", {}, EDIT, 100) is None
    assert repasted("onetwo", two, replace(EDIT, message_id=105), 100) is None


ALBUM = (
    "[photo 3: photo-7.jpg, 9 bytes]\nfirst\n[file big.zip was too big to receive]\nhuge\n"
    "[photo 4: photo-9.jpg, 9 bytes]\nsecond\nline"
)


def test_an_edited_caption_replaces_the_words_beside_its_own_file() -> None:
    assert recaptioned(ALBUM, 4, [3, 4], ["new"]) == ALBUM.replace("second\nline", "new")
    assert recaptioned(ALBUM, 3, [3, 4], ["new"]) == ALBUM.replace("first", "new")
    assert recaptioned(ALBUM, 3, [3, 4], []) == ALBUM.replace("\nfirst", "")
    assert recaptioned(ALBUM, 5, [3, 4], ["new"]) is None


def test_a_line_that_only_looks_like_ours_is_the_owners_text() -> None:
    kept = "[photo 3: a.jpg, 9 bytes]\nsee [photo 4: x]\n[photo 8: not of this album]"
    assert recaptioned(kept, 3, [3], ["new"]) == "[photo 3: a.jpg, 9 bytes]\nnew"
