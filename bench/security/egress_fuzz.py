"""Hosts, authorities, URLs and CONNECT targets, mutated heavily: do others read what we take alike?

The oracles are urllib, ipaddress, inet_aton (which reads octal, hexadecimal and short addresses, as
C libraries do) and idna. Whatever we refuse is fine; whatever we take must have one reading.
"""

from __future__ import annotations

import ipaddress
import random
import socket
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from multiprocessing import get_context
from urllib.parse import unquote, urlsplit

import idna

from core.errors import Denied
from executors.gateway.hosts import parse_authority, parse_host
from executors.gateway.targets import check_target, split_absolute

SEEDS = (
    "example.com", "a.b-c.example.org", "xn--bcher-kva.example", "xn--e1afmkfd.xn--p1ai", "1.2.3.4",
    "127.0.0.1", "0x7f.0.0.1", "0177.1", "2130706433", "[::1]", "[::ffff:127.0.0.1]", "a.1e",
    "a.0x1",
    "user@example.com", "example.com.", "EXAMPLE.com", "b\u00fccher.example", "faß.de", "1.example",
    "64.ff9b", "a.b", "localhost", "host.docker.internal", "xn--a", "xn--zca.example",
)  # fmt: skip
PIECES = (
    "@", "\\", "/", "//", "?", "#", ":", "::", ".", "..", "%", "%2e", "%2f", "%00", "%25", "\x00",
    "\t",
    "\n", "\r", " ", "[", "]", "-", "_", "*", "0x", "0", "1", "255", "xn--", "\u3002", "\uff0e",
    "\u0430",
    "\u200d", "\u00ad", "\u00df", "\ud800", "%zone", ";", "%5c", "%252e", "%c0%ae", "é", "A", "z",
    "9",
    ":443", ":80", ":0", ":99999", "http://", "HTTP://", "https://", "%E2%80%AE", "~", "+", ",",
    "&", "=",
)  # fmt: skip
TAILS = (
    "",
    "/",
    "/a/b",
    "/a?b=c",
    "?q",
    "/../x",
    "/%2e%2e/",
    "/a;b",
    "/a%2fb",
    "//x",
    "/%41",
    "#f",
)
SHARE = 20_000


@dataclass
class Fuzzed:
    """What a run showed."""

    count: int = 0
    accepted: int = 0
    disagreements: list[str] = field(default_factory=list)

    def add(self, other: Fuzzed) -> None:
        """Takes another run's counts."""
        self.count += other.count
        self.accepted += other.accepted
        self.disagreements += other.disagreements


def mutated(dice: random.Random) -> str:
    """A host, usually broken."""
    text = dice.choice(SEEDS)
    for _ in range(dice.choice((0, 1, 1, 2, 3))):
        at, piece = dice.randrange(len(text) + 1), dice.choice(PIECES)
        match dice.randrange(5):
            case 0:
                text = text[:at] + piece + text[at:]
            case 1:
                text = text[:at] + piece + text[at + len(piece) :]
            case 2:
                text = text[:at] + text[at + 1 :]
            case 3:
                text = (
                    text[:at]
                    + chr(dice.choice((dice.randrange(128), dice.randrange(0x3100))))
                    + text[at:]
                )
            case _:
                text = f"{text}.{dice.choice(SEEDS)}" if at % 2 else text.swapcase()
    return text


def is_taken(text: str, kind: int, dice: random.Random) -> tuple[bool, str]:
    """Whether we take it, and where others disagree (empty when they do not)."""
    match kind:
        case 0:
            return host_agrees(text)
        case 1:
            port = dice.choice((":443", ":80", "", ":0", ":65535", ":65536", ":08", ":a"))
            return authority_agrees(text + port)
        case _:
            scheme = dice.choice(
                ("http://", "http://", "HTTP://", "http:/", "http:\\\\", "https://")
            )
            return url_agrees(
                f"{scheme}{text}{dice.choice(('', ':80', ':8080', ':'))}{dice.choice(TAILS)}"
            )


def host_agrees(text: str) -> tuple[bool, str]:
    """Judges one host."""
    try:
        host = parse_host(text)
    except Denied:
        return False, ""
    return True, _odd_host(text, host)


def _odd_host(text: str, host: str) -> str:
    if host != text.lower():
        return f"{text!r} became {host!r}"
    if is_address(host):
        return f"{text!r} is an address"
    if urlsplit(f"http://{text}/").hostname != host:
        return f"urllib reads {urlsplit(f'http://{text}/').hostname!r} in {text!r}"
    for label in host.split("."):
        if label.startswith("xn--") and idna.alabel(idna.ulabel(label)).decode() != label:
            return f"idna reads {label!r} otherwise"
    return ""


def is_address(host: str) -> bool:
    """Whether any of the readers takes it for an address."""
    try:
        ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        pass
    else:
        return True
    try:
        socket.inet_aton(host)
    except (OSError, UnicodeError):
        return False
    return True


def authority_agrees(text: str) -> tuple[bool, str]:
    """Judges the target of a CONNECT."""
    try:
        host, port = parse_authority(text)
    except Denied:
        return False, ""
    split = urlsplit(f"//{text}")
    if (split.hostname, split.port, split.username, split.path) != (host, port, None, ""):
        return True, f"urllib reads {split!r} in {text!r}"
    return True, _odd_host(text.rpartition(":")[0], host)


def url_agrees(text: str) -> tuple[bool, str]:
    """Judges the absolute target of a plain request, its path included."""
    try:
        place = split_absolute(text)
        check_target(place.target)
    except Denied:
        return False, ""
    split = urlsplit(text)
    path = split.path + (f"?{split.query}" if split.query else "")
    if (split.scheme, split.hostname, split.port or 80) != ("http", place.host, place.port):
        return True, f"urllib reads {split!r} in {text!r}"
    if (
        split.username is not None
        or split.fragment
        or path not in (place.target, place.target[:-1])
    ):
        return True, f"urllib reads the path {path!r} in {text!r}"
    if {".", ".."} & set(unquote(unquote(split.path)).split("/")):
        return True, f"the path of {text!r} has dots"
    return True, "an address" if is_address(place.host) else ""


def share(seed: int, count: int) -> Fuzzed:
    """One process's share."""
    dice, found = random.Random(seed), Fuzzed()
    for _ in range(count):
        taken, why = is_taken(mutated(dice), dice.randrange(3), dice)
        found.count += 1
        found.accepted += taken
        if why:
            found.disagreements.append(why)
    return found


def fuzz(count: int, *, seed: int = 1) -> Fuzzed:
    """Tries `count` inputs on all cores; the same seed gives the same inputs."""
    total = Fuzzed()
    if count <= SHARE:
        return share(seed, count)
    sizes = [min(SHARE, count - at) for at in range(0, count, SHARE)]
    seeds = range(seed, seed + len(sizes))
    with ProcessPoolExecutor(mp_context=get_context("spawn")) as pool:
        for found in pool.map(share, seeds, sizes):
            total.add(found)
    return total
