"""The proxy on a real unix socket, in front of real servers on 127.0.0.1."""

from __future__ import annotations

import asyncio
import ssl
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from core.errors import Retryable
from executors.gateway.addresses import Resolver
from executors.gateway.authority import Authority
from executors.gateway.hosts import Host, parse_host
from executors.gateway.ports import Asked, Bounds, Forward, Inspect, Refused, Splice
from executors.gateway.proxy import EgressProxy
from executors.gateway.splices import Splices

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from contextlib import AbstractContextManager
    from pathlib import Path

HOST = parse_host("api.example.com")
SECRET = b"s3cret-value-of-the-owner"
END = b"\r\n\r\n"


@dataclass
class Judge:
    """Grants HOST; swaps `KEY` for the secret and back; counts bytes."""

    verdict: Splice | Inspect = field(default_factory=Inspect)
    budget: int = 1 << 30
    asked: list[Asked] = field(default_factory=list)
    outcomes: list[str] = field(default_factory=list)
    noted_rows: list[tuple[str, str, str]] = field(default_factory=list)
    splices: Splices = field(default_factory=Splices)
    failures: dict[str, Exception] = field(default_factory=dict)

    def spliced(
        self, host: Host, port: int, cut: Callable[[], None]
    ) -> AbstractContextManager[None]:
        return self.splices.held(host, port, cut)

    async def answered(self, asked: Asked, outcome: str) -> None:
        self.outcomes.append(outcome)

    async def connect(self, host: Host, port: int) -> Refused | Splice | Inspect:
        if host != HOST:
            return Refused(code="host_not_granted", text=f"{host} is not granted.")
        return self.verdict

    async def request(self, asked: Asked) -> Refused | Forward:
        self.asked.append(asked)
        if asked.target in self.failures:
            raise self.failures[asked.target]
        if asked.host != HOST or asked.target.startswith("/no"):
            return Refused(code="rule", text="No rule allows it.")
        return Forward(headers=tuple((k, v.replace(b"KEY", SECRET)) for k, v in asked.headers))

    async def noted(self, place: str, method: str, code: str) -> None:
        self.noted_rows.append((place, method, code))

    def sent(self, count: int) -> Refused | None:
        self.budget -= count
        return Refused(code="budget", text="No bytes left.") if self.budget < 0 else None

    def scrub(self, piece: bytes) -> bytes:
        return piece.replace(SECRET, b"KEY")


class Server:
    """Echoes every request; the path chooses how."""

    def __init__(self) -> None:
        self.connections = 0
        self.received = 0
        self.requests: list[bytes] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while await self._one(reader, writer):
                pass
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = await reader.readuntil(END)
        if head.startswith(b"SINK"):
            while piece := await reader.read(65536):
                self.received += len(piece)
            return False
        lines = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:-2])
        body = await reader.readexactly(int(lines.get(b"content-length", b"0")))
        self.requests.append(head + body)
        writer.write(self._response(head, body))
        await writer.drain()
        if b"/lasts" in head:
            await reader.readuntil(END)  # the next request is read, and never answered
            return False
        return b"/close" not in head

    def _response(self, head: bytes, body: bytes) -> bytes:
        content = head + body
        method, path = head.split(b" ")[:2]
        first = (
            b"HTTP/1.1 200 "
            + SECRET
            + b"\r\nX-Echo: "
            + SECRET
            + b"\r\nConnection: x-hop\r\nX-Hop: 1"
        )
        if path == b"/chunked":
            cuts = [content[at : at + 7] for at in range(0, len(content), 7)]
            chunks = b"".join(b"%x\r\n%s\r\n" % (len(c), c) for c in [b"p" * 30000, *cuts])
            trailer = b"0\r\nX-Trailer: " + SECRET + END
            return first + b"\r\nTransfer-Encoding: chunked" + END + chunks + trailer
        if path == b"/gzip":
            first += b"\r\nContent-Encoding: gzip"
        if path == b"/empty":
            return b"HTTP/1.1 204 No Content" + END
        if path == b"/switch":
            return b"HTTP/1.1 101 Switching\r\nUpgrade: x" + END
        if path == b"/junk":
            return b"HELLO\r\n" + END
        if path == b"/lasts":  # says that it stays, and goes
            return first + b"\r\nContent-Length: 0" + END
        if path == b"/close":
            return b"HTTP/1.0 200 OK" + END + content
        length = b"\r\nContent-Length: %d" % len(content)
        return first + length + END + (b"" if method == b"HEAD" else content)


