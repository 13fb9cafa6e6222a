"""The ports Run and Fetch: a check's commands and web pages, looked at in quiet tasks.

Threat: a check reaches more than its owner wrote. A command has the check's own permissions and
nothing else. Of a web page, the address in HEARTBEAT.md counts as the permission to GET that one
address; where the check's permissions speak about its host, they count instead. The instance's
ceiling holds for both, and nobody is asked. What a container answers is read as data: a number, a
digest, a line; files that it hands over are deleted.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
import shlex
from dataclasses import replace
from importlib.resources import files
from typing import TYPE_CHECKING, Protocol
from urllib.parse import urlsplit

from coordinator.quiet import discard_files
from core.errors import Denied, UserFacing
from core.manifests import as_owners_own, grant_from_json, grant_to_json
from core.policy import HostRule
from core.tasks import NewTask
from heartbeat.clock import utc_now
from heartbeat.ports import Printed

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime
    from typing import Any

    from coordinator.quiet import Ended

    Compile = Callable[[Mapping[str, object]], dict[str, Any]]

TIMEOUT_S = 110.0  # a look has two minutes
SAID_CAP = 300
PORTS = {"http": 80, "https": 443}
_SAID = re.compile(
    r"^page: (?:(\d{3}) ([0-9a-f]{64})|(?:(refused) ([a-z_]{1,40})|(failed) (.*)))$", re.MULTILINE
)
_TUNNEL = re.compile(r"^network: (.*)$", re.MULTILINE)


class Quiet(Protocol):
    """Runs a task that nobody is told of; `coordinator.quiet` does."""

    async def run(
        self, new: NewTask, *, timeout_s: float, unasked_since: datetime | None = None
    ) -> Ended:
        """Its end."""


class QuietRun:
    """The port `Run`. `compile_grant` makes a manifest of permissions, as for a check's tasks."""

    def __init__(self, quiet: Quiet, compile_grant: Compile) -> None:
        self._quiet = quiet
        self._compile = compile_grant

    async def __call__(self, command: str, permissions: Mapping[str, object]) -> Printed:
        """Runs the command; `UserFacing` when a limit or anything else kept it from its end."""
        manifest = as_owners_own(self._compile(permissions))
        new = look_task(command, manifest, title=f"look: {command}"[:120])
        ended = await self._quiet.run(new, timeout_s=TIMEOUT_S, unasked_since=utc_now())
        await asyncio.to_thread(discard_files, ended)
        if ended.exit_code is None:
            raise UserFacing(f"The command did not end: {ended.reason or ended.state}")
        return Printed(
            code=ended.exit_code, digest=hashlib.sha256(ended.output.encode()).hexdigest()
        )


class QuietFetch:
    """The port `Fetch`, likewise."""

    def __init__(self, quiet: Quiet, compile_grant: Compile) -> None:
        self._quiet = quiet
        self._compile = compile_grant

    async def __call__(self, url: str, permissions: Mapping[str, object]) -> str:
        """The digest of the page; `Denied` when it may not be read, `UserFacing` when it cannot."""
        manifest = as_owners_own(page_manifest(self._compile(permissions), url))
        new = look_task(page_command(url), manifest, title=f"look: {url}"[:120])
        ended = await self._quiet.run(new, timeout_s=TIMEOUT_S, unasked_since=utc_now())
        await asyncio.to_thread(discard_files, ended)
        return read_page(ended.output, url, ended.reason)


def look_task(command: str, manifest: Mapping[str, Any], *, title: str) -> NewTask:
    """A command as a quiet task that lends nobody's words. Pure."""
    return NewTask(
        kind="shell", title=title, instructions=command, chat_id=0, origin="schedule",
        manifest=manifest, is_quiet=True,
    )  # fmt: skip


def page_manifest(manifest: Mapping[str, Any], url: str) -> dict[str, Any]:
    """What a look at `url` may do: its host's rules among the permissions, else GET of it. Pure."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port or PORTS[parts.scheme]
    except (ValueError, KeyError):
        raise UserFacing(f"{url[:80]!r} is no web address.") from None
    grant = grant_from_json(manifest)
    rules = tuple(rule for rule in grant.hosts if rule.matches_host(host, port))
    only = HostRule(host=host, ports=(port,), methods=("GET",), paths=(parts.path or "/",))
    kept = replace(grant, hosts=rules or (only,), verbs=(), reads=(), writes=(), secrets=())
    return grant_to_json(kept)


def page_command(url: str) -> str:
    """The command that prints a page's digest. Pure but for reading the program's text."""
    program = files("heartbeat").joinpath("page_digest.py").read_text(encoding="utf-8")
    return f"python3 -I -c {shlex.quote(program)} {shlex.quote(url)}"


def read_page(output: str, url: str, reason: str) -> str:
    """The digest in what a look printed. Pure; errors as `QuietFetch` says."""
    shown = url[:120]
    said = _SAID.search(output)
    if said is not None and said[2]:
        return said[2]
    if refusals := _TUNNEL.findall(output):
        raise Denied("page_refused", f"{shown} may not be read: {refusals[-1][:SAID_CAP]}")
    if said is None:
        raise UserFacing(f"{shown} could not be read: {reason or 'nothing came back'}")
    if said[3] == "refused":
        raise Denied("page_refused", f"{shown} may not be read ({said[4]}).")
    raise UserFacing(f"{shown} cannot be read: {said[6][:SAID_CAP]}")
