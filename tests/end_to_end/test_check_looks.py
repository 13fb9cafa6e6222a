"""Checks that look at web pages and run commands, in real containers that nobody is told of."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from aiohttp import web

from core.db import Database
from tests.support.model_server import Body, Reply, say, tool_names
from tests.support.world import World

HOST = "news.example.com"
PAGE = f"## Page\n- every: 1 hour\n- when: url changed http://{HOST}/today\n\nTell me of news.\n"
FLAG = """## Flag
- every: 1 hour
- when: command exits 0: test -e files/flag.txt && echo spoilt > files/flag.txt
- permissions: {filesystem: {read: [flag.txt]}}

Tell me that the flag is up.
"""
AGAIN = "update check_states set last_run = now() - interval '2 hours'"


class Site:
    """A web page that changes when a test says so."""

    def __init__(self) -> None:
        self.text = "first"
        self.seen: list[tuple[str, str]] = []
        self._visits = 0
        self._runner: web.AppRunner | None = None

    async def start(self) -> str:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._serve)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        return f"{HOST}=127.0.0.1:{self._runner.addresses[0][1]}"

    async def _serve(self, request: web.Request) -> web.Response:
        self.seen.append((request.method, request.path))
        self._visits += 1
        page = f"<script>n = {self._visits}</script><p>{self.text}</p>"
        return web.Response(text=page, content_type="text/html")

    async def stop(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()


@pytest.fixture
async def site(world: World) -> AsyncIterator[Site]:
    made = Site()
    world.env["GATEWAY_PINS"] = await made.start()
    yield made
    await made.stop()


@pytest.fixture
async def database(world: World) -> AsyncIterator[Database]:
    made = await Database.connect(world.env["DATABASE_URL"], size=2)
    yield made
    await made.close()


def notifying(world: World, check: str, text: str) -> None:
    answer = f'{{"answers": [{{"check": "{check}", "kind": "notify", "text": "{text}"}}]}}'

    def script(body: Body) -> Reply:
        return say("ok" if "delegate" in tool_names(body) else answer)

    world.model.script = script


async def until(database: Database, question: str) -> None:
    async with asyncio.timeout(60):
        while not await database.fetchval(question):
            await asyncio.sleep(0.05)


async def beat_again(world: World, database: Database) -> None:
    """A start begins with a beat; every check is due."""
    world.serve.stop()
    await database.execute(AGAIN)
    world.serve.start()
    await world.serve.ready()


LOOKED = "select count(*) = {} from tasks where is_quiet and state = 'done'"


async def test_a_changed_page_leads_to_one_model_call_and_one_notice(
    world: World, site: Site, database: Database, executor_image: str
) -> None:
    assert executor_image
    notifying(world, "Page", "There is news.")
    (world.home / "HEARTBEAT.md").write_text(PAGE)
    await world.start()
    await until(database, "select count(*) > 0 from check_states where look is not null")
    assert site.seen == [("GET", "/today")]
    assert world.model.requests == []
    await beat_again(world, database)  # only the script differs: no news
    await until(database, LOOKED.format(2))
    await until(database, "select bool_and(last_run > now() - interval '1 hour') from check_states")
    assert world.model.requests == []
    site.text = "second"
    await beat_again(world, database)
    await world.sees("There is news.")
    assert len(world.model.requests) == 1
    assert site.seen == [("GET", "/today")] * 3
    rows = await database.fetch("select no, reported_at, card_shown from tasks")
    assert [(r["reported_at"], r["card_shown"], r["no"] > 10**9) for r in rows] == [
        (None, None, True)
    ] * 3
    assert not any("look:" in text for text in world.chat())
    world.says("/tasks")
    world.says("/run echo numbered")
    await world.sees(lambda m: "numbered" in m.text and "#1" in m.text)


async def test_a_page_that_the_instance_never_allows_is_told_once_and_never_fetched(
    world: World, site: Site, database: Database, executor_image: str
) -> None:
    assert executor_image
    (world.home / "HEARTBEAT.md").write_text(PAGE)
    await world.start(with_executor=False)
    world.says("/config policy.hosts other.example.com")
    await world.sees("policy.hosts")
    world.executor.start()
    await world.executor.ready()
    await until(database, "select count(*) > 0 from check_states")
    await beat_again(world, database)
    told = await world.sees("Some of HEARTBEAT.md does not run", timeout_s=60)
    assert f"http://{HOST}/today may not be read" in told.text
    assert site.seen == []
    assert world.model.requests == []


async def test_a_command_sees_its_files_only_and_leaves_the_owners_as_they_were(
    world: World, database: Database, executor_image: str
) -> None:
    assert executor_image
    notifying(world, "Flag", "The flag is up.")
    (world.home / "HEARTBEAT.md").write_text(FLAG)
    workspace = world.home / "workspace"
    workspace.mkdir()
    await world.start()
    await until(database, "select count(*) > 0 from check_states where look = '1'")
    assert world.model.requests == []
    (workspace / "flag.txt").write_text("up")
    await beat_again(world, database)
    await world.sees("The flag is up.")
    assert len(world.model.requests) == 1
    assert (workspace / "flag.txt").read_text() == "up"
    assert await database.fetchval("select count(*)::int from approvals") == 0
    codes = await database.fetch("select exit_code from tasks order by no")
    assert [row["exit_code"] for row in codes] == [1, 0]
