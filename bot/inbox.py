"""Durable ingress: what Telegram delivers is committed to Postgres before the offset moves.

    getUpdates(offset) ──► insert … on conflict do nothing ──► commit ──► getUpdates(last + 1)

A `kill -9` between any two of these loses nothing: unconfirmed updates come again, kept ones are
known by their id. After a start the first poll gives no offset, so that Telegram begins with the
oldest unconfirmed update. One poller per token: a Postgres advisory lock keeps a second `serve` on
the same database out, and Telegram's 409 tells of pollers elsewhere.
"""

from __future__ import annotations

import asyncio
import json
import logging
from typing import TYPE_CHECKING

from bot.secret_command import SEALED_AS
from bot.telegram_api import POLL_S, BadToken, OtherPoller
from bot.updates import split_command
from bot.wire import update_ids
from core.errors import ConfigError, Retryable
from core.sql import load_queries

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from bot.telegram_api import TelegramApi
    from core.db import Database

log = logging.getLogger(__name__)
SQL = load_queries(__package__ or "bot")

WATCHDOG_S = 120.0
CONFLICT_TEXT = (
    "Another program receives this bot's messages (409). "
    "Stop it, or make a new token with @BotFather."
)


class InboxStore:
    """The inbox in Postgres."""

    def __init__(self, database: Database) -> None:
        self._db = database

    async def keep(self, updates: Sequence[tuple[int, str]]) -> None:
        """Commits updates (id, JSON text); known ids are left as they are."""
        ids = [update_id for update_id, _ in updates]
        await self._db.execute(SQL["keep_updates"], ids, [payload for _, payload in updates])

    async def waiting(self, *, limit: int = 200) -> list[tuple[int, str]]:
        """Updates not handled yet, oldest first."""
        rows = await self._db.fetch(SQL["waiting_updates"], limit)
        return [(row["update_id"], row["payload"]) for row in rows]

    async def prune(self) -> None:
        """Forgets updates handled more than 30 days ago."""
        await self._db.execute(SQL["prune_inbox"])


class Poller:
    """Polls, keeps, tells. Run `step` forever."""

    def __init__(
        self, *, api: TelegramApi, store: InboxStore, conceal: Callable[[str], str],
        on_kept: Callable[[], None],
    ) -> None:  # fmt: skip
        self._api = api
        self._store = store
        self._conceal = conceal
        self._on_kept = on_kept
        self._offset: int | None = None
        self._has_webhook_removed = False
        self._conflicts = 0
        self.first_poll = asyncio.Event()

    async def step(self) -> None:
        """One long poll; the very first does not wait, it shows that polling works.

        Raises `Retryable` when Telegram or Postgres is away, `ConfigError` for a bad token.
        """
        try:
            async with asyncio.timeout(WATCHDOG_S):
                wait_s = POLL_S if self.first_poll.is_set() else 0
                updates = await self._api.poll(self._offset, wait_s=wait_s)
        except OtherPoller as error:
            await self._conflict(str(error))
            return
        except BadToken as error:
            raise ConfigError(
                "TELEGRAM_BOT_TOKEN", "Telegram does not accept it; @BotFather gives one"
            ) from error
        except TimeoutError:
            raise Retryable("no poll was answered within two minutes, dialling anew") from None
        self.first_poll.set()
        self._conflicts = 0
        await self._keep(updates)

    async def _keep(self, raw: list[object]) -> None:
        updates = update_ids(raw)
        if len(updates) < len(raw):
            log.error("telegram delivered entries without an id", extra={"count": len(raw)})
        if not updates:
            return
        await self._store.keep([(i, self._conceal(payload)) for i, payload in updates])
        self._offset = max(i for i, _ in updates) + 1
        self._on_kept()

    async def _conflict(self, text: str) -> None:
        if "webhook" in text.lower() and not self._has_webhook_removed:
            self._has_webhook_removed = True
            await self._api.call("deleteWebhook", drop_pending_updates=False)
            return
        self._conflicts += 1
        if self._conflicts in {2, 20}:  # a single one is our own poll of before a restart
            log.error(CONFLICT_TEXT)
        await asyncio.sleep(min(1.0 * self._conflicts, 10.0))


def concealer(
    seal: Callable[[str, str], str], secret_names: frozenset[str]
) -> Callable[[str], str]:
    """Gives a function that seals what must not stand readable in the inbox.

    That is the value of `/config <secret> VALUE`, and everything behind `/secret`: whoever mistypes
    the command may have put the value anywhere. Captions and quoted messages count, too.
    """

    def concealed(text: str) -> str:
        name, rest = split_command(text.strip()) or ("", "")
        words = rest.split(maxsplit=1)
        if name == "secret" and rest:
            return f"/secret {seal(rest, SEALED_AS)}"
        if name == "config" and len(words) == 2 and words[0] in secret_names:
            return f"/config {words[0]} {seal(words[1], words[0])}"
        return text

    def conceal(payload: str) -> str:
        folded = payload.lower()
        if "/config" not in folded and "/secret" not in folded:
            return payload
        update = json.loads(payload)
        _conceal_all(update, concealed)
        return json.dumps(update)

    return conceal


def _conceal_all(node: object, concealed: Callable[[str], str]) -> None:
    """Changes every text and caption in an update, however deep."""
    if isinstance(node, list):
        for item in node:
            _conceal_all(item, concealed)
    if not isinstance(node, dict):
        return
    for kind in ("text", "caption"):
        text = node.get(kind)
        if isinstance(text, str) and (better := concealed(text)) != text:
            node[kind] = better
            node.pop("entities", None)
            node.pop("caption_entities", None)
    for item in node.values():
        _conceal_all(item, concealed)
