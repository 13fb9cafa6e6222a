"""Bypass cases about time, size and the end of a task."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

from bench.security.egress_cases import Act, Case, group, says
from bench.security.egress_client import connect, request
from bench.security.egress_world import ALLOWED, KEYED, POST, READ, Box, Options
from core.stop import stop_all
from core.tasks import Outcome, TaskState
from executors.gateway.ports import Bounds

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from bench.security.egress_client import Client

CAP = 20_000
SMALL = Bounds(body=50_000, bodies=60_000, idle_s=0.5, hello_s=0.5, hang_up_s=0.5)
FEW = replace(SMALL, connections=3, idle_s=5.0)


def limited(
    name: str, acts: dict[str, Act], expects: tuple[str, ...], options: Options,
    reaches: tuple[str, ...] = (),
) -> list[Case]:  # fmt: skip
    """Cases with bounds of their own."""
    return [replace(case, options=options) for case in group(name, acts, expects, reaches)]


def _total(box: Box) -> int:
    return sum(len(data) for data in box.heard().values())


async def _many(box: Box, client: Client, data: bytes) -> str:
    """Says the same until it is refused; the servers must not have got more than the cap."""
    said = "200"
    for _ in range(CAP):
        said = await client.ask(data)
        if said != "200":
            break
    return said if _total(box) <= CAP else f"{_total(box)} bytes left"


async def _spend_inspected(box: Box) -> str:
    return await _many(box, await box.tunnel(READ), request("/" + "a" * 500, READ))


async def _spend_bodies(box: Box) -> str:
    client = await box.tunnel(POST)
    return await _many(box, client, request("/", POST, method="POST", body=b"b" * 700))


async def _spend_headers(box: Box) -> str:
    return await _many(box, await box.tunnel(READ), request("/", READ, "X: " + "h" * 900))


async def _spend_plain(box: Box) -> str:
    data = request(f"http://{ALLOWED}/" + "a" * 500, ALLOWED)
    return await _many(box, await box.dial(), data)


async def _spend_tunnels(box: Box) -> str:
    for _ in range(200):
        try:
            client = await box.tunnel(ALLOWED, is_spliced=True)
        except OSError:
            break
        if await client.ask(request("/", ALLOWED)) != "200":
            break
    return "cut" if _total(box) <= CAP else f"{_total(box)} bytes left"


async def _spend_spliced(box: Box) -> str:
    client = await box.tunnel(ALLOWED, is_spliced=True)
    return await _many(box, client, request("/" + "a" * 500, ALLOWED))


async def _spend_at_once(box: Box) -> str:
    clients = [await box.tunnel(READ) for _ in range(20)]
    data = request("/" + "a" * 1900, READ)
    said = await asyncio.gather(*(client.ask(data) for client in clients))
    if _total(box) > CAP or said.count("200") > CAP // 1900:
        return f"{_total(box)} bytes left"
    return next(one for one in said if one != "200")


def _budgets() -> list[Case]:
    one_by_one = {
        "paths": _spend_inspected, "bodies": _spend_bodies, "headers": _spend_headers,
        "plain": _spend_plain, "at once": _spend_at_once,
    }  # fmt: skip
    tunnels = {"one tunnel": _spend_spliced, "many tunnels": _spend_tunnels}
    options = Options(sent_cap=CAP)
    return [
        *limited("byte_budget", one_by_one, ("budget_bytes",), options, (READ, POST, ALLOWED)),
        *limited("byte_budget_spliced", tunnels, ("cut",), options, (ALLOWED,)),
    ]


def _inside(host: str, data: bytes) -> Act:
    async def act(box: Box) -> str:
        return await box.inside(host, data)

    return act


def _sizes() -> list[Case]:
    many = [f"X-{n}: a" for n in range(120)]
    heads = {
        "one header": _inside(READ, request("/", READ, "X: " + "h" * 70_000)),
        "many headers": _inside(READ, request("/", READ, *many)),
        "the target": _inside(READ, request("/" + "a" * 70_000, READ)),
        "to the proxy": says(request(f"http://{ALLOWED}/", ALLOWED, "X: " + "h" * 70_000)),
        "a CONNECT": says(connect("a" * 70_000 + ":443")),
        "without an end": says(b"GET " + b"a" * 80_000),
    }
    chunk = b"4000\r\n" + b"b" * 0x4000 + b"\r\n"
    bodies = {
        "a gigabyte announced": _inside(POST, request("/", POST,
        "Content-Length: 1073741824", method="POST")),
        "a little more": _inside(POST, request("/", POST, method="POST", body=b"b" * 50_001)),
        "chunks": _inside(POST, request("/", POST,
        "Transfer-Encoding: chunked", method="POST") + chunk * 5),
        "plain": says(request(f"http://{POST}/", POST, "Content-Length: 99999999", method="POST")),
        "waiting for 100": _inside(
            POST, request("/", POST, "Content-Length: 99999", "Expect: 100-continue", method="POST")
        ),
    }  # fmt: skip
    options = Options(bounds=SMALL)
    return [
        *group("big_head", heads, ("head_too_large", "malformed")),
        *limited("big_body", bodies, ("too_large", "busy"), options),
    ]


def _silent(open_one: Callable[[Box], Awaitable[Client]], data: bytes) -> Act:
    """Says a part and then nothing; the connection must end by itself."""

    async def act(box: Box) -> str:
        client = await open_one(box)
        client.say(data)
        async with asyncio.timeout(8):
            await client.rest()
        return "cut"

    return act


async def _crowded(box: Box) -> str:
    for _ in range(FEW.connections):
        (await box.dial()).say(b"GET http://")
    return await box.plain(request(f"http://{ALLOWED}/", ALLOWED))


async def _connected(box: Box) -> Client:
    client = await box.dial()
    assert await client.ask(connect(f"{ALLOWED}:443"), is_bare=True) == "200"
    return client


def _slow() -> list[Case]:
    begun = request("/", READ, "Content-Length: 10", method="POST")
    acts = {
        "nothing": _silent(Box.dial, b""),
        "a part of a head": _silent(Box.dial, b"GET http://allowed.test/"),
        "a part of a body": _silent(lambda b: b.tunnel(READ), begun + b"abc"),
        "a part of a hello": _silent(_connected, b"\x16\x03\x01\x02"),
        "no hello": _silent(_connected, b""),
        "a quiet tunnel": _silent(lambda b: b.tunnel(READ), b""),
    }  # fmt: skip
    return [
        *limited("slow_loris", acts, ("cut",), Options(bounds=SMALL), (ALLOWED,)),
        *limited("crowd", {"all places taken": _crowded}, ("busy",), Options(bounds=FEW)),
    ]


async def _cancel(box: Box) -> None:
    async with box.world.database.transaction() as session:
        await box.world.tasks.request_cancel(session, box.task.no)
    box.effects.wake()


async def _stop_all(box: Box) -> None:
    async with box.world.database.transaction() as session:
        await stop_all(session, box.world.approvals, box.world.audit, by="test")
    box.effects.wake()


async def _end(box: Box) -> None:
    await box.world.tasks.finish(box.task.no, box.task.fence, Outcome(state=TaskState.DONE))
    box.effects.wake()


async def _lose(box: Box) -> None:
    """Another host took the task over."""
    await box.world.tasks.requeue(box.task.no, box.task.fence)
    box.effects.wake()


async def _revoke(box: Box) -> None:
    now = "update grants set revoked_at = clock_timestamp() where task_no = $1"
    await box.world.database.execute(now, box.task.no)
    box.effects.wake()


Ending = dict[str, "Callable[[Box], Awaitable[None]]"]
STOPS: Ending = {"cancelled": _cancel, "all stopped": _stop_all, "ended": _end, "lost": _lose}


def _kept_open(stop: Callable[[Box], Awaitable[None]]) -> Act:
    """An inspected tunnel from before: the next request, with a placeholder, is refused."""

    async def act(box: Box) -> str:
        client = await box.tunnel(KEYED)
        await stop(box)
        return await client.ask(request("/echo", KEYED, f"Authorization: {box.token}"))

    return act


def _new(stop: Callable[[Box], Awaitable[None]], data: bytes) -> Act:
    async def act(box: Box) -> str:
        await stop(box)
        return await box.plain(data)

    return act


def _closed(open_one: Callable[[Box], Awaitable[Client]]) -> Act:
    """The task's way out is closed: what is open is cut, nothing new is taken."""

    async def act(box: Box) -> str:
        client = await open_one(box)
        await box.proxy.close()
        await client.rest()
        try:
            return await box.plain(connect(f"{ALLOWED}:443"))
        except OSError:
            return "cut"

    return act


def _ends() -> list[Case]:
    plain = request(f"http://{ALLOWED}/", ALLOWED)
    acts = {f"{n}, open tunnel": _kept_open(s) for n, s in STOPS.items()}
    acts |= {f"{n}, new tunnel": _new(s, connect(f"{ALLOWED}:443")) for n, s in STOPS.items()}
    acts |= {f"{n}, plain": _new(s, plain) for n, s in STOPS.items()}
    closed = {
        "idle": _closed(Box.dial), "inspected": _closed(lambda b: b.tunnel(READ)),
        "spliced": _closed(lambda b: b.tunnel(ALLOWED, is_spliced=True)),
        "before its hello": _closed(_connected),
    }  # fmt: skip
    revoked = {
        "open tunnel": _kept_open(_revoke), "new tunnel": _new(_revoke, connect(f"{ALLOWED}:443")),
        "plain": _new(_revoke, plain),
    }  # fmt: skip
    no = ("denied_by_owner", "access_not_granted")
    return [
        *group("stopped", acts, ("stopped",)), *group("closed", closed, ("cut",), (ALLOWED,)),
        *group("grant_revoked", revoked, no),
    ]  # fmt: skip


CASES = [*_budgets(), *_sizes(), *_slow(), *_ends()]
