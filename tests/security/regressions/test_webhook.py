"""Class: a webhook that takes forged updates, or the same one twice."""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING

import aiohttp
import pytest

from bot.webhook import BODY_CAP, SECRET_HEADER, Webhook
from tests.security.regressions.desk import Desk, message

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

PATH = "/hook-of-the-bot"


class Door:
    """A listening webhook and somebody outside who speaks HTTP."""

    def __init__(self, desk: Desk, hook: Webhook, port: int, web: aiohttp.ClientSession) -> None:
        self.desk = desk
        self.secret = hook._secret
        self.base = f"http://127.0.0.1:{port}"
        self.web = web

    async def post(
        self, body: str, secret: str | None, path: str = PATH, *, header: str = SECRET_HEADER
    ) -> int:
        headers = {} if secret is None else {header: secret}
        async with self.web.post(
            self.base + path, data=io.BytesIO(body.encode()), headers=headers
        ) as answer:
            await answer.read()
            return answer.status

    async def kept(self) -> int:
        return int(await self.desk.database.fetchval("select count(*) from inbox"))

    async def handle(self) -> None:
        self.desk.service.dispatcher.wake()
        await self.desk.service.dispatcher.step()


@pytest.fixture
async def door(desk: Desk) -> AsyncIterator[Door]:
    service = desk.service
    hook = Webhook(
        api=service.api, store=service.inbox, conceal=service.conceal,
        on_kept=service.dispatcher.wake, url=f"https://bot.example.com{PATH}",
    )  # fmt: skip
    port = await hook.start("127.0.0.1", 0)
    async with aiohttp.ClientSession() as web:
        yield Door(desk, hook, port, web)
    await hook.stop()


def run(update_id: object = 77) -> str:
    return json.dumps({"update_id": update_id, "message": message("/run id")})


async def test_without_the_right_secret_nothing_is_kept(door: Door) -> None:
    near = [door.secret[:-1], door.secret + "x", door.secret.swapcase(), f" {door.secret}\u00e9"]
    for secret in (None, "", "x", "null", *near):
        assert await door.post(run(), secret) == 401, secret
    assert await door.post(run(), None, f"{PATH}?secret_token={door.secret}") == 401
    assert await door.post(run(), door.secret, header="Authorization") == 401
    forged = json.dumps(
        {"update_id": 1, "secret_token": door.secret, "message": message("/run id")}
    )
    assert await door.post(forged, None) == 401
    assert await door.kept() == 0
    assert await door.post(run(), door.secret) == 200
    assert await door.kept() == 1


async def test_an_update_that_comes_again_takes_effect_once(door: Door) -> None:
    for _ in range(3):
        assert await door.post(run(), door.secret) == 200
        await door.handle()
    assert await door.post(run().replace("/run id", "/run rm -rf x"), door.secret) == 200
    await door.handle()
    live = await door.desk.service.tasks.live()
    assert [t.instructions for t in live] == ["id"]


@pytest.mark.parametrize("path", ["/", "/hook", PATH + "/x", PATH + "/../", "/" + PATH, "/metrics"])
async def test_other_paths_and_methods_are_closed(door: Door, path: str) -> None:
    assert await door.post(run(), door.secret, path) in {404, 405}
    for method in ("GET", "PUT", "DELETE", "OPTIONS", "TRACE"):
        headers = {SECRET_HEADER: door.secret}
        async with door.web.request(method, door.base + path, headers=headers) as answer:
            assert answer.status in {404, 405}
    assert await door.kept() == 0


async def test_bodies_without_bound_or_sense_are_refused_and_the_door_stays_open(
    door: Door,
) -> None:
    assert await door.post("x" * (BODY_CAP + 1), door.secret) == 413
    assert await door.post(json.dumps({"update_id": 5, "x": "y" * BODY_CAP}), door.secret) == 413
    for body in ("", "[]", "1", "{}", "[" * 100_000, "\x00", *map(run, ("1", True, None, 2**80))):
        assert await door.post(body, door.secret) == 400, body[:40]
    assert await door.kept() == 0
    assert await door.post(run(), door.secret) == 200


async def test_a_secret_of_a_former_start_opens_nothing(door: Door) -> None:
    service = door.desk.service
    again = Webhook(
        api=service.api, store=service.inbox, conceal=service.conceal,
        on_kept=service.dispatcher.wake, url=f"https://bot.example.com{PATH}",
    )  # fmt: skip
    port = await again.start("127.0.0.1", 0)
    door.base = f"http://127.0.0.1:{port}"
    assert await door.post(run(), door.secret) == 401
    await again.stop()
