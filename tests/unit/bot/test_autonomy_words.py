"""What the owner types about schedules and triggers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.autonomy_words import (
    WHAT_CAP,
    draft_of,
    new_schedule,
    new_trigger,
    schedule_of,
    split_request,
)
from core.errors import UserFacing
from heartbeat.phrases import describe
from heartbeat.schedules import CatchUp


@pytest.mark.parametrize(
    ("text", "head", "what"),
    [
        ("every Monday at 9: make it", "every Monday at 9", "make it"),
        ("daily at 7:30: look: twice", "daily at 7:30", "look: twice"),
        ("hourly : open https://x.example.com", "hourly", "open https://x.example.com"),
        ("every 2 hours:\nfirst\nsecond", "every 2 hours", "first\nsecond"),
        ("every 2 hours", "every 2 hours", ""),
    ],
)
def test_a_request_is_split_at_the_first_colon_with_a_space(
    text: str, head: str, what: str
) -> None:
    asked = split_request(text)
    assert (asked.head, asked.what) == (head, what)


def test_a_schedule_is_read_with_its_skill_and_kept_as_it_was_shown() -> None:
    new = new_schedule("every Monday at 9", "/skill timesheet for last week", "Europe/Berlin")
    assert (new.skill, new.instructions) == ("timesheet", "for last week")
    assert describe(new.cadence) == "every Monday at 09:00 (Europe/Berlin)"
    assert schedule_of(draft_of(new)) == new


@pytest.mark.parametrize(
    ("when", "catch_up"),
    [
        ("every Monday at 9", CatchUp.RUN_ONCE),
        ("every Monday at 9, skip if missed", CatchUp.SKIP),
        ("every monday at 9 Leave it out when missed", CatchUp.SKIP),
    ],
)
def test_what_becomes_of_a_missed_time_is_said_beside_it(when: str, catch_up: CatchUp) -> None:
    new = new_schedule(when, "x", "UTC")
    assert (new.catch_up, describe(new.cadence)) == (catch_up, "every Monday at 09:00 (UTC)")
    assert schedule_of(draft_of(new)) == new


@pytest.mark.parametrize(
    ("when", "what"),
    [("", "x"), ("hourly", ""), ("now and then", "x"), ("every 5 seconds", "x"),
     ("hourly", "x" * (WHAT_CAP + 1))],
)  # fmt: skip
def test_a_schedule_that_is_not_understood_is_refused(when: str, what: str) -> None:
    with pytest.raises(UserFacing):
        new_schedule(when, what, "UTC")


@given(st.text(min_size=1, max_size=60), st.text(min_size=1, max_size=60))
def test_any_words_make_a_schedule_or_a_sentence_for_the_owner(when: str, what: str) -> None:
    try:
        new = new_schedule(when, what, "UTC")
    except UserFacing:
        return
    assert schedule_of(draft_of(new)) == new


def test_each_kind_of_trigger_is_read() -> None:
    hook = new_trigger("webhook my-repo github: sum it up")
    assert (hook.kind, hook.spec, hook.secret_name) == (
        "webhook", {"format": "github"}, "HOOK_MY_REPO",
    )  # fmt: skip
    assert new_trigger("webhook plain").instructions == ""
    file = new_trigger("file inbox /home/me/inbox: read it")
    assert file.spec == {"folder": "/home/me/inbox", "pattern": "*"}
    assert new_trigger("task after #12: go on").spec == {"no": 12}
    mail = new_trigger("mail boss imap.example.org me@example.org boss@example.org: reply")
    assert (mail.spec["senders"], mail.secret_name) == (["boss@example.org"], "MAIL_BOSS")
    assert (mail.spec["host"], mail.spec["port"]) == ("imap.example.org", 993)
    other = new_trigger("mail boss [::1]:1143 me a@b.c: reply")
    assert (other.spec["host"], other.spec["port"]) == ("::1", 1143)


@given(st.text(max_size=80))
def test_a_trigger_never_carries_permissions(text: str) -> None:
    try:
        new = new_trigger(text)
    except UserFacing:
        return
    assert not new.permissions


@pytest.mark.parametrize(
    "text",
    ["", "webhook", "webhook UPPER: x", "webhook a other: x", "file a inbox: x",
     "file a /x/../y: x", "mail a host: x", "mail a h:0 u s: x", "mail a h:99999 u s: x",
     "door a: x"],
)  # fmt: skip
def test_a_trigger_that_is_not_understood_says_how_to_write_it(text: str) -> None:
    with pytest.raises(UserFacing):
        new_trigger(text)
