"""Settings: parsing, precedence, and what is shown of them."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.config import SPECS, parse_value
from core.config.values import resolve
from core.errors import ConfigError, UserFacing
from core.settings import EnvSettings, load_settings


@given(st.sampled_from(sorted(SPECS)), st.text(max_size=200))
def test_any_text_is_a_value_or_a_clear_refusal(name: str, text: str) -> None:
    with suppress(UserFacing):
        assert isinstance(parse_value(SPECS[name], text), str | int | float | bool)


@given(st.text(min_size=12, max_size=60))
def test_a_refused_secret_is_not_repeated(text: str) -> None:
    secret = f"{text} \x00"
    with pytest.raises(UserFacing) as refusal:
        parse_value(SPECS["model.api_key"], f"a {secret} b")
    assert text not in refusal.value.sentence() or text in SPECS["model.api_key"].name


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("tasks.parallel", " 7 ", 7),
        ("tasks.cpus", "0.5", 0.5),
        ("chat.streaming", "OFF", False),
        ("chat.streaming", "yes", True),
        ("model.base_url", "http://localhost:1/v1/", "http://localhost:1/v1"),
        ("model.coordinator", " a/b , c:free ", "a/b,c:free"),
        ("tasks.runtime", "", ""),
        ("owner.zone", " Europe/Berlin ", "Europe/Berlin"),
    ],
)
def test_values_are_read_as_people_write_them(name: str, text: str, value: object) -> None:
    assert parse_value(SPECS[name], text) == value


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("tasks.parallel", "0"), ("tasks.parallel", "51"), ("tasks.parallel", "many"),
        ("tasks.parallel", "nan"), ("tasks.cpus", "inf"), ("tasks.cpus", "nan"),
        ("chat.streaming", "perhaps"), ("model.base_url", "ftp://x"),
        ("model.base_url", "http://user:pw@h"), ("model.coordinator", "a b"),
        ("model.api_key", "two words"), ("model.api_key", ""), ("tasks.runtime", "a;b"),
        ("owner.zone", "Berlin"), ("owner.zone", "../etc/passwd"), ("owner.zone", ""),
    ],
)  # fmt: skip
def test_bad_values_are_refused(name: str, text: str) -> None:
    with pytest.raises(UserFacing):
        parse_value(SPECS[name], text)


def test_stored_beats_environment_beats_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MODEL_COORDINATOR", "from-env")
    monkeypatch.setenv("OPENROUTER_API_KEY", "key-from-env")
    env = load_settings()
    first = resolve(0, {}, env)
    assert first.text("model.coordinator") == "from-env"
    assert first.sources["model.coordinator"] == "environment"
    assert first.sources["tasks.parallel"] == "default"
    second = resolve(1, {"model.coordinator": "stored"}, env)
    assert second.text("model.coordinator") == "stored"
    assert second.shown("model.api_key") == "set"
    assert "key-from-env" not in repr(second)
    assert "key-from-env" not in repr(env)


def test_a_bad_value_in_the_environment_names_the_variable(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MODEL_COORDINATOR", "bad name here")
    with pytest.raises(ConfigError) as error:
        resolve(0, {}, load_settings())
    assert str(error.value).startswith("setting MODEL_COORDINATOR: must be model names")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("TELEGRAM_BOT_TOKEN", "secret-but-not-a-token"),
        ("TELEGRAM_API_URL", "nowhere"),
        ("AGENTAI_OWNER_ID", "me"),
        ("AGENTAI_OWNER_ID", "-5"),
        ("DATABASE_URL", "mysql://u:hunter2@h/d"),
        ("REDIS_URL", "http://x"),
        ("PLAYGROUND_PORT", "70000"),
        ("MODEL_BASE_URL", "x"),
    ],
)
def test_a_bad_variable_gives_one_line_with_its_name_and_not_its_value(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(ConfigError) as error:
        load_settings()
    line = str(error.value)
    assert line.startswith(f"setting {name}: ")
    assert "\n" not in line
    assert value not in line


def test_empty_variables_count_as_unset(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TELEGRAM_BOT_TOKEN", "")
    monkeypatch.setenv("PLAYGROUND_PORT", "")
    assert load_settings() == EnvSettings()


@pytest.mark.parametrize(
    ("need", "name"),
    [
        ("need_token", "TELEGRAM_BOT_TOKEN"), ("need_database", "DATABASE_URL"),
        ("need_redis", "REDIS_URL"), ("need_secret_key", "AGENTAI_SECRET_KEY"),
    ],
)  # fmt: skip
def test_what_is_needed_and_missing_is_named(need: str, name: str) -> None:
    with pytest.raises(ConfigError, match=name):
        getattr(EnvSettings(), need)()
