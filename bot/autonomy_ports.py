"""How schedules, checks and triggers start tasks and speak to the owner.

Threat: work that nobody asked for just now does what its owner might. So its task gets the grant of
its skill or of its own permissions, and without either one that holds nothing outside; it never
lends the owner's words. What came from outside is labelled `untrusted` (by its origin) and its
files are copied without following links.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import stat
from dataclasses import replace
from typing import TYPE_CHECKING

from pydantic import ValidationError

from bot.board import Announcer
from bot.cards import Card, short
from bot.delivery import text_payload
from bot.files import MAX_BYTES
from bot.render import compose
from core.errors import Retryable, UserFacing
from core.manifests import grant_to_json
from core.policy import Budget, Grant
from core.tasks import NewTask, TaskFile

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from bot.facts import Facts
    from bot.outbox_store import OutboxStore
    from coordinator.skills import Skills
    from core.db import Session
    from core.policy.action import Json
    from core.tasks import TaskNo, TaskStore
    from core.vault import Vault
    from heartbeat.ports import Notice, TaskOrder

NO_OWNER = "nobody owns the bot yet"
SHELL = "/run "


class Orders:
    """The `Queue` port. `has_queued` says that hosts should be woken after the commit."""

    def __init__(
        self, *, tasks: TaskStore, store: OutboxStore, facts: Facts, folder: Path,
        skills: Skills | None = None,
    ) -> None:  # fmt: skip
        self._tasks = tasks
        self._facts = facts
        self._folder = folder
        self._skills = skills
        self._announcer = Announcer(store=store, tasks=tasks)
        self.has_queued = False

    async def __call__(self, session: Session, order: TaskOrder) -> TaskNo:
        """Queues one task and shows its card, inside the caller's transaction."""
        owner_id = await self._facts.owner_id()
        if owner_id is None:
            raise Retryable(NO_OWNER, 30)
        new = plain_task(order, owner_id)
        if order.skill:
            new = await self._skilled(session, new, order)
        elif order.files:
            new = replace(new, files=await asyncio.to_thread(self._copies, order.files))
        no = await self._tasks.add(session, new)
        await self._announcer.announce(session, no)
        self.has_queued = True
        return no

    async def _skilled(self, session: Session, new: NewTask, order: TaskOrder) -> NewTask:
        """A schedule's skill stood on the card that its owner confirmed; that is their word.

        What else would start a skill must be among the triggers that the owner saw in its manifest.
        """
        if self._skills is None:
            raise UserFacing("There are no skills here.")
        starter = "" if order.source == "schedule" else order.kind or "heartbeat"
        found = await self._skills.order(
            order.skill, new.instructions, session=session, starter=starter
        )
        return replace(
            new, kind=found.kind, instructions=found.instructions, skill=found.skill,
            manifest=found.manifest,
        )  # fmt: skip

    def _copies(self, paths: tuple[str, ...]) -> tuple[TaskFile, ...]:
        return tuple(take_copy(path, self._folder / secrets.token_hex(8)) for path in paths)


def plain_task(order: TaskOrder, chat_id: int) -> NewTask:
    """The order as a task without a skill.

    What a model read from outside counts as an outside event: its task is labelled untrusted.
    """
    is_shell = order.source == "schedule" and order.instructions.startswith(SHELL)
    is_outside = order.is_untrusted or order.source == "trigger"
    return NewTask(
        kind="shell" if is_shell else "agent", title=short(order.title, 120), chat_id=chat_id,
        instructions=order.instructions.removeprefix(SHELL) if is_shell else order.instructions,
        origin="trigger" if is_outside else "schedule", manifest=manifest_of(order.permissions),
    )  # fmt: skip


def manifest_of(permissions: Mapping[str, object]) -> dict[str, Json]:
    """What the task may do: nothing outside its container, or what `permissions` say, clipped."""
    if not permissions:
        return grant_to_json(Grant(budget=Budget()))
    from skills.asked import asked_for
    from skills.permissions import grant_of
    from skills.schema import PermissionsBlock

    try:
        block = PermissionsBlock.model_validate(permissions)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise UserFacing(f"permissions: {where}: {first['msg']}") from None
    asked = asked_for(block)
    if asked.faults:
        raise UserFacing(f"permissions: {asked.faults[0][1]}", asked.faults[0][2])
    return grant_to_json(grant_of(asked.permissions))


def take_copy(path: str, folder: Path) -> TaskFile:
    """A copy of a regular file that arrived, at most 20 MB; `UserFacing` for anything else."""
    name = path.rpartition("/")[2]
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(handle, "rb") as source:
            seen = os.fstat(handle)
            if not stat.S_ISREG(seen.st_mode) or seen.st_size > MAX_BYTES:
                raise UserFacing(f"{name} is no regular file of up to 20 MB.")
            folder.mkdir(parents=True, mode=0o700)
            target = folder / name
            target.write_bytes(source.read(MAX_BYTES))
    except OSError as error:
        raise UserFacing(f"{name} cannot be read: {error.strerror}.") from error
    return TaskFile(name=name, path=str(target))


class Speaker:
    """The `Say` port. `has_spoken` says that the outbox should be woken after the commit."""

    def __init__(self, *, store: OutboxStore, facts: Facts) -> None:
        self._store = store
        self._facts = facts
        self.has_spoken = False

    async def __call__(self, session: Session, notice: Notice) -> None:
        """Puts the notice into the outbox inside the caller's transaction."""
        owner_id = await self._facts.owner_id()
        if owner_id is None:
            raise Retryable(NO_OWNER, 30)
        card = notice_card(notice)
        key = None if notice.id is None else f"notice:{notice.id}"
        payload = text_payload(card.piece, keys=card.keys)
        await self._store.enqueue(session, owner_id, payload, method="text", key=key)
        self.has_spoken = True


def notice_card(notice: Notice) -> Card:
    """A notice; with an id it carries the owner's three answers."""
    why = f"\n\nWhy: {short(notice.reason, 300)}" if notice.reason else ""
    if notice.id is None:
        return Card(piece=compose(notice.text + why))
    keys = tuple(
        (label, f"h:{notice.id}:{letter}")
        for label, letter in (("Useful", "u"), ("Not now", "n"), ("Never", "x"))
    )
    return Card(piece=compose(("bold", short(notice.name, 80)), f"\n{notice.text}{why}"),
                keys=(keys,))  # fmt: skip


class VaultSecret:
    """The `Secret` port: values for checking signatures and logging in, in this process only."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault

    async def __call__(self, name: str) -> bytes:
        """The value; `UserFacing` when there is none."""
        return (await self._vault.open(name)).reveal().encode()