class World:
    """A proxy with its judge, a TLS server and a plain one."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.judge = Judge()
        self.server = Server()
        for name in ("ours", "theirs", "sock"):
            (folder / name).mkdir()
        self.ours, self.theirs = Authority(folder / "ours"), Authority(folder / "theirs")
        self.theirs.prepare()
        self.ours = Authority(folder / "ours", extra_ca=self.theirs.ca_file)
        self.ours.prepare()
        self.servers: list[asyncio.Server] = []
        self.writers: list[asyncio.StreamWriter] = []

    async def start(self, bounds: Bounds | None = None, *, named: Host = HOST) -> None:
        tls = self.theirs.server_context(named)
        tls.sni_callback = None
        for context in (tls, None):
            made = await asyncio.start_server(self.server.serve, "127.0.0.1", 0, ssl=context)
            self.servers.append(made)
        self.ports = [made.sockets[0].getsockname()[1] for made in self.servers]
        self.proxy = self.proxied(self.ports[0], bounds)
        self.plain_proxy = self.proxied(self.ports[1], bounds)
        await self.proxy.listen(self.folder / "sock")
        await self.plain_proxy.listen(self.folder / "sock", "plain.sock")

    def proxied(self, port: int, bounds: Bounds | None) -> EgressProxy:
        resolver = Resolver({HOST: f"127.0.0.1:{port}"}, lookup=self.lookup)
        return EgressProxy(self.judge, resolver=resolver, authority=self.ours, bounds=bounds)

    async def lookup(self, host: str, port: int) -> list[str]:
        return ["127.0.0.1"]

    async def dial(self, name: str = "proxy.sock") -> Client:
        reader, writer = await asyncio.open_unix_connection(str(self.folder / "sock" / name))
        self.writers.append(writer)
        return Client(reader, writer)

    async def tunnel(self, *, authority: Authority | None = None, sni: str = HOST) -> Client:
        client = await self.dial()
        assert b" 200 " in await client.ask(connect(HOST), has_body=False)
        context = ssl.create_default_context(cafile=str((authority or self.ours).ca_file))
        context.check_hostname = sni == HOST
        await client.writer.start_tls(context, server_hostname=sni)
        return client

    async def close(self) -> None:
        await self.proxy.close()
        await self.plain_proxy.close()
        for server in self.servers:
            server.close()
        for writer in self.writers:
            writer.transport.abort()
        await asyncio.gather(*(w.wait_closed() for w in self.writers), return_exceptions=True)


class Client:
    """Says exactly what it is told."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def ask(self, data: bytes, *, has_body: bool = True) -> bytes:
        self.writer.write(data)
        return await self.answer(has_body=has_body)

    async def answer(self, *, has_body: bool = True) -> bytes:
        async with asyncio.timeout(10):
            head = await self.reader.readuntil(END)
            lines = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:-2])
            if b"transfer-encoding" in lines:
                body = await self.reader.readuntil(b"\r\n0\r\n")
                while not body.endswith(END):
                    body += await self.reader.readuntil(b"\r\n")
                return head + body
            count = int(lines.get(b"content-length", b"0")) if has_body else 0
            return head + await self.reader.readexactly(count)

    async def is_cut(self) -> bool:
        async with asyncio.timeout(10):
            try:
                return not await self.reader.read()
            except OSError:
                return True


def connect(host: str, port: int = 443) -> bytes:
    return f"CONNECT {host}:{port} HTTP/1.1\r\nHost: {host}:{port}\r\n\r\n".encode()


def get(path: str, *more: str, method: str = "GET", host: str = HOST) -> bytes:
    return "\r\n".join((f"{method} {path} HTTP/1.1", f"Host: {host}", *more, "", "")).encode()


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    made = World(tmp_path)
    await made.start()
    yield made
    await made.close()


