"""Effects that attacks ask for, worded as executors word them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from core.approvals import Ask, Remember
from core.policy import Action, Effect, EffectKind, Tier
from executors.asking import Wanted

if TYPE_CHECKING:
    from core.policy.action import Json

READS = ("GET", "HEAD", "OPTIONS")


def request(task_no: int, **changes: Json) -> Wanted:
    """A request to a host, as an executor words it; `changes` are fields of its action."""
    method, host = str(changes.pop("method", "POST")), str(changes.pop("host", "api.example.com"))
    arguments: dict[str, Json] = {
        "scheme": "https", "target": "/items", "bytes": 2, "body": "ab" * 32, "method": method,
        "secrets": [],
    }  # fmt: skip
    extra = changes.pop("arguments", {})
    arguments |= extra if isinstance(extra, dict) else {}
    action = Action(
        task=task_no, kind="egress", resource=f"{host}:443", verb=method, arguments=arguments,
        targets=(), files={}, skill="", manifest="", config=0,
    )  # fmt: skip
    action = replace(action, **changes)  # type: ignore[arg-type]
    tier = Tier.READ if method in READS else Tier.CHANGE
    effect = Effect(
        kind=EffectKind.EGRESS, resource=action.resource, verb=method, digest=action.digest,
        tier=Tier.DESTRUCTIVE if method == "DELETE" else tier, destinations=(host,), path="/items",
    )  # fmt: skip
    return Wanted(effect=effect, ask=Ask(action=action))


def remembered(wanted: Wanted) -> Wanted:
    """The same, with buttons that allow more than this one action."""
    host = wanted.effect.resource.partition(":")[0]
    rule: dict[str, Json] = {
        "host": host, "ports": [443], "methods": [wanted.effect.verb], "paths": [],
    }  # fmt: skip
    return replace(wanted, ask=replace(wanted.ask, remember=(Remember(kind="host", rule=rule),)))


def overwrite(task_no: int, *, sha: str = "cd" * 32, display: str = "-a\n+b") -> Wanted:
    """A change of one of the owner's files."""
    arguments: dict[str, Json] = {"before": None, "after": [1, sha], "display": sha}
    action = Action(
        task=task_no, kind="files", resource="files", verb="overwrite", arguments=arguments,
        targets=("notes.md",), files={"notes.md": sha}, skill="", manifest="", config=0,
    )  # fmt: skip
    effect = Effect(
        kind=EffectKind.FILES, resource="files", verb="overwrite", digest=action.digest,
        tier=Tier.CHANGE, targets=("notes.md",),
    )  # fmt: skip
    return Wanted(effect=effect, ask=Ask(action=action, display=display))
