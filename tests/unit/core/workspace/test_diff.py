"""A change as a person reads it."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.workspace import Changes, readable, summary
from core.workspace.diff import SHOWN_CAP, TEXT_CAP, size_text
from tests.unit.core.workspace.trees import change

LINES = st.lists(st.sampled_from(["a", "b", "c\r", "", "\u202ed"]), max_size=30).map("\n".join)


def diff(
    before: bytes | None, after: bytes | None, path: str = "notes.md", **caps: int
) -> list[str]:
    return readable(change(path, before, after), before, after, **caps).split("\n")


def test_a_change_of_text_is_a_unified_diff() -> None:
    old = "".join(f"{n}\n" for n in range(20)).encode()
    head, *lines = diff(old, old.replace(b"10\n", b"ten\n"))
    assert head.startswith("notes.md: 50 bytes → 51 bytes, sha256 ")
    assert lines == ["@@ -8,7 +8,7 @@", " 7", " 8", " 9", "-10", "+ten", " 11", " 12", " 13"]


def test_changes_far_apart_are_two_pieces() -> None:
    old = [f"{n}" for n in range(40)]
    new = [*old[:5], "five", *old[6:30], *old[31:]]
    lines = diff("\n".join(old).encode(), "\n".join(new).encode())
    assert [line for line in lines if line[:1] in "@-+"] == [
        "@@ -3,7 +3,7 @@", "-5", "+five", "@@ -28,7 +28,6 @@", "-30",
    ]  # fmt: skip


def test_a_new_file_is_shown_whole() -> None:
    head, *lines = diff(None, b"a\nb")
    assert head.startswith("notes.md is new (3 bytes, sha256 ")
    assert lines == ["@@ -0,0 +1,2 @@", "+a", "+b ⟨no newline at the end⟩"]


def test_a_deletion_is_one_sentence() -> None:
    assert diff(b"x" * 3_000, None) == ["notes.md will be deleted (3 KB)"]


@pytest.mark.parametrize("content", [b"\x89PNG\0", b"\xff\xfe", b"a" * (TEXT_CAP + 1)])
def test_what_is_no_short_text_is_told_by_its_size(content: bytes) -> None:
    (line,) = diff(b"old", content, "image.png")
    assert line.startswith(f"image.png: 3 bytes → {size_text(len(content))}, sha256 ")


def test_a_content_that_was_not_read_is_told_by_its_size() -> None:
    assert len(readable(change("a", b"1", b"2"), None, None).split("\n")) == 1


def test_nothing_is_left_out_of_a_long_text() -> None:
    old = "".join(f"old {n}\n" for n in range(9_000)).encode()
    new = "".join(f"new {n}\n" for n in range(9_000)).encode() + b"a " * 40_000 + b"the end\n"
    lines = diff(old, new)
    assert len(lines) == 2 + 9_000 + 9_001
    assert lines[-1].endswith("the end")


def test_what_would_be_too_long_even_so_is_told_by_its_digest() -> None:
    hidden = "\u2060".encode() * (TEXT_CAP // 3)
    (line,) = diff(hidden + b"\n", b"x\n" + hidden)
    assert line.startswith("notes.md: 200 KB → 200 KB, sha256 ")
    assert line.endswith(", too long to show")
    assert len(diff(None, hidden)[2]) > SHOWN_CAP / 2


def test_a_diff_is_cut_where_that_is_wanted_and_says_so() -> None:
    lines = diff(None, b"x\n" * 256, lines=200)
    assert len(lines) == 1 + 200 + 1
    assert lines[-1] == "… 57 more lines"


def test_what_hides_is_shown() -> None:
    assert diff(None, "a\u202eb\u200b\u2028c\r\nd\n".encode())[2:] == [
        "+a⟨U+202E⟩b⟨U+200B⟩⟨U+2028⟩c⟨U+000D⟩",
        "+d",
    ]


def test_a_change_of_line_ends_alone_is_seen() -> None:
    assert "-b⟨U+000D⟩" in diff(b"a\nb\r\n", b"a\nb\n")


def test_a_change_of_the_unicode_form_alone_is_seen() -> None:
    lines = diff("u\u0308\n".encode(), "ü\n".encode())
    assert lines[1:] == ["@@ -1,1 +1,1 @@", "-ü", "+ü"]


def test_a_long_line_is_cut_and_says_so() -> None:
    line = diff(None, b"x" * 5_000 + b"\n", width=400)[2]
    assert line.endswith("⟨4600 characters left out⟩")


def test_a_hostile_text_does_not_take_hours() -> None:
    old = "\n".join(chr(97 + n * 7 % 26) for n in range(90_000)).encode()
    new = "\n".join(chr(97 + n * 11 % 26) for n in range(90_000)).encode()
    start = time.perf_counter()
    diff(old, new)
    assert time.perf_counter() - start < 5


@given(LINES, LINES)
def test_what_a_diff_keeps_and_adds_is_the_new_text(old: str, new: str) -> None:
    if old == new:
        return
    _, *lines = diff(old.encode(), new.encode())
    assert any(line[:1] in {"+", "-"} for line in lines)
    assert not any("\u202e" in line or "\r" in line for line in lines)
    assert sum(line.startswith("+") for line in lines) - sum(
        line.startswith("-") for line in lines
    ) == len(_rows(new)) - len(_rows(old))


def _rows(text: str) -> list[str]:
    return text.split("\n")[:-1] if text.endswith("\n") or not text else text.split("\n")


@pytest.mark.parametrize(
    ("size", "text"),
    [(0, "0 bytes"), (1, "1 byte"), (1023, "1023 bytes"), (12_000, "12 KB"), (3_565_158, "3.4 MB")],
)
def test_sizes_are_for_people(size: int, text: str) -> None:
    assert size_text(size) == text


def test_the_summary_is_one_line() -> None:
    items = (change("a", None, b""), change("b", None, b""), change("c", b"", None))
    assert summary(Changes(items=items)) == "2 new, 1 deleted"
    assert summary(Changes(refused=(("x", "it is a link"),))) == "1 refused"
    assert summary(Changes()) == "no changes"
