"""The fixed texts read as they were meant."""

import pytest

from bot import texts

SENTENCES = {name: text for name, text in vars(texts).items() if isinstance(text, str)}


@pytest.mark.parametrize("name", sorted(SENTENCES))
def test_no_text_holds_a_stray_backslash(name: str) -> None:
    assert "\\" not in SENTENCES[name]


@pytest.mark.parametrize("name", ["WELCOME", "HELP"])
def test_a_sentence_is_not_cut_by_a_line_end(name: str) -> None:
    for paragraph in SENTENCES[name].split("\n\n"):
        for line in paragraph.splitlines():
            assert line.endswith((".", "*", "}")), line
