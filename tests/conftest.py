"""Fixtures that every test may use."""

from hypothesis import HealthCheck, settings

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
