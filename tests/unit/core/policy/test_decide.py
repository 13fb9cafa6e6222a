"""Every rule of the decision, as a table, and what must hold for all of them."""

from __future__ import annotations

import time
from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.policy import (
    Budget,
    Context,
    Decision,
    Effect,
    EffectKind,
    Grant,
    Hold,
    HostRule,
    Label,
    Origin,
    Reason,
    SecretRule,
    Spent,
    Tier,
    VerbRule,
    Verdict,
    decide,
)

ALL = Grant.everything()
MAIL = Effect(
    kind=EffectKind.USE, resource="mail", verb="draft", tier=Tier.CHANGE, digest="d1",
    destinations=("bob@example.com",), targets=("Plan",), content=("See you at noon",),
)  # fmt: skip
PAGE = Effect(
    kind=EffectKind.EGRESS, resource="example.com:443", verb="GET", tier=Tier.READ, digest="d2",
    path="/a", destinations=("example.com",),
)  # fmt: skip
FILE = Effect(
    kind=EffectKind.FILES, resource="files", verb="write", tier=Tier.CHANGE, digest="d3",
    targets=("notes.md",),
)  # fmt: skip
OWNER = Grant(
    hosts=(HostRule(host="api.example.com", methods=("GET", "POST")),),
    verbs=(VerbRule(integration="mail", verbs=("*",)),),
    reads=("*",), writes=("*",), secrets=(SecretRule(name="TOKEN", host="api.example.com"),),
)  # fmt: skip
PLAIN = Context(manifest=ALL, owner=OWNER, ceiling=ALL)
TAINTED = frozenset({Label.OWNER, Label.UNTRUSTED})
WORDS = ("Draft the 'Plan' to bob@example.com: see you at noon!",)


def but(context: Context = PLAIN, **changes: object) -> Context:
    return replace(context, **changes)  # type: ignore[arg-type]


def eff(effect: Effect = MAIL, **changes: object) -> Effect:
    return replace(effect, **changes)  # type: ignore[arg-type]


API = eff(PAGE, resource="api.example.com:443", destinations=("api.example.com",))
ALLOW, ASK, DENY = Decision.ALLOW, Decision.ASK, Decision.DENY

