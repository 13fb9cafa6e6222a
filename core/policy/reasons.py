"""Why a verdict is what it is: codes for machines and one sentence each for the owner. Pure."""

from __future__ import annotations

from enum import StrEnum


class Reason(StrEnum):
    """The code of a verdict; stable, shown in `/audit` and in refusals."""

    # deny
    STOPPED = "stopped"
    DENIED_BY_RULE = "denied_by_rule"
    CEILING = "outside_ceiling"
    MANIFEST = "not_in_manifest"
    NOT_GRANTED = "not_granted"
    FOREIGN_SECRET = "secret_not_for_here"  # noqa: S105 - a code
    CALLS = "budget_calls"
    BYTES = "budget_bytes"
    FAN_OUT = "budget_fan_out"
    SPEND = "budget_spend"
    TIME = "budget_time"
    CARDS = "too_many_questions"
    HOLD = "held_by_standing_rule"  # also of an ask
    # ask
    ACCESS = "access_not_granted"
    FIRST_SECRET = "secret_not_used_before"  # noqa: S105 - a code
    DESTRUCTIVE = "always_asks"
    FIRST_CHANGE = "first_change"
    RULE_OF_TWO = "untrusted_content_seen"
    DEVIATES = "not_in_approved_plan"
    # allow
    READ = "read"
    APPROVED = "approved"
    IN_PLAN = "in_approved_plan"
    SCOPE = "scope_approved"
    OWN_WORDS = "in_owners_words"
    STANDING = "granted_request"
    NEW_FILE = "new_file"


_TEXTS: dict[Reason, str] = {
    Reason.STOPPED: "The task was stopped, so nothing of it may act any more.",
    Reason.DENIED_BY_RULE: "You have forbidden this.",
    Reason.CEILING: "This instance never allows it.",
    Reason.MANIFEST: "The skill does not declare it.",
    Reason.NOT_GRANTED: "The task has no grant for it and may not ask.",
    Reason.FOREIGN_SECRET: "The secret may not be used there.",
    Reason.CALLS: "The task has used up its number of calls.",
    Reason.BYTES: "The task has sent as many bytes as it may.",
    Reason.FAN_OUT: "The task has reached as many destinations as it may.",
    Reason.SPEND: "The task has spent as much as it may.",
    Reason.TIME: "The task's time is over.",
    Reason.CARDS: "The task has asked you as often as it may.",
    Reason.HOLD: "It is held back by a standing rule of yours; /rules shows and lifts it.",
    Reason.ACCESS: "The task has no grant for it yet.",
    Reason.FIRST_SECRET: "The task wants to use one of your secrets.",
    Reason.DESTRUCTIVE: "Deleting, sending, spending and credentials always need your tap.",
    Reason.FIRST_CHANGE: "The task wants to change something for the first time.",
    Reason.RULE_OF_TWO: (
        "The task has read text that others wrote, and this is not word for word what you asked."
    ),
    Reason.DEVIATES: "This is not part of the plan you approved.",
    Reason.READ: "It only reads what was granted.",
    Reason.APPROVED: "You approved exactly this.",
    Reason.IN_PLAN: "It is part of the plan you approved.",
    Reason.SCOPE: "You allowed this kind of change.",
    Reason.OWN_WORDS: "Everything it touches stands in your own words or grants.",
    Reason.STANDING: "A grant of yours names this host and this kind of request.",
    Reason.NEW_FILE: "It adds a file and replaces none.",
}


def explain(code: Reason) -> str:
    """One sentence that an owner can read."""
    return _TEXTS[code]
