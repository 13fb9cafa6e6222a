from __future__ import annotations

import ssl
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from core.errors import ConfigError
from executors.gateway.authority import LEAVES_CAP, Authority
from executors.gateway.hosts import Host, parse_host

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

HOST = parse_host("example.com")


def handshake(
    server: ssl.SSLContext, ca: Path, *, sni: str, check: bool = True
) -> Mapping[str, object]:
    client = ssl.create_default_context(cafile=str(ca))
    client.verify_flags |= ssl.VERIFY_X509_STRICT
    client.check_hostname = check
    one, two = ssl.MemoryBIO(), ssl.MemoryBIO()
    near = client.wrap_bio(one, two, server_hostname=sni)
    far = server.wrap_bio(two, one, server_side=True)
    sides = [near, far]
    for _ in range(6):
        for side in list(sides):
            try:
                side.do_handshake()
                sides.remove(side)
            except ssl.SSLWantReadError:
                pass
    assert not sides
    return near.getpeercert() or {}


def test_a_leaf_is_trusted_by_who_trusts_the_authority(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    found = handshake(authority.server_context(HOST), authority.ca_file, sni="example.com")
    assert found["subjectAltName"] == (("DNS", "example.com"),)


def test_another_name_is_refused_in_the_handshake(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    context = authority.server_context(HOST)
    with pytest.raises(ssl.SSLError):
        handshake(context, authority.ca_file, sni="other.example.com", check=False)


def test_the_key_is_private_and_survives_a_restart(tmp_path: Path) -> None:
    Authority(tmp_path).prepare()
    key, ca = tmp_path / "ca.key", tmp_path / "ca.pem"
    first = ca.read_bytes(), key.read_bytes()
    assert key.stat().st_mode & 0o777 == 0o600
    Authority(tmp_path).prepare()
    assert (ca.read_bytes(), key.read_bytes()) == first
    assert sorted(path.name for path in tmp_path.iterdir()) == ["ca.key", "ca.pem"]


def test_a_lost_certificate_is_made_again_from_the_key(tmp_path: Path) -> None:
    Authority(tmp_path).prepare()
    (tmp_path / "ca.pem").write_text("broken")
    authority = Authority(tmp_path)
    handshake(authority.server_context(HOST), authority.ca_file, sni="example.com")


def test_a_key_that_others_can_read_stops_the_start(tmp_path: Path) -> None:
    Authority(tmp_path).prepare()
    (tmp_path / "ca.key").chmod(0o644)
    with pytest.raises(ConfigError):
        Authority(tmp_path).prepare()


def test_leaves_are_kept_renewed_and_bounded(tmp_path: Path) -> None:
    now = [datetime.now(UTC)]
    authority = Authority(tmp_path, now=lambda: now[0])
    first = authority.server_context(HOST)
    assert authority.server_context(HOST) is first
    now[0] += timedelta(days=6, minutes=1)
    second = authority.server_context(HOST)
    assert second is not first
    for number in range(LEAVES_CAP):
        authority.server_context(Host(f"h{number}.example.com"))
    assert authority.server_context(HOST) is not second


def test_servers_are_checked_like_any_client_would(tmp_path: Path) -> None:
    context = Authority(tmp_path).upstream_context()
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname
    assert context.minimum_version >= ssl.TLSVersion.TLSv1_2


def test_preparing_apart_makes_what_preparing_makes(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    assert not authority.is_prepared()
    authority.prepare_apart()
    assert authority.is_prepared()
    key = tmp_path / "ca.key"
    assert key.stat().st_mode & 0o777 == 0o600
    before = key.read_bytes(), authority.ca_file.read_bytes()
    Authority(tmp_path).prepare()
    assert (key.read_bytes(), authority.ca_file.read_bytes()) == before
    handshake(authority.server_context(HOST), authority.ca_file, sni="example.com")


@pytest.mark.parametrize("broken", ["no key", "no certificate", "another pair", "soon over"])
def test_what_is_not_right_is_not_taken_as_prepared(tmp_path: Path, broken: str) -> None:
    now = datetime.now(UTC)
    authority = Authority(tmp_path, now=lambda: now)
    authority.prepare()
    assert authority.is_prepared()
    match broken:
        case "no key":
            (tmp_path / "ca.key").unlink()
        case "no certificate":
            (tmp_path / "ca.pem").write_text("broken")
        case "another pair":
            (tmp_path / "other").mkdir()
            Authority(tmp_path / "other").prepare()
            (tmp_path / "other" / "ca.pem").replace(tmp_path / "ca.pem")
        case _:
            now += timedelta(days=3640)
    assert not authority.is_prepared()


def test_preparing_apart_tells_of_a_key_that_others_can_read(tmp_path: Path) -> None:
    Authority(tmp_path).prepare()
    (tmp_path / "ca.key").chmod(0o644)
    with pytest.raises(ConfigError):
        Authority(tmp_path).prepare_apart()
