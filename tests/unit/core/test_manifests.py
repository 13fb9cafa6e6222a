"""A grant survives JSON exactly."""

import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import Bug
from core.manifests import grant_from_json, grant_to_json
from core.policy import Budget, Grant, HostRule, SecretRule, Tier, VerbRule

texts = st.text(max_size=8)
several = st.lists(texts, max_size=3).map(tuple)
grants = st.builds(
    Grant,
    hosts=st.lists(st.builds(HostRule, host=texts, ports=st.lists(st.integers(1, 65535)).map(tuple),
                             methods=several, paths=several), max_size=2).map(tuple),
    verbs=st.lists(st.builds(VerbRule, integration=texts, verbs=several,
                             tier=st.sampled_from(Tier)), max_size=2).map(tuple),
    reads=several, writes=several, denies=several, destinations=st.frozensets(texts, max_size=3),
    secrets=st.lists(st.builds(SecretRule, name=texts, host=texts), max_size=2).map(tuple),
    budget=st.builds(Budget, calls=st.integers(0, 99), bytes_out=st.integers(0, 10**9),
                     fan_out=st.integers(0, 99), cost=st.decimals(0, 99, places=2),
                     seconds=st.floats(0, 1e6), cards=st.integers(0, 99)),
)  # fmt: skip


@given(grants)
def test_what_is_written_is_read_back(grant: Grant) -> None:
    again = grant_from_json(json.loads(json.dumps(grant_to_json(grant))))
    assert again == grant
    assert again.digest == grant.digest


@pytest.mark.parametrize("name", sorted(grant_to_json(Grant.everything())))
def test_what_is_missing_is_never_a_permission(name: str) -> None:
    found = grant_to_json(Grant.everything(Budget(cost=Decimal(1))))
    del found[name]
    with pytest.raises(Bug):
        grant_from_json(found)
