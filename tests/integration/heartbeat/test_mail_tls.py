"""Mail over TLS: the certificate is checked, and the owner hears when it is not good."""

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest

from core.errors import UserFacing
from core.spawn import forever, held
from heartbeat.imap import Refused
from heartbeat.mail import MailWatch, MailWatches
from tests.integration.heartbeat.test_mail import BOSS, kept, secret, until_kept
from tests.support.autonomy import Autonomy, autonomy
from tests.support.imap_server import ImapServer
from tests.support.mail_authority import MailAuthority


async def watch_of(
    world: Autonomy, server: ImapServer, ca_file: Path | None, *, idle_s: float = 60
) -> MailWatch:
    trigger = await kept(world, server)
    return MailWatch(
        world.trigger_store, trigger, secret=secret, clock=world.clock, ca_file=ca_file,
        idle_s=idle_s,
    )  # fmt: skip


async def test_mail_arrives_over_tls_by_idle_and_only_from_named_senders(
    database_url: str, tmp_path: Path
) -> None:
    authority = MailAuthority(tmp_path / "ca")
    tls = authority.server()
    async with autonomy(database_url, tmp_path) as world, ImapServer(tls=tls) as server:
        watch = await watch_of(world, server, authority.ca_file)
        async with held(forever(watch.step, name="mail"), name="mail"):
            async with asyncio.timeout(10):
                await server.idling.wait()
            server.deliver("Stranger <x@evil.example>", "spam")
            server.deliver(BOSS, "over TLS", "Please read.")
            (found,) = await until_kept(world, 1)
        watch.close()
        assert "Subject: over TLS" in found
        assert watch.trouble == ""


async def test_a_broken_connection_is_made_anew_over_tls_and_nothing_counts_twice(
    database_url: str, tmp_path: Path
) -> None:
    authority = MailAuthority(tmp_path / "ca")
    tls = authority.server()
    async with autonomy(database_url, tmp_path) as world, ImapServer(tls=tls) as server:
        watch = await watch_of(world, server, authority.ca_file, idle_s=0.2)
        server.deliver(BOSS, "old")
        for number in range(3):
            await watch.step()
            server.deliver(BOSS, f"number {number}")
            server.drop()
        await watch.step()
        watch.close()
        found = await until_kept(world, 3)
        assert [payload.split("\n")[1] for payload in found] == [
            f"Subject: number {number}" for number in range(3)
        ]


BAD = {
    "an authority nobody trusts": (False, "127.0.0.1", timedelta(days=1)),
    "another address": (True, "127.0.0.9", timedelta(days=1)),
    "run out": (True, "127.0.0.1", timedelta(days=-1)),
}


@pytest.mark.parametrize("what", sorted(BAD))
async def test_a_bad_certificate_is_refused_before_any_password_is_sent(
    database_url: str, tmp_path: Path, what: str
) -> None:
    is_trusted, address, ends_in = BAD[what]
    authority = MailAuthority(tmp_path / "ca")
    tls = authority.server(address=address, ends_in=ends_in)
    async with autonomy(database_url, tmp_path) as world, ImapServer(tls=tls) as server:
        watch = await watch_of(world, server, authority.ca_file if is_trusted else None)
        with pytest.raises(Refused, match="is not trusted"):
            await watch.step()
        watch.close()
        assert "No password was sent" in watch.trouble
        assert server.said == []


async def test_what_the_owner_must_mend_is_known_by_trigger_until_it_is_mended(
    database_url: str, tmp_path: Path
) -> None:
    async with autonomy(database_url, tmp_path) as world, ImapServer(user="else") as server:
        trigger = await kept(world, server)
        server.user = "me"

        async def nothing(name: str) -> bytes:
            raise UserFacing(f"There is no secret {name}.", "/secret set it")

        refused = MailWatch(world.trigger_store, trigger, secret=nothing, clock=world.clock)
        with pytest.raises(Refused):
            await refused.step()
        refused.close()
        assert refused.trouble == "There is no secret m (/secret set it)."
        watches = MailWatches(world.trigger_store, secret=secret)
        await watches.look()
        async with asyncio.timeout(10):
            while not watches.troubles():
                await asyncio.sleep(0.01)
        assert watches.troubles() == {"mail": "127.0.0.1 refused the login of else."}
        await watches.close()
