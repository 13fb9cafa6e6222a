"""Boxes: the kinds of containers that tasks run in, and what the image of each is made from.

    executor   commands and agents: any tool, the owner's files, the gateway
    reader     parses documents that may be hostile
    browser    a web browser

Every image holds our worker at the same place, and every container is hardened in the same way. An
image is named by a hash of its `sources`, `packages` and its part of the Dockerfile; so whatever
`fetch` or `base` bring must be pinned in one of the sources, by hash.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from core.tasks import BOXES
from executors.reader_image import fetch_reader

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from docker import DockerClient

    from core.tasks import Box

    Say = Callable[[str], None]
    Fetch = Callable[[Path, Path, Say], None]  # the project, a folder to fill
    Base = Callable[[DockerClient, Say], str]

EXTRAS = "extras"  # the folder of a build's context that holds what `fetch` brought
WORKER_SOURCES = (
    "executors/__init__.py", "core/__init__.py", "core/confusables.py", "core/hygiene.py",
    "executors/worker",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True, slots=True)
class BoxSpec:
    """What a box's image is made from; its Dockerfile target has the box's name.

    `sources` are files and folders of the project that the Dockerfile copies. `packages` are
    Debian's, on top of those of every box: where no registry can be reached they are part of the
    base, elsewhere the Dockerfile installs them. `fetch` puts files that must be downloaded into a
    folder, which the build sees as `extras/`. `base` makes the base in a way of its own.
    `seccomp` names the profile, a file beside this one. `takes` tells a person how long building
    takes, once.
    """

    name: Box
    sources: tuple[str, ...] = WORKER_SOURCES
    packages: tuple[str, ...] = ()
    fetch: Fetch | None = None
    base: Base | None = None
    seccomp: str = "seccomp.json"
    takes: str = "about a minute"

    @property
    def repository(self) -> str:
        """The image's name without its tag."""
        return f"agentai-{self.name}"

    @property
    def variable(self) -> str:
        """The variable that names an image which somebody else built."""
        return f"AGENTAI_{self.name.upper()}_IMAGE"


SPECS: dict[Box, BoxSpec] = {
    "executor": BoxSpec(name="executor", takes="about two minutes"),
    "reader": BoxSpec(
        name="reader",
        sources=(*WORKER_SOURCES, "executors/reader"),
        fetch=fetch_reader,
    ),
    "browser": BoxSpec(
        name="browser",
        sources=(*WORKER_SOURCES, "executors/browser"),
        takes="a few minutes",
        packages=("chromium", "fonts-liberation", "fonts-noto-color-emoji", "openssl"),
    ),
}
assert tuple(SPECS) == BOXES  # noqa: S101 - one list of names
