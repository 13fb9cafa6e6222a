"""What a manifest grants, and that no growth is overlooked."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.policy import Budget, Effect, EffectKind, HostRule, SecretRule, Tier
from skills.permissions import (
    NOTHING,
    Integration,
    Permissions,
    as_json,
    from_json,
    grant_of,
    grown,
    is_reading_only,
    reading_part,
)
from tests.unit.skills.texts import FULL, permissions, skill

ALL = skill(FULL, path="full.md").permissions
CHANGES = [
    ("  filesystem: {read: [a/*]}", "  filesystem: {read: [a/b/*, a/c]}", ()),
    ("  filesystem: {read: ['*']}", "  filesystem: {read: ['*.csv']}", ()),
    ("  filesystem: {read: ['a?/*']}", "  filesystem: {read: ['ab/*']}", ("may read files: ab/*",)),
    ("  filesystem: {read: [a/*]}", "  filesystem: {read: ['*']}", ("may read files: all",)),
    ("  filesystem: {read: [a]}", "  filesystem: {read: [a], write: [a]}",
     ("may write files: a",)),
    ("  network: [a.example]", "  network: [{host: a.example, methods: [GET]}]", ()),
    ("  network: [{host: a.example, methods: [GET]}]", "  network: [a.example]",
     ("may reach a.example, with every method",)),
    ("  network: ['*.a.example']", "  network: [b.a.example]", ()),
    ("  network: ['*.a.example']", "  network: [a.example]",
     ("may reach a.example, with every method",)),
    ("  network: [{host: a.example, paths: [/v1/]}]",
     "  network: [{host: a.example, paths: [/v1/x, /v1/y/]}]", ()),
    ("  network: [{host: a.example, paths: [/v1/]}]",
     "  network: [{host: a.example, paths: [/]}]",
     ("may reach a.example, with every method, only /",)),
    ("  network: [a.example]", "  network: ['a.example:8080']",
     ("may reach a.example:8080, with every method",)),
    ("  network: [{host: a.example, methods: [GET]}, {host: a.example, methods: [PUT]}]",
     "  network: [{host: a.example, methods: [PUT, GET]}]", ()),
    ("  integrations: {mail: '*'}", "  integrations: {mail: [send]}", ()),
    ("  integrations: {mail: [read]}", "  integrations: {mail: [read, send]}",
     ("may use mail: send (changes)",)),
    ("  tier: L1\n  integrations: {mail: [read]}", "  tier: L3\n  integrations: {mail: [read]}",
     ("may use mail: read (also deleting, sending, spending)",)),
    ("  tools: [shell]", "  tools: [shell, finish]", ("may use more tools: finish",)),
    ("  tools: [shell]", "  tier: L1", ("may use more tools: all",)),
    ("  tier: L1", "  tools: [shell]", ()),
    ("  packages: [jq]", "  packages: [jq, gcc]", ("installs: gcc",)),
    ("  tier: L1", "  triggers: [mail]", ("may be started by: mail",)),
    ("  budget: {calls: 5}", "  budget: {calls: 6}", ("may use up to 6 calls (was 5)",)),
    ("  budget: {usd: 1}", "  budget: {usd: 0.5}", ()),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "lines"), CHANGES)
def test_growth_is_told_and_narrowing_is_none(old: str, new: str, lines: tuple[str, ...]) -> None:
    assert grown(permissions(old), permissions(new)) == lines


def test_everything_that_a_new_skill_asks_for_is_a_line() -> None:
    lines = grown(NOTHING, ALL)
    assert "may send the secret SHOP_TOKEN to shop.example.com" in lines
    assert "may reach api.example.com:8443, only GET, POST, only /v1/, /me" in lines
    assert "may use mail: everything (also deleting, sending, spending)" in lines
    assert len(lines) == 12
    assert grown(ALL, ALL) == ()


@pytest.mark.parametrize(
    ("tier", "has_hosts", "has_secrets"),
    [("L1", False, False), ("L2", True, False), ("L3", True, True)],
)
def test_the_tier_clips_what_stands_beside_it(
    tier: str, *, has_hosts: bool, has_secrets: bool
) -> None:
    grant = grant_of(replace(ALL, tier=tier))  # type: ignore[arg-type]
    assert bool(grant.hosts) is has_hosts
    assert bool(grant.writes) is has_hosts
    assert bool(grant.secrets) is has_secrets
    assert grant.reads == ALL.reads
    assert grant.verbs[0].tier is {"L1": Tier.READ, "L2": Tier.CHANGE, "L3": Tier.DESTRUCTIVE}[tier]


def test_only_the_reading_of_files_needs_no_owner() -> None:
    assert is_reading_only(permissions("  filesystem: {read: ['*']}"))
    assert is_reading_only(permissions("  tools: [shell]"))
    assert not is_reading_only(permissions("  triggers: [schedule]"))
    assert not is_reading_only(permissions("  budget: {calls: 99999}"))
    assert not is_reading_only(permissions("  tier: L1\n  integrations: {mail: [read]}"))


def test_the_reading_part_keeps_pages_and_drops_the_rest() -> None:
    part = reading_part(ALL)
    assert [rule.methods for rule in part.hosts] == [("GET", "HEAD", "OPTIONS"), ("GET",)]
    assert (part.tier, part.writes, part.secrets, part.integrations) == ("L2", (), (), ())
    assert grown(ALL, part) == ()
    assert reading_part(NOTHING) == NOTHING


def test_permissions_survive_the_database() -> None:
    assert from_json(as_json(ALL)) == ALL
    with pytest.raises(ValueError, match="tier"):
        from_json({"tier": "L4"})


GLOBS = st.sampled_from(["*", "a*", "a/*", "*.csv", "a/b", "a?", "[ab]/*", "b/c*"])
PATHS = ["a", "a/b", "b/c", "ab", "x.csv", "a/x.csv", "b/"]
HOSTS = st.sampled_from(["*", "*.a.example", "b.a.example", "a.example", "c.b.a.example"])
METHODS = st.sampled_from(["GET", "POST", "DELETE"])
RULES = st.builds(
    HostRule,
    host=HOSTS,
    ports=st.sampled_from([(443,), (80,), (80, 443)]),
    methods=st.lists(METHODS, max_size=2, unique=True).map(tuple),
    paths=st.lists(st.sampled_from(["/", "/v1/", "/v1", "/v1/x"]), max_size=2).map(tuple),
)
SECRETS = st.builds(
    SecretRule, name=st.sampled_from(["A", "B"]), host=st.sampled_from(["a.example", "mail"])
)
VERBS = st.builds(
    Integration,
    name=st.sampled_from(["mail", "calendar"]),
    verbs=st.lists(st.sampled_from(["*", "read", "send"]), max_size=2).map(tuple),
)
BUDGETS = st.builds(
    Budget,
    calls=st.sampled_from([1, 5]),
    fan_out=st.sampled_from([1, 5]),
    cost=st.sampled_from([Decimal(1), Decimal(2)]),
)
PERMISSIONS = st.builds(
    Permissions,
    tier=st.sampled_from(["L1", "L2", "L3"]),
    reads=st.lists(GLOBS, max_size=2).map(tuple),
    writes=st.lists(GLOBS, max_size=2).map(tuple),
    hosts=st.lists(RULES, max_size=2).map(tuple),
    secrets=st.lists(SECRETS, max_size=2).map(tuple),
    integrations=st.lists(VERBS, max_size=2).map(tuple),
    budget=BUDGETS,
)


def effects() -> list[Effect]:
    """Samples of everything that a grant speaks about."""
    plain = Effect(kind=EffectKind.FILES, resource="files", verb="x", tier=Tier.READ, digest="d")
    files = [
        replace(plain, tier=tier, targets=(path,))
        for tier in (Tier.READ, Tier.CHANGE)
        for path in PATHS
    ]
    uses = [
        replace(plain, kind=EffectKind.USE, resource=name, verb=verb, tier=tier)
        for name in ("mail", "calendar", "other")
        for verb in ("read", "send", "other")
        for tier in Tier
    ]
    requests = [
        replace(plain, kind=EffectKind.EGRESS, resource=f"{host}:{port}", verb=method, path=path)
        for host in ("a.example", "b.a.example", "c.b.a.example", "z.a.example", "other.example")
        for port in (80, 443)
        for method in ("GET", "POST", "DELETE")
        for path in ("/", "/v1", "/v1/", "/v1/x", "/v1/x?q", "/v2")
    ]
    return [*files, *uses, *requests]


EFFECTS = effects()


@settings(max_examples=500, deadline=None)
@given(PERMISSIONS, PERMISSIONS)
def test_where_nothing_grew_nothing_new_is_granted(old: Permissions, new: Permissions) -> None:
    if grown(old, new):
        return
    before, after = grant_of(old), grant_of(new)
    for effect in EFFECTS:
        assert before.grants(effect) or not after.grants(effect), effect
    for name in "AB":
        for host in ("a.example", "mail"):
            assert before.grants_secret(name, host) or not after.grants_secret(name, host)
    assert after.budget.within(before.budget) == after.budget


@given(PERMISSIONS, st.data())
def test_taking_something_away_is_no_growth(old: Permissions, data: st.DataObject) -> None:
    field = data.draw(st.sampled_from(["reads", "writes", "hosts", "secrets", "integrations"]))
    kept = getattr(old, field)[:1]
    assert grown(old, replace(old, **{field: kept})) == ()
    assert grown(old, reading_part(old)) == ()
