"""When a skill is active, waits, or is off."""

from dataclasses import replace

import pytest

from skills.activation import Active, Disabled, SkillRow, Trust, Waiting, decide_change
from skills.types import Skill, SkillFile
from tests.unit.skills.texts import asking, skill

READS = asking("  filesystem: {read: ['*.md']}")
REACHES = asking("  network: [a.example]\n  filesystem: {read: ['*'], write: [out/*]}")
MORE = asking("  network: [a.example, b.example]\n  filesystem: {read: ['*'], write: [out/*]}")
LESS = asking("  network: [a.example]")
REWORDED = asking(
    "  network: [a.example]\n  filesystem: {read: ['*'], write: [out/*]}", body="Do it well."
)
RECODED = replace(REACHES, digest="other", code_digest="other")


def approved(seen: Skill, **changes: object) -> SkillRow:
    row = SkillRow(
        name=seen.name, source=seen.source, approved_digest=seen.digest,
        approved_code=seen.code_digest, approved_permissions=seen.permissions,
    )  # fmt: skip
    return replace(row, **changes)  # type: ignore[arg-type]


def test_a_skill_that_only_reads_is_active_at_once_and_after_every_edit() -> None:
    assert decide_change(None, READS) == Active(permissions=READS.permissions)
    assert decide_change(None, skill()) == Active(permissions=skill().permissions)
    assert isinstance(decide_change(approved(REACHES), READS), Active)


def test_a_new_skill_that_asks_for_more_waits_with_every_line() -> None:
    decision = decide_change(None, REACHES)
    assert isinstance(decision, Waiting)
    assert decision.reason == "permissions"
    assert "may reach a.example, with every method" in decision.diff
    assert "may write files: out/*" in decision.diff
    never = SkillRow(name="asking", source="owner")
    assert decide_change(never, REACHES) == decision


@pytest.mark.parametrize("trust", list(Trust))
def test_growth_waits_at_every_trust_level(trust: Trust) -> None:
    decision = decide_change(approved(REACHES, trust=trust), MORE)
    assert decision == Waiting(
        diff=("may reach b.example, with every method",), reason="permissions"
    )


@pytest.mark.parametrize("trust", list(Trust))
def test_changed_scripts_wait_at_every_trust_level(trust: Trust) -> None:
    decision = decide_change(approved(REACHES, trust=trust), RECODED)
    assert decision == Waiting(diff=(), reason="scripts")


def test_what_was_approved_is_active() -> None:
    assert decide_change(approved(REACHES), REACHES) == Active(permissions=REACHES.permissions)


def test_other_words_pass_by_trust() -> None:
    assert decide_change(approved(REACHES), REWORDED) == Waiting(diff=(), reason="text")
    decision = decide_change(approved(REACHES, trust=Trust.WORDING), REWORDED)
    assert decision == Active(permissions=REWORDED.permissions)


def test_a_narrower_text_gets_only_what_it_asks_for() -> None:
    decision = decide_change(approved(REACHES, trust=Trust.WORDING), LESS)
    assert decision == Active(permissions=LESS.permissions)


def test_a_disabled_skill_stays_off() -> None:
    for each in (READS, REACHES, MORE):
        assert decide_change(approved(each, state="disabled"), each) == Disabled()


def test_a_shipped_skill_is_active_with_its_reading_part() -> None:
    shipped = replace(REACHES, source="builtin")
    decision = decide_change(None, shipped)
    assert isinstance(decision, Active)
    assert decision.permissions.writes == ()
    assert decision.permissions.hosts[0].methods == ("GET", "HEAD", "OPTIONS")
    assert decision.withheld == (
        "may write files: out/*", "may reach a.example, with every method",
    )  # fmt: skip
    assert decide_change(approved(shipped), shipped) == Active(permissions=shipped.permissions)


def test_approvals_of_a_shipped_skill_are_not_those_of_its_namesake() -> None:
    shipped = replace(REACHES, source="builtin")
    assert isinstance(decide_change(approved(shipped), REACHES), Waiting)
    decision = decide_change(approved(REACHES), shipped)
    assert isinstance(decision, Active)
    assert decision.withheld


def test_a_script_beside_a_reading_skill_changes_nothing() -> None:
    file = SkillFile(path="x.py", size=1, sha256="a")
    assert isinstance(decide_change(None, skill(files=(file,))), Active)
