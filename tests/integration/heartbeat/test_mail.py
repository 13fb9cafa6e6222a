"""Mail that arrives, from a real IMAP conversation on loopback."""

import asyncio
from pathlib import Path

import pytest

from core.errors import Retryable
from core.spawn import forever, held
from heartbeat.mail import MailWatch, MailWatches
from heartbeat.trigger_types import NewTrigger, Trigger
from tests.support.autonomy import Autonomy, autonomy
from tests.support.imap_server import ImapServer

BOSS = "Boss <boss@example.org>"


async def secret(name: str) -> bytes:  # noqa: ARG001, RUF100
    return b"pass word"


async def kept(world: Autonomy, server: ImapServer) -> Trigger:
    async with world.database.transaction() as session:
        spec = {**server.spec, "senders": ["boss@example.org"]}
        new = NewTrigger(name="mail", kind="mail", secret_name="m", spec=spec, instructions="Read.")
        await world.trigger_store.add(session, new, now=world.now)
    found = await world.trigger_store.get("mail")
    assert found is not None
    return found


async def payloads(world: Autonomy) -> list[str]:
    return [event.payload for event in await world.trigger_store.open_events()]


async def until_kept(world: Autonomy, count: int) -> list[str]:
    async with asyncio.timeout(10):
        while len(found := await payloads(world)) < count:
            await asyncio.sleep(0.01)
    return found


def watch_of(world: Autonomy, trigger: Trigger, idle_s: float = 60) -> MailWatch:
    return MailWatch(world.trigger_store, trigger, secret=secret, clock=world.clock, idle_s=idle_s)


async def test_mail_of_a_named_sender_arrives_while_waiting_and_old_mail_does_not_count(
    database_url: str, tmp_path: Path
) -> None:
    async with autonomy(database_url, tmp_path) as world, ImapServer() as server:
        server.deliver(BOSS, "old")
        watch = watch_of(world, await kept(world, server))
        async with held(forever(watch.step, name="mail"), name="mail"):
            async with asyncio.timeout(10):
                await server.idling.wait()
            server.deliver("Stranger <x@evil.example>", "spam")
            server.deliver(BOSS, "new", "Please read.")
            found = await until_kept(world, 1)
        watch.close()
        assert len(found) == 1
        assert "Subject: new" in found[0]
        assert "Please read." in found[0]
        assert "not verified" in found[0]
        assert all(
            "EXAMINE" in c for c in server.said if c.upper().startswith(("SELECT", "EXAMINE"))
        )


async def test_what_arrives_while_away_is_read_after_reconnecting_once(
    database_url: str, tmp_path: Path
) -> None:
    async with autonomy(database_url, tmp_path) as world, ImapServer() as server:
        trigger = await kept(world, server)
        watch = watch_of(world, trigger)
        async with held(watch.step(), name="mail") as step:
            async with asyncio.timeout(10):
                await server.idling.wait()
            server.drop()
            with pytest.raises(Retryable):
                await step
        watch.close()
        server.deliver(BOSS, "while away")
        for _ in range(2):  # two more processes, each from the kept position
            server.idling.clear()
            other = watch_of(world, trigger)
            async with held(other.step(), name="mail"), asyncio.timeout(10):
                await server.idling.wait()
            other.close()
        assert len(await payloads(world)) == 1


async def test_a_wait_without_news_ends_and_the_next_step_connects_anew(
    database_url: str, tmp_path: Path
) -> None:
    async with autonomy(database_url, tmp_path) as world, ImapServer() as server:
        watch = watch_of(world, await kept(world, server), idle_s=0.05)
        await watch.step()
        await watch.step()
        watch.close()
        assert sum(c.upper().startswith("EXAMINE") for c in server.said) == 2


async def test_a_wrong_password_and_a_missing_server_are_retried_later(
    database_url: str, tmp_path: Path
) -> None:
    async with autonomy(database_url, tmp_path) as world:
        async with ImapServer(password="another") as server:  # noqa: S106, RUF100
            trigger = await kept(world, server)
            watch = watch_of(world, trigger)
            with pytest.raises(Retryable):
                await watch.step()
        with pytest.raises(Retryable):
            await watch.step()
        watch.close()


async def test_watches_come_and_go_with_their_triggers(database_url: str, tmp_path: Path) -> None:
    async with autonomy(database_url, tmp_path) as world, ImapServer() as server:
        watches = MailWatches(world.trigger_store, secret=secret)
        await watches.look()
        await kept(world, server)
        await watches.look()
        async with asyncio.timeout(10):
            await server.idling.wait()
        server.deliver(BOSS, "new")
        await until_kept(world, 1)
        async with world.database.transaction() as session:
            await world.trigger_store.set_state(session, "mail", "paused")
        await watches.look()
        await watches.close()
