"""What the owner made us forget stands nowhere any more, and what must go on goes on."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING

import pytest

from coordinator.forgetting.places import ERASED, FOLLOWS, LEFT, is_decided
from coordinator.forgetting.state import STAGES
from coordinator.forgetting.store import Forgetting
from coordinator.forgetting.words import MARK
from core.audit.chain import verify
from core.audit.heads import Signer
from core.audit.store import Audit
from core.seal import Seal
from core.sql import load_queries
from tests.integration.coordinator.memory.conftest import Mind, mind

if TYPE_CHECKING:
    from pathlib import Path

    from coordinator.memory.store import Forgotten

__all__ = ["mind"]

WORD = "quixotic"
SQL = load_queries("tests.integration.coordinator.forgetting", "planted.sql")


async def press(mind: Mind, *messages: int, memories: tuple[int, ...] = ()) -> Forgotten:
    """What the button's update does."""
    async with mind.database.transaction() as session:
        return await mind.store.forget_all(session, memories=memories, messages=messages)


async def forget(mind: Mind, *messages: int, memories: tuple[int, ...] = ()) -> Forgotten:
    """The same, with the pass that follows."""
    gone = await press(mind, *messages, memories=memories)
    assert await mind.forgetting.settle() == 1
    return gone


async def interrupted(mind: Mind, told: int) -> None:
    async with mind.database.transaction() as session:
        await mind.store.forget_all(session, messages=[told])
        raise KeyboardInterrupt


async def run(mind: Mind, *statements: str) -> None:
    for statement in statements:
        await mind.database.execute(statement)


async def test_every_column_that_can_hold_words_is_decided_about(mind: Mind) -> None:
    rows = await mind.database.fetch(SQL["columns"])
    assert len(rows) > 100
    open_ = [f"{r['table']}.{r['column']}" for r in rows if not is_decided(r["table"], r["column"])]
    assert open_ == [], "decide in coordinator/forgetting/places.py what /forget does about them"


async def test_no_decision_is_about_a_column_that_is_gone(mind: Mind) -> None:
    rows = await mind.database.fetch(
        "select table_name as t, column_name as c from information_schema.columns "
        "where table_schema = 'public'"
    )
    there = {row["t"] for row in rows} | {f"{row['t']}.{row['c']}" for row in rows}
    decided = {f"{table}.{name}" for table, names in ERASED.items() for name in names}
    optional = {name for name in (*FOLLOWS, *LEFT) if name.endswith(("_vectors", "_bits",
                                                                    "_centers"))}  # fmt: skip
    assert (decided | set(FOLLOWS) | set(LEFT)) - optional <= there


async def test_a_word_that_lies_in_every_place_is_found_in_none(mind: Mind) -> None:
    (told,) = await mind.say("My locker in Zürich has the code quixotic")
    await run(mind, *(SQL[table] for table in ERASED))
    await mind.work()
    assert set(await mind.everywhere(WORD)) >= set(ERASED) - {"inbox"}
    gone = await forget(mind, told)
    assert await mind.everywhere(WORD) == []
    assert await mind.everywhere("locker") == []
    assert gone.messages == 1
    payloads = await mind.database.fetch("select payload from inbox order by update_id")
    assert [row["payload"] for row in payloads] == [
        json.dumps({"message": {"text": f"a {MARK} idea in {MARK}"}}), f"broken {MARK}",
    ]  # fmt: skip
    assert await mind.database.fetchval("select state from outbox limit 1") == "sent"


async def test_the_message_its_update_and_its_edits_go_whatever_their_words_are(mind: Mind) -> None:
    chat = {"id": 1}
    first = {"update_id": 5, "message": {"message_id": 70, "chat": chat, "text": "I like tea"}}
    edit = {"update_id": 6, "edited_message": {**first["message"], "text": "I like it"}}  # type: ignore[dict-item] # a test's
    for number, update in ((5, first), (6, edit)):
        await mind.database.execute(
            "insert into inbox (update_id, payload, handled_at) values ($1, $2, now())",
            number, json.dumps(update),
        )  # fmt: skip
    told = [
        await mind.database.fetchval(
            "insert into messages (chat_id, role, text, telegram_id, corrects) "
            "values (1, 'owner', $1, 70, $2) returning id", text, corrects,
        )
        for text, corrects in (("I like tea", None), ("I like it", 1))
    ]  # fmt: skip
    gone = await forget(mind, told[0])
    assert gone.messages == 2
    assert 70 in gone.reached.shown
    rows = await mind.database.fetch("select payload from inbox")
    assert not any("like" in row["payload"] for row in rows)
    assert await mind.database.fetchval("select count(*) from inbox where handled_at is null") == 0


