"""A one-time local web form for a secret's value, so that it never passes through Telegram.

Threat: the value is read on its way, or another page writes it. A web site open in the owner's
browser may send requests to 127.0.0.1: by DNS rebinding (so the Host must be ours), across
origins (so the Origin must be ours, and the address holds a 128-bit token, compared in constant
time). An address that leaks later is worthless: it works once and for ten minutes. The page runs no
script and loads nothing; the value is in no log. Other programs of the same user are not kept out.

    offer() ──► open ──► saving ──► gone        the server runs only while an offer is open;
                 │  ◄───── refused              aiohttp is imported only then (10 MB)
                 └──► expired
"""

from __future__ import annotations

import asyncio
import hmac
import secrets
import time
from contextlib import suppress
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING
from urllib.parse import parse_qs

from core.errors import Retryable, UserFacing
from core.spawn import Spawner
from core.vault.names import NOWHERE

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from aiohttp import web

LIFETIME_S = 600.0
BODY_CAP = 16 << 10
STOP_S = 5.0

_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
    "Cache-Control": "no-store",
    # Not no-referrer: browsers then send `Origin: null` with the form.
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>AgentAI</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>body{{font:1rem/1.5 system-ui,sans-serif;max-width:30rem;margin:3rem auto;padding:0 1rem}}
input,button{{font:inherit;width:100%;box-sizing:border-box;padding:.5rem;margin:.5rem 0}}</style>
</head><body>{body}</body></html>
"""
_FORM = """<h1>{name}</h1><p>{where}</p>
<p role="alert">{problem}</p><form method="post" autocomplete="off">
<label>Value <input type="password" name="value" autocomplete="off" spellcheck="false" required
autofocus></label><button>Save</button></form>"""
_GONE = "This address was used already or is too old. Ask the bot for a new one."


@dataclass(frozen=True, kw_only=True, slots=True)
class _Offer:
    token: str
    name: str
    host: str
    until: float


class SecretForm:
    """Offers forms; `save(name, value, host)` stores what was entered.

    When `save` raises `UserFacing` or `Retryable`, the page says so and the form stays open.
    """

    def __init__(
        self, save: Callable[[str, str, str], Awaitable[None]], *,
        clock: Callable[[], float] = time.monotonic, lifetime_s: float = LIFETIME_S,
    ) -> None:  # fmt: skip
        self._save = save
        self._clock = clock
        self._lifetime_s = lifetime_s
        self._offers: dict[str, _Offer] = {}
        self._saving: set[str] = set()
        self._changed = asyncio.Event()
        self._lock = asyncio.Lock()
        self._spawner = Spawner()
        self._runner: web.AppRunner | None = None
        self._port = 0

    async def offer(self, name: str, host: str) -> str:
        """The address of a new form; it works once, on this machine, within the lifetime."""
        async with self._lock:
            if self._runner is None:
                await self._start()
            offer = _Offer(
                token=secrets.token_urlsafe(16), name=name, host=host,
                until=self._clock() + self._lifetime_s,
            )  # fmt: skip
            self._offers[offer.token] = offer
            self._changed.set()
        return f"http://127.0.0.1:{self._port}/{offer.token}"

    @property
    def is_running(self) -> bool:
        """Whether the server listens."""
        return self._runner is not None

    async def stop(self) -> None:
        """Withdraws all offers and stops listening; a save under way gets a few seconds."""
        self._offers.clear()
        await self._spawner.close()
        async with self._lock:
            await self._close()

    async def _start(self) -> None:
        from aiohttp import web

        app = web.Application(client_max_size=BODY_CAP)
        app.router.add_get("/{token}", self._show, allow_head=False)
        app.router.add_post("/{token}", self._receive)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=STOP_S)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self._port = self._runner.addresses[0][1]
        self._spawner.spawn(self._watch(), name="secret form")

    async def _watch(self) -> None:
        """Ends the server once no offer is open."""
        while True:
            async with self._lock:
                self._changed.clear()
                self._drop_expired()
                if not self._offers:
                    await self._close()
                    return
            with suppress(TimeoutError):
                async with asyncio.timeout(self._rest_s()):
                    await self._changed.wait()

    def _rest_s(self) -> float:
        ends = (o.until for o in self._offers.values() if o.token not in self._saving)
        return max(min(ends, default=self._clock() + self._lifetime_s) - self._clock(), 0.01)

    def _drop_expired(self) -> None:
        now = self._clock()
        for offer in [o for o in self._offers.values() if o.until <= now]:
            if offer.token not in self._saving:
                del self._offers[offer.token]

    async def _close(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def _show(self, request: web.Request) -> web.Response:
        if not self._is_ours(request):
            return _page("This page answers only to this machine's own address.", status=403)
        offer = self._find(request)
        return _page(_GONE, status=410) if offer is None else _form(offer)

    async def _receive(self, request: web.Request) -> web.Response:
        own = f"http://{request.headers.get('Host', '').lower()}"
        if not self._is_ours(request) or request.headers.getall("Origin", []) != [own]:
            return _page("This form takes a value only from its own page.", status=403)
        value = await _value_in(request)
        offer = self._find(request)  # after the last await, so that two posts cannot both have it
        if offer is None:
            return _page(_GONE, status=410)
        if value is None:
            return _form(offer, "The form was not filled in.", status=400)
        return await self._store(offer, value)

    async def _store(self, offer: _Offer, value: str) -> web.Response:
        self._saving.add(offer.token)
        try:
            await self._save(offer.name, value, offer.host)
        except UserFacing as error:
            return _form(offer, error.sentence(), status=400)
        except Retryable:
            return _form(offer, "It could not be saved just now. Please try again.", status=503)
        else:
            self._offers.pop(offer.token, None)
            return _page("Saved. You can close this page.")
        finally:
            self._saving.discard(offer.token)
            self._changed.set()

    def _is_ours(self, request: web.Request) -> bool:
        hosts = [host.lower() for host in request.headers.getall("Host", [])]
        return hosts in ([f"127.0.0.1:{self._port}"], [f"localhost:{self._port}"])

    def _find(self, request: web.Request) -> _Offer | None:
        """The open offer of this address; every one is compared, each in constant time."""
        self._drop_expired()
        self._changed.set()
        given = request.match_info["token"].encode("utf-8", "replace")
        found = [o for o in self._offers.values() if hmac.compare_digest(o.token.encode(), given)]
        return found[0] if found and found[0].token not in self._saving else None


async def _value_in(request: web.Request) -> str | None:
    """The one field of the form; None when the body is anything else.

    Never a multipart body: its files would be written to disk.
    """
    if request.content_type != "application/x-www-form-urlencoded":
        return None
    try:
        text = (await request.read()).decode("ascii")
        fields = parse_qs(text, errors="strict", max_num_fields=1)
    except ValueError:
        return None
    return fields.get("value", [None])[0]


def _form(offer: _Offer, problem: str = "", *, status: int = 200) -> web.Response:
    parts = {"name": offer.name, "problem": problem}
    body = _FORM.format(where=_where(offer.host), **{k: escape(t) for k, t in parts.items()})
    return _response(body, status)


def _where(host: str) -> str:
    if host == NOWHERE:
        return "This secret is for one of your triggers. It is sent nowhere; no task can use it."
    return f"This secret will be sent to <b>{escape(host)}</b> only."


def _page(sentence: str, *, status: int = 200) -> web.Response:
    return _response(f"<p>{escape(sentence)}</p>", status)


def _response(body: str, status: int) -> web.Response:
    from aiohttp import web

    text = _PAGE.format(body=body)
    answer = web.Response(text=text, status=status, content_type="text/html", headers=_HEADERS)
    answer.force_close()
    return answer