def reason(answer: bytes) -> str:
    head, _, body = answer.partition(END)
    assert body.endswith(b"\n")
    assert b"Content-Type: text/plain; charset=utf-8" in head
    return head.split(b"X-AgentAI-Reason: ")[1].split(b"\r\n")[0].decode()


async def test_a_spliced_tunnel_ends_at_the_real_server(world: World) -> None:
    world.judge.verdict = Splice()
    client = await world.tunnel(authority=world.theirs)
    for _ in range(3):
        assert SECRET in await client.ask(get("/a", "Authorization: KEY"))
    assert world.judge.asked == []
    assert b"Authorization: KEY" in world.server.requests[0]
    assert world.judge.budget < 1 << 30


async def test_an_inspected_request_gets_the_secret_and_its_answer_is_scrubbed(
    world: World,
) -> None:
    client = await world.tunnel()
    answer = await client.ask(
        get("/a?q=1", "Authorization: KEY", "Connection: x-mine", "X-Mine: 1", "TE: trailers")
    )
    seen = world.server.requests[0]
    assert b"authorization: " + SECRET in seen.lower()
    assert b"accept-encoding: identity" in seen.lower()
    assert b"x-mine" not in seen.lower()
    assert SECRET not in answer
    assert answer.startswith(b"HTTP/1.1 200 KEY\r\n")
    assert b"x-echo: KEY" in answer
    assert b"x-hop" not in answer.lower()
    asked = world.judge.asked[0]
    assert (asked.scheme, asked.host, asked.port, asked.target) == ("https", HOST, 443, "/a?q=1")
    assert asked.headers == ((b"authorization", b"KEY"),)


async def test_both_sides_of_a_tunnel_are_kept(world: World) -> None:
    client = await world.tunnel()
    for number in range(5):
        body = b"x" * number
        answer = await client.ask(get("/a", f"Content-Length: {number}", method="POST") + body)
        assert answer.endswith(END + body)
    assert b" 403 " in await client.ask(get("/no"))
    assert b" 200 " in await client.ask(get("/a", method="HEAD"), has_body=False)
    assert b" 204 " in await client.ask(get("/empty"))
    assert b" 200 " in await client.ask(get("/a") + get("/b"))
    assert b"GET /b" in await client.answer()
    assert world.server.connections == 1


async def test_a_secret_across_chunks_and_in_a_trailer_is_scrubbed(world: World) -> None:
    client = await world.tunnel()
    answer = await client.ask(get("/chunked", "X-Key: KEY"))
    assert b"transfer-encoding: chunked" in answer.lower()
    assert SECRET not in answer
    assert b"x-trailer: KEY" in answer
    plain = b"".join(answer.partition(END)[2].split(b"\r\n"))
    assert SECRET[:12] not in plain
    assert b" 200 " in await client.ask(get("/a"))


async def test_a_chunked_request_is_written_anew_with_one_length(world: World) -> None:
    client = await world.tunnel()
    head = get("/a", "Transfer-Encoding: chunked", "Expect: 100-continue", method="POST")
    assert b" 100 " in await client.ask(head)
    answer = await client.ask(b"3;x=y\r\nabc\r\n2\r\nde\r\n0\r\nX-T: 1\r\n\r\n")
    assert answer.endswith(b"abcde")
    assert b"content-length: 5" in world.server.requests[0].lower()
    assert b"chunked" not in world.server.requests[0].lower()
    assert b"expect" not in world.server.requests[0].lower()


async def test_a_plain_request_in_absolute_form_is_inspected(world: World) -> None:
    client = await world.dial("plain.sock")
    for _ in range(2):
        answer = await client.ask(get(f"http://{HOST}/a", "X-Key: KEY", "Proxy-Connection: x"))
        assert b"GET /a HTTP/1.1\r\n" in answer
        assert SECRET not in answer
    assert world.judge.asked[0].scheme == "http"
    assert world.server.connections == 1
    assert b" 200 " in await client.ask(get(f"http://{HOST}/close"))


