"""The listener, over real HTTP on loopback."""

import hashlib
import hmac
from pathlib import Path

import httpx

from core.errors import UserFacing
from heartbeat.signatures import sign
from heartbeat.trigger_types import NewTrigger
from heartbeat.webhooks import BODY_MAX, Webhooks
from tests.support.autonomy import Autonomy, autonomy

SECRET = b"the hook's secret"


async def secret(name: str) -> bytes:
    if name != "hook_secret":
        raise UserFacing("There is no such secret.")
    return SECRET


async def keep(world: Autonomy, name: str, **spec: object) -> None:
    async with world.database.transaction() as session:
        known = "none" if name == "bare" else "hook_secret"
        new = NewTrigger(name=name, kind="webhook", secret_name=known, spec=spec, instructions="x")
        await world.trigger_store.add(session, new, now=world.now)


def listener(world: Autonomy) -> Webhooks:
    return Webhooks(world.trigger_store, secret=secret, port=0, clock=world.clock)


async def test_it_listens_on_loopback_only_while_a_trigger_exists(
    database_url: str, tmp_path: Path
) -> None:
    async with autonomy(database_url, tmp_path) as world:
        hooks = listener(world)
        await hooks.look()
        assert hooks.address is None
        await keep(world, "hook")
        await hooks.look()
        await hooks.look()
        assert hooks.address is not None
        assert hooks.address.startswith("http://127.0.0.1:")
        async with world.database.transaction() as session:
            await world.trigger_store.set_state(session, "hook", "paused")
        await hooks.look()
        assert hooks.address is None


async def test_a_signed_request_is_kept_once_and_a_replay_changes_nothing(
    database_url: str, tmp_path: Path
) -> None:
    async with autonomy(database_url, tmp_path) as world, httpx.AsyncClient() as client:
        hooks = listener(world)
        await keep(world, "hook")
        await hooks.look()
        headers = {"X-AgentAI-Signature": sign(b"hello", secret=SECRET, now=world.now)}
        for _ in range(3):
            answer = await client.post(f"{hooks.address}hook", content=b"hello", headers=headers)
            assert answer.status_code == 202
        world.later(minutes=6)
        late = await client.post(f"{hooks.address}hook", content=b"hello", headers=headers)
        assert late.status_code == 401
        await world.triggers.look()
        assert len(world.orders) == 1
        assert "hello" in world.orders[0].instructions
        await hooks.close()


async def test_github_s_deliveries_count_once_under_any_name(
    database_url: str, tmp_path: Path
) -> None:
    async with autonomy(database_url, tmp_path) as world, httpx.AsyncClient() as client:
        hooks = listener(world)
        await keep(world, "repo", format="github")
        await hooks.look()
        body = b'{"action": "opened"}'
        mac = hmac.new(SECRET, body, hashlib.sha256).hexdigest()
        for delivery in ("72d3162e-cc78", "72d3162e-cc78", "forged-name-1"):
            headers = {
                "X-Hub-Signature-256": f"sha256={mac}", "X-GitHub-Delivery": delivery,
                "X-GitHub-Event": "issues",
            }  # fmt: skip
            answer = await client.post(f"{hooks.address}repo", content=body, headers=headers)
            assert answer.status_code == 202
        events = await world.trigger_store.open_events()
        assert [event.payload for event in events] == ['event: issues\n{"action": "opened"}']
        await hooks.close()


async def test_everything_else_is_refused_alike(database_url: str, tmp_path: Path) -> None:
    async with autonomy(database_url, tmp_path) as world, httpx.AsyncClient() as client:
        hooks = listener(world)
        for name in ("hook", "bare"):
            await keep(world, name)
        await hooks.look()
        good = {"X-AgentAI-Signature": sign(b"x", secret=SECRET, now=world.now)}
        for name, headers in (("hook", {}), ("bare", good), ("none", good), ("%2e%2e", good)):
            answer = await client.post(f"{hooks.address}{name}", content=b"x", headers=headers)
            assert (answer.status_code, answer.content) == (401, b"")
        huge = await client.post(
            f"{hooks.address}hook", content=b"x" * (BODY_MAX + 1), headers=good
        )
        assert huge.status_code == 413
        assert await world.trigger_store.open_events() == ()
        await hooks.close()
