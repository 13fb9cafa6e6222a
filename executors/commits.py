"""The way of a task's changes back into the owner's files.

    copy in ──► (the container works) ──► stage ──► new files: committed
                                              └──► overwrites, deletions: one card ──► committed

Threat: what is committed is not what was approved. So changes are staged once, outside the
container's reach; the card, the digests in the approval and the commit all speak of the staged
bytes. How the task wants to end is kept in Postgres before anybody is asked: after a `kill -9` the
same staged changes go on from there, and a commit that was carried out is not carried out again.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING

from core.approvals import Ask
from core.errors import Denied, UserFacing
from core.policy import Action, Effect, EffectKind, Label, Tier
from core.spawn import insist
from core.workspace import Bounds, Changes, Copied, collect, readable, summary
from core.workspace.types import Change, FileState, Kind
from executors.effects import Wanted

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from core.approvals import Ticket
    from core.policy.action import Json
    from core.tasks.seen import SeenStore
    from core.workspace import OwnerFiles
    from executors.effects import Effects

FOLDER = "files"  # of the workspace: copies of the owner's files
BOUNDS = Bounds(max_files=1_000, max_bytes=50 * 1024 * 1024)
SHOWN_CAP = 200 * 1024


@dataclass(frozen=True, kw_only=True)
class CommitParts:
    """What commits are made of; one set for all tasks of a host."""

    files: OwnerFiles
    staging: Path
    seen: SeenStore


class Commits:
    """The owner's files as one task sees them."""

    def __init__(self, parts: CommitParts, effects: Effects, *, config: int) -> None:
        self._p = parts
        self._effects = effects
        self._config = config
        self._task = effects.task

    @property
    def _staging(self) -> Path:
        return self._p.staging / str(self._task.no)

    async def copy_in(self, work: Path, owner_ids: tuple[int, int]) -> Copied:
        """Gives the task copies of the owner's files, and remembers what they were like."""
        copied = await asyncio.to_thread(
            self._p.files.copy_in, ["*"], work / FOLDER, owner_ids=owner_ids, bounds=BOUNDS
        )
        await insist(lambda: self._p.seen.keep_base(self._task, json.loads(copied.to_json())))
        if copied.base:
            await self._effects.taint(Label.PRIVATE, Label.UNTRUSTED)
        return copied

    async def copied_before(self) -> Copied | None:
        """What a former process gave the task: a resumed one works on with that."""
        kept = await insist(lambda: self._p.seen.base(self._task))
        return Copied.from_json(json.dumps(kept)) if kept else None

    async def discard(self) -> None:
        """Forgets what was staged; to be called when the task's end was written down."""
        await asyncio.to_thread(shutil.rmtree, self._staging, ignore_errors=True)

    async def stage(self, work: Path) -> Changes:
        """What the task changed, taken out of its reach."""
        kept = await insist(lambda: self._p.seen.base(self._task))
        base = Copied.from_json(json.dumps(kept)).base if kept else {}
        try:
            return await asyncio.to_thread(
                collect, work / FOLDER, base, staging=self._staging, bounds=BOUNDS
            )
        except OSError:
            return Changes(refused=((FOLDER, "the folder is gone"),)) if base else Changes()

    async def settle(self, changes: Changes) -> str:
        """Commits what may be; asks for the rest. Returns what happened, for the owner.

        Cancelling leaves the card; what was not committed then stays staged.
        """
        notes = [
            await self._commit("new", changes.of("new")),
            await self._commit("approved", changes.of("changed", "deleted")),
        ]
        notes += [f"{path} was left out: {why}." for path, why in changes.refused[:10]]
        return "\n".join(note for note in notes if note)

    async def _commit(self, name: str, changes: Changes) -> str:
        if not changes.items:
            return ""
        try:
            wanted = await asyncio.to_thread(lambda: [self._wanted(c) for c in changes.items])
            tickets = await self._tickets(wanted)
            outcome = await self._apply(name, changes)
        except Denied as error:
            names = ", ".join(change.path for change in changes.items[:5])
            return f"Your files were not changed ({names}): {error}"
        for one, ticket in zip(wanted, tickets, strict=True):
            await self._effects.close(one, ticket, "done" if outcome is None else "failed")
        if outcome is not None:
            return outcome
        return f"Your files: {summary(changes.of(*_KINDS))}. /undo {self._task.no} takes it back."

    async def _tickets(self, wanted: Sequence[Wanted]) -> tuple[Ticket | None, ...]:
        """Tickets that a former process had taken count still: a commit happens once by its id."""
        taken = {ticket.digest: ticket for ticket in await self._effects.in_doubt()}
        if all(one.effect.digest in taken for one in wanted):
            return tuple(taken[one.effect.digest] for one in wanted)
        return await self._effects.permit(wanted)

    async def _apply(self, name: str, changes: Changes) -> str | None:
        try:
            await asyncio.to_thread(
                self._p.files.commit, f"task-{self._task.no}-{name}", self._task.no,
                changes=changes, staging=self._staging, expect=changes.digests(),
            )  # fmt: skip
        except UserFacing as error:
            return error.sentence()
        return None

    def _wanted(self, change: Change) -> Wanted:
        """One change as an effect, with a diff that its action is bound to.

        The content of an overwrite counts by its digest, which nobody's words hold: that a file was
        named is no order to replace it.
        """
        display = readable(change, self._before(change), self._after(change))
        verb = {"new": "add", "changed": "overwrite", "deleted": "delete"}[change.kind]
        arguments: dict[str, Json] = {
            "before": _state(change.before), "after": _state(change.after),
            "display": hashlib.sha256(display.encode("utf-8", "replace")).hexdigest(),
        }  # fmt: skip
        after = change.after.sha256 if change.after else ""
        action = Action(
            task=self._task.no, kind="files", resource="files", verb=verb, arguments=arguments,
            targets=(change.path,), files={change.path: after}, skill="", manifest="",
            config=self._config,
        )  # fmt: skip
        effect = Effect(
            kind=EffectKind.FILES, resource="files", verb=verb, digest=action.digest,
            tier=Tier.DESTRUCTIVE if verb == "delete" else Tier.CHANGE,
            targets=(change.path,), content=(after,) if verb == "overwrite" else (),
            is_new=change.kind == "new",
        )  # fmt: skip
        return Wanted(effect=effect, ask=Ask(action=action, display=display))

    def _before(self, change: Change) -> bytes | None:
        if change.before is None or change.before.size > SHOWN_CAP:
            return None
        try:
            return self._p.files.read(change.path, cap=SHOWN_CAP)
        except UserFacing:
            return None

    def _after(self, change: Change) -> bytes | None:
        if change.after is None or change.after.size > SHOWN_CAP:
            return None
        return (self._staging / change.after.sha256).read_bytes()


_KINDS: tuple[Kind, ...] = ("new", "changed", "deleted")


def _state(state: FileState | None) -> Json:
    return None if state is None else {"bytes": state.size, "sha256": state.sha256}


def changes_to_json(changes: Changes) -> list[dict[str, object]]:
    """Staged changes as plain values, for Postgres."""
    return [
        {"path": c.path, "before": _state(c.before), "after": _state(c.after)}
        for c in changes.items
    ]


def changes_from_json(items: Sequence[dict[str, dict[str, object] | None]]) -> Changes:
    """What `changes_to_json` made, read again."""
    return Changes(
        items=tuple(
            Change(path=str(i["path"]), before=_read(i["before"]), after=_read(i["after"]))
            for i in items
        )
    )


def _read(state: dict[str, object] | None) -> FileState | None:
    if state is None:
        return None
    return FileState(size=int(str(state["bytes"])), sha256=str(state["sha256"]))