@pytest.mark.parametrize(
    ("request_bytes", "code"),
    [
        (connect("other.example.com"), "host_not_granted"),
        (get("http://other.example.com/", host="other.example.com"), "rule"),
        (get(f"http://{HOST}/", host="other.example.com"), "host_mismatch"),
        (connect(HOST).replace(b"Host: api", b"Host: ap"), "host_mismatch"),
        (get(f"http://{HOST}/a/../b"), "path_refused"),
        (get(f"http://{HOST}/", method="TRACE"), "method_refused"),
        (get(f"http://{HOST}/", "Upgrade: h2c"), "upgrade_refused"),
        (get(f"http://{HOST}/", "Connection: keep-alive, Upgrade"), "upgrade_refused"),
        (connect("127.0.0.1"), "malformed"),
        (connect(HOST, 0), "malformed"),
        (connect(HOST) + b"early", "malformed"),
        (get("/a"), "malformed"),
        (get(f"https://{HOST}/"), "malformed"),
        (get(f"http://{HOST}/", f"Host: {HOST}"), "malformed"),
        (get(f"http://{HOST}/", "Content-Length: 3", "Transfer-Encoding: chunked"), "malformed"),
        (get(f"http://{HOST}/", "Content-Length: 3", "Content-Length: 4"), "malformed"),
        (get(f"http://{HOST}/", "Content-Length: +3"), "malformed"),
        (get(f"http://{HOST}/", "Content-Length: " + "9" * 5000), "malformed"),
        (get(f"http://{HOST}/", "Content-Length: 99999999999"), "too_large"),
        (get(f"http://{HOST}/", "Transfer-Encoding: gzip, chunked"), "malformed"),
        (get(f"http://{HOST}/", "Transfer-Encoding: identity"), "malformed"),
        (get(f"http://{HOST}/", "Transfer-Encoding: xchunked"), "malformed"),
        (get(f"http://{HOST}/", "A: b", " folded"), "malformed"),
        (get(f"http://{HOST}/", "A : b"), "malformed"),
        (get(f"http://{HOST}/", "A: b\rc"), "malformed"),
        (get(f"http://{HOST}/", "A: b\nC: d"), "malformed"),
        (get(f"http://{HOST}/").replace(b"\r\n", b"\n"), "malformed"),
        (get(f"http://{HOST}/", "A: \x00"), "malformed"),
        (b"\r\n" + get(f"http://{HOST}/"), "malformed"),
        (b"GET  / HTTP/1.1\r\n\r\n", "malformed"),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "malformed"),
        (b"GET http://api.example.com/ HTTP/1.1\r\n\r\n", "malformed"),
        (
            get(f"http://{HOST}/", "Transfer-Encoding: chunked", method="POST") + b"zz\r\n",
            "malformed",
        ),
        (get(f"http://{HOST}/", *(f"A{n}: b" for n in range(100))), "head_too_large"),
        (get(f"http://{HOST}/", "A: " + "b" * 70000), "head_too_large"),
        (b"A" * 70000, "head_too_large"),
    ],
)
async def test_a_refusal_says_why_and_sends_nothing(
    world: World, request_bytes: bytes, code: str
) -> None:
    client = await world.dial("plain.sock")
    answer = await client.ask(request_bytes)
    assert reason(answer) == code
    status = {"malformed": b"400", "too_large": b"413", "head_too_large": b"431"}
    assert answer.split(b" ")[1] == status.get(code, b"403")
    assert world.server.requests == []
    is_judged = code in {"rule", "host_not_granted"}  # those the judge writes down itself
    assert [row[2] for row in world.judge.noted_rows] == ([] if is_judged else [code])


@pytest.mark.parametrize(
    ("request_bytes", "noted"),
    [
        (connect("127.0.0.1"), ("127.0.0.1:443", "CONNECT", "malformed")),
        (connect("169.254.169.254", 80), ("169.254.169.254:80", "CONNECT", "malformed")),
        (get("http://10.0.0.1/steal?this=secret"), ("10.0.0.1", "GET", "malformed")),
        (get("http://[::1]:80/x"), ("[::1]:80", "GET", "malformed")),
        (get("/a?secret"), ("", "GET", "malformed")),
        (b"A" * 70000, ("", "", "head_too_large")),
    ],
)
async def test_what_the_proxy_refuses_by_itself_is_written_down_without_its_path(
    world: World, request_bytes: bytes, noted: tuple[str, str, str]
) -> None:
    client = await world.dial("plain.sock")
    await client.ask(request_bytes)
    assert world.judge.noted_rows == [noted]


