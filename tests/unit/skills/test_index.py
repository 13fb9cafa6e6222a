"""Finding skills, and telling of them in few bytes."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from skills.index import BUDGET_BYTES, prompt_index, search
from tests.unit.skills.texts import skill

BASE = skill()
SHELF = [
    replace(BASE, name=name, description=text)
    for name, text in (
        ("csv-report", "Turns a table into a report with charts. Use it for spreadsheets."),
        ("web-research", "Reads pages and writes a digest with sources."),
        ("timesheet", "Adds up hours from notes. Use it for invoices and reports of hours."),
        ("meeting-notes", "Turns notes of a meeting into decisions and actions."),
    )
]
MANY = [
    replace(BASE, name=f"skill-number-{n}", description=f"Übt Nummer {n}. " + "wort " * 100)
    for n in range(500)
]


def names(query: str, limit: int = 10) -> list[str]:
    return [found.name for found in search(SHELF, query, limit)]


def test_a_name_weighs_more_than_a_description() -> None:
    assert names("make a report of this csv please")[0] == "csv-report"
    assert names("report", 1) == ["csv-report"]
    assert names("invoice hours")[0] == "timesheet"


def test_beginnings_of_words_count_and_common_words_do_not() -> None:
    assert names("research on the web")[0] == "web-research"
    assert names("meetings") == ["meeting-notes"]
    assert names("what is the and of") == []
    assert names("") == []


def test_few_skills_are_all_described() -> None:
    text = prompt_index(SHELF)
    assert "- csv-report: Turns a table into a report with charts" in text
    assert text.count("\n") == 4
    assert prompt_index([]) == ""


def test_five_hundred_skills_take_no_more_room_and_say_how_to_search() -> None:
    text = prompt_index(MANY)
    assert len(text.encode()) <= BUDGET_BYTES
    assert "500" in text
    assert "search_skills" in text
    assert "- also: " in text


def test_what_fits_comes_first_then_what_is_used() -> None:
    text = prompt_index(MANY, uses={"skill-number-77": 5}, query="skill-number-432 bitte")
    lines = text.splitlines()
    assert lines[1].startswith("- skill-number-432:")
    assert any(line.startswith("- skill-number-77:") for line in lines)


def test_a_skill_hidden_from_the_model_is_not_told() -> None:
    assert prompt_index([replace(BASE, is_model_invocable=False)]) == ""


@given(st.integers(0, 3000), st.integers(0, 40))
def test_no_budget_is_broken(budget: int, count: int) -> None:
    assert len(prompt_index(MANY[:count], budget).encode()) <= max(budget, 0)


@given(st.text(max_size=200))
def test_every_query_is_answered(query: str) -> None:
    assert len(search(SHELF, query, 2)) <= 2
