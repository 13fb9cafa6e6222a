"""The policy kernel: what an effect may do, decided without I/O, model or clock.

Threat: the model obeys whoever wrote the last text it read, and the container does what the model
says. So nothing here reads the model's reasons. A verdict depends on the effect as the host
resolved it, on what was granted, on what the task has seen, and on the owner's own words.

    decide(effect, context) ──► Verdict(allow | ask | deny, code, detail)

The rules stand in `decide`; everything else prepares its arguments.
"""

from core.policy.action import Action, canonical, digest_of
from core.policy.budget import Budget, Spent
from core.policy.context import Context
from core.policy.decide import decide, secret_scope
from core.policy.grants import Grant, HostRule, SecretRule, VerbRule
from core.policy.reasons import Reason, explain
from core.policy.types import (
    Decision,
    Effect,
    EffectKind,
    Hold,
    Label,
    Origin,
    Tier,
    Verdict,
)

__all__ = [
    "Action",
    "Budget",
    "Context",
    "Decision",
    "Effect",
    "EffectKind",
    "Grant",
    "Hold",
    "HostRule",
    "Label",
    "Origin",
    "Reason",
    "SecretRule",
    "Spent",
    "Tier",
    "VerbRule",
    "Verdict",
    "canonical",
    "decide",
    "digest_of",
    "explain",
    "secret_scope",
]
