"""Approvals: the owner's decision on exact actions, and what it may be used for, once.

Threat: something runs that the owner did not approve, or runs twice. A decision is bound by SHA-256
to the canonical JSON of each action; it is taken by the owner's id, in their chat, from the card
that shows this action; it expires; it is used up by compare-and-set in the transaction that writes
the intent into the audit trail. Any doubt is a no.

    pending ──► approved ──► each action consumed once, within the time
       │   └──► denied
       ├──► expired      nobody decided in time
       └──► withdrawn    the task ended, or everything was stopped
"""

from core.approvals.ledger import Ledger
from core.approvals.states import Refusal, judge
from core.approvals.store import Approvals
from core.approvals.types import Approval, Ask, Choice, Given, Remember, State, Ticket

__all__ = [
    "Approval",
    "Approvals",
    "Ask",
    "Choice",
    "Given",
    "Ledger",
    "Refusal",
    "Remember",
    "State",
    "Ticket",
    "judge",
]
