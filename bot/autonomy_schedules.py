"""/schedule and /schedules: work that repeats.

    /schedule WHEN: WHAT   a card with the cadence in plain words and the next three times
    /schedules             everything planned, with buttons

Threat: something makes a schedule that the owner did not. So neither the command nor the model
makes one: both lead to a card that shows the whole work, and the owner's tap on that card keeps
exactly what the card's own row holds, once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import Field

from bot.approval_cards import shown
from bot.autonomy_words import WHAT_CAP, draft_of, new_schedule, schedule_of, split_request
from bot.cards import Card, short
from bot.delivery import TextPayload, text_payload
from bot.render import compose
from bot.stopping import PAUSED, RESUME_KEYS
from core.errors import UserFacing
from core.pause import pause_now
from heartbeat.cadence import zone_of
from heartbeat.clock import utc_now
from heartbeat.phrases import describe
from heartbeat.schedules import ScheduleState, confirmation, next_time

if TYPE_CHECKING:
    from datetime import datetime

    from bot.autonomy_parts import Autonomy
    from bot.delivery import Button
    from bot.route import Route
    from bot.updates import Message, Press
    from core.db import Session
    from heartbeat.schedules import NewSchedule, Run, Schedule

TOO_OLD = "This button is too old."
NONE = "Nothing is planned.\nFor example: /schedule every Monday at 9: make my timesheet"
GONE = "There is no such schedule any more."
DRAFT_KEYS = ((("Confirm", "d:y"), ("Cancel", "d:n")),)
LISTED = 15


class DraftPayload(TextPayload):
    """A card that holds the schedule it asks about."""

    draft: dict[str, Any] = Field(default_factory=dict)


class SchedulesDesk:
    """Handles the commands and buttons inside the update's transaction."""

    def __init__(self, autonomy: Autonomy) -> None:
        self._a = autonomy
        self._store = autonomy.parts.store

    # --- making one ---

    async def schedule(self, route: Route, message: Message, rest: str) -> None:
        """/schedule WHEN: WHAT."""
        asked = split_request(rest)
        await self.propose(route.session, message.sender.chat_id, asked.head, what=asked.what)
        route.has_messages = True

    async def propose(self, session: Session, chat_id: int, when: str, *, what: str) -> None:
        """Shows the card; `UserFacing` when the time is not understood."""
        new = new_schedule(when, what, await self._a.zone())
        self._need_skill(new.skill)
        card = draft_card(new, utc_now())
        payload = text_payload(card.piece, keys=card.keys)
        asking = DraftPayload(**payload.model_dump(), draft=draft_of(new))
        await self._store.enqueue(session, chat_id, asking, method="text")

    def _need_skill(self, name: str) -> None:
        skills = self._a.parts.skills
        if name and (skills is None or name not in skills.shelf.entries):
            raise UserFacing(f"There is no skill {name}.", "/skills lists them.")

    async def decided(self, route: Route, press: Press, what: str) -> str:
        """Confirm or Cancel on a card."""
        card = await self._card(route, press)
        if card is None or "draft" not in card[1] or what not in {"y", "n"}:
            return TOO_OLD
        row_id, payload = card
        if await self._store.choose(route.session, row_id, int(what == "y")) is None:
            return "You have already answered."
        if what == "n":
            await self._edit(route, press, row_id, Card(piece=compose("Not scheduled.")))
            return "Not scheduled."
        new = schedule_of(payload["draft"])
        now = utc_now()
        made = await self._a.schedules.add(route.session, new, now=now)
        await self._note(route, "schedule.created", made)
        at = when_of(next_time(new.cadence, now), new.cadence.zone)
        text = f"Scheduled as {made}: {short(shown(new.title), 80)}\n{describe(new.cadence)}"
        await self._edit(route, press, row_id, Card(piece=compose(f"{text}\nNext: {at}")))
        return "Scheduled."

    # --- looking after them ---

    async def list(self, route: Route, message: Message, _rest: str) -> None:
        """/schedules."""
        await route.show(self._store, message.sender.chat_id, await self._list_card())

    async def _list_card(self) -> Card:
        pause = await pause_now(self._a.parts.database)
        return list_card(await self._a.schedules.all(), utc_now(), is_paused=pause.is_paused)

    async def pressed(self, route: Route, press: Press, what: str) -> str:
        """Pause, resume, run now, delete, history."""
        letter, _, number = what.partition(":")
        if not number.isdecimal() or len(number) > 9:
            return TOO_OLD
        schedule_id, chat_id = int(number), press.sender.chat_id
        schedule = await self._a.schedules.get(schedule_id, session=route.session)
        if schedule is None:
            return GONE
        if letter == "h":
            runs = await self._a.schedules.history(schedule_id)
            await route.say(self._store, chat_id, history_text(schedule, runs))
            return ""
        if letter == "n":
            return await self._run_now(route, schedule)
        text = await self._change(route, schedule, letter)
        if (card := await self._card(route, press)) is not None:
            everything = [s for s in await self._a.schedules.all() if s.id != schedule_id]
            changed = await self._a.schedules.get(schedule_id, session=route.session)
            listed = sorted([*everything, *([changed] if changed else [])], key=lambda s: s.id)
            is_paused = (await pause_now(route.session)).is_paused
            fresh = list_card(tuple(listed), utc_now(), is_paused=is_paused)
            await self._edit(route, press, card[0], fresh)
        return text

    async def _run_now(self, route: Route, schedule: Schedule) -> str:
        no = await self._a.schedules.run_now(
            route.session, schedule.id, now=utc_now(), queue=self._a.orders
        )
        route.has_queued = route.has_messages = True
        return f"#{no} is queued." if no is not None else GONE

    async def _change(self, route: Route, schedule: Schedule, letter: str) -> str:
        states = {"p": ScheduleState.PAUSED, "r": ScheduleState.ACTIVE}
        if letter == "x":
            await self._a.schedules.delete(route.session, schedule.id)
            await self._note(route, "schedule.deleted", schedule.id)
            return "Deleted. Tasks that it started go on."
        if letter not in states:
            return TOO_OLD
        state = states[letter]
        await self._a.schedules.set_state(route.session, schedule.id, state, now=utc_now())
        await self._note(route, f"schedule.{state}", schedule.id)
        return "Paused." if state is ScheduleState.PAUSED else "It goes on."

    # --- cards ---

    async def _card(self, route: Route, press: Press) -> tuple[int, dict[str, Any]] | None:
        if press.message_id is None:
            return None
        found = await self._store.shown(route.session, press.sender.chat_id, press.message_id)
        return None if found is None else (found.id, found.payload)

    async def _edit(self, route: Route, press: Press, row_id: int, card: Card) -> None:
        payload = text_payload(card.piece, keys=card.keys)
        await self._store.enqueue(
            route.session, press.sender.chat_id, payload, method="edit", edit_of=row_id
        )
        route.has_messages = True

    async def _note(self, route: Route, kind: str, schedule_id: int) -> None:
        await self._a.parts.audit.append(route.session, kind, {"schedule": schedule_id})


