"""Class: a secret in a log, an export, an error or a repr. The processes are the real ones."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from typing import TYPE_CHECKING, Literal
from urllib.parse import urlsplit

import pytest
from pydantic import SecretStr

from core.db import Database
from core.errors import AgentAIError
from core.logs import Redactor
from core.seal import Seal
from core.settings import EnvSettings
from core.vault import Vault
from executors.outlet import OutletParts
from executors.placeholders import Stand
from tests.security.regressions.desk import KEY, Desk, asking, deletion, message
from tests.support.world import ROOT, TOKEN, World

if TYPE_CHECKING:
    from pathlib import Path

VALUE = "ghp-Leaky-Value-0123456789"
MODEL_KEY = "sk-leaky-model-key-0123456789"
HOST = "api.example.com"


def cli(world: World, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "agentai.cli", *arguments], env=world.env, cwd=ROOT,
        capture_output=True, text=True, timeout=100, check=False,
    )  # fmt: skip
    return done.stdout + done.stderr


async def whole_database(dsn: str) -> str:
    """Every row of every table as text."""
    database = await Database.connect(dsn)
    rows = await database.fetch(
        "select table_name from information_schema.tables where table_schema = 'public'"
    )
    parts = []
    for row in rows:
        query = f'select string_agg(t::text, chr(10)) from "{row["table_name"]}" t'
        parts.append(str(await database.fetchval(query)))
    await database.close()
    return "\n".join(parts)


def leaks(world: World, text: str) -> list[str]:
    password = urlsplit(world.env["DATABASE_URL"]).password or KEY
    secrets = (VALUE, MODEL_KEY, TOKEN, KEY, world.env["MODEL_API_KEY"], password)
    forms = [s for secret in secrets for s in (secret, secret.encode().hex())]
    return [s for s in forms if s in text]


async def told(world: World) -> None:
    """The owner has entered two secrets in the chat, once wrongly."""
    await world.start(with_executor=False)
    world.says(f"/secret set BAD {HOST} {VALUE}\tx")
    world.says(f"/secret set lower-case {HOST} {VALUE}")
    world.says(f"/secret set GITHUB_TOKEN not/a/host {VALUE}")
    world.says(f"/secret set GITHUB_TOKEN {HOST} {VALUE}")
    await world.sees("GITHUB_TOKEN is kept")
    world.says(f"/config model.api_key {MODEL_KEY}")
    await world.sees("I am deleting your message with it. Telegram")
    world.says("hello")
    await world.sees("ok")


async def test_no_log_no_chat_and_no_table_holds_a_secret(world: World) -> None:
    await told(world)
    world.executor.start()
    await world.executor.ready()
    world.says("/run env; cat /proc/1/environ; ls /run/agentai")
    await world.sees(lambda m: m.text.startswith("#1 done"))
    for process in (world.executor, world.serve):
        process.stop()
    logs = "".join(path.read_text() for path in sorted(world.home.glob("*.log")))
    assert leaks(world, logs) == []
    assert leaks(world, "\n".join(world.chat())) == []
    dump = await whole_database(world.env["DATABASE_URL"])
    assert "GITHUB_TOKEN" in dump
    assert leaks(world, dump) == []


async def test_no_export_no_audit_and_no_doctor_tells_a_secret(
    world: World, tmp_path: Path
) -> None:
    await told(world)
    trail, whole = tmp_path / "trail", tmp_path / "export.json"
    outputs = [
        cli(world, "export"), cli(world, "export", str(whole)), cli(world, "doctor"),
        cli(world, "audit", "export", str(trail)), cli(world, "audit", "verify"),
        cli(world, "secret", "list"), cli(world, "config"), cli(world, "config", "model.api_key"),
    ]  # fmt: skip
    assert "GITHUB_TOKEN" in outputs[5]
    assert "secret.set" in trail.read_text()
    assert leaks(world, "\n".join([*outputs, trail.read_text(), whole.read_text()])) == []
    assert whole.stat().st_mode & 0o077 == 0
    assert trail.stat().st_mode & 0o077 == 0


async def test_no_repr_and_no_error_tells_a_secret(desk: Desk) -> None:
    database, vault = desk.database, desk.service.vault
    async with database.transaction() as session:
        await vault.set(session, "TOKEN", VALUE, host=HOST)
    secret = await vault.open("TOKEN")
    effects = await desk.effects()
    async with asking(desk, lambda: effects.permit([deletion(effects)])) as (_, card):
        assert card.nonce not in repr(card)
        assert card.code not in repr(card)
    env = EnvSettings(
        agentai_secret_key=SecretStr(VALUE), database_url=SecretStr(f"postgresql://u:{VALUE}@h/d"),
        model_api_key=SecretStr(VALUE), telegram_bot_token=SecretStr(TOKEN),
    )  # fmt: skip
    stand = Stand(name="TOKEN", host=HOST, header="authorization", token=VALUE)
    sealed = Vault(database, VALUE, "i"), Seal(VALUE)
    parts = OutletParts(
        effects=effects._p, commits=None, vault=vault, authority=None, resolver=None,  # type: ignore[arg-type]
        secret_key=VALUE,
    )  # fmt: skip
    for thing in (secret, env, stand, sealed, parts, effects, desk.service, database):
        assert VALUE not in f"{thing!r} {thing}"
        assert TOKEN not in f"{thing!r} {thing}"


async def test_a_refused_value_is_not_repeated(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    bad = (f"{VALUE}\nX-Evil: 1", f"{VALUE}\x00", VALUE * 2000, "")
    for value in bad:
        with pytest.raises(AgentAIError) as refused:
            async with desk.database.transaction() as session:
                await desk.service.vault.set(session, "TOKEN", value, host=HOST)
        assert VALUE not in str(refused.value)
    for text in (f"/secret set t {HOST} {VALUE}", f"/secret set T {HOST} {VALUE}\x01"):
        await desk.hears(message=message(text))
    assert VALUE not in "\n".join(await desk.said())
    assert VALUE not in Redactor([VALUE]).mask(caplog.text)
    assert VALUE not in caplog.text


@pytest.mark.parametrize("fault", ["502", "drop_before", "drop_after"])
@pytest.mark.parametrize(
    "text",
    [
        f"/secret set GITHUB_TOKEN {HOST} {VALUE}",
        f"/secret set lower-case {HOST} {VALUE}",
        f"/config model.api_key {MODEL_KEY}",
    ],
    ids=["a secret", "a mistyped one", "a key"],
)
async def test_a_message_with_a_secret_goes_also_when_telegram_is_away_at_first(
    desk: Desk, text: str, fault: Literal["502", "drop_before", "drop_after"]
) -> None:
    sent = desk.telegram.person.send(text)
    desk.telegram.faults.add("deleteMessage", fault)
    await desk.hears(message=message(text, message_id=sent))
    async with asyncio.timeout(20):
        while not desk.telegram.state.messages[sent].deleted:
            await asyncio.sleep(0.02)
    assert "I deleted" not in "".join(await desk.said())


async def test_a_sealed_text_that_cannot_be_read_is_deleted_too(desk: Desk) -> None:
    sent = desk.telegram.person.send("/secret set GITHUB_TOKEN")
    sealed = Seal("the-key-of-before").close(f"set TOKEN {HOST} {VALUE}", name="secret")
    payload = json.dumps({"update_id": 1, "message": message(f"/secret {sealed}", message_id=sent)})
    await desk.service.inbox.keep([(1, payload)])
    desk.service.dispatcher.wake()
    await desk.service.dispatcher.step()
    assert any("I cannot read that" in text for text in await desk.said())
    rows = await desk.database.fetch("select payload from outbox where method = 'delete'")
    assert [row["payload"] for row in rows] == [{"message_id": sent}]
