from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import ConfigError
from executors.gateway.addresses import Address, Blocked, Resolver, is_public
from executors.gateway.hosts import parse_host

HOST = parse_host("example.com")


@pytest.mark.parametrize(
    "address",
    [
        "1.1.1.1",
        "8.8.8.8",
        "93.184.216.34",
        "100.63.255.255",
        "100.128.0.0",
        "172.32.0.1",
        "2606:4700::1111",
        "2a00:1450::1",
        "2001:4860:4860::8888",
        "2400:cb00::1",
    ],
)
def test_a_global_unicast_address_is_public(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(
    "address",
    [
        "0.0.0.0",
        "0.1.2.3",
        "10.0.0.1",
        "100.64.0.1",
        "100.100.100.200",
        "100.127.255.255",
        "127.0.0.1",
        "127.255.255.254",
        "168.63.129.16",
        "169.254.1.1",
        "169.254.169.254",
        "172.16.0.1",
        "172.31.255.255",
        "192.0.0.1",
        "192.0.0.9",
        "192.0.2.1",
        "192.31.196.1",
        "192.52.193.1",
        "192.88.99.1",
        "192.168.1.1",
        "192.175.48.1",
        "198.18.0.1",
        "198.19.255.255",
        "198.51.100.1",
        "203.0.113.1",
        "224.0.0.1",
        "239.255.255.255",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::ffff:127.0.0.1",
        "::ffff:8.8.8.8",
        "::ffff:0:8.8.8.8",
        "::8.8.8.8",
        "64:ff9b::8.8.8.8",
        "64:ff9b::a00:1",
        "64:ff9b:1::1",
        "100::1",
        "2001::1",
        "2001:0:4136:e378::1",
        "2001:2::1",
        "2001:10::1",
        "2001:20::1",
        "2001:db8::1",
        "2002:7f00:1::1",
        "2002:808:808::1",
        "2620:4f:8000::1",
        "3ffe::1",
        "3fff::1",
        "3fff:fff::1",
        "5f00::1",
        "fc00::1",
        "fd00::1",
        "fd00:ec2::254",
        "fe80::1",
        "fe80::1%eth0",
        "2606:4700::1111%eth0",
        "fec0::1",
        "ff02::1",
        "4000::1",
        "",
        "example.com",
        "127.1",
        "0x7f.1",
        "2130706433",
        "[::1]",
        "1.1.1.1 ",
    ],
)
def test_every_other_address_is_not(address: str) -> None:
    assert not is_public(address)


@given(st.ip_addresses(v=4))
def test_a_mapped_address_is_never_public(address: object) -> None:
    assert not is_public(f"::ffff:{address}")
    assert not is_public(f"64:ff9b::{address}")


def _resolver(*found: str, pins: dict[str, str] | None = None) -> tuple[Resolver, list[str]]:
    asked: list[str] = []

    async def lookup(host: str, port: int) -> list[str]:
        asked.append(host)
        return list(found)

    return Resolver(pins, lookup=lookup), asked


async def test_a_name_is_looked_up_once_and_the_first_address_counts() -> None:
    resolver, asked = _resolver("1.1.1.1", "8.8.8.8")
    assert await resolver.resolve(HOST, 443) == Address("1.1.1.1", 443)
    assert asked == ["example.com"]


@pytest.mark.parametrize("found", [[], ["127.0.0.1"], ["1.1.1.1", "10.0.0.1"], ["::1"], ["x"]])
async def test_one_address_that_is_not_public_blocks_the_name(found: list[str]) -> None:
    resolver, _ = _resolver(*found)
    with pytest.raises(Blocked):
        await resolver.resolve(HOST, 443)


async def test_a_name_that_does_not_resolve_is_blocked() -> None:
    async def lookup(host: str, port: int) -> list[str]:
        raise OSError("no such name")

    with pytest.raises(Blocked):
        await Resolver(lookup=lookup).resolve(HOST, 443)


@pytest.mark.parametrize(
    ("pin", "address"),
    [
        ("127.0.0.1", ("127.0.0.1", 443)),
        ("127.0.0.1:8443", ("127.0.0.1", 8443)),
        ("::1", ("::1", 443)),
        ("[::1]:8443", ("::1", 8443)),
    ],
)
async def test_a_pin_wins_and_may_be_private(pin: str, address: tuple[str, int]) -> None:
    resolver, asked = _resolver("1.1.1.1", pins={"Example.com": pin})
    assert await resolver.resolve(HOST, 443) == address
    assert asked == []


@pytest.mark.parametrize("pin", ["", "localhost", "127.0.0.1:0", "127.0.0.1:x", "[::1", "a.b:1"])
def test_a_bad_pin_stops_the_start(pin: str) -> None:
    with pytest.raises(ConfigError):
        Resolver({"example.com": pin})
