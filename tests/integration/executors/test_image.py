from __future__ import annotations

from typing import TYPE_CHECKING

import docker
import pytest

from executors.images import BUILD_S, build_image, project_root

if TYPE_CHECKING:
    from collections.abc import Iterator

    from docker import DockerClient

TOOLS = ("bash", "curl", "file", "git", "jq", "ps", "python3", "rg", "unzip")


@pytest.fixture
def engine() -> Iterator[DockerClient]:
    client = docker.from_env(timeout=BUILD_S)
    yield client
    client.close()


def run(engine: DockerClient, image: str, script: str) -> str:
    output = engine.containers.run(
        image, ["bash", "-c", script], remove=True, network_mode="none", read_only=True,
        cap_drop=["ALL"],
    )  # fmt: skip
    return str(output.decode())


def test_an_image_that_is_there_is_not_built_again(
    engine: DockerClient, executor_image: str
) -> None:
    said: list[str] = []
    assert build_image(engine, project_root(), "executor", said.append) == executor_image
    assert said == [f"image: {executor_image} is there already"]


def test_the_image_holds_the_promised_tools(engine: DockerClient, executor_image: str) -> None:
    found = run(engine, executor_image, f"command -v {' '.join(TOOLS)}")
    assert len(found.split()) == len(TOOLS)


def test_it_runs_as_an_ordinary_user_who_cannot_change_the_worker(
    engine: DockerClient, executor_image: str
) -> None:
    assert run(engine, executor_image, "id -u; id -g").split() == ["10001", "10001"]
    writable = run(engine, executor_image, "find /opt/agentai -writable | wc -l")
    assert writable.strip() == "0"


def test_the_worker_is_where_the_launcher_looks_for_it(
    engine: DockerClient, executor_image: str
) -> None:
    shown = run(engine, executor_image, "test -r /opt/agentai/executors/worker/main.py && echo yes")
    assert shown.strip() == "yes"
