"""Documents that hold skills: shown before anything is installed.

Threat: see `skills.offers`. The card's buttons name the file and its digest; a file that is not the
one that was shown is not installed.
"""

from __future__ import annotations

import asyncio
import base64
import logging
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from bot.delivery import FilePayload, text_payload
from bot.render import compose
from bot.skill_cards import is_offer_shown, offer_card, offer_text
from bot.skills_lane import note_arrival
from core.errors import AgentAIError, UserFacing
from skills.risks import risks_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from bot.outbox_store import OutboxStore
    from bot.profile import ProfileDesk
    from bot.route import Route
    from bot.updates import Press
    from coordinator.skills import Skills
    from coordinator.store import Conversation
    from core.audit import Audit
    from core.db import Database
    from skills.bundle import Bundle
    from skills.profile import BotProfile
    from skills.scan import Risk
    from skills.versions import Versions

log = logging.getLogger(__name__)
SHOWN = 24
ENDINGS = (".md", ".zip", ".tar.gz", ".tgz")
GONE = "That file is not there any more; please send it again."


class SkillOffers:
    """Looks at what was fetched, and installs on a tap."""

    def __init__(
        self, *, database: Database, store: OutboxStore, conversation: Conversation,
        skills: Skills, audit: Audit, versions: Versions, folder: Path, staging: Path,
        wake_outbox: Callable[[], None], installed: Callable[[], None], profile: ProfileDesk,
    ) -> None:  # fmt: skip
        self._db = database
        self._store = store
        self._conversation = conversation
        self._skills = skills
        self._audit = audit
        self._versions = versions
        self._folder = folder
        self._staging = staging
        self._wake_outbox = wake_outbox
        self._installed = installed
        self._profile = profile

    async def look(self, chat_id: int, number: int, path: Path) -> None:
        """Shows a card when the fetched file holds skills; a file that does not stays a file."""
        try:
            found = await asyncio.to_thread(self._read, number, path)
        except (AgentAIError, OSError) as error:
            log.info("a document was not looked at for skills: %s", error)
            return
        if found is None:
            return
        bundle, risks, digest = found
        card = offer_card(bundle, risks, f"{number}:{digest[:SHOWN]}")
        payload = text_payload(card.piece, keys=card.keys)
        async with self._db.transaction() as session:
            for name, content in _attached(bundle):
                file = FilePayload(filename=name, content=base64.b64encode(content).decode())
                key = f"skill-offer:{number}:{name}"
                await self._store.enqueue(session, chat_id, file, method="file", key=key)
            await self._store.enqueue(
                session, chat_id, payload, method="text", key=f"skill-offer:{number}"
            )
        self._wake_outbox()

    def _read(self, number: int, path: Path) -> tuple[Bundle, tuple[Risk, ...], str] | None:
        if not path.name.lower().endswith(ENDINGS):
            return None
        from skills.bundle import FOLDER  # brings the archive modules: most processes need none
        from skills.offers import file_digest, read_offer

        bundle = read_offer(path, self._staging / str(number))
        if bundle is None:
            return None
        root = bundle.staging / FOLDER
        risks = tuple(risk for o in bundle.offers for risk in risks_of(root, o.skill))
        return bundle, risks, file_digest(path)

    async def install(self, route: Route, press: Press, key: str) -> str:
        """Copies what the card showed into the owner's folder, and keeps that as a version."""
        number, _, digest = key.partition(":")
        path = await self._path(press, key)
        if path is None:
            return GONE
        known = {e.skill.place for e in self._skills.shelf.entries.values()
                 if e.skill.source == "owner"}  # fmt: skip
        try:
            names = await asyncio.to_thread(self._install, number, path, digest, known)
        except (UserFacing, OSError) as error:
            return error.sentence() if isinstance(error, UserFacing) else GONE
        body = {"name": ", ".join(names)[:500], "digest": digest}
        await self._audit.append(route.session, "skill.installed", body)
        self._installed()
        for name in names:
            await note_arrival(route.session, name)  # the owner's own tap: this is the one message
        text = f"Installed: {', '.join(names)}. /skills shows what each may do."
        await route.say(self._store, press.sender.chat_id, text)
        return "Installed."

    def _install(self, number: str, path: str, digest: str, known: set[str]) -> list[str]:
        from skills.offers import install_offer

        staging = self._staging / str(_number(number))
        bundle = self._opened(number, path, digest)
        self._versions.commit("before an installation")
        try:
            names = install_offer(bundle, self._folder, known=known)
        finally:
            shutil.rmtree(staging, ignore_errors=True)
        self._versions.commit(f"installed {', '.join(names)}")
        return names

    async def _path(self, press: Press, key: str) -> str | None:
        """Where the file lies that a button names."""
        number, _, digest = key.partition(":")
        rows = await self._conversation.files(press.sender.chat_id, [_number(number)])
        return str(rows[0]["path"]) if rows and len(digest) == SHOWN else None

    async def take_profile(self, route: Route, press: Press, key: str) -> str:
        """Gives the bot the profile that the card showed.

        Telegram is called after the commit: the audit trail is locked until then, for everybody.
        """
        number, _, digest = key.partition(":")
        path = await self._path(press, key)
        if path is None:
            return GONE
        try:
            bundle = await asyncio.to_thread(self._opened, number, path, digest)
        except (UserFacing, OSError) as error:
            return error.sentence() if isinstance(error, UserFacing) else GONE
        body = {"digest": digest, "parts": ", ".join(bundle.profile.texts())}
        await self._audit.append(route.session, "bot.profile", body)
        chat_id = press.sender.chat_id
        route.later.append(lambda: self._give(chat_id, bundle.profile))
        return "One moment."

    async def _give(self, chat_id: int, profile: BotProfile) -> None:
        payload = text_payload(compose(await self._profile.apply(profile)))
        async with self._db.transaction() as session:
            await self._store.enqueue(session, chat_id, payload, method="text")
        self._wake_outbox()

    def _opened(self, number: str, path: str, digest: str) -> Bundle:
        from skills.offers import file_digest, read_offer

        bundle = read_offer(Path(path), self._staging / str(_number(number)))
        if bundle is None or not file_digest(Path(path)).startswith(digest):
            raise UserFacing(GONE)
        return bundle

    async def drop(self, key: str) -> str:
        """The owner does not want it; the file stays among the documents they sent."""
        number = key.partition(":")[0]
        staging = self._staging / str(_number(number))
        await asyncio.to_thread(shutil.rmtree, staging, ignore_errors=True)
        return "Not installed."


def _attached(bundle: Bundle) -> Iterator[tuple[str, bytes]]:
    """What a card cannot show by itself, sent before it."""
    if not is_offer_shown(bundle):
        yield "permissions.txt", offer_text(bundle).encode()
    if bundle.profile.picture:
        yield "picture.jpg", bundle.profile.picture


def _number(text: str) -> int:
    return int(text) if text.isdecimal() and len(text) < 10 else 0