@pytest.mark.parametrize(
    ("request_bytes", "code"),
    [
        (get("/", host="other.example.com"), "host_mismatch"),
        (get(f"https://{HOST}/"), "malformed"),
        (get("*", method="OPTIONS"), "malformed"),
        (get("/a;b"), "path_refused"),
        (connect(HOST), "method_refused"),
        (get("/no"), "rule"),
        (get("/gzip"), "encoding_refused"),
        (get("/switch"), "upstream_failed"),
        (get("/junk"), "upstream_failed"),
    ],
)
async def test_inside_a_tunnel_the_same_rules_hold(
    world: World, request_bytes: bytes, code: str
) -> None:
    client = await world.tunnel()
    assert reason(await client.ask(request_bytes)) == code


async def test_an_inspected_tunnel_for_another_name_is_refused(world: World) -> None:
    with pytest.raises(OSError, match=r"^$|SSL"):
        await world.tunnel(sni="other.example.com")
    assert world.server.connections == 0


async def test_a_spliced_tunnel_for_another_name_is_refused(world: World) -> None:
    world.judge.verdict = Splice()
    with pytest.raises(ssl.SSLError, match="UNRECOGNIZED_NAME"):
        await world.tunnel(authority=world.theirs, sni="other.example.com")
    assert world.judge.budget == 1 << 30


async def test_a_spliced_tunnel_carries_only_tls(world: World) -> None:
    world.judge.verdict = Splice()
    client = await world.dial()
    await client.ask(connect(HOST), has_body=False)
    assert reason(await client.ask(get("/"))) == "tls_required"
    assert await client.is_cut()


async def test_bytes_are_booked_before_an_inspected_request_leaves(world: World) -> None:
    client = await world.tunnel()
    world.judge.budget = 500
    answer = await client.ask(get("/a", "Content-Length: 600", method="POST") + b"x" * 600)
    assert reason(answer) == "budget"
    assert world.server.connections == 0


async def test_a_spliced_tunnel_can_be_cut_while_nothing_moves(world: World) -> None:
    world.judge.verdict = Splice()
    client = await world.tunnel(authority=world.theirs)
    assert SECRET in await client.ask(get("/a", "Authorization: KEY"))
    world.judge.splices.cut_unless(lambda host, port: (host, port) == (HOST, 443))
    assert SECRET in await client.ask(get("/a", "Authorization: KEY"))
    world.judge.splices.cut_unless(lambda host, port: False)
    assert await client.is_cut()
    async with asyncio.timeout(5):
        while world.judge.splices:
            await asyncio.sleep(0)


async def test_a_tunnel_that_says_nothing_yet_can_be_cut(world: World) -> None:
    world.judge.verdict = Splice()
    client = await world.dial()
    await client.ask(connect(HOST), has_body=False)
    world.judge.splices.cut_unless(lambda host, port: False)
    assert await client.is_cut()


async def test_an_inspected_tunnel_is_no_splice(world: World) -> None:
    client = await world.tunnel()
    assert not world.judge.splices
    assert b" 200 " in await client.ask(get("/a"))


async def test_a_spent_budget_cuts_a_spliced_tunnel_in_mid_body(world: World) -> None:
    world.judge.verdict = Splice()
    client = await world.tunnel(authority=world.theirs)
    world.judge.budget = 500_000
    client.writer.write(b"SINK" + END + b"x" * 2_000_000)
    assert await client.is_cut()
    assert world.server.received < 500_000
    assert world.judge.noted_rows == [(f"{HOST}:443", "CONNECT", "budget")]


