"""The local form, over real HTTP."""

from __future__ import annotations

import asyncio
import logging
import subprocess
import sys
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import aiohttp
import pytest

from bot.secret_form import BODY_CAP, SecretForm
from core.errors import Retryable, UserFacing

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

VALUE = "hunter2&hunter2=é+ %"
HOST = "api.example.com"


class World:
    """A form, what it saved, a clock to turn, and a browser."""

    def __init__(self, browser: aiohttp.ClientSession) -> None:
        self.browser = browser
        self.now = 1000.0
        self.saved: list[tuple[str, str, str]] = []
        self.refusal: Exception | None = None
        self.gate = asyncio.Event()
        self.entered = asyncio.Event()
        self.gate.set()
        self.form = SecretForm(self.save, clock=lambda: self.now)

    async def save(self, name: str, value: str, host: str) -> None:
        self.entered.set()
        await self.gate.wait()
        if self.refusal is not None:
            raise self.refusal
        self.saved.append((name, value, host))

    async def get(self, url: str, **headers: str) -> tuple[int, str]:
        async with self.browser.get(url, headers=headers) as answer:
            return answer.status, await answer.text()

    async def post(self, url: str, value: str = VALUE, **headers: str) -> tuple[int, str]:
        parts = urlsplit(url)
        sent = {"Origin": f"http://{parts.netloc}", **headers}
        async with self.browser.post(url, data={"value": value}, headers=sent) as answer:
            return answer.status, await answer.text()

    async def ended(self) -> None:
        """Waits until the server has stopped."""
        async with asyncio.timeout(10):
            while self.form.is_running:
                await asyncio.sleep(0)


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with aiohttp.ClientSession() as browser:
        world = World(browser)
        yield world
        await world.form.stop()


def test_importing_the_form_does_not_load_aiohttp() -> None:
    code = "import bot.secret_form, sys; sys.exit('aiohttp' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


async def test_nothing_listens_before_the_first_offer(world: World) -> None:
    assert not world.form.is_running
    url = await world.form.offer("TOKEN", HOST)
    parts = urlsplit(url)
    assert parts.hostname == "127.0.0.1"
    assert len(parts.path) == 1 + 22  # 128 bits
    assert world.form.is_running


async def test_the_page_names_the_secret_and_runs_nothing(world: World) -> None:
    url = await world.form.offer("TOKEN", "<b>&.example.com")
    async with world.browser.get(url) as answer:
        text, headers = await answer.text(), answer.headers
    assert "<h1>TOKEN</h1>" in text
    assert "&lt;b&gt;&amp;.example.com" in text
    assert 'autocomplete="off"' in text
    assert "<script" not in text
    policy = headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "form-action 'self'" in policy
    assert headers["Cache-Control"] == "no-store"


async def test_a_value_is_saved_once_and_the_server_ends(world: World) -> None:
    url, other = await world.form.offer("TOKEN", HOST), await world.form.offer("OTHER", HOST)
    assert (await world.get(url))[0] == 200
    status, text = await world.post(url)
    assert (status, "Saved. You can close this page." in text) == (200, True)
    assert world.saved == [("TOKEN", VALUE, HOST)]
    for status, text in (await world.post(url), await world.get(url)):
        assert (status, "used already or is too old" in text) == (410, True)
    assert (await world.post(other, "second"))[0] == 200
    assert len(world.saved) == 2
    await world.ended()
    with pytest.raises(aiohttp.ClientConnectionError):
        await world.get(url)


async def test_it_starts_again_for_a_later_offer(world: World) -> None:
    await world.post(await world.form.offer("TOKEN", HOST))
    await world.ended()
    assert (await world.post(await world.form.offer("TOKEN", HOST)))[0] == 200


async def test_of_two_posts_at_once_one_is_saved(world: World) -> None:
    url = await world.form.offer("TOKEN", HOST)
    world.gate.clear()
    async with asyncio.TaskGroup() as group:
        first = group.create_task(world.post(url, "first"))
        await world.entered.wait()
        assert (await world.post(url, "second"))[0] == 410
        world.now += 601  # a save under way is not cut off by the end of its time
        assert (await world.get(url))[0] == 410
        world.gate.set()
    assert first.result()[0] == 200
    assert world.saved == [("TOKEN", "first", HOST)]


