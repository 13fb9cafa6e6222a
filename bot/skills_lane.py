"""Keeps the skills as disk and decisions have them, and tells the owner what is new.

Every half second the folders are looked at; what changed is read, decided about, kept in the
history, and told: one card for a new set of problems, one for each skill that waits, one for what
became active by itself. A restart repeats nothing: cards carry keys, and what else was told stands
in Postgres.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from typing import TYPE_CHECKING

from bot.cards import Card
from bot.delivery import text_payload
from bot.render import compose
from bot.skill_cards import DIGEST_CHARS, arrived_card, problems_card, waiting_card
from core.errors import AgentAIError
from core.sql import load_queries
from core.wake import Wake
from skills.risks import risks_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from bot.facts import Facts
    from bot.menu import Menu
    from bot.outbox_store import OutboxStore
    from coordinator.skills import Shelf, Skills
    from core.db import Database, Session
    from skills.activation import Waiting
    from skills.types import Skill
    from skills.versions import Versions

log = logging.getLogger(__name__)
SQL = load_queries(__package__ or "bot")

LOOK_EVERY_S = 0.5
MENU_PAUSE_S = 10.0
CARDS_AT_ONCE = 5
TOLD = "skill_problems_told"
ARRIVED = "skill_told:"


async def note_arrival(session: Session, name: str) -> bool:
    """Notes that the owner hears of the skill; False when they did before."""
    return await session.fetchval(SQL["add_fact"], f"{ARRIVED}{name}", True) is not None


class SkillsLane:
    """Run `step` forever; `wake` after a decision of the owner's."""

    def __init__(
        self, *, skills: Skills, database: Database, store: OutboxStore, facts: Facts, menu: Menu,
        versions: Versions, folder: Path, wake_outbox: Callable[[], None],
    ) -> None:  # fmt: skip
        self._skills = skills
        self._db = database
        self._store = store
        self._facts = facts
        self._menu = menu
        self._versions = versions
        self._folder = folder
        self._wake_outbox = wake_outbox
        self._news = Wake(LOOK_EVERY_S)
        self._is_untold = True
        self._is_unkept = False
        self._menu_after = 0.0

    def wake(self) -> None:
        """The owner decided something."""
        self._skills.forget()
        self._news.set()

    async def step(self) -> None:
        """One look. Raises `Retryable` while Postgres is away; nothing is lost by that."""
        await self._news.wait()
        if await self._skills.look():
            self._is_untold = True
            self._is_unkept = True
            self._menu.offer(self._skills.shelf.active)
        await self._show_menu()
        owner_id = await self._facts.owner_id() if self._is_untold else None
        if owner_id is not None:
            await self._tell(owner_id, self._skills.shelf)
            self._is_untold = False
        if self._is_unkept:
            self._is_unkept = False
            await self._keep_version()

    async def _keep_version(self) -> None:
        try:
            await asyncio.to_thread(self._versions.commit, "changed on disk")
        except (AgentAIError, OSError) as error:
            log.warning("the skills' history was not kept: %s", error)

    async def _show_menu(self) -> None:
        now = asyncio.get_running_loop().time()
        if self._menu.is_shown or now < self._menu_after:
            return
        try:
            await self._menu.show()
        except AgentAIError as error:
            self._menu_after = now + MENU_PAUSE_S
            log.info("the menu was not set: %s", error)

    # --- telling ---

    async def _tell(self, owner_id: int, shelf: Shelf) -> None:
        cards = [(s, await self._card(s, w)) for s, w in shelf.waiting[:CARDS_AT_ONCE]]
        more = len(shelf.waiting) - CARDS_AT_ONCE
        async with self._db.transaction() as session:
            await self._tell_problems(session, owner_id, shelf)
            await self._tell_arrived(session, owner_id, shelf)
            for skill, card in cards:
                key = f"skill:{skill.name}:{skill.digest[:DIGEST_CHARS]}"
                await self._say(session, owner_id, card, key)
            if more > 0:
                digests = "".join(sorted(skill.digest for skill, _ in shelf.waiting))
                text = f"{more} more skills wait for your look: /skills"
                key = f"skills:{hashlib.sha256(digests.encode()).hexdigest()[:DIGEST_CHARS]}"
                await self._say(session, owner_id, Card(piece=compose(text)), key)
        self._wake_outbox()

    async def _card(self, skill: Skill, waiting: Waiting) -> Card:
        risks = await asyncio.to_thread(risks_of, self._folder, skill)
        return waiting_card(skill, waiting, risks)

    async def _tell_problems(self, session: Session, owner_id: int, shelf: Shelf) -> None:
        """A set of problems is told once; one that comes back after it was mended is news."""
        text = "\n".join(sorted(problem.sentence() for problem in shelf.problems))
        digest = hashlib.sha256(text.encode()).hexdigest() if text else ""
        if (await session.fetchval(SQL["get_fact"], TOLD) or "") == digest:
            return
        await session.execute(SQL["set_fact"], TOLD, digest)
        if digest:
            await self._say(session, owner_id, problems_card(shelf.problems), None)

    async def _tell_arrived(self, session: Session, owner_id: int, shelf: Shelf) -> None:
        """A skill that is active without the owner's yes is told once, by its name."""
        unasked = [e for e in shelf.entries.values()
                   if e.is_active and not e.is_seen and e.skill.source == "owner"]  # fmt: skip
        fresh = [e for e in unasked if await note_arrival(session, e.skill.name)]
        if fresh:
            await self._say(session, owner_id, arrived_card(fresh), None)

    async def _say(self, session: Session, owner_id: int, card: Card, key: str | None) -> None:
        payload = text_payload(card.piece, keys=card.keys)
        await self._store.enqueue(session, owner_id, payload, method="text", key=key)
