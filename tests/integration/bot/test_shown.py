"""What the owner sees: lists of tasks that stay true, full disks, edits of pieces, deletions."""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING, Any

import pytest

from agentai.serving import Serving
from bot.approval_cards import shown as visible
from bot.delivery import FilePayload
from bot.files_cards import read_deletion
from core.beat import Beat
from core.tasks import NewTask, Outcome, TaskState
from core.workspace.receiving import delete
from tests.security.regressions.desk import Desk, message, press
from tests.support.world import OWNER

if TYPE_CHECKING:
    from pathlib import Path

    from core.tasks import Task
    from playground.state import Shown

FULL = "the disk of the machine I run on is full.\nMake room there, then send it again."


def labels(shown: Shown) -> list[str]:
    return [key["text"] for row in shown.buttons for key in row]


async def noted(desk: Desk, found: Shown) -> None:
    """Waits until the sending of a message was written down."""
    async with asyncio.timeout(10), desk.database.session() as session:
        while await desk.service.store.shown(session, OWNER, found.id) is None:
            await asyncio.sleep(0.01)


async def pressed(desk: Desk, found: Shown, data: str) -> None:
    await noted(desk, found)
    await desk.hears(callback_query=press(data, found.id))


async def ends(desk: Desk, task: Task) -> None:
    """The task ends well, and the board has reported it."""
    assert await desk.service.tasks.finish(task.no, task.fence, Outcome(state=TaskState.DONE))
    desk.service.board.wake()
    await desk.service.board.step()


# --- lists of tasks ---


async def test_the_answer_to_status_loses_its_button_when_the_task_ends(desk: Desk) -> None:
    first, second = await desk.task(), await desk.task()
    await desk.hears(message=message("/status"))
    shown = await desk.telegram.wait_for(lambda m: "2 running" in m.text)
    assert labels(shown) == ["Cancel #1", "Cancel #2", "Cancel all", "Refresh"]
    await ends(desk, first)
    await desk.telegram.wait_for(lambda m: m.id == shown.id and "1 running" in m.text)
    assert labels(shown) == ["Cancel #2", "Refresh"]
    await ends(desk, second)
    await desk.telegram.wait_for(lambda m: m.id == shown.id and "Nothing is running" in m.text)
    assert labels(shown) == ["Refresh"]
    edits = await desk.database.fetchval("select count(*) from outbox where method = 'edit'")
    assert edits == 2


async def test_a_press_that_came_too_late_is_answered_plainly_and_shows_the_list_anew(
    desk: Desk,
) -> None:
    task = await desk.task()
    await desk.task()
    await desk.hears(message=message("/cancel"))
    shown = await desk.telegram.wait_for(lambda m: m.text == "Which one?")
    assert await desk.service.tasks.finish(task.no, task.fence, Outcome(state=TaskState.DONE))
    await pressed(desk, shown, "c:1")
    await desk.telegram.wait_for(lambda m: m.id == shown.id and len(m.buttons) == 2)
    assert [label.split(" ")[0] for label in labels(shown)] == ["#2", "All"]
    answers = [p for _, m, p in desk.telegram.calls if m == "answerCallbackQuery"]
    assert [answer["text"] for answer in answers] == ["#1 had already ended."]


async def test_refresh_on_a_list_that_shows_the_same_changes_nothing(desk: Desk) -> None:
    await desk.hears(message=message("/status"))
    shown = await desk.telegram.wait_for(lambda m: "Nothing is running" in m.text)
    await pressed(desk, shown, "s")
    await desk.hears(message=message("/help", message_id=5001))
    await desk.telegram.wait_for(lambda m: "What I can do" in m.text)
    assert labels(shown) == ["Refresh"]


# --- a full disk ---


async def sends_file(desk: Desk, message_id: int, name: str) -> None:
    stored = desk.telegram.state.store(name, "text/plain", b"content")
    document = {"file_id": stored.file_id, "file_name": name, "file_size": 7}
    body = message("", message_id=message_id, document=document, caption="keep it")
    del body["text"]
    await desk.hears(message=body)


async def fetched(desk: Desk) -> list[tuple[str, bool, str | None]]:
    desk.service.fetcher.wake()
    await desk.service.fetcher.step()
    rows = await desk.database.fetch("select name, path, error from files order by id")
    return [(row["name"], row["path"] is not None, row["error"]) for row in rows]


