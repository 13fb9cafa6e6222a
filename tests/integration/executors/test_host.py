"""The executor host with a real engine, Postgres and Valkey."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import docker
import pytest

from core.bus import Bus
from core.config import ConfigStore
from core.db import Database
from core.migrate import migrate
from core.seal import Seal
from core.settings import EnvSettings
from core.tasks import NewTask, Task, TaskNo, TaskState, TaskStore, has_ended
from tests.support.model_server import Body, Reply, ScriptedModel, call, say, tool_results
from tests.support.world import Process, remove_containers

KEY = "a-secret-key-for-tests-only"


class Bench:
    """A database to queue tasks in, and a host process to run them."""

    def __init__(self, home: Path, database: Database, bus: Bus, env: dict[str, str]) -> None:
        self.home = home
        self.database = database
        self.tasks = TaskStore(database)
        self.config = ConfigStore(database=database, seal=Seal(KEY), env=EnvSettings())
        self.bus = bus
        self.executor = Process("executor", env, home / "executor.log")

    async def queue(self, instructions: str, kind: str = "shell") -> TaskNo:
        new = NewTask(
            kind=kind,  # type: ignore[arg-type]
            title=instructions[:50], instructions=instructions, chat_id=1,
        )  # fmt: skip
        async with self.database.transaction() as session:
            no = await self.tasks.add(session, new)
        await self.bus.wake_tasks()
        return no

    async def until(self, no: TaskNo, *states: TaskState, timeout_s: float = 40) -> Task:
        async with asyncio.timeout(timeout_s):
            while True:
                task = await self.tasks.get(no)
                assert task is not None
                if task.state in states or (not states and has_ended(task.state)):
                    return task
                await asyncio.sleep(0.02)

    async def run(self, instructions: str) -> Task:
        return await self.until(await self.queue(instructions))

    async def step_begun(self, no: TaskNo) -> None:
        async with asyncio.timeout(20):
            while not await self.tasks.steps(no):
                await asyncio.sleep(0.02)


@asynccontextmanager
async def a_bench(
    tmp_path: Path, database_url: str, redis_url: str, **extra: str
) -> AsyncIterator[Bench]:
    home = tmp_path / "home"
    home.mkdir()
    database = await Database.connect(database_url)
    await migrate(database)
    from core.instance import instance_id

    bus = Bus.connect(redis_url, await instance_id(database))
    env = {
        "PATH": "/usr/local/bin:/usr/bin:/bin", "AGENTAI_HOME": str(home),
        "AGENTAI_SECRET_KEY": KEY, "DATABASE_URL": database_url, "REDIS_URL": redis_url, **extra,
    }  # fmt: skip
    bench = Bench(home, database, bus, env)
    try:
        yield bench
    finally:
        bench.executor.stop()
        remove_containers(home)
        await bus.close()
        await database.close()


@pytest.fixture
async def bench(
    tmp_path: Path, database_url: str, redis_url: str, executor_image: str
) -> AsyncIterator[Bench]:
    assert executor_image
    async with a_bench(tmp_path, database_url, redis_url) as made:
        yield made


async def test_a_container_has_nothing_to_steal_and_no_way_out(bench: Bench) -> None:
    bench.executor.start()
    await bench.executor.ready()
    done = await bench.run(
        "grep -E '^(CapEff|CapBnd|NoNewPrivs|Seccomp):' /proc/self/status;"
        "echo uid $(id -u); ls /sys/class/net; cat /proc/net/route | wc -l;"
        "touch /new 2>&1; ls /var/run/docker.sock 2>&1; ls -A /run/agentai; env | sort;"
        "python3 -c 'import socket; socket.create_connection((\"169.254.169.254\", 80), 2)' 2>&1"
        " | tail -1;"
        "unshare -r true 2>&1; mount -t tmpfs x /mnt 2>&1"
    )
    told = done.result or ""
    assert done.state is TaskState.DONE or "exit code" in (done.reason or "")
    for line in (
        "CapEff:\t0000000000000000", "CapBnd:\t0000000000000000", "NoNewPrivs:\t1", "Seccomp:\t2",
        "uid 10001", "Read-only file system", "No such file or directory", "host.sock",
        "Network is unreachable", "Operation not permitted",
    ):  # fmt: skip
        assert line in told, line
    assert told.split("uid 10001\n")[1].split("\n")[0] == "lo"
    assert KEY not in told
    assert "DATABASE" not in told


@pytest.mark.parametrize(
    ("setting", "value", "command", "reason"),
    [
        ("tasks.time_limit_s", "1", "sleep 60", "it ran longer than 1 seconds"),
        ("tasks.output_kb", "16", "yes", "it printed more than 16 KB"),
        ("tasks.memory_mb", "64", "python3 -c 'bytearray(10**9)'", "more than 64 MB of memory"),
        ("tasks.processes", "16", ":(){ :|:& };: ; sleep 2", "more than 16 processes"),
        ("tasks.disk_mb", "16", "head -c 30000000 /dev/zero > big", "wrote more than 16 MB"),
        (
            "tasks.disk_mb", "16",
            "for i in 1 2 3 4 5; do head -c 9000000 /dev/zero > f$i; done; sleep 30",
            "wrote more than 16 MB",
        ),
    ],
)  # fmt: skip
async def test_each_limit_ends_a_task_with_its_reason(
    bench: Bench, setting: str, value: str, command: str, reason: str
) -> None:
    await bench.config.set(setting, value, actor="test")
    bench.executor.start()
    await bench.executor.ready()
    done = await bench.run(command)
    assert done.state is TaskState.FAILED
    assert reason in (done.reason or "")


async def test_a_killed_host_loses_nothing_and_repeats_nothing(bench: Bench) -> None:
    bench.executor.start()
    await bench.executor.ready()
    no = await bench.queue("echo begun >> marks; sleep 3; cat marks")
    await bench.step_begun(no)
    bench.executor.kill()
    bench.executor.start()
    done = await bench.until(no)
    assert (done.state, done.result, done.reason) == (TaskState.DONE, "begun\n", None)


async def test_a_task_whose_container_died_with_its_host_is_reported_and_not_repeated(
    bench: Bench,
) -> None:
    bench.executor.start()
    await bench.executor.ready()
    no = await bench.queue("sleep 30")
    await bench.step_begun(no)
    bench.executor.kill()
    remove_containers(bench.home)
    bench.executor.start()
    done = await bench.until(no)
    assert done.state is TaskState.UNKNOWN
    assert "its container is gone" in (done.reason or "")


async def test_a_container_that_dies_ends_its_task(bench: Bench) -> None:
    bench.executor.start()
    await bench.executor.ready()
    no = await bench.queue("sleep 30")
    await bench.step_begun(no)
    remove_containers(bench.home)
    done = await bench.until(no)
    assert (done.state, done.reason) == (
        TaskState.FAILED, "Its container ended unexpectedly.",
    )  # fmt: skip


async def test_orphans_of_a_dead_host_are_removed(bench: Bench) -> None:
    bench.executor.start()
    await bench.executor.ready()
    bench.executor.kill()
    client = docker.from_env()
    label = f"agentai.host={(bench.home / 'host_id').read_text()}"
    orphan = client.containers.list(filters={"label": label})[0].id
    bench.executor.start()
    await bench.executor.ready()
    left = [c.id for c in client.containers.list(all=True, filters={"label": label})]
    client.close()
    assert orphan not in left
    assert len(left) == 1


async def test_a_cancelled_task_is_stopped_at_once_even_without_redis(
    bench: Bench, database_url: str
) -> None:
    bench.executor.start()
    await bench.executor.ready()
    no = await bench.queue("sleep 60")
    await bench.step_begun(no)
    async with bench.database.transaction() as session:  # nothing is published: only Postgres knows
        await bench.tasks.request_cancel(session, no)
    done = await bench.until(no, timeout_s=2)
    assert (done.state, done.reason) == (TaskState.CANCELLED, "Stopped by you.")


async def test_an_agent_goes_on_where_it_was_when_its_container_is_lost(
    tmp_path: Path, database_url: str, redis_url: str, executor_image: str
) -> None:
    model = ScriptedModel()

    def script(body: Body) -> Reply:
        results = tool_results(body)
        if not results:
            return call("shell", command="echo one >> marks")
        if len(results) == 1:
            return call("shell", command="echo two >> marks; sleep 30")
        if len(results) == 2:
            return call("shell", command="cat marks")
        return say(f"{results[1]} // {results[2]}")

    model.script = script
    await model.start()
    extra = {
        "MODEL_BASE_URL": model.url, "MODEL_API_KEY": "sk-test-key", "MODEL_EXECUTOR": "scripted",
    }  # fmt: skip
    async with a_bench(tmp_path, database_url, redis_url, **extra) as bench:
        bench.executor.start()
        await bench.executor.ready()
        no = await bench.queue("work", kind="agent")
        async with asyncio.timeout(20):
            while not [p for p in bench.home.glob("slots/*/work/marks") if "two" in p.read_text()]:
                await asyncio.sleep(0.02)
        bench.executor.kill()
        remove_containers(bench.home)
        bench.executor.start()
        done = await bench.until(no)
    await model.stop()
    assert done.state is TaskState.DONE
    assert "nobody knows whether this ran" in (done.result or "")
    assert (done.result or "").endswith("exit code 0\none\ntwo\n") or "one\ntwo" in (
        done.result or ""
    )
    assert model.keys[0] == "Bearer sk-test-key"


async def test_without_a_model_an_agents_task_says_so(bench: Bench) -> None:
    bench.executor.start()
    await bench.executor.ready()
    done = await bench.until(await bench.queue("work", kind="agent"))
    assert done.state is TaskState.FAILED
    assert "/config model.api_key KEY" in (done.reason or "")


async def test_a_missing_image_is_said_and_tasks_wait(
    tmp_path: Path, database_url: str, redis_url: str
) -> None:
    extra = {"AGENTAI_EXECUTOR_IMAGE": "agentai-executor:missing"}
    async with a_bench(tmp_path, database_url, redis_url, **extra) as bench:
        bench.executor.start()
        no = await bench.queue("true")
        async with asyncio.timeout(20):
            while not (hosts := await bench.tasks.hosts()):
                await asyncio.sleep(0.02)
        assert hosts[0].status != "ready"
        assert "agentai image" in hosts[0].detail
        task = await bench.tasks.get(no)
        assert task is not None
        assert task.state is TaskState.QUEUED
