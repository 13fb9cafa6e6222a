"""Fixtures that every test may use."""

import pytest
from hypothesis import HealthCheck, settings

from tests.support.order import dealt

pytest_plugins = [
    "tests.support.services",
    "tests.support.image",
    "tests.support.instance",
    "tests.support.world",
]

# The machine may be busy: how long an example takes says nothing about the code.
settings.register_profile(
    "agentai", deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True
)
settings.load_profile("agentai")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """On several workers the slow ones come first (see tests/support/order.py)."""
    workers = getattr(config, "workerinput", {}).get("workercount", 1)
    items[:] = [items[place] for place in dealt([i.nodeid.split("::")[0] for i in items], workers)]