async def test_a_file_that_the_disk_does_not_take_fails_and_the_next_one_comes(
    desk: Desk,
) -> None:
    part = desk.home / "files" / "1" / ".a.txt.part"
    part.parent.mkdir(parents=True)
    part.symlink_to("/dev/full")
    await sends_file(desk, 5000, "a.txt")
    await sends_file(desk, 5001, "b.txt")
    assert await fetched(desk) == [
        ("a.txt", False, f"I could not keep a.txt: {FULL}"), ("b.txt", True, None),
    ]  # fmt: skip
    assert (await desk.said()).count(f"I could not keep a.txt: {FULL}") == 1
    assert not part.parent.exists()


async def test_a_recording_that_the_disk_does_not_take_holds_up_no_other(desk: Desk) -> None:
    speech: Any = desk.service.speech
    heard = desk.home / "heard"
    heard.mkdir(parents=True)
    (heard / ".1001.ogg.part").symlink_to("/dev/full")
    stored = desk.telegram.state.store("a.ogg", "audio/ogg", b"OggS")
    voice = {"file_id": stored.file_id, "file_size": 4, "duration": 3}
    await desk.hears(message=message("", message_id=5000, voice=voice))
    await speech._listening.step()
    assert await desk.said() == [f"I could not keep your recording: {FULL}"]
    state = await desk.database.fetchval("select state from voice_notes")
    assert state == "failed"


# --- edits of pieces ---


async def rows(desk: Desk) -> list[Any]:
    """What the owner said, by now; the bot's lanes answer at their own pace."""
    sql = "select * from messages where role = 'owner' order by id"
    return list(await desk.database.fetch(sql))


async def answered(desk: Desk) -> None:
    turn = await desk.database.fetchval(
        "insert into turns (chat_id, state) values ($1, 'done') returning id", OWNER
    )
    await desk.database.execute("update messages set turn_id = $1 where turn_id is null", turn)


ONE, TWO, THREE = "a" * 4096, "b" * 4096, "the end"


@pytest.mark.parametrize(("which", "place"), [(5000, 0), (5001, 1), (5002, 2)])
@pytest.mark.parametrize("is_answered", [False, True])
async def test_an_edited_piece_of_a_long_paste_leaves_the_others(
    desk: Desk, which: int, place: int, is_answered: bool
) -> None:
    pieces = [ONE, TWO, THREE]
    for number, piece in enumerate(pieces):
        await desk.hears(message=message(piece, message_id=5000 + number))
    assert [row["text"] for row in await rows(desk)] == ["".join(pieces)]
    if is_answered:
        await answered(desk)
    for words in ("short", "shorter"):
        pieces[place] = words
        await desk.hears(edited_message=message(words, message_id=which))
        assert (await rows(desk))[-1]["text"] == "".join(pieces)
    kept = await rows(desk)
    assert {row["telegram_id"] for row in kept} == {5000}
    assert [row["corrects"] is None for row in kept] == [True, *[False] * (len(kept) - 1)]
    assert len(kept) > 1 or not is_answered


def picture(message_id: int, caption: str) -> dict[str, Any]:
    photo = [{"file_id": f"p{message_id}", "file_size": 9}]
    more = {"media_group_id": "a", "photo": photo, "caption": caption}
    body = message("", message_id=message_id, **more)
    del body["text"]
    return body


@pytest.mark.parametrize("is_answered", [False, True])
async def test_an_edited_caption_on_the_second_photo_of_an_album_is_heard(
    desk: Desk, is_answered: bool
) -> None:
    await desk.hears(message=picture(5000, "the cat"))
    await desk.hears(message=picture(5001, "the dog"))
    if is_answered:
        await answered(desk)
    await desk.hears(edited_message=picture(5001, "the cow"))
    await desk.hears(edited_message=picture(5000, "the hen"))
    newest = (await rows(desk))[-1]
    assert newest["text"] == (
        "[photo 1: photo-5000.jpg, 9 bytes]\nthe hen\n[photo 2: photo-5001.jpg, 9 bytes]\nthe cow"
    )
    assert newest["files"] == [1, 2]
    assert newest["corrects"] is not None or not is_answered


