from __future__ import annotations

import base64
import os
import stat
from typing import TYPE_CHECKING

import pytest

from agentai.instance import Instance, Running, join_running
from core.errors import ConfigError, UserFacing

if TYPE_CHECKING:
    from pathlib import Path

RUNNING = Running(
    pid=1, database_url="postgresql://a:secret@/x", redis_url="unix:///r", telegram_api_url=None
)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_the_folder_is_made_for_its_owner_alone(tmp_path: Path) -> None:
    instance = Instance(tmp_path / "deep" / "home")
    assert mode(instance.home) == 0o700
    assert mode(instance.logs) == 0o700


def test_a_folder_that_was_open_is_closed(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    home.chmod(0o755)
    assert mode(Instance(home).home) == 0o700


def test_a_folder_that_cannot_be_made_is_a_setting_to_correct(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match=r"AGENTAI_HOME: .*/file cannot be used: File exists"):
        Instance(tmp_path / "file")


def test_a_command_that_joins_goes_on_where_the_folder_cannot_be_used(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AGENTAI_HOME", "/proc/self/task")
    join_running()
    assert os.environ["AGENTAI_HOME"] == "/proc/self/task"


def test_the_secret_key_is_made_once_and_kept_private(tmp_path: Path) -> None:
    key = Instance(tmp_path).secret_key()
    assert len(base64.urlsafe_b64decode(key)) == 32
    assert mode(tmp_path / "secret.key") == 0o600
    assert Instance(tmp_path).secret_key() == key


def test_the_playground_token_looks_like_a_bot_token_and_stays(tmp_path: Path) -> None:
    number, _, rest = (token := Instance(tmp_path).playground_token()).partition(":")
    assert number.isdecimal()
    assert len(rest) >= 30
    assert Instance(tmp_path).playground_token() == token


def test_only_one_process_holds_a_folder(tmp_path: Path) -> None:
    first = Instance(tmp_path)
    first.hold()
    with pytest.raises(UserFacing, match=f"process {os.getpid()}"):
        Instance(tmp_path).hold()


def test_an_announcement_counts_only_while_somebody_holds_the_folder(tmp_path: Path) -> None:
    instance = Instance(tmp_path)
    assert instance.running() is None
    instance.hold()
    instance.announce(RUNNING)
    assert mode(tmp_path / "run.json") == 0o600
    assert Instance(tmp_path).running() == RUNNING
    instance.release()
    assert Instance(tmp_path).running() is None


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", '{"pid": 1, "surprise": 2}', "\x00"])
def test_a_damaged_announcement_counts_as_none(tmp_path: Path, content: str) -> None:
    instance = Instance(tmp_path)
    instance.hold()
    (tmp_path / "run.json").write_text(content)
    assert instance.running() is None
    instance.release()


def test_commands_join_what_runs_but_the_environment_wins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    instance = Instance(tmp_path)
    instance.hold()
    instance.announce(RUNNING)
    key = instance.secret_key()
    for name in ("DATABASE_URL", "AGENTAI_SECRET_KEY"):
        monkeypatch.setenv(name, "")
    monkeypatch.setenv("AGENTAI_HOME", str(tmp_path))
    monkeypatch.setenv("REDIS_URL", "redis://mine")
    join_running()
    assert os.environ["DATABASE_URL"] == RUNNING.database_url
    assert os.environ["REDIS_URL"] == "redis://mine"
    assert os.environ["AGENTAI_SECRET_KEY"] == key
    instance.release()


def test_a_repr_hides_the_addresses() -> None:
    assert "secret" not in repr(RUNNING)
