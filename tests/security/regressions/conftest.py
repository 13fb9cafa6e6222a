"""Fixtures of these tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.security.regressions.desk import Desk, a_desk

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path


@pytest.fixture
async def desk(tmp_path: Path, database_url: str, redis_url: str) -> AsyncIterator[Desk]:
    """A bot that has its owner."""
    async with a_desk(tmp_path / "home", database_url, redis_url) as made:
        yield made


@pytest.fixture
async def unowned(tmp_path: Path, database_url: str, redis_url: str) -> AsyncIterator[Desk]:
    """A bot that nobody has claimed yet."""
    async with a_desk(tmp_path / "home", database_url, redis_url, owner=None) as made:
        yield made