async def test_a_command_that_kept_or_edited_a_memory_goes_with_it(mind: Mind) -> None:
    for number, text in (
        (5, "/remember my code is quixotic"),
        (6, "/memory edit 1 it is zanzibar"),
    ):
        update = {"message": {"message_id": number, "chat": {"id": 1}, "text": text}}
        await mind.database.execute(
            "insert into inbox (update_id, payload, handled_at) values ($1, $2, now())",
            number, json.dumps(update),
        )  # fmt: skip
    memory = await mind.keep("my code is quixotic", key="update:5")
    assert memory == 1
    async with mind.database.transaction() as session:
        await mind.store.edit(session, memory, "it is zanzibar, too")
    await mind.database.execute(
        "insert into outbox (chat_id, method, payload) values (1, 'text', $1)",
        {"text": "You said quixotic, then zanzibar."},
    )
    await forget(mind, memories=(memory,))
    assert await mind.everywhere("quixotic") == await mind.everywhere("zanzibar") == []


async def test_what_the_owner_still_says_elsewhere_stays_there_and_everywhere(mind: Mind) -> None:
    told, other = await mind.say("Anna has the locker code quixotic", "Ask Anna about Peru")
    answer, = await mind.say("Anna said quixotic about Peru", role="assistant")  # fmt: skip
    await forget(mind, told)
    texts = {r["id"]: r["text"] for r in await mind.database.fetch("select id, text from messages")}
    assert texts[told] == MARK
    assert texts[other] == "Ask Anna about Peru"
    assert texts[answer] == f"Anna said {MARK} about Peru"
    await mind.work()
    assert "Ask Anna about Peru" in await mind.found("Peru")
    assert not any(WORD in text for text in await mind.found(WORD))


async def test_a_task_at_work_goes_on_and_is_cleaned_after_its_end(mind: Mind) -> None:
    (told,) = await mind.say("My code is quixotic")
    await run(
        mind,
        "insert into tasks (kind, title, instructions, chat_id, state) "
        "values ('shell', 't', 'use quixotic', 1, 'running')",
    )
    gone = await forget(mind, told)
    assert gone.reached.tasks == (1,)
    assert await mind.database.fetchval("select instructions from tasks") == "use quixotic"
    assert await mind.everywhere(WORD) == ["tasks"], "the words that wait are sealed"
    await run(mind, "update instance set value = value || '{\"due\": \"2000-01-01T00:00:00Z\"}' "
                    "where name like 'forgetting:%'")  # fmt: skip
    assert await mind.forgetting.settle() == 0
    assert await mind.everywhere(WORD) == ["tasks"]
    await run(
        mind,
        "update tasks set state = 'done', result = 'quixotic', ended_at = now(), "
        "reported_at = now()",
    )
    fresh = Forgetting(mind.database, seal=Seal("key"))  # as a new process would begin it
    assert await fresh.settle() == 1
    assert await mind.everywhere(WORD) == []
    assert await fresh.settle() == 0
    assert await mind.database.fetchval(
        "select count(*) from instance where name like 'forgetting:%'") == 0  # fmt: skip


async def test_what_the_owner_says_anew_survives_the_second_pass(mind: Mind) -> None:
    (told,) = await mind.say("My code is quixotic")
    await forget(mind, told)
    await mind.say("The new code is quixotic again")
    await mind.keep("The code is quixotic again")
    await run(mind, "update instance set value = value || '{\"due\": \"2000-01-01T00:00:00Z\"}' "
                    "where name like 'forgetting:%'")  # fmt: skip
    assert await mind.forgetting.settle() == 1
    assert {"messages", "memories"} <= set(await mind.everywhere(WORD))


async def test_a_crash_before_the_commit_leaves_all_of_it(mind: Mind) -> None:
    (told,) = await mind.say("My code is quixotic")
    await run(mind, SQL["outbox"])
    before = await mind.everywhere(WORD)
    with pytest.raises(KeyboardInterrupt):
        await interrupted(mind, told)
    assert await mind.everywhere(WORD) == before
    assert await mind.database.fetchval("select count(*) from instance") == 0


async def test_a_message_that_waits_is_still_sent_and_a_voice_note_becomes_a_sentence(
    mind: Mind, tmp_path: Path
) -> None:
    (told,) = await mind.say("My code is quixotic")
    spoken, sent = tmp_path / "1.ogg", tmp_path / "2.ogg"
    for file in (spoken, sent):
        file.write_bytes(b"sound")
    for state, file in (("queued", spoken), ("sent", sent)):
        number = await mind.database.fetchval(
            "insert into voice_replies (chat_id, text, state) values (1, 'quixotic', 'spoken') "
            "returning id"
        )
        await mind.database.execute(
            "insert into outbox (chat_id, key, method, payload, state) "
            "values (1, $1, 'voice', $2, $3)",
            f"spoken:{number}", {"path": str(file)}, state,
        )  # fmt: skip
    await run(mind, "insert into outbox (chat_id, method, payload) "
                    "values (1, 'text', '{\"text\": \"It is quixotic.\"}')")  # fmt: skip
    await forget(mind, told)
    assert not spoken.exists()
    assert not sent.exists()
    rows = await mind.database.fetch("select method, payload, state from outbox order by id")
    assert [row["method"] for row in rows] == ["text", "voice", "text"]
    assert "left it out" in rows[0]["payload"]["text"]
    assert rows[2]["payload"]["text"] == f"It is {MARK}."
    assert rows[2]["state"] == "queued"


