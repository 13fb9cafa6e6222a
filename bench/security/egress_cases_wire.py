"""Bypass cases about the wire: TLS hellos, smuggling, paths, methods, other protocols."""

from __future__ import annotations

from dataclasses import replace

from bench.security.egress_cases import Act, Case, group, inside, says
from bench.security.egress_client import connect, extension, hello, request
from bench.security.egress_world import ALLOWED, EVIL, KEYED, POST, READ, REPO, WILD, Box, Options
from executors.gateway.ports import Bounds

QUICK = Options(bounds=Bounds(hello_s=1.0))
REFUSED_TLS = ("cut", "junk")


def raw(data: bytes, host: str = ALLOWED) -> Act:
    """Says bytes in a spliced tunnel before any TLS."""

    async def act(box: Box) -> str:
        client = await box.dial()
        if await client.ask(connect(f"{host}:443"), is_bare=True) != "200":
            return "no tunnel"
        client.say(data)
        answer = (await client.rest()).rpartition(b"\r\n\r\n")[2]
        refused = b"tls_required" in bytes(client.got)
        return "tls_required" if refused else "cut" if len(answer) <= 7 else "junk"

    return act


def named(host: str, sni: str | None) -> Act:
    """A real TLS client that asks for another name in an inspected tunnel."""

    async def act(box: Box) -> str:
        try:
            client = await box.tunnel(host, sni=sni)
        except OSError:
            return "cut"
        return await client.ask(request("/", host))

    return act


def _one_record(message: bytes) -> bytes:
    return b"\x16\x03\x01" + len(message).to_bytes(2, "big") + message


def _hellos() -> list[Case]:
    spliced = {
        "another granted host": raw(hello(READ.encode())),
        "a host not granted": raw(hello(b"evil.test")),
        "a part": raw(hello(b"llowed.test")),
        "a longer name": raw(hello(b"allowed.test.evil.test")),
        "a trailing dot": raw(hello(b"allowed.test.")),
        "a NUL": raw(hello(b"allowed.test\x00.evil.test")),
        "letters outside ASCII": raw(hello("\u0430llowed.test".encode())),
        "an address": raw(hello(b"127.0.0.1")), "on a wildcard": raw(hello(b"b.a.wild.test"), WILD),
    }  # fmt: skip
    spliced |= {f"inspected {sni}": named(READ, sni) for sni in (EVIL, KEYED, ALLOWED)}
    absent = {
        "none": raw(hello(None)), "empty": raw(hello(b"")),
        "another kind": raw(hello(b"allowed.test", kind=1)),
        "inspected": named(READ, None), "keyed": named(KEYED, None),
    }  # fmt: skip
    name = b"\x00\x00\x09evil.test"
    second = extension(0, len(name).to_bytes(2, "big") + name)
    odd = {
        "two names": raw(hello(b"allowed.test", more=second)),
        "cut off": raw(hello(b"allowed.test")[:-9] + b"x" * 4),
        "bytes behind it": raw(_one_record(hello(b"allowed.test")[5:] * 2)),
        "another message": raw(b"\x16\x03\x01\x00\x05\x02\x00\x00\x01x"),
        "endless": raw(b"\x16\x03\x01\x3f\xff\x01\xff\xff\xff" + b"x" * 70000),
    }
    cut = group("hello_malformed", odd, (*REFUSED_TLS, "tls_required"))
    encrypted = {
        "outer name evil": raw(hello(b"evil.test", more=extension(0xFE0D, b"\x00" * 40))),
        "outer name missing": raw(hello(None, more=extension(0xFE0D, b"\x00" * 40))),
        "outer name public": raw(hello(b"cover.test", more=extension(0xFE0D, b"\x01" * 40))),
    }
    other = {
        "http": raw(request("/", ALLOWED)), "ssh": raw(b"SSH-2.0-x\r\n"), "redis": raw(b"PING\r\n"),
        "sslv2": raw(b"\x80\x2e\x01\x03\x01" + b"x" * 60),
        "quic": raw(b"\xc0\x00\x00\x00\x01" + b"x" * 1200),
    }  # fmt: skip
    return [
        *group("sni_mismatch", spliced, REFUSED_TLS), *group("sni_absent", absent, REFUSED_TLS),
        *(replace(case, options=QUICK) for case in cut),
        *group("hello_encrypted", encrypted, REFUSED_TLS),
        *group("not_tls", other, ("tls_required", "cut")),
    ]  # fmt: skip


