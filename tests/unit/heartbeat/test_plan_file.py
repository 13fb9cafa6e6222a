"""HEARTBEAT.md on disk."""

from pathlib import Path

from heartbeat.plan_file import PlanFile


def names(plan: PlanFile) -> list[str]:
    return [check.name for check in plan().checks]


def test_a_change_counts_at_the_next_look(tmp_path: Path) -> None:
    path = tmp_path / "HEARTBEAT.md"
    plan = PlanFile(path, zone="UTC")
    assert names(plan) == ["Morning briefing", "Task finished"]
    path.write_text("## A\n- every: 1 hour\n\nx\n")
    assert names(plan) == ["A"]
    assert plan() is plan()
    path.write_text("")
    assert names(plan) == []
    path.unlink()
    assert len(names(plan)) == 2


def test_a_file_that_cannot_be_read_is_a_problem(tmp_path: Path) -> None:
    (tmp_path / "HEARTBEAT.md").mkdir()
    plan = PlanFile(tmp_path / "HEARTBEAT.md", zone="UTC")()
    assert plan.checks == ()
    assert plan.problems
