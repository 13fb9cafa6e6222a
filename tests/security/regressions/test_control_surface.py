"""Class: a control surface that anybody on the network, or on the machine, can reach."""

from __future__ import annotations

import asyncio
import os
import socket
import stat
from ipaddress import ip_address
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import aiohttp
import psutil

from bot.secret_form import SecretForm

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.world import World

PRIVATE = 0o700


def listening(pid: int) -> set[tuple[str, int]]:
    """Internet addresses that a process, or one that it started, listens on."""
    whole = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
    found = [c for one in whole for c in one.net_connections(kind="inet")]
    return {
        (c.laddr.ip, c.laddr.port)
        for c in found
        if c.status == psutil.CONN_LISTEN or c.type == socket.SOCK_DGRAM
    }


def unix_sockets(home: Path) -> list[Path]:
    return [p for p in home.rglob("*") if stat.S_ISSOCK(p.lstat().st_mode)]


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


async def test_neither_process_listens_on_the_network_at_all(world: World) -> None:
    await world.start()
    world.says("/run sleep 5")
    await world.sees(lambda m: m.text.startswith("#1 working"))
    assert listening(world.serve.pid) == set()
    assert listening(world.executor.pid) == set()


async def test_sockets_of_containers_lie_in_folders_that_only_their_container_enters(
    world: World,
) -> None:
    await world.start()
    world.says("/run sleep 5")
    await world.sees(lambda m: m.text.startswith("#1 working"))
    async with asyncio.timeout(20):  # a task's way out is opened after it was claimed
        while len(found := unix_sockets(world.home)) < 2:
            await asyncio.sleep(0.02)
    assert {p.name for p in found} == {"host.sock", "proxy.sock"}
    for path in found:
        assert mode(path.parent) == 0o755  # the container may pass, and its mount is read-only
        assert path.parent.stat().st_uid == os.geteuid()
        assert path.is_relative_to(world.home / "slots")  # where nobody else gets in
    for name in ("slots", "authority"):
        assert mode(world.home / name) == PRIVATE
    keys = [p for p in (world.home / "authority").iterdir() if b"PRIVATE KEY" in p.read_bytes()]
    assert keys
    assert all(mode(p) & 0o077 == 0 for p in keys)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def test_a_webhook_listens_on_loopback_only_and_needs_its_secret(world: World) -> None:
    url = f"http://127.0.0.1:{free_port()}/hook"
    world.env["TELEGRAM_WEBHOOK_URL"] = url
    await world.start(with_executor=False)
    places = listening(world.serve.pid)
    assert places == {("127.0.0.1", urlsplit(url).port)}
    async with aiohttp.ClientSession() as web:
        for path in ("/hook", "/", "/status", "/admin", "/docs", "/metrics", "/ws"):
            address = f"http://127.0.0.1:{urlsplit(url).port}{path}"
            async with web.post(address, data='{"update_id": 1}') as answer:
                assert answer.status in {401, 404}
            async with web.get(address) as answer:
                assert answer.status in {404, 405}


async def test_the_secret_form_is_on_loopback_and_useless_without_its_token() -> None:
    saved: list[str] = []

    async def save(name: str, value: str, host: str) -> None:
        saved.append(name + value + host)

    form = SecretForm(save)
    before = listening(os.getpid())
    url = await form.offer("TOKEN", "api.example.com")
    (place,) = listening(os.getpid()) - before
    assert ip_address(place[0]).is_loopback
    base = url.rpartition("/")[0]
    headers = {"Origin": base}
    async with aiohttp.ClientSession(headers=headers) as web:
        for path in ("/", "/TOKEN", "/" + "A" * 22, url[len(base) : -1], "/?token=" + url[-22:]):
            async with web.get(base + path) as answer:
                assert answer.status in {404, 410}
                assert "TOKEN" not in await answer.text()
            async with web.post(base + path, data={"value": "x"}) as answer:
                assert answer.status in {404, 405, 410}
        evil = {"Origin": "https://evil.example.com"}
        async with web.post(url, data={"value": "x"}, headers=evil) as answer:
            assert answer.status == 403
    assert saved == []
    await form.stop()
    assert listening(os.getpid()) == before
