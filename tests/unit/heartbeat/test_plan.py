"""HEARTBEAT.md: compiled, linted, imported."""

from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heartbeat.cadence import Cron, Every
from heartbeat.checks import Importance
from heartbeat.conditions import FileChanged
from heartbeat.phrases import describe
from heartbeat.plan import MOST_BYTES, MOST_CHECKS, compile_plan
from heartbeat.plan_file import shipped

GOOD = """# My heartbeat
zone: Europe/Berlin
quiet: 22:00-07:00

Some prose about this file.

## Invoices
- every: weekdays at 9
- when: file changed inbox/invoices.csv
- importance: high
- budget: 3 calls a day, $0.10
- permissions:
    filesystem:
      read: [inbox/**]

Tell me when an invoice is overdue.
- with its number

## Weather
every: 2 hours
zone: America/New_York
quiet: none

Warn me of storms.

## Notes for myself
This section is only text.
"""


def test_a_file_with_prose_and_blocks_is_compiled() -> None:
    plan = compile_plan(GOOD)
    assert plan.problems == ()
    invoices, weather = plan.checks
    assert (invoices.name, invoices.line) == ("Invoices", 7)
    assert describe(invoices.cadence) == "on weekdays at 09:00 (Europe/Berlin)"
    assert invoices.condition == FileChanged(path="inbox/invoices.csv")
    assert invoices.importance is Importance.HIGH
    assert (invoices.budget.calls, invoices.budget.usd) == (3, Decimal("0.10"))
    assert invoices.permissions == {"filesystem": {"read": ["inbox/**"]}}
    assert invoices.instructions == "Tell me when an invoice is overdue.\n- with its number"
    assert invoices.quiet is not None
    assert weather.quiet is None
    assert weather.zone == "America/New_York"
    assert weather.cadence == Every(every=timedelta(hours=2), zone="America/New_York")


def test_a_broken_check_is_named_with_its_line_and_does_not_hide_the_others() -> None:
    plan = compile_plan(
        "## Broken\n- every: sometimes\n- quiet: 25-7\n- importence: high\n\nLook.\n\n"
        "## Whole\n- every: 1 hour\n\nLook there.\n"
    )
    assert [check.name for check in plan.checks] == ["Whole"]
    assert [(p.line, p.key, p.check) for p in plan.problems] == [
        (2, "every", "Broken"), (3, "quiet", "Broken"), (4, "importence", "Broken"),
    ]  # fmt: skip
    assert "importance" in plan.problems[2].hint
    assert all(problem.hint for problem in plan.problems)
    assert plan.problems[0].sentence().startswith("HEARTBEAT.md line 2, Broken: every:")


@pytest.mark.parametrize(
    ("block", "line"),
    [
        ("- every: 1 hour\n- every: 2 hours\n\nx", 3),
        ("- colour: red\n- every: 1 hour\n\nx", 2),
        ("- every: 1 hour\n", 1),
        ("- every: 1 hour\n- zone: Mars/Base\n\nx", 3),
        ("- every: 1 hour\n- budget: lots\n\nx", 3),
        ("- every: 1 hour\n- budget: 9999 calls a day\n\nx", 3),
        ("- every: 1 hour\n- when: the moon is full\n\nx", 3),
        ("- every: 1 hour\n- permissions: [a\n\nx", 3),
        ("- every: 1 hour\n- permissions: all\n\nx", 3),
        ("- every: 1 hour\n- importance: urgent\n\nx", 3),
    ],
)
def test_each_kind_of_mistake_has_its_line(block: str, line: int) -> None:
    plan = compile_plan(f"## Check\n{block}")
    assert plan.checks == ()
    assert [problem.line for problem in plan.problems] == [line]


def test_a_key_of_a_check_above_the_first_heading_is_a_problem() -> None:
    plan = compile_plan("every: 2 hours\n\n## A\n- every: 1 hour\n\nx\n")
    assert [problem.line for problem in plan.problems] == [1]
    assert len(plan.checks) == 1


def test_two_checks_with_one_name_are_a_problem() -> None:
    plan = compile_plan("## A\n- every: 1 hour\n\nx\n\n## a\n- every: 2 hours\n\ny\n")
    assert (len(plan.checks), plan.problems[0].line) == (1, 6)


def test_a_checklist_is_imported_with_the_default_cadence() -> None:
    plan = compile_plan(
        "# HEARTBEAT\n\n- [ ] check mail\n  only from my boss\n- [x] done\n* Look at **CI**.\n"
        "1. call\n"
    )
    assert plan.problems == ()
    assert [check.name for check in plan.checks] == ["check mail", "Look at CI", "call"]
    assert plan.checks[0].instructions == "check mail\nonly from my boss"
    assert plan.checks[0].cadence == Every(every=timedelta(minutes=30))


