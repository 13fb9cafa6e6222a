"""Runs a skill's own examples, each in a fresh container, for its author. Blocks.

    examples/NAME/command    what to run, one line of bash; {baseDir} is the skill's folder
    examples/NAME/files/     the owner's files as the example has them
    examples/NAME/expected   lines that its output must hold, one a line; may be missing

Threat: an example is code of whoever wrote the skill. So it runs as a task does: no network, no
capability, a read-only root, an unprivileged user, limits; of this machine it sees a copy of its
own files. It has no gateway and no secret at all, also where the manifest names some.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import tempfile
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.errors import UserFacing
from core.hygiene import visible
from core.skill_orders import FOLDER

if TYPE_CHECKING:
    from collections.abc import Mapping

    from docker import DockerClient

WITHIN_S = 120
OUTPUT_CAP = 64 * 1024
MEMORY = 512 * 1024 * 1024
USER = 10001
RUN = "( {command} ) > /work/.output 2>&1"


@dataclass(frozen=True, kw_only=True, slots=True)
class Example:
    """One example; `files` are the owner's files by their names."""

    name: str
    command: str
    files: Mapping[str, bytes]
    expected: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Ran:
    """How an example ended; `fault` is empty when it did as it should."""

    name: str
    fault: str
    output: str


def examples_of(files: Mapping[str, bytes]) -> tuple[Example, ...]:
    """The examples among a skill's files, by their names. Pure."""
    names = sorted({
        path.split("/")[1]
        for path in files
        if path.startswith("examples/") and path.endswith("/command") and path.count("/") == 2
    })  # fmt: skip
    return tuple(_example(name, files) for name in names)


def _example(name: str, files: Mapping[str, bytes]) -> Example:
    start = f"examples/{name}/files/"
    lines = files.get(f"examples/{name}/expected", b"").decode(errors="replace").splitlines()
    command = files[f"examples/{name}/command"].decode(errors="replace").strip()
    return Example(
        name=name, command=command.replace("{baseDir}", FOLDER),
        files={path.removeprefix(start): content for path, content in files.items()
               if path.startswith(start)},
        expected=tuple(line for line in lines if line.strip()),
    )  # fmt: skip


def judged(example: Example, code: int | None, output: str) -> Ran:
    """What became of an example. Pure."""
    missing = [line for line in example.expected if line not in output]
    fault = ""
    if code is None:
        fault = f"it ran longer than {WITHIN_S} seconds"
    elif missing:
        fault = f"its output lacks {missing[0]!r}"
    elif code != 0 and not example.expected:
        fault = f"it ended with exit code {code}"
    return Ran(name=example.name, fault=fault, output=visible(output))


def run_examples(
    files: Mapping[str, bytes], *, image: str, packages: tuple[str, ...], cache: Path
) -> tuple[Ran, ...]:
    """Runs every example of a skill. UserFacing without an engine, an image or the packages."""
    import docker
    from docker.errors import DockerException

    try:
        with closing(docker.from_env(timeout=WITHIN_S + 30)) as client:
            return tuple(
                _run(client, example, files, image=image, packages=packages, cache=cache)
                for example in examples_of(files)
            )
    except DockerException as error:
        hint = "Start Docker, and run `agentai image` once; `agentai doctor` says more."
        raise UserFacing("The examples cannot be run in a container.", hint) from error


def _run(
    client: DockerClient, example: Example, files: Mapping[str, bytes], *,
    image: str, packages: tuple[str, ...], cache: Path,
) -> Ran:  # fmt: skip
    place = Path(tempfile.mkdtemp(prefix="agentai-example-"))
    try:
        _put(place / "run" / "skill", files)
        _put(place / "work" / "files", example.files)
        if packages:
            asyncio.run(_give(packages, place / "run", cache))
        place.chmod(0o755)
        _own(place / "work")
        code = _wait(client, example, image, place)
        output = _output(place / "work" / ".output")
    finally:
        shutil.rmtree(place, ignore_errors=True)
    return judged(example, code, output)


async def _give(packages: tuple[str, ...], run: Path, cache: Path) -> None:
    from executors.packages import Packages

    async def say(_text: str) -> None:
        """The author waits at the command line; the end of it is told."""

    await Packages(cache).give(packages, run, say)


def _put(folder: Path, files: Mapping[str, bytes]) -> None:
    folder.mkdir(parents=True)
    for path, content in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)


def _own(work: Path) -> None:
    if os.geteuid() == 0:
        for path in (work, *work.rglob("*")):
            os.chown(path, USER, USER)


def _wait(client: DockerClient, example: Example, image: str, place: Path) -> int | None:
    """The exit code; None when its time was up."""
    from requests.exceptions import RequestException

    command = ["/bin/bash", "-c", RUN.format(command=example.command)]
    container = client.containers.run(image, command, **_options(place))
    try:
        return int(container.wait(timeout=WITHIN_S)["StatusCode"])
    except RequestException:
        return None
    finally:
        container.remove(force=True)


def _options(place: Path) -> dict[str, Any]:
    from docker.types import LogConfig, Mount, Ulimit

    profile = json.loads(Path(__file__).with_name("seccomp.json").read_text(encoding="utf-8"))
    user = USER if os.geteuid() == 0 else os.geteuid()
    disk = 256 * 1024 * 1024
    return {
        "detach": True, "network_mode": "none", "read_only": True, "cap_drop": ["ALL"],
        "init": True, "user": f"{user}:{user if os.geteuid() == 0 else os.getegid()}",
        "security_opt": ["no-new-privileges:true", f"seccomp={json.dumps(profile)}"],
        "working_dir": "/work", "pids_limit": 128, "mem_limit": MEMORY, "memswap_limit": MEMORY,
        "nano_cpus": 1_000_000_000, "log_config": LogConfig(type="none"),
        "tmpfs": {"/tmp": "rw,nosuid,nodev,size=64m,mode=1777"},  # noqa: S108 - inside
        "ulimits": [Ulimit(name="fsize", soft=disk, hard=disk)],
        "environment": {"PYTHONDONTWRITEBYTECODE": "1", "PYTHONPATH": "/run/agentai/packages"},
        "mounts": [
            Mount("/work", str(place / "work"), type="bind"),
            Mount("/run/agentai", str(place / "run"), type="bind", read_only=True),
        ],
    }  # fmt: skip


def _output(path: Path) -> str:
    """What it printed; what the example may have put in the file's place is not followed."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return ""
    with os.fdopen(descriptor, "rb") as file:
        return file.read(OUTPUT_CAP).decode(errors="replace")
