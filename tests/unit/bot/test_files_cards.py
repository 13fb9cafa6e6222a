"""Folders, pages and questions of /files."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.files_cards import (
    Deletion,
    deletion_card,
    file_card,
    folder_card,
    folders_of,
    found_card,
    name_hash,
    read_deletion,
)
from core.workspace import Entry, FileState

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def entries(*paths: str) -> list[Entry]:
    return [
        Entry(path=path, size=1, modified=NOW - timedelta(minutes=n))
        for n, path in enumerate(paths)
    ]


def test_the_top_shows_folders_then_files_each_with_a_button() -> None:
    card = folder_card(entries("b.txt", "a/x.txt", "a/y.txt"), "")
    assert card.piece.text.startswith("Your files: 3\n\na/ · 2\nb.txt")
    assert [row[0][1] for row in card.keys] == [
        f"f:o:{name_hash('a')}:0",
        f"f:s:{name_hash('b.txt')}",
    ]


def test_a_long_folder_has_pages_and_a_way_up() -> None:
    found = entries(*(f"d/{n:02}.txt" for n in range(20)))
    labels = [[key[0] for key in folder_card(found, "d", page).keys[-1]] for page in range(3)]
    assert labels == [["Up", "More"], ["Up", "Back", "More"], ["Up", "Back"]]
    shown = "".join(folder_card(found, "d", page).piece.text for page in range(3))
    assert all(f"d/{n:02}.txt" in shown for n in range(20))


@given(st.integers(-5, 10**9))
def test_any_page_is_one_of_those_there_are(page: int) -> None:
    assert folder_card(entries("a.txt"), "", page).keys


def test_words_find_in_any_order_and_folders_count() -> None:
    card = found_card(entries("tax/2025 report.pdf", "tax/letter.pdf"), "REPORT tax")
    assert "Found: 1" in card.piece.text
    assert found_card(entries("a"), "zzz").piece.text == "No file's name holds zzz."


@given(st.text(min_size=1, max_size=300))
def test_every_button_fits_telegrams_64_bytes(path: str) -> None:
    found = entries(path)
    cards = (folder_card(found, ""), found_card(found, ""), file_card(found[0]))
    assert all(len(data.encode()) <= 64 for c in cards for row in c.keys for _, data in row)


def test_folders_are_all_those_above_a_file() -> None:
    assert folders_of(entries("a/b/c.txt", "d.txt")) == ["", "a", "a/b"]


def test_the_question_shows_the_whole_digest_and_survives_its_payload() -> None:
    wanted = Deletion(path="a.txt", state=FileState(size=1234, sha256="ab" * 32), until=5.5)
    text = deletion_card(wanted).piece.text
    assert "a.txt" in text
    assert "1,234 bytes" in text
    assert "ab" * 32 in text
    assert read_deletion(wanted.to_text()) == wanted


@pytest.mark.parametrize("text", ["", "keep", "[]", '["a", "b", "c", 1]', '{"a": 1}'])
def test_another_text_is_no_deletion(text: str) -> None:
    assert read_deletion(text) is None
