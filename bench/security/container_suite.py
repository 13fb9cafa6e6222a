"""What a hostile program finds in a task's container, counted: attempts, and how many held.

`hard` adds a fork bomb, a full disk and full memory, each against the container's own limits.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import docker

from executors.docker_launcher import DockerLauncher
from executors.images import BUILD_S, build_image, project_root
from executors.isolation import prove
from executors.ports import Limits

if TYPE_CHECKING:
    from executors.isolation import Attempt

LIMITS = Limits(memory_mb=256, processes=64, disk_mb=32, cpus=1.0, runtime="")
HOST = ("10.255.255.1", "/var/run/docker.sock")


def image() -> str:
    """The image of this checkout; it is built where it is missing."""
    client = docker.from_env(timeout=BUILD_S)
    try:
        return build_image(client, project_root(), "executor", lambda line: None)
    finally:
        client.close()


async def measure(hard: bool) -> tuple[tuple[Attempt, ...], int]:
    """The attempts of one proof, and how many held."""
    launcher = DockerLauncher(image=image(), instance="bench", host="bench-isolation")
    try:
        with tempfile.TemporaryDirectory(prefix="agentai-proof-") as root:
            attempts = await prove(launcher, Path(root), limits=LIMITS, addresses=HOST, hard=hard)
    finally:
        launcher.close()
    return attempts, sum(a.held for a in attempts)
