"""/heartbeat: the checks, their log, and HEARTBEAT.md as a document that can be sent back.

    /heartbeat                      every check and the last beats
    /heartbeat edit                 the file; sent back, it is shown with what is wrong in it
    /heartbeat pause|resume [NAME]  one check, or all; the buttons do the same
    /heartbeat run NAME             asks about one check now
    /heartbeat log                  what beats led to

Threat: a document that somebody else wrote becomes what the agent does by itself. So a file called
HEARTBEAT.md changes nothing until the owner taps its card, and what is written is what the card's
own row holds.
"""

from __future__ import annotations

import asyncio
import os
from base64 import b64encode
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from bot.approval_cards import shown as visible
from bot.autonomy_checks import LISTED, mark_of, offer_card, overview
from bot.autonomy_parts import HEARTBEAT_FILE, possible
from bot.autonomy_schedules import TOO_OLD, DraftPayload, when_of
from bot.cards import money, short
from bot.delivery import FilePayload, text_payload
from bot.stopping import PAUSED
from core.db import storable
from core.errors import UserFacing
from core.models import routes
from core.pause import pause_now
from heartbeat.clock import utc_now
from heartbeat.deciding import Feedback, first_state
from heartbeat.plan import compile_plan
from heartbeat.plan_file import shipped

if TYPE_CHECKING:
    from pathlib import Path

    from bot.autonomy_parts import Autonomy
    from bot.cards import Card
    from bot.route import Route
    from bot.updates import Message, Press
    from core.db import Session
    from heartbeat.checks import Check, CheckState

USAGE = "Say /heartbeat, or /heartbeat edit, log, run NAME, pause [NAME] or resume [NAME]."
FILE_CAP = 64 * 1024
FEEDBACK: dict[str, tuple[Feedback, str]] = {
    "u": ("useful", "Good. I go on like this."),
    "n": ("not_now", "I keep still for four hours and look half as often."),
    "x": ("never", "This check is muted. /heartbeat resume brings it back."),
}


