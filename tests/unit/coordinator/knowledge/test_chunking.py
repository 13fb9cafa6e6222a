from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coordinator.knowledge.chunking import LONGEST, Sizes, chunk_pages, spans
from coordinator.knowledge.tokens import TokenRuler
from coordinator.knowledge.types import Page

SMALL = Sizes(most=20, least=8)
WORDS = st.sampled_from(
    [
        "river",
        "a",
        "Elbe.",
        "\n",
        "\n\n",
        "# Head\n",
        "def f():\n",
        "    x = 1\n",
        " ",
        "漢字",
        "\t",
        "```\n",
    ]
)
TEXTS = st.lists(WORDS, max_size=120).map("".join) | st.text(max_size=300)


@given(TEXTS, st.booleans())
def test_chunks_lie_one_after_another_and_are_the_whole_text(text, is_code):
    found = list(spans(text, is_code=is_code, sizes=SMALL))
    assert "".join(text[a:b] for a, b in found) == text
    assert all(a < b for a, b in found)


@given(TEXTS, st.booleans())
def test_no_chunk_is_larger_than_it_may_be(text, is_code):
    for start, end in spans(text, is_code=is_code, sizes=SMALL):
        assert end - start <= LONGEST
        tokens = TokenRuler(text[start:end]).between(0, end - start)
        assert tokens <= SMALL.most + 1  # a cut word counts twice


@given(st.lists(TEXTS, max_size=5), st.booleans())
def test_no_word_of_any_page_is_lost_or_moved(texts, is_code):
    chunks = list(chunk_pages([Page(text=t) for t in texts], is_code=is_code, sizes=SMALL))
    assert "".join(c.text for c in chunks).split() == "".join(texts).split() or any(
        not t.strip() for t in texts
    )
    assert [c.position for c in chunks] == list(range(len(chunks)))
    whole = "".join(texts)
    assert all(whole[c.start : c.end] == c.text for c in chunks)


@given(TEXTS, st.integers(0, 300), st.integers(1, 30))
def test_the_ruler_agrees_with_counting(text, start, tokens):
    ruler = TokenRuler(text)
    start = min(start, len(text))
    reach = ruler.reach(start, tokens)
    assert ruler.between(start, reach) <= tokens


def test_a_chunk_begins_at_a_heading_and_knows_its_path():
    text = "# Rivers\n\n" + "The Elbe is long. " * 5 + "\n\n## Length\n\n" + "It is long. " * 6
    chunks = list(chunk_pages([Page(text=text, number=3)], sizes=SMALL))
    at = next(c for c in chunks if c.text.startswith("## Length"))
    assert at.headings == ("Rivers", "Length")
    assert {c.page for c in chunks} == {3}


def test_headings_stay_in_force_on_the_next_page():
    pages = [Page(text="# One\n\nwords", number=1), Page(text="more words", number=2)]
    assert [c.headings for c in chunk_pages(pages)] == [("One",), ("One",)]


def test_a_mark_inside_of_fenced_code_is_no_heading():
    chunks = list(chunk_pages([Page(text="```\n# not a heading\n```\nwords")]))
    assert chunks[0].headings == ()


CODE = [
    ("python", "import os\n\n\n@wraps\ndef first(a):\n    return a + 1\n\n\nclass Second:\n    b = 2\n"),  # noqa: E501 - a case reads best in one line
    ("rust", "use std::io;\n\n/// Adds.\npub fn first(a: u8) -> u8 { a + 1 }\n\nimpl Second for Third {\n}\n"),  # noqa: E501 - a case reads best in one line
]  # fmt: skip


@pytest.mark.parametrize(("name", "text"), CODE, ids=[name for name, _ in CODE])
def test_code_is_cut_at_definitions_with_what_stands_above_them(name, text):
    chunks = list(chunk_pages([Page(text=text)], is_code=True, sizes=Sizes(most=13, least=2)))
    starts = [c.text.lstrip().split("\n")[0] for c in chunks]
    assert any(start.startswith(("@wraps", "/// Adds.")) for start in starts)
    assert any(start.startswith(("class Second", "impl Second")) for start in starts)
