"""/secret: named secrets that tasks may use and never see.

    /secret                              the list, without values
    /secret set NAME HOST                how to enter the value without Telegram
    /secret set NAME HOST VALUE          at once; the message is deleted
    /secret set HOOK_NAME                a trigger's: it is sent nowhere, so it needs no host
    /secret delete NAME

Threat: the value stays readable in the chat, the inbox or a log. The inbox holds it sealed (see
`bot.inbox`), the message is deleted through the outbox (a crash or an outage only delays it), and
the answer says that Telegram has seen it. Whoever mistypes the command may put the value where the
name or the host belongs: what is not surely harmless is deleted, and no answer repeats it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from core.errors import ConfigError, UserFacing
from core.seal import PREFIX
from core.vault import parse_name
from core.vault.names import NOWHERE, PLAIN, is_own, parse_use

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bot.outbox_store import OutboxStore
    from bot.route import Route
    from bot.secret_form import SecretForm
    from bot.updates import Message
    from core.audit import Audit
    from core.seal import Seal
    from core.vault import Vault

SEALED_AS = "secret"
HEADER = "authorization"
USAGE = (
    "Say: /secret set NAME HOST, for example /secret set GITHUB_TOKEN api.github.com\n"
    "The secret of a trigger needs no host: /secret set HOOK_DEPLOY\n"
    "/secret lists them, /secret delete NAME removes one."
)


class SecretCommand:
    """Handles /secret and its forms."""

    def __init__(
        self, *, vault: Vault, audit: Audit, store: OutboxStore, seal: Seal, form: SecretForm
    ) -> None:
        self._vault = vault
        self._audit = audit
        self._store = store
        self._seal = seal
        self._form = form

    async def handle(self, route: Route, message: Message, rest: str) -> None:
        """Answers in plain text; `UserFacing`, never with a value, says what was wrong."""
        opened = self._opened(rest)
        action, *words = ["unreadable"] if opened is None else opened.split(maxsplit=3) or ["list"]
        if not _is_harmless(action, words):
            await route.delete(self._store, message)
        if opened is None:
            raise UserFacing("I cannot read that. Please send it again.")
        match action, words:
            case "list", []:
                text = await self._list()
            case "set", [name] if is_own(name):
                text = await self._set(route, name, NOWHERE, "")
            case "set", [name, host, *value]:
                text = await self._set(route, name, host, "".join(value))
            case "delete", [name]:
                text = await self._delete(route, name)
            case _:
                raise UserFacing(USAGE)
        await route.say(self._store, message.sender.chat_id, text)

    async def _list(self) -> str:
        listed = await self._vault.list()
        if not listed:
            return f"There are no secrets yet.\n{USAGE}"
        return "\n".join(
            f"{info.name} · for {_where(info.host)} · version {info.version}" for info in listed
        )

    async def _set(self, route: Route, name: str, host: str, value: str) -> str:
        parse_name(name)
        host = parse_use(host, HEADER, PLAIN).host
        if value.strip():
            return await self._keep(route, name, host, value.strip())
        url = await self._form.offer(name, host)
        return (
            f"Two ways that keep the value of {name} out of Telegram:\n\n"
            f"On the machine that runs me, open within 10 minutes:\n{url}\n\n"
            f"Or in its terminal:\nagentai secret set {_shortest(name, host, ' --host ')}"
        )

    def _opened(self, rest: str) -> str | None:
        if not rest.startswith(PREFIX):
            return rest
        try:
            return self._seal.open(rest, name=SEALED_AS)
        except ConfigError:
            return None

    async def _keep(self, route: Route, name: str, host: str, value: str) -> str:
        version = await self._vault.set(route.session, name, value, host=host)
        await self._audit.append(route.session, "secret.set", {"name": name, "version": version})
        return (
            f"{name} is kept, for {_where(host)} only. I am deleting your message with it; "
            "Telegram has seen it, though. "
            f"/secret set {_shortest(name, host, ' ')} without a value shows better ways."
        )

    async def _delete(self, route: Route, name: str) -> str:
        if not await self._vault.delete(route.session, name):
            raise UserFacing("There is no secret of that name.", "/secret lists them.")
        await self._audit.append(route.session, "secret.deleted", {"name": name})
        return f"{name} is deleted."


def _where(host: str) -> str:
    return "a trigger" if host == NOWHERE else host


def _shortest(name: str, host: str, between: str) -> str:
    """The name, and the host where one is needed."""
    return name if host == NOWHERE and is_own(name) else f"{name}{between}{host}"


def _is_harmless(action: str, words: Sequence[str]) -> bool:
    """Whether the command surely holds no value, also not one in a wrong place."""
    try:
        match action, words:
            case "list", []:
                return True
            case "delete", [name]:
                return bool(parse_name(name))
            case "set", [name]:
                return bool(parse_name(name)) and is_own(name)
            case "set", [name, host]:
                return bool(parse_name(name) and parse_use(host, HEADER, PLAIN))
    except UserFacing:
        return False
    return False