NEXT = request("/next", READ)
LENGTHS = {
    "CL and TE": ("Content-Length: 4\r\nTransfer-Encoding: chunked", b"0\r\n\r\n"),
    "TE and CL": ("Transfer-Encoding: chunked\r\nContent-Length: 100", b"0\r\n\r\n"),
    "two CL": ("Content-Length: 4\r\nContent-Length: 5", b"abcd"),
    "CL list": ("Content-Length: 4, 5", b"abcd"),
    "CL plus": ("Content-Length: +4", b"abcd"),
    "CL negative": ("Content-Length: -1", b""),
    "CL hex": ("Content-Length: 0x4", b"abcd"),
    "CL of thousands of digits": ("Content-Length: " + "9" * 5000, b""),
    "TE twice": ("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked", b"0\r\n\r\n"),
    "TE identity": ("Transfer-Encoding: identity", b"abcd"),
    "TE gzip, chunked": ("Transfer-Encoding: gzip, chunked", b"0\r\n\r\n"),
    "TE xchunked": ("Transfer-Encoding: xchunked", b"0\r\n\r\n"),
    "TE with a tab": ("Transfer-Encoding:\x0bchunked", b"0\r\n\r\n"),
    "TE with a space before the colon": ("Transfer-Encoding : chunked", b"0\r\n\r\n"),
    "TE folded": ("X: a\r\n Transfer-Encoding: chunked", b"0\r\n\r\n"),
    "bare LF": ("X: a\nTransfer-Encoding: chunked", b"0\r\n\r\n"),
    "bare CR": ("X: a\rTransfer-Encoding: chunked", b"0\r\n\r\n"),
    "NUL in a header": ("X: a\x00b", b""),
    "chunk size of nonsense": ("Transfer-Encoding: chunked", b"zz\r\nabc\r\n0\r\n\r\n"),
    "chunk with a sign": ("Transfer-Encoding: chunked", b"-1\r\nabc\r\n0\r\n\r\n"),
    "chunk too long": ("Transfer-Encoding: chunked", b"2\r\nabcd\r\n0\r\n\r\n"),
    "chunk huge": ("Transfer-Encoding: chunked", b"f" * 40 + b"\r\n"),
}


def _smuggled(lines: str, body: bytes, host: str) -> bytes:
    return request("/first", host, lines, method="POST") + body + request("/second", EVIL)


async def _twice_alike(box: Box) -> str:
    """Two equal lengths are one (RFC 9112 section 6.3): one request leaves, with one length."""
    lines = "Content-Length: 4\r\nContent-Length: 4"
    said = await box.inside(POST, _smuggled(lines, b"abcd", POST))
    heard = box.heard()[POST]
    is_one = heard.lower().count(b"content-length") == 1 and b"/second" not in heard
    return said if is_one else "two lengths"


def _smuggling() -> list[Case]:
    acts = {n: inside(POST, _smuggled(ln, b, POST)) for n, (ln, b) in LENGTHS.items()}
    plain = {
        f"plain {n}": says(_smuggled(ln, b, POST).replace(b" /first", b" http://post.test/first"))
        for n, (ln, b) in LENGTHS.items()
    }
    heads = {
        "HTTP/1.0 with TE": b"POST / HTTP/1.0\r\nHost: post.test\r\n"
        b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "HTTP/0.9": b"GET /\r\n\r\n", "HTTP/2.0": b"GET / HTTP/2.0\r\nHost: post.test\r\n\r\n",
        "HTTP/1.2": b"GET / HTTP/1.2\r\nHost: post.test\r\n\r\n",
        "no host": b"GET / HTTP/1.1\r\n\r\n",
        "spaces in the first line": b"GET  /  HTTP/1.1\r\nHost: post.test\r\n\r\n",
        "a leading line": b"\r\n\r\nGET / HTTP/1.1\r\nHost: evil.test\r\n\r\n",
        "a space first": b" GET / HTTP/1.1\r\nHost: post.test\r\n\r\n",
        "a header without a colon": b"GET / HTTP/1.1\r\nHost: post.test\r\nnonsense\r\n\r\n",
        "LF only": b"GET / HTTP/1.1\nHost: post.test\n\n",
    }  # fmt: skip
    double = {
        "two": request("/", READ, f"Host: {EVIL}"),
        "evil first": request("/", EVIL, f"Host: {READ}"),
        "alike": request("/", READ, f"Host: {READ}"),
        "folded": request("/", READ, f"X: a\r\n\tHost: {EVIL}"),
        "in another case": request("/", READ, f"hOsT: {EVIL}"),
        "space": request("/", READ, f"Host : {EVIL}"),
    }  # fmt: skip
    wrong = ("malformed", "host_mismatch", "too_large")
    return [
        *group("smuggling", acts | plain, wrong),
        *group("smuggling", {"two CL alike": _twice_alike}, ("200",), (POST,)),
        *group("smuggling_head", {n: inside(POST, d) for n, d in heads.items()}, wrong),
        *group("duplicate_host", {n: inside(READ, d) for n, d in double.items()}, wrong),
        *group("early_bytes", _early(), wrong),
    ]


