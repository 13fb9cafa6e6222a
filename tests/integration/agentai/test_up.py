from __future__ import annotations

import signal
import stat
import subprocess
from typing import TYPE_CHECKING

import asyncpg
import psutil

from tests.support.waiting import until

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.instance import Up


def test_up_brings_everything_along_and_stops_cleanly(
    up: Callable[..., Up], executor_image: str
) -> None:
    run = up()
    run.wait_until_ready()
    out = run.out
    assert out.splitlines()[-1] == "ready"
    assert "chat        http://127.0.0.1:" in out
    for part in ("serve", "executor", "playground", "valkey", "postgres"):
        assert f"  {part} " in out
    parts = psutil.Process(run.process.pid).children(recursive=True)
    assert run.stop() == 0
    assert "Stopping. Tasks in containers go on for two minutes" in run.out
    assert run.out.splitlines()[-1] == "Stopped."
    assert not any(part.is_running() for part in parts)
    assert not (run.home / "run.json").exists()
    assert "Traceback" not in run.err


def test_the_doctor_finds_a_running_instance_well(
    up: Callable[..., Up], executor_image: str
) -> None:
    run = up()
    run.wait_until_ready()
    found = run.command("doctor")
    assert "PROBLEM" not in found.stdout
    assert found.returncode == 0
    assert executor_image in found.stdout


def test_a_second_up_in_the_same_folder_is_refused(up: Callable[..., Up]) -> None:
    run = up()
    until(lambda: (run.home / "run.json").exists(), what="the announcement")
    second = run.command("up")
    assert second.returncode == 1
    assert f"AgentAI runs already in {run.home} (process {run.process.pid})." in second.stderr


def test_nothing_survives_a_killed_up_and_the_next_one_finds_the_data(
    up: Callable[..., Up],
) -> None:
    run = up()
    until(lambda: (run.home / "run.json").exists(), what="the announcement")
    until(lambda: "  serve " in run.out, within_s=30, what="serve")
    parts = psutil.Process(run.process.pid).children(recursive=True)
    key = (run.home / "secret.key").read_text()
    run.process.kill()
    run.process.wait()
    until(lambda: not any(alive(part) for part in parts), what="the end of all parts")
    run.again()
    until(lambda: "  serve " in run.out, within_s=30, what="serve again")
    assert (run.home / "secret.key").read_text() == key
    assert run.stop() == 0


def alive(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


async def test_postgres_and_valkey_come_back_after_a_kill(up: Callable[..., Up]) -> None:
    run = up()
    until(lambda: "  serve " in run.out, within_s=30, what="serve")
    serve = run.part("serve").pid
    for name in ("postgres", "valkey"):
        first = run.part(name)
        first.send_signal(signal.SIGKILL)
        until(lambda name=name, first=first: run.part(name).pid != first.pid, what=f"a new {name}")
    dsn = run.running().database_url
    until(lambda: run.command("doctor", "postgres", "redis").returncode == 0, what="both")
    connection = await asyncpg.connect(dsn, timeout=5)
    assert await connection.fetchval("select count(*) from schema_migrations") > 0
    await connection.close(timeout=5)
    assert run.part("serve").pid == serve


def test_a_bad_setting_ends_up_with_one_line_and_code_2(up: Callable[..., Up]) -> None:
    run = up(MODEL_BASE_URL="nonsense")
    assert run.process.wait(timeout=20) == 2
    assert run.err.strip().splitlines() == [
        "setting MODEL_BASE_URL: must be an http:// or https:// address"
    ]


def test_no_secret_is_printed_or_logged(up: Callable[..., Up]) -> None:
    key = "a-secret-key-that-must-not-show-0123456789"
    run = up(AGENTAI_SECRET_KEY=key)
    until(lambda: "  serve " in run.out, within_s=30, what="serve")
    token = (run.home / "playground.token").read_text()
    password = run.running().database_url.split(":")[2].split("@")[0]
    run.stop()
    logs = "".join(path.read_text() for path in (run.home / "logs").iterdir())
    for secret in (key, token, password):
        assert secret not in run.out + run.err + logs
    assert not (run.home / "secret.key").exists()


def test_the_home_is_closed_and_logs_are_kept_in_it(up: Callable[..., Up]) -> None:
    run = up()
    until(lambda: "  serve " in run.out, within_s=30, what="serve")
    assert stat.S_IMODE(run.home.stat().st_mode) == 0o700
    assert {path.name for path in (run.home / "logs").iterdir()} == {
        "executor.log", "playground.log", "postgres.log", "serve.log", "valkey.log",
    }  # fmt: skip
    listing = subprocess.run(
        ["find", run.home, "-type", "f", "-name", "*.key", "-perm", "/077"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert listing.stdout == ""
