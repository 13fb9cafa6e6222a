"""What the heartbeat needs from above and outside. Others implement these; nothing here does.

Methods that take a `Session` write in the caller's transaction and do nothing else: what they say
or queue must become true with that transaction or not at all. All may raise `Retryable`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Literal, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from core.db import Session
    from core.tasks import TaskNo
    from heartbeat.deciding import Answer

Source = Literal["schedule", "check", "trigger"]


@dataclass(frozen=True, kw_only=True, slots=True)
class TaskOrder:
    """A task that nobody asked for in the chat just now.

    It may do what `permissions` (or, with `skill`, that skill's manifest) grants and the owner's
    ceiling allows: never more. With `is_untrusted` its instructions hold text from outside, and the
    task begins with the label `untrusted`. `files` are host paths to copy into its workspace; they
    arrived from outside, so open them without following links. `kind` is that of the trigger.
    """

    title: str
    instructions: str
    source: Source
    name: str
    skill: str = ""
    permissions: Mapping[str, object] = field(default_factory=dict)
    is_untrusted: bool = False
    files: tuple[str, ...] = ()
    kind: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Notice:
    """What is said to the owner. With an `id` it carries the buttons useful / not now / never."""

    text: str
    name: str
    id: int | None = None
    reason: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Asked:
    """The model's typed answers by check, and what they cost in US dollars.

    A check that is missing has nothing to say.
    """

    answers: Mapping[str, Answer]
    usd: Decimal = Decimal(0)


@dataclass(frozen=True, kw_only=True, slots=True)
class Printed:
    """How a command ended, and the digest of what it printed."""

    code: int
    digest: str


class Queue(Protocol):
    """Puts tasks into the queue."""

    async def __call__(self, session: Session, order: TaskOrder) -> TaskNo:
        """Queues one task inside the caller's transaction."""


class Say(Protocol):
    """Tells the owner something, once."""

    async def __call__(self, session: Session, notice: Notice) -> None:
        """Puts one message into the outbox inside the caller's transaction."""


class Ask(Protocol):
    """The cheap model."""

    async def __call__(self, prompt: str, names: Sequence[str]) -> Asked:
        """One call about the checks `names`; `UserFacing` when the owner has to mend something."""


class Run(Protocol):
    """Commands in a container."""

    async def __call__(self, command: str, permissions: Mapping[str, object]) -> Printed:
        """Runs one command with nothing but `permissions`; `UserFacing` when it cannot run."""


class Fetch(Protocol):
    """Web pages."""

    async def __call__(self, url: str, permissions: Mapping[str, object]) -> str:
        """The digest of what `url` serves; `Denied` or `UserFacing` when it may or does not."""


class Secret(Protocol):
    """Secrets of the vault, for checking signatures and logging in here, outside containers."""

    async def __call__(self, name: str) -> bytes:
        """The value; `UserFacing` when there is none."""


@dataclass(frozen=True, kw_only=True, slots=True)
class BeatPorts:
    """All that a beat may call."""

    ask: Ask
    say: Say
    queue: Queue
    run: Run
    fetch: Fetch
