"""Class: archive bombs and bodies without a bound."""

from __future__ import annotations

import asyncio
import gzip
import io
import os
import tarfile
import zipfile
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import aiohttp
import pytest

from bot.secret_form import BODY_CAP, SecretForm
from core.archives import Bounds, NotUnpacked, unpack
from core.config import ConfigStore
from core.errors import AgentAIError
from core.seal import Seal
from core.settings import EnvSettings
from executors.model_proxy import ANSWER_CAP, ModelProxy
from executors.protocol import LINE_CAP, AskModel
from executors.slots import BAD_LINES_CAP, Slot
from tests.security.regressions.desk import KEY, Desk
from tests.support.model_server import Fault, ScriptedModel

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

MB = 1 << 20


def zipped(*sizes: int) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for number, size in enumerate(sizes):
            archive.writestr(f"{number}", bytes(size))
    return out.getvalue()


def tarred(*sizes: int) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for number, size in enumerate(sizes):
            info = tarfile.TarInfo(f"{number}")
            info.size = size
            archive.addfile(info, io.BytesIO(bytes(size)))
    return out.getvalue()


BOMBS = {
    "one large": zipped(200 * MB),
    "many": zipped(*[1] * 6000),
    "small": zipped(3 * MB),
    "tar.gz": gzip.compress(tarred(200 * MB)),
    "gz in gz": gzip.compress(gzip.compress(bytes(200 * MB))),
    "tail": gzip.compress(tarred(1) + bytes(200 * MB)),
}


@pytest.mark.parametrize("content", BOMBS.values(), ids=BOMBS.keys())
def test_a_bomb_is_refused_and_leaves_no_bytes(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "bomb").write_bytes(content)
    with pytest.raises(NotUnpacked):
        unpack(tmp_path / "bomb", tmp_path / "target", Bounds(total=100 * MB))
    assert [p.name for p in tmp_path.iterdir()] == ["bomb"]


@pytest.fixture
async def slot(tmp_path: Path) -> AsyncIterator[Slot]:
    """A slot that listens, without a container."""
    made = Slot(tmp_path, "s")
    await made.prepare((os.geteuid(), os.getegid()))
    yield made
    await made.delete()


async def speak(slot: Slot, *lines: bytes) -> bool:
    """Says lines as a container would; whether the host then hung up."""
    reader, writer = await asyncio.open_unix_connection(str(slot.sock / "host.sock"))
    try:
        async with asyncio.timeout(20):
            for line in lines:
                writer.write(line)
                await writer.drain()
            return await reader.read() == b""
    except ConnectionError:
        return True
    except TimeoutError:
        return False
    finally:
        writer.transport.abort()


HELLO = b'{"hello": 1, "task": null}\n'


async def test_a_line_without_end_is_cut_off_and_queues_nothing(slot: Slot) -> None:
    assert await speak(slot, HELLO, *[b"x" * MB] * (LINE_CAP // MB + 1), b"x" * 100)
    assert await speak(slot, *[b" " * MB] * (LINE_CAP // MB + 1), b" ")
    assert slot.line._requests.empty()


async def test_a_flood_of_bad_lines_ends_the_connection(slot: Slot) -> None:
    deep = b"[" * 200_000 + b"\n"
    assert await speak(slot, HELLO, *[deep] * (BAD_LINES_CAP + 2))
    assert slot.line._requests.empty()


async def test_an_answer_of_a_model_without_bound_is_no_answer(desk: Desk) -> None:
    model = ScriptedModel([Fault(body='{"x": "' + "y" * (ANSWER_CAP + 1) + '"}')] * 20)
    await model.start()
    config = ConfigStore(database=desk.database, seal=Seal(KEY), env=EnvSettings())
    await config.set("model.base_url", model.url, actor="test")
    await config.set("model.executor", "scripted", actor="test")
    proxy = ModelProxy(config=config, tasks=desk.service.tasks)
    wanted = AskModel(step=0, messages=[{"role": "user", "content": "x"}], tools=[])
    task = await desk.task()
    with pytest.raises((AgentAIError, TimeoutError)):
        async with asyncio.timeout(3):
            await proxy.ask(task.no, wanted)
    assert model.requests
    await proxy.close()
    await model.stop()


async def test_the_secret_form_reads_no_body_beyond_its_bound() -> None:
    saved: list[str] = []

    async def save(name: str, value: str, host: str) -> None:
        saved.append(name + value + host)

    form = SecretForm(save)
    url = await form.offer("TOKEN", "api.example.com")
    origin = {"Origin": f"http://{urlsplit(url).netloc}"}
    async with aiohttp.ClientSession(headers=origin) as browser:
        for size in (BODY_CAP, MB - 100):
            async with browser.post(url, data={"value": "x" * size}) as answer:
                assert answer.status == 413
    assert saved == []
    await form.stop()
