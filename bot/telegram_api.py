"""The Bot API over python-telegram-bot: raw calls, and errors sorted by what the bot must do.

Raw JSON goes in and out: what arrives is persisted before anything interprets it. A failed call is
one of:

    Unsent        it certainly had no effect; safe to repeat (`Flooded`: Telegram asked to wait)
    InDoubt       the answer was lost; the call may have taken effect
    Refused       Telegram understood and said no; repeating the same call is pointless
    OtherPoller   somebody else polls with this token
    BadToken      the token is not valid (any more)
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

import httpx

from core.errors import AgentAIError, Retryable
from core.lean import without

with without("cryptography.hazmat"):
    # Others of us import types from here, never from `telegram`: this is its first import.
    import telegram
    from telegram import InputFile as InputFile
    from telegram import InputMediaPhoto as InputMediaPhoto
    from telegram import InputProfilePhotoStatic as InputProfilePhotoStatic
    from telegram.error import (
        BadRequest,
        Conflict,
        Forbidden,
        InvalidToken,
        NetworkError,
        RetryAfter,
        TelegramError,
    )
    from telegram.request import HTTPXRequest

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

POLL_S = 50
ANSWER_WITHIN_S = 20.0


class Unsent(Retryable):
    """The call had no effect."""


class Flooded(Unsent):
    """Telegram asked to wait; the call had no effect."""


class InDoubt(Retryable):
    """Nobody knows whether the call took effect."""


class Refused(AgentAIError):  # noqa: N818 - the API's answer, not a mistake of ours
    """Telegram said no; the text is its own. `is_blocked`: the owner has blocked the bot."""

    def __init__(self, text: str, *, is_blocked: bool = False) -> None:
        super().__init__(text)
        self.is_blocked = is_blocked


class OtherPoller(Retryable):
    """Another process polls with the same token, or a webhook is set."""


class BadToken(AgentAIError):  # noqa: N818 - named for its cause
    """Telegram does not know the token."""


class TelegramApi(telegram.Bot):
    """Calls by method name. Timeouts are seconds; cancelling a call leaves it in doubt."""

    def __init__(self, token: str, api_url: str) -> None:
        super().__init__(
            token=token,
            base_url=f"{api_url}/bot",
            base_file_url=f"{api_url}/file/bot",
            request=HTTPXRequest(
                connection_pool_size=8, connect_timeout=5, read_timeout=ANSWER_WITHIN_S,
                pool_timeout=30, media_write_timeout=120,
            ),
            get_updates_request=HTTPXRequest(
                connection_pool_size=1, connect_timeout=5, pool_timeout=30
            ),
        )  # fmt: skip

    async def call(
        self, method: str, /, *, timeout_s: float = ANSWER_WITHIN_S, **fields: object
    ) -> Any:  # noqa: ANN401 - JSON of the Bot API
        """One call; None values are left out. Returns the `result` of the answer."""
        given = {name: value for name, value in fields.items() if value is not None}
        try:
            return await self._post(method, given, read_timeout=timeout_s)
        except TelegramError as error:
            raise _sorted(error) from error

    async def hang_up(self) -> None:
        """Closes the connections."""
        for request in self._request:
            await request.shutdown()

    async def poll(self, offset: int | None, *, wait_s: int = POLL_S) -> list[object]:
        """One poll: updates from `offset` on, as JSON values; waits up to `wait_s` for one."""
        answer = await self.call(
            "getUpdates", timeout_s=wait_s + 10, offset=offset, timeout=wait_s, limit=100,
            allowed_updates=["message", "edited_message", "callback_query"],
        )  # fmt: skip
        return answer if isinstance(answer, list) else []

    async def download(self, file_id: str, target: Path, *, cap: int = 20 * 1024 * 1024) -> int:
        """Fetches a file of at most `cap` bytes (the Bot API has 20 MB) into `target`.

        Returns its size. `OSError` when the disk does not take it; nothing is left of it then.
        """
        found = await self.call("getFile", file_id=file_id)
        path = found.get("file_path") if isinstance(found, dict) else None
        if not isinstance(path, str):
            raise Refused("Telegram gave no address for the file")
        size = found.get("file_size")
        if isinstance(size, int) and size > cap:
            raise Refused("file is too big")
        try:
            content = await self.request.retrieve(f"{self.base_file_url}/{path}", read_timeout=120)
        except TelegramError as error:
            raise _sorted(error) from error
        if len(content) > cap:
            raise Refused("file is too big")
        target.parent.mkdir(parents=True, exist_ok=True)
        part = target.with_name(f".{target.name}.part")
        try:
            part.write_bytes(content)
        except OSError:
            with suppress(OSError):  # a part would only take room on a disk that is full
                part.unlink(missing_ok=True)
            raise
        part.replace(target)
        return len(content)


_NOT_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)


def _sorted(error: TelegramError) -> AgentAIError:
    match error:
        case RetryAfter():
            seconds = error.retry_after
            after_s = seconds if isinstance(seconds, int | float) else seconds.total_seconds()
            return Flooded(f"Telegram asks to wait {after_s:.0f} s", float(after_s))
        case Conflict():
            return OtherPoller(_text(error), 5.0)
        case InvalidToken():
            return BadToken("Telegram does not accept the bot token")
        case Forbidden():
            return Refused(_text(error), is_blocked=True)
        case BadRequest():
            return Refused(_text(error))
        case NetworkError() if isinstance(error.__cause__, _NOT_SENT):
            return Unsent("Telegram cannot be reached", 1.0)
        case _:
            return InDoubt("Telegram's answer was lost", 0.5)


def _text(error: TelegramError) -> str:
    return error.message.removeprefix("Bad Request: ")[:300]


def buttons(rows: tuple[tuple[tuple[str, str], ...], ...]) -> Mapping[str, object] | None:
    """An inline keyboard from rows of (label, callback data); None without buttons."""
    if not rows:
        return None
    keys = [[{"text": label, "callback_data": data} for label, data in row] for row in rows]
    return {"inline_keyboard": keys}
