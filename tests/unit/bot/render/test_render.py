"""Markdown as Telegram shows it."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.render import Piece, compose, plain, render, render_preview, utf16_len
from bot.render.types import ENTITIES_CAP, MESSAGE_CAP
from bot.render.writer import CODE, STYLES

WORDS = st.text("abc 😀é\n", max_size=30)
MARKS = st.sampled_from(
    ["**", "*", "_", "`", "```\n", "```py\n", "~~", "> ", "- ", "1. ", "# ", "[x](https://a.b)",
     "![i](http://c)", "|a|b|\n|-|-|\n|1|2|\n", "\n\n", "\n", "---\n", "<b>", "\\", "- [x] "]
)  # fmt: skip
MARKDOWN = st.lists(WORDS | MARKS, max_size=40).map("".join)


def units(piece: Piece, offset: int, length: int) -> str:
    raw = piece.text.encode("utf-16-le")
    return raw[offset * 2 : (offset + length) * 2].decode("utf-16-le")


def marked(markdown: str) -> list[tuple[str, str]]:
    (piece,) = render(markdown).pieces
    return [(e.type, units(piece, e.offset, e.length)) for e in piece.entities]


def check(piece: Piece) -> None:
    """What Telegram demands of every message."""
    assert piece.text
    assert piece.text == piece.text.strip()
    assert utf16_len(piece.text) <= MESSAGE_CAP
    assert len(piece.entities) <= ENTITIES_CAP
    for entity in piece.entities:
        assert entity.length > 0
        assert 0 <= entity.offset <= entity.end <= utf16_len(piece.text)
        units(piece, entity.offset, entity.length)  # fails inside a surrogate pair
        if entity.url is not None:
            assert entity.url.lower().startswith(("http:", "https:", "tg:", "mailto:"))
    code = [e for e in piece.entities if e.type in CODE]
    for style in (e for e in piece.entities if e.type in STYLES):
        assert not any(c.offset < style.end and style.offset < c.end for c in code)
    offsets = [(e.offset, -e.length) for e in piece.entities]
    assert offsets == sorted(offsets)


@pytest.mark.parametrize(
    ("markdown", "text", "entities"),
    [
        ("hello", "hello", []),
        ("**a** b", "a b", [("bold", "a")]),
        ("😀 **a**", "😀 a", [("bold", "a")]),
        ("# Head\n\nbody", "Head\n\nbody", [("bold", "Head")]),
        ("a `b` c", "a b c", [("code", "b")]),
        ("**a `b` c**", "a b c", [("bold", "a "), ("code", "b"), ("bold", " c")]),
        ("**_a_**", "a", [("bold", "a"), ("italic", "a")]),
        ("~~a~~", "a", [("strikethrough", "a")]),
        ("[a](https://b.c)", "a", [("text_link", "a")]),
        ("[a](javascript:alert)", "[a](javascript:alert)", []),
        ("[a](b.md)", "a (b.md)", []),
        ("![alt](http://b/c.png)", "alt", [("text_link", "alt")]),
        ("- a\n- b\n  - c", "• a\n• b\n   ◦ c", []),
        ("2. a\n3. b", "2. a\n3. b", []),
        ("- [ ] a\n- [x] b", "• ☐ a\n• ☑ b", []),
        ("> a", "a", [("blockquote", "a")]),
        ("```py\nx = 1\n```", "x = 1", [("pre", "x = 1")]),
        ("a\n\n---\n\nb", "a\n\n———\n\nb", []),
        ("<b>x</b>", "<b>x</b>", []),
        ("|a|b|\n|-|-|\n|1|2|", "a   b\n─   ─\n1   2", [("pre", "a   b\n─   ─\n1   2")]),
        ("a\\*b", "a*b", []),
        ("nul\x00 bell\x07", "nul\ufffd bell", []),
    ],
)
def test_markdown_becomes_text_with_entities(
    markdown: str, text: str, entities: list[tuple[str, str]]
) -> None:
    (piece,) = render(markdown).pieces
    assert piece.text == text
    assert marked(markdown) == entities


def test_a_wide_table_becomes_lines_with_names() -> None:
    wide = "x" * 30
    text = render(f"|Name|Value|\n|-|-|\n|{wide}|{wide}|\n|{wide}|b|").pieces[0].text
    assert text == f"Name: {wide}\nValue: {wide}\n\nName: {wide}\nValue: b"


def test_long_code_becomes_a_file() -> None:
    code = "print(1)\n" * 1000
    rendered = render(f"Here:\n\n```python\n{code}```")
    assert rendered.pieces[0].text == "Here:\n\n(see code-1.py)"
    assert rendered.attachments[0].filename == "code-1.py"
    assert rendered.attachments[0].content.decode() == code.rstrip("\n")


def test_code_that_crosses_a_cut_goes_on_as_code() -> None:
    code = "\n".join(f"line {n}" for n in range(300))
    rendered = render("words " * 500 + f"\n\n```py\n{code}\n```")
    assert len(rendered.pieces) == 2
    assert rendered.pieces[1].entities[0].type == "pre"
    assert rendered.pieces[1].entities[0].language == "py"


def test_a_message_is_cut_between_paragraphs_when_it_can_be() -> None:
    pieces = render("\n\n".join(["word " * 100] * 20)).pieces
    assert all(p.text.endswith("word") and p.text.count("word") % 100 == 0 for p in pieces)


def test_more_than_a_hundred_entities_are_spread_over_messages() -> None:
    pieces = render(" ".join(["**a**"] * 250)).pieces
    assert [len(p.entities) for p in pieces] == [100, 100, 50]


@given(MARKDOWN)
@settings(max_examples=400)
def test_every_piece_of_any_markdown_is_what_telegram_takes(markdown: str) -> None:
    for piece in render(markdown).pieces:
        check(piece)


@given(st.text())
def test_any_text_at_all_is_rendered(text: str) -> None:
    for piece in (*render(text).pieces, *plain(text).pieces):
        check(piece)


@given(st.lists(st.sampled_from(["word", "\n", "😀", " ", "x" * 5000, "é\n\n"]), max_size=400))
def test_nothing_but_whitespace_is_lost_by_splitting(parts: list[str]) -> None:
    text = "".join(parts)
    shown = "".join(piece.text for piece in plain(text).pieces)
    assert "".join(shown.split()) == "".join(text.split())


@given(MARKDOWN, st.integers(0, 400))
def test_every_beginning_of_an_answer_can_be_shown(markdown: str, end: int) -> None:
    check(render_preview(markdown[:end] + " …"))


@pytest.mark.parametrize("nasty", ["*", "[", "`", "> ", "- ", "|a", "a\n", "**a*", "  - ", "\\"])
def test_nasty_input_is_shown_whole(nasty: str) -> None:
    text = nasty * 30_000
    pieces = render(text).pieces
    assert sum(len("".join(p.text.split())) for p in pieces) > 0
    for piece in pieces:
        check(piece)


def test_own_texts_are_composed() -> None:
    piece = compose(("bold", "#12"), " done ")
    assert piece.text == "#12 done"
    assert [(e.type, e.offset, e.length) for e in piece.entities] == [("bold", 0, 3)]
