"""The settings that come from the environment: where things are, and the two secrets.

Everything else lives in Postgres, versioned (see `core.config`). A bad value becomes a
`ConfigError` that names the variable and never repeats a secret.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from core.errors import ConfigError

TELEGRAM = "https://api.telegram.org"


def _token(value: SecretStr) -> SecretStr:
    if not re.fullmatch(r"\d{1,20}:[A-Za-z0-9_-]{10,100}", value.get_secret_value()):
        raise ValueError("is not a bot token; @BotFather gives one like 123456789:AA…")
    return value


def _web_address(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError("must be an http:// or https:// address")
    return value.rstrip("/")


def _database(value: SecretStr) -> SecretStr:
    if urlsplit(value.get_secret_value()).scheme not in {"postgres", "postgresql"}:
        raise ValueError("must begin with postgresql://")
    return value


def _redis(value: SecretStr) -> SecretStr:
    if urlsplit(value.get_secret_value()).scheme not in {"redis", "rediss", "unix"}:
        raise ValueError("must begin with redis://, rediss:// or unix://")
    return value


def _pins(value: str) -> str:
    if any("=" not in part for part in value.split(",") if part.strip()):
        raise ValueError("must be host=address pairs, such as nas.home.example=192.168.1.5")
    return value


WebAddress = Annotated[str, AfterValidator(_web_address)]


class EnvSettings(BaseSettings):
    """What the environment says.

    Empty variables count as unset; secrets are masked in every repr.
    """

    model_config = SettingsConfigDict(
        env_prefix="", env_ignore_empty=True, frozen=True, hide_input_in_errors=True, extra="ignore"
    )

    telegram_bot_token: Annotated[SecretStr, AfterValidator(_token)] | None = None
    telegram_api_url: WebAddress = TELEGRAM
    telegram_webhook_url: WebAddress | None = None
    agentai_secret_key: SecretStr | None = None
    agentai_home: Path = Path(".agentai")
    skills_dir: Path | None = None
    agentai_owner_id: Annotated[int, Field(gt=0, lt=2**52)] | None = None
    database_url: Annotated[SecretStr, AfterValidator(_database)] | None = None
    redis_url: Annotated[SecretStr, AfterValidator(_redis)] | None = None
    openrouter_api_key: SecretStr | None = None
    model_base_url: WebAddress | None = None
    model_api_key: SecretStr | None = None
    model_coordinator: str | None = None
    model_executor: str | None = None
    gateway_pins: Annotated[str, AfterValidator(_pins)] = ""
    gateway_extra_ca: Path | None = None
    playground_port: Annotated[int, Field(ge=0, le=65535)] = 0

    @property
    def home(self) -> Path:
        """The instance's folder, absolute."""
        return self.agentai_home.expanduser().absolute()

    @property
    def skills(self) -> Path:
        """The folder of the owner's skills, absolute."""
        return (self.skills_dir or self.home / "skills").expanduser().absolute()

    def secrets(self) -> list[str]:
        """Every secret value here, for masking."""
        found = (getattr(self, name) for name in type(self).model_fields)
        return [value.get_secret_value() for value in found if isinstance(value, SecretStr)]

    def pins(self) -> dict[str, str]:
        """Hosts with fixed addresses, which may be private: the operator vouches for them."""
        pairs = (part.partition("=") for part in self.gateway_pins.split(",") if part.strip())
        return {host.strip(): address.strip() for host, _, address in pairs}

    def need_token(self) -> str:
        """The bot token, or a `ConfigError` that says where to get one."""
        if self.telegram_bot_token is None:
            raise ConfigError("TELEGRAM_BOT_TOKEN", "is missing; @BotFather in Telegram makes one")
        return self.telegram_bot_token.get_secret_value()

    def need_database(self) -> str:
        """The database's address, or a `ConfigError`."""
        if self.database_url is None:
            raise ConfigError("DATABASE_URL", "is missing; `agentai up` brings its own Postgres")
        return self.database_url.get_secret_value()

    def need_redis(self) -> str:
        """The Redis address, or a `ConfigError`."""
        if self.redis_url is None:
            raise ConfigError("REDIS_URL", "is missing; `agentai up` brings its own Valkey")
        return self.redis_url.get_secret_value()

    def need_secret_key(self) -> str:
        """The key that seals stored secrets, or a `ConfigError`."""
        if self.agentai_secret_key is None:
            raise ConfigError("AGENTAI_SECRET_KEY", "is missing; `agentai up` makes one")
        if len(self.agentai_secret_key.get_secret_value()) < 16:
            raise ConfigError("AGENTAI_SECRET_KEY", "is too short; use at least 16 characters")
        return self.agentai_secret_key.get_secret_value()


def load_settings() -> EnvSettings:
    """Reads the environment.

    The first bad value ends as a `ConfigError` with its name and reason.
    """
    try:
        return EnvSettings()
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        reason = str(first["msg"]).removeprefix("Value error, ")
        raise ConfigError(str(first["loc"][0]).upper(), reason) from None
