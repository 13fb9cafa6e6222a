"""Class: server-side request forgery and DNS rebinding, through the egress proxy itself."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest

from executors.gateway.addresses import Blocked, Resolver
from executors.gateway.authority import Authority
from executors.gateway.hosts import parse_host
from executors.gateway.proxy import EgressProxy

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence
    from pathlib import Path

    from core.policy.action import Json
    from tests.security.regressions.desk import Desk

HOST = "rebind.example.com"
PRIVATE = (
    "127.0.0.1", "127.8.8.8", "0.0.0.0", "10.0.0.1", "172.17.0.1", "192.168.1.1",
    "100.100.100.200", "169.254.169.254", "168.63.129.16", "224.0.0.1", "255.255.255.255", "::",
    "::1", "fe80::1", "fd00:ec2::254", "::ffff:127.0.0.1", "::ffff:169.254.169.254",
    "64:ff9b::7f00:1", "2002:7f00:1::", "2001:0:7f00:1::", "ff02::1", "fe80::1%eth0",
    "not an address", "0x7f000001", "2130706433",
)  # fmt: skip
LITERALS = (
    "127.0.0.1:80", "127.1:80", "0x7f000001:80", "2130706433:80", "017700000001:80", "[::1]:80",
    "[::ffff:127.0.0.1]:80", "localhost:80", "localhost.:80", "metadata:80", "169.254.169.254:80",
    "rebind.example.com.:443", "user@rebind.example.com:443", "rebind.example.com:443@127.0.0.1:80",
    "rebind.example.com%00.evil:443", "rebind.example.com\u3002:443", "rebind.example.com",
    "rebind.example.com:0", "rebind.example.com:99999", "rebind.example.com:22", ":443", "",
)  # fmt: skip


class Names:
    """A name server that changes its mind."""

    def __init__(self, *answers: Sequence[str]) -> None:
        self.answers = list(answers)
        self.asked = 0

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        assert host
        assert port
        self.asked += 1
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


class Gate:
    """A proxy whose task may reach HOST and everything on it, and the server it must not reach."""

    def __init__(self, folder: Path, port: int, calls: list[object]) -> None:
        self.folder = folder
        self.port = port
        self.calls = calls

    async def asks(self, head: str) -> str:
        reader, writer = await asyncio.open_unix_connection(str(self.folder / "proxy.sock"))
        writer.write(head.encode("utf-8"))
        async with asyncio.timeout(10):
            answer = await reader.read(4096)
        writer.close()
        await writer.wait_closed()
        return answer.decode("latin-1").partition("\r\n")[0]

    async def connects(self, authority: str) -> str:
        return await self.asks(f"CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\n\r\n")


@asynccontextmanager
async def a_gate(desk: Desk, folder: Path, names: Names) -> AsyncIterator[Gate]:
    calls: list[object] = []
    server = await asyncio.start_server(lambda *c: calls.append(c), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    effects = await desk.effects(policy__ports=f"443,80,{port}")
    rule: dict[str, Json] = {"host": HOST, "ports": [443, 80, port], "methods": [], "paths": []}
    async with desk.database.transaction() as session:
        await desk.approvals.allow(session, rule)
    for made in ("sock", "authority"):
        (folder / made).mkdir()
    authority = Authority(folder / "authority")
    authority.prepare()
    resolver = Resolver(lookup=names)
    proxy = EgressProxy(desk.judge(effects), resolver=resolver, authority=authority)
    await proxy.listen(folder / "sock")
    try:
        yield Gate(folder / "sock", port, calls)
    finally:
        await proxy.close()
        server.close()
        await server.wait_closed()


@pytest.mark.parametrize("address", PRIVATE)
async def test_a_name_that_leads_to_a_private_address_has_none(address: str) -> None:
    host = parse_host(HOST)
    for answer in ([address], ["93.184.216.34", address], [address, "93.184.216.34"]):
        with pytest.raises(Blocked):
            await Resolver(lookup=Names(answer)).resolve(host, 443)


async def test_a_granted_name_that_leads_to_this_machine_reaches_nothing(
    desk: Desk, tmp_path: Path
) -> None:
    async with a_gate(desk, tmp_path, Names(["127.0.0.1"])) as gate:
        for authority in (f"{HOST}:443", f"{HOST}:{gate.port}"):
            assert " 200 " not in await gate.connects(authority)
        line = await gate.asks(f"GET http://{HOST}:{gate.port}/ HTTP/1.1\r\nHost: {HOST}\r\n\r\n")
        assert " 200 " not in line
        assert gate.calls == []


async def test_a_name_that_is_public_first_and_private_later_is_not_looked_up_twice(
    desk: Desk, tmp_path: Path
) -> None:
    names = Names(["203.0.113.1", "93.184.216.34"], ["127.0.0.1"])
    async with a_gate(desk, tmp_path, names) as gate:
        for _ in range(3):
            assert " 200 " not in await gate.connects(f"{HOST}:443")
        assert names.asked == 3  # once a connection: what was checked is what is dialled
        assert gate.calls == []


async def test_what_is_checked_is_the_address_that_is_dialled() -> None:
    names = Names(["93.184.216.34"], ["127.0.0.1"])
    found = await Resolver(lookup=names).resolve(parse_host(HOST), 443)
    assert (found.ip, names.asked) == ("93.184.216.34", 1)


async def test_an_address_or_an_odd_spelling_is_no_host(desk: Desk, tmp_path: Path) -> None:
    async with a_gate(desk, tmp_path, Names(["127.0.0.1"])) as gate:
        for authority in (*LITERALS, f"127.0.0.1:{gate.port}", f"localhost:{gate.port}"):
            assert " 200 " not in await gate.connects(authority), authority
        for line in (
            f"GET http://127.0.0.1:{gate.port}/ HTTP/1.1\r\nHost: {HOST}",
            f"GET http://{HOST}/ HTTP/1.1\r\nHost: 127.0.0.1:{gate.port}",
            f"GET http://{HOST}@127.0.0.1:{gate.port}/ HTTP/1.1\r\nHost: {HOST}",
            f"GET file:///etc/passwd HTTP/1.1\r\nHost: {HOST}",
            f"GET / HTTP/1.1\r\nHost: 127.0.0.1:{gate.port}",
        ):
            assert " 200 " not in await gate.asks(line + "\r\n\r\n"), line
        assert gate.calls == []