async def test_an_edit_of_a_message_that_was_never_kept_joins_nothing(desk: Desk) -> None:
    await desk.hears(message=message("hello", message_id=5000))
    await desk.hears(message=message("/status", message_id=5001))
    await desk.hears(edited_message=message("status", message_id=5001))
    assert [row["text"] for row in await rows(desk)] == ["hello"]


# --- deleting a file ---


async def kinds(desk: Desk) -> list[str]:
    found = await desk.database.fetch(
        "select kind from audit where kind like 'files.%' order by seq"
    )
    return [row["kind"] for row in found]


async def asked_to_delete(desk: Desk) -> tuple[Path, Shown]:
    target = desk.home / "workspace" / "notes.md"
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text("one")
    await desk.hears(message=message("/files delete notes.md"))
    return target, await desk.telegram.wait_for(lambda m: "Delete this file?" in m.text)


async def test_a_deletion_is_written_down_before_and_after(desk: Desk) -> None:
    target, card = await asked_to_delete(desk)
    await pressed(desk, card, "f:x:0")
    assert not target.exists()
    assert await kinds(desk) == ["files.deleting", "files.deleted"]
    await pressed(desk, card, "f:x:0")
    assert await kinds(desk) == ["files.deleting", "files.deleted"]


@pytest.mark.parametrize("is_gone", [False, True])
async def test_a_deletion_that_was_killed_halfway_is_finished_when_the_tap_comes_again(
    desk: Desk, is_gone: bool
) -> None:
    target, card = await asked_to_delete(desk)
    await noted(desk, card)
    files = desk.service.files_command
    async with desk.database.session() as session:
        shown = await desk.service.store.shown(session, OWNER, card.id)
    assert shown is not None
    wanted = read_deletion(shown.payload["choices"][0])
    assert wanted is not None
    assert await files._intend(shown, wanted)  # killed behind this, or behind the deletion itself
    if is_gone:
        delete(desk.service.files, wanted.path, wanted.state, commit_id=f"deleted-{shown.id}")
    await desk.database.execute(  # however long the restart took: the tap was in time
        "update outbox set payload = jsonb_set(payload, '{choices,0}', to_jsonb(regexp_replace("
        "payload #>> '{choices,0}', '[0-9.]+]$', '1]'))) where payload ? 'choices'"
    )
    await pressed(desk, card, "f:x:0")
    assert not target.exists()
    assert await kinds(desk) == ["files.deleting", "files.deleted"]
    told = f"Deleted: {visible('notes.md')}. /undo brings it back."
    assert (await desk.said()).count(told) == 1


# --- pictures of looks ---


async def test_a_picture_of_a_look_is_gone_once_it_was_sent(desk: Desk) -> None:
    task = await desk.task()
    path = desk.home / "results" / str(task.no) / "look-0123456789ab.jpg"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"\xff\xd8\xff picture")
    fields = {"no": str(task.no), "path": str(path), "caption": "What the page looks like."}
    await desk.service.looking.announce("1-0", fields)
    sent = await desk.telegram.wait_for(lambda m: m.document is not None)
    assert desk.telegram.state.files[sent.document or ""].content == b"\xff\xd8\xff picture"
    async with asyncio.timeout(10):
        while path.exists():
            await asyncio.sleep(0.01)


async def test_pictures_that_a_kill_left_are_swept_away_and_others_stay(desk: Desk) -> None:
    folder = desk.home / "results" / "1"
    folder.mkdir(parents=True)
    names = ["look-0123456789ab.jpg", "look-aaaaaaaaaaaa.jpg", "look-bbbbbbbbbbbb.jpg",
             "0-look-0123456789ab.jpg", "look-mine.jpg"]  # fmt: skip
    for name in names:
        (folder / name).write_bytes(b"x")
        if name != "look-bbbbbbbbbbbb.jpg":  # which is on its way
            os.utime(folder / name, (1, 1))
    waiting = FilePayload(filename="l", path=str(folder / names[1]), is_passing=True)
    await desk.database.execute(
        "insert into outbox (chat_id, method, payload, state) values ($1, 'file', $2, 'sending')",
        OWNER, waiting.model_dump(exclude_defaults=True),
    )  # fmt: skip
    await desk.service.looking.sweep()
    assert sorted(path.name for path in folder.iterdir()) == sorted(names[1:])


