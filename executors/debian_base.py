"""A base image made from Debian's packages, for machines that reach no image registry.

It holds Python and every tool that the Dockerfile would install. mmdebstrap makes it in under a
minute; debootstrap does, too, where it is what the machine has.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from core.errors import UserFacing

if TYPE_CHECKING:
    from collections.abc import Callable

    from docker import DockerClient

REPOSITORY = "agentai-base"
SUITE = "bookworm"
# python3 in full: python3-minimal lacks half of the standard library.
PACKAGES = (
    "bash", "ca-certificates", "coreutils", "curl", "file", "fonts-dejavu-core", "git", "jq",
    "librsvg2-bin", "poppler-utils", "procps", "python3", "ripgrep", "unzip",
)  # fmt: skip
# Nobody reads manual pages in a container; leaving them out halves the time.
LEFT_OUT = ("/usr/share/doc/*", "/usr/share/man/*", "/usr/share/info/*", "/usr/share/locale/*")
LIMIT_S = 1200


def base_tag(extra: tuple[str, ...] = ()) -> str:
    """The base's name; it changes with the list of packages, to which `extra` are added."""
    facts = "\n".join((SUITE, *PACKAGES, *extra, *LEFT_OUT))
    return f"{REPOSITORY}:{hashlib.sha256(facts.encode()).hexdigest()[:16]}"


def debian_base(
    client: DockerClient, say: Callable[[str], None], extra: tuple[str, ...] = ()
) -> str:
    """Makes the base unless it exists; returns its name. Needs root and Debian's servers."""
    from docker.errors import ImageNotFound

    tag = base_tag(extra)
    try:
        client.images.get(tag)
    except ImageNotFound:
        pass
    else:
        say(f"image: {tag} is there already")
        return tag
    command = _command((*PACKAGES, *extra))
    count = len(PACKAGES) + len(extra)
    say(f"image: {command[0]} collects {count} packages and what they need; a minute or two")
    with tempfile.TemporaryDirectory(prefix="agentai-base-", dir="/var/tmp") as folder:
        archive = _make(Path(folder), command)
        say(f"image: {archive.stat().st_size // 2**20} MB made, the engine takes them in")
        client.api.import_image(src=str(archive), repository=REPOSITORY, tag=tag.partition(":")[2])
    return tag


def _command(packages: tuple[str, ...]) -> tuple[str, ...]:
    """What makes the archive; installs mmdebstrap where that is possible."""
    if os.geteuid() != 0:
        raise UserFacing(
            "No image registry can be reached, and only root can make an image from packages.",
            "Run `make up` once as root, or set BASE_IMAGE to an image this machine has.",
        )
    if not shutil.which("mmdebstrap") and not shutil.which("debootstrap"):
        _install()
    if shutil.which("mmdebstrap"):
        options = [f"--dpkgopt=path-exclude={path}" for path in LEFT_OUT]
        return (
            "mmdebstrap",
            "--variant=minbase",
            f"--include={','.join(packages)}",
            *options,
            SUITE,
        )
    return ("debootstrap", "--variant=minbase", f"--include={','.join(packages)}", SUITE)


def _install() -> None:
    if not shutil.which("apt-get"):
        raise UserFacing(
            "No image registry can be reached, and this system has no apt-get.",
            "Install mmdebstrap or debootstrap, or set BASE_IMAGE to an image this machine has.",
        )
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    _run(("apt-get", "update", "-q"), environment)
    _run(("apt-get", "install", "-q", "-y", "--no-install-recommends", "mmdebstrap"), environment)


def _make(folder: Path, command: tuple[str, ...]) -> Path:
    archive = folder / "base.tar"
    environment = dict(os.environ)
    if command[0] == "mmdebstrap":
        _run((*command, str(archive)), environment)
        return archive
    tree = folder / "tree"
    _run((*command, str(tree)), environment)
    _run(("tar", "-C", str(tree), "--numeric-owner", "-cf", str(archive), "."), environment)
    return archive


def _run(command: tuple[str, ...], environment: dict[str, str]) -> None:
    done = subprocess.run(  # noqa: S603 - fixed programs, no shell
        command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True,
        errors="replace", timeout=LIMIT_S, check=False,
    )  # fmt: skip
    if done.returncode != 0:
        last = "\n".join(done.stderr.strip().splitlines()[-5:])
        raise UserFacing(f"{command[0]} failed with code {done.returncode}:\n{last}")
