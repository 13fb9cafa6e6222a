"""Prompts stay within their cap."""

from hypothesis import given
from hypothesis import strategies as st

from coordinator.context import (
    JSON_OVERHEAD,
    MESSAGE_CAP,
    STEP_CAP,
    TURN_CAP,
    Said,
    as_chat,
    assemble,
    clip,
    recent,
    size,
    to_summarise,
)

ROLES = st.sampled_from(["owner", "assistant", "event"])
TEXTS = st.text(max_size=50) | st.builds(
    lambda c, n: c * n, st.sampled_from("aé😀"), st.integers(0, 60_000)
)
SAID = st.builds(Said, id=st.integers(1, 9), role=ROLES, text=TEXTS, is_correction=st.booleans())
STEPS = st.lists(
    st.builds(lambda t: {"role": "tool", "tool_call_id": "x", "content": t}, TEXTS), max_size=6
)


def owner(text: str, number: int = 1) -> Said:
    return Said(id=number, role="owner", text=text)


@given(st.text(max_size=500), st.integers(0, 400))
def test_clipping_keeps_the_cap_and_both_ends(text: str, cap: int) -> None:
    clipped = clip(text, cap)
    raw = text.encode("utf-8", "replace")
    if len(raw) <= cap:
        assert clipped == text
    else:
        assert len(clipped.encode("utf-8", "replace")) <= max(cap, 40)


@given(st.lists(SAID, max_size=8), st.integers(0, 30_000))
def test_history_is_the_newest_part_that_fits(history: list[Said], budget: int) -> None:
    kept = recent(history, budget)
    assert kept == history[len(history) - len(kept) :]
    assert sum(min(size(s.text), MESSAGE_CAP + JSON_OVERHEAD) for s in kept) <= budget


@given(
    st.lists(SAID, max_size=6),
    st.lists(SAID, min_size=1, max_size=6),
    STEPS,
    st.integers(0, 30_000),
)
def test_a_prompt_never_exceeds_its_cap(
    history: list[Said], new: list[Said], steps: list[dict[str, str]], budget: int
) -> None:
    prompt = assemble(
        system="s" * 100, history=history, new=new, steps=steps, history_budget=budget
    )
    total = sum(len(str(m["content"]).encode("utf-8", "replace")) for m in prompt)
    assert total <= 100 + budget + 2 * TURN_CAP + 500
    assert prompt[0]["role"] == "system"


def test_everything_is_in_the_prompt_when_there_is_room() -> None:
    prompt = assemble(
        system="S",
        history=[owner("one"), Said(id=2, role="assistant", text="two")],
        new=[owner("three", 3)],
        steps=[{"role": "tool", "tool_call_id": "c", "content": "four"}],
        history_budget=10_000,
    )
    assert [m["content"] for m in prompt] == ["S", "one", "two", "three", "four"]
    assert [m["role"] for m in prompt] == ["system", "user", "assistant", "user", "tool"]


def test_a_correction_is_marked_and_a_result_is_the_assistants() -> None:
    marked = as_chat(Said(id=1, role="owner", text="x", is_correction=True))
    assert marked == {"role": "user", "content": "[correction] x"}
    assert as_chat(Said(id=1, role="event", text="r"))["role"] == "assistant"


def test_a_burst_that_is_too_long_keeps_its_newest_messages_and_says_so() -> None:
    new = [owner("x" * (MESSAGE_CAP - 100), n) for n in range(1, 6)]
    prompt = assemble(system="S", history=[], new=new, steps=[], history_budget=0)
    assert "earlier messages of this burst were left out" in prompt[1]["content"]


def test_a_long_tool_result_is_clipped() -> None:
    step = {"role": "tool", "tool_call_id": "c", "content": "y" * 50_000}
    prompt = assemble(system="S", history=[], new=[owner("a")], steps=[step], history_budget=0)
    assert len(prompt[-1]["content"]) <= STEP_CAP


def test_nothing_is_summarised_until_half_a_budget_has_grown_old() -> None:
    history = [owner("x" * 100, n) for n in range(10)]
    assert to_summarise(history, 10_000) == []
    assert to_summarise(history, 1_000) == []
    old = to_summarise([owner("x" * 100, n) for n in range(20)], 1_000)
    assert [s.id for s in old] == list(range(13))
