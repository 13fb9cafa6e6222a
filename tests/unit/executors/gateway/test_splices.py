from __future__ import annotations

import pytest

from executors.gateway.hosts import parse_host
from executors.gateway.splices import Splices

ONE, OTHER = parse_host("one.example.com"), parse_host("other.example.com")


def test_only_what_is_not_allowed_any_more_is_cut() -> None:
    splices, cut = Splices(), list[str]()
    with (
        splices.held(ONE, 443, lambda: cut.append("one")),
        splices.held(ONE, 8443, lambda: cut.append("other port")),
        splices.held(OTHER, 443, lambda: cut.append("other")),
    ):
        splices.cut_unless(lambda host, port: (host, port) != (ONE, 443))
    assert cut == ["one"]


def test_two_tunnels_to_one_place_are_both_cut() -> None:
    splices, cut = Splices(), list[int]()
    with (
        splices.held(ONE, 443, lambda: cut.append(1)),
        splices.held(ONE, 443, lambda: cut.append(2)),
    ):
        splices.cut_unless(lambda host, port: False)
    assert sorted(cut) == [1, 2]


def test_a_tunnel_that_is_gone_is_forgotten_also_after_a_failure() -> None:
    splices, cut = Splices(), list[int]()
    with pytest.raises(OSError, match="gone"), splices.held(ONE, 443, lambda: cut.append(1)):
        raise OSError("gone")
    assert not splices
    splices.cut_unless(lambda host, port: False)
    assert cut == []
