from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import pytest

from agentai.embedded.places import remove_socket_folder
from agentai.instance import Instance
from agentai.up import LEAST_ROOM_MB, main, plan, room_warning
from core.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SET = {"DATABASE_URL": "postgresql://x", "REDIS_URL": "redis://x", "TELEGRAM_BOT_TOKEN": "1:x"}


@pytest.fixture(autouse=True)
def no_sockets_left(tmp_path: Path) -> Iterator[None]:
    yield
    remove_socket_folder(tmp_path)


def names(tmp_path: Path, environment: dict[str, str]) -> list[str]:
    return [part.name for part in plan(Instance(tmp_path), environment)[1]]


def test_a_disk_that_is_nearly_full_is_told_before_parts_fail_for_it(tmp_path: Path) -> None:
    assert room_warning(tmp_path, LEAST_ROOM_MB) == ""
    assert f"Only 29 MB are free at {tmp_path}" in room_warning(tmp_path, 29)


def test_with_everything_set_only_our_own_parts_run(tmp_path: Path) -> None:
    environment, parts = plan(Instance(tmp_path), SET)
    assert [part.name for part in parts] == ["serve", "executor"]
    assert environment == SET


def test_what_is_not_set_is_brought_along(tmp_path: Path) -> None:
    assert names(tmp_path, {}) == ["serve", "executor", "playground", "valkey", "postgres"]
    with_token = {"TELEGRAM_BOT_TOKEN": "1:x"}
    assert names(tmp_path, with_token) == ["serve", "executor", "valkey", "postgres"]
    with_database = {**with_token, "DATABASE_URL": "postgresql://x"}
    assert names(tmp_path, with_database) == ["serve", "executor", "valkey"]


def test_another_telegram_without_a_token_gets_no_playground(tmp_path: Path) -> None:
    given = {"TELEGRAM_API_URL": "http://127.0.0.1:1"}
    assert "playground" not in names(tmp_path, given)


def test_addresses_of_own_servers_reach_the_parts_by_environment_only(tmp_path: Path) -> None:
    environment, parts = plan(Instance(tmp_path), {})
    serve = parts[0].prepare()
    assert environment["DATABASE_URL"].startswith("postgresql://agentai:")
    assert environment["REDIS_URL"].startswith("unix:///")
    assert serve.env["DATABASE_URL"] == environment["DATABASE_URL"]
    assert not any("postgresql" in word for word in serve.argv)


def test_the_playground_keeps_its_port_unless_it_is_taken(tmp_path: Path) -> None:
    first = plan(Instance(tmp_path), {})[0]["TELEGRAM_API_URL"]
    assert plan(Instance(tmp_path), {})[0]["TELEGRAM_API_URL"] == first
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", int(first.rpartition(":")[2])))
        taken.listen()
        assert plan(Instance(tmp_path), {})[0]["TELEGRAM_API_URL"] != first


def test_a_wished_port_is_used(tmp_path: Path) -> None:
    environment = plan(Instance(tmp_path), {"PLAYGROUND_PORT": "18123"})[0]
    assert environment["TELEGRAM_API_URL"] == "http://127.0.0.1:18123"


@pytest.mark.parametrize("port", ["x", "-1", "65536", "1e3"])
def test_a_bad_port_is_refused_by_name(tmp_path: Path, port: str) -> None:
    with pytest.raises(ConfigError, match="PLAYGROUND_PORT"):
        plan(Instance(tmp_path), {"PLAYGROUND_PORT": port})


def test_only_parts_that_exist_can_be_chosen(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["server"]) == 2
    assert "'server' is not one of serve, executor" in capsys.readouterr().err
