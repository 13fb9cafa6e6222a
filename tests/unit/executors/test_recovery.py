"""What becomes of a task whose host was killed."""

import pytest

from core.tasks import Step
from executors.recovery import recover

NONE: list[Step] = []
BEGUN = [Step(index=0, tool="shell", arguments={})]


@pytest.mark.parametrize(
    ("kind", "steps", "has_container", "has_workspace", "verdict"),
    [
        ("shell", NONE, True, True, "requeue"),
        ("shell", BEGUN, True, True, "adopt"),
        ("agent", BEGUN, True, True, "adopt"),
        ("shell", NONE, False, True, "requeue"),
        ("agent", NONE, False, False, "requeue"),
        ("shell", BEGUN, False, True, "unknown"),
        ("shell", BEGUN, False, False, "unknown"),
        ("agent", BEGUN, False, True, "resume"),
        ("agent", BEGUN, False, False, "unknown"),
    ],
)
def test_each_case_has_its_verdict(
    kind: str, steps: list[Step], has_container: bool, has_workspace: bool, verdict: str
) -> None:
    found = recover(
        kind=kind,  # type: ignore[arg-type]
        steps=steps, has_container=has_container, has_workspace=has_workspace,
    )  # fmt: skip
    assert found == verdict


def test_a_task_that_had_finished_only_waits_for_its_changes() -> None:
    for has_container in (True, False):
        found = recover(
            kind="shell", steps=NONE, has_container=has_container, has_workspace=False,
            is_finishing=True,
        )  # fmt: skip
        assert found == "settle"
