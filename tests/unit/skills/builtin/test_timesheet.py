"""Hours from notes."""

from pathlib import Path

from tests.unit.skills.builtin.script import run

NOTES = """# March
2026-03-02
- 9:00-12:30 Acme: drawings
- 12:00-13 Acme: lunch with Eva
* 2h30 Garden club: newsletter
Called 2-3 people
2026-03-03: 90 min =Acme: =SUM(A1)
4.3.2026 22:00 - 01:00 Night: shift
a line about something else
1,5h
2026-04-01 8h Other: not in March
"""


def test_hours_are_added_by_day_and_project(tmp_path: Path) -> None:
    (tmp_path / "notes.md").write_text(NOTES)
    out = run(
        "timesheet/timesheet.py",
        "notes.md",
        "--from",
        "2026-03-01",
        "--to",
        "2026-03-31",
        cwd=tmp_path,
    )
    assert "Total: 13.00 h" in out
    assert "| Acme | 4.50 |" in out
    assert "| Garden club | 2.50 |" in out
    assert "| Night | 3.00 |" in out
    assert "| (none) | 1.50 |" in out
    assert "| 2026-03-02 | 7.00 |" in out
    assert "Other" not in out
    assert "overlap: 2026-03-02: line 3 and line 4 overlap" in out
    assert "unclear: line 6: Called 2-3 people" in out
    rows = (tmp_path / "timesheet" / "timesheet.csv").read_text().splitlines()
    assert rows[1] == "2026-03-02,,2.50,Garden club,newsletter"
    assert "2026-03-03,,1.50,'=Acme,'=SUM(A1)" in rows
    assert "Total: 13.00 h" in (tmp_path / "timesheet" / "timesheet.md").read_text()


def test_empty_and_missing_notes_are_told(tmp_path: Path) -> None:
    (tmp_path / "empty.md").write_bytes(b"\xff\0")
    assert "Total: 0.00 h" in run("timesheet/timesheet.py", "empty.md", cwd=tmp_path)
    assert "No such file" in run("timesheet/timesheet.py", "none.md", cwd=tmp_path, code=1)
