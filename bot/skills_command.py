"""/skills and /skill: what there is, what each may do, running one, and its history.

/skills [WORD]                   all skills, or those that hold a word
/skill NAME                      what it may do, or the card that it waits with
/skill NAME WORDS                run it; /NAME WORDS does the same
/skill enable|disable NAME       on and off
/skill trust NAME wording|ask    whether its text may change without a look
/skill history NAME              its versions
/skill diff NAME [VERSION]       what changed since
/skill rollback NAME [VERSION]   its files as they were then
/skill export                    all skills of yours, the bot's profile and your settings
/skill problems                  what is wrong with files in the folder
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from bot.cards import escape, fenced, short
from bot.delivery import FilePayload
from bot.menu import command_of
from bot.skill_cards import list_card, problems_card
from bot.texts import TASK_NEEDS_MODEL
from core.config import SPECS
from core.errors import UserFacing
from core.models import routes
from core.tasks import NewTask
from skills.activation import Trust, Waiting
from skills.manifest import normalised

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from bot.outbox_store import OutboxStore
    from bot.profile import ProfileDesk
    from bot.route import Route
    from bot.skills_desk import SkillsDesk
    from bot.updates import Message
    from coordinator.skills import Entry, Skills
    from core.config import ConfigStore
    from skills.store import SkillStore
    from skills.versions import Version, Versions

    Queue = Callable[[Route, Message, NewTask], Awaitable[None]]
    Handler = Callable[[Route, Message, str], Awaitable[None]]

DIFF_SHOWN = 3_000
NOT_CALLED = "{} is not to be called: its file says `user-invocable: false`. I use it by myself."
USAGE = "Say which skill: /skill NAME and what to do. /skills lists them."


class SkillsCommand:
    """Handles both. `queue` is set by whoever wires it: it adds a task and announces it."""

    queue: Queue

    def __init__(
        self, *, skills: Skills, rows: SkillStore, desk: SkillsDesk, versions: Versions,
        store: OutboxStore, config: ConfigStore, folder: Path, exports: Path,
        profile: ProfileDesk,
    ) -> None:  # fmt: skip
        self._skills = skills
        self._rows = rows
        self._desk = desk
        self._versions = versions
        self._store = store
        self._config = config
        self._folder = folder
        self._exports = exports
        self._profile = profile
        self._forms: dict[str, Handler] = {
            "enable": self._enable, "disable": self._disable, "trust": self._trust,
            "history": self._history, "diff": self._diff, "rollback": self._rollback,
            "export": self._export, "problems": self._problems,
        }  # fmt: skip

    async def skills(self, route: Route, message: Message, rest: str) -> None:
        """/skills [WORD]."""
        await route.show(
            self._store, message.sender.chat_id, list_card(self._skills.shelf, rest[:60])
        )

    async def skill(self, route: Route, message: Message, rest: str) -> None:
        """/skill and its forms."""
        first, words = [*rest.split(maxsplit=1), "", ""][:2]
        if (form := self._forms.get(first.lower())) is not None:
            await form(route, message, words.strip())
        elif not first:
            raise UserFacing(USAGE)
        elif not words.strip():
            await self._desk.show(route, message.sender.chat_id, self._desk.need(normalised(first)))
        else:
            await self._run(route, message, normalised(first), words.strip())

    def named(self, command: str) -> Handler | None:
        """What `/command` does when a skill is called so; None when none is."""
        for skill in self._skills.shelf.active:
            if skill.is_user_invocable and command_of(skill.name) == command:
                name = skill.name
                return lambda route, message, rest: self._run(route, message, name, rest)
        return None

    async def _run(self, route: Route, message: Message, name: str, words: str) -> None:
        entry = self._desk.need(name)
        if not entry.skill.is_user_invocable:
            raise UserFacing(NOT_CALLED.format(name), "Say in a message what you need.")
        if isinstance(entry.decision, Waiting):
            await self._desk.show(route, message.sender.chat_id, entry)
            return
        order = await self._skills.order(name, words, session=route.session)
        if order.kind == "agent" and not routes(await self._config.current(), "executor"):
            raise UserFacing(TASK_NEEDS_MODEL.replace("/task", f"The skill {name}"))
        new = NewTask(
            kind=order.kind, title=short(order.title, 120), instructions=order.instructions,
            chat_id=message.sender.chat_id, skill=order.skill, manifest=order.manifest,
        )  # fmt: skip
        await self.queue(route, message, new)

    # --- on, off, trust ---

    async def _enable(self, route: Route, message: Message, rest: str) -> None:
        await self._say(route, message, await self._desk.enable(route, self._need(rest)))

    async def _disable(self, route: Route, message: Message, rest: str) -> None:
        await self._say(route, message, await self._desk.disable(route, self._need(rest)))

    async def _trust(self, route: Route, message: Message, rest: str) -> None:
        name, _, level = rest.partition(" ")
        entry = self._need(name)
        if level.strip() not in {"ask", "wording"}:
            raise UserFacing("Say how far: /skill trust NAME wording, or ask.")
        await self._rows.set_trust(entry.skill.name, Trust(level.strip()))
        self._skills.forget()
        text = "may change its wording by itself" if level.strip() == "wording" else "always asks"
        await self._say(route, message, f"{entry.skill.name} {text}.")

    # --- versions ---

    async def _history(self, route: Route, message: Message, rest: str) -> None:
        name, versions = await self._known(rest)
        lines = [f"- `{v.id}` {v.at:%Y-%m-%d %H:%M} · {escape(v.message)}" for v in versions]
        text = f"**{escape(name)}**\n\n" + "\n".join(lines)
        text += "\n\nGo back: `/skill rollback NAME VERSION`"
        await route.say(self._store, message.sender.chat_id, text, is_markdown=True)

    async def _diff(self, route: Route, message: Message, rest: str) -> None:
        name, _, wanted = rest.partition(" ")
        place, versions = await self._known(name)
        since = wanted.strip() or _former(versions)
        text = await asyncio.to_thread(self._versions.diff, place, since)
        shown = text if len(text) <= DIFF_SHOWN else f"{text[:DIFF_SHOWN]}\n[…]"
        body = fenced(shown) if text.strip() else "Nothing has changed since."
        await route.say(self._store, message.sender.chat_id, body, is_markdown=True)

    async def _rollback(self, route: Route, message: Message, rest: str) -> None:
        name, _, wanted = rest.partition(" ")
        place, versions = await self._known(name)
        to = wanted.strip() or _former(versions)
        await asyncio.to_thread(self._versions.rollback, place, to)
        await self._say(route, message, f"{place} is as it was in version {to}.")

    async def _known(self, rest: str) -> tuple[str, tuple[Version, ...]]:
        """A skill of the owner's, also one that cannot be read at present, and its versions."""
        await asyncio.to_thread(self._versions.commit, "changed on disk")
        name = normalised(rest.strip())
        entry = self._skills.shelf.entries.get(name)
        owned = [entry.skill.place] if entry is not None and entry.skill.source == "owner" else []
        for place in (*owned, name, f"{name}.md"):
            if name and (found := await asyncio.to_thread(self._versions.history, place)):
                return place, found
        raise UserFacing(f"There is no history of {name[:64] or 'it'}.", "Only yours have one.")

    # --- export, problems ---

    async def _export(self, route: Route, message: Message, _rest: str) -> None:
        from skills.bundle import write_bundle  # brings the archive modules

        config = await self._config.current()
        settings = {
            name: config.shown(name) for name, spec in SPECS.items()
            if not spec.is_secret and config.sources[name] == "stored"
        }  # fmt: skip
        self._exports.mkdir(parents=True, exist_ok=True, mode=0o700)
        target = self._exports / f"skills-{datetime.now(UTC):%Y%m%d-%H%M%S}.tar.gz"
        profile = await self._profile.read()
        count = await asyncio.to_thread(
            write_bundle, self._folder, target, settings=settings, profile=profile
        )
        words = "the bot's profile" if profile else "no profile (Telegram did not answer)"
        caption = f"{count} files of your skills, {len(settings)} settings, {words}, no secret."
        payload = FilePayload(filename=target.name, caption=caption, path=str(target))
        await self._store.enqueue(route.session, message.sender.chat_id, payload, method="file")
        route.has_messages = True

    async def _problems(self, route: Route, message: Message, _rest: str) -> None:
        problems = self._skills.shelf.problems
        if not problems:
            await self._say(route, message, "Every file in the folder of skills can be read.")
            return
        await route.show(self._store, message.sender.chat_id, problems_card(problems))

    def _need(self, name: str) -> Entry:
        return self._desk.need(normalised(name.strip()))

    async def _say(self, route: Route, message: Message, text: str) -> None:
        await route.say(self._store, message.sender.chat_id, text)


def _former(versions: tuple[Version, ...]) -> str:
    if len(versions) < 2:
        raise UserFacing("There is no earlier version.", "/skill history NAME lists them.")
    return versions[1].id
