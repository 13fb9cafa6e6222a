"""/config: see, change and roll back settings in the chat.

    /config                    all settings and where each value comes from
    /config NAME VALUE         change one
    /config NAME               one setting, explained
    /config reset NAME         back to the environment's value or the default
    /config history            the versions
    /config rollback N         the settings of version N again

A message that holds a key is deleted from the chat through the outbox, so that a crash or an outage
only delays it. The inbox holds it sealed (see `bot.inbox`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bot.cards import escape
from core.config import SPECS
from core.config.spec import find_spec
from core.errors import ConfigError, UserFacing
from core.seal import PREFIX

if TYPE_CHECKING:
    from bot.outbox_store import OutboxStore
    from bot.route import Route
    from bot.updates import Message
    from core.config import Config, ConfigStore
    from core.seal import Seal


class ConfigCommand:
    """Handles /config and its forms."""

    def __init__(self, *, config: ConfigStore, store: OutboxStore, seal: Seal) -> None:
        self._config = config
        self._store = store
        self._seal = seal

    async def handle(self, route: Route, message: Message, rest: str) -> None:
        """Answers with Markdown; `UserFacing` says what was wrong."""
        words = rest.split(maxsplit=1)
        first, value = [*words, "", ""][:2]
        match first:
            case "":
                text = _all(await self._config.current())
            case "history":
                text = await self._history()
            case "rollback":
                text = await self._rollback(route, value)
            case "reset":
                config = await self._config.reset(value.strip(), actor="owner")
                text = _changed(value.strip(), config)
                route.has_config = True
            case _ if not value:
                text = _one(first, await self._config.current())
            case _:
                text = await self._set(route, message, first, value)
        await route.say(self._store, message.sender.chat_id, text, is_markdown=True)

    async def _set(self, route: Route, message: Message, name: str, value: str) -> str:
        spec = find_spec(name)
        if spec.is_secret:
            await route.delete(self._store, message)
            value = self._opened(name, value)
        config = await self._config.set(name, value, actor="owner")
        route.has_config = True
        text = _changed(name, config)
        if spec.is_secret:
            text += "\nI am deleting your message with it. Telegram has seen it, though."
        return text

    def _opened(self, name: str, value: str) -> str:
        if not value.startswith(PREFIX):
            return value
        try:
            return self._seal.open(value, name=name)
        except ConfigError:
            raise UserFacing(f"I cannot read the value of {name}. Please send it again.") from None

    async def _history(self) -> str:
        versions = await self._config.history()
        if not versions:
            return "No setting was changed yet."
        lines = [
            f"**{v.version}** {v.at:%Y-%m-%d %H:%M} · {escape(v.note)} · by {escape(v.actor)}"
            for v in versions
        ]
        return "\n".join(f"- {line}" for line in lines) + "\n\nGo back: `/config rollback N`"

    async def _rollback(self, route: Route, value: str) -> str:
        if not value.strip().isdecimal() or len(value) > 9:
            raise UserFacing("Say which version: /config rollback 3", "/config history lists them.")
        config = await self._config.rollback(int(value), actor="owner")
        route.has_config = True
        return f"The settings of version {int(value)} count again, as version {config.version}."


def _changed(name: str, config: Config) -> str:
    return f"`{name}` is now **{escape(config.shown(name))}** (version {config.version})."


_FROM = {"stored": "set by you", "environment": "from the environment", "default": "default"}


def _all(config: Config) -> str:
    lines = []
    for name in SPECS:
        origin = "" if config.sources[name] == "default" else f" · {_FROM[config.sources[name]]}"
        lines.append(f"- `{name}` = {escape(config.shown(name))}{origin}")
    return (
        f"**Settings**, version {config.version}\n\n"
        + "\n".join(lines)
        + "\n\nChange one: `/config NAME VALUE`. Explain one: `/config NAME`."
    )


def _one(name: str, config: Config) -> str:
    spec = find_spec(name)
    bounds = f" From {spec.low:g} to {spec.high:g}." if spec.high else ""
    return (
        f"`{name}` = **{escape(config.shown(name))}** ({_FROM[config.sources[name]]})\n\n"
        f"{spec.help}.{bounds}"
    )
