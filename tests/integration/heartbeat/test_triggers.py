"""Triggers: each delivery once, nobody's permissions but the trigger's, nothing feeds itself."""

import os
from datetime import timedelta
from pathlib import Path

from core.errors import Denied, UserFacing
from heartbeat.folder_watch import FolderWatch
from heartbeat.trigger_types import STARTS_MAX, NewEvent, NewTrigger
from tests.support.autonomy import Autonomy, autonomy


async def keep(world: Autonomy, new: NewTrigger) -> None:
    async with world.database.transaction() as session:
        assert await world.trigger_store.add(session, new, now=world.now)


HOOK = NewTrigger(name="hook", kind="webhook", instructions="Look.", permissions={"tools": ["x"]})


async def test_a_delivery_counts_once_by_name_and_by_content(
    database_url: str, tmp_path: Path
) -> None:
    async with autonomy(database_url, tmp_path) as world:
        await keep(world, HOOK)
        store = world.trigger_store
        assert await store.take(
            NewEvent(trigger="hook", key="a", payload="p", digest="1"), now=world.now
        )
        assert not await store.take(
            NewEvent(trigger="hook", key="a", payload="p", digest="2"), now=world.now
        )
        assert not await store.take(
            NewEvent(trigger="hook", key="b", payload="p", digest="1"), now=world.now
        )
        await world.triggers.look()
        await world.triggers.look()
        assert await world.queued() == ["Trigger hook"]
        order = world.orders[0]
        assert (order.is_untrusted, order.permissions) == (True, {"tools": ["x"]})


async def test_paused_and_unknown_triggers_take_nothing(database_url: str, tmp_path: Path) -> None:
    async with autonomy(database_url, tmp_path) as world:
        await keep(world, HOOK)
        async with world.database.transaction() as session:
            assert not await world.trigger_store.add(session, HOOK, now=world.now)
            assert await world.trigger_store.set_state(session, "hook", "paused")
        assert not await world.trigger_store.take(
            NewEvent(trigger="hook", key="a", payload="p"), now=world.now
        )
        assert not await world.trigger_store.take(
            NewEvent(trigger="none", key="a", payload="p"), now=world.now
        )
        async with world.database.transaction() as session:
            assert await world.trigger_store.delete(session, "hook")
        assert await world.trigger_store.all() == ()


async def test_a_flood_ends_at_the_cap_and_is_told_once(database_url: str, tmp_path: Path) -> None:
    async with autonomy(database_url, tmp_path) as world:
        await keep(world, HOOK)
        for n in range(STARTS_MAX + 10):
            event = NewEvent(trigger="hook", key=f"k{n}", payload="p")
            assert await world.trigger_store.take(event, now=world.now)
        for _ in range(5):
            await world.triggers.look()
        assert len(await world.queued()) == STARTS_MAX
        assert len(await world.said()) == 1
        assert await world.trigger_store.open_events() == ()


async def test_the_end_of_a_task_starts_one_and_its_own_end_starts_none(
    database_url: str, tmp_path: Path
) -> None:
    async with autonomy(database_url, tmp_path) as world:
        await keep(world, NewTrigger(name="ends", kind="task", instructions="React."))
        world.later(minutes=1)
        await world.end_task(await world.add_task())
        await world.triggers.look()
        assert await world.queued() == ["owner's", "Trigger ends"]
        world.later(minutes=1)
        await world.end_task(2)
        await world.triggers.look()
        assert len(await world.queued()) == 2


async def test_an_event_that_is_refused_does_not_hold_up_the_others(
    database_url: str, tmp_path: Path
) -> None:
    async with autonomy(database_url, tmp_path) as world:
        await keep(world, HOOK)
        for key in ("a", "b"):
            await world.trigger_store.take(
                NewEvent(trigger="hook", key=key, payload=key), now=world.now
            )

        def refuse_first(name: str) -> None:
            if name == "queue" and len(world.calls) == 1:
                raise Denied("no", "no")

        world.before = refuse_first
        await world.triggers.look()
        await world.triggers.look()
        assert len(await world.queued()) == 1


async def test_what_a_trigger_cannot_start_is_told_once_a_day(
    database_url: str, tmp_path: Path
) -> None:
    async with autonomy(database_url, tmp_path) as world:
        await keep(world, HOOK)

        def refuse(name: str) -> None:
            if name == "queue":
                raise UserFacing("a.bin is no regular file of up to 20 MB.")

        world.before = refuse
        for day in range(2):
            for number in range(3):
                key = f"{day}.{number}"
                event = NewEvent(trigger="hook", key=key, payload="p")
                await world.trigger_store.take(event, now=world.now)
                await world.triggers.look()
            world.later(days=1, minutes=1)
        told = "Trigger hook could not start a task. a.bin is no regular file of up to 20 MB."
        assert await world.said() == [told, told]
        seen = (await world.trigger_store.activity(world.now - timedelta(days=3)))["hook"]
        assert (seen.outcome, seen.task_no, seen.today) == ("refused", None, 3 + 3)


async def test_a_folder_that_cannot_be_looked_into_is_a_trouble_until_it_can(
    database_url: str, tmp_path: Path
) -> None:
    async with autonomy(database_url, tmp_path) as world:
        folder = tmp_path / "in"
        places = {"in": str(folder), "odd": "relative", "file": str(tmp_path / "f")}
        for name, place in places.items():
            spec = {"folder": place, "pattern": "*"}
            await keep(world, NewTrigger(name=name, kind="file", instructions="Read.", spec=spec))
        (tmp_path / "f").write_text("x")
        watch = FolderWatch(world.trigger_store, clock=world.clock)
        await watch.look()
        told = {name: text.split("\n")[0] for name, text in watch.troubles.items()}
        assert told == {
            "in": f"There is no folder {folder} on the machine I run on.",
            "odd": "The folder is named by its whole path.",
            "file": f"{tmp_path / 'f'} is a file, not a folder.",
        }
        folder.mkdir()
        await watch.look()
        assert set(watch.troubles) == {"odd", "file"}


async def test_a_file_that_arrives_becomes_one_task(database_url: str, tmp_path: Path) -> None:
    async with autonomy(database_url, tmp_path) as world:
        folder = tmp_path / "in"
        folder.mkdir()
        spec = {"folder": str(folder), "pattern": "*.pdf"}
        await keep(world, NewTrigger(name="in", kind="file", instructions="Read.", spec=spec))
        watch = FolderWatch(world.trigger_store, clock=world.clock)
        (folder / "a.pdf").write_text("x")
        for _ in range(4):
            await watch.look()
        again = FolderWatch(world.trigger_store, clock=world.clock)  # a restart
        for _ in range(3):
            await again.look()
        await world.triggers.look()
        assert [order.files for order in world.orders] == [(str(folder / "a.pdf"),)]
        stamp = (world.now + timedelta(days=1)).timestamp()
        os.utime(folder / "a.pdf", (stamp, stamp))  # written anew
        for _ in range(2):
            await again.look()
        await world.triggers.look()
        assert len(world.orders) == 2
