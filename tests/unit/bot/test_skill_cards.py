"""Skills as the chat shows them."""

from dataclasses import replace
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from bot.render import utf16_len
from bot.skill_cards import (
    LINES_CHARS,
    list_card,
    name_key,
    offer_card,
    problems_card,
    skill_card,
    waiting_card,
)
from coordinator.skills import Entry, Shelf
from core.policy import HostRule
from skills.activation import Active, Disabled, Waiting
from skills.bundle import Bundle, Offer
from skills.permissions import NOTHING, Permissions
from skills.scan import Risk
from skills.types import Problem
from tests.unit.bot.test_menu import skill

LINES = st.lists(st.text(max_size=900), max_size=30).map(tuple)
RISKS = st.lists(
    st.builds(
        Risk, kind=st.just("install"), file=st.text(max_size=200), line=st.integers(1, 9),
        sentence=st.text(max_size=80), sample=st.text(max_size=200),
    ),
    max_size=12,
)  # fmt: skip


@given(LINES, RISKS)
def test_a_waiting_card_fits_and_can_be_allowed_only_if_it_shows_all(
    lines: tuple[str, ...], risks: list[Risk]
) -> None:
    card = waiting_card(skill("x"), Waiting(diff=lines, reason="permissions"), risks)
    assert utf16_len(card.piece.text) <= 4096
    if any(label == "Allow" for row in card.keys for label, _ in row):
        assert "and more" not in card.piece.text
        assert sum(len(line) for line in lines) <= LINES_CHARS


def test_what_hides_in_a_permission_is_shown() -> None:
    waiting = Waiting(diff=("may reach evil\u202e.com",), reason="permissions")
    assert "⟨U+202E⟩" in waiting_card(skill("x"), waiting, ()).piece.text


def test_every_button_fits_into_what_telegram_carries() -> None:
    name = "n" * 64
    entries = [
        Entry(skill=skill(name), decision=d)
        for d in (Disabled(), Waiting(diff=(), reason="text"),
                  Active(permissions=NOTHING, withheld=("may write files: x",)))
    ]  # fmt: skip
    cards = [skill_card(entry) for entry in entries]
    cards += [list_card(Shelf(entries={name: entry})) for entry in entries]
    data = [what for card in cards for row in card.keys for _, what in row]
    assert data
    assert all(len(what.encode()) <= 64 for what in data)
    assert name_key("a") != name_key("b")


def test_many_problems_and_many_offers_fit_into_one_card() -> None:
    problem = Problem(file="f" * 300, line=1, key="k", wrong="w" * 400, mend="m")
    assert utf16_len(problems_card([problem] * 50).piece.text) <= 4096
    offers = tuple(
        Offer(skill=skill(f"s{n}"), asks_for=("may write files: " + "x" * 800,)) for n in range(50)
    )
    bundle = Bundle(staging=Path("/x"), offers=offers, settings={"a": "b"}, problems=(problem,) * 9)
    risk = Risk(kind="install", file="f" * 300, line=1, sentence="s" * 80, sample="y" * 300)
    assert utf16_len(offer_card(bundle, [risk] * 20, "1:abc").piece.text) <= 4096


def test_a_long_list_of_skills_fits_into_one_card() -> None:
    entries = {
        f"{n:064d}": Entry(skill=skill(f"{n:064d}"), decision=Active(permissions=NOTHING))
        for n in range(500)
    }
    assert utf16_len(list_card(Shelf(entries=entries)).piece.text) <= 4096


def test_a_list_says_what_each_skill_is_for() -> None:
    one = replace(skill("csv-report"), description="Turns a table into a report. Use it for sales.")
    entry = Entry(skill=one, decision=Active(permissions=Permissions(reads=("*.csv",))))
    text = list_card(Shelf(entries={"csv-report": entry})).piece.text
    assert "csv-report · L1 · Turns a table into a report\n" in text
    assert "*.csv" not in text


def test_a_card_says_what_a_skill_may_do_once_and_each_kind_in_one_line() -> None:
    hosts = (HostRule(host="a.example", methods=("GET", "HEAD")),)
    may = Permissions(tier="L2", reads=("*.csv", "*.txt"), hosts=hosts)
    one = replace(skill("x"), permissions=may)
    entry = Entry(skill=one, decision=Active(permissions=may), is_seen=True)
    text = skill_card(entry).piece.text
    assert "may:\n• read files: *.csv, *.txt\n• reach a.example, reading only" in text
    asked = skill_card(replace(entry, is_seen=False)).piece.text
    assert "\n• read files: *.csv\n• read files: *.txt\n" in asked
    assert "may " not in asked.split("allow all of this:")[1]