class HeartbeatDesk:
    """Handles the command and its buttons inside the update's transaction."""

    def __init__(self, autonomy: Autonomy) -> None:
        self._a = autonomy
        self._store = autonomy.parts.store

    async def heartbeat(self, route: Route, message: Message, rest: str) -> None:
        """/heartbeat and its forms."""
        await self._a.zone()
        action, _, name = rest.strip().partition(" ")
        chat_id = message.sender.chat_id
        match action.lower():
            case "":
                await route.show(self._store, chat_id, await self._overview(route.session))
            case "edit":
                await self._send_file(route, chat_id)
            case "log":
                await route.say(self._store, chat_id, await self._log())
            case "run" if name:
                await self._run(route, chat_id, name)
            case "pause" | "resume" as what:
                await self._switch(route, chat_id, name.strip(), is_paused=what == "pause")
            case _:
                raise UserFacing(USAGE)

    async def _overview(self, session: Session) -> Card:
        plan, states = self._a.plan(), await self._a.checks.states(session)
        has_model = bool(routes(await self._a.parts.config.current(), "coordinator"))
        is_paused = (await pause_now(session)).is_paused
        is_ours = not await asyncio.to_thread(self._a.parts.heartbeat_file.exists)
        return overview(
            plan, states, utc_now(), is_paused=is_paused, has_model=has_model, is_ours=is_ours
        )

    async def _log(self) -> str:
        beats = await self._a.checks.beats(limit=LISTED)
        zone = await self._a.zone()
        lines = [
            f"{when_of(beat.at, zone)} · {short(visible(beat.outcome), 200)}"
            + (f" · {money(beat.cost_usd)}" if beat.cost_usd else "")
            for beat in beats
        ]
        return "\n".join(lines) or "No beat has asked the model yet."

    async def _send_file(self, route: Route, chat_id: int) -> None:
        text = await asyncio.to_thread(self._text)
        payload = FilePayload(
            filename=HEARTBEAT_FILE, content=b64encode(text.encode()).decode(),
            caption="Change it and send it back.",
        )  # fmt: skip
        await self._store.enqueue(route.session, chat_id, payload, method="file")
        route.has_messages = True

    def _text(self) -> str:
        try:
            return self._a.parts.heartbeat_file.read_text(encoding="utf-8", errors="replace")
        except FileNotFoundError:
            return shipped()

    async def _run(self, route: Route, chat_id: int, name: str) -> None:
        check = self._find(name)
        await self._need_going_on(route)

        async def work() -> None:
            try:
                await self._a.beat.run_check(check.name)
            finally:
                await self._a.tell()

        route.later.append(work)
        await route.say(self._store, chat_id, f"Asking about {check.name}. /heartbeat log tells.")

    @staticmethod
    async def _need_going_on(route: Route) -> None:
        if (await pause_now(route.session)).is_paused:
            raise UserFacing("Nothing is asked while all is paused.", PAUSED)

    def _find(self, name: str) -> Check:
        wanted = name.strip().lower()
        for check in self._a.plan().checks:
            if check.name.lower() == wanted:
                return check
        raise UserFacing(f"There is no check {name[:60]!r}.", "/heartbeat lists them.")

    async def _switch(self, route: Route, chat_id: int, name: str, *, is_paused: bool) -> None:
        checks = (self._find(name),) if name else self._a.plan().checks
        for check in checks:
            await self._set(route.session, check, is_paused=is_paused)
        names = ", ".join(check.name for check in checks) or "Nothing"
        words = "paused" if is_paused else "goes on"
        await route.say(self._store, chat_id, f"{names}: {words}.")

    async def _set(self, session: Session, check: Check, *, is_paused: bool) -> None:
        become = partial(_switched, is_paused=is_paused)
        if await self._a.checks.change(session, check.name, become) is None:
            await self._a.checks.save(session, become(first_state(check, utc_now())))

    # --- buttons ---

    async def pressed(self, route: Route, press: Press, what: str) -> str:
        """An answer to a notice, or to the card of a file."""
        key, _, letter = what.partition(":")
        if key == "r":
            return await self._replace(route, press, letter)
        if key in {"p", "g", "n"}:
            return await self._one(route, press, key, mark=letter)
        if letter not in FEEDBACK or not key.isdecimal() or len(key) > 15:
            return TOO_OLD
        feedback, text = FEEDBACK[letter]
        state = await self._a.checks.feedback(route.session, int(key), feedback, now=utc_now())
        return text if state is not None else TOO_OLD

    async def _one(self, route: Route, press: Press, what: str, *, mark: str) -> str:
        """Pauses, resumes or runs the check that a button of the overview is about."""
        check = next((c for c in self._a.plan().checks if mark_of(c) == mark), None)
        if check is None:
            return TOO_OLD
        if what == "n":
            await self._run(route, press.sender.chat_id, check.name)
            return ""
        await self._set(route.session, check, is_paused=what == "p")
        await route.redraw(self._store, press, await self._overview(route.session))
        return "Paused." if what == "p" else "It goes on."

    async def _replace(self, route: Route, press: Press, letter: str) -> str:
        if press.message_id is None:
            return TOO_OLD
        card = await self._store.shown(route.session, press.sender.chat_id, press.message_id)
        draft = card.payload.get("draft", {}) if card else {}
        if card is None or "heartbeat" not in draft:
            return TOO_OLD
        if await self._store.choose(route.session, card.id, int(letter == "y")) is None:
            return "You have already answered."
        if letter != "y":
            return "It stays as it is."
        await asyncio.to_thread(_write, self._a.parts.heartbeat_file, str(draft["heartbeat"]))
        await self._a.parts.audit.append(route.session, "heartbeat.replaced", {})
        return "It counts from the next beat."

    # --- a file that was sent ---

    async def offered(self, chat_id: int, number: int, path: Path) -> None:
        """Shows what a fetched HEARTBEAT.md would do, and asks."""
        raw = await asyncio.to_thread(path.read_bytes)
        text = storable(raw[:FILE_CAP].decode("utf-8", errors="replace"))
        plan = possible(compile_plan(text, zone=await self._a.zone()))
        card = offer_card(plan, is_cut=len(raw) > FILE_CAP)
        payload = text_payload(card.piece, keys=card.keys)
        asking = DraftPayload(**payload.model_dump(), draft={"heartbeat": text})
        async with self._a.parts.database.transaction() as session:
            await self._store.enqueue(
                session, chat_id, asking, method="text", key=f"heartbeat-offer:{number}"
            )
        self._a.parts.wake_outbox()


def _switched(state: CheckState, *, is_paused: bool) -> CheckState:
    muted = state.muted_until if is_paused else None
    return replace(state, is_paused=is_paused, muted_until=muted)


def _write(path: Path, text: str) -> None:
    fresh = path.with_suffix(".new")
    fresh.write_text(text, encoding="utf-8")
    os.replace(fresh, path)  # noqa: PTH105 - atomic: a beat reads the old or the new, never half
