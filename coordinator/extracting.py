"""What to remember of the owner's words: asks mem0's extraction, in a heavy process.

One call of the cheapest model a batch. It is booked as usage, also when its answer is of no use.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from coordinator.memory.trust import telling_words
from coordinator.memory.types import Candidate, Layer, MemoryId
from core.errors import Retryable
from core.models import parse_usage, routes

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from coordinator.heavy.client import Heavy
    from coordinator.memory.types import Memory, Words
    from core.config import ConfigStore
    from core.models import Route
    from core.tasks import TaskStore

WAIT_S = 30.0  # for the process to start, beside the model's own time
SAID_CAP = 4_000  # characters of one message


class Mem0Extractor:
    """The port `Extractor` of memory."""

    def __init__(self, *, heavy: Heavy, config: ConfigStore, tasks: TaskStore) -> None:
        self._heavy = heavy
        self._config = config
        self._tasks = tasks

    async def extract(
        self, said: Sequence[Words], known: Sequence[Memory], *, now: datetime
    ) -> Sequence[Candidate]:
        """New memories, and those that replace one of `known`.

        Raises `Retryable` when no model is set, it is away, or its answer cannot be read, and
        `UserFacing` when only the owner can mend it. Cancelling ends the call.
        """
        if not said:
            return ()
        route = next(reversed(routes(await self._config.current(), "coordinator")), None)
        if route is None:
            raise Retryable("no model is set that could extract memories", 300.0)
        result = await self._heavy.call(
            "extract", request(route, said, known, now=now), timeout_s=route.timeout_s + WAIT_S
        )
        is_readable = bool(result.get("is_readable"))
        await self._tasks.record_usage(
            parse_usage(result.get("usage")), role="coordinator", model=route.model,
            purpose="memory", outcome="ok" if is_readable else "next",
        )  # fmt: skip
        if not is_readable:
            raise Retryable("the model's answer holds no memories that can be read", 60.0)
        return candidates(result.get("facts"), said)


def request(
    route: Route, said: Sequence[Words], known: Sequence[Memory], *, now: datetime
) -> dict[str, object]:
    """The call of the job `extract`."""
    return {
        "base_url": route.base_url, "api_key": route.api_key, "model": route.model,
        "timeout_s": route.timeout_s, "on": now.date().isoformat(),
        "said": [{"text": w.text[:SAID_CAP], "date": w.at.date().isoformat()} for w in said],
        "known": [{"id": str(memory.id), "text": memory.text} for memory in known],
    }  # fmt: skip


def _origin(text: str, said: Sequence[Words], *, named: int) -> Words:
    """The message that a memory comes from: the one that shares most of its telling words.

    The model names one, and counts among equals: were it believed, /forget would delete a message
    that the model has mixed up, and leave the one that says it.
    """
    telling = telling_words(text)
    shared = [len(telling & telling_words(words.text)) for words in said]
    return said[named] if shared[named] == max(shared) else said[shared.index(max(shared))]


def candidates(found: object, said: Sequence[Words]) -> tuple[Candidate, ...]:
    """The job's facts as candidates; what is known already is left out."""
    listed = cast("Sequence[Mapping[str, object]]", found if isinstance(found, list) else ())
    return tuple(_candidate(fact, said) for fact in listed if fact["action"] != "none")


def _candidate(fact: Mapping[str, object], said: Sequence[Words]) -> Candidate:
    replaced, text = cast("Sequence[str]", fact["supersedes"]), str(fact["text"])
    return Candidate(
        text=text, message_id=_origin(text, said, named=cast("int", fact["said"])).message_id,
        layer=cast("Layer", fact["layer"]),
        supersedes=MemoryId(int(replaced[0])) if replaced else None,
    )  # fmt: skip