@pytest.mark.parametrize("verdict", [Splice(), Inspect()])
async def test_closing_cuts_open_tunnels(world: World, verdict: Splice | Inspect) -> None:
    world.judge.verdict = verdict
    client = await world.tunnel(
        authority=world.theirs if isinstance(verdict, Splice) else world.ours
    )
    assert b" 200 " in await client.ask(get("/a"))
    waiting = await world.dial()
    async with asyncio.timeout(3):
        await world.proxy.close()
    assert await client.is_cut()
    assert await waiting.is_cut()
    with pytest.raises(OSError, match="refused"):
        await world.dial()


async def test_a_name_that_leads_inside_is_blocked(world: World, tmp_path: Path) -> None:
    proxy = EgressProxy(world.judge, resolver=Resolver(lookup=world.lookup), authority=world.ours)
    await proxy.listen(tmp_path / "sock", "proxy2.sock")
    world.judge.verdict = Splice()
    client = await world.dial("proxy2.sock")
    assert reason(await client.ask(connect(HOST))) == "address_blocked"
    await proxy.close()


async def test_a_server_with_a_wrong_certificate_gets_nothing(tmp_path: Path) -> None:
    world = World(tmp_path)
    await world.start(named=parse_host("other.example.com"))
    client = await world.tunnel()
    assert reason(await client.ask(get("/a", "X-Key: KEY"))) == "upstream_tls"
    assert world.server.requests == []
    await world.close()


async def test_bounds_hold(tmp_path: Path) -> None:
    world = World(tmp_path)
    await world.start(
        Bounds(connections=2, body=1000, bodies=1500, response=5000, idle_s=0.2, hello_s=0.2)
    )
    client = await world.dial("plain.sock")
    chunk = b"3e9\r\n" + b"x" * 1001 + b"\r\n"
    head = get(f"http://{HOST}/", "Transfer-Encoding: chunked", method="POST")
    assert reason(await client.ask(head + chunk)) == "too_large"
    client = await world.dial("plain.sock")
    answer = await client.ask(get(f"http://{HOST}/chunked"))
    assert reason(answer) == "response_too_large"
    client.writer.close()
    await world.dial("plain.sock")
    await world.dial("plain.sock")
    assert reason(await (await world.dial("plain.sock")).answer()) == "busy"
    idle = await world.dial()
    assert await idle.is_cut()
    world.judge.verdict = Splice()
    silent = await world.dial()
    await silent.ask(connect(HOST), has_body=False)
    assert await silent.is_cut()
    await world.close()


async def test_what_reads_is_sent_again_when_a_kept_connection_ended_unanswered(
    world: World,
) -> None:
    client = await world.tunnel()
    assert b" 200 " in await client.ask(get("/lasts"))
    answer = await client.ask(get("/after"))
    assert b" 200 " in answer
    assert b"GET /after" in answer
    assert world.server.connections == 2
    assert world.judge.outcomes == ["200", "200"]


async def test_what_changes_is_not_sent_on_a_connection_that_was_idle(tmp_path: Path) -> None:
    world = World(tmp_path)
    await world.start(Bounds(fresh_s=0.0))
    try:
        client = await world.tunnel()
        assert b" 200 " in await client.ask(get("/lasts"))
        assert b" 200 " in await client.ask(get("/after", "Content-Length: 0", method="POST"))
    finally:
        await world.close()
    assert world.server.connections == 2
    assert [request.split(b" ")[1] for request in world.server.requests] == [b"/lasts", b"/after"]


async def test_what_changes_is_never_sent_twice(world: World) -> None:
    client = await world.tunnel()
    assert b" 200 " in await client.ask(get("/lasts"))
    answer = await client.ask(get("/after", "Content-Length: 0", method="POST"))
    assert reason(answer) == "upstream_failed"
    assert world.server.connections == 1


@pytest.mark.parametrize("error", [ConnectionResetError("x"), Retryable("away"), TimeoutError()])
async def test_a_judge_that_fails_is_answered_and_nothing_leaves(
    world: World, error: Exception
) -> None:
    world.judge.failures["/x"] = error
    client = await world.tunnel()
    answer = await client.ask(get("/x"))
    assert b" 503 " in answer
    assert reason(answer) == "undecided"
    assert b" 200 " in await client.ask(get("/y"))
    assert len(world.server.requests) == 1
