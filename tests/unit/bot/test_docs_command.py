"""What the owner sees of their documents."""

from hypothesis import given
from hypothesis import strategies as st

from bot.docs_command import NONE_SAY_IT, QUOTE, called, passage_card, passages_card, quoted
from bot.render import utf16_len
from coordinator.knowledge.types import ChunkId, Document, DocumentId, DocumentState, Passage

RECIPES = "# Recipe book\n\n# Pancakes\n\nMix flour and eggs.\n\n# Soup\n\nBoil carrots."


def passage(
    text: str, *, number: int = 1, name: str = "recipes.docx", score: float = 1.0,
    headings: tuple[str, ...] = ("Recipe book",),
) -> Passage:  # fmt: skip
    return Passage(
        id=ChunkId(number), document_id=DocumentId(1), document=name, position=0, text=text,
        page=None, headings=headings, score=score,
    )  # fmt: skip


def document(name: str) -> Document:
    return Document(
        id=DocumentId(1), name=name, state=DocumentState.READY, size=1, pages=None, chunks=1,
        done=1, error=None,
    )  # fmt: skip


def test_a_heading_that_the_place_names_is_not_said_again_and_others_end_in_a_colon() -> None:
    assert quoted(passage(RECIPES)) == "Pancakes: Mix flour and eggs. Soup: Boil carrots."


def test_the_marks_of_code_are_no_headings() -> None:
    source = passage("# adds two\ndef add(): ...", name="sums.py")
    assert quoted(source) == "# adds two def add(): ..."
    assert "# adds two" in passage_card(source).piece.text


def test_a_whole_passage_keeps_its_lines_and_loses_the_marks_of_headings() -> None:
    text = passage_card(passage(RECIPES)).piece.text
    assert "#" not in text
    assert "Pancakes\n\nMix flour and eggs." in text


def test_of_a_long_passage_the_part_that_answers_is_shown() -> None:
    text = passages_card([passage(f"{'other things ' * 90}the rent is 840 euros")], "rent").piece
    assert "the rent is 840 euros" in text.text
    assert len(text.text) < QUOTE + 60


def test_what_holds_none_of_the_words_is_left_out_unless_it_is_nearly_the_best() -> None:
    found = [
        passage("the notice period is long", number=1, score=1.1),
        passage("you may leave in spring", number=2, score=0.8),
        passage("carrots and ginger", number=3, score=0.1),
    ]
    card = passages_card(found, "notice period")
    assert [what for row in card.keys for _, what in row] == ["o:p:1", "o:p:2"]
    assert "carrots" not in card.piece.text
    assert NONE_SAY_IT not in card.piece.text


def test_when_no_document_holds_a_word_that_is_said_above_the_nearest() -> None:
    found = [passage("carrots", number=1), passage("ginger", number=2), passage("flour", number=3)]
    card = passages_card(found, "rent")
    assert card.piece.text.startswith(NONE_SAY_IT)
    assert len(card.keys[0]) == 2


def test_a_document_is_found_by_its_name_or_a_part_of_it() -> None:
    all_of_them = [document("lease.pdf"), document("lease.pdf.txt"), document("Recipes.docx")]
    assert [d.name for d in called("LEASE.pdf", all_of_them)] == ["lease.pdf"]
    assert [d.name for d in called("recipes", all_of_them)] == ["Recipes.docx"]
    assert len(called("lease", all_of_them)) == 2
    assert called("tax", all_of_them) == []


@given(st.lists(st.text(min_size=1, max_size=3_000), min_size=1, max_size=5), st.text(max_size=50))
def test_every_answer_fits_into_one_message(texts: list[str], question: str) -> None:
    found = [passage(text, number=n, score=1 / n) for n, text in enumerate(texts, start=1)]
    card = passages_card(found, question)
    assert utf16_len(card.piece.text) <= 4096
    assert card.keys[0]
    assert all(quoted(one) is not None for one in found)
