"""Python packages that a skill's manifest names, fetched for its task before the work begins.

    manifest ──► pip (host, wheels only) ──► HOME/packages ──► slot ──► /run/agentai/packages

Threat: a package is code from strangers. It runs only inside the container, with the skill's own
grant and nothing else; this machine downloads and unpacks it and never imports, builds or runs any
of it (`pip_guard`). The skill gets no network by it: the index is asked by this host, and only for
the names that stand in the manifest, which the owner has seen. What an index answered the first
time is kept with its digests and used from then on, so a package that is replaced there later does
not reach a skill that was allowed before: not even when the cache was lost and only the digests are
left. Fetching is bounded in bytes and time.

The index is the one that pip's own configuration on this machine names.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import platform
import re
import shutil
import signal
import sys
import time
from collections import defaultdict
from pathlib import Path
from tempfile import mkdtemp
from typing import TYPE_CHECKING

from core.errors import UserFacing
from core.hygiene import clean
from executors.wheels import FETCHING, SET_CAP, Wheel, Wheelhouse, differs, lay

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    Say = Callable[[str], Awaitable[None]]

NAME = "packages"
FETCH_WITHIN_S = 300.0
LEFT_OVER_S = 3600.0  # so old a folder of a fetch belongs to a process that was killed
LOOK_EVERY_S = 1.0
SAY_EVERY = 5  # looks
OUTPUT_CAP = 256 * 1024
PYTHON = "3.11"  # of the container's image
NEWEST_GLIBC = 36  # of Debian 12
GUARD = Path(__file__).with_name("pip_guard.py")
_KEPT = ("PIP_", "SSL_CERT_", "REQUESTS_CA_", "CURL_CA_", "XDG_CONFIG")
_KEPT_NAMES = frozenset({"PATH", "HOME", "LANG", "NO_PROXY", "no_proxy", "HTTP_PROXY",
                         "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy"})  # fmt: skip
_REQUIREMENT = re.compile(
    r"[A-Za-z0-9][A-Za-z0-9._-]*(?:(?:==|>=|<=|~=|!=|<|>)[A-Za-z0-9.+!*_-]+)?"
)
_ADDRESS = re.compile(r"\S+://\S+")


class NoPackages(UserFacing):
    """A task's packages cannot be had; the text says which and why."""


class Packages:
    """Fetches sets of packages once, and lays them into slots."""

    def __init__(self, root: Path) -> None:
        self._house = Wheelhouse(root)
        self._locks: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def give(self, wanted: tuple[str, ...], sock: Path, say: Say) -> tuple[Wheel, ...]:
        """Puts what is `wanted` into the slot; again after a restart, with the same outcome.

        Raises `NoPackages`. Cancelling ends the download; what was whole stays in the cache.
        """
        try:
            async with asyncio.timeout(FETCH_WITHIN_S):
                wheels = await self._ready(wanted, say)
            tree = self._house.tree(key_of(wanted))
            await asyncio.to_thread(lay, tree, sock / NAME)
        except TimeoutError as error:
            raise _failed(wanted, f"they took longer than {FETCH_WITHIN_S:.0f} seconds") from error
        except NoPackages:
            raise
        except UserFacing as error:
            raise _failed(wanted, error.text.rstrip(".")) from error
        except OSError as error:
            raise _failed(wanted, error.strerror or "they cannot be kept") from error
        return wheels

    async def _ready(self, wanted: tuple[str, ...], say: Say) -> tuple[Wheel, ...]:
        key = key_of(wanted)
        async with self._locks[key]:
            known = await asyncio.to_thread(self._house.known, key)
            if known is not None and self._house.tree(key).is_dir():
                return known
            if known is not None and await asyncio.to_thread(self._house.has, known):
                await asyncio.to_thread(self._house.unpack, key, known)
                return known
            return await self._fetch(wanted, key, say, known)

    async def _fetch(
        self, wanted: tuple[str, ...], key: str, say: Say, known: tuple[Wheel, ...] | None
    ) -> tuple[Wheel, ...]:
        self._house.root.mkdir(parents=True, exist_ok=True, mode=0o700)
        await asyncio.to_thread(self._house.sweep, before=time.time() - LEFT_OVER_S)
        staging = Path(mkdtemp(prefix=FETCHING, dir=self._house.root))
        try:
            for name in ("wheels", "tmp"):
                (staging / name).mkdir()
            await _download(wanted, staging, say)
            fetched = staging / "wheels"
            if known is not None and (other := await asyncio.to_thread(differs, known, fetched)):
                raise _failed(wanted, f"the index now gives another {other} than before")
            return await asyncio.to_thread(self._house.keep, key, wanted, fetched)
        finally:
            shutil.rmtree(staging, ignore_errors=True)