async def test_after_ten_minutes_the_address_is_gone_and_the_server_ends(world: World) -> None:
    old = await world.form.offer("TOKEN", HOST)
    world.now += 599
    assert (await world.get(old))[0] == 200
    await world.form.offer("OTHER", HOST)
    world.now += 1
    for status, text in (await world.get(old), await world.post(old)):
        assert (status, "used already or is too old" in text) == (410, True)
    assert world.form.is_running
    world.now += 600
    assert (await world.post(old))[0] == 410
    await world.ended()
    assert world.saved == []


async def test_an_offer_that_nobody_visits_ends_the_server(world: World) -> None:
    form = SecretForm(world.save, lifetime_s=0.01)
    await form.offer("TOKEN", HOST)
    world.form = form
    await world.ended()


@pytest.mark.parametrize("token", ["x" * 22, "", "%ff%00", "é"])
async def test_a_wrong_token_opens_nothing(world: World, token: str) -> None:
    url = await world.form.offer("TOKEN", HOST)
    wrong = url.rpartition("/")[0] + "/" + token
    assert (await world.get(wrong))[0] in {404, 410}
    assert (await world.post(wrong))[0] in {404, 410}
    assert world.saved == []


@pytest.mark.parametrize(
    "host",
    [
        "evil.example.com",
        "evil.example.com:{port}",
        "127.0.0.1",
        "127.0.0.1:1",
        "127.0.0.1.evil.com:{port}",
        "[::1]:{port}",
    ],
)
async def test_another_host_name_is_refused(world: World, host: str) -> None:
    url = await world.form.offer("TOKEN", HOST)
    name = host.format(port=urlsplit(url).port)
    assert (await world.get(url, Host=name))[0] == 403
    assert (await world.post(url, Host=name, Origin=f"http://{name}"))[0] == 403
    assert world.saved == []


async def test_localhost_is_this_machine_too(world: World) -> None:
    url = await world.form.offer("TOKEN", HOST)
    name = f"localhost:{urlsplit(url).port}"
    assert (await world.post(url, Host=name, Origin=f"http://{name}"))[0] == 200


@pytest.mark.parametrize(
    "origin",
    ["https://evil.example.com", "null", "", "http://127.0.0.1", "https://127.0.0.1:{port}",
     "http://localhost:{port}", "http://127.0.0.1:{port}.evil.com"],
)  # fmt: skip
async def test_a_post_from_another_origin_is_refused(world: World, origin: str) -> None:
    url = await world.form.offer("TOKEN", HOST)
    status, _ = await world.post(url, Origin=origin.format(port=urlsplit(url).port))
    assert status == 403
    async with world.browser.post(url, data={"value": VALUE}) as answer:
        assert answer.status == 403  # no Origin at all
    assert world.saved == []
    assert (await world.post(url))[0] == 200


@pytest.mark.parametrize("refusal", [UserFacing("Too <long>.", "Cut it."), Retryable("away")])
async def test_a_refused_value_may_be_entered_again(world: World, refusal: Exception) -> None:
    url = await world.form.offer("TOKEN", HOST)
    world.refusal = refusal
    status, text = await world.post(url)
    assert status in {400, 503}
    assert "<form" in text
    assert "<long>" not in text
    assert "hunter2" not in text
    world.refusal = None
    assert (await world.post(url))[0] == 200


@pytest.mark.parametrize(
    "body", [b"", b"value=", b"other=x", b"value=%ff", b"\xff", b"a=1&value=2"]
)
async def test_a_body_that_is_no_filled_in_form_is_refused(world: World, body: bytes) -> None:
    url = await world.form.offer("TOKEN", HOST)
    headers = {
        "Origin": url.rpartition("/")[0],
        "Content-Type": "application/x-www-form-urlencoded",
    }
    async with world.browser.post(url, data=body, headers=headers) as answer:
        assert answer.status == 400
    assert world.saved == []


async def test_files_and_bodies_beyond_the_bound_are_refused(world: World) -> None:
    url = await world.form.offer("TOKEN", HOST)
    with aiohttp.MultipartWriter("form-data") as parts:
        parts.append(VALUE).set_content_disposition("form-data", name="value", filename="f")
    headers = {"Origin": url.rpartition("/")[0]}
    async with world.browser.post(url, data=parts, headers=headers) as answer:
        assert answer.status == 400
    assert (await world.post(url, "x" * BODY_CAP))[0] == 413
    assert world.saved == []


async def test_no_value_and_no_token_is_logged(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    url = await world.form.offer("TOKEN", HOST)
    world.refusal = RuntimeError("a mistake of ours")
    assert (await world.post(url))[0] == 500
    world.refusal = None
    await world.post(url)
    assert "hunter2" not in caplog.text
    assert urlsplit(url).path not in caplog.text
