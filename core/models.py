"""Models, without the wire: which endpoint comes next, what a failure means. Pure.

Two callers use these decisions: the coordinator (through the `openai` SDK) and the executor host's
model proxy.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from core.config import Config

Role = Literal["coordinator", "executor", "vision"]

BREAKER_FAILURES = 3
BREAKER_PAUSE_S = 30.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Route:
    """One way to ask a model. The key is kept out of reprs."""

    model: str
    base_url: str
    api_key: str = field(repr=False)
    timeout_s: float = 120.0


def routes(config: Config, role: Role) -> tuple[Route, ...]:
    """The fallback list of `role`, best first; empty when no model is configured."""
    return tuple(
        Route(
            model=model,
            base_url=config.text("model.base_url"),
            api_key=config.text("model.api_key") or "none",
            timeout_s=config.number("model.timeout_s"),
        )
        for model in config.models(role)
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class Failure:
    """What went wrong with one call, and what to do about it.

    `owner`: only the owner can mend it (key, credit); not retried. `next`: this route is out for
    now.
    `request`: the request itself is refused; another model may take it, the same one will not.
    """

    act: Literal["owner", "next", "request"]
    text: str
    hint: str = ""
    after_s: float = 0.0


def classify(status: int | None, detail: str = "", *, after_s: float = 0.0) -> Failure:
    """Sorts an HTTP status (None: no answer at all) into what to do.

    `detail` is the service's own text.
    """
    said = f" It said: {detail.strip()[:200]}" if detail.strip() else ""
    match status:
        case 401 | 403:
            return Failure(
                act="owner",
                text=f"The model service refused the key ({status}).{said}",
                hint="Set another one: /config model.api_key KEY",
            )
        case 402:
            return Failure(
                act="owner",
                text=f"The model service wants payment (402).{said}",
                hint="Top up the account, or set another key: /config model.api_key KEY",
            )
        case 429:
            return Failure(
                act="next", text="The model service is at its limit (429).", after_s=after_s or 2
            )
        case None:
            return Failure(act="next", text=f"The model service did not answer.{said}")
        case 400 | 404 | 413 | 422:
            return Failure(
                act="request", text=f"The model service refused the request ({status}).{said}"
            )
        case _:
            return Failure(act="next", text=f"The model service failed ({status}).{said}")


def error_in_body(body: Mapping[str, object]) -> tuple[int | None, str] | None:
    """An error sent with HTTP 200: its code and text, or None when the body is a proper answer."""
    error = body.get("error")
    if error:
        if isinstance(error, dict):
            code = error.get("code")
            return (int(str(code)) if str(code).isdigit() else 500), str(error.get("message", ""))
        return 500, str(error)
    choices = body.get("choices")
    if not isinstance(choices, list) or not choices or not isinstance(choices[0], dict):
        return 502, "the answer holds no choices"
    return None


@dataclass(frozen=True, kw_only=True, slots=True)
class Usage:
    """What one call cost: tokens, and US dollars when the service says so."""

    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost_usd: Decimal = Decimal(0)


def parse_usage(usage: object) -> Usage:
    """Reads the `usage` object of an answer; whatever is missing or malformed counts as zero."""
    if not isinstance(usage, dict):
        return Usage()
    return Usage(
        prompt_tokens=_whole(usage.get("prompt_tokens")),
        completion_tokens=_whole(usage.get("completion_tokens")),
        cost_usd=_money(usage.get("cost")),
    )


def _whole(value: object) -> int:
    ok = isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**31
    return int(value) if ok else 0  # type: ignore[call-overload]


def _money(value: object) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return Decimal(0)
    try:
        amount = Decimal(str(value))
    except InvalidOperation:
        return Decimal(0)
    return amount if amount.is_finite() and 0 <= amount < 100_000 else Decimal(0)


@dataclass(slots=True)
class _Health:
    failures: int = 0
    closed_until: float = 0.0


class Breaker:
    """Leaves a route alone after repeated failures.

    One try after the pause decides whether it is back. Times are seconds of one monotonic clock,
    given by the caller.
    """

    def __init__(self) -> None:
        self._health: dict[tuple[str, str], _Health] = {}

    def usable(self, listed: tuple[Route, ...], *, now: float) -> tuple[Route, ...]:
        """`listed` without the routes that are left alone; all of them when none would remain."""
        fit = tuple(r for r in listed if self._of(r).closed_until <= now)
        return fit or listed

    def paused_s(self, route: Route, *, now: float) -> float:
        """For how many more seconds the route is left alone; 0 when it may be asked."""
        return max(0.0, self._of(route).closed_until - now)

    def succeeded(self, route: Route) -> None:
        """Forgets the route's failures."""
        self._health.pop((route.base_url, route.model), None)

    def failed(self, route: Route, *, now: float, after_s: float = 0.0) -> None:
        """Counts a failure; `after_s` is how long the service itself asked to be left alone."""
        health = self._of(route)
        health.failures += 1
        pause = BREAKER_PAUSE_S if health.failures >= BREAKER_FAILURES else after_s
        health.closed_until = max(health.closed_until, now + min(pause, 300.0))

    def _of(self, route: Route) -> _Health:
        return self._health.setdefault((route.base_url, route.model), _Health())
