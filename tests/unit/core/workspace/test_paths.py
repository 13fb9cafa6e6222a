"""Paths: one spelling for each file, and nothing hidden."""

import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import UserFacing
from core.workspace.paths import RESERVED, above, checked, matches, refusal, shown


@pytest.mark.parametrize(
    "path",
    [
        "a",
        "a/b.md",
        ".config/x",
        "Füße.md",
        "日本.txt",
        "a b.txt",
        "..a",
        "a..",
        "/".join("a" * 20),
    ],
)
def test_ordinary_paths_are_taken(path: str) -> None:
    assert refusal(path) is None
    assert checked(path) == path


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("", "leads out"), ("/a", "leads out"), ("a/", "leads out"), ("a//b", "leads out"),
        (".", "leads out"), ("..", "leads out"), ("a/../b", "leads out"), ("./a", "leads out"),
        ("a\0", "hidden"), ("a\nb", "hidden"), ("a\tb", "hidden"), ("a\x7f", "hidden"),
        ("a\u202egpj.exe", "hidden"), ("a\u200bb", "hidden"), ("a\ufeff", "hidden"),
        ("\u0645\u06cc\u200c\u062e", "hidden"), ("\udcff", "hidden"), ("\U000e0041", "hidden"),
        ("u\u0308", "NFC"), (".agentai", RESERVED), ("a/.AgentAI/b", RESERVED),
        (".agentai-c1/0", RESERVED), (" a", "space"), ("a /b", "space"), ("a\u00a0", "space"),
        ("/".join("a" * 21), "20 folders"), ("ü" * 128, "too long"),
        ("/".join(["a" * 200] * 6), "too long"),
    ],
)  # fmt: skip
def test_each_refusal_has_its_reason(path: str, why: str) -> None:
    assert why in (refusal(path) or "")
    with pytest.raises(UserFacing, match=r"is not a file of yours"):
        checked(path)


@given(st.text(st.sampled_from("ab./ \u0308\u202e\u00e9é\n~")) | st.text())
def test_a_path_that_is_taken_stays_inside_and_has_one_spelling(path: str) -> None:
    if refusal(path) is None:
        assert (Path("/home/x") / path).resolve().is_relative_to("/home/x")
        assert unicodedata.normalize("NFC", path) == path
        assert shown(path) == path or len(path) > 200
        assert "/".join(Path(path).parts) == path


def test_a_path_is_shown_in_one_line_and_short() -> None:
    assert shown("a\nb\u202e") == "a⟨U+000A⟩b⟨U+202E⟩"
    assert len(shown("a" * 5_000)) < 250


def test_globs_cross_folders() -> None:
    assert matches("a/b/c.md", ["*.md"])
    assert not matches("a/b.md", ["b*", "A/*"])


def test_the_folders_above_a_path_come_outermost_first() -> None:
    assert above("a/b/c") == ["a", "a/b"]
    assert above("a") == []
