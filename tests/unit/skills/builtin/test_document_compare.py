"""Two versions of a document."""

from pathlib import Path

from tests.unit.skills.builtin.script import run

OLD = "# Lease\n\nThe rent is 900 euro a month.\n\nPets may be kept.\n\nIt ends in May.\n"
NEW = (
    "# Lease\n\nThe rent is 950.50 euro a month.\n\nPets may not be kept.\n\n"
    "It ends in\nMay.\n\nNew.\n"
)


def test_changed_words_are_marked_and_wrapping_is_no_change(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text(OLD)
    (tmp_path / "b.md").write_text(NEW)
    out = run("document-compare/compare.py", "a.md", "b.md", cwd=tmp_path, code=1)
    assert "The rent is [-900-]{+950.50+} euro a month." in out
    assert "Pets may{+ not+} be kept." in out
    assert "{+New.+}" in out
    assert "ends" not in out
    assert "Paragraphs: 4 before, 5 after" in out
    short = run("document-compare/compare.py", "a.md", "b.md", "--words", cwd=tmp_path, code=1)
    assert "[-900-] … {+950.50+}" in short
    assert "euro" not in short


def test_the_same_text_in_another_format_is_the_same(tmp_path: Path) -> None:
    (tmp_path / "a.html").write_text("<style>x</style><p>One &amp; two</p><p>Three</p>")
    (tmp_path / "b.md").write_text("One & two\n\nThree\n")
    assert "alike: 100%" in run("document-compare/compare.py", "a.html", "b.md", cwd=tmp_path)


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    told = run("document-compare/compare.py", "a", "b", cwd=tmp_path, code=2)
    assert "No such file" in told
