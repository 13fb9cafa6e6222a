"""The images for tests that start containers, built once for all test processes."""

from __future__ import annotations

import fcntl
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import docker
import pytest

from executors.images import BUILD_S, build_image, project_root

if TYPE_CHECKING:
    from core.tasks import Box


@pytest.fixture(scope="session")
def executor_image() -> str:
    """The name of the image, which the engine has. Without an engine the test fails."""
    return _built("executor")


@pytest.fixture(scope="session")
def reader_image() -> str:
    """The same of the image that reads documents."""
    return _built("reader")


def _built(box: Box) -> str:
    lock = Path(tempfile.gettempdir(), f"agentai-image-{os.geteuid()}.lock")
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        client = docker.from_env(timeout=BUILD_S)
        try:
            return build_image(client, project_root(), box, lambda line: None)
        finally:
            client.close()
