"""The texts and buttons of checks: what there is, and what a sent HEARTBEAT.md would do. Pure.

Threat: the owner takes over a file that somebody else wrote, and what it would reach stood behind
the end of the card: what HEARTBEAT.md permits counts as the owner's own word.

h:p:MARK  pause the check    h:g:MARK  let it go on    h:n:MARK  ask about it now
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from bot.approval_cards import shown as visible
from bot.autonomy_lane import problems_text
from bot.autonomy_schedules import when_of
from bot.cards import Card, short
from bot.render import compose, utf16_len
from bot.stopping import PAUSED, RESUME_KEYS
from heartbeat.conditions import describe as condition_text
from heartbeat.deciding import next_look
from heartbeat.looking import SLOW
from heartbeat.phrases import describe

if TYPE_CHECKING:
    from datetime import datetime

    from bot.delivery import Button
    from heartbeat.checks import Check, CheckState, Plan

NO_MODEL = "No check runs until a model is set up: /config model.api_key KEY"
OFFER_KEYS = ((("Replace", "h:r:y"), ("Leave it", "h:r:n")),)
NONE = "There are no checks. /heartbeat edit sends the file."
OURS = (
    "You have written no HEARTBEAT.md yet, so I begin with this. "
    "A check of yours is a few lines:\n\n"
    "## Backup\n- every: day at 9\n- when: file changed backup.log\n\n"
    "Tell me when the newest backup is older than two days.\n\n"
    "/heartbeat edit sends you the file: add such lines, and send it back."
)
LISTED = 20
TEXT_CAP, REACH_CAP, SHOWN_WHOLE = 3800, 3000, 1_000_000
NOT_SHOWN = (
    "That HEARTBEAT.md would reach more than one message can show, so I do not take it over from "
    "here. Shorten it, or put it in place on the server."
)


def mark_of(check: Check) -> str:
    """A check in the data of a button: names are longer than that may be."""
    return hashlib.sha256(check.name.lower().encode("utf-8", "replace")).hexdigest()[:16]


def overview(
    plan: Plan, states: dict[str, CheckState], now: datetime, *, is_paused: bool = False,
    has_model: bool = True, is_ours: bool = False,
) -> Card:  # fmt: skip
    """Every check with its state and buttons, then what is wrong with the file, or how to begin."""
    checks = plan.checks[:LISTED]
    parts = [_line(check, states.get(check.name), now) for check in checks] or [NONE]
    if len(plan.checks) > LISTED:
        parts.append(f"… and {len(plan.checks) - LISTED} more.")
    parts += [problems_text(plan.problems)] if plan.problems else []
    parts += [OURS] if is_ours else []
    parts += [] if has_model else [NO_MODEL]
    parts = [PAUSED, *parts] if is_paused else parts
    keys = tuple(_keys(check, states.get(check.name), now) for check in checks)
    return Card(
        piece=compose("\n\n".join(parts)[:TEXT_CAP]),
        keys=(*keys, *(RESUME_KEYS if is_paused else ())),
    )


def _is_still(state: CheckState | None, now: datetime) -> bool:
    """Paused by the owner, or kept still by a button on a notice."""
    if state is None:
        return False
    return state.is_paused or (state.muted_until is not None and state.muted_until > now)


def _keys(check: Check, state: CheckState | None, now: datetime) -> tuple[Button, ...]:
    name, mark = short(visible(check.name), 24), mark_of(check)
    if _is_still(state, now):
        return ((f"Resume {name}", f"h:g:{mark}"), ("Run now", f"h:n:{mark}"))
    return ((f"Pause {name}", f"h:p:{mark}"), ("Run now", f"h:n:{mark}"))


def _line(check: Check, state: CheckState | None, now: datetime) -> str:
    head = f"{visible(check.name)}\n{describe(check.cadence)} · "
    if state is None:
        return f"{head}not looked at yet"
    if state.is_paused:
        return f"{head}paused"
    if state.muted_until is not None and state.muted_until > now:
        is_for_good = state.muted_until.year > now.year + 100
        return head + (
            "muted" if is_for_good else f"still until {when_of(state.muted_until, check.zone)}"
        )
    slower = f" · {state.factor:g} times as seldom" if state.factor > 1 else ""
    return f"{head}next {when_of(next_look(check, state), check.zone)}{slower}"


def offer_card(plan: Plan, *, is_cut: bool) -> Card:
    """What the file would have me do, what is wrong in it, and the question.

    What its checks would reach stands there whole, or there is no button.
    """
    if is_cut:
        return Card(piece=compose("That HEARTBEAT.md is larger than 64 KB; I leave it alone."))
    reaching = "".join(_offered(check) for check in plan.checks if _reaches(check))
    if utf16_len(reaching) > REACH_CAP:
        return Card(piece=compose(NOT_SHOWN))
    others = [check for check in plan.checks if not _reaches(check)]
    checks = reaching + "".join(_offered(check) for check in others[:LISTED])
    more = f"\n… and {len(others) - LISTED} more" if len(others) > LISTED else ""
    wrong = f"\n\n{problems_text(plan.problems)}" if plan.problems else ""
    text = (checks or "\nNo checks.") + more + wrong
    text = text[:TEXT_CAP]
    return Card(piece=compose(("bold", "Replace HEARTBEAT.md with this?"), text), keys=OFFER_KEYS)


def _reaches(check: Check) -> bool:
    """Whether it does anything outside a look at a file: what nobody is asked about later."""
    return bool(check.permissions) or isinstance(check.condition, SLOW)


def _offered(check: Check) -> str:
    parts = [short(visible(check.name), 80), describe(check.cadence)]
    parts += [f"when {condition_text(check.condition)}"] if check.condition else []
    parts += [f"may: {dict(check.permissions)}"] if check.permissions else []
    return "\n• " + " · ".join(visible(part, SHOWN_WHOLE) for part in parts)