def key_of(wanted: tuple[str, ...]) -> str:
    """The name of a set: the requirements, and what they are for."""
    facts = [sorted({one.strip() for one in wanted}), PYTHON, platform.machine()]
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:32]


def command(wanted: tuple[str, ...], target: Path) -> tuple[str, ...]:
    """The program that downloads wheels for the container, and nothing else.

    Raises `NoPackages` for what is not plainly a name with at most one version.
    """
    odd = [one for one in wanted if not _REQUIREMENT.fullmatch(one)]
    if odd:
        raise _failed(wanted, f"{clean(odd[0], cap=60)} is no name of a package")
    machine = platform.machine()
    tags = [f"manylinux_2_{minor}_{machine}" for minor in range(NEWEST_GLIBC, 4, -1)]
    return (
        sys.executable, "-I", "-B", str(GUARD), "--disable-pip-version-check", "--no-input",
        "--no-color", "download", "--only-binary", ":all:", "--progress-bar", "off",
        "--dest", str(target), "--python-version", PYTHON, "--implementation", "cp",
        *(part for abi in ("cp311", "abi3", "none") for part in ("--abi", abi)),
        *(part for tag in (*tags, f"manylinux2014_{machine}") for part in ("--platform", tag)),
        "--", *wanted,
    )  # fmt: skip


def environment(tmp: Path) -> dict[str, str]:
    """What pip needs to know; none of our own settings or secrets."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if name in _KEPT_NAMES or name.startswith(_KEPT)
    }
    return kept | {"TMPDIR": str(tmp), "PIP_NO_CACHE_DIR": "1"}


async def _download(wanted: tuple[str, ...], staging: Path, say: Say) -> None:
    """Runs pip until it ends or has written too much; its whole group ends with us."""
    output = staging / "output"
    names = clean(", ".join(wanted), cap=200)
    await say(f"Getting packages: {names}")
    with output.open("wb") as sink:
        process = await asyncio.create_subprocess_exec(
            *command(wanted, staging / "wheels"), cwd=staging / "tmp",
            env=environment(staging / "tmp"), stdin=asyncio.subprocess.DEVNULL,
            stdout=sink, stderr=sink, start_new_session=True,
        )  # fmt: skip
    try:
        await _watch(process, staging, say, wanted)
    finally:
        if process.returncode is None:
            os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
    if process.returncode != 0:
        with output.open("rb") as file:
            raise _failed(wanted, reason(file.read(OUTPUT_CAP).decode(errors="replace")))


async def _watch(
    process: asyncio.subprocess.Process, staging: Path, say: Say, wanted: tuple[str, ...]
) -> None:
    looks = 0
    while True:
        try:
            async with asyncio.timeout(LOOK_EVERY_S):
                await process.wait()
        except TimeoutError:
            pass
        else:
            return
        looks += 1
        size = await asyncio.to_thread(_size, staging)
        if size > 2 * SET_CAP:  # a file lies in both folders while pip moves it
            raise _failed(wanted, f"they are larger than {SET_CAP // 1024 // 1024} MB together")
        if looks % SAY_EVERY == 0:
            await say(f"Getting packages: {size / 1e6:.0f} MB so far")


def _size(folder: Path) -> int:
    total = 0
    for above, _, names in os.walk(folder):
        for name in names:
            try:
                total += os.lstat(f"{above}/{name}").st_size
            except FileNotFoundError:
                continue
    return total


def reason(output: str) -> str:
    """Why pip failed, in words: its own last error, without addresses. Pure."""
    lines = [line.strip() for line in output.splitlines()]
    errors = [line.removeprefix("ERROR:").strip() for line in lines if line.startswith("ERROR:")]
    for line in reversed(errors):
        if line.startswith("No matching distribution found for "):
            name = clean(line.removeprefix("No matching distribution found for "), cap=80)
            return f"the index has no {name.split(' ')[0]} for the container (wheels only)"
    text = " ".join(output.split())
    if "ResolutionImpossible" in text:
        return "their versions do not fit together"
    if "which never happens here" in text or "address of its own" in text:
        return "one of them would have to be built on this machine, which never happens"
    if "No module named pip" in text or "No module named 'pip" in text:
        return "pip is not installed on this machine"
    last = errors[-1] if errors else next((line for line in reversed(lines) if line), "pip failed")
    return clean(_ADDRESS.sub("the index", last), cap=200).rstrip(".")


def _failed(wanted: tuple[str, ...], why: str) -> NoPackages:
    names = clean(", ".join(wanted), cap=200)
    hint = "Mend the list in the skill's manifest, or the machine's pip settings."
    return NoPackages(f"The packages {names} cannot be installed: {why}.", hint)
