"""The proof of isolation: what is asked, how an answer is read, and when the host refuses."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import Retryable, UserFacing
from core.spawn import held
from core.tasks import Box
from executors.isolation import (
    HINT,
    OF_HOST_KERNEL,
    SAW_CAP,
    TOLD_CAP,
    Isolation,
    probe_line,
    prove,
    read_answer,
    verdict,
)
from executors.ports import Found, Limits, Place
from executors.worker.probe import EVERY_START, HARD
from executors.worker.probe_base import CALLS, Question
from executors.worker.probe_reach import settled, strange_mounts

LIMITS = Limits(memory_mb=64, processes=16, disk_mb=16, cpus=1.0, runtime="")
GOOD = {name: {"held": True, "saw": "x"} for name in (*HARD, *EVERY_START)}
Answer = Callable[[dict[str, Any]], str]


class OneWorker:
    """A launcher whose container is a coroutine that answers as the test says."""

    def __init__(self, answer: Answer, *, method: str = "finish") -> None:
        self._answer = answer
        self._method = method
        self.tasks: list[dict[str, Any]] = []
        self.removed: list[str] = []
        self._workers: list[Any] = []

    async def check(self) -> None: ...

    async def has_image(self, box: Box) -> bool:
        return True

    async def start(self, slot: str, place: Place, limits: Limits) -> None:
        worker = held(self._work(place.sock), name="worker")
        await worker.__aenter__()
        self._workers.append(worker)

    async def _work(self, sock: Path) -> None:
        reader, writer = await asyncio.open_unix_connection(str(sock / "host.sock"))
        try:
            writer.write(b'{"hello": 1, "task": null}\n')
            self.tasks.append(json.loads(await reader.readline())["task"])
            writer.write(self._line(self.tasks[-1]))
            await reader.read()
        finally:
            writer.close()
            await writer.wait_closed()

    def _line(self, task: dict[str, Any]) -> bytes:
        params: dict[str, Any] = {"text": "hello"}
        if self._method == "finish":
            params = {"state": "done", "result": self._answer(task), "reason": None, "files": []}
        return json.dumps({"id": 1, "method": self._method, "params": params}).encode() + b"\n"

    async def remove(self, slot: str) -> None:
        self.removed.append(slot)
        while self._workers:
            await self._workers.pop().__aexit__(None, None, None)

    async def was_out_of_memory(self, slot: str) -> bool:
        return False

    async def list(self) -> tuple[Found, ...]:
        return ()

    def owner_ids(self) -> tuple[int, int]:
        return (-1, -1)


def all_held(task: dict[str, Any]) -> str:
    return json.dumps(GOOD)


def isolation(launcher: OneWorker, root: Path, *limits: Limits) -> Isolation:
    left = list(limits)

    async def current(box: Box) -> Limits:
        return left.pop(0) if len(left) > 1 else left[0]

    return Isolation(launcher, root, limits=current)


@pytest.fixture
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("s")


def test_nothing_is_to_say_when_everything_held() -> None:
    assert verdict(read_answer(json.dumps(GOOD), tuple(GOOD))) is None


def test_no_attempt_at_all_is_no_proof() -> None:
    assert verdict(()) == "it was not tried"


def test_the_verdict_names_what_did_not_hold_and_what_was_seen() -> None:
    told = {**GOOD, "only_loopback": {"held": False, "saw": "eth0"}}
    assert verdict(read_answer(json.dumps(told), tuple(GOOD))) == "only loopback (eth0)"


def test_a_long_verdict_is_cut() -> None:
    said = verdict(read_answer("{}", tuple(GOOD))) or ""
    assert said.count("it was not tried") == TOLD_CAP
    assert said.endswith(f"and {len(GOOD) - TOLD_CAP} more")


@pytest.mark.parametrize("missing", [*HARD, *EVERY_START])
def test_each_attempt_that_is_left_out_counts_as_not_held(missing: str) -> None:
    told = {name: value for name, value in GOOD.items() if name != missing}
    assert missing.replace("_", " ") in (verdict(read_answer(json.dumps(told), tuple(GOOD))) or "")


@pytest.mark.parametrize("value", [1, "true", None, [], {}, "held"])
def test_only_true_is_held(value: object) -> None:
    attempts = read_answer(json.dumps({"a": {"held": value, "saw": ""}}), ("a",))
    assert not attempts[0].held


@given(st.text() | st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda parts: st.lists(parts) | st.dictionaries(st.sampled_from(["a", "held", "saw"]), parts),
).map(json.dumps))  # fmt: skip
def test_any_answer_is_read_and_what_it_says_is_plain(text: str) -> None:
    (attempt,) = read_answer(text, ("a",))
    assert attempt.name == "a"
    assert attempt.saw.isascii()
    assert attempt.saw.isprintable()
    assert len(attempt.saw) <= SAW_CAP


def test_an_answer_nested_too_deeply_is_no_answer() -> None:
    assert not read_answer("[" * 100_000, ("a",))[0].held


def test_the_worker_reads_the_question_that_the_host_writes() -> None:
    task = json.loads(probe_line(LIMITS, ("10.1.2.3", "127.0.0.1", "::1", "/a.sock"), hard=True))
    assert task["task"]["kind"] == "probe"
    assert Question.of(task["task"]) == Question(
        addresses=("10.1.2.3", "/a.sock"), memory=64 * 2**20, disk=16 * 2**20, processes=16,
        is_hard=True,
    )  # fmt: skip


def test_an_address_that_is_none_is_a_mistake_of_ours() -> None:
    with pytest.raises(ValueError, match="database"):
        probe_line(LIMITS, ("database",), hard=False)


def test_attempts_have_one_name_each_and_the_waived_ones_exist() -> None:
    assert not HARD.keys() & EVERY_START.keys()
    assert EVERY_START.keys() >= OF_HOST_KERNEL
    assert len({number for number, _ in CALLS.values()}) == len(CALLS)


@pytest.mark.parametrize(
    ("mount", "is_strange"),
    [
        ("30 20 0:30 / / ro - overlay overlay rw", False),
        ("30 20 254:0 /slots/a/work /work rw - ext4 /dev/vda rw", False),
        ("30 20 0:30 / /proc/kcore rw - tmpfs tmpfs rw", False),
        ("30 20 0:30 / /sys/fs/cgroup/pids ro - cgroup cgroup rw", False),
        ("30 20 254:0 / /host rw - ext4 /dev/vda rw", True),
        ("30 20 254:0 / /work/other rw - ext4 /dev/vda rw", True),
        ("30 20 254:0 / /processes rw - proc proc rw", True),
        ("30 20 0:5 / /dev rw - devtmpfs udev rw", True),
        ("30 20 0:5 /docker.sock /run/docker.sock rw shared:2 - tmpfs tmpfs rw", True),
        ("30 20 0:5 / /sys/kernel/debug rw - debugfs debugfs rw", True),
    ],
)
def test_a_mount_that_tasks_do_not_have_is_strange(mount: str, is_strange: bool) -> None:
    assert bool(strange_mounts([mount])) is is_strange


async def test_a_proof_uses_one_container_and_leaves_nothing(root: Path) -> None:
    launcher = OneWorker(all_held)
    attempts = await prove(launcher, root, limits=LIMITS)
    assert [a.name for a in attempts] == list(EVERY_START)
    assert verdict(attempts) is None
    assert len(launcher.removed) == 1
    assert not any(root.iterdir())  # noqa: ASYNC240 - a test may block


async def test_a_hard_proof_asks_for_the_hard_attempts(root: Path) -> None:
    launcher = OneWorker(all_held)
    attempts = await prove(launcher, root, limits=LIMITS, hard=True)
    assert [a.name for a in attempts] == [*HARD, *EVERY_START]
    assert json.loads(launcher.tasks[0]["instructions"])["hard"] is True


async def test_a_sandbox_with_its_own_kernel_is_not_asked_about_the_hosts(root: Path) -> None:
    limits = Limits(memory_mb=64, processes=16, disk_mb=16, cpus=1.0, runtime="runsc")
    names = {a.name for a in await prove(OneWorker(all_held), root, limits=limits)}
    assert names == EVERY_START.keys() - OF_HOST_KERNEL
    assert {"only_loopback", "own_mounts_only", "no_route_out", "root_read_only"} <= names


async def test_a_worker_that_says_something_else_has_proven_nothing(root: Path) -> None:
    attempts = await prove(OneWorker(all_held, method="progress"), root, limits=LIMITS)
    assert not any(a.held for a in attempts)


async def test_a_host_refuses_to_work_and_says_why(root: Path) -> None:
    launcher = OneWorker(lambda _: json.dumps({**GOOD, "not_root": {"held": False, "saw": "0"}}))
    with pytest.raises(UserFacing) as caught:
        await isolation(launcher, root, LIMITS).check()
    assert caught.value.text == "The containers here are not isolated: not root (0)."
    assert caught.value.hint == HINT


async def test_a_refused_host_is_proven_anew_and_a_proven_one_only_for_other_limits(
    root: Path,
) -> None:
    answers = ["{}", json.dumps(GOOD), json.dumps(GOOD)]
    launcher = OneWorker(lambda _: answers.pop(0))
    other = Limits(memory_mb=128, processes=16, disk_mb=16, cpus=1.0, runtime="")
    checked = isolation(launcher, root, LIMITS, LIMITS, LIMITS, other)
    with pytest.raises(UserFacing):
        await checked.check()
    await checked.check()
    await checked.check()
    assert len(launcher.tasks) == 2
    await checked.check()
    assert len(launcher.tasks) == 3


async def test_a_container_that_cannot_start_is_tried_again_later(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    with pytest.raises(Retryable):
        await isolation(OneWorker(all_held), blocked, LIMITS).check()


@pytest.mark.parametrize(("strange_for", "holds"), [(0, True), (2, True), (3, False)])
def test_what_passes_by_itself_while_a_container_comes_up_is_looked_at_again(
    strange_for: int, holds: bool
) -> None:
    saws = iter([(False, "@33b1e")] * strange_for + [(True, "host.sock")] * 9)
    assert settled(lambda: next(saws), looks=3, pause_s=0)[0] is holds
