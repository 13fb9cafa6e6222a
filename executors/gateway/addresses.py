"""Addresses that a container may reach, and the one look-up a connection gets.

Threat: a granted name points, at once or on the second look-up (DNS rebinding), into the host, the
owner's network or a cloud's metadata service. So a name is resolved once, every address of
the answer must be public, and exactly that address is dialled. Sources: the IANA special-purpose
registries for IPv4 and IPv6 (RFC 6890), RFC 6052 and 8215 (NAT64), 9637 (3fff::/20), 9602 (SRv6).
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from core.errors import ConfigError, Denied
from executors.gateway.hosts import BadHost, parse_host, parse_port

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from executors.gateway.hosts import Host

    Lookup: TypeAlias = Callable[[str, int], Awaitable[Sequence[str]]]

_DENIED_V4 = tuple(
    map(
        ipaddress.IPv4Network,
        (
            "0.0.0.0/8",
            "10.0.0.0/8",
            "100.64.0.0/10",  # carrier NAT; one cloud keeps its metadata here
            "127.0.0.0/8",
            "168.63.129.16/32",  # a cloud's host agent on a public-looking address
            "169.254.0.0/16",  # link-local; metadata
            "172.16.0.0/12",
            "192.0.0.0/24",
            "192.0.2.0/24",
            "192.31.196.0/24",
            "192.52.193.0/24",
            "192.88.99.0/24",  # 6to4 relay
            "192.168.0.0/16",
            "192.175.48.0/24",
            "198.18.0.0/15",
            "198.51.100.0/24",
            "203.0.113.0/24",
            "224.0.0.0/4",
            "240.0.0.0/4",
        ),
    )
)
# All of ::/3 and 4000::/2 upward is outside: loopback, mapped, NAT64, SRv6, ULA, link-local, …
_UNICAST_V6 = ipaddress.IPv6Network("2000::/3")
_DENIED_V6 = tuple(
    map(
        ipaddress.IPv6Network,
        (
            "2001::/23",  # Teredo, ORCHID, benchmarking
            "2001:db8::/32",
            "2002::/16",  # 6to4
            "2620:4f:8000::/48",
            "3ffe::/16",
            "3fff::/20",
        ),
    )
)


def is_public(address: str) -> bool:
    """Whether this is a global unicast address; False for what is no address at all."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return False
    if isinstance(parsed, ipaddress.IPv4Address):
        return parsed.is_global and not any(parsed in net for net in _DENIED_V4)
    if parsed.scope_id is not None or parsed not in _UNICAST_V6:
        return False
    return parsed.is_global and not any(parsed in net for net in _DENIED_V6)


class Blocked(Denied):
    """A name that leads to an address outside the public internet, or to none."""

    def __init__(self, text: str) -> None:
        super().__init__("address_blocked", text)


class Address(NamedTuple):
    """Where to dial: an address literal and a port."""

    ip: str
    port: int


async def system_lookup(host: str, port: int) -> Sequence[str]:
    """All addresses the system's resolver knows."""
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(entry[4][0]) for entry in found]


class Resolver:
    """Turns a name into the one address to dial.

    `pins` is the operator's: host to `ip`, `ip:port` or `[ip6]:port`. A pin wins, private or not.
    """

    def __init__(
        self, pins: Mapping[str, str] | None = None, *, lookup: Lookup = system_lookup
    ) -> None:
        self._pins = dict(_read_pin(name, text) for name, text in (pins or {}).items())
        self._lookup = lookup

    async def resolve(self, host: Host, port: int) -> Address:
        """The address for `host`; raises `Blocked`. The caller bounds the wait."""
        if (pin := self._pins.get(host)) is not None:
            return Address(pin.ip, pin.port or port)
        try:
            found = await self._lookup(host, port)
        except (OSError, UnicodeError) as error:
            raise Blocked(f"The name {host} has no address.") from error
        if not found or not all(map(is_public, found)):
            raise Blocked(f"The name {host} does not lead to the public internet.")
        return Address(found[0], port)


def _read_pin(name: str, text: str) -> tuple[Host, Address]:
    ip, port = text, ""
    if text.startswith("[") or text.count(":") == 1:
        ip, _, port = text.rpartition(":")
    try:
        literal = str(ipaddress.ip_address(ip.removeprefix("[").removesuffix("]")))
        return parse_host(name), Address(literal, parse_port(port) if port else 0)
    except (ValueError, BadHost) as error:
        raise ConfigError("GATEWAY_PINS", f"{name}: write host to ip or ip:port") from error
