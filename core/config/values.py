"""The values in force: what is stored wins over the environment, which wins over the default.

Pure.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, cast

from pydantic import SecretStr

from core.config.spec import OPENROUTER, SPECS, Value, parse_value
from core.errors import ConfigError, UserFacing

if TYPE_CHECKING:
    from collections.abc import Mapping

    from core.settings import EnvSettings

Source = Literal["stored", "environment", "default"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Config:
    """All settings of one version. Reprs mask secrets."""

    version: int
    sources: Mapping[str, Source] = field(repr=False)
    values: Mapping[str, Value] = field(repr=False)

    def text(self, name: str) -> str:
        """A setting that is text."""
        return str(self.values[name])

    def whole(self, name: str) -> int:
        """A setting that is a whole number."""
        return int(self.values[name])

    def number(self, name: str) -> float:
        """A setting that is a number."""
        return float(self.values[name])

    def switch(self, name: str) -> bool:
        """A setting that is on or off."""
        return bool(self.values[name])

    def shown(self, name: str) -> str:
        """The value as people may see it: a secret only says whether it is set."""
        if SPECS[name].is_secret:
            return "set" if self.values[name] else "not set"
        value = self.values[name]
        if isinstance(value, bool):
            return "on" if value else "off"
        return str(value) if value != "" else "not set"

    def models(self, role: Literal["coordinator", "executor", "vision"]) -> tuple[str, ...]:
        """The fallback list of `role`, best first; empty when no model is configured.

        With only an OpenRouter key, OpenRouter chooses the model itself. A service at another
        address needs a model's name. Pictures go only to models that the owner has named for them.
        """
        if role == "vision":
            named = self.text("model.vision")
            return tuple(named.split(",")) if named and self._can_call else ()
        listed = self.text(f"model.{role}") or self.text("model.coordinator")
        if listed:
            return tuple(listed.split(",")) if self._can_call else ()
        is_openrouter = self.text("model.base_url") == OPENROUTER
        return ("openrouter/auto",) if is_openrouter and self.text("model.api_key") else ()

    @property
    def _can_call(self) -> bool:
        """A service at home may need no key; OpenRouter always does."""
        return bool(self.text("model.api_key")) or self.text("model.base_url") != OPENROUTER


def resolve(version: int, stored: Mapping[str, Value], env: EnvSettings) -> Config:
    """Puts the three sources together. A bad value in the environment is a `ConfigError`."""
    values: dict[str, Value] = {}
    sources: dict[str, Source] = {}
    for name, spec in SPECS.items():
        if name in stored:
            values[name], sources[name] = stored[name], "stored"
        elif (given := _from_environment(spec.env, env)) is not None:
            field_name, text = given
            try:
                values[name], sources[name] = parse_value(spec, text), "environment"
            except UserFacing as error:
                reason = error.text.replace(spec.name, "", 1).strip()
                raise ConfigError(field_name.upper(), reason) from None
        else:
            values[name], sources[name] = spec.default, "default"
    return Config(version=version, values=values, sources=sources)


def _from_environment(fields: tuple[str, ...], env: EnvSettings) -> tuple[str, str] | None:
    for name in fields:
        value = cast("SecretStr | str | None", getattr(env, name))
        if value is not None:
            return name, value.get_secret_value() if isinstance(value, SecretStr) else value
    return None
