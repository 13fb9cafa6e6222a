"""The worker as it runs in a container: its own process, a real socket, a scripted host."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from executors.worker.agent import CONTEXT_CAP, LEFT_OUT, trimmed

MAIN = Path(__file__).resolve().parents[4] / "executors" / "worker" / "main.py"
LIMITS = {
    "time_s": 20, "output_bytes": 20_000, "steps": 5, "memory_mb": 512, "processes": 64,
    "disk_mb": 64,
}  # fmt: skip
Answer = Callable[[str, dict[str, Any]], Any]


class Host:
    """Listens on the socket and answers each request as the test says."""

    def __init__(self, folder: Path, answer: Answer) -> None:
        self.socket = folder / "host.sock"
        self.work = folder / "work"
        self.work.mkdir()
        self.answer = answer
        self.requests: list[tuple[str, dict[str, Any]]] = []
        self.hellos: list[int | None] = []
        self.task: dict[str, Any] = {}
        self.drop_after = 0
        self.done = asyncio.Event()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.hellos.append(json.loads(await reader.readline())["task"])
        if self.hellos[-1] is None:
            writer.write(json.dumps({"task": self.task}).encode() + b"\n")
        while line := await reader.readline():
            message = json.loads(line)
            self.requests.append((message["method"], message["params"]))
            if self.drop_after and len(self.requests) == self.drop_after:
                writer.close()
                return
            reply = self.answer(message["method"], message["params"])
            key = "error" if isinstance(reply, dict) and "kind" in reply else "result"
            writer.write(json.dumps({"id": message["id"], key: reply}).encode() + b"\n")
            if message["method"] == "finish":
                self.done.set()
        writer.close()

    def finish(self) -> dict[str, Any]:
        return next(p for m, p in reversed(self.requests) if m == "finish")


@asynccontextmanager
async def running(host: Host, **task: Any) -> AsyncIterator[None]:
    host.task = {
        "no": 1, "kind": "shell", "instructions": "true", "files": [], "limits": LIMITS,
        "steps": [], "inputs": [], **task,
    }  # fmt: skip
    server = await asyncio.start_unix_server(host.serve, host.socket, limit=1 << 24)
    env = {**os.environ, "AGENTAI_SOCKET": str(host.socket), "AGENTAI_WORK": str(host.work)}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-I", "-S", str(MAIN), env=env, cwd=host.work
    )
    try:
        async with asyncio.timeout(30):
            await host.done.wait()
            assert await process.wait() == 0
        yield
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
        server.close()


def yes(_method: str, _params: dict[str, Any]) -> Any:
    return True


async def shell(tmp_path: Path, command: str, **limits: Any) -> dict[str, Any]:
    host = Host(tmp_path, yes)
    async with running(host, instructions=command, limits={**LIMITS, **limits}):
        return host.finish()


async def test_a_command_is_run_once_and_reported(tmp_path: Path) -> None:
    host = Host(tmp_path, yes)
    async with running(host, instructions="echo out; echo err >&2; pwd"):
        methods = [m for m, _ in host.requests]
    assert methods == ["begin_step", "end_step", "finish"]
    assert host.finish()["result"] == f"out\nerr\n{host.work}\n"
    assert host.finish()["state"] == "done"


async def test_a_failing_command_says_its_exit_code(tmp_path: Path) -> None:
    end = await shell(tmp_path, "echo before; exit 7")
    assert (end["state"], end["reason"]) == ("failed", "It ended with exit code 7.")
    assert end["result"] == "before\n"


async def test_a_command_that_takes_too_long_is_stopped(tmp_path: Path) -> None:
    end = await shell(tmp_path, "echo begun; sleep 60", time_s=1)
    assert end["reason"] == "Stopped: it ran longer than 1 seconds."
    assert end["result"] == "begun\n"


async def test_a_command_that_prints_too_much_is_stopped(tmp_path: Path) -> None:
    end = await shell(tmp_path, "yes")
    assert end["reason"] == "Stopped: it printed more than 19 KB."
    assert len(end["result"]) == 20_000


async def test_a_file_that_grows_too_large_is_stopped(tmp_path: Path) -> None:
    end = await shell(tmp_path, "ulimit -f 1; head -c 100000 /dev/zero > big")
    assert end["state"] == "failed"


async def test_a_background_child_does_not_keep_a_command_open(tmp_path: Path) -> None:
    end = await shell(tmp_path, "sleep 50 & echo done")
    assert end["result"] == "done\n"


async def test_a_lost_connection_is_dialled_again_and_nothing_runs_twice(tmp_path: Path) -> None:
    host = Host(tmp_path, yes)
    host.drop_after = 1
    async with running(host, instructions="echo x >> marks; cat marks"):
        pass
    assert host.hellos == [None, 1]
    assert [m for m, _ in host.requests] == ["begin_step", "begin_step", "end_step", "finish"]
    assert host.finish()["result"] == "x\n"


def model(*replies: dict[str, Any]) -> tuple[Answer, list[list[dict[str, Any]]]]:
    waiting, seen = list(replies), []

    def answer(method: str, params: dict[str, Any]) -> Any:
        if method == "model":
            seen.append(params["messages"])
            return {"message": waiting.pop(0)} if len(waiting) > 1 else {"message": waiting[0]}
        if method == "ask":
            return {"answer": "blue"}
        return True

    return answer, seen


def calls(name: str, arguments: Any) -> dict[str, Any]:
    text = arguments if isinstance(arguments, str) else json.dumps(arguments)
    call = {"id": "c", "type": "function", "function": {"name": name, "arguments": text}}
    return {"role": "assistant", "content": None, "tool_calls": [call]}


async def test_an_agent_uses_its_tools_and_finishes(tmp_path: Path) -> None:
    answer, seen = model(
        calls("write_file", {"path": "d/a.txt", "content": "hello"}),
        calls("read_file", {"path": "d/a.txt"}),
        calls("list_files", {}),
        calls("shell", {"command": "cat d/a.txt; exit 2"}),
        calls("finish", {"result": "r", "files": ["d/a.txt"]}),
    )
    host = Host(tmp_path, answer)
    async with running(host, kind="agent", instructions="go"):
        pass
    results = [m["content"] for m in seen[-1] if m["role"] == "tool"]
    assert [r.splitlines()[0] for r in results[::2]] == ["wrote 5 characters", "d/"]
    for result, head in ((results[1], ""), (results[3], "exit code 2\n")):
        begin, text, end = result.removeprefix(head).splitlines()
        assert (begin[:18], text, end[:16]) == ("<<<begin untrusted", "hello", "<<<end untrusted")
    assert host.finish() == {"state": "done", "result": "r", "reason": None, "files": ["d/a.txt"]}


async def test_bad_calls_are_told_to_the_model(tmp_path: Path) -> None:
    answer, seen = model(
        calls("shell", "{"), calls("shell", {}), calls("fly", {}),
        calls("read_file", {"path": "x"}),
        {"role": "assistant", "content": "giving up"},
    )  # fmt: skip
    host = Host(tmp_path, answer)
    async with running(host, kind="agent", instructions="go"):
        pass
    results = [m["content"] for m in seen[-1] if m["role"] == "tool"]
    assert all(r.startswith("error: ") for r in results)
    assert host.finish()["result"] == "giving up"


async def test_the_owner_is_asked_and_steers(tmp_path: Path) -> None:
    answer, seen = model(calls("ask_owner", {"question": "?"}), {"content": "ok"})
    host = Host(tmp_path, answer)
    steer = {"id": 1, "kind": "steer", "text": "hurry"}
    async with running(host, kind="agent", instructions="go", inputs=[steer]):
        pass
    assert {"role": "user", "content": "The owner adds: hurry"} in seen[0]
    assert seen[-1][-1]["content"] == "The owner answers: blue"


async def test_a_resumed_agent_sees_its_steps_and_repeats_none(tmp_path: Path) -> None:
    answer, seen = model({"content": "ok"})
    host = Host(tmp_path, answer)
    steps = [
        {"index": 0, "tool": "shell", "arguments": {"command": "a"}, "result": "exit code 0\n"},
        {"index": 1, "tool": "shell", "arguments": {"command": "b"}, "result": None},
    ]
    async with running(host, kind="agent", instructions="go", steps=steps):
        pass
    assert "nobody knows whether this ran" in seen[0][-1]["content"]
    assert [m for m, _ in host.requests] == ["model", "finish"]


async def test_too_many_steps_end_the_task(tmp_path: Path) -> None:
    answer, _ = model(calls("shell", {"command": "true"}), calls("shell", {"command": "true"}))
    host = Host(tmp_path, answer)
    async with running(host, kind="agent", instructions="go"):
        pass
    assert host.finish()["reason"] == "Stopped: it took more than 5 steps."


async def test_a_model_that_fails_ends_the_task_with_its_reason(tmp_path: Path) -> None:
    host = Host(
        tmp_path, lambda m, _: {"kind": "model", "text": "no credit"} if m == "model" else True
    )
    async with running(host, kind="agent", instructions="go"):
        pass
    assert (host.finish()["state"], host.finish()["reason"]) == ("failed", "no credit")


def test_a_long_context_loses_its_oldest_results_first() -> None:
    messages = [{"role": "tool", "content": "x" * 90_000} for _ in range(4)]
    kept = trimmed(messages, CONTEXT_CAP)
    assert [m["content"] == LEFT_OUT for m in kept] == [True, True, False, False]