def _early() -> dict[str, Act]:
    return {
        "hello": says(connect(f"{ALLOWED}:443") + hello(EVIL.encode())),
        "request": says(connect(f"{READ}:443") + NEXT),
        "one byte": says(connect(f"{READ}:443") + b"\x16"),
    }


PATHS = (
    "/repos/me/../admin", "/repos/me/..", "/repos/me/%2e%2e/admin", "/repos/me/.%2e/admin",
    "/repos/me/%252e%252e/admin", "/repos/me//admin", "//repos/me/", "/repos/me/..;/admin",
    "/repos/me/;x/../admin", "/repos/me/%2fadmin", "/repos/me/..%2fadmin", "/repos/me/..%5cadmin",
    "/repos/me/..\\admin", "/repos/me/%c0%ae%c0%ae/admin", "/repos/me/%c0%af../admin",
    "/repos/me/%e0%80%ae%e0%80%ae/admin", "/repos/me/%00/admin", "/repos/me/%", "/repos/me/a#b",
    "/repos/me/./../../admin", "/repos/me/%2e/", "/%2e/repos/me/", "/repos/me/%25%32%65%25%32%65/a",
)  # fmt: skip
OUTSIDE = (
    "/admin", "/repos/me", "/repos/meat/", "/Repos/Me/", "/repos/you/?/repos/me/", "/repos/m%65",
    "/?a=/repos/me/",
)  # fmt: skip


def _paths() -> list[Case]:
    bad = {p: inside(REPO, request(p, REPO)) for p in PATHS}
    bad |= {f"plain {p}": says(request(f"http://{REPO}{p}", REPO)) for p in PATHS}
    out = {p: inside(REPO, request(p, REPO)) for p in OUTSIDE}
    rewritten = {
        h: inside(REPO, request("/repos/me/", REPO, f"{h}: /admin"))
        for h in ("X-Original-URL", "X-Rewrite-URL", "X_Original_Url", "X-Original-URI")
    }
    return [
        *group("path_normal_form", bad, ("path_refused", "malformed")),
        *group("path_rule", out, ("denied_by_owner",)),
        *group("path_override", rewritten, ("override_refused",)),
    ]


def _methods() -> list[Case]:
    over = {
        f"{n}: {v}": inside(POST, request("/", POST, f"{n}: {v}", method="POST", body=b"x"))
        for n in ("X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override")
        for v in ("DELETE", "PUT")
    }
    over["with underscores"] = inside(POST, request("/", POST, "X_HTTP_Method_Override: DELETE"))
    over["on a GET"] = inside(READ, request("/", READ, "x-http-method-override: POST"))
    over["plain"] = says(request(f"http://{POST}/", POST, "X-HTTP-Method-Override: DELETE"))
    over["query"] = inside(POST, request("/a?b=1&_method=DELETE", POST, method="POST"))
    over["query encoded"] = inside(POST, request("/a?%5Fmeth%6fd=DELETE", POST, method="POST"))
    form = "Content-Type: application/x-www-form-urlencoded"
    parts = "Content-Type: multipart/form-data; boundary=b"
    field = b'--b\r\nContent-Disposition: form-data; name="_method"\r\n\r\nDELETE\r\n--b--'
    over["form"] = inside(POST, request("/", POST, form, method="POST", body=b"a=1&_method=delete"))
    over["multipart"] = inside(POST, request("/", POST, parts, method="POST", body=field))
    over["forwarded host"] = inside(READ, request("/", READ, f"X-Forwarded-Host: {EVIL}"))
    asked = {
        m: inside(READ, request("/", READ, method=m)) for m in ("POST", "PUT", "PATCH", "DELETE")
    }
    asked["in small letters"] = inside(READ, request("/", READ, method="post"))
    asked["get in small letters"] = inside(READ, request("/", READ, method="get"))
    asked["invented"] = inside(READ, request("/", READ, method="PROPFIND"))
    asked["DELETE where POST is granted"] = inside(POST, request("/", POST, method="DELETE"))
    never = {m: inside(READ, request("/", READ, method=m)) for m in ("TRACE", "TRACK")}
    never["CONNECT"] = inside(READ, connect(f"{EVIL}:443", READ))
    never["TRACE where all is granted"] = inside(KEYED, request("/", KEYED, method="TRACE"))
    never["plain TRACE"] = says(request(f"http://{ALLOWED}/", ALLOWED, method="TRACE"))
    return [
        *group("method_override", over, ("override_refused",)),
        *group("method", asked, ("denied_by_owner",)),
        *group("trace_and_connect", never, ("method_refused",)),
    ]