def test_a_tasks_block_is_imported_item_by_item() -> None:
    plan = compile_plan(
        "Intro\n\ntasks:\n\n- name: inbox-triage\n  interval: 30m\n  prompt: \"Check: mail\"\n"
        "- name: broken\n  prompt: [\n- name: calendar\n  interval: daily at 8\n  prompt: Scan.\n"
        "- prompt: Only this\n- name: silent\n\nOutro\n"
    )  # fmt: skip
    assert [check.name for check in plan.checks] == ["inbox-triage", "calendar", "Only this"]
    assert [problem.line for problem in plan.problems] == [8, 14]
    assert isinstance(plan.checks[1].cadence, Cron)


OLD_LIST = """# Heartbeat checklist

- Quick scan: anything urgent in the inbox?
- [x] last year's project
- Reply HEARTBEAT_OK if nothing needs attention

## Daily (morning)
1. Sum up the calendar
   with travel times

## Every heartbeat
- look at CI
"""
OLD_TASKS = """tasks:

- name: inbox-triage
  interval: 30m
  prompt: |
    Check for urgent mail.

    Flag it.
- name: calendar-scan
  interval: soon
  prompt: "Look for meetings."

# Additional instructions

- Keep alerts short.
- If nothing needs attention, reply HEARTBEAT_OK.
"""
OLD_EMPTY = """# HEARTBEAT.md

# Keep this file empty (or with only comments) to skip heartbeat calls.

# Add tasks below when something should be looked at from time to time.
"""


def test_an_older_checklist_takes_its_cadence_from_its_headings() -> None:
    plan = compile_plan(OLD_LIST)
    assert plan.problems == ()
    assert [(c.line, c.name, describe(c.cadence)) for c in plan.checks] == [
        (3, "Quick scan: anything urgent in the inbox?", "every 30 minutes"),
        (8, "Sum up the calendar", "every day at 09:00 (UTC)"),
        (12, "look at CI", "every 30 minutes"),
    ]
    assert plan.checks[1].instructions == "Sum up the calendar\nwith travel times"


def test_bullets_beside_an_older_list_of_tasks_are_words_for_each_and_no_checks() -> None:
    plan = compile_plan(OLD_TASKS)
    (check,) = plan.checks
    assert (check.line, check.name) == (3, "inbox-triage")
    assert check.instructions == "Check for urgent mail.\n\nFlag it.\n\nKeep alerts short."
    (problem,) = plan.problems
    assert (problem.line, problem.key) == (9, "tasks")
    assert problem.sentence().startswith("HEARTBEAT.md line 9: tasks: I do not understand 'soon'")


def test_an_older_file_of_comments_only_holds_no_check() -> None:
    assert compile_plan(OLD_EMPTY).checks == compile_plan(OLD_EMPTY).problems == ()


def test_a_check_is_given_the_day_when_it_says_so() -> None:
    plan = compile_plan("## A\n- with: today\n\nx\n\n## B\n- with: mail\n\ny\n")
    assert [(c.name, c.with_today) for c in plan.checks] == [("A", True)]
    assert [(p.line, p.key) for p in plan.problems] == [(7, "with")]


def test_comments_and_code_are_no_keys() -> None:
    plan = compile_plan("<!--\n## Hidden\n- every: 1 hour\n-->\n## A\n```\n- every: 1 hour\n```\n")
    assert plan.checks == ()


def test_sizes_are_bounded() -> None:
    assert compile_plan("x" * (MOST_BYTES + 1)).problems
    many = "".join(f"## c{n}\n- every: 1 hour\n\nx\n" for n in range(MOST_CHECKS + 5))
    plan = compile_plan(many)
    assert (len(plan.checks), len(plan.problems)) == (MOST_CHECKS, 5)


def test_the_shipped_file_has_two_checks_and_no_problem() -> None:
    plan = compile_plan(shipped(), zone="Asia/Tokyo")
    assert [check.name for check in plan.checks] == ["Morning briefing", "Task finished"]
    assert plan.problems == ()
    assert plan.checks[0].zone == "Asia/Tokyo"


def test_a_digest_follows_what_a_check_does_and_not_where_it_stands() -> None:
    one = compile_plan("## A\n- every: 1 hour\n\nx").checks[0]
    moved = compile_plan("\n\n## A\n- every: 1 hour\n\nx").checks[0]
    other = compile_plan("## A\n- every: 1 hour\n- permissions: {network: [a.b]}\n\nx").checks[0]
    assert one.digest == moved.digest != other.digest


PARTS = """## A|## B|# C|- every: 2 hours|every: nonsense|- when: any task ended|tasks:|- name: x
|  prompt: y|- [ ] do|text||- permissions:|  a: b|```|<!--|-->|zone: Europe/Paris|- budget: $1
|- qiet: 1-2|\t- x|- permissions: {a: *b}"""
LINES = st.sampled_from(PARTS.replace("\n", "").split("|"))


@given(st.one_of(st.text(max_size=300), st.lists(LINES, max_size=25).map("\n".join)))
def test_no_file_breaks_the_compiler_and_every_problem_has_a_line(text: str) -> None:
    plan = compile_plan(text)
    last = text.count("\n") + 1
    assert all(1 <= p.line <= last and (p.text or p.hint) for p in plan.problems)
    assert all(1 <= c.line <= last and c.name and c.instructions for c in plan.checks)
    assert len({c.name.lower() for c in plan.checks}) == len(plan.checks)
