"""`agentai image`: builds the image that task containers run, unless it exists."""

from __future__ import annotations

import sys


def main(argv: list[str]) -> int:
    """Builds the executor image; progress goes to standard error, its name to standard output."""
    import docker
    from docker.errors import DockerException

    from core.errors import UserFacing
    from executors.images import BUILD_S, build_executor_image, project_root

    try:
        client = docker.from_env(timeout=BUILD_S)
    except DockerException as error:
        raise UserFacing(
            "No container engine answers.", "`make up` installs and starts one where it may."
        ) from error
    try:
        tag = build_executor_image(client, project_root(), _say)
    finally:
        client.close()
    if "--quiet" not in argv:
        print(tag)
    return 0


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
