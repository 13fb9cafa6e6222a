"""The steps of a turn within a number of bytes: clipped one by one, and then without the oldest.

A call and its result stay together: services refuse one without the other. Pure.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from coordinator.context import clip, size
from coordinator.room import bytes_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from coordinator.context import ChatMessage

STEP_CAPS = (6_000, 3_000, 1_500, 700, 300)
NAME_CAP = 80


def fit_steps(steps: Sequence[ChatMessage], room: int) -> list[ChatMessage]:
    """What fits into `room` bytes; the newest step is always among it."""
    groups = _groups(steps)
    for cap in STEP_CAPS:
        clipped = [[_clip_step(step, cap) for step in group] for group in groups]
        if sum(_group_size(group) for group in clipped) <= room:
            break
    kept: list[list[ChatMessage]] = []
    for group in reversed(clipped):
        room -= _group_size(group)
        if room < 0 and kept:
            break
        kept.append(group if room >= 0 else _fewer(group, room))
    return [step for group in reversed(kept) for step in group]


def _group_size(group: Sequence[ChatMessage]) -> int:
    return sum(step_size(step) for step in group)


def _groups(steps: Sequence[ChatMessage]) -> list[list[ChatMessage]]:
    """Each message of the assistant with what answers it."""
    groups: list[list[ChatMessage]] = []
    for step in steps:
        if step.get("role") == "assistant" or not groups:
            groups.append([])
        groups[-1].append(step)
    return groups


def _fewer(group: list[ChatMessage], room: int) -> list[ChatMessage]:
    """The last group alone is too much: its first calls with their results, as many as fit."""
    head, *results = group
    calls = list(head.get("tool_calls") or ())
    while len(calls) > 1 and room < 0:
        gone = calls.pop()
        room += bytes_of(json.dumps(gone, ensure_ascii=False))
        room += sum(step_size(r) for r in results if r.get("tool_call_id") == gone.get("id"))
        results = [r for r in results if r.get("tool_call_id") != gone.get("id")]
    return [{**head, "tool_calls": calls} if calls else head, *results]


def _clip_step(step: ChatMessage, cap: int) -> ChatMessage:
    content = step.get("content")
    clipped = {**step, "content": clip(content, cap)} if isinstance(content, str) else dict(step)
    if "tool_call_id" in step:
        clipped["tool_call_id"] = str(step["tool_call_id"])[:NAME_CAP]
    if step.get("tool_calls"):
        clipped["tool_calls"] = [_clip_call(call, cap) for call in step["tool_calls"]]
    return clipped


def _clip_call(call: ChatMessage, cap: int) -> ChatMessage:
    function = call["function"]
    arguments = _clip_arguments(str(function["arguments"]), cap)
    named = {"name": str(function["name"])[:NAME_CAP], "arguments": arguments}
    return {**call, "id": str(call["id"])[:NAME_CAP], "function": named}


def _clip_arguments(arguments: str, cap: int) -> str:
    """Arguments that are still JSON; their texts keep both ends."""
    if bytes_of(arguments) <= cap:
        return arguments
    try:
        found = json.loads(arguments)
    except (ValueError, RecursionError):
        return "{}"
    if not isinstance(found, dict) or not found:
        return "{}"
    each = max(0, cap // (2 * len(found)) - NAME_CAP)
    texts = {str(k)[:NAME_CAP]: clip(v, each) for k, v in found.items() if isinstance(v, str)}
    clipped = json.dumps(texts, ensure_ascii=False)
    return clipped if bytes_of(clipped) <= cap else "{}"


def step_size(step: ChatMessage) -> int:
    """Bytes of a step without its pictures."""
    if isinstance(content := step.get("content"), list):
        return sum(size(str(part.get("text") or "")) for part in content)
    return bytes_of(json.dumps(step, ensure_ascii=False))
