"""The way of a task's changes back into the owner's files.

    copy in ──► (the container works) ──► stage ──► new files: committed
                                              └──► overwrites, deletions: one card ──► committed

Threat: what is committed is not what was approved. So changes are staged once, outside the
container's reach; the card, the digests in the approval and the commit all speak of the staged
bytes. How the task wants to end is kept in Postgres before anybody is asked: after a `kill -9` the
same staged changes go on from there with the same actions, and a commit that was carried out is
neither asked about nor carried out again. What is staged is thrown away last, once the end of the
task is written down.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import secrets
import shutil
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from core.approvals import Ask
from core.db import storable
from core.errors import Denied, UserFacing
from core.policy import Action, Effect, EffectKind, Label, Tier, explain
from core.policy.reasons import Reason
from core.spawn import insist, to_the_end
from core.workspace import Bounds, Changes, Copied, collect, readable, summary
from core.workspace.paths import matches
from core.workspace.receiving import FOLDER as RECEIVED
from executors.asking import Wanted
from executors.ending import Staged, state_to_json

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from core.approvals import Ticket
    from core.policy.action import Json
    from core.tasks.seen import SeenStore
    from core.workspace import Change, OwnerFiles
    from executors.effects import Effects

FOLDER = "files"  # of the workspace: copies of the owner's files
BOUNDS = Bounds(max_files=1_000, max_bytes=50 * 1024 * 1024)
SHOWN_CAP = 200 * 1024
SHOWN_TOTAL = 1024 * 1024  # past it, files are shown by size and digest: all of it is kept
OTHERS_LABELS = (Label.PRIVATE, Label.UNTRUSTED)
VERBS = {"new": "add", "changed": "overwrite", "deleted": "delete"}


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

    # --- out to the task, and back ---

    async def copy_in(self, work: Path, owner_ids: tuple[int, int]) -> Copied:
        """Gives the task copies of the owner's files, and remembers what they were like.

        The task is labelled before the first copy is made.
        """
        globs = self._effects.facts.manifest.reads
        is_labelled = await asyncio.to_thread(self._is_any, globs)
        if is_labelled:
            await self._effects.taint(*OTHERS_LABELS)
        copied = await asyncio.to_thread(
            self._p.files.copy_in, globs, work / FOLDER, owner_ids=owner_ids,
            bounds=replace(BOUNDS, without=self._without()),
        )  # fmt: skip
        is_told = self._task.manifest is not None and not self._task.is_quiet
        if is_told and await asyncio.to_thread(self._is_more, copied):
            await self._effects.trail.refused("files:files:read", Reason.MANIFEST)
        if copied.base and not is_labelled:  # the owner put it there in this very moment
            await self._effects.taint(*OTHERS_LABELS)
        await insist(lambda: self._p.seen.keep_base(self._task, json.loads(copied.to_json())))
        return copied

    def _without(self) -> tuple[str, ...]:
        """What the owner sent in chat goes only to tasks that name it, or whose skill reads it.

        Else one forwarded document would label every later task, and travel with each.
        """
        return (f"{RECEIVED}/*",) if self._task.manifest is None else ()

    def _is_any(self, globs: Sequence[str]) -> bool:
        without = self._without()
        listed = (entry.path for glob in globs for entry in self._p.files.list(glob))
        return any(not matches(path, without) for path in listed)

    def _is_more(self, copied: Copied) -> bool:
        """Whether the owner has files that the manifest kept from the task."""
        reads = self._effects.facts.manifest.reads
        listed = (entry.path for entry in self._p.files.list())
        return any(not matches(path, reads) for path in listed if path not in copied.base)

    async def copied_before(self) -> Copied | None:
        """What a former process gave the task: a resumed one works on with that."""
        kept = await insist(lambda: self._p.seen.base(self._task))
        return Copied.from_json(json.dumps(kept)) if kept else None

    async def stage(self, work: Path) -> Staged:
        """What the task changed, taken out of its reach."""
        copied = await self.copied_before()
        base = copied.base if copied else {}
        try:
            changes = await asyncio.to_thread(
                collect, work / FOLDER, base, staging=self._staging, bounds=BOUNDS
            )
        except OSError:
            changes = Changes(refused=((FOLDER, "the folder is gone"),)) if base else Changes()
        return Staged(
            changes=changes, commit=f"task-{self._task.no}-{secrets.token_hex(8)}",
            config=self._config, displays=await asyncio.to_thread(self._displays, changes),
        )  # fmt: skip

    async def discard(self) -> None:
        """Throws away what was staged. Call it after the end of the task was written down."""
        await asyncio.to_thread(shutil.rmtree, self._staging, ignore_errors=True)

    # --- settling ---

    async def settle(self, staged: Staged) -> str:
        """Commits what may be; asks for the rest. Returns what happened, for the owner.

        May run any number of times, also by a later process, and after `discard` when all was
        committed. Cancelling leaves the card; what was not committed then stays staged.
        """
        changes = staged.changes
        notes = [
            await self._commit(staged, "new", changes.of("new")),
            await self._commit(staged, "approved", changes.of("changed", "deleted")),
        ]
        notes += [f"{path} was left out: {why}." for path, why in changes.refused[:10]]
        return "\n".join(note for note in notes if note)

    async def _commit(self, staged: Staged, name: str, changes: Changes) -> str:
        if not changes.items:
            return ""
        commit = f"{staged.commit}-{name}"
        wanted = await asyncio.to_thread(lambda: [self._wanted(staged, c) for c in changes.items])
        if await insist(lambda: asyncio.to_thread(self._p.files.is_done, commit)):
            await self._end_doubts(wanted, "done")
            return self._told(changes)
        try:
            tickets = await self._tickets(wanted)
        except Denied as error:
            await self._end_doubts(wanted, "failed")
            names = ", ".join(change.path for change in changes.items[:5])
            return f"Your files were not changed ({names}): {error}"
        return await to_the_end(
            self._carry_out(commit, changes, list(zip(wanted, tickets, strict=True)))
        )

    async def _carry_out(
        self, commit: str, changes: Changes, allowed: list[tuple[Wanted, Ticket | None]]
    ) -> str:
        """Commits and closes the tickets; what has begun here is not broken off."""
        failure = await self._apply(commit, changes)
        for one, ticket in allowed:
            await self._effects.close(one, ticket, "done" if failure is None else "failed")
        return failure or self._told(changes)

    def _told(self, changes: Changes) -> str:
        return f"Your files: {summary(changes)}. /undo {self._task.no} takes it back."

    async def _apply(self, commit: str, changes: Changes) -> str | None:
        """Why it could not be committed, with nothing changed; None once it is done."""
        apply, no = self._p.files.commit, self._task.no
        try:
            await insist(
                lambda: asyncio.to_thread(
                    apply,
                    commit,
                    no,
                    changes=changes,
                    staging=self._staging,
                    expect=changes.digests(),
                )
            )
        except UserFacing as error:
            return error.sentence()
        return None

    # --- being allowed ---

    async def _tickets(self, wanted: Sequence[Wanted]) -> tuple[Ticket | None, ...]:
        """Tickets that a former process had taken count still: a commit happens once by its id."""
        if (await insist(self._effects.context)).is_stopped:
            raise Denied(Reason.STOPPED, explain(Reason.STOPPED))
        taken: dict[str, Ticket | None] = {t.digest: t for t in await self._effects.in_doubt()}
        rest = [one for one in wanted if one.effect.digest not in taken]
        fresh = await self._effects.permit(rest) if rest else ()
        taken |= {one.effect.digest: ticket for one, ticket in zip(rest, fresh, strict=True)}
        return tuple(taken[one.effect.digest] for one in wanted)

    async def _end_doubts(self, wanted: Sequence[Wanted], outcome: str) -> None:
        """Writes down what became of effects whose process ended before it could say so."""
        mine = {one.effect.digest: one for one in wanted}
        for ticket in await self._effects.in_doubt():
            if ticket.digest in mine:
                await self._effects.close(mine[ticket.digest], ticket, outcome)

    def _wanted(self, staged: Staged, change: Change) -> Wanted:
        """One change as an effect, with a diff that its action is bound to; the same at all times.

        The content of an overwrite counts by its digest, which nobody's words hold: that a file was
        named is no order to replace it.
        """
        display = staged.displays.get(change.path) or readable(change, None, None)
        verb, after = VERBS[change.kind], change.after.sha256 if change.after else ""
        arguments: dict[str, Json] = {
            "before": state_to_json(change.before), "after": state_to_json(change.after),
            "display": hashlib.sha256(display.encode()).hexdigest(),
        }  # fmt: skip
        action = Action(
            task=self._task.no, kind="files", resource="files", verb=verb, arguments=arguments,
            targets=(change.path,), files={change.path: after},
            skill=self._task.skill, manifest=self._effects.facts.manifest_digest,
            config=staged.config,
        )  # fmt: skip
        effect = Effect(
            kind=EffectKind.FILES, resource="files", verb=verb, digest=action.digest,
            tier=Tier.DESTRUCTIVE if verb == "delete" else Tier.CHANGE,
            targets=(change.path,), content=(after,) if verb == "overwrite" else (),
            is_new=change.kind == "new",
        )  # fmt: skip
        return Wanted(effect=effect, ask=Ask(action=action, display=display))

    # --- what a person is shown ---

    def _displays(self, changes: Changes) -> dict[str, str]:
        """The diffs of what will be asked for; a new file takes nothing and is not asked for."""
        displays: dict[str, str] = {}
        left = SHOWN_TOTAL
        for change in changes.of("changed", "deleted").items:
            contents = (self._before(change), self._after(change)) if left > 0 else (None, None)
            displays[change.path] = storable(readable(change, *contents))
            left -= len(displays[change.path])
        return displays

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
        try:
            return (self._staging / change.after.sha256).read_bytes()
        except OSError:  # the commit will say so
            return None