async def test_what_quiet_tasks_left_for_a_process_that_was_killed_is_deleted_at_start(
    desk: Desk,
) -> None:
    shown = await desk.task()
    async with desk.database.transaction() as session:
        new = NewTask(kind="shell", title="look", instructions="x", chat_id=0, is_quiet=True)
        await desk.service.tasks.add(session, new)
    quiet = await desk.service.tasks.claim_next(host="desk", parallel=50, lease_s=600)
    assert quiet is not None
    assert quiet.is_quiet
    for task in (shown, quiet):
        await desk.service.tasks.finish(task.no, task.fence, Outcome(state=TaskState.DONE))
        folder = desk.home / "results" / str(task.no)
        folder.mkdir(parents=True)
        (folder / "0-x").write_text("x")
    await Serving(desk.service, Beat.from_environment())._tidy_up()
    assert [path.name for path in (desk.home / "results").iterdir()] == [str(shown.no)]
    assert await desk.service.tasks.get(quiet.no) is not None  # its row stays a day


# --- folders and skills ---


async def test_a_trigger_with_a_bad_folder_is_told_once(desk: Desk) -> None:
    await desk.hears(message=message("/trigger file inbox /nowhere/at/all: Read it."))
    lanes = desk.service.autonomy._the_lanes()
    for _ in range(3):
        await lanes.triggers()
        await lanes.listen()
    told = [text for text in await desk.said() if "does not hear anything" in text]
    assert told == [
        "Trigger inbox does not hear anything. There is no folder /nowhere/at/all on the machine "
        "I run on.\nMend that and it goes on by itself, or delete the trigger: /triggers"
    ]
    await desk.hears(message=message("/triggers", message_id=5001))
    assert "There is no folder /nowhere/at/all" in (await desk.said())[-1]


SKILL = "---\nname: {name}\ndescription: Tidies notes.\n---\nTidy.\n"


async def looks_at_skills(desk: Desk) -> list[str]:
    """The lane looks, twice; what the owner was told since the start."""
    for _ in range(2):
        desk.service.skills.lane.wake()
        await desk.service.skills.lane.step()
    return [text for text in await desk.said() if text]


async def test_a_skill_that_becomes_active_by_itself_is_told_once(desk: Desk) -> None:
    folder = desk.service.skills.folder
    assert await looks_at_skills(desk) == []  # those shipped are no news
    (folder / "tidy.md").write_text(SKILL.format(name="tidy"))
    (told,) = await looks_at_skills(desk)
    assert told == (
        "Skill tidy · yours · L1\nTidies notes.\n"
        "L1: only reads; it changes nothing and uses no key of yours.\n\n"
        "It is on already, because it asks for nothing that needs your yes.\n"
        "It may reach nothing outside its container.\n\n"
        "Not wanted? Press the button, or /skill disable tidy"
    )
    (folder / "tidy.md").write_text(SKILL.format(name="tidy") + "More.\n")
    assert await looks_at_skills(desk) == [told]
    shown = await desk.telegram.wait_for(lambda m: m.text == told)
    await pressed(desk, shown, next(k["callback_data"] for row in shown.buttons for k in row))
    await looks_at_skills(desk)
    assert not desk.service.skills.skills.shelf.entries["tidy"].is_active


async def test_many_new_skills_are_told_in_one_message(desk: Desk) -> None:
    for number in range(30):
        path = desk.service.skills.folder / f"tidy-{number}.md"
        path.write_text(SKILL.format(name=f"tidy-{number}"))
    (told,) = await looks_at_skills(desk)
    assert told.startswith("30 new skills are on. ")
    assert "tidy-0 · Tidies notes." in told
    assert "… and 14 more." in told


async def test_a_file_that_cannot_be_had_now_holds_up_no_other_and_comes_later(desk: Desk) -> None:
    await sends_file(desk, 5000, "a.txt")
    await sends_file(desk, 5001, "b.txt")
    desk.telegram.faults.add("getFile", "502")
    assert await fetched(desk) == [("a.txt", False, None), ("b.txt", True, None)]
    async with asyncio.timeout(20):
        while not all(is_here for _, is_here, _ in await fetched(desk)):
            await asyncio.sleep(0)
