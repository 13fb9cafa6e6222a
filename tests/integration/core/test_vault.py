"""The vault in a real Postgres: values are nowhere in it, and no kill loses one."""

from __future__ import annotations

import asyncio
import io
import logging
import sys
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest

from agentai.secret_command import main
from core.config import ConfigStore
from core.db import Database
from core.errors import ConfigError, UserFacing
from core.instance import instance_id
from core.seal import Seal
from core.settings import EnvSettings
from core.vault import Vault

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from core.db import Session

KEY, NEW_KEY = "a-secret-key-for-tests", "another-key-for-tests"
VALUE = "hunter2-hunter2"
HOST = "api.example.com"
NAMES = ["A", "B", "C"]


@pytest.fixture
def vault(database: Database) -> Vault:
    return Vault(database, KEY, "install-1")


async def put(database: Database, vault: Vault, name: str, value: str = VALUE) -> int:
    async with database.transaction() as session:
        return await vault.set(session, name, value, host=HOST, template="Bearer {}")


async def values(vault: Vault) -> dict[str, str]:
    return {info.name: (await vault.open(info.name)).reveal() for info in await vault.list()}


async def keys_in_use(database: Database) -> list[int]:
    return [r["key_id"] for r in await database.fetch("select key_id from vault_secrets")]


class Dying(Database):
    """A database whose process is killed at its n-th transaction: before it, or before commit."""

    def __init__(self, alive: Database, *, at: int, is_inside: bool) -> None:
        super().__init__(alive._pool, alive._dsn)
        self._left, self._is_inside = at, is_inside

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Session]:
        self._left -= 1
        if self._left < 0 and not self._is_inside:
            raise asyncio.CancelledError
        async with super().transaction() as session:
            yield session
            if self._left < 0:
                raise asyncio.CancelledError


async def test_a_secret_is_set_opened_noted_and_deleted(database: Database, vault: Vault) -> None:
    assert await put(database, vault, "TOKEN") == 1
    secret = await vault.open("TOKEN")
    assert (secret.reveal(), secret.header_value()) == (VALUE, f"Bearer {VALUE}")
    assert (secret.use.host, secret.use.header) == (HOST, "authorization")
    await vault.touch("TOKEN")
    (info,) = await vault.list()
    assert (info.name, info.version, info.host) == ("TOKEN", 1, HOST)
    assert info.used_at is not None
    async with database.transaction() as session:
        assert await vault.delete(session, "TOKEN")
        assert not await vault.delete(session, "TOKEN")
    assert await vault.list() == ()
    with pytest.raises(UserFacing, match="no secret of that name"):
        await vault.open("TOKEN")


async def test_a_new_version_leaves_nothing_of_the_old_one(
    database: Database, vault: Vault
) -> None:
    await put(database, vault, "TOKEN", "old-value")
    old = await database.fetchval("select sealed from vault_secrets")
    assert await put(database, vault, "TOKEN", "new-value") == 2
    assert (await vault.open("TOKEN")).reveal() == "new-value"
    assert await database.fetchval("select count(*) from vault_secrets where sealed = $1", old) == 0
    assert await database.fetchval("select count(*) from vault_secrets") == 1


async def test_two_at_once_get_two_versions(database: Database, vault: Vault) -> None:
    got = await asyncio.gather(*(put(database, vault, "TOKEN", f"v{i}") for i in range(6)))
    assert sorted(got) == [1, 2, 3, 4, 5, 6]
    assert await database.fetchval("select count(*) from vault_keys") == 1


async def test_an_undone_transaction_stores_nothing(database: Database) -> None:
    dying = Dying(database, at=0, is_inside=True)
    with pytest.raises(asyncio.CancelledError):
        await put(dying, Vault(dying, KEY, "install-1"), "TOKEN")
    assert await dying.fetchval("select count(*) from vault_secrets") == 0


