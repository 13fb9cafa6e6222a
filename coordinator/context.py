"""Puts a prompt together within a hard cap. Pure.

The newest messages go in whole; what does not fit is left out from the old end (its summary stands
in the system message). A single message or tool result that is too long keeps its beginning and its
end. Sizes are UTF-8 bytes of the text; `JSON_OVERHEAD` is added for each message.
"""

from __future__ import annotations

from dataclasses import dataclass
from secrets import token_hex
from typing import TYPE_CHECKING, Any, Literal

from core.hygiene import delimit, visible

if TYPE_CHECKING:
    from collections.abc import Sequence

ChatMessage = dict[str, Any]  # the wire format of the chat-completions API

MESSAGE_CAP = 24_000
STEP_CAP = 6_000
TURN_CAP = 48_000
SUMMARY_CAP = 3_000
JSON_OVERHEAD = 40
NONCE = token_hex(8)  # known to this process alone, so that no text can end its own frame


@dataclass(frozen=True, kw_only=True, slots=True)
class Said:
    """One message of the conversation."""

    id: int
    role: Literal["owner", "assistant", "event"]
    text: str
    is_correction: bool = False
    is_forwarded: bool = False


def size(text: str) -> int:
    """What a message with this text adds to a prompt, in bytes."""
    return len(text.encode("utf-8", "replace")) + JSON_OVERHEAD


def clip(text: str, cap: int) -> str:
    """`text` within `cap` bytes: its beginning and its end, with a mark between."""
    raw = text.encode("utf-8", "replace")
    if len(raw) <= cap:
        return text
    mark = f"\n[… {len(raw) - cap} bytes left out …]\n"
    room = max(0, cap - len(mark.encode()))
    head, tail = raw[: room * 2 // 3], raw[len(raw) - room // 3 :]
    return head.decode("utf-8", "ignore") + mark + tail.decode("utf-8", "ignore")


def as_chat(said: Said) -> ChatMessage:
    """A message in the wire format.

    Results of tasks were said by the bot, so they are the assistant's; what they and forwarded
    messages say is framed as data, since somebody else may have written it.
    """
    text = clip(said.text, MESSAGE_CAP)
    if said.role == "event":
        return {"role": "assistant", "content": _as_data(text, "the result of a task")}
    if said.is_forwarded:
        return {"role": "user", "content": _as_data(text, "a message that the owner forwarded")}
    if said.role == "owner":
        return {"role": "user", "content": f"[correction] {text}" if said.is_correction else text}
    return {"role": "assistant", "content": text}


def _as_data(text: str, source: str) -> str:
    return delimit(visible(text), source=source, nonce=NONCE)


def recent(history: Sequence[Said], budget: int) -> list[Said]:
    """The newest messages whose sizes sum up to at most `budget`, oldest first."""
    kept: list[Said] = []
    for said in reversed(history):
        budget -= min(size(said.text), MESSAGE_CAP + JSON_OVERHEAD)
        if budget < 0:
            break
        kept.append(said)
    return kept[::-1]


def assemble(
    *,
    system: str,
    history: Sequence[Said],
    new: Sequence[Said],
    steps: Sequence[ChatMessage],
    history_budget: int,
) -> list[ChatMessage]:
    """The messages of one model call: system, what fits of the history, the turn's own, its steps.

    The result never exceeds the system message + `history_budget` + twice `TURN_CAP` bytes of text:
    of the owner's new messages the newest are kept, and steps are clipped one by one, the oldest
    most.
    """
    return [
        {"role": "system", "content": system},
        *(as_chat(said) for said in recent(history, history_budget)),
        *(as_chat(said) for said in _fit_new(new)),
        *_fit_steps(steps),
    ]


def _fit_new(new: Sequence[Said]) -> list[Said]:
    kept = recent(new, TURN_CAP)
    left_out = len(new) - len(kept)
    if not left_out:
        return kept
    note = f"[{left_out} earlier messages of this burst were left out for their length]"
    return [Said(id=0, role="owner", text=note), *kept]


def _fit_steps(steps: Sequence[ChatMessage]) -> list[ChatMessage]:
    room = TURN_CAP // max(1, len(steps))
    cap = min(STEP_CAP, room)
    return [
        {**step, "content": clip(step["content"], cap)} if step.get("role") == "tool" else step
        for step in steps
    ]


def to_summarise(history: Sequence[Said], budget: int) -> list[Said]:
    """What should be summarised: all that no longer fits, once that is at least half a budget.

    Summarising in such batches keeps it rare: one model call for every half budget of talk.
    """
    kept = len(recent(history, budget))
    older = list(history[: len(history) - kept])
    return older if sum(size(s.text) for s in older) >= budget // 2 else []
