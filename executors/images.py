"""The image that task containers run: its name, and how it is built.

The name holds a hash of everything the image is made from, so that a changed worker makes a new
image and an unchanged one is never built twice. `executor_image_tag` is what the executor host asks
at every start; it reads a few small files and imports nothing heavy. Building happens in `agentai
image`, once.
"""

from __future__ import annotations

import hashlib
import io
import os
import tarfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.errors import UserFacing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from docker import DockerClient

REPOSITORY = "agentai-executor"
PUBLIC_BASE = "python:3.11-slim-bookworm"
# An image that somebody else built (compose, a private registry); then nothing is built or hashed
# here.
IMAGE_VARIABLE = "AGENTAI_EXECUTOR_IMAGE"
BASE_VARIABLE = "BASE_IMAGE"
PROBE_S = 15
BUILD_S = 1800


def project_root() -> Path:
    """The folder that holds the Dockerfile and our packages."""
    return Path(__file__).resolve().parent.parent


def executor_image_tag(root: Path) -> str:
    """The full name of the executor image for the files under `root`; no engine is asked."""
    if chosen := os.environ.get(IMAGE_VARIABLE):
        return chosen
    digest = hashlib.sha256(os.environ.get(BASE_VARIABLE, "").encode())
    for path in _sources(root):
        digest.update(f"\0{path.relative_to(root)}\0".encode())
        digest.update(path.read_bytes())
    return f"{REPOSITORY}:{digest.hexdigest()[:16]}"


def _sources(root: Path) -> Iterator[Path]:
    """Every file the image is made from, in a fixed order."""
    yield root / "Dockerfile"
    yield root / "executors" / "__init__.py"
    for name in ("__init__.py", "confusables.py", "hygiene.py"):
        yield root / "core" / name
    worker = root / "executors" / "worker"
    yield from sorted(
        path for path in worker.rglob("*") if path.is_file() and "__pycache__" not in path.parts
    )


def build_executor_image(client: DockerClient, root: Path, say: Callable[[str], None]) -> str:
    """Builds the image unless it exists; returns its name. Progress goes to `say`, a line a call.

    `client` needs a timeout long enough for a build (`BUILD_S`). Raises `UserFacing` when it fails;
    nothing half-built carries the name.
    """
    from docker.errors import ImageNotFound

    tag = executor_image_tag(root)
    try:
        client.images.get(tag)
    except ImageNotFound:
        pass
    else:
        say(f"image: {tag} is there already")
        return tag
    if os.environ.get(IMAGE_VARIABLE):
        raise UserFacing(f"The image {tag} is not on this machine.", "Build it or pull it first.")
    base = choose_base(client, say)
    say(f"image: building {tag} on {base}")
    _build(client, root, base=base, tag=tag, say=say)
    return tag


def choose_base(client: DockerClient, say: Callable[[str], None]) -> str:
    """What to build on: the base asked for, the public one, or one made from Debian's packages."""
    if wanted := os.environ.get(BASE_VARIABLE):
        return wanted
    if _can_have(client, PUBLIC_BASE):
        say(f"image: {PUBLIC_BASE} is the base")
        return PUBLIC_BASE
    say("image: no image registry can be reached, so the base is made from Debian's packages")
    from executors.debian_base import debian_base

    return debian_base(client, say)


def _can_have(client: DockerClient, image: str) -> bool:
    """Whether `image` is here or its registry answers within `PROBE_S`."""
    import docker
    from docker.errors import DockerException, ImageNotFound
    from requests.exceptions import RequestException

    try:
        client.images.get(image)
    except ImageNotFound:
        pass
    else:
        return True
    try:
        probe = docker.from_env(timeout=PROBE_S)
        try:
            probe.api.inspect_distribution(image)
        finally:
            probe.close()
    except (DockerException, RequestException):
        return False
    return True


def _build(
    client: DockerClient, root: Path, *, base: str, tag: str, say: Callable[[str], None]
) -> None:
    from docker.errors import APIError

    try:
        lines = client.api.build(
            fileobj=_context(root), custom_context=True, target="executor", tag=tag,
            buildargs={"BASE_IMAGE": base}, rm=True, forcerm=True, decode=True,
            network_mode="none" if base.startswith("agentai-base:") else None,
        )  # fmt: skip
        for line in lines:
            _report(line, say)
    except APIError as error:
        raise UserFacing(f"The image cannot be built: {error.explanation}") from error


def _report(line: dict[str, Any], say: Callable[[str], None]) -> None:
    """Passes on what a person wants to see; an error in the stream ends the build."""
    if "error" in line:
        raise UserFacing(f"The image cannot be built: {str(line['error']).strip()}")
    text = str(line.get("stream") or "").strip()
    if text.startswith("Step "):
        step, _, what = text.splitlines()[0].partition(" : ")
        say(f"image: {step.lower()} {what.partition(' ')[0]}")


def _context(root: Path) -> io.BytesIO:
    """A tar of the sources; the same files give the same bytes, so the engine's cache holds."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for path in _sources(root):
            entry = tarfile.TarInfo(str(path.relative_to(root)))
            entry.size = path.stat().st_size
            entry.mode = 0o644
            with path.open("rb") as file:
                tar.addfile(entry, file)
    buffer.seek(0)
    return buffer
