"""Logging: one sentence and fields a line, and no secret in any of them.

A filter on every handler masks what looks like a bot token or a model key, and every secret value
it was told, in messages, fields and tracebacks.
"""

from __future__ import annotations

import logging
import re
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

_LOOKS_SECRET = re.compile(
    r"\d{6,}:[A-Za-z0-9_-]{30,}"  # bot tokens
    r"|\b(?:sk|or|pk|rk)-[A-Za-z0-9_-]{12,}"  # keys of model services
    r"|(?<=://)[^/\s:@]*:[^/\s@]+(?=@)"  # user:password in an address
)
MASK = "•••"
_PLAIN = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class Redactor(logging.Formatter):
    """Formats a record as `time level name: sentence key=value …` without secrets."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s: %(message)s")
        self._secrets = {s for s in secrets if len(s) >= 8}

    def add(self, secret: str) -> None:
        """One more value that must never appear."""
        if len(secret) >= 8:
            self._secrets.add(secret)

    def format(self, record: logging.LogRecord) -> str:
        """The line, masked as a whole: message, fields and traceback."""
        text = super().format(record)
        extra = {k: v for k, v in vars(record).items() if k not in _PLAIN}
        if extra:
            first, newline, rest = text.partition("\n")
            fields = " ".join(f"{k}={v}" for k, v in extra.items())
            text = f"{first} {fields}{newline}{rest}"
        return self.mask(text)

    def mask(self, text: str) -> str:
        """`text` without secrets."""
        for secret in self._secrets:
            text = text.replace(secret, MASK)
        return _LOOKS_SECRET.sub(MASK, text)


def set_up_logging(secrets: Iterable[str] = ()) -> Redactor:
    """Sends all logs to stderr through one redactor; libraries speak up from WARNING on."""
    redactor = Redactor(secrets)
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(redactor)
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    for name in (
        "httpx",
        "httpx2",
        "httpcore",
        "openai",
        "telegram",
        "asyncio",
        "aiohttp",
        "urllib3",
    ):
        logging.getLogger(name).setLevel(logging.WARNING)
    return redactor
