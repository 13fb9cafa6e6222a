"""Asks a service for one answer, and says in plain words why none came.

Threat: an address may hold a token, and errors of libraries repeat addresses. So a complaint names
nothing but the host and the port, and words of ours.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from core.errors import UserFacing

if TYPE_CHECKING:
    import httpx

WAIT_S = 5.0
NO_SUCH_NAME = ("Name or service not known", "No address associated", "name resolution", "nodename")
OPENROUTER = "openrouter.ai"


async def fetch(url: str, *, name: str, mend: str, key: str = "") -> httpx.Response:
    """GETs `url` with `key` as a bearer token; `UserFacing` when no answer comes."""
    import httpx

    headers = {"Authorization": f"Bearer {key}"} if key else {}
    try:
        async with httpx.AsyncClient(timeout=WAIT_S) as client:
            return await client.get(url, headers=headers)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        where = place(url)
        raise UserFacing(f"{name} cannot be reached at {where}: {reason(error)}.", mend) from None


def place(url: str) -> str:
    """Host and port of an address, and nothing else of it. Pure."""
    try:
        parts = urlsplit(url)
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        return "that address"
    return f"{parts.hostname or 'that address'}{port}"


def reason(error: Exception) -> str:
    """Why no answer came, in a few words. Pure."""
    said = str(error)
    if "Timeout" in type(error).__name__:
        return f"no answer within {WAIT_S:.0f} s"
    if any(words in said for words in NO_SUCH_NAME):
        return "there is no such name, or no network"
    if "CERTIFICATE" in said.upper():
        return "its certificate is not trusted here"
    if type(error).__name__ == "ProxyError":
        return "the proxy of this machine refuses"
    if type(error).__name__ == "ConnectError":
        return "nobody answers there"
    return "the connection broke off"


def key_address(base_url: str) -> str:
    """Where a model service tells whether a key is good. Pure.

    OpenRouter lists its models to everybody, so there the key itself is asked for
    (openrouter.ai/docs/api, "Get current API key").
    """
    base = base_url.rstrip("/")
    return f"{base}/key" if urlsplit(base).hostname == OPENROUTER else f"{base}/models"


def listed_models(body: str) -> frozenset[str]:
    """The names in a model service's list; empty when it is no such list. Pure."""
    try:
        content = json.loads(body)
        entries = content.get("data") if isinstance(content, dict) else None
    except (ValueError, RecursionError):
        return frozenset()
    if not isinstance(entries, list):
        return frozenset()
    found = (entry.get("id") for entry in entries if isinstance(entry, dict))
    return frozenset(name for name in found if isinstance(name, str))
