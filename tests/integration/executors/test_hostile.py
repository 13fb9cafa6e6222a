"""A container that lies to its host: it gets nothing, and nothing of it stays."""

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path

import docker
import pytest

from core.tasks import TaskState
from tests.integration.executors.test_host import Bench, a_bench

SPEAK = r"""
import json, os, signal, socket, sys, time
def speak(*lines):
    s = socket.socket(socket.AF_UNIX); s.connect("/run/agentai/host.sock")
    s.sendall(b'{"hello":1,"task":1}\n'); time.sleep(0.3)
    for line in lines: s.sendall(line + b"\n")
    return s
"""
NAN = (
    SPEAK
    + r"""
bad = b'{"id":9,"method":"begin_step","params":{"index":77,"tool":"x","arguments":{"a":NaN}}}'
s = speak(*[bad] * 25); time.sleep(600)
"""
)
DEEP = (
    SPEAK
    + r"""
end = b'{"id":9,"method":"finish","params":{"state":"done","result":"r","reason":null,"files":[]}}'
open("/work/files/a.txt", "w").write("changed")
for p in os.listdir("/proc"):
    if p.isdigit() and int(p) not in (1, os.getpid()):
        try: os.kill(int(p), signal.SIGSTOP)
        except OSError: pass
s = speak(end); time.sleep(600)
"""
)


def script(source: str) -> str:
    return f"python3 - <<'P'\n{source}\nP"


@pytest.fixture
async def bench(
    tmp_path: Path, database_url: str, redis_url: str, executor_image: str
) -> AsyncIterator[Bench]:
    assert executor_image
    async with a_bench(tmp_path, database_url, redis_url) as made:
        await made.config.set("pool.size", "0", actor="test")
        made.executor.start()
        await made.executor.ready()
        yield made


def containers(bench: Bench) -> list[str]:
    client = docker.from_env()
    try:
        host = (bench.home / "host_id").read_text().strip()
        label = f"agentai.host={host}"
        return [c.name for c in client.containers.list(filters={"label": label})]
    finally:
        client.close()


async def gone(bench: Bench, within_s: float = 10) -> None:
    async with asyncio.timeout(within_s):
        while await asyncio.to_thread(containers, bench):
            await asyncio.sleep(0.1)


async def test_lines_that_are_no_json_never_end_in_a_container_without_a_host(
    bench: Bench,
) -> None:
    await bench.config.set("tasks.time_limit_s", "2", actor="test")
    task = await bench.run(script(NAN))
    assert task.state is TaskState.FAILED
    await gone(bench)


async def test_a_container_that_has_finished_is_gone_while_its_changes_wait(bench: Bench) -> None:
    (bench.home / "workspace").mkdir(exist_ok=True)
    (bench.home / "workspace" / "a.txt").write_text("old")
    no = await bench.queue(script(DEEP))
    task = await bench.until(no, TaskState.WAITING)
    assert task.waits_for == "approval"
    await gone(bench)
    async with bench.database.transaction() as session:
        await bench.tasks.request_cancel(session, no)
    began = time.monotonic()
    ended = await bench.until(no)
    assert ended.state is TaskState.CANCELLED
    assert time.monotonic() - began < 3
    assert (bench.home / "workspace" / "a.txt").read_text() == "old"


@pytest.mark.parametrize(
    "command",
    [
        "rm -f /run/agentai/proxy.sock; mkdir /run/agentai/x",
        "ln -s /etc/passwd /run/agentai/ca.pem.new; mv /run/agentai/ca.pem.new /run/agentai/ca.pem",
        "rm -f /run/agentai/host.sock",
        "head -c 1000000 /dev/zero > /run/agentai/fill",
        "chmod 0777 /run/agentai",
    ],
)
async def test_the_folder_of_its_sockets_cannot_be_changed(bench: Bench, command: str) -> None:
    task = await bench.run(f"({command}) 2>&1; ls /run/agentai")
    assert (task.result or "").splitlines()[-3:] == ["ca.pem", "host.sock", "proxy.sock"]
    assert "denied" in str(task.result).lower() or "read-only" in str(task.result).lower()


async def test_an_executor_that_is_killed_before_the_first_step_starts_it_again(
    bench: Bench,
) -> None:
    marker = "test -e /work/files/seen || { echo > /work/files/seen; sleep 1; }; echo over"
    no = await bench.queue(marker)
    await bench.until(no, TaskState.RUNNING)
    bench.executor.kill()
    bench.executor.start()
    await bench.executor.ready()
    task = await bench.until(no)
    assert task.state in {TaskState.DONE, TaskState.UNKNOWN}
    await gone(bench)


async def test_a_claim_that_was_forgotten_goes_back_to_the_queue(bench: Bench) -> None:
    no = await bench.queue("echo here")
    await bench.until(no)
    host = (bench.home / "host_id").read_text().strip()
    await bench.database.execute(
        "update tasks set state = 'running', host = $2, fence = fence + 1, ended_at = null,"
        " lease_until = clock_timestamp() + interval '1 hour' where no = $1", no, host,
    )  # fmt: skip
    task = await bench.until(no, timeout_s=30)
    assert task.state is TaskState.DONE
