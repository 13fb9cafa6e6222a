"""Quiet tasks: real containers for work that the owner neither asked for nor hears of."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from coordinator.quiet import QuietTasks
from core.manifests import grant_to_json
from core.policy import Budget, Grant
from core.spawn import held
from core.tasks import NewTask, TaskState
from executors.results import discard_forgotten
from tests.integration.executors.test_host import Bench, a_bench
from tests.support.model_server import Body, Reply, ScriptedModel, call, tool_names, tool_results

DAY_S = 86_400.0


def quiet_of(bench: Bench) -> QuietTasks:
    return QuietTasks(database=bench.database, tasks=bench.tasks, bus=bench.bus)


def command(text: str) -> NewTask:
    return NewTask(kind="shell", title="t", instructions=text, chat_id=0)


@pytest.fixture
async def bench(
    tmp_path: Path, database_url: str, redis_url: str, executor_image: str
) -> AsyncIterator[Bench]:
    assert executor_image
    none = "agentai-nowhere:0"
    async with a_bench(tmp_path, database_url, redis_url, AGENTAI_READER_IMAGE=none) as made:
        made.executor.start()
        await made.executor.ready()
        yield made


async def test_a_command_hands_over_its_output_code_and_files(bench: Bench) -> None:
    quiet = quiet_of(bench)
    text = "mkdir -p out/deeper; echo one >out/a.txt; echo no >b.txt; ln -s /etc/passwd out/l; "
    ended = await quiet.run(command(f"{text} echo told; exit 3"), timeout_s=40)
    assert (ended.state, ended.exit_code, ended.output) == (TaskState.FAILED, 3, "told\n")
    assert not ended.is_done
    assert [file.name for file in ended.files] == ["a.txt"]
    assert ended.files[0].size == len("one\n")
    assert ended.files[0].path.startswith(str(bench.home / "results"))
    assert await bench.tasks.recent() == ()
    assert await bench.tasks.unreported() == ()
    assert await bench.queue("true") == 1  # the owner's numbers have no gaps


async def test_two_run_at_once_beside_the_owners(bench: Bench) -> None:
    quiet = quiet_of(bench)
    await bench.config.set("tasks.parallel", "1", actor="test")
    await bench.until(await bench.queue("sleep 60"), TaskState.RUNNING)
    waits = command("sleep 60")
    runs = [held(quiet.run(waits, timeout_s=50), name=f"quiet {n}") for n in range(3)]
    async with runs[0], runs[1], runs[2]:
        async with asyncio.timeout(40):
            while await count(bench, "running") < 2:
                await asyncio.sleep(0.05)
        assert await count(bench, "queued") == 1
        assert len(await bench.tasks.live()) == 1
        assert len(await bench.tasks.live(with_quiet=True)) == 4
    assert await bench.database.fetchval(  # whoever stops waiting stops the task
        "select bool_and(cancel_requested_at is not null) from tasks where is_quiet"
    )


async def count(bench: Bench, state: str) -> int:
    found: int = await bench.database.fetchval(
        "select count(*)::int from tasks where is_quiet and state = $1", state
    )
    return found


async def test_what_takes_too_long_is_stopped(bench: Bench) -> None:
    ended = await quiet_of(bench).run(command("sleep 60"), timeout_s=3)
    assert ended.reason == "It took longer than 3 seconds."
    assert ended.state in {TaskState.CANCELLED, TaskState.FAILED}


async def test_it_outlives_a_killed_host(bench: Bench) -> None:
    waits = command("sleep 6; echo after")
    async with held(quiet_of(bench).run(waits, timeout_s=50), name="quiet") as running:
        async with asyncio.timeout(20):
            while not await bench.database.fetchval("select count(*) from task_steps"):
                await asyncio.sleep(0.02)
        bench.executor.kill()
        bench.executor.start()
        await bench.executor.ready()
        ended = await running
    assert (ended.is_done, ended.output) == (True, "after\n")


async def test_a_box_that_cannot_be_prepared_fails_the_task_and_says_why(bench: Bench) -> None:
    ended = await quiet_of(bench).run(replace(command("true"), box="reader"), timeout_s=40)
    assert ended.state is TaskState.FAILED
    assert "the reader image) could not be prepared" in ended.reason
    assert "agentai-nowhere:0 is not on this machine" in ended.reason
    shown = await bench.database.fetchval("select progress from tasks where is_quiet")
    assert shown.startswith("preparing the reader image, once, ")


async def test_after_a_day_it_is_forgotten_with_its_files(bench: Bench) -> None:
    quiet = quiet_of(bench)
    text = "mkdir out; echo x >out/x"
    old, new = [await quiet.run(command(text), timeout_s=40) for _ in range(2)]
    kept = await bench.run("echo owner's")
    await bench.database.execute(
        "update tasks set ended_at = ended_at - interval '25 hours' where no <> $1", new.no
    )
    assert await bench.tasks.prune_quiet(after_s=DAY_S) == (old.no,)
    results = bench.home / "results"
    (results / str(kept.no)).mkdir(parents=True, exist_ok=True)
    await discard_forgotten(results, bench.tasks)
    assert sorted(p.name for p in results.iterdir()) == [str(kept.no), str(new.no)]
    assert await bench.tasks.get(old.no) is None


async def test_a_quiet_agent_asks_nobody_and_changes_none_of_the_owners_files(
    tmp_path: Path, database_url: str, redis_url: str, executor_image: str
) -> None:
    assert executor_image
    model = ScriptedModel()

    def script(body: Body) -> Reply:
        assert not {"ask_owner", "request_access"} & set(tool_names(body))
        results = tool_results(body)
        if len(results) == 0:
            return call("ask_owner", question="May I?")
        if len(results) == 1:
            return call("shell", command="cat files/*; echo new >files/b.txt; rm files/a.txt")
        return call("finish", result="|".join(results))

    model.script = script
    await model.start()
    env = {"MODEL_BASE_URL": model.url, "MODEL_API_KEY": "k", "MODEL_COORDINATOR": "scripted"}
    try:
        async with a_bench(tmp_path, database_url, redis_url, **env) as bench:
            workspace = bench.home / "workspace"
            workspace.mkdir()
            (workspace / "a.txt").write_text("a's text\n")
            bench.executor.start()
            await bench.executor.ready()
            grant = Grant.everything(Budget())
            new = NewTask(
                kind="agent", title="t", instructions="try", chat_id=0,
                manifest=grant_to_json(grant),
            )  # fmt: skip
            ended = await quiet_of(bench).run(new, timeout_s=60)
            assert ended.is_done, ended
            assert "not allowed: This is work that the owner is not asked about" in ended.output
            assert "a's text" in ended.output
            assert [p.name for p in workspace.iterdir()] == ["a.txt"]
            assert await bench.database.fetchval("select count(*)::int from approvals") == 0
    finally:
        await model.stop()
