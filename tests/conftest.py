"""Fixtures that every test may use."""

pytest_plugins = [
    "tests.support.services",
    "tests.support.image",
    "tests.support.instance",
    "tests.support.world",
]