def draft_card(new: NewSchedule, now: datetime) -> Card:
    """The question before a schedule is made, with the whole work on it."""
    lines = confirmation(new, now)
    work = shown(new.instructions, WHAT_CAP)
    task = f"skill {shown(new.skill)}: {work}" if new.skill else work
    text = f"\n{task}\n\n{lines['When']}\nNext: {lines['Next']}\nIf missed: {lines['If missed']}"
    return Card(piece=compose(("bold", "Plan this?"), text), keys=DRAFT_KEYS)


def list_card(schedules: tuple[Schedule, ...], now: datetime, *, is_paused: bool = False) -> Card:
    """Everything planned, with its buttons."""
    resume = RESUME_KEYS if is_paused else ()
    if not schedules:
        return Card(piece=compose(f"{PAUSED}\n\n{NONE}" if is_paused else NONE), keys=resume)
    parts: list[str | tuple[str, str]] = [("bold", "Planned")]
    if is_paused:
        parts.append(f"\n{PAUSED}")
    for schedule in schedules[:LISTED]:
        at = when_of(next_time(schedule.cadence, now), schedule.cadence.zone)
        is_on = schedule.state is ScheduleState.ACTIVE
        state = str(schedule.state) if not is_on else "waits" if is_paused else f"next {at}"
        title = short(shown(schedule.title), 80)
        parts += ["\n\n", ("bold", str(schedule.id)),
                  f" {title}\n{describe(schedule.cadence)} · {state}"]  # fmt: skip
    if len(schedules) > LISTED:
        parts.append(f"\n\n… and {len(schedules) - LISTED} more.")
    rows = tuple(_keys(s) for s in schedules[:LISTED])
    return Card(piece=compose(*parts), keys=(*rows, *resume))


def _keys(schedule: Schedule) -> tuple[Button, ...]:
    no, is_on = schedule.id, schedule.state is ScheduleState.ACTIVE
    switch = (f"Pause {no}", f"j:p:{no}") if is_on else (f"Resume {no}", f"j:r:{no}")
    return (switch, ("Run now", f"j:n:{no}"), ("History", f"j:h:{no}"), ("Delete", f"j:x:{no}"))


def history_text(schedule: Schedule, runs: tuple[Run, ...]) -> str:
    """The newest runs of one schedule."""
    head = f"{schedule.id} {short(shown(schedule.title), 80)}"
    lines = [f"{when_of(run.at, schedule.cadence.zone)} · {_ending(run)}" for run in runs]
    return "\n".join([head, *(lines or ["It has not run yet."])])


def _ending(run: Run) -> str:
    reason = f": {short(shown(run.reason), 160)}" if run.reason and run.outcome != "done" else ""
    if run.task_no is None:
        return f"did not start{reason}"
    return f"#{run.task_no} {run.outcome or 'under way'}{reason}"


def when_of(at: datetime, zone: str) -> str:
    """A time as the owner's clock shows it."""
    return f"{at.astimezone(zone_of(zone)):%a %d %b %Y %H:%M}"
