"""The container engine, its image, and a container like a task's."""

from __future__ import annotations

import os
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from agentai.checks.setting import checked_env, config_in_force
from core.errors import UserFacing

if TYPE_CHECKING:
    from executors.ports import Limits

ENGINE_SOCKET = Path("/var/run/docker.sock")


async def engine() -> str:
    """The container engine and the image; says both."""
    from executors.docker_launcher import NO_ENGINE, DockerLauncher
    from executors.images import executor_image_tag, project_root

    image = executor_image_tag(project_root())
    launcher = DockerLauncher(image=image, instance="doctor", host="doctor")
    try:
        await launcher.check()
    except UserFacing as error:
        if error.text == NO_ENGINE.text:
            raise _no_engine() from error
        raise
    finally:
        launcher.close()
    return f"answers, {image} is there"


def _no_engine() -> UserFacing:
    """Why the engine may not answer, and what to do about it."""
    if address := os.environ.get("DOCKER_HOST"):
        return UserFacing(f"No engine answers at {address}.", "Correct DOCKER_HOST, or unset it.")
    if ENGINE_SOCKET.exists() and not os.access(ENGINE_SOCKET, os.W_OK):
        return UserFacing(
            "This user may not speak to the container engine.",
            "sudo usermod -aG docker $USER, then log in again.",
        )
    return UserFacing(
        "The container engine does not answer.",
        "`make up` as root installs and starts it; elsewhere: systemctl start docker",
    )


async def container() -> str:
    """A hardened container like a task's: started, its worker connected, removed again."""
    from executors.docker_launcher import NO_ENGINE, DockerLauncher
    from executors.images import executor_image_tag, project_root
    from executors.pool import Pool

    limits = await _limits()
    image = executor_image_tag(project_root())
    launcher = DockerLauncher(image=image, instance="doctor", host="doctor")
    with tempfile.TemporaryDirectory(prefix="doctor-", dir=checked_env().home) as folder:
        pool = Pool(root=Path(folder), launcher=launcher)
        began = time.monotonic()
        try:
            await launcher.check()
            await pool.discard(await pool.start(limits))
        except UserFacing as error:
            raise (_no_engine() if error.text == NO_ENGINE.text else error) from error
        finally:
            launcher.close()
    return f"a hardened one came up and went in {time.monotonic() - began:.1f} s"


async def _limits() -> Limits:
    from executors.ports import Limits as Chosen

    return Chosen.of(await config_in_force())
