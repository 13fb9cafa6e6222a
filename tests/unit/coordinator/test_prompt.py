"""The fixed prompt and its budget."""

import json
from datetime import UTC, datetime

from coordinator.prompt import system_prompt
from coordinator.skills import PROMPT_BYTES
from coordinator.tools import SCHEMAS

NOW = datetime(2026, 11, 21, 9, 5, tzinfo=UTC)


def test_a_hello_costs_at_most_six_thousand_bytes() -> None:
    body = {
        "model": "x" * 60,
        "messages": [
            {"role": "system", "content": system_prompt(now=NOW, summary="", running="")},
            {"role": "user", "content": "hello"},
        ],
        "stream": True,
        "stream_options": {"include_usage": True},
        "tools": list(SCHEMAS),
    }
    assert len(json.dumps(body).encode()) <= 6_000


def test_a_full_index_of_skills_still_fits() -> None:
    prompt = system_prompt(now=NOW, summary="", running="", skills="s" * PROMPT_BYTES)
    body = {"messages": [{"role": "system", "content": prompt}], "tools": list(SCHEMAS)}
    assert len(json.dumps(body).encode()) <= 5_800


def test_the_prompt_says_when_it_is_and_what_runs() -> None:
    prompt = system_prompt(now=NOW, summary="They like tea.", running="#1 [running] x")
    assert "Saturday 2026-11-21 09:05 UTC" in prompt
    assert "#1 [running] x" in prompt
    assert prompt.endswith("They like tea.")


def test_standing_rules_stand_before_all_that_changes() -> None:
    prompt = system_prompt(now=NOW, summary="S", running="R", memory="M", rules="1. be brief")
    assert prompt.index("1. be brief") < prompt.index("R")
    assert "in force until they lift them" in prompt
