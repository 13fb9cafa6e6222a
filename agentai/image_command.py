"""`agentai image [BOX…]`: builds the images that task containers run, unless they exist."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, get_args

from core.errors import UserFacing

if TYPE_CHECKING:
    from core.tasks import Box


def main(argv: list[str]) -> int:
    """Builds the executor image, those that are named, or with `all` every one.

    Progress goes to standard error, the names to standard output.
    """
    import docker
    from docker.errors import DockerException

    from executors.images import BUILD_S, build_image, project_root

    boxes = chosen([word for word in argv if not word.startswith("-")])
    try:
        client = docker.from_env(timeout=BUILD_S)
    except DockerException as error:
        raise UserFacing(
            "No container engine answers.", "`make up` installs and starts one where it may."
        ) from error
    try:
        tags = [build_image(client, project_root(), box, _say) for box in boxes]
    finally:
        client.close()
    if "--quiet" not in argv:
        print("\n".join(tags))
    return 0


def chosen(words: list[str]) -> tuple[Box, ...]:
    """The boxes that the words name; `UserFacing` for one that does not exist. Pure."""
    from core.tasks import Box

    boxes: tuple[Box, ...] = get_args(Box)
    if unknown := [word for word in words if word not in {*boxes, "all"}]:
        raise UserFacing(
            f"There is no image {unknown[0][:40]!r}.", f"There are {', '.join(boxes)}, and all."
        )
    if "all" in words:
        return boxes
    return tuple(box for box in boxes if box in words) or ("executor",)


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
