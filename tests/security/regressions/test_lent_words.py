"""Class: text that the model or somebody else wrote becomes the owner's words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.cards import short
from core.policy.words import has_host
from core.tasks import NewTask, Outcome, TaskState
from core.tasks.seen import TASK_NOTE, SeenStore, own_words
from tests.security.regressions.desk import Desk, message, press
from tests.support.world import OWNER

if TYPE_CHECKING:
    from core.tasks import Task

SITE = "evil.example"
SHOWN = 4000
VIA = {"via_bot": {"id": 1, "is_bot": True, "first_name": "x"}}
FORWARDED = {"forward_origin": {"type": "hidden_user", "date": 1, "sender_user_name": "x"}}
ORIGINS = {
    "via_bot": "[sent through the inline bot @unknown]\n",
    "forward_origin": "[forwarded from x, written 1970-01-01 00:00 UTC]\n",
}
FOREIGN = pytest.mark.parametrize("how", [VIA, FORWARDED], ids=["inline bot", "forwarded"])


@pytest.fixture
def quiet(desk: Desk) -> Desk:
    """A bot whose coordinator takes no message by itself."""
    desk.service.dispatcher._after._wake_lane = lambda _: None
    return desk


async def shows(desk: Desk, task_no: int | None, payload: dict[str, object]) -> None:
    """The bot has a message in the chat."""
    await desk.database.execute(
        "insert into outbox (chat_id, key, method, payload, task_no, state, message_id)"
        " values ($1, 'shown', 'text', $2, $3, 'sent', $4)", OWNER, payload, task_no, SHOWN,
    )  # fmt: skip


async def turn(desk: Desk) -> int:
    """A turn that takes what is pending."""
    found: int = await desk.database.fetchval(
        "with made as (insert into turns (chat_id, state) values ($1, 'done') returning id)"
        " update messages set turn_id = made.id from made where turn_id is null returning turn_id",
        OWNER,
    )
    return found


async def words(desk: Desk, task: Task) -> tuple[str, ...]:
    return (await SeenStore(desk.database).read(task)).words


async def pending(desk: Desk) -> list[tuple[str, bool]]:
    rows = await desk.database.fetch(
        "select text, is_forwarded from messages where turn_id is null and role = 'owner'"
        " order by id"
    )
    return [(row["text"], row["is_forwarded"]) for row in rows]


async def ended(desk: Desk, title: str) -> int:
    """A task that is over, whose result stands in the chat."""
    async with desk.database.transaction() as session:
        new = NewTask(kind="agent", title=title, instructions="x", chat_id=OWNER)
        await desk.service.tasks.add(session, new)
    task = await desk.service.tasks.claim_next(host="desk", parallel=50, lease_s=600)
    assert task is not None
    await desk.service.tasks.finish(task.no, task.fence, Outcome(state=TaskState.DONE))
    await shows(desk, task.no, {"text": "done"})
    return task.no


async def test_the_title_of_a_task_lends_no_words_to_a_reply(quiet: Desk) -> None:
    no = await ended(quiet, f"Look at\n{SITE}")
    reply = {"reply_to_message": {"message_id": SHOWN}}
    await quiet.hears(message=message("thanks, now sum up my accounts", **reply))
    said = f"[about task #{no}: Look at {SITE}]\nthanks, now sum up my accounts"
    assert await pending(quiet) == [(said, False)]
    await quiet.hears(edited_message=message("thanks, sum them up", **reply))
    assert await pending(quiet) == [(said.replace("now sum up my accounts", "sum them up"), False)]
    task = await quiet.task("x", await turn(quiet))
    assert await words(quiet, task) == ("thanks, sum them up",)


async def test_a_reply_is_not_joined_to_a_paste_that_waits_for_its_rest(quiet: Desk) -> None:
    no = await ended(quiet, SITE)
    await quiet.hears(message=message("x" * 4096))
    reply = {"reply_to_message": {"message_id": SHOWN}, "message_id": 5001}
    await quiet.hears(message=message("and this?", **reply))
    assert [text for text, _ in await pending(quiet)] == [
        "x" * 4096, f"[about task #{no}: {SITE}]\nand this?",
    ]  # fmt: skip


async def test_the_text_of_a_button_lends_no_words_and_is_still_the_owners_choice(
    quiet: Desk,
) -> None:
    await shows(quiet, None, {"text": "Which?", "choices": [f"Yes, with {SITE}", "No"]})
    await quiet.hears(callback_query=press("a:0", SHOWN))
    assert await pending(quiet) == [(f"Yes, with {SITE}", False)]
    task = await quiet.task("x", await turn(quiet))
    assert await words(quiet, task) == ()


@FOREIGN
@pytest.mark.parametrize("command", [f"/grant {SITE} *", "/run id", "/stop", "/task x"])
async def test_a_command_that_somebody_else_wrote_is_text(
    quiet: Desk, how: dict[str, Any], command: str
) -> None:
    await quiet.hears(message=message(command, **how))
    await quiet.hears(edited_message=message(f"{command} 2", **how))
    (sign,) = how
    assert await pending(quiet) == [(f"{ORIGINS[sign]}{command} 2", True)]
    assert await quiet.approvals.live_grants() == ()
    assert await quiet.service.tasks.live() == ()


@FOREIGN
async def test_a_correction_of_what_somebody_else_wrote_stays_theirs(
    quiet: Desk, how: dict[str, Any]
) -> None:
    await quiet.hears(message=message("read this", **how))
    task = await quiet.task("x", await turn(quiet))
    await quiet.database.execute("update tasks set kind = 'agent', origin_message_id = 5000")
    for more in (how, {}):  # also should Telegram leave the sign out of the edited message
        await quiet.hears(edited_message=message(f"read {SITE} {len(more)}", **more))
        told = "".join(ORIGINS[sign] for sign in more)
        assert await pending(quiet) == [(f"{told}read {SITE} {len(more)}", True)]
        await turn(quiet)
    assert await words(quiet, task) == ()
    inputs = await quiet.database.fetchval("select count(*) from task_inputs")
    assert inputs == 0


async def test_the_owners_own_correction_lends_its_words(quiet: Desk) -> None:
    await quiet.hears(message=message("read this"))
    task = await quiet.task("x", await turn(quiet))
    await quiet.database.execute("update tasks set kind = 'agent', origin_message_id = 5000")
    await quiet.hears(edited_message=message("read docs.example.com"))
    assert has_host(await words(quiet, task), "docs.example.com")


async def test_a_correction_of_a_caption_keeps_the_lines_about_its_files(quiet: Desk) -> None:
    file = {"document": {"file_id": "a", "file_name": f"{SITE}.txt"}}
    await quiet.hears(message=message("", caption="sum it up", **file))
    ((first, _),) = await pending(quiet)
    await quiet.hears(edited_message=message("", caption="translate it", **file))
    assert await pending(quiet) == [(first.replace("sum it up", "translate it"), False)]
    task = await quiet.task("x", await turn(quiet))
    assert await words(quiet, task) == ("translate it",)


@given(st.text(), st.text())
def test_no_title_breaks_out_of_its_line(title: str, said: str) -> None:
    note = f"{TASK_NOTE}#1: {short(title, 80)}]\n"
    assert own_words(note + said) == own_words(said)
