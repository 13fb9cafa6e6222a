"""Who listens and who speaks."""

from pathlib import Path

import pytest

from coordinator.speech.choosing import (
    LocalModel,
    check_key_host,
    is_openrouter,
    is_wanted,
    listener,
    listening_time_s,
    speaker,
)
from core.config.values import Config, resolve
from core.errors import UserFacing
from core.models import Route
from core.settings import load_settings


def config(**stored: str) -> Config:
    values = {name.replace("__", "."): value for name, value in stored.items()}
    return resolve(1, values, load_settings())


def test_this_machine_listens_unless_a_service_is_set() -> None:
    assert listener(config()) == LocalModel(name="base")
    found = listener(config(voice__model="/models/small"))
    assert found == LocalModel(name="/models/small", folder=Path("/models/small"))


def test_the_key_of_the_model_service_goes_to_no_other_address() -> None:
    keys = {"model__api_key": "sk-1", "voice__service_model": "whisper-1"}
    same = listener(config(**keys))
    other = listener(config(**keys, voice__base_url="https://speech.example/v1"))
    own = listener(config(**keys, voice__base_url="https://a.example", voice__api_key="k2"))
    assert isinstance(same, Route)
    assert isinstance(other, Route)
    assert isinstance(own, Route)
    assert (same.api_key, other.api_key, own.api_key) == ("sk-1", "none", "k2")
    assert is_openrouter(same)
    assert not is_openrouter(other)


@pytest.mark.parametrize(
    ("engine", "has_key", "who"),
    [("auto", True, "elevenlabs"), ("auto", False, "local"), ("local", True, "local"),
     ("elevenlabs", False, "elevenlabs")],
)  # fmt: skip
def test_who_speaks_follows_the_setting_and_the_key(engine: str, has_key: bool, who: str) -> None:
    assert speaker(config(voice__engine=engine), has_key=has_key) == who


@pytest.mark.parametrize(
    ("mode", "was_spoken", "is_said"),
    [("off", True, False), ("off", False, False), ("auto", True, True), ("auto", False, False),
     ("always", True, True), ("always", False, True), ("?", True, False)],
)  # fmt: skip
def test_an_answer_is_said_aloud_as_the_chat_wants_it(
    mode: str, was_spoken: bool, is_said: bool
) -> None:
    assert is_wanted(mode, was_spoken=was_spoken) is is_said


def test_a_key_goes_to_its_own_host_or_to_this_machine_only() -> None:
    for address in ("https://api.elevenlabs.io", "http://127.0.0.1:1", "http://localhost"):
        check_key_host(address, "api.elevenlabs.io")
    check_key_host("https://api.elevenlabs.io", "*.elevenlabs.io")
    for address in ("https://evil.example", "https://api.elevenlabs.io.evil.example", "http://"):
        with pytest.raises(UserFacing, match="is for"):
            check_key_host(address, "api.elevenlabs.io")
    with pytest.raises(UserFacing, match="is for"):
        check_key_host("https://a.b.elevenlabs.io", "*.elevenlabs.io")


def test_a_longer_recording_may_take_longer() -> None:
    assert 180 < listening_time_s(10) < listening_time_s(600) < 3600
