"""The clock that schedules, checks and triggers go by; tests bring their own."""

from __future__ import annotations

from datetime import UTC, datetime


def utc_now() -> datetime:
    """The time of the real world."""
    return datetime.now(UTC)
