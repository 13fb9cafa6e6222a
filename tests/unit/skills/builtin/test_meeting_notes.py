"""Decisions and actions from notes."""

import json
from pathlib import Path

from tests.unit.skills.builtin.script import run

NOTES = """# Weekly, 2 March
- [ ] @eva send the draft by Friday
- [x] Bob: book the room
Action: Carla Diaz to call the bank by 2026-03-10
**Decision**: we move in May
Question: who pays?

## Next steps
1. order paint (Dan)
2. clean up by the end of the month

## Talk
- the weather was nice
TODO: tidy | sort by tomorrow
"""


def test_marked_lines_become_decisions_and_actions(tmp_path: Path) -> None:
    (tmp_path / "notes.md").write_text(NOTES)
    args = ("meeting-notes/actions.py", "notes.md", "--date", "2026-03-02")
    found = json.loads(run(*args, "--json", cwd=tmp_path))
    told = [(i["kind"], i["who"], i["until"], i["is_done"]) for i in found]
    assert told == [
        ("action", "eva", "2026-03-06", False),
        ("action", "Bob", "", True),
        ("action", "Carla Diaz", "2026-03-10", False),
        ("decision", "", "", False),
        ("question", "", "", False),
        ("action", "Dan", "", False),
        ("action", "", "2026-03-31", False),
        ("action", "", "2026-03-03", False),
    ]
    out = run(*args, cwd=tmp_path)
    assert "## Decisions\n\n- we move in May" in out
    assert "| nobody yet | tidy / sort by tomorrow | 2026-03-03 |" in out
    assert out.index("tidy") < out.index("draft") < out.index("bank") < out.index("paint")
    assert "Done already: 1" in out
    assert "weather" not in out


def test_dates_in_words_are_counted_from_the_meeting(tmp_path: Path) -> None:
    words = {
        "today": "2026-03-04", "Wednesday": "2026-03-11", "next Friday": "2026-03-13",
        "Monday": "2026-03-09", "end of week": "2026-03-06", "31.12.2026": "2026-12-31",
        "2026-02-30": "", "next week": "2026-03-13",
    }  # fmt: skip
    (tmp_path / "n.md").write_text("".join(f"- [ ] x by {word}\n" for word in words))
    out = run("meeting-notes/actions.py", "n.md", "--date", "2026-03-04", "--json", cwd=tmp_path)
    assert [i["until"] for i in json.loads(out)] == list(words.values())


def test_odd_notes_are_no_fault(tmp_path: Path) -> None:
    (tmp_path / "n.md").write_bytes(b"\xff[ ]\0\n" * 50 + b"- [ ] " + b"a" * 50_000)
    run("meeting-notes/actions.py", "n.md", "--date", "2026-03-04", cwd=tmp_path)
    told = run("meeting-notes/actions.py", "none", "--date", "2026-03-04", cwd=tmp_path, code=1)
    assert "No such file" in told
