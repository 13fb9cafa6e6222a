"""Fixtures of these tests."""

from tests.security.regressions.conftest import desk

__all__ = ["desk"]
