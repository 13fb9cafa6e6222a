from __future__ import annotations

import subprocess
import sys
import types
from typing import TYPE_CHECKING

import pytest

from agentai import cli
from core.errors import ConfigError, UserFacing

if TYPE_CHECKING:
    from collections.abc import Callable


def command_that(act: Callable[[], int]) -> types.ModuleType:
    module = types.ModuleType("agentai.pretended")
    module.main = lambda argv: act()  # type: ignore[attr-defined]
    return module


@pytest.fixture
def pretend(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], int]], None]:
    """Replaces the code behind `agentai version`."""

    def put(act: Callable[[], int]) -> None:
        monkeypatch.setattr(cli, "import_module", lambda name: command_that(act))

    return put


def refuse() -> int:
    raise ConfigError("REDIS_URL", "must begin with redis://")


def complain() -> int:
    raise UserFacing("It is full.", "Make room.")


def interrupt() -> int:
    raise KeyboardInterrupt


@pytest.mark.parametrize(
    ("act", "code", "error"),
    [
        (lambda: 0, 0, ""),
        (lambda: 7, 7, ""),
        (refuse, 2, "setting REDIS_URL: must begin with redis://\n"),
        (complain, 1, "It is full.\nMake room.\n"),
        (interrupt, 130, ""),
    ],
)
def test_how_a_command_ends_decides_the_exit_code(
    pretend: Callable[[Callable[[], int]], None],
    capsys: pytest.CaptureFixture[str],
    act: Callable[[], int],
    code: int,
    error: str,
) -> None:
    pretend(act)
    assert cli.main(["version"]) == code
    assert capsys.readouterr().err == error


def test_an_unknown_command_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["sevre"]) == 2
    assert "no command 'sevre'" in capsys.readouterr().err


@pytest.mark.parametrize(("arguments", "code"), [([], 2), (["--help"], 0), (["help"], 0)])
def test_help_lists_every_command(
    capsys: pytest.CaptureFixture[str], arguments: list[str], code: int
) -> None:
    assert cli.main(arguments) == code
    shown = capsys.readouterr().out
    assert all(f"  {name} " in shown for name in cli.COMMANDS)


def test_help_of_a_command_does_not_run_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["serve", "--help"]) == 0
    assert "usage: agentai serve" in capsys.readouterr().out


def test_the_supervisor_imports_nothing_heavy() -> None:
    heavy = ["aiohttp", "argparse", "asyncio", "asyncpg", "docker", "httpx", "pydantic", "ssl"]
    script = (
        f"import agentai.up, agentai.cli, sys; print([m for m in {heavy!r} if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
