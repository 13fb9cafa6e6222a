from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

import asyncpg
import pytest

from agentai.embedded.orphans import processes_in
from agentai.embedded.places import remove_socket_folder
from agentai.embedded.postgres import Postgres
from core.errors import UserFacing

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.services import RunningPostgres


async def test_a_fresh_database_is_empty_and_knows_vectors(empty_database_url: str) -> None:
    connection = await asyncpg.connect(empty_database_url, timeout=5)
    try:
        assert await connection.fetchval("select '[1,2]'::vector <-> '[1,3]'::vector") == 1.0
        tables = "select count(*) from pg_tables where schemaname = 'public'"
        assert await connection.fetchval(tables) == 0
        is_super = "select rolsuper from pg_roles where rolname = current_user"
        assert await connection.fetchval(is_super) is False
    finally:
        await connection.close(timeout=5)


async def test_a_wrong_password_is_refused_on_the_socket(postgres: RunningPostgres) -> None:
    dsn = postgres.server.dsn
    password = dsn.partition("agentai:")[2].partition("@")[0]
    with pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(dsn.replace(password, "wrong"), timeout=5)


def test_data_survives_a_kill_and_a_stale_lock_file(own_postgres: RunningPostgres) -> None:
    own_postgres.run_sql("create table kept as select 7 as n")
    own_postgres.kill()
    own_postgres.start()
    assert own_postgres.run_sql("select n from kept").strip() == "7"


def test_a_clean_restart_keeps_data(own_postgres: RunningPostgres) -> None:
    own_postgres.run_sql("create table kept as select 8 as n")
    own_postgres.restart()
    assert own_postgres.run_sql("select n from kept").strip() == "8"


def test_prepare_ends_a_server_that_still_runs(own_postgres: RunningPostgres) -> None:
    data = own_postgres.home / "postgres" / "data"
    assert processes_in(data)
    Postgres(own_postgres.home).prepare()
    assert processes_in(data) == ()
    own_postgres.kill()
    own_postgres.start()


def test_only_its_user_may_read_the_data_and_only_we_the_passwords(
    own_postgres: RunningPostgres,
) -> None:
    folder = own_postgres.home / "postgres"
    data = (folder / "data").stat()
    assert stat.S_IMODE(data.st_mode) == 0o700
    if os.geteuid() == 0:
        assert data.st_uid != 0
    assert stat.S_IMODE((folder / "passwords.json").stat().st_mode) == 0o600
    assert "passwords" not in repr(own_postgres.server)


def test_there_is_no_network_port(own_postgres: RunningPostgres) -> None:
    assert own_postgres.run_sql("show listen_addresses").strip() == ""


def test_data_of_another_version_is_refused_in_one_sentence(
    own_postgres: RunningPostgres,
) -> None:
    own_postgres.stop()
    (own_postgres.home / "postgres" / "data" / "PG_VERSION").write_text("15\n")
    with pytest.raises(UserFacing, match="written by Postgres 15"):
        own_postgres.server.prepare()


def test_half_a_cluster_is_made_anew(tmp_path: Path) -> None:
    half = tmp_path / "postgres" / "data.new"
    half.mkdir(parents=True)
    (half / "PG_VERSION").write_text("18\n")
    try:
        Postgres(tmp_path).prepare()
    finally:
        remove_socket_folder(tmp_path)
    assert not half.exists()
    assert (tmp_path / "postgres" / "data" / "pg_hba.conf").exists()