async def test_exports_of_the_memory_on_disk_are_cleaned(mind: Mind, tmp_path: Path) -> None:
    forgetting = Forgetting(mind.database, seal=Seal("key"), exports=tmp_path)
    export = tmp_path / "1-1.json"
    export.write_text(json.dumps({"memories": [{"text": "it is quixotic"}, {"text": "tea"}]}))
    (told,) = await mind.say("My code is quixotic")
    await press(mind, told)
    assert await forgetting.settle() == 1
    assert WORD not in export.read_text()
    assert json.loads(export.read_text())["memories"][1] == {"text": "tea"}


async def test_what_the_owner_set_up_stays_and_is_named(mind: Mind) -> None:
    (told,) = await mind.say("My code is quixotic")
    await run(
        mind,
        "insert into standing_rules (text, fingerprint, source) "
        "values ('never say quixotic', 'f', 'command')",
        "insert into schedules (title, instructions, cadence, zone, created_at, last_time) "
        "values ('t', 'say quixotic', '{}', 'UTC', now(), now())",
    )
    gone = await forget(mind, told)
    assert gone.reached.kept == (("rule 1", "/rules lift 1"), ("schedule 1", "/schedules"))
    assert await mind.everywhere(WORD) == ["schedules", "standing_rules"]


async def test_content_in_base64_is_no_hiding_place(mind: Mind) -> None:
    (told,) = await mind.say("My code is quixotic")
    await run(mind, SQL["outbox"])
    await forget(mind, told)
    payload = await mind.database.fetchval("select payload from outbox where method = 'file'")
    assert base64.b64decode(payload["content"]).decode() == f"a {MARK} file"


async def test_names_of_the_programs_own_objects_stay(mind: Mind, tmp_path: Path) -> None:
    forgetting = Forgetting(mind.database, seal=Seal("key"), exports=tmp_path)
    export = tmp_path / "1-1.json"
    export.write_text(json.dumps({"memories": [{"created_at": 1, "text": "it was created"}]}))
    update = {"update_id": 5, "message": {"text": "this update_id was created"}}
    await mind.database.execute(
        "insert into inbox (update_id, payload, handled_at) values (5, $1, now())",
        json.dumps(update),
    )
    (told,) = await mind.say("My update_id is what I created")
    await press(mind, told)
    assert await forgetting.settle() == 1
    payload = json.loads(await mind.database.fetchval("select payload from inbox"))
    assert payload == {"update_id": 5, "message": {"text": f"this {MARK}_id was {MARK}"}}
    assert json.loads(export.read_text()) == {
        "memories": [{"created_at": 1, "text": f"it was {MARK}"}]
    }


async def test_a_card_is_not_changed_while_its_approval_can_be_given(mind: Mind) -> None:
    (told,) = await mind.say("My code is quixotic")
    await run(
        mind,
        "insert into tasks (kind, title, instructions, chat_id, state) "
        "values ('shell', 't', 't', 1, 'waiting')",
        "insert into approvals (nonce, code, task_no, chat_id, reason, detail, expires_at) "
        "values ('n', 'c', 1, 1, 'r', 'd', now())",
        "insert into outbox (chat_id, key, method, payload) "
        "values (1, 'approval:1', 'text', '{\"text\": \"May I say quixotic?\"}')",
    )
    gone = await forget(mind, told)
    assert gone.reached.tasks == (1,)
    shown = await mind.database.fetchval("select payload ->> 'text' from outbox")
    assert shown == "May I say quixotic?"
    await run(
        mind,
        'update instance set value = value || \'{"due": "2000-01-01T00:00:00Z"}\'',
        "update tasks set state = 'done', ended_at = now(), reported_at = now()",
    )
    assert await mind.forgetting.settle() == 0
    await run(mind, "update approvals set state = 'withdrawn'")
    assert await mind.forgetting.settle() == 1
    assert await mind.everywhere(WORD) == []


async def test_a_pass_that_was_cut_off_goes_on_where_it_was(mind: Mind) -> None:
    (told,) = await mind.say("My code is quixotic")
    await run(mind, *(SQL[table] for table in ERASED))
    await press(mind, told)
    assert "messages" in await mind.everywhere(WORD), "the update itself does what is small"
    batches, stages = 0, list[str]()
    name = await mind.database.fetchval("select name from instance where name like 'forgetting:%'")
    while not await mind.forgetting.one_batch(name, 1):
        stages.append(await mind.database.fetchval("select value ->> 'stage' from instance"))
        batches += 1
        fresh = Forgetting(mind.database, seal=Seal("key"))  # as a new process would begin it
        mind.forgetting = fresh
    assert stages == sorted(stages, key=STAGES[1].index)
    assert batches > len(ERASED)
    assert await mind.everywhere(WORD) == []


async def test_the_audit_trail_still_holds(mind: Mind) -> None:
    audit, signer = Audit(mind.database), Signer("key")
    async with mind.database.transaction() as session:
        await audit.append(session, "task.made", {"task": 1})
    (told,) = await mind.say("My task.made code is quixotic")
    await forget(mind, told)
    entries = [entry async for entry in audit.walk()]
    assert verify(entries, (), signer.public_key).ok
