"""The proof of isolation: before a host works, a container of its own tries to get out.

Threat: an engine, a kernel or a setting that does not do what the launcher asked for. So nothing is
concluded from options: a container is started in exactly the way of a task's, gets a task of kind
`probe`, and reports what it could do. An answer that is missing, late or not understood counts as
not held. The answer can lie only if the image already does, and that is built by us.

Nothing else runs in that container, and it is thrown away afterwards.
"""

from __future__ import annotations

import asyncio
import ipaddress
import json
import logging
import re
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from core.errors import Retryable, UserFacing
from executors.pool import Pool
from executors.protocol import Finish
from executors.worker.probe import EVERY_START, HARD

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Sequence
    from pathlib import Path

    from core.tasks import Box
    from executors.ports import Launcher, Limits
    from executors.slots import Slot

log = logging.getLogger(__name__)

WITHIN_S = 15.0
HARD_WITHIN_S = 60.0
SAW_CAP = 200
TOLD_CAP = 5
UNTRIED = "it was not tried"
HINT = (
    "No task runs until this is mended. Look at the container engine's version and settings; "
    "`agentai image` builds the image again."
)
# A sandbox with a kernel of its own has its own way to refuse these; the engine's profile does not
# reach it, and what is let in there is not let by the host's kernel.
SANDBOXES = ("runsc",)
OF_HOST_KERNEL = frozenset({
    "system_calls_filtered", "no_keyring", "no_kernel_doors", "no_tracing", "no_mounting",
    "no_namespaces", "no_netlink_change", "cgroup_read_only", "memory_limited",
    "processes_limited", "processor_limited",
})  # fmt: skip


@dataclass(frozen=True, kw_only=True, slots=True)
class Attempt:
    """One attempt to get out: whether the isolation held, and what the container saw."""

    name: str
    held: bool
    saw: str


async def prove(
    launcher: Launcher, root: Path, *, limits: Limits, addresses: Sequence[str] = (),
    hard: bool = False, box: Box = "executor",
) -> tuple[Attempt, ...]:  # fmt: skip
    """Starts a task's container and returns what it could do there.

    `root` is the folder of slots; `addresses` are the host's own IP addresses and socket paths.
    `hard` also fills processes, memory and disk up to their limits. Raises `Retryable` when no
    container comes up. Cancelling removes the container.
    """
    pool = Pool(root=root, launcher=launcher)
    slot = await pool.start(limits, box=box)
    try:
        return await ask(slot, limits=limits, addresses=addresses, hard=hard)
    finally:
        await asyncio.shield(pool.discard(slot))


async def ask(
    slot: Slot, *, limits: Limits, addresses: Sequence[str] = (), hard: bool = False
) -> tuple[Attempt, ...]:
    """Gives a connected container the task and reads its answer."""
    names = (*HARD, *EVERY_START) if hard else tuple(EVERY_START)
    if limits.runtime in SANDBOXES:
        names = tuple(name for name in names if name not in OF_HOST_KERNEL)
    try:
        async with asyncio.timeout(HARD_WITHIN_S if hard else WITHIN_S):
            await slot.line.send(probe_line(limits, addresses, hard=hard))
            request = await slot.line.next_request()
    except TimeoutError:
        return read_answer("", names)
    return read_answer(request.params.result if isinstance(request.params, Finish) else "", names)


def probe_line(limits: Limits, addresses: Iterable[str], *, hard: bool) -> bytes:
    """The task. Pure. Loopback is left out of `addresses`: the container has one of its own."""
    asked = [a for a in addresses if a.startswith("/") or not ipaddress.ip_address(a).is_loopback]
    told = {
        "time_s": HARD_WITHIN_S, "output_bytes": 1024, "steps": 1, "memory_mb": limits.memory_mb,
        "processes": limits.processes, "disk_mb": limits.disk_mb,
    }  # fmt: skip
    task = {
        "no": 1, "kind": "probe", "files": [], "limits": told, "steps": [], "inputs": [],
        "instructions": json.dumps({"addresses": asked, "hard": hard}),
    }  # fmt: skip
    return json.dumps({"task": task}).encode() + b"\n"


def read_answer(text: str, names: Sequence[str]) -> tuple[Attempt, ...]:
    """The attempts called `names` out of the container's answer, which may be anything. Pure."""
    try:
        answer = json.loads(text)
    except (ValueError, RecursionError):
        answer = None
    told = answer if isinstance(answer, dict) else {}
    return tuple(_attempt(name, told.get(name)) for name in names)


def _attempt(name: str, told: object) -> Attempt:
    if not isinstance(told, dict):
        return Attempt(name=name, held=False, saw=UNTRIED)
    saw = re.sub(r"[^ -~]", "?", str(told.get("saw", "")))[:SAW_CAP]
    return Attempt(name=name, held=told.get("held") is True, saw=saw)


def verdict(attempts: Sequence[Attempt]) -> str | None:
    """What did not hold, as words for the operator; None when all did. Pure."""
    if not attempts:
        return UNTRIED
    broken = [f"{a.name.replace('_', ' ')} ({a.saw})" for a in attempts if not a.held]
    if len(broken) > TOLD_CAP:
        broken = [*broken[:TOLD_CAP], f"and {len(broken) - TOLD_CAP} more"]
    return "; ".join(broken) or None


class Isolation:
    """Proves the containers of this host once for each box and set of limits."""

    def __init__(
        self, launcher: Launcher, root: Path, *, limits: Callable[[Box], Awaitable[Limits]],
        addresses: Sequence[str] = (),
    ) -> None:  # fmt: skip
        self._launcher = launcher
        self._root = root
        self._limits = limits
        self._addresses = addresses
        self._proven: dict[Box, Limits] = {}

    async def check(self, box: Box = "executor") -> None:
        """Raises `UserFacing` when the containers are not isolated, `Retryable` when none starts.

        Cheap once proven: a new proof is made only when the limits in force have changed.
        """
        limits = await self._limits(box)
        if limits == self._proven.get(box):
            return
        began = time.monotonic()
        try:
            attempts = await prove(
                self._launcher, self._root, limits=limits, addresses=self._addresses, box=box
            )
        except OSError as error:
            raise Retryable(f"no container could be proven: {error}", 2.0) from error
        if why := verdict(attempts):
            raise UserFacing(f"The containers here are not isolated: {why}.", HINT)
        self._proven[box] = limits
        log.info("isolation proven: %d attempts in %.2f s", len(attempts), time.monotonic() - began)
