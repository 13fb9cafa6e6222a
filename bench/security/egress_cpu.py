"""What a request costs the gateway: CPU time of its own process, with the real judge and Postgres.

Three processes: the gateway, a server, and this one, which is the client. Requests go one after the
other over one kept-alive tunnel, inspected (every request judged and written down) or spliced.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from bench.security.egress_client import Client, connect, request
from bench.security.egress_world import ALLOWED, KEY, KEYED, READ, world
from core.config import ConfigStore
from core.seal import Seal
from core.settings import EnvSettings
from core.spawn import Spawner
from executors.gateway.authority import Authority
from executors.gateway.hosts import parse_host

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bench.security.egress_world import Box

ROOT = Path(__file__).resolve().parents[2]
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 100\r\n\r\n" + b"x" * 100
WARM = 50
Figures = dict[str, tuple[float | int | None, str, str]]


# --- the gateway's process ---


async def gateway(dsn: str, folder: Path) -> None:
    """Serves one task; every line on stdin is answered with the CPU seconds used so far."""
    async with world(dsn, folder) as there:
        store = ConfigStore(database=there.database, seal=Seal(KEY), env=EnvSettings())
        await store.set("policy.calls", "1000000", actor="owner")
        there.config = await store.current()
        for host, port in json.loads(await _line("ready")).items():
            there.pins[host] = f"127.0.0.1:{port}"
        async with there.box() as box:
            spawner = Spawner()
            spawner.spawn(_keep_books(box), name="books")
            said: dict[str, object] = {"socket": str(box.folder / "proxy.sock"), "token": box.token}
            while (await _line(json.dumps(said))).strip():
                said = {"cpu_s": time.process_time()}
            await spawner.close()


async def _keep_books(box: Box) -> None:
    while True:
        await asyncio.sleep(1)
        await box.judge.book()


async def _line(said: str) -> str:
    print(said, flush=True)
    return await asyncio.to_thread(sys.stdin.readline)


# --- the server's process ---


class Quick(asyncio.Protocol):
    """Answers every head at once."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport, self.held = transport, b""

    def data_received(self, data: bytes) -> None:
        self.held += data
        while (end := self.held.find(b"\r\n\r\n")) >= 0:
            self.held = self.held[end + 4 :]
            self.transport.write(ANSWER)


async def serve(folder: Path) -> None:
    """Serves every name on a port of its own, until stdin ends."""
    theirs, ports = Authority(folder / "theirs"), {}
    loop = asyncio.get_running_loop()
    for host in (READ, ALLOWED, KEYED):
        context = theirs.server_context(parse_host(host))
        made = await loop.create_server(Quick, "127.0.0.1", 0, ssl=context)
        ports[host] = made.sockets[0].getsockname()[1]
    await _line(json.dumps(ports))


# --- the client ---


@contextmanager
def _child(*arguments: str) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "bench.security.egress_cpu", *arguments]
    made = subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
    )
    try:
        yield made
    finally:
        made.kill()
        made.wait()
        for pipe in (made.stdin, made.stdout):
            assert pipe is not None
            pipe.close()


def _told(child: subprocess.Popen[str], line: str | None) -> str:
    assert child.stdin is not None
    assert child.stdout is not None
    if line is not None:
        child.stdin.write(line + "\n")
    return child.stdout.readline()


async def _tunnel(socket: Path, host: str, ca: Path) -> Client:
    client = await Client.dial(socket)
    assert await client.ask(connect(f"{host}:443"), is_bare=True) == "200", client.got
    await client.start_tls(ca, host)
    return client


async def _cost_ms(child: subprocess.Popen[str], client: Client, data: bytes, count: int) -> float:
    """CPU milliseconds a request, of one run."""
    for _ in range(WARM):
        assert await client.ask(data) == "200", client.got[-500:]
    before = json.loads(_told(child, "cpu"))["cpu_s"]
    for _ in range(count):
        await client.ask(data)
    spent: float = json.loads(_told(child, "cpu"))["cpu_s"] - before
    return spent / count * 1000


async def _measured(
    child: subprocess.Popen[str], folder: Path, *, count: int, runs: int
) -> dict[str, float]:
    said = json.loads(child.stdout.readline()) if child.stdout else {}
    socket, token = Path(said["socket"]), said["token"]
    ours, theirs = folder / "ours" / "ca.pem", folder / "theirs" / "ca.pem"
    wanted = {
        "mitm": (READ, ours, request("/a", READ)),
        "splice": (ALLOWED, theirs, request("/a", ALLOWED)),
        "mitm_secret": (KEYED, ours, request("/a", KEYED, f"Authorization: {token}")),
    }
    found = {}
    for name, (host, ca, data) in wanted.items():
        client = await _tunnel(socket, host, ca)
        costs = [await _cost_ms(child, client, data, count) for _ in range(runs)]
        found[name] = round(statistics.median(costs), 3)
        client.close()
    return found


def measure_cpu(dsn: str, *, count: int = 1000, runs: int = 5) -> dict[str, float]:
    """Milliseconds a request, medians of `runs`, on an empty database."""
    with tempfile.TemporaryDirectory(prefix="egress-cpu-") as name:
        folder = Path(name)
        with _child("gateway", dsn, name) as child:
            _told(child, None)
            with _child("serve", name) as server:
                ports = _told(server, None)
                assert child.stdin is not None
                child.stdin.write(ports)
                return asyncio.run(_measured(child, folder, count=count, runs=runs))


def figures(found: dict[str, float]) -> Figures:
    """What goes into the result file."""
    said = {
        "mitm": "gateway's CPU a request, inspected, judged and written down",
        "splice": "gateway's CPU a request, spliced",
        "mitm_secret": "gateway's CPU a request, inspected, with a secret put in and scrubbed",
    }
    return {f"{name}_cpu_ms": (found[name], "ms", said[name]) for name in said}


if __name__ == "__main__":
    if sys.argv[1] == "gateway":
        asyncio.run(gateway(sys.argv[2], Path(sys.argv[3])))
    else:
        asyncio.run(serve(Path(sys.argv[2])))
