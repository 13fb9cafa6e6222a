from __future__ import annotations

import json
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from executors.reader import archives
from executors.reader.__main__ import lines_of, write
from executors.reader.archives import check_archive
from executors.reader.papers import with_titles
from executors.reader.plain import decoded, pieces
from executors.reader.reasons import BOMB, BROKEN, EMPTY, ENCRYPTED, NO_TEXT, CannotRead


@given(st.text(max_size=2000))
def test_pieces_together_are_the_whole_text(text):
    assert "".join(pieces(text)) == text


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32", "cp1252"])
def test_text_is_decoded_whatever_it_was_written_in(encoding):
    assert decoded("Grüße\r\naus Köln".encode(encoding)) == "Grüße\naus Köln"


@given(st.binary())
def test_any_bytes_can_be_decoded(content):
    assert "\x00" not in decoded(content)


def refused(path) -> str:
    with pytest.raises(CannotRead) as caught:
        write(path.parent / "out" / "pages.jsonl", lines_of(path))
    return str(caught.value)


def test_a_small_archive_that_unpacks_to_very_much_is_refused(tmp_path):
    path = tmp_path / "a.docx"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("word/document.xml", b"a" * (archives.FREE_BYTES + 1))
    assert refused(path) == BOMB


def test_an_archive_of_too_many_entries_is_refused(tmp_path):
    path = tmp_path / "a.epub"
    with zipfile.ZipFile(path, "w") as archive:
        for number in range(archives.MOST_ENTRIES + 1):
            archive.writestr(str(number), b"x")
    assert refused(path) == BOMB


CASES = [("a.txt", b"", EMPTY), ("a.docx", b"no zip", BROKEN), ("a.xlsx", archives.OLE + b"x" * 99, ENCRYPTED),  # noqa: E501 - a case reads best in one line
         ("a.py", b"\x00\x01\x02", BROKEN), ("a.md", b" \n \n", NO_TEXT)]  # fmt: skip


@pytest.mark.parametrize(("name", "content", "reason"), CASES, ids=[case[0] for case in CASES])
def test_each_kind_of_bad_file_has_one_reason(tmp_path, name, content, reason):
    path = tmp_path / name
    path.write_bytes(content)
    assert refused(path) == reason


def test_text_is_written_as_lines(tmp_path):
    source, target = tmp_path / "a.md", tmp_path / "out" / "pages.jsonl"
    source.write_text("# One\n\nwords\n", encoding="utf-8")
    write(target, lines_of(source))
    assert [json.loads(line)["text"] for line in target.read_text().splitlines()] == [
        "# One\n\nwords\n"
    ]


def test_a_good_archive_passes(tmp_path):
    path = tmp_path / "a.docx"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("word/document.xml", b"<x/>")
    check_archive(path)


def test_headings_that_pages_lost_are_marked_again():
    assert with_titles("One\r\nwords", {"One": "##"}) == "## One\n\nwords"
