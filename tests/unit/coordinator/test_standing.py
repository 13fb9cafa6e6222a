"""Which sentences of the owner's become standing rules, and which never do."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coordinator.standing import (
    A_MESSAGE,
    TEXT_CAP,
    fingerprint,
    hold_of,
    orders_in,
    strictest,
)
from core.policy import Hold

ASK = [
    "do not send anything until I say so",
    "Don't send anything until I tell you.",
    "please don't email anyone before I have read it",
    "Don\u2019t post this yet",
    "never write to my boss",
    "Never ever reply to Tom.",
    "You must not delete my photos",
    "Ask me before you send anything.",
    "Always ask me first.",
    "check with me before you book a flight",
    "Nothing leaves this machine without my approval",
    "Send nothing until tomorrow",
    "Hold off on sending the invoices",
    "No emails until I say so",
    "Draft the letter, but don't send it yet.",
    "don't buy anything",
    "Wait for my ok before you push.",
    "I don't want you to send anything today",
    "Stop posting to the blog.",
    "do not write to anyone unless I ask for it",
    "Schick nichts, bis ich es sage",
    "Sende keine Mails ohne meine Zustimmung.",
    "Schreib niemals meinem Chef",
    "schreibe nie an meinen Chef",
    "Bitte nichts abschicken, bevor ich es gesehen habe",
    "Lösche keine Dateien",
    "Du darfst nichts löschen",
    "Frag mich immer, bevor du etwas sendest",
    "Frag mich bevor du etwas kaufst",
    "Erst fragen, dann senden",
    "Nichts senden ohne mich zu fragen",
    "Bestell nichts, bevor ich zustimme",
    "Überweise kein Geld",
    "Antworte niemandem, bis ich wieder da bin",
]
DENY = [
    "Never send anything",
    "never delete anything!",
    "Under no circumstances send anything to anyone: do not email anyone, never post anything",
    "Sende niemals irgendetwas",
    "Lösche nie etwas",
]
KEPT = [
    "always answer in German",
    "Always keep it short.",
    "never use emojis",
    "From now on, call me Max",
    "from now on answer in two sentences",
    "don't write to me",
    "Antworte immer auf Deutsch",
    "Ab jetzt bitte kurz antworten",
    "Künftig nur noch in Stichpunkten",
    "Schreib mir nie vor neun Uhr",
]
NOTHING = [
    "hello",
    "send the report to Bob",
    "Don't forget to send the mail",
    "never mind",
    "Why don't you send it?",
    "Should I never delete it?",
    "I never send anything on Fridays",
    "I don't write well",
    "My sister never replies",
    "Always a pleasure!",
    "do not worry about the mail",
    "Don't hesitate to write to Tom",
    "Vergiss nicht, die Mail zu senden",
    "Macht nichts!",
    "Ich schreibe nie Briefe",
    "Warum sendest du nichts?",
    "He said “do not send anything until I say so”",
    "> do not send anything",
    "What does `never delete anything` mean",
    "Es regnet immer noch",
    "",
]


@pytest.mark.parametrize("text", ASK)
def test_what_delays_or_forbids_one_thing_asks_before_each_effect(text: str) -> None:
    assert hold_of(text) is Hold.ASK


@pytest.mark.parametrize("text", DENY)
def test_what_forbids_everything_for_good_is_refused(text: str) -> None:
    assert hold_of(text) is Hold.DENY


@pytest.mark.parametrize("text", KEPT)
def test_how_to_work_is_kept_and_holds_nothing_back(text: str) -> None:
    found = [order.hold for order in orders_in(text)]
    assert all(hold is Hold.NONE for hold in found)
    assert found or text == "don't write to me"


@pytest.mark.parametrize("text", NOTHING)
def test_what_is_no_order_makes_no_rule(text: str) -> None:
    assert orders_in(text) == ()


def test_an_order_in_the_middle_of_a_message_is_found_with_its_own_words_only() -> None:
    text = (
        "Here is the draft for Anna.\nIt looks good. Do not send anything until I say so! Thanks."
    )
    assert [order.text for order in orders_in(text)] == ["Do not send anything until I say so!"]


def test_the_strictest_orders_of_a_message_come_first_and_few_are_kept() -> None:
    text = "Always be brief. Never use emojis. From now on call me Max. Never send anything."
    found = orders_in(text)
    assert len(found) == A_MESSAGE
    assert found[0].hold is Hold.DENY


def test_the_same_order_is_one_whatever_its_case_and_points() -> None:
    assert fingerprint("Do NOT send, anything!") == fingerprint("do not send anything")
    assert len(orders_in("Never use emojis. never use emojis!")) == 1


def test_the_strictest_of_nothing_is_nothing() -> None:
    assert strictest(()) is Hold.NONE
    assert strictest((Hold.NONE, Hold.ASK, Hold.DENY)) is Hold.DENY


@given(st.text(max_size=6_000))
def test_any_text_is_read_and_every_order_is_short(text: str) -> None:
    found = orders_in(text)
    assert len(found) <= A_MESSAGE
    assert all(0 < len(order.text) <= TEXT_CAP for order in found)


@pytest.mark.parametrize(
    "part", ["do not ", "schick ", "never send ", "ohne zu ", "a, ", "nothing "]
)
def test_no_text_takes_long(part: str) -> None:
    began = time.perf_counter()
    orders_in((part * 3_000)[:100_000])
    orders_in("\n".join([part * 20] * 500))
    assert time.perf_counter() - began < 2.0  # only catches a blow-up
