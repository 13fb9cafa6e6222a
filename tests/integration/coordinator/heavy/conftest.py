"""Fixtures of these tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from coordinator.heavy.client import Heavy

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


@pytest.fixture
async def heavy() -> AsyncIterator[Heavy]:
    """The helper processes of one serving process; none outlives the test."""
    made = Heavy()
    yield made
    await made.close()