def _git(path: str, body: bytes, *lines: str, method: str = "POST") -> Act:
    return inside(READ, request(path, READ, *lines, method=method, body=body))


def _git_fetches() -> list[Case]:
    kind = "Content-Type: application/x-git-upload-pack-request"
    want = b"0032want " + b"a" * 40 + b"\n00000009done\n"
    acts = {
        "in the query": _git("/delete?x=/git-upload-pack", want, kind),
        "a query behind": _git("/me/git-upload-pack?delete=1", want, kind),
        "another body": _git("/me/git-upload-pack", b"the owner's data", kind),
        "no body": _git("/me/git-upload-pack", b"", kind),
        "two types": _git("/me/git-upload-pack", want, kind, "Content-Type: text/plain"),
        "another type": _git("/me/git-upload-pack", want, "Content-Type: text/plain"),
        "push": _git("/me/git-receive-pack", want, kind),
        "PUT": _git("/me/git-upload-pack", want, kind, method="PUT"),
        "a name before it": _git("/me/evil-git-upload-pack", want, kind),
        "compressed in name only": _git("/me/git-upload-pack", b"data", kind,
        "Content-Encoding: gzip"),
    }  # fmt: skip
    return group("git_fetch_abuse", acts, ("denied_by_owner",))


def _protocols() -> list[Case]:
    h2 = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\x00\x00\x00\x04\x00\x00\x00\x00\x00"
    upgrade = ("Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Key: dGhlIHNhbXBsZQ==")
    frames = b"\x81\x85\x00\x00\x00\x00hello"
    sockets = {
        "websocket": inside(READ, request("/", READ, *upgrade) + frames),
        "without Connection": inside(READ, request("/", READ, "Upgrade: websocket")),
        "Connection only": inside(READ, request("/", READ, "Connection: keep-alive, upgrade")),
        "h2c": inside(READ, request("/", READ, "Upgrade: h2c",
        "Connection: Upgrade, HTTP2-Settings")),
        "connect-udp": inside(READ, request("/masque", READ, "Upgrade: connect-udp",
        "Connection: upgrade")),
        "plain": says(request(f"http://{ALLOWED}/", ALLOWED, *upgrade) + frames),
        "keyed": inside(KEYED, request("/", KEYED, *upgrade) + frames),
    }  # fmt: skip
    preface = {"inspected": inside(READ, h2), "keyed": inside(KEYED, h2), "to the proxy": says(h2)}
    udp = {
        "CONNECT-UDP": says(b"CONNECT-UDP evil.test:443 HTTP/1.1\r\nHost: evil.test\r\n\r\n"),
        "a QUIC packet": says(b"\xc3\x00\x00\x00\x01\x08" + b"x" * 1200 + b"\r\n\r\n"),
        "SOCKS": says(b"\x05\x01\x00\r\n\r\n"),
    }
    return [
        *group("upgrade", sockets, ("upgrade_refused",)), *group("http2", preface, ("malformed",)),
        *group("udp_and_socks", udp, ("malformed", "head_too_large")),
    ]  # fmt: skip


CASES = [*_hellos(), *_smuggling(), *_paths(), *_methods(), *_git_fetches(), *_protocols()]
