"""Rules of a layer, one by one."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from core.policy import Budget, Effect, EffectKind, Grant, HostRule, Reason, SecretRule, Spent, Tier
from core.policy.grants import READS, VerbRule, _plain, split_host

RULE = HostRule(host="api.example.com", methods=("GET",), paths=("/v1/", "/me"))
REQUESTS = [
    (RULE, "api.example.com", 443, "GET", "/v1/x", True),
    (RULE, "api.example.com", 443, "GET", "/v1/", True),
    (RULE, "api.example.com", 443, "GET", "/me?x=1", True),
    (RULE, "api.example.com", 443, "GET", "/me/x", False),
    (RULE, "api.example.com", 443, "GET", "/v1", False),
    (RULE, "api.example.com", 443, "GET", "/v2/?/v1/", False),
    (RULE, "api.example.com", 443, "POST", "/v1/x", False),
    (RULE, "api.example.com", 80, "GET", "/v1/x", False),
    (RULE, "example.com", 443, "GET", "/v1/x", False),
    (HostRule(host="*.example.com"), "a.example.com", 443, "DELETE", "/", True),
    (HostRule(host="*.example.com"), "a.b.example.com", 443, "GET", "/", False),
    (HostRule(host="*.example.com"), "example.com", 443, "GET", "/", False),
    (HostRule(host="*.example.com"), ".example.com", 443, "GET", "/", False),
    (HostRule(host="*.example.com"), "evilexample.com", 443, "GET", "/", False),
    (HostRule(host="*", ports=(80, 443)), "anything.org", 80, "GET", "/", True),
    (HostRule(host="*", ports=(80, 443)), "anything.org", 22, "GET", "/", False),
]


@pytest.mark.parametrize(("rule", "host", "port", "method", "path", "expected"), REQUESTS)
def test_a_host_rule_grants_what_it_names(
    rule: HostRule, host: str, port: int, method: str, path: str, *, expected: bool
) -> None:
    assert rule.matches(host, port, method, path) is expected


def test_a_rule_with_methods_or_paths_needs_a_look_inside() -> None:
    assert RULE.looks_inside
    assert HostRule(host="a.example", methods=("GET",)).looks_inside
    assert HostRule(host="a.example", paths=("/",)).looks_inside
    assert not HostRule(host="a.example").looks_inside


def effect(**changes: object) -> Effect:
    plain = Effect(kind=EffectKind.USE, resource="mail", verb="send", tier=Tier.CHANGE, digest="d")
    return replace(plain, **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        (VerbRule(integration="mail", verbs=("send",)), True),
        (VerbRule(integration="*", verbs=("*",)), True),
        (VerbRule(integration="mail", verbs=("send",), tier=Tier.CHANGE), True),
        (VerbRule(integration="mail", verbs=("send",), tier=Tier.READ), False),
        (VerbRule(integration="bank", verbs=("send",)), False),
        (VerbRule(integration="mail", verbs=("read",)), False),
        (VerbRule(integration="mail", verbs=()), False),
    ],
)
def test_a_verb_rule_grants_up_to_its_tier(rule: VerbRule, *, expected: bool) -> None:
    assert Grant(verbs=(rule,)).grants(effect()) is expected


def test_a_rule_for_changes_does_not_cover_what_destroys() -> None:
    rule = VerbRule(integration="mail", verbs=("send",), tier=Tier.CHANGE)
    assert rule.matches(effect(tier=Tier.READ))
    assert not rule.matches(effect(tier=Tier.DESTRUCTIVE))


@pytest.mark.parametrize(
    ("tier", "targets", "expected"),
    [
        (Tier.READ, ("docs/a.md",), True),
        (Tier.CHANGE, ("docs/a.md",), False),
        (Tier.CHANGE, ("out/a.md",), True),
        (Tier.DESTRUCTIVE, ("out/a.md", "out/b.md"), True),
        (Tier.DESTRUCTIVE, ("out/a.md", "docs/b.md"), False),
        (Tier.READ, (), False),
    ],
)
def test_files_are_granted_by_glob(tier: Tier, targets: tuple[str, ...], *, expected: bool) -> None:
    grant = Grant(reads=("docs/*",), writes=("out/*",))
    assert grant.grants(effect(kind=EffectKind.FILES, tier=tier, targets=targets)) is expected


def test_nothing_is_granted_by_an_empty_layer_and_everything_by_the_full_one() -> None:
    egress = effect(kind=EffectKind.EGRESS, resource="a.example:8443", verb="GET")
    files = effect(kind=EffectKind.FILES, targets=("a",))
    for one in (effect(), egress, files):
        assert not Grant().grants(one)
        assert Grant.everything().grants(one)
    assert Grant.everything(Budget(calls=1)).budget.calls == 1
    assert Grant.everything().budget == Budget()
    ports = Grant.everything().hosts[0].ports
    assert (ports[0], ports[-1], len(ports)) == (1, 65_535, 65_535)


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        (SecretRule(name="TOKEN", host="a.example"), True),
        (SecretRule(name="*", host="*"), True),
        (SecretRule(name="OTHER", host="a.example"), False),
        (SecretRule(name="TOKEN", host="b.example"), False),
    ],
)
def test_a_secret_is_bound_to_its_host(rule: SecretRule, *, expected: bool) -> None:
    assert Grant(secrets=(rule,)).grants_secret("TOKEN", "a.example") is expected
    other = SecretRule(name="OTHER", host="c.example")
    assert Grant(secrets=(other, rule)).grants_secret("TOKEN", "a.example") is expected


def test_any_change_of_a_layer_changes_its_digest() -> None:
    grants = [
        Grant(), Grant.everything(), Grant(hosts=(RULE,)), Grant(reads=("a",)),
        Grant(writes=("a",)), Grant(denies=("a",)), Grant(destinations=frozenset({"a"})),
        Grant(destinations=frozenset({"a", "b"})), Grant(budget=Budget(calls=1)),
        Grant(hosts=(replace(RULE, ports=(80,)),)), Grant(budget=Budget(cost=Decimal(1))),
        Grant(hosts=(replace(RULE, methods=()),)), Grant(secrets=(SecretRule(name="a", host="b"),)),
    ]  # fmt: skip
    assert len({grant.digest for grant in grants}) == len(grants)
    one = Grant(destinations=frozenset({"a", "b", "c"}))
    assert one.digest == Grant(destinations=frozenset({"c", "b", "a"})).digest


def test_the_canonical_form_of_a_layer_keeps_its_shape_and_orders_its_sets() -> None:
    letters = frozenset("hgfedcba")
    value = {"set": letters, "list": ("x", 1, [True, None]), "cost": Decimal("1.50"), 1: {"a": 0.5}}
    assert _plain(value) == {
        "set": list("abcdefgh"), "list": ["x", 1, [True, None]], "cost": "1.50", "1": {"a": 0.5},
    }  # fmt: skip


def test_methods_that_read_are_these_three() -> None:
    assert frozenset({"GET", "HEAD", "OPTIONS"}) == READS


def test_a_host_and_port_are_split_at_the_last_colon() -> None:
    assert split_host("a.example:443") == ("a.example", 443)
    assert split_host("[::1]:8443") == ("[::1]", 8443)


LIMITS = Budget(calls=2, bytes_out=10, fan_out=2, cost=Decimal(1), seconds=5)
USES = [
    (Spent(calls=1), 0, (), "0", None),
    (Spent(calls=2), 0, (), "0", Reason.CALLS),
    (Spent(bytes_out=4), 6, (), "0", None),
    (Spent(bytes_out=4), 7, (), "0", Reason.BYTES),
    (Spent(destinations=frozenset({"a"})), 0, ("a", "b"), "0", None),
    (Spent(destinations=frozenset({"a"})), 0, ("b", "c"), "0", Reason.FAN_OUT),
    (Spent(cost=Decimal("0.5")), 0, (), "0.5", None),
    (Spent(cost=Decimal("0.5")), 0, (), "0.51", Reason.SPEND),
    (Spent(seconds=5), 0, (), "0", None),
    (Spent(seconds=5.1), 0, (), "0", Reason.TIME),
]


@pytest.mark.parametrize(("spent", "count", "to", "cost", "expected"), USES)
def test_a_budget_breaks_at_its_edge(
    spent: Spent, count: int, to: tuple[str, ...], cost: str, expected: Reason | None
) -> None:
    found = LIMITS.exceeded_by(
        spent, bytes_out=count, destinations=frozenset(to), cost=Decimal(cost)
    )
    assert found is expected


def test_of_two_budgets_the_smaller_figures_count() -> None:
    other = Budget(calls=9, bytes_out=1, fan_out=9, cost=Decimal(9), seconds=1, cards=1)
    both = Budget(calls=2, bytes_out=1, fan_out=2, cost=Decimal(1), seconds=1, cards=1)
    assert LIMITS.within(other) == other.within(LIMITS) == both
