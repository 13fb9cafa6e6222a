"""Triggers: outside events that start a task, and what may come of one. Pure.

Threat: whoever can send a webhook, a mail or a file speaks to a model that works unasked. What an
event holds is quoted and labelled `untrusted`; its task has the trigger's own permissions and never
the owner's; one delivery counts once; a flood starts at most `STARTS_MAX` tasks a day.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import PurePath
from typing import TYPE_CHECKING, Literal

from core.hygiene import delimit
from heartbeat.ports import TaskOrder

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

Kind = Literal["webhook", "file", "mail", "task"]
TriggerState = Literal["active", "paused"]
PAYLOAD_CAP = 65_536
STARTS_MAX = 50
STARTS_WITHIN = timedelta(days=1)


@dataclass(frozen=True, kw_only=True, slots=True)
class NewTrigger:
    """A trigger to be kept. Without `instructions` its events only wait for checks to see them.

    `spec` by kind: webhook `format` (`agentai` or `github`) · file `folder`, `pattern` · mail
    `host`, `port`, `user`, `folder`, `senders`, `tls` · task `no` (or none for any).
    """

    name: str
    kind: Kind
    secret_name: str = ""
    permissions: Mapping[str, object] = field(default_factory=dict)
    spec: Mapping[str, object] = field(default_factory=dict)
    instructions: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Trigger(NewTrigger):
    """A trigger as it stands. `position` is how far its source was read, in the source's words."""

    state: TriggerState
    position: str
    created_at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class NewEvent:
    """Something that arrived. `key` names the delivery, `digest` what is proven about it."""

    trigger: str
    key: str
    payload: str
    digest: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Event:
    """An event that waits to be handled."""

    id: int
    trigger: str
    event_key: str
    at: datetime
    payload: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Activity:
    """A trigger's newest event, what became of it, and how many came today."""

    trigger: str
    at: datetime
    outcome: str | None
    task_no: int | None
    today: int


Handling = Literal["start", "keep", "over_cap", "refused", "stopped"]


def handling(trigger: Trigger, *, started_today: int) -> Handling:
    """What comes of an event: a task, nothing but its row, or nothing because there were many.

    Events that still waited when the owner paused their trigger start nothing either.
    """
    if trigger.state == "paused":
        return "stopped"
    if not trigger.instructions.strip():
        return "keep"
    return "start" if started_today < STARTS_MAX else "over_cap"


def order_for(trigger: Trigger, event: Event, *, nonce: str) -> TaskOrder:
    """The task for an event: the owner's instructions, then the content between marked lines."""
    quoted = delimit(event.payload, source=f"trigger {trigger.name}", nonce=nonce)
    return TaskOrder(
        title=f"Trigger {trigger.name}", instructions=f"{trigger.instructions.strip()}\n\n{quoted}",
        source="trigger", name=trigger.name, permissions=trigger.permissions, is_untrusted=True,
        files=_files(trigger, event), kind=trigger.kind,
    )  # fmt: skip


def _files(trigger: Trigger, event: Event) -> tuple[str, ...]:
    """The file that arrived: its key is `name:size:time`."""
    if trigger.kind != "file":
        return ()
    name = event.event_key.rsplit(":", 2)[0]
    return (str(PurePath(str(trigger.spec["folder"])) / name),)


def digest_of(event: NewEvent) -> str:
    """What makes a delivery the same as another, however it is named."""
    return event.digest or hashlib.sha256(event.key.encode("utf-8", "replace")).hexdigest()
