"""`agentai version`."""

from __future__ import annotations

from importlib.metadata import version


def main(argv: list[str]) -> int:
    """Prints the version of the installed package."""
    del argv
    print(version("agentai"))
    return 0
