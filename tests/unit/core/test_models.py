"""Fallback, failures and the circuit breaker."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.config import Config
from core.config.values import resolve
from core.models import (
    BREAKER_FAILURES,
    BREAKER_PAUSE_S,
    Breaker,
    Route,
    classify,
    error_in_body,
    parse_usage,
    routes,
)
from core.settings import EnvSettings

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


def config(**stored: str) -> Config:
    return resolve(1, {k.replace("__", "."): v for k, v in stored.items()}, EnvSettings())


def route(name: str) -> Route:
    return Route(model=name, base_url="http://m", api_key="k")


@pytest.mark.parametrize(
    ("stored", "models"),
    [
        ({}, ()),
        ({"model__coordinator": "a"}, ()),
        ({"model__api_key": "k"}, ("openrouter/auto",)),
        ({"model__api_key": "k", "model__coordinator": "a,b"}, ("a", "b")),
        ({"model__base_url": "http://h/v1"}, ()),
        ({"model__base_url": "http://h/v1", "model__coordinator": "a"}, ("a",)),
        ({"model__base_url": "http://h/v1", "model__api_key": "k"}, ()),
    ],
)
def test_a_model_is_configured_when_there_is_enough_to_call_it(
    stored: dict[str, str], models: tuple[str, ...]
) -> None:
    assert tuple(r.model for r in routes(config(**stored), "coordinator")) == models
    assert tuple(r.model for r in routes(config(**stored), "executor")) == models


def test_the_executor_may_have_models_of_its_own() -> None:
    both = config(model__api_key="k", model__coordinator="a", model__executor="b")
    assert [r.model for r in routes(both, "executor")] == ["b"]


def test_a_route_never_shows_its_key() -> None:
    assert "hidden-key" not in repr(Route(model="m", base_url="u", api_key="hidden-key"))


@pytest.mark.parametrize(
    ("status", "act"),
    [
        (401, "owner"), (402, "owner"), (403, "owner"), (429, "next"), (500, "next"), (502, "next"),
        (None, "next"), (400, "request"), (404, "request"), (413, "request"), (422, "request"),
        (418, "next"),
    ],
)  # fmt: skip
def test_each_status_leads_to_the_right_act(status: int | None, act: str) -> None:
    assert classify(status).act == act


@pytest.mark.parametrize(
    ("body", "found"),
    [
        ({"choices": [{"message": {}}]}, None),
        ({"error": {"code": 402, "message": "no credit"}}, (402, "no credit")),
        ({"error": {"code": "429", "message": "slow"}}, (429, "slow")),
        ({"error": {"code": "bad", "message": "x"}}, (500, "x")),
        ({"error": "broken"}, (500, "broken")),
        ({"choices": []}, (502, "the answer holds no choices")),
        ({}, (502, "the answer holds no choices")),
    ],
)
def test_an_error_inside_a_successful_answer_is_an_error(
    body: dict[str, object], found: tuple[int, str] | None
) -> None:
    assert error_in_body(body) == found


@given(JSON)
def test_any_usage_object_is_read_without_failing(usage: object) -> None:
    read = parse_usage(usage)
    assert read.prompt_tokens >= 0
    assert read.completion_tokens >= 0
    assert read.cost_usd >= 0


def test_usage_is_read_as_it_is_sent() -> None:
    read = parse_usage({"prompt_tokens": 7, "completion_tokens": 3, "cost": 0.00012})
    assert (read.prompt_tokens, read.completion_tokens) == (7, 3)
    assert read.cost_usd == Decimal("0.00012")


def test_a_route_is_left_alone_after_repeated_failures_and_tried_again_later() -> None:
    breaker, first, second = Breaker(), route("first"), route("second")
    both = (first, second)
    for moment in range(BREAKER_FAILURES):
        assert breaker.usable(both, now=float(moment)) == both
        breaker.failed(first, now=float(moment))
    now = float(BREAKER_FAILURES - 1)
    assert breaker.usable(both, now=now) == (second,)
    assert breaker.usable(both, now=now + BREAKER_PAUSE_S) == both


def test_the_service_is_given_the_pause_it_asks_for() -> None:
    breaker, only = Breaker(), route("only")
    breaker.failed(only, now=0.0, after_s=7)
    assert breaker.usable((only, route("other")), now=6.9) == (route("other"),)
    assert breaker.usable((only,), now=0.0) == (only,)


def test_success_forgets_failures() -> None:
    breaker, only = Breaker(), route("only")
    for _ in range(BREAKER_FAILURES - 1):
        breaker.failed(only, now=0.0)
    breaker.succeeded(only)
    breaker.failed(only, now=0.0)
    assert breaker.usable((only, route("x")), now=0.0) == (only, route("x"))
