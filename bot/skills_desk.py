"""What the owner decides about skills: the buttons of their cards.

    k:y:DIGEST  allow what the card showed     k:n:DIGEST  not now
    k:e:NAME    turn on     k:d:NAME  turn off     k:l:NAME  show the card again
    k:i:FILE:DIGEST  install what was sent     k:x:FILE:DIGEST  do not
    k:p:FILE:DIGEST  give the bot the profile that was sent

Threat: a tap allows something else than its card showed. So the button names the digest of all of
the skill's files; when they have changed since, nothing is allowed and the new card says what is
new. Turning a skill off also stops its tasks: what they were given is taken back at once.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from bot.skill_cards import DIGEST_CHARS, is_shown_whole, name_key, skill_card, unseen, waiting_card
from core.errors import UserFacing
from skills.activation import Disabled, Waiting
from skills.risks import risks_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from bot.outbox_store import OutboxStore
    from bot.route import Route
    from bot.skill_offers import SkillOffers
    from bot.updates import Press
    from coordinator.skills import Entry, Skills
    from core.audit import Audit
    from core.tasks import TaskStore
    from skills.store import SkillStore

TOO_OLD = "The skill has changed since; see its new card."
GONE = "There is no such skill any more."


class SkillsDesk:
    """Decides inside the update's transaction; the lane reads the decision after the commit."""

    def __init__(
        self, *, skills: Skills, rows: SkillStore, tasks: TaskStore, audit: Audit,
        store: OutboxStore, offers: SkillOffers, folder: Path, decided: Callable[[], None],
    ) -> None:  # fmt: skip
        self._skills = skills
        self._rows = rows
        self._tasks = tasks
        self._audit = audit
        self._store = store
        self._offers = offers
        self._folder = folder
        self._decided = decided

    async def pressed(self, route: Route, press: Press, what: str) -> str:
        """Does what a button says; returns the short answer for the owner."""
        kind, _, key = what.partition(":")
        match kind:
            case "y" if len(key) == DIGEST_CHARS:
                return await self._allow(route, key)
            case "n":
                return "It stays as it is. /skills shows it again."
            case "e" | "d" | "l":
                return await self._switched(route, press, kind, key)
            case "i":
                return await self._offers.install(route, press, key)
            case "p":
                return await self._offers.take_profile(route, press, key)
            case "x":
                return await self._offers.drop(key)
            case _:
                return GONE

    async def _allow(self, route: Route, digest: str) -> str:
        skill = self._skills.shelf.of_digest(digest)
        entry = self._skills.shelf.entries.get(skill.name) if skill is not None else None
        if skill is None or entry is None or isinstance(entry.decision, Disabled):
            return TOO_OLD
        asked = entry.decision.diff if isinstance(entry.decision, Waiting) else unseen(entry)
        if not is_shown_whole(asked):
            return TOO_OLD
        await self._rows.approve(skill, route.session)
        body = {"name": skill.name, "digest": skill.digest}
        await self._audit.append(route.session, "skill.approved", body)
        self._after(route)
        return f"{skill.name} is active."

    async def _switched(self, route: Route, press: Press, kind: str, key: str) -> str:
        entries = self._skills.shelf.entries.values()
        entry = next((e for e in entries if name_key(e.skill.name) == key), None)
        if entry is None:
            return GONE
        if kind == "l":
            await self.show(route, press.sender.chat_id, entry)
            return ""
        return await (self.enable(route, entry) if kind == "e" else self.disable(route, entry))

    async def show(self, route: Route, chat_id: int, entry: Entry) -> None:
        """The card of one skill, with fresh buttons."""
        if isinstance(entry.decision, Waiting):
            risks = await asyncio.to_thread(risks_of, self._folder, entry.skill)
            card = waiting_card(entry.skill, entry.decision, risks)
        else:
            card = skill_card(entry)
        await route.show(self._store, chat_id, card)

    async def enable(self, route: Route, entry: Entry) -> str:
        """Turns it on; what the owner had approved counts again."""
        if not await self._rows.enable(entry.skill.name):
            return f"{entry.skill.name} was not off."
        await self._note(route, "skill.enabled", entry)
        return f"{entry.skill.name} is on."

    async def disable(self, route: Route, entry: Entry) -> str:
        """Turns it off and stops its tasks."""
        await self._rows.disable(entry.skill)
        mine = [t for t in await self._tasks.live() if t.skill == entry.skill.name]
        for task in mine:
            await self._tasks.request_cancel(route.session, task.no)
        route.has_control = bool(mine) or route.has_control
        await self._note(route, "skill.disabled", entry)
        stopped = f" {len(mine)} of its tasks are being stopped." if mine else ""
        return f"{entry.skill.name} is off.{stopped}"

    async def _note(self, route: Route, kind: str, entry: Entry) -> None:
        await self._audit.append(route.session, kind, {"name": entry.skill.name})
        self._after(route)

    def _after(self, route: Route) -> None:
        async def tell() -> None:
            self._decided()

        route.later.append(tell)

    def need(self, name: str) -> Entry:
        """The skill of that name; `UserFacing` when there is none."""
        entry = self._skills.shelf.entries.get(name)
        if entry is None:
            raise UserFacing(f"There is no skill {name[:64] or 'without a name'}.", "/skills")
        return entry
