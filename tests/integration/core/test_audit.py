"""The audit trail in a real Postgres: no gaps, no changes, and the same digests as in Python."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import asyncpg
import pytest

from agentai.audit_command import main
from core.audit import Audit, Entry, HeadFile, Signer, digest_of, verify
from core.db import Database
from core.migrate import migrate, migrations
from tests.support.services import RunningPostgres

SECRET = "a-secret-key-for-tests"
SIGNER = Signer(SECRET)


class UndoneError(Exception):
    """Rolls a transaction back."""


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    opened = await Database.connect(database_url, size=20)
    await migrate(opened)
    yield opened
    await opened.close()


async def append(database: Database, number: int) -> int:
    async with database.transaction() as session:
        return await Audit(database).append(session, "test", {"number": number})


async def everything(database: Database, **more: int) -> list[Entry]:
    return [entry async for entry in Audit(database).walk(**more)]


async def test_fifty_appends_at_once_leave_no_gap(database: Database) -> None:
    numbers = await asyncio.gather(*(append(database, n) for n in range(50)))
    assert sorted(numbers) == list(range(1, 51))
    entries = await everything(database)
    assert verify(entries, (), SIGNER.public_key).ok
    assert {entry.body for entry in entries} == {f'{{"number":{n}}}' for n in range(50)}


async def test_a_rollback_leaves_no_gap(database: Database) -> None:
    async def append_and_undo(number: int) -> None:
        with suppress(UndoneError):
            async with database.transaction() as session:
                await Audit(database).append(session, "test", {"undone": number})
                raise UndoneError

    await asyncio.gather(*(append_and_undo(n) if n % 2 else append(database, n) for n in range(30)))
    entries = await everything(database)
    assert [entry.seq for entry in entries] == list(range(1, 16))
    assert verify(entries, (), SIGNER.public_key).ok


async def test_several_appends_of_one_transaction_follow_each_other(database: Database) -> None:
    async with database.transaction() as session:
        numbers = [await Audit(database).append(session, "test", {}) for _ in range(3)]
    assert numbers == [1, 2, 3]


@pytest.mark.parametrize(
    "body", ["", "{}", '{"a":"Žluťoučký kůň 🐎 \u2028 \ufffd"}', "\\ ' \" $1 \n\r\t", "x" * 100_000]
)
async def test_postgres_and_python_compute_the_same_digest(database: Database, body: str) -> None:
    for kind in ("effect", "grüße"):
        row = await database.fetchrow("select * from audit_append($1, $2)", kind, body)
        assert row is not None
        newest = (await Audit(database).recent(1))[0]
        assert (newest.seq, newest.digest, newest.body) == (row["seq"], row["digest"], body)
        assert newest.digest == digest_of(
            newest.previous, seq=newest.seq, at_us=newest.at_us, kind=kind, body=body
        )


async def test_what_postgres_cannot_keep_is_replaced(database: Database) -> None:
    async with database.transaction() as session:
        await Audit(database).append(session, "a\x00", {"\ud800": ["\x00"]})
    (entry,) = await Audit(database).recent(5)
    assert (entry.kind, entry.body) == ("a\ufffd", '{"\ufffd":["\ufffd"]}')


REFUSED = [
    "update audit set body = 'x' where seq = 1",
    "update audit set body = body where false",
    "delete from audit",
    "truncate audit",
    "insert into audit select seq + 1, at, kind, body, digest, previous from audit",
    "insert into audit select * from audit on conflict (seq) do update set body = 'x'",
    "merge into audit a using audit b on a.seq = b.seq when matched then delete",
    "with gone as (delete from audit returning *) select * from gone",
    "do $$ begin insert into audit select 2, at, kind, body, digest, digest from audit; end $$",
]


@pytest.mark.parametrize("statement", REFUSED)
async def test_the_application_cannot_change_the_trail(database: Database, statement: str) -> None:
    await append(database, 1)
    before = await everything(database)
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await database.execute(statement)
    assert await everything(database) == before


@pytest.mark.parametrize("mode", ["origin", "replica"])
@pytest.mark.parametrize("statement", REFUSED[:5])
async def test_not_even_a_superuser_changes_it_in_passing(
    database: Database, postgres: RunningPostgres, statement: str, mode: str
) -> None:
    await append(database, 1)
    name = await database.fetchval("select current_database()")
    admin = await asyncpg.connect(postgres.server.admin_dsn, database=name)
    await admin.execute(f"set session_replication_role = {mode}")
    with pytest.raises(asyncpg.InsufficientPrivilegeError, match="the audit trail only grows"):
        await admin.execute(statement)
    await admin.close()
    assert len(await everything(database)) == 1


async def test_rights_granted_again_do_not_help(database: Database) -> None:
    await append(database, 1)
    await database.execute("grant all on audit to current_user")
    for statement in REFUSED[:5]:
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="the audit trail only grows"):
            await database.execute(statement)


async def test_a_temporary_table_of_the_same_name_gets_no_rows(database: Database) -> None:
    async with database.transaction() as session:
        await session.execute("create temp table audit on commit drop as select 1 as seq")
        assert await Audit(database).append(session, "test", {}) == 1
    assert len(await everything(database)) == 1


async def test_an_empty_kind_and_a_missing_body_are_refused(database: Database) -> None:
    for kind, body in (("", "{}"), (None, "{}"), ("a", None)):
        with pytest.raises(asyncpg.IntegrityConstraintViolationError):
            await database.execute("select audit_append($1, $2)", kind, body)
    assert await append(database, 1) == 1


async def test_the_migration_may_run_again(database: Database) -> None:
    await append(database, 1)
    (migration,) = [m for m in migrations() if m.name == "0002_audit.sql"]
    await database.execute(migration.sql)
    assert await append(database, 2) == 2
    assert verify(await everything(database), (), SIGNER.public_key).ok
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await database.execute(REFUSED[0])


async def test_pages_show_every_row_once_and_a_doubled_number_too(database: Database) -> None:
    for number in range(7):
        await append(database, number)
    for size in (1, 2, 3, 7, 8):
        found = await everything(database, page_size=size)
        assert [entry.seq for entry in found] == [1, 2, 3, 4, 5, 6, 7]
    await database.execute("alter table audit disable trigger audit_only_grows")
    await database.execute("alter table audit drop constraint audit_pkey")
    await database.execute("insert into audit select * from audit where seq = 3")
    found = await everything(database, page_size=3)
    assert [entry.seq for entry in found] == [1, 2, 3, 3, 4, 5, 6, 7]
    audit = Audit(database)
    assert [entry.seq for entry in await audit.entries(4, 2)] == [5, 6]
    assert [entry.seq for entry in await audit.recent(2)] == [7, 6]


async def test_a_head_is_signed_when_there_is_something_new(
    database: Database, tmp_path: Path
) -> None:
    audit, file = Audit(database), HeadFile(tmp_path / "heads.jsonl")
    assert (await audit.newest(), await audit.stamp(SIGNER, file)) == (None, None)
    await append(database, 1)
    head = await audit.stamp(SIGNER, file)
    assert head is not None
    assert (head.seq, head.digest) == await audit.newest()
    assert await audit.stamp(SIGNER, file) is None
    await append(database, 2)
    assert await audit.stamp(SIGNER, file) == file.newest()
    assert verify(await everything(database), file.read(), SIGNER.public_key).ok


async def fill(dsn: str, heads: Path) -> None:
    database = await Database.connect(dsn)
    await migrate(database)
    for number in range(6):
        await append(database, number)
        if number in {2, 5}:
            await Audit(database).stamp(SIGNER, HeadFile(heads))
    await database.close()


async def as_owner(dsn: str, *statements: str) -> None:
    """What the application's role can do, because it owns the table."""
    connection = await asyncpg.connect(dsn)
    await connection.execute("grant all on audit to current_user")
    await connection.execute("alter table audit disable trigger audit_only_grows")
    for statement in statements:
        await connection.execute(statement)
    await connection.close()


