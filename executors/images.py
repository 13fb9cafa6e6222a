"""The images that task containers run: their names, and how they are built.

The name holds a hash of everything an image is made from (`executors.boxes`), so that a changed
worker makes a new image and an unchanged one is never built twice. `image_tag` is what the executor
host asks at every start; it reads a few small files and imports nothing heavy. Building happens in
`agentai image`, once.
"""

from __future__ import annotations

import hashlib
import io
import os
import re
import tarfile
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.errors import UserFacing
from executors.boxes import EXTRAS, SPECS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from docker import DockerClient

    from core.tasks import Box
    from executors.boxes import BoxSpec

PUBLIC_BASE = "python:3.11-slim-bookworm"
BASE_VARIABLE = "BASE_IMAGE"
PROBE_S = 15
BUILD_S = 1800


def project_root() -> Path:
    """The folder that holds the Dockerfile and our packages."""
    return Path(__file__).resolve().parent.parent


def image_tag(root: Path, box: Box = "executor") -> str:
    """The full name of a box's image for the files under `root`; no engine is asked."""
    spec = SPECS[box]
    if chosen := os.environ.get(spec.variable):
        return chosen  # somebody else built it (compose, a private registry)
    digest = hashlib.sha256(os.environ.get(BASE_VARIABLE, "").encode())
    digest.update("".join(f"\0{package}" for package in spec.packages).encode())
    digest.update(f"\0{stages((root / 'Dockerfile').read_text('utf-8'), box)}".encode())
    for path in _sources(root, spec):
        digest.update(f"\0{path.relative_to(root)}\0".encode())
        digest.update(path.read_bytes())
    return f"{spec.repository}:{digest.hexdigest()[:16]}"


def executor_image_tag(root: Path) -> str:
    """The full name of the executor image."""
    return image_tag(root, "executor")


_STAGE = re.compile(r"(?im)^from\s+(\S+)\s+as\s+(\S+)\s*$")


def stages(dockerfile: str, target: str) -> str:
    """What of a Dockerfile the stage `target` is made of: it, what it stands on, the top. Pure.

    All of it when there is no such stage. Engines without BuildKit would build the others, too.
    """
    parts = re.split(r"(?im)^(?=(?:#[^\n]*\n)*from\s)", dockerfile)
    named = {m[2].lower(): (m[1], part) for part in parts[1:] if (m := _STAGE.search(part))}
    wanted, kept = target.lower(), list[str]()
    while wanted in named:
        wanted, part = named[wanted][0].lower(), named[wanted][1]
        kept.insert(0, part)
    return "".join([parts[0], *kept]) if kept else dockerfile


def _sources(root: Path, spec: BoxSpec) -> Iterator[Path]:
    """Every file the image is made from, but for the Dockerfile, in a fixed order."""
    for name in spec.sources:
        path = root / name
        if not path.is_dir():
            yield path
            continue
        inner = (p for p in path.rglob("*") if p.is_file() and "__pycache__" not in p.parts)
        yield from sorted(inner)


def build_image(client: DockerClient, root: Path, box: Box, say: Callable[[str], None]) -> str:
    """Builds a box's image unless it exists; returns its name. `say` gets a line of progress.

    `client` needs a timeout long enough for a build (`BUILD_S`). Raises `UserFacing` when it fails;
    nothing half-built carries the name.
    """
    from docker.errors import ImageNotFound

    spec, tag = SPECS[box], image_tag(root, box)
    try:
        client.images.get(tag)
    except ImageNotFound:
        pass
    else:
        say(f"image: {tag} is there already")
        return tag
    if os.environ.get(spec.variable):
        raise UserFacing(f"The image {tag} is not on this machine.", "Build it or pull it first.")
    base = spec.base(client, say) if spec.base else choose_base(client, say, spec.packages)
    say(f"image: building {tag} on {base}")
    _build(client, root, spec, base=base, tag=tag, say=say)
    return tag


def choose_base(
    client: DockerClient, say: Callable[[str], None], packages: tuple[str, ...] = ()
) -> str:
    """What to build on: the base asked for, the public one, or one made from Debian's packages."""
    if wanted := os.environ.get(BASE_VARIABLE):
        return wanted
    if _can_have(client, PUBLIC_BASE):
        say(f"image: {PUBLIC_BASE} is the base")
        return PUBLIC_BASE
    say("image: no image registry can be reached, so the base is made from Debian's packages")
    from executors.debian_base import debian_base

    return debian_base(client, say, packages)


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


def _build(  # noqa: PLR0913, RUF100 - what the engine is told
    client: DockerClient, root: Path, spec: BoxSpec, *, base: str, tag: str,
    say: Callable[[str], None],
) -> None:  # fmt: skip
    from docker.errors import APIError

    with tempfile.TemporaryDirectory(prefix="agentai-image-", dir="/var/tmp") as folder:
        extras = Path(folder)
        if spec.fetch is not None:
            spec.fetch(root, extras, say)
        try:
            lines = client.api.build(
                fileobj=_context(root, spec, extras), custom_context=True, target=spec.name,
                tag=tag, buildargs={"BASE_IMAGE": base}, rm=True, forcerm=True, decode=True,
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


def _context(root: Path, spec: BoxSpec, extras: Path | None = None) -> io.BytesIO:
    """A tar of the sources; the same files give the same bytes, so the engine's cache holds."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        _put_dockerfile(tar, stages((root / "Dockerfile").read_text("utf-8"), spec.name))
        for path in _sources(root, spec):
            _put(tar, str(path.relative_to(root)), path)
        if extras is not None:
            for path in sorted(p for p in extras.rglob("*") if p.is_file()):
                _put(tar, f"{EXTRAS}/{path.relative_to(extras)}", path)
    buffer.seek(0)
    return buffer


def _put_dockerfile(tar: tarfile.TarFile, text: str) -> None:
    content = text.encode()
    entry = tarfile.TarInfo("Dockerfile")
    entry.size = len(content)
    entry.mode = 0o644
    tar.addfile(entry, io.BytesIO(content))


def _put(tar: tarfile.TarFile, name: str, path: Path) -> None:
    entry = tarfile.TarInfo(name)
    entry.size = path.stat().st_size
    entry.mode = 0o644
    with path.open("rb") as file:
        tar.addfile(entry, file)