async def test_the_value_is_nowhere_to_be_seen(
    database: Database, vault: Vault, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    await put(database, vault, "TOKEN")
    rows = await database.fetch("select s::text, encode(sealed, 'escape') from vault_secrets s")
    keys = await database.fetch("select k::text from vault_keys k")
    secret, infos = await vault.open("TOKEN"), await vault.list()
    shown = f"{rows} {keys} {secret} {secret!r} {infos} {vault!r} {vars(vault)} {caplog.text}"
    for plain in (VALUE, VALUE.encode().hex(), KEY):
        assert plain not in shown


async def test_a_bad_value_is_refused_unseen(database: Database, vault: Vault) -> None:
    with pytest.raises(UserFacing) as caught:
        await put(database, vault, "TOKEN", f"{VALUE}\n")
    assert VALUE not in caught.value.sentence() + repr(caught.value)


@pytest.mark.parametrize(
    "change",
    [
        "update vault_secrets set host = 'evil.example.com' where name = 'A'",
        "update vault_secrets set header = 'x-other' where name = 'A'",
        "update vault_secrets set template = 'x{}' where name = 'A'",
        "update vault_secrets set version = 2 where name = 'A'",
        "update vault_secrets set sealed = set_byte(sealed, 20, get_byte(sealed, 20) # 1)",
        "update vault_secrets set sealed = (select sealed from vault_secrets where name = 'B')",
    ],
)
async def test_a_row_changed_from_outside_does_not_open(
    database: Database, vault: Vault, change: str
) -> None:
    for name in NAMES:
        await put(database, vault, name)
    await database.execute(change)
    with pytest.raises(UserFacing, match="changed from outside"):
        await vault.open("A")


async def test_another_key_or_installation_names_the_setting(
    database: Database, vault: Vault
) -> None:
    await put(database, vault, "A")
    for other in (Vault(database, NEW_KEY, "install-1"), Vault(database, KEY, "install-2")):
        with pytest.raises(ConfigError, match="AGENTAI_SECRET_KEY"):
            await other.open("A")
        with pytest.raises(ConfigError, match="AGENTAI_SECRET_KEY"):
            await put(database, other, "B")
        with pytest.raises(ConfigError, match="AGENTAI_SECRET_KEY"):
            await other.rotate_data_key()
    assert await values(vault) == {"A": VALUE}
    assert await database.fetchval("select count(*) from vault_keys") == 1


async def test_a_rotation_moves_all_and_drops_the_old_key(database: Database, vault: Vault) -> None:
    for name in NAMES:
        await put(database, vault, name, f"value of {name}")
    before = await vault.list()
    assert await vault.rotate_data_key() == 3
    assert await keys_in_use(database) == [2, 2, 2]
    assert [r["id"] for r in await database.fetch("select id from vault_keys")] == [2]
    assert await values(vault) == {name: f"value of {name}" for name in NAMES}
    assert await vault.list() == before


@pytest.mark.parametrize("is_inside", [False, True])
@pytest.mark.parametrize("at", range(6))  # one that begins, three secrets, one that sees the end
async def test_a_rotation_killed_anywhere_loses_nothing_and_goes_on(
    database: Database, vault: Vault, at: int, is_inside: bool
) -> None:
    for name in NAMES:
        await put(database, vault, name, f"value of {name}")
    dying = Vault(Dying(database, at=at, is_inside=is_inside), KEY, "install-1")
    with pytest.raises(asyncio.CancelledError):
        await dying.rotate_data_key()
    assert sorted(await keys_in_use(database)).count(1) == 3 - min(max(at - 1, 0), 3)
    await put(database, vault, "D", "value of D")  # both keys serve meanwhile
    everything = {name: f"value of {name}" for name in [*NAMES, "D"]}
    assert await values(vault) == everything
    await vault.rotate_data_key()
    assert await values(vault) == everything
    assert 1 not in await keys_in_use(database)
    assert await database.fetchval("select count(*) from vault_keys") == 1


async def test_secrets_stay_open_and_settable_during_rotations(
    database: Database, vault: Vault
) -> None:
    for name in NAMES:
        await put(database, vault, name)
    await asyncio.gather(
        vault.rotate_data_key(), vault.rotate_data_key(), put(database, vault, "D"),
        *(vault.open(name) for name in NAMES * 5),
    )  # fmt: skip
    await vault.rotate_data_key()
    assert await values(vault) == dict.fromkeys([*NAMES, "D"], VALUE)
    assert await database.fetchval("select count(*) from vault_keys") == 1


def settings(database: Database, key: str) -> ConfigStore:
    return ConfigStore(database=database, seal=Seal(key), env=EnvSettings())


async def test_a_new_secret_key_opens_vault_and_settings(database: Database, vault: Vault) -> None:
    await put(database, vault, "A")
    await vault.rotate_data_key()
    old = settings(database, KEY)
    await old.set("model.api_key", "sk-first", actor="owner")
    await old.set("model.api_key", "sk-second", actor="owner")
    await old.set("model.coordinator", "sealed:1:x", actor="owner")
    for _ in range(2):  # a second time does no harm
        await vault.rewrap(KEY, NEW_KEY)
    assert await values(vault) == {"A": VALUE}
    new = settings(database, NEW_KEY)
    assert (await new.current()).text("model.api_key") == "sk-second"
    assert (await new.current()).text("model.coordinator") == "sealed:1:x"
    assert (await new.rollback(1, actor="owner")).text("model.api_key") == "sk-first"
    with pytest.raises(ConfigError):
        await Vault(database, KEY, "install-1").open("A")
    with pytest.raises(ConfigError):
        await settings(database, KEY).current()


@pytest.mark.parametrize("what", ["vault", "settings"])
async def test_a_wrong_old_key_changes_nothing(database: Database, vault: Vault, what: str) -> None:
    if what == "vault":
        await put(database, vault, "A")
    else:
        await settings(database, KEY).set("model.api_key", "sk-first", actor="owner")
    with pytest.raises(ConfigError, match="AGENTAI_SECRET_KEY: neither the old nor the new"):
        await vault.rewrap("a-wrong-key-for-tests", NEW_KEY)
    assert await values(vault) == ({"A": VALUE} if what == "vault" else {})
    assert (await settings(database, KEY).current()).version in {0, 1}


async def test_a_kill_in_a_change_of_keys_changes_nothing(database: Database, vault: Vault) -> None:
    await put(database, vault, "A")
    await settings(database, KEY).set("model.api_key", "sk-first", actor="owner")
    dying = Vault(Dying(database, at=0, is_inside=True), KEY, "install-1")
    with pytest.raises(asyncio.CancelledError):
        await dying.rewrap(KEY, NEW_KEY)
    assert await values(vault) == {"A": VALUE}
    assert (await settings(database, KEY).current()).text("model.api_key") == "sk-first"


async def revealed(database_url: str, key: str, name: str) -> str:
    database = await Database.connect(database_url)
    try:
        vault = Vault(database, key, await instance_id(database))
        return (await vault.open(name)).reveal()
    finally:
        await database.close()


def test_the_command_sets_lists_rotates_and_deletes(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.setenv("DATABASE_URL", database_url)
    monkeypatch.setenv("AGENTAI_SECRET_KEY", KEY)
    monkeypatch.setattr(sys, "stdin", io.StringIO(f"{VALUE}\n"))
    assert main(["list"]) == 0
    assert main(["set", "TOKEN", "--host", HOST, "--format", "Bearer {}"]) == 0
    assert main(["rotate"]) == 0
    (tmp_path / "old.key").write_text(f"{KEY}\n")
    monkeypatch.setenv("AGENTAI_SECRET_KEY", NEW_KEY)
    with pytest.raises(ConfigError, match="AGENTAI_SECRET_KEY"):
        main(["rotate"])
    assert main(["rotate", "--old-key-file", str(tmp_path / "old.key")]) == 0
    assert asyncio.run(revealed(database_url, NEW_KEY, "TOKEN")) == VALUE
    assert main(["list"]) == 0
    assert main(["delete", "TOKEN"]) == 0
    with pytest.raises(UserFacing, match="no secret of that name"):
        main(["delete", "TOKEN"])
    with pytest.raises(UserFacing, match="cannot be read"):
        main(["rotate", "--old-key-file", str(tmp_path / "none")])
    shown = capsys.readouterr()
    assert "there is no secret" in shown.out
    assert f"TOKEN\tversion 1\t{HOST}\tauthorization: Bearer {{}}" in shown.out
    assert VALUE not in shown.out + shown.err