@pytest.fixture
def instance(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The environment of an instance with six rows and heads at the rows 3 and 6."""
    monkeypatch.setenv("DATABASE_URL", database_url)
    monkeypatch.setenv("AGENTAI_SECRET_KEY", SECRET)
    monkeypatch.setenv("AGENTAI_HOME", str(tmp_path))
    asyncio.run(fill(database_url, tmp_path / "audit" / "heads.jsonl"))
    return database_url


def test_the_command_checks_the_database_and_its_export(
    instance: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    export = tmp_path / "audit.jsonl"
    heads = str(tmp_path / "audit" / "heads.jsonl")
    assert main(["verify"]) == 0
    assert capsys.readouterr().out == "intact: 6 rows\n"
    assert main(["export", str(export)]) == 0
    assert export.stat().st_mode & 0o777 == 0o600
    assert main(["verify", str(export), "--heads", heads]) == 0
    assert main(["export", str(tmp_path / "no" / "folder")]) == 2


@pytest.mark.parametrize(
    ("statement", "row"),
    [
        ("update audit set body = '{}' where seq = 2", 2),
        ("alter table audit alter at drop not null; update audit set at = null where seq = 2", 2),
        ("update audit set at = 'infinity' where seq = 4", 4),
        ("alter table audit alter body drop not null; update audit set body = null", 1),
        ("delete from audit where seq = 4", 4),
        ("delete from audit where seq > 4", 5),
        ("truncate audit; select audit_append('test', '{}') from generate_series(1, 6)", 1),
        ("delete from audit where seq > 3; select audit_append('a', 'b')", 5),
        ("drop table audit", 1),
    ],
)
def test_the_command_names_the_row_that_the_owner_of_the_table_changed(
    instance: str, statement: str, row: int, capsys: pytest.CaptureFixture[str]
) -> None:
    asyncio.run(as_owner(instance, statement))
    assert main(["verify"]) == 1
    assert capsys.readouterr().out.startswith(f"tampered with: row {row} ")


def test_a_database_without_a_trail_has_nothing_to_export(
    instance: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asyncio.run(as_owner(instance, "drop table audit"))
    assert main(["export", str(tmp_path / "export")]) == 1
    assert "holds no audit trail" in capsys.readouterr().err
