from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from agentai import doctor
from agentai.checks import CHECKS, Check, containers, machine, services, setting
from agentai.doctor import Finding, examine, line, summary
from core.errors import ConfigError, Retryable, UserFacing

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path


async def well() -> str:
    return "is fine"


async def unwell() -> str:
    raise UserFacing("It is gone.", "Bring it back.")


async def away() -> str:
    raise Retryable("it is away")


async def misconfigured() -> str:
    raise ConfigError("REDIS_URL", "is missing")


async def broken() -> str:
    raise ZeroDivisionError


async def hanging() -> str:
    await asyncio.Event().wait()
    return ""


@pytest.mark.parametrize(
    ("check", "finding"),
    [
        (well, Finding(name="x", is_well=True, text="is fine")),
        (unwell, Finding(name="x", is_well=False, text="It is gone.", mend="Bring it back.")),
        (away, Finding(name="x", is_well=False, text="it is away")),
        (misconfigured, Finding(name="x", is_well=False, text="setting REDIS_URL: is missing")),
        (broken, Finding(name="x", is_well=False, text="the check broke: ZeroDivisionError")),
        (hanging, Finding(name="x", is_well=False, text="no answer within 0 s")),
    ],
)
async def test_whatever_a_check_does_becomes_a_finding(
    check: Callable[[], Awaitable[str]], finding: Finding
) -> None:
    assert await examine(Check(name="x", look=check), limit_s=0.05) == finding


def test_a_problem_shows_how_to_mend_it() -> None:
    shown = line(Finding(name="disk", is_well=False, text="It is full.", mend="Make room."))
    first, second = shown.splitlines()
    assert first.startswith("PROBLEM disk")
    assert second.strip() == "→ Make room."


@pytest.mark.parametrize(
    ("problems", "text"), [(0, "All is well."), (1, "1 problem;"), (3, "3 problems;")]
)
def test_the_last_line_counts(problems: int, text: str) -> None:
    assert text in summary(problems)


def test_every_part_has_a_check() -> None:
    names = [check.name for check in CHECKS]
    assert names == [
        "python", "settings", "home", "secret-key", "postgres", "memory", "redis", "telegram",
        "model", "engine", "container", "disk", "clock",
    ]  # fmt: skip


def test_an_unknown_part_is_named() -> None:
    with pytest.raises(UserFacing, match="no part 'teapot'"):
        doctor.main(["teapot"])


async def test_a_bad_setting_is_told_once_and_hides_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(setting, "_refused", [])
    monkeypatch.setenv("AGENTAI_HOME", str(tmp_path))
    monkeypatch.setenv("PLAYGROUND_PORT", "70000")
    monkeypatch.setenv("TELEGRAM_API_URL", "ftp://x")
    with pytest.raises(UserFacing, match=r"TELEGRAM_API_URL.*PLAYGROUND_PORT"):
        await setting.settings()
    assert await machine.home() == str(tmp_path)
    assert "GB free" in await machine.disk()


def test_a_home_that_cannot_be_is_explained(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "file"
    file.touch()
    monkeypatch.setenv("AGENTAI_HOME", str(file))
    with pytest.raises(UserFacing, match="is no folder"):
        asyncio.run(machine.home())
    monkeypatch.setenv("AGENTAI_HOME", "/proc/none")
    with pytest.raises(UserFacing, match="does not exist"):
        asyncio.run(machine.home())


def test_an_open_home_and_key_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AGENTAI_HOME", str(tmp_path))
    monkeypatch.setenv("AGENTAI_SECRET_KEY", "k" * 32)
    tmp_path.chmod(0o755)
    with pytest.raises(UserFacing, match="Others may look"):
        asyncio.run(machine.home())
    (tmp_path / "secret.key").write_text("k" * 32)
    (tmp_path / "secret.key").chmod(0o644)
    with pytest.raises(UserFacing, match="Others may read"):
        asyncio.run(machine.secret_key())


async def test_a_service_that_nobody_runs_is_said_to_be_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AGENTAI_HOME", str(tmp_path))
    for name in ("DATABASE_URL", "REDIS_URL", "TELEGRAM_BOT_TOKEN"):
        monkeypatch.setenv(name, "")
    for check in (services.postgres, services.redis, services.telegram):
        with pytest.raises(UserFacing) as caught:
            await check()
        assert "agentai up" in caught.value.hint


def test_an_engine_that_is_away_is_explained(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DOCKER_HOST", raising=False)
    monkeypatch.setattr(containers, "ENGINE_SOCKET", tmp_path / "none.sock")
    assert "make up" in containers._no_engine().hint
    monkeypatch.setenv("DOCKER_HOST", "tcp://127.0.0.1:1")
    assert "No engine answers at tcp://127.0.0.1:1" in containers._no_engine().text


async def test_the_model_check_needs_no_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AGENTAI_HOME", str(tmp_path))
    for name in ("DATABASE_URL", "OPENROUTER_API_KEY", "MODEL_API_KEY", "MODEL_BASE_URL"):
        monkeypatch.setenv(name, "")
    assert "none is configured" in await services.model()
