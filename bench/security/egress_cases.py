"""What a bypass case is, and the cases about names and addresses."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from bench.security.egress_client import connect, request
from bench.security.egress_world import ALLOWED, EVIL, KEYED, WILD, Box, Options
from executors.gateway.ports import Bounds

Act = Callable[[Box], Awaitable[str]]
MALFORMED = ("malformed",)
NOT_GRANTED = ("access_not_granted", "denied_by_owner")


@dataclass(frozen=True, kw_only=True, slots=True)
class Case:
    """One attempt: `act` returns what came of it, which must be one of `expects`.

    `reaches` are the servers that may hear something; no other may hear one byte.
    """

    group: str
    name: str
    act: Act
    expects: tuple[str, ...]
    reaches: tuple[str, ...] = ()
    options: Options = field(default_factory=Options)


def says(data: bytes) -> Act:
    """Says bytes to the proxy itself."""

    async def act(box: Box) -> str:
        return await box.plain(data)

    return act


def inside(host: str, data: bytes) -> Act:
    """Says bytes in an inspected tunnel."""

    async def act(box: Box) -> str:
        return await box.inside(host, data)

    return act


def group(
    name: str, acts: dict[str, Act], expects: tuple[str, ...], reaches: tuple[str, ...] = ()
) -> list[Case]:
    """Cases of one class with the same end."""
    return [
        Case(group=name, name=n, act=a, expects=expects, reaches=reaches) for n, a in acts.items()
    ]


NAMES: dict[str, tuple[str, ...]] = {
    "userinfo": (
        "allowed.test@evil.test", "evil.test@allowed.test", "me:pw@allowed.test",
        "allowed.test:443@evil.test", "allowed.test%40evil.test",
    ),
    "backslash": (
        "allowed.test\\evil.test", "evil.test\\.allowed.test", "evil.test\\@allowed.test",
        "allowed.test\\",
    ),
    "control_byte": (
        "allowed.test\x01", "allowed\x7f.test", "evil.test\x0b.allowed.test", "allowed.test\x1f",
        "allowed.test\tevil.test",
    ),
    "nul": (
        "allowed.test\x00.evil.test", "evil.test\x00allowed.test", "allowed.test%00",
        "\x00allowed.test",
    ),
    "trailing_dot": ("allowed.test.", "allowed.test..", ".allowed.test", "allowed..test"),
    "homograph": (
        "\u0430llowed.test", "allowed\u3002test", "allowed.te\uff53t", "\u24d0llowed.test",
        "allowed\u00ad.test", "xn--allowed.test", "xn--ALLOWED-.test", "xn--.test",
    ),
    "decimal_ip": ("2130706433", "3232235777", "2852039166", "127.0.0.1.", "021307064330"),
    "hex_ip": ("0x7f000001", "0x7f.1", "0x7f.0.0.0x1", "0xA9FEA9FE"),
    "octal_ip": ("0177.0.0.1", "017700000001", "0177.0.0.01", "0251.0376.0251.0376"),
    "short_ip": ("127.1", "127.0.1", "10.1", "1"),
    "literal_ip": ("127.0.0.1", "169.254.169.254", "10.0.0.1", "1.1.1.1"),
    "zero_ip": ("0.0.0.0", "0", "[::]", "0.0"),
    "v6": ("[::1]", "[fe80::1]", "[fd00::1]", "::1", "[2606:4700::1111]"),
    "v4_mapped": (
        "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[0:0:0:0:0:ffff:a9fe:a9fe]",
        "[::127.0.0.1]", "::ffff:127.0.0.1",
    ),
    "nat64": ("[64:ff9b::7f00:1]", "[64:ff9b::a9fe:a9fe]", "[64:ff9b:1::a00:1]"),
    "6to4": ("[2002:a9fe:a9fe::]", "[2002:7f00:1::1]", "[2002:c0a8:1::]"),
    "teredo": ("[2001:0:7f00:1::]", "[2001::1]", "[2001:0:4136:e378:8000:63bf:80ff:fffe]"),
    "zone": ("[fe80::1%25eth0]", "[fe80::1%lo]", "[::1%1]", "fe80::1%eth0"),
    "wildcard": ("*.wild.test", ".wild.test", "*", "*.test"),
    "single_label": ("localhost", "redis", "postgres", "agentai"),
    "odd_label": ("-allowed.test", "allowed-.test", "allowed_.test", "a" * 64 + ".test", ""),
    "bad_port": (
        "allowed.test:0", "allowed.test:65536", "allowed.test:443x", "allowed.test:+443",
        "allowed.test:0443", "allowed.test:80:443", "allowed.test:\u0664\u0664\u0663",
        "allowed.test:1e3",
    ),
}  # fmt: skip

UNGRANTED: dict[str, tuple[str, ...]] = {
    "case": ("EVIL.TEST", "Evil.Test", "evil.tesT"),
    "punycode": ("xn--llowed-2fg.test", "xn--80ak6aa92e.test", "xn--bcher-kva.test"),
    "wildcard": ("b.a.wild.test", "wild.test", "xwild.test", "a.wild.test.evil.test"),
    "look_alike": ("allowed.test.evil.test", "notallowed.test", "allowed-test.test", "allowed.tes"),
    "host_gateway": (
        "host.docker.internal", "gateway.docker.internal", "host.containers.internal",
        "metadata.google.internal",
    ),
    "peer_container": ("agentai-slot-1.bridge", "task-2.local", "executor.agentai.svc"),
}  # fmt: skip

# One or two addresses of every range that is not the public internet.
ADDRESSES = (
    "0.0.0.0", "0.1.2.3", "10.0.0.1", "100.64.0.1", "100.100.100.200", "127.0.0.1", "127.8.8.8",
    "168.63.129.16", "169.254.169.254", "172.16.0.1", "172.17.0.1", "172.31.255.255",
    "192.0.0.170", "192.0.2.1", "192.31.196.1", "192.52.193.1", "192.88.99.1", "192.168.1.1",
    "192.175.48.1", "198.18.0.1", "198.51.100.1", "203.0.113.1", "224.0.0.1", "239.1.1.1",
    "240.0.0.1", "255.255.255.255", "::", "::1", "::ffff:127.0.0.1", "::ffff:169.254.169.254",
    "::127.0.0.1", "64:ff9b::7f00:1", "64:ff9b:1::1", "100::1", "2001::1", "2001:2::1",
    "2001:10::1", "2001:20::1", "2001:db8::1", "2002:7f00:1::1", "2620:4f:8000::1", "3ffe::1",
    "3fff::1", "5f00::1", "fc00::1", "fd12::1", "fe80::1", "fe80::1%eth0", "fec0::1", "ff02::1",
    "not-an-address", "127.1", "0x7f.1",
)  # fmt: skip


def _absolute(authority: str) -> bytes:
    return f"GET http://{authority}/ HTTP/1.1\r\nHost: {authority}\r\n\r\n".encode()


def _pair(name: str, *, is_port: bool) -> dict[str, Act]:
    shown = ascii(name)
    target = name if is_port else f"{name}:443"
    return {f"CONNECT {shown}": says(connect(target)), f"http {shown}": says(_absolute(name))}


def _by_name() -> list[Case]:
    made = []
    for kind, names in NAMES.items():
        for name in names:
            made += group(kind, _pair(name, is_port=kind == "bad_port"), MALFORMED)
    for kind, names in UNGRANTED.items():
        for name in names:
            made += group(kind, _pair(name, is_port=False), NOT_GRANTED)
    return made


def _dial_lookup(port: int) -> Act:
    async def act(box: Box) -> str:
        place = "x.lookup.test" if port == 80 else f"x.lookup.test:{port}"
        data = _absolute(place) if port == 80 else connect(place)
        said = await box.plain(data)
        return said if box.lookups == 1 else f"{box.lookups} look-ups"

    return act


def _resolving(
    kind: str, name: str, answers: tuple[tuple[str, ...], ...], port: int = 443,
    expects: tuple[str, ...] = ("address_blocked",),
) -> Case:  # fmt: skip
    bounds = Bounds(connect_s=1.0)
    return Case(
        group=kind, name=name, act=_dial_lookup(port), expects=expects,
        options=Options(answers=answers, bounds=bounds),
    )  # fmt: skip


UNROUTED = "3000::1"  # looks public; nobody has it
GONE = ("upstream_unreachable", "upstream_timeout")


def _by_answer() -> list[Case]:
    made = [_resolving("resolves_inside", a, ((a,),)) for a in ADDRESSES]
    made += [_resolving("resolves_inside", f"http {a}", ((a,),), 80) for a in ADDRESSES]
    several = (
        ("1.1.1.1", "10.0.0.1"), ("10.0.0.1", "1.1.1.1"), ("1.1.1.1", "8.8.8.8", "::1"),
        ("2606:4700::1111", "169.254.169.254"), ("1.1.1.1", "fe80::1%eth0"), (),
    )  # fmt: skip
    made += [_resolving("several_answers", repr(a), (a,)) for a in several]
    for port in (443, 80):
        made += [
            _resolving("rebinding", f"public, then loopback {port}",
                       ((UNROUTED,), ("127.0.0.1",)), port, GONE),
            _resolving("rebinding", f"public, then metadata {port}",
                       ((UNROUTED,), ("169.254.169.254",)), port, GONE),
            _resolving("rebinding", f"private, then public {port}",
                       (("127.0.0.1",), (UNROUTED,)), port),
        ]  # fmt: skip
    return made


def _ports() -> list[Case]:
    made: list[Case] = []
    for port in (22, 25, 5432, 6379, 2375, 8443):
        acts = {
            f"CONNECT {port}": says(connect(f"{ALLOWED}:{port}")),
            f"http {port}": says(_absolute(f"{ALLOWED}:{port}")),
        }
        made += group("other_port", acts, ("outside_ceiling",))
    plain = {
        host: says(request(f"http://{host}:443/a", f"{host}:443"))
        for host in (ALLOWED, "read.test", KEYED, WILD)
    }
    made += group("plain_to_https_port", plain, ("plain_http",))
    lower = {
        f"port 80 of {host}": says(request(f"http://{host}/a", host)) for host in ("read.test",)
    }
    lower["by port"] = says(request("http://read.test:80/a", "read.test:80"))
    lower["OPTIONS"] = says(request("http://read.test/a", "read.test", method="OPTIONS"))
    return made + group("plain_to_https_grant", lower, ("denied_by_owner", "access_not_granted"))


def _mismatches() -> list[Case]:
    hosts = {
        "CONNECT": says(connect(f"{ALLOWED}:443", EVIL)),
        "CONNECT evil, Host allowed": says(connect(f"{EVIL}:443", f"{ALLOWED}:443")),
        "CONNECT other port": says(connect(f"{ALLOWED}:443", f"{ALLOWED}:80")),
        "absolute": says(request(f"http://{EVIL}/", ALLOWED)),
        "absolute allowed, Host evil": says(request(f"http://{ALLOWED}/", EVIL)),
        "absolute, Host with port": says(request(f"http://{ALLOWED}/", f"{ALLOWED}:8080")),
        "inside": inside("read.test", request("/", EVIL)),
        "inside, keyed": inside(KEYED, request("/", EVIL)),
        "inside, with userinfo": inside("read.test", request("/", f"read.test@{EVIL}")),
        "inside, empty": inside("read.test", request("/", "")),
        "inside, trailing dot": inside("read.test", request("/", "read.test.")),
    }
    targets = {
        "inside": inside("read.test", request(f"https://{EVIL}/", "read.test")),
        "inside, same host": inside("read.test", request("https://read.test/", "read.test")),
        "inside, http": inside("read.test", request(f"http://{EVIL}/", "read.test")),
        "https to the proxy": says(request("https://read.test/", "read.test")),
        "no scheme": says(request("//evil.test/", ALLOWED)),
        "origin form to the proxy": says(request("/", ALLOWED)),
        "ftp": says(request("ftp://allowed.test/", ALLOWED)),
        "file": says(request("file:///etc/passwd", ALLOWED)),
        "asterisk": inside("read.test", request("*", "read.test", method="OPTIONS")),
    }
    both = ("host_mismatch", "malformed")
    return group("host_mismatch", hosts, both) + group(
        "absolute_mismatch", targets, ("malformed", "path_refused")
    )


CASES = [*_by_name(), *_by_answer(), *_ports(), *_mismatches()]
