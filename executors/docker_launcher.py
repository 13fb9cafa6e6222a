"""Containers by Docker: fresh, hardened, thrown away.

Threat: the code inside is hostile. It has no network, no capability, no way to gain privileges, a
read-only root, an own seccomp profile, an unprivileged user, limits on memory, processes, processor
and files; of the host it sees one folder for its work and, read-only, one that holds its sockets.

The Docker client blocks, so it runs in a few threads of its own; the event loop only waits.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from core.errors import Retryable, UserFacing
from executors.boxes import SPECS
from executors.ports import Found

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from docker import DockerClient
    from docker.models.containers import Container

    from core.tasks import Box
    from executors.ports import Limits, Place

log = logging.getLogger(__name__)
Result = TypeVar("Result")

CALL_WITHIN_S = 60.0
CONTAINER_ID = 10001
WORKER = ("python3", "-I", "-S", "/opt/agentai/executors/worker/main.py")
NO_ENGINE = UserFacing(
    "The container engine does not answer, so tasks wait.",
    "Start Docker on the server; `agentai doctor` says how.",
)


class DockerLauncher:
    """Implements `executors.ports.Launcher`."""

    def __init__(
        self, *, image: str, instance: str, host: str, others: Mapping[Box, str] | None = None
    ) -> None:
        self._image = image
        self._images: dict[Box, str] = {"executor": image, **(others or {})}
        self._labels = {"agentai.instance": instance, "agentai.host": host}
        self._threads = ThreadPoolExecutor(max_workers=6, thread_name_prefix="docker")

    @cached_property
    def _client(self) -> DockerClient:
        import docker

        return docker.from_env(timeout=int(CALL_WITHIN_S), max_pool_size=8)

    @staticmethod
    def _seccomp(box: Box) -> str:
        profile = Path(__file__).with_name(SPECS[box].seccomp).read_text(encoding="utf-8")
        return json.dumps(json.loads(profile), separators=(",", ":"))

    async def _run(self, work: Callable[[], Result]) -> Result:
        from docker.errors import DockerException
        from requests.exceptions import RequestException

        try:
            async with asyncio.timeout(CALL_WITHIN_S):
                return await asyncio.get_running_loop().run_in_executor(self._threads, work)
        except (DockerException, RequestException, OSError, TimeoutError) as error:
            raise Retryable(
                f"the container engine: {type(error).__name__}: {error}"[:300]
            ) from error

    def owner_ids(self) -> tuple[int, int]:
        """See the port: an ordinary user's host gives the container that user's ids."""
        if os.geteuid() == 0:
            return CONTAINER_ID, CONTAINER_ID
        return os.geteuid(), os.getegid()

    async def check(self) -> None:
        """See the port."""
        try:
            await self._run(lambda: self._client.ping())
        except Retryable:
            self.__dict__.pop("_client", None)
            raise NO_ENGINE from None
        if not await self._run(lambda: self._client.images.list(name=self._image)):
            raise UserFacing(
                f"The image {self._image} is missing, so tasks wait.",
                "Run `agentai image` on the server; it builds the image.",
            )

    async def has_image(self, box: Box) -> bool:
        """See the port."""
        image = self._images[box]
        return bool(await self._run(lambda: self._client.images.list(name=image)))

    async def start(self, slot: str, place: Place, limits: Limits) -> None:
        """See the port."""
        image = self._images[place.box]
        await self._run(
            lambda: self._client.containers.run(
                image, list(WORKER), **self._options(slot, place, limits)
            )
        )

    def _options(self, slot: str, place: Place, limits: Limits) -> dict[str, Any]:
        from docker.types import LogConfig, Mount, Ulimit

        uid, gid = self.owner_ids()
        memory = limits.memory_mb * 1024 * 1024
        disk = limits.disk_mb * 1024 * 1024
        return {
            "name": f"agentai-{slot}", "detach": True,
            "labels": {**self._labels, "agentai.slot": slot},
            "network_mode": "none", "read_only": True, "cap_drop": ["ALL"], "init": True,
            "security_opt": ["no-new-privileges:true", f"seccomp={self._seccomp(place.box)}"],
            "user": f"{uid}:{gid}", "working_dir": "/work",
            "pids_limit": limits.processes, "mem_limit": memory, "memswap_limit": memory,
            "nano_cpus": int(limits.cpus * 1e9), "oom_score_adj": 500,
            "tmpfs": {"/tmp": f"rw,nosuid,nodev,size={limits.tmp_mb}m,mode=1777"},  # noqa: S108 - inside the container
            "shm_size": limits.shm_mb * 1024 * 1024,
            "ulimits": [
                Ulimit(name="fsize", soft=disk, hard=disk), Ulimit(name="core", soft=0, hard=0),
                Ulimit(name="nofile", soft=4096, hard=4096),
            ],
            "mounts": [
                Mount("/work", str(place.work), type="bind"),
                # Read-only: a socket can be dialled all the same, and nothing be put in its place.
                Mount("/run/agentai", str(place.sock), type="bind", read_only=True),
            ],
            "log_config": LogConfig(type="none"),
            **({"runtime": limits.runtime} if limits.runtime else {}),
        }  # fmt: skip

    async def remove(self, slot: str) -> None:
        """See the port."""
        from docker.errors import NotFound

        def work() -> None:
            try:
                self._client.api.remove_container(f"agentai-{slot}", force=True, v=True)
            except NotFound:
                return
            except Exception as error:
                if "already in progress" not in str(error):
                    raise

        await self._run(work)

    async def was_out_of_memory(self, slot: str) -> bool:
        """See the port."""
        from docker.errors import NotFound

        def work() -> bool:
            try:
                state = self._client.api.inspect_container(f"agentai-{slot}")["State"]
            except NotFound:
                return False
            return bool(state.get("OOMKilled"))

        return await self._run(work)

    async def list(self) -> tuple[Found, ...]:
        """See the port."""
        labels = [f"{name}={value}" for name, value in self._labels.items()]
        rows = await self._run(
            lambda: self._client.api.containers(all=True, filters={"label": labels})
        )
        return tuple(
            Found(slot=row["Labels"]["agentai.slot"], is_running=row["State"] == "running")
            for row in rows
        )

    def close(self) -> None:
        """Lets the threads go; calls under way end by themselves."""
        self._threads.shutdown(wait=False, cancel_futures=True)


@dataclass(frozen=True, kw_only=True, slots=True)
class Killed:
    """How many containers were killed, and the ids of those that run on."""

    count: int
    left: tuple[str, ...] = ()


def kill_all(instance: str) -> Killed:
    """Kills every container of an instance at once, in threads of its own.

    For the emergency stop from the command line. `UserFacing` when the engine does not answer.
    """
    import docker
    from docker.errors import DockerException
    from requests.exceptions import RequestException

    try:
        with closing(docker.from_env(timeout=int(CALL_WITHIN_S))) as client:
            found = client.containers.list(  # sparse: one that goes away meanwhile is no error
                filters={"label": f"agentai.instance={instance}"}, sparse=True
            )
            with ThreadPoolExecutor(max_workers=8) as threads:
                ends = list(threads.map(_kill, found))
    except (DockerException, RequestException) as error:
        raise NO_ENGINE from error
    left = [c.short_id for c, end in zip(found, ends, strict=True) if end == "runs on"]
    return Killed(count=ends.count("killed"), left=tuple(left))


def _kill(container: Container) -> Literal["killed", "gone", "runs on"]:
    from docker.errors import APIError, NotFound
    from requests.exceptions import RequestException

    try:
        container.kill()
    except (APIError, RequestException) as error:  # most often it has just ended by itself
        log.info("container %s: %s", container.short_id, error)
    else:
        return "killed"
    try:
        container.reload()
    except NotFound:
        return "gone"
    except (APIError, RequestException):
        return "runs on"  # nobody knows
    return "runs on" if container.status in {"running", "paused", "restarting"} else "gone"
