"""The fixed prompt and its budget."""

import json
from datetime import UTC, datetime

from coordinator.prompt import system_prompt
from coordinator.skills import PROMPT_BYTES
from coordinator.tools import ALL, Offer, offered

NOW = datetime(2026, 11, 21, 9, 5, tzinfo=UTC)


def body_bytes(tools: Offer, *, skills: str = "") -> int:
    """As the SDK sends it: without spaces between the parts."""
    system = system_prompt(now=NOW, summary="", running="", skills=skills)
    body = {
        "model": "x" * 60,
        "messages": [{"role": "system", "content": system}, {"role": "user", "content": "hello"}],
        "stream": True,
        "stream_options": {"include_usage": True},
        "tools": list(offered(tools)),
    }
    return len(json.dumps(body, separators=(",", ":")).encode())


def test_a_hello_costs_at_most_4050_bytes() -> None:
    assert body_bytes(Offer(has_memory=True), skills="s" * PROMPT_BYTES) <= 4_050


def test_a_hello_with_every_tool_costs_at_most_5600_bytes() -> None:
    assert body_bytes(ALL, skills="s" * PROMPT_BYTES) <= 5_600


def test_the_prompt_says_when_it_is_and_what_runs() -> None:
    prompt = system_prompt(now=NOW, summary="They like tea.", running="#1 [running] x")
    assert "Saturday 2026-11-21 09:05 UTC" in prompt
    assert "#1 [running] x" in prompt
    assert prompt.endswith("They like tea.")


def test_standing_rules_stand_before_all_that_changes() -> None:
    prompt = system_prompt(now=NOW, summary="S", running="R", memory="M", rules="1. be brief")
    assert prompt.index("1. be brief") < prompt.index("R")
    assert "in force until they lift them" in prompt