TABLE = [
    ("stopped", MAIL, but(is_stopped=True, approved=frozenset({"d1"})), DENY, Reason.STOPPED, ""),
    ("a deny wins over an approval", MAIL,
     but(owner=replace(OWNER, denies=("use:mail:*",)), approved=frozenset({"d1"})),
     DENY, Reason.DENIED_BY_RULE, "use:mail:draft"),
    ("a deny of the manifest", MAIL, but(manifest=replace(ALL, denies=("use:mail:draft",))),
     DENY, Reason.DENIED_BY_RULE, "use:mail:draft"),
    ("a deny of the ceiling", MAIL, but(ceiling=replace(ALL, denies=("*",))),
     DENY, Reason.DENIED_BY_RULE, "use:mail:draft"),
    ("the ceiling", MAIL, but(ceiling=Grant()), DENY, Reason.CEILING, "use:mail:draft"),
    ("the manifest", MAIL, but(manifest=Grant()), DENY, Reason.MANIFEST, "use:mail:draft"),
    ("a secret for another host", eff(PAGE, secrets=("TOKEN",)), PLAIN,
     DENY, Reason.FOREIGN_SECRET, "TOKEN"),
    ("a secret for an integration", eff(secrets=("TOKEN",)), PLAIN,
     DENY, Reason.FOREIGN_SECRET, "TOKEN"),
    ("a secret for its host", eff(API, secrets=("TOKEN",)),
     but(scopes=frozenset({"secret:TOKEN:api.example.com:443"})), ALLOW, Reason.READ, ""),
    ("a secret that was not used before", eff(API, secrets=("TOKEN",)),
     but(scopes=frozenset({"secret:OTHER:api.example.com:443"})),
     ASK, Reason.FIRST_SECRET, "TOKEN"),
    ("the budget", MAIL, but(spent=Spent(calls=1000)), DENY, Reason.CALLS, ""),
    ("approved", eff(tier=Tier.DESTRUCTIVE), but(approved=frozenset({"d1"})),
     ALLOW, Reason.APPROVED, ""),
    ("approved, but another action", eff(tier=Tier.DESTRUCTIVE), but(approved=frozenset({"d9"})),
     ASK, Reason.DESTRUCTIVE, ""),
    ("in the plan", eff(tier=Tier.DESTRUCTIVE), but(plan=("d0", "d1")), ALLOW, Reason.IN_PLAN, ""),
    ("not in the plan", MAIL, but(plan=("d0",)), ASK, Reason.DEVIATES, "bob@example.com"),
    ("no grant", PAGE, PLAIN, ASK, Reason.ACCESS, "egress:example.com:443:GET"),
    ("no grant, but the owner named the site", PAGE, but(words=("read https://example.com/a",)),
     ALLOW, Reason.OWN_WORDS, ""),
    ("naming a site lends no secret",
     eff(API, secrets=("TOKEN",)), but(owner=replace(OWNER, hosts=()), words=("api.example.com",)),
     ASK, Reason.FIRST_SECRET, "TOKEN"),
    ("naming a site lends no right to post", eff(PAGE, verb="POST", tier=Tier.CHANGE),
     but(words=("read https://example.com/a",)), ASK, Reason.ACCESS, "egress:example.com:443:POST"),
    ("naming a site lends nothing to a schedule", PAGE,
     but(words=("read https://example.com/a",), origin=Origin.SCHEDULE),
     ASK, Reason.ACCESS, "egress:example.com:443:GET"),
    ("naming a thing is no grant for a verb", eff(resource="bank"), but(words=WORDS),
     ASK, Reason.ACCESS, "use:bank:draft"),
    ("reading", eff(tier=Tier.READ), but(labels=TAINTED), ALLOW, Reason.READ, ""),
    ("destructive", eff(tier=Tier.DESTRUCTIVE), but(words=WORDS), ASK, Reason.DESTRUCTIVE, ""),
    ("production", eff(is_production=True), but(words=WORDS), ASK, Reason.DESTRUCTIVE, ""),
    ("a granted request", eff(API, verb="POST", tier=Tier.CHANGE), but(labels=TAINTED),
     ALLOW, Reason.STANDING, ""),
    ("a granted request that deletes", eff(API, tier=Tier.DESTRUCTIVE), PLAIN,
     ASK, Reason.DESTRUCTIVE, ""),
    ("in the owner's words", MAIL, but(words=WORDS, labels=TAINTED), ALLOW, Reason.OWN_WORDS, ""),
    ("a destination that is not", eff(destinations=("eve@example.com",)),
     but(words=WORDS, labels=TAINTED), ASK, Reason.RULE_OF_TWO, "eve@example.com"),
    ("one of several that is not", eff(destinations=("bob@example.com", "eve@example.com")),
     but(words=WORDS, labels=TAINTED), ASK, Reason.RULE_OF_TWO, "eve@example.com"),
    ("a target that is not", eff(targets=("Budget",)), but(words=WORDS, labels=TAINTED),
     ASK, Reason.RULE_OF_TWO, "Budget"),
    ("content that is not", eff(content=("Click here",)), but(words=WORDS, labels=TAINTED),
     ASK, Reason.RULE_OF_TWO, "Click here"),
    ("nothing that could be in words", eff(destinations=(), targets=(), content=()),
     but(words=WORDS, labels=TAINTED), ASK, Reason.RULE_OF_TWO, "use:mail:draft"),
    ("only a destination", eff(targets=()), but(words=WORDS, labels=TAINTED),
     ALLOW, Reason.OWN_WORDS, ""),
    ("only content", eff(destinations=(), targets=()), but(words=WORDS, labels=TAINTED),
     ASK, Reason.RULE_OF_TWO, "use:mail:draft"),
    ("a cleared destination", eff(destinations=("eve@example.com",)),
     but(owner=replace(OWNER, destinations=frozenset({"eve@example.com"})), words=WORDS,
         labels=TAINTED), ALLOW, Reason.OWN_WORDS, ""),
    ("a cleared target", eff(targets=("Budget",)),
     but(owner=replace(OWNER, destinations=frozenset({"Budget"})), words=WORDS, labels=TAINTED),
     ALLOW, Reason.OWN_WORDS, ""),
    ("a field of a named object", eff(destinations=("eve@example.com",)),
     but(words=WORDS, labels=TAINTED, fields={"eve@example.com": frozenset({"Plan"})}),
     ALLOW, Reason.OWN_WORDS, ""),
    ("a field of an object that nobody named", eff(destinations=("eve@example.com",)),
     but(words=WORDS, labels=TAINTED, fields={"eve@example.com": frozenset({"Other"})}),
     ASK, Reason.RULE_OF_TWO, "eve@example.com"),
    ("a new file", eff(FILE, is_new=True), but(labels=TAINTED), ALLOW, Reason.NEW_FILE, ""),
    ("a file that exists", FILE, but(labels=TAINTED), ASK, Reason.RULE_OF_TWO, "notes.md"),
    ("a new file that is shared", eff(FILE, is_new=True, destinations=("eve@example.com",)),
     but(labels=TAINTED), ASK, Reason.RULE_OF_TWO, "eve@example.com"),
    ("something new elsewhere", eff(is_new=True, destinations=(), content=()),
     but(labels=TAINTED), ASK, Reason.RULE_OF_TWO, "Plan"),
    ("an approved scope", MAIL, but(scopes=frozenset({"use:mail:draft"})), ALLOW, Reason.SCOPE, ""),
    ("an approved scope after untrusted text", MAIL,
     but(scopes=frozenset({"use:mail:draft"}), labels=TAINTED),
     ASK, Reason.RULE_OF_TWO, "bob@example.com"),
    ("a first change", MAIL, PLAIN, ASK, Reason.FIRST_CHANGE, "bob@example.com"),
    ("a rule that forbids wins over an approval", MAIL,
     but(hold=Hold.DENY, approved=frozenset({"d1"}), plan=("d1",)),
     DENY, Reason.HOLD, "use:mail:draft"),
    ("a rule that forbids, but a layer denies it anyway", MAIL,
     but(hold=Hold.DENY, ceiling=Grant()), DENY, Reason.CEILING, "use:mail:draft"),
    ("a rule that forbids lets reading be", eff(tier=Tier.READ), but(hold=Hold.DENY),
     ALLOW, Reason.READ, ""),
    ("a rule that forbids is about production", eff(tier=Tier.READ, is_production=True),
     but(hold=Hold.DENY), DENY, Reason.HOLD, "use:mail:draft"),
    ("a rule that forbids is about new files", eff(FILE, is_new=True), but(hold=Hold.DENY),
     DENY, Reason.HOLD, "files:files:write"),
    ("a rule that holds lets an approval be", MAIL,
     but(hold=Hold.ASK, approved=frozenset({"d1"})), ALLOW, Reason.APPROVED, ""),
    ("a rule that holds asks for what is in the owner's words", MAIL,
     but(hold=Hold.ASK, words=WORDS), ASK, Reason.HOLD, "use:mail:draft"),
    ("a rule that holds asks for what a grant names", eff(API, verb="POST", tier=Tier.CHANGE),
     but(hold=Hold.ASK), ASK, Reason.HOLD, "egress:api.example.com:443:POST"),
    ("a rule that holds asks for an approved scope", MAIL,
     but(hold=Hold.ASK, scopes=frozenset({"use:mail:draft"})), ASK, Reason.HOLD, "use:mail:draft"),
    ("a rule that holds asks for what is in the plan", MAIL, but(hold=Hold.ASK, plan=("d1",)),
     ASK, Reason.HOLD, "use:mail:draft"),
    ("a rule that holds asks for what destroys", eff(tier=Tier.DESTRUCTIVE), but(hold=Hold.ASK),
     ASK, Reason.HOLD, "use:mail:draft"),
    ("a rule that holds lets reading be", eff(tier=Tier.READ), but(hold=Hold.ASK),
     ALLOW, Reason.READ, ""),
    ("a rule that holds, and nobody may be asked", MAIL, but(hold=Hold.ASK, may_ask=False),
     DENY, Reason.NOT_GRANTED, "use:mail:draft"),
    ("a rule that holds, asked too often", MAIL, but(hold=Hold.ASK, spent=Spent(cards=10)),
     DENY, Reason.CARDS, ""),
    ("nobody may be asked about what is not in the plan", MAIL, but(plan=("d0",), may_ask=False),
     DENY, Reason.NOT_GRANTED, "bob@example.com"),
    ("what is allowed needs nobody to be asked", eff(tier=Tier.READ),
     but(may_ask=False, plan=("d0",)), ALLOW, Reason.READ, ""),
    ("nobody may be asked", MAIL, but(may_ask=False), DENY, Reason.NOT_GRANTED, "bob@example.com"),
    ("asked too often", MAIL, but(spent=Spent(cards=10)), DENY, Reason.CARDS, ""),
    ("asked nearly too often", MAIL, but(spent=Spent(cards=9)),
     ASK, Reason.FIRST_CHANGE, "bob@example.com"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("effect", "context", "decision", "code", "detail"),
    [row[1:] for row in TABLE],
    ids=[row[0] for row in TABLE],
)
def test_the_table_of_rules(
    effect: Effect, context: Context, decision: Decision, code: Reason, detail: str
) -> None:
    assert decide(effect, context) == Verdict(decision=decision, code=code, detail=detail)


@pytest.mark.parametrize("origin", [o for o in Origin if o is not Origin.OWNER])
def test_only_the_owners_message_lends_words(origin: Origin) -> None:
    verdict = decide(MAIL, but(words=WORDS, labels=TAINTED, origin=origin))
    assert verdict.code is Reason.RULE_OF_TWO


def test_the_smallest_budget_of_the_three_layers_counts() -> None:
    for layer in ("manifest", "owner", "ceiling"):
        grant = replace(getattr(PLAIN, layer), budget=Budget(calls=3))
        assert decide(MAIL, but(spent=Spent(calls=3), **{layer: grant})).code is Reason.CALLS
        assert decide(MAIL, but(spent=Spent(calls=2), **{layer: grant})).code is not Reason.CALLS


# --- properties ---

_verbs = st.sampled_from(["draft", "send"])
_effects = st.builds(
    Effect,
    kind=st.sampled_from([EffectKind.USE, EffectKind.FILES]),
    resource=st.sampled_from(["mail", "files"]),
    verb=_verbs,
    tier=st.sampled_from(list(Tier)),
    digest=st.sampled_from(["d1", "d2"]),
    destinations=st.lists(st.sampled_from(["bob@example.com", "eve@example.com"])).map(tuple),
    targets=st.lists(st.sampled_from(["Plan", "a.md"])).map(tuple),
    content=st.lists(st.sampled_from(["See you at noon", "x"])).map(tuple),
    is_new=st.booleans(),
    is_production=st.booleans(),
    bytes_out=st.integers(0, 10),
    cost=st.decimals(0, 2, places=1),
)
_rules = st.lists(
    st.builds(
        VerbRule,
        integration=st.sampled_from(["mail", "*"]),
        verbs=st.lists(_verbs, min_size=1).map(tuple),
        tier=st.sampled_from(list(Tier)),
    ),
    max_size=3,
).map(tuple)
_globs = st.lists(st.sampled_from(["*", "a.*", "Plan"]), max_size=2).map(tuple)
_grants = st.builds(
    Grant,
    verbs=_rules, reads=_globs, writes=_globs,
    denies=st.lists(st.sampled_from(["use:mail:send", "files:*"]), max_size=1).map(tuple),
    destinations=st.frozensets(st.sampled_from(["bob@example.com", "Plan"])),
    budget=st.builds(Budget, calls=st.integers(0, 3), bytes_out=st.integers(0, 20)),
)  # fmt: skip
_contexts = st.builds(
    Context,
    manifest=_grants, owner=_grants, ceiling=_grants,
    origin=st.sampled_from(list(Origin)),
    labels=st.frozensets(st.sampled_from(list(Label))),
    words=st.lists(st.sampled_from([*WORDS, "a.md"]), max_size=2).map(tuple),
    approved=st.frozensets(st.sampled_from(["d1", "d2"])),
    plan=st.none() | st.lists(st.sampled_from(["d1", "d2"])).map(tuple),
    scopes=st.frozensets(st.sampled_from(["use:mail:draft"])),
    spent=st.builds(Spent, calls=st.integers(0, 3), cards=st.integers(0, 12)),
    is_stopped=st.booleans(), may_ask=st.booleans(), hold=st.sampled_from(list(Hold)),
)  # fmt: skip
_RANK = {DENY: 0, ASK: 1, ALLOW: 2}
_LAYERS = st.sampled_from(["manifest", "owner", "ceiling"])


def rank(effect: Effect, context: Context) -> int:
    return _RANK[decide(effect, context).decision]


@given(_effects, _contexts, _LAYERS, st.sampled_from(["use:mail:*", "files:*", "*", "use:x:y"]))
def test_adding_a_deny_never_allows_more(
    effect: Effect, context: Context, layer: str, deny: str
) -> None:
    grant: Grant = getattr(context, layer)
    narrower = replace(grant, denies=(*grant.denies, deny))
    assert rank(effect, but(context, **{layer: narrower})) <= rank(effect, context)


@given(_effects, _contexts, _LAYERS, st.data())
def test_removing_anything_granted_never_allows_more(
    effect: Effect, context: Context, layer: str, data: st.DataObject
) -> None:
    grant: Grant = getattr(context, layer)
    name = data.draw(st.sampled_from(["verbs", "reads", "writes", "destinations"]))
    rules = list(getattr(grant, name))
    if rules:
        rules.pop(data.draw(st.integers(0, len(rules) - 1)))
    kept = frozenset(rules) if name == "destinations" else tuple(rules)
    narrower = replace(grant, **{name: kept})  # type: ignore[arg-type]
    assert rank(effect, but(context, **{layer: narrower})) <= rank(effect, context)


@given(_effects, _contexts)
def test_less_approval_and_more_taint_never_allow_more(effect: Effect, context: Context) -> None:
    before = rank(effect, context)
    tainted = context.labels | {Label.UNTRUSTED}
    for change in (
        {"approved": frozenset()}, {"scopes": frozenset()}, {"labels": tainted}, {"words": ()},
        {"is_stopped": True}, {"may_ask": False}, {"origin": Origin.SUBTASK},
        {"hold": Hold.DENY},
    ):  # fmt: skip
        assert rank(effect, but(context, **change)) <= before


@given(_effects, _contexts)
def test_a_standing_rule_never_allows_more(effect: Effect, context: Context) -> None:
    none, ask, deny = (rank(effect, but(context, hold=hold)) for hold in Hold)
    assert deny <= ask <= none


@given(_effects, _contexts, st.sampled_from([Hold.ASK, Hold.DENY]))
def test_what_is_held_happens_by_its_own_approval_only(
    effect: Effect, context: Context, hold: Hold
) -> None:
    verdict = decide(effect, but(context, hold=hold))
    if verdict.decision is ALLOW and effect.tier is not Tier.READ:
        assert (hold, verdict.code) == (Hold.ASK, Reason.APPROVED)


@given(_effects, _contexts)
def test_nothing_destructive_happens_without_an_approval(effect: Effect, context: Context) -> None:
    verdict = decide(effect, context)
    if verdict.decision is ALLOW and (effect.tier is Tier.DESTRUCTIVE or effect.is_production):
        assert verdict.code in {Reason.APPROVED, Reason.IN_PLAN} or effect.tier is Tier.READ


def test_a_decision_takes_less_than_a_millisecond() -> None:
    long = ("word " * 2_000 + WORDS[0],)
    context = but(words=long, labels=TAINTED)
    took = []
    for _ in range(200):
        began = time.perf_counter()
        decide(eff(cost=Decimal(1)), context)
        took.append(time.perf_counter() - began)
    assert sorted(took)[100] < 0.05  # a bench has the figure; this only catches a blow-up
