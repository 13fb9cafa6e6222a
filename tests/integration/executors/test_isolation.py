"""The proof of isolation against a real engine: it holds, and it notices what is loosened."""

import asyncio
import os
import shutil
import socket
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import docker
import pytest

from bench.security.container_suite import HOST, LIMITS, measure
from core.errors import UserFacing
from core.spawn import held
from core.tasks import Box
from executors.docker_launcher import DockerLauncher
from executors.isolation import Isolation, ask, prove, verdict
from executors.pool import Pool
from executors.ports import Limits, Place
from executors.worker.probe import EVERY_START, HARD

LABEL = "test-isolation"
Options = dict[str, Any]


class Loosened(DockerLauncher):
    """An engine that makes of the options what the test says."""

    change: Callable[[Options], None] = staticmethod(lambda options: None)
    ids: tuple[int, int] | None = None

    def owner_ids(self) -> tuple[int, int]:
        return self.ids or super().owner_ids()

    def _options(self, slot: str, place: Place, limits: Limits) -> Options:
        options = super()._options(slot, place, limits)
        self.change(options)
        return options


@pytest.fixture
async def launcher(executor_image: str) -> AsyncIterator[Loosened]:
    made = Loosened(image=executor_image, instance=LABEL, host=f"{LABEL}-{os.getpid()}")
    yield made
    for found in await made.list():
        await made.remove(found.slot)
    made.close()


@contextmanager
def a_bridge() -> Iterator[str]:
    """A bridge without a way out: what runs here must not speak to the world."""
    client = docker.from_env()
    network = client.networks.create(f"{LABEL}-{os.getpid()}", internal=True)
    try:
        yield str(network.name)
    finally:
        network.remove()
        client.close()


@contextmanager
def a_listening_socket(path: Path) -> Iterator[str]:
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(path))
        path.chmod(0o666)
        listening.listen()
        yield str(path)


async def broken(launcher: Loosened, root: Path) -> set[str]:
    attempts = await prove(launcher, root, limits=LIMITS, addresses=HOST)
    return {a.name for a in attempts if not a.held}


async def test_all_attempts_of_a_start_are_refused_and_take_no_time(
    launcher: Loosened, tmp_path: Path
) -> None:
    pool = Pool(root=tmp_path, launcher=launcher)
    slot = await pool.start(LIMITS)
    began = time.monotonic()
    attempts = await ask(slot, limits=LIMITS, addresses=HOST)
    took = time.monotonic() - began
    await pool.discard(slot)
    assert verdict(attempts) is None
    assert [a.name for a in attempts] == list(EVERY_START)
    assert took < 1  # about 0.08 s on an idle machine


async def test_the_hard_attempts_stop_and_the_host_is_unharmed(
    launcher: Loosened, tmp_path: Path
) -> None:
    free = shutil.disk_usage(tmp_path).free
    attempts, count = await measure(hard=True)
    assert verdict(attempts) is None
    assert count == len(attempts) == len(HARD) + len(EVERY_START)
    assert free - shutil.disk_usage(tmp_path).free < 500 * 2**20
    assert await broken(launcher, tmp_path) == set()


def capabilities(options: Options) -> None:
    options["cap_drop"], options["cap_add"] = [], ["SYS_ADMIN"]


def no_filter(options: Options) -> None:
    options["security_opt"] = ["no-new-privileges:true", "seccomp=unconfined"]


def engines_own_filter(options: Options) -> None:
    options["security_opt"] = ["no-new-privileges:true"]


def may_gain(options: Options) -> None:
    options["security_opt"] = options["security_opt"][1:]


def writable(options: Options) -> None:
    options["read_only"] = False


def hosts_processes(options: Options) -> None:
    options["pid_mode"] = "host"


def without(*names: str) -> Callable[[Options], None]:
    def change(options: Options) -> None:
        for name in names:
            del options[name]

    return change


def a_device(options: Options) -> None:
    options["devices"] = ["/dev/loop-control:/dev/loop-control:rwm"]


@pytest.mark.parametrize(
    ("change", "names"),
    [
        (capabilities, {"no_capabilities"}),
        (no_filter, {"system_calls_filtered", "no_kernel_doors", "no_tracing", "no_namespaces"}),
        (engines_own_filter, {"no_raw_sockets"}),
        (may_gain, {"no_new_privileges"}),
        (writable, {"root_read_only"}),
        (hosts_processes, {"own_processes_only"}),
        (without("pids_limit"), {"processes_limited"}),
        (without("mem_limit", "memswap_limit"), {"memory_limited"}),
        (without("nano_cpus"), {"processor_limited"}),
        (without("ulimits"), {"files_limited", "open_files_limited", "no_core_dumps"}),
        (without("tmpfs"), {"tmp_limited"}),
        (a_device, {"no_devices"}),
    ],
    ids=lambda value: (
        getattr(value, "__name__", "") if callable(value) else "-".join(sorted(value))
    ),
)
async def test_an_engine_that_leaves_an_option_out_is_caught(
    launcher: Loosened, tmp_path: Path, change: Callable[[Options], None], names: set[str]
) -> None:
    launcher.change = change
    assert names <= await broken(launcher, tmp_path)


async def test_a_container_that_runs_as_root_is_caught(launcher: Loosened, tmp_path: Path) -> None:
    launcher.ids = (0, 0)
    assert await broken(launcher, tmp_path) == {"not_root", "no_way_to_root"}


async def test_a_host_whose_containers_get_a_bridge_refuses_to_work(
    launcher: Loosened, tmp_path: Path
) -> None:
    async def limits(box: Box) -> Limits:
        return LIMITS

    isolation = Isolation(launcher, tmp_path, limits=limits, addresses=HOST)
    with a_bridge() as name:
        launcher.change = lambda options: options.update(network_mode=name)
        with pytest.raises(UserFacing, match=r"are not isolated: only loopback \(eth0\)"):
            await isolation.check()
    launcher.change = lambda options: None
    await isolation.check()


async def test_another_workspace_and_another_socket_are_caught(
    launcher: Loosened, tmp_path: Path
) -> None:
    from docker.types import Mount

    other = tmp_path / "other"
    other.mkdir()
    with a_listening_socket(other / "docker.sock") as path:

        def change(options: Options) -> None:
            options["mounts"] += [
                Mount("/work/other", str(other), type="bind"),
                Mount("/run/docker.sock", path, type="bind"),
            ]

        launcher.change = change
        found = await broken(launcher, tmp_path / "slots")
    assert {"own_mounts_only", "own_socket_only", "no_engine_socket", "no_host_socket"} <= found


async def test_a_cancelled_proof_leaves_no_container(launcher: Loosened, tmp_path: Path) -> None:
    launcher.change = lambda options: options.update(entrypoint=["sh", "-c", "sleep 60"])
    async with held(prove(launcher, tmp_path, limits=LIMITS), name="proof"), asyncio.timeout(20):
        while not any(found.is_running for found in await launcher.list()):
            await asyncio.sleep(0.02)
    assert await launcher.list() == ()
    assert not any(tmp_path.iterdir())  # noqa: ASYNC240 - a test may block
