"""What a task that nobody asked for just now may do, and what it is given."""

import os
from pathlib import Path

import pytest

from bot.autonomy_parts import possible
from bot.autonomy_ports import manifest_of, notice_card, plain_task, take_copy
from core.errors import UserFacing
from core.manifests import grant_from_json
from core.policy import Budget, Grant
from heartbeat.plan import compile_plan
from heartbeat.ports import Notice, Source, TaskOrder


def order(source: Source, instructions: str = "x", *, is_untrusted: bool = False) -> TaskOrder:
    return TaskOrder(
        title="t", instructions=instructions, source=source, name="n", is_untrusted=is_untrusted
    )


@pytest.mark.parametrize("source", ["schedule", "check", "trigger"])
def test_a_task_without_permissions_gets_nothing_outside(source: Source) -> None:
    manifest = plain_task(order(source), 1).manifest
    assert manifest is not None
    assert grant_from_json(manifest) == Grant(budget=Budget())


def test_what_came_from_outside_counts_as_an_outside_event() -> None:
    assert plain_task(order("trigger"), 1).origin == "trigger"
    assert plain_task(order("check", is_untrusted=True), 1).origin == "trigger"
    assert plain_task(order("check"), 1).origin == "schedule"
    assert plain_task(order("schedule"), 1).origin == "schedule"


def test_only_a_schedule_may_be_a_command() -> None:
    found = plain_task(order("schedule", "/run echo 1"), 1)
    assert (found.kind, found.instructions) == ("shell", "echo 1")
    assert plain_task(order("check", "/run echo 1"), 1).kind == "agent"
    assert plain_task(order("trigger", "/run echo 1"), 1).kind == "agent"


def test_permissions_are_compiled_as_a_skills_are() -> None:
    grant = grant_from_json(manifest_of({"filesystem": {"read": ["inbox/*"]}}))
    assert (grant.reads, grant.hosts) == (("inbox/*",), ())
    with pytest.raises(UserFacing):
        manifest_of({"filesystm": {}})


def test_a_file_that_arrived_is_copied_and_a_link_is_not(tmp_path: Path) -> None:
    real = tmp_path / "a.txt"
    real.write_text("hello")
    link = tmp_path / "b.txt"
    link.symlink_to(real)
    pipe = tmp_path / "c"
    os.mkfifo(pipe)
    file = take_copy(str(real), tmp_path / "copies")
    assert (file.name, Path(file.path).read_text()) == ("a.txt", "hello")
    for path in (link, pipe, tmp_path / "gone"):
        with pytest.raises(UserFacing):
            take_copy(str(path), tmp_path / "more")


def test_a_check_that_cannot_run_is_a_problem_and_never_silent() -> None:
    text = (
        "## A\n- when: url changed https://x.example.com\n\nx\n\n"
        "## B\n- when: command exits 0: true\n\nx\n\n"
        "## C\n- permissions: {hosts: [x]}\n\nx\n\n## D\n- every: 1 hour\n\nx\n"
    )
    plan = possible(compile_plan(text))
    assert [check.name for check in plan.checks] == ["A", "B", "D"]
    assert {(p.check, p.key) for p in plan.problems} == {("C", "permissions")}


def test_only_a_notice_of_a_check_has_buttons() -> None:
    assert notice_card(Notice(text="x", name="n")).keys == ()
    (row,) = notice_card(Notice(text="x", name="n", id=7)).keys
    assert [data for _, data in row] == ["h:7:u", "h:7:n", "h:7:x"]
