"""The executor image for tests that start containers, built once for all test processes."""

from __future__ import annotations

import fcntl
import os
import tempfile
from pathlib import Path

import docker
import pytest

from executors.images import BUILD_S, build_executor_image, project_root


@pytest.fixture(scope="session")
def executor_image() -> str:
    """The name of the image, which the engine has. Without an engine the test fails."""
    lock = Path(tempfile.gettempdir(), f"agentai-image-{os.geteuid()}.lock")
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        client = docker.from_env(timeout=BUILD_S)
        try:
            return build_executor_image(client, project_root(), lambda line: None)
        finally:
            client.close()
