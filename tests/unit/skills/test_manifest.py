"""What a manifest is read as, and how faults in one are told."""

from __future__ import annotations

import re
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.policy import HostRule, SecretRule
from skills.frontmatter import SIZE_CAP
from skills.manifest import normalised, parse_skill
from skills.permissions import NOTHING, Integration
from skills.types import Problem, Skill, SkillFile
from tests.unit.skills.texts import FULL, OTHER_PRODUCT, PLAIN, skill

SCRIPT = SkillFile(path="scripts/buy.py", size=3, sha256="ab")


def problem(text: str, path: str = "a.md") -> Problem:
    parsed = parse_skill(text, path=path)
    assert not isinstance(parsed, Skill)
    return parsed[0]


def test_every_permission_is_read() -> None:
    full = skill(FULL, path="shop/SKILL.md", files=(SCRIPT,))
    asked = full.permissions
    assert (asked.tier, asked.reads, asked.writes) == ("L3", ("lists/*", "notes.md"), ("lists/*",))
    assert asked.hosts == (
        HostRule(host="shop.example.com"),
        HostRule(
            host="api.example.com", ports=(8443,), methods=("GET", "POST"), paths=("/v1/", "/me")
        ),
    )
    assert asked.secrets == (SecretRule(name="SHOP_TOKEN", host="shop.example.com"),)
    assert asked.integrations == (
        Integration(name="calendar", verbs=("read", "create")),
        Integration(name="mail", verbs=("*",)),
    )
    assert (asked.tools, asked.packages) == (("shell", "read_file"), ("jq",))
    assert asked.triggers == ("schedule", "mail")
    budget = asked.budget
    assert (budget.calls, budget.bytes_out, budget.cost) == (20, 1_500_000, Decimal("0.25"))
    assert (budget.seconds, budget.fan_out) == (600, 2)
    assert full.allowed_tools == ("Bash(git:*)", "Read")
    assert full.body_in("/skill") == "Buy it. The script is /skill/scripts/buy.py."
    assert [file.path for file in full.files] == ["SKILL.md", "scripts/buy.py"]


def test_another_products_skill_loads_and_gets_nothing() -> None:
    other = skill(OTHER_PRODUCT)
    assert other.permissions == NOTHING
    assert other.name == "other-product"
    assert other.requires.bins == ("lamp",)
    assert (other.requires.any_bins, other.requires.env) == (("a", "b"), ("LAMP_KEY",))
    assert other.requires.os == ("linux",)
    assert other.dispatch is not None
    assert (other.dispatch.kind, other.dispatch.tool) == ("tool", "lamp")
    assert not other.is_user_invocable
    assert not other.is_model_invocable
    assert (other.emoji, other.homepage) == ("L", "https://lamps.example")
    assert [note.key for note in other.notes] == ["name"]


@pytest.mark.parametrize(
    "text",
    [
        "\ufeff" + PLAIN,
        PLAIN.replace("\n", "\r\n"),
        PLAIN.replace("\n", "\r"),
        "\n\n" + PLAIN,
        PLAIN.replace("---\n", "---  \n"),
        f"```skill\n{PLAIN}```\n",
        f"~~~~\n{PLAIN}",
    ],
)
def test_odd_wrappings_are_tolerated(text: str) -> None:
    assert skill(text).body.startswith("# Plain")
    assert skill(text).body.endswith("words.")


def test_a_missing_name_is_that_of_the_file_or_folder() -> None:
    text = PLAIN.replace("name: plain\n", "")
    assert skill(text, path="cat/My Notes.md").name == "my-notes"
    assert skill(text, path="cat/web_watch/SKILL.md").name == "web-watch"


def test_a_name_has_one_spelling() -> None:
    assert normalised("  Web  Research_2.0 ") == "web-research-2-0"
    assert problem(PLAIN.replace("name: plain", "name: pl\u0430in")).key == "name"  # Cyrillic


BLOCK = "---\nname: a\ndescription: d\npermissions:\n"
FAULTS = [
    ("", 1, "", "frontmatter is missing", "three dashes"),
    ("hello", 1, "", "frontmatter is missing", "three dashes"),
    ("---\nname: a\n", 1, "", "does not end", "three dashes"),
    ("---\n- a\n---\n", 2, "", "no mapping", "keys and values"),
    ("---\n---\n", 2, "description", "required", ""),
    ("---\nx\n---\n", 2, "", "no mapping", ""),
    ("---\nname: a\n---\n", 2, "description", "field required", "Add it"),
    ("---\nname: a\ndescription: ''\n---\n", 3, "description", "at least 1", "Say what"),
    ("---\nname: a\ndescription: ' '\n---\n", 3, "description", "is empty", "Say what"),
    ("---\nname: a\ndescription: 3\n---\n", 3, "description", "valid string", "in quotes"),
    ("---\nname: a\ndescription: b: c\n---\n", 3, "", "no YAML", "holds a colon"),
    ("---\nname: a\n\tdescription: b\n---\n", 3, "", "no YAML", "with tabs"),
    ("---\nname: a\nname: b\n---\n", 3, "", "stands there twice", "Keep one"),
    ("---\nname: &x a\n---\n", 2, "", "anchor", "Write the value out"),
    ("---\nname: *x\n---\n", 2, "", "anchor or an alias", ""),
    ("---\nname: !!python/object:os.system a\n---\n", 2, "", "a tag", ""),
    ("---\n? [a]\n: b\n---\n", 2, "", "no plain word", ""),
    ("---\nname: [a\n---\n", 3, "", "no YAML", "brackets"),
    ("---\nname: a\x00\n---\n", 2, "", "no YAML", "invisible"),
    ("---\nname: a\n...\n---\n", 2, "description", "required", ""),
    ("---\nname: \ud800\n---\n", 1, "", "not valid Unicode", "UTF-8"),
    (f"---\nname: a\n---\n{'x' * SIZE_CAP}", 1, "", "larger than", "files beside it"),
    ("---\na: " + "[" * 60 + "]" * 60 + "\n---\n", 2, "", "too deep", ""),
    ("---\na: [" + "b," * 6000 + "]\n---\n", 2, "", "too large", ""),
    (f"```\n{BLOCK}  tier: L9\n---\n```", 6, "permissions.tier", "'L1', 'L2' or 'L3'", "named"),
    (f"{BLOCK}  tier: L1\n  network: [a.example]\n---\n", 5, "permissions.tier", "does not", "L2"),
    (f"{BLOCK}  nettwork: []\n---\n", 5, "permissions.nettwork", "no such permission", "spelling"),
    (f"{BLOCK}  network: a.example\n---\n", 5, "permissions.network", "list", "Write a list"),
    (f"{BLOCK}  network: ['https://a.example/x']\n---\n", 5, "permissions.network[0].host",
     "no host", "without https"),
    (f"{BLOCK}  network:\n    - a.example\n    - b\n---\n", 7, "permissions.network[1].host",
     "no host", "Write a name"),
    (f"{BLOCK}  network: [10.0.0.1]\n---\n", 5, "permissions.network[0].host", "no host", ""),
    (f"{BLOCK}  network: [a.b.*]\n---\n", 5, "permissions.network[0].host", "no host", ""),
    (f"{BLOCK}  network: ['a.example:99999']\n---\n", 5, "permissions.network[0].host", "port", ""),
    (f"{BLOCK}  network: ['\u0430.example']\n---\n", 5, "permissions.network[0].host", "no host",
     ""),
    (f"{BLOCK}  network: [{{host: a.example, methods: [get]}}]\n---\n", 5,
     "permissions.network[0].methods[0]", "match pattern", "reference"),
    (f"{BLOCK}  network: [{{host: a.example, paths: [v1]}}]\n---\n", 5,
     "permissions.network[0].paths[0]", "no path", "slash"),
    (f"{BLOCK}  filesystem: {{read: ['../x']}}\n---\n", 5, "permissions.filesystem.read[0]",
     "leads out", "relative"),
    (f"{BLOCK}  filesystem: {{read: ['/etc/*']}}\n---\n", 5, "permissions.filesystem.read[0]",
     "leads out", ""),
    (f"{BLOCK}  filesystem: {{write: ['**/x']}}\n---\n", 5, "permissions.filesystem.write[0]",
     "two stars", "crosses folders"),
    (f"{BLOCK}  filesystem: {{write: ['a\u202eb']}}\n---\n", 5, "permissions.filesystem.write[0]",
     "cannot be shown", ""),
    (f"{BLOCK}  secrets: [{{name: A, host: a.example}}]\n---\n", 5, "permissions.secrets[0].host",
     "may not reach", "under network"),
    (f"{BLOCK}  secrets: [{{name: A, host: '*'}}]\n---\n", 5, "permissions.secrets[0].host",
     "one named host", ""),
    (f"{BLOCK}  secrets: [{{name: a, host: a.example}}]\n---\n", 5, "permissions.secrets[0].name",
     "match pattern", ""),
    (f"{BLOCK}  budget: {{calls: 0}}\n---\n", 5, "permissions.budget.calls", "greater than", ""),
    (f"{BLOCK}  budget: {{usd: lots}}\n---\n", 5, "permissions.budget.usd", "decimal", ""),
    (f"{BLOCK}  integrations: {{'a b': [x]}}\n---\n", 5, "permissions.integrations.a b",
     "match pattern", ""),
    (f"{BLOCK}  triggers: [moon]\n---\n", 5, "permissions.triggers[0]", "'schedule'", "named"),
    ("---\nname: a\ndescription: d\npermissions: all\n---\n", 4, "permissions", "dictionary", ""),
]  # fmt: skip


@pytest.mark.parametrize(("text", "line", "key", "wrong", "mend"), FAULTS)
def test_a_fault_names_line_key_and_mending(
    text: str, line: int, key: str, wrong: str, mend: str
) -> None:
    found = problem(text, path="cat/x.md")
    assert (found.line, found.key) == (line, key)
    assert wrong in found.wrong
    assert mend in found.mend
    assert found.sentence().startswith(f"cat/x.md:{line}:")


def test_every_fault_is_told_not_only_the_first() -> None:
    parsed = parse_skill(f"{BLOCK}  a: 1\n  b: 2\n  tier: L7\n---\n", path="a.md")
    assert isinstance(parsed, tuple)
    assert {p.line for p in parsed} == {5, 6, 7}


def test_words_that_older_yaml_takes_for_booleans_stay_words() -> None:
    text = "---\nname: no\ndescription: on\nuser-invocable: no\n---\n"
    found = skill(text, path="no.md")
    assert (found.name, found.description, found.is_user_invocable) == ("no", "on", False)


def test_what_hides_is_shown_and_a_long_description_cut() -> None:
    found = skill(PLAIN.replace("Counts", "Co\u200bunts\u202e"))
    assert found.description.startswith("Co⟨U+200B⟩unts⟨U+202E⟩")
    assert skill(PLAIN.replace("Count the", "Count\u200b the")).body.endswith(
        "Count⟨U+200B⟩ the words."
    )
    long = skill(PLAIN.replace("Counts", "word " * 400))
    assert len(long.description) <= 1024
    assert "left out" in long.description
    assert long.notes[0].line == 3


def test_a_key_that_is_almost_right_is_noted() -> None:
    noted = skill(PLAIN.replace("name: plain", "name: plain\npermission: {tier: L3}"))
    assert noted.permissions == NOTHING
    assert "permissions" in noted.notes[0].mend


def test_digests_tell_text_scripts_and_manifest_apart() -> None:
    base = skill(PLAIN, files=(SCRIPT,))
    body = skill(PLAIN + "more", files=(SCRIPT,))
    script = skill(PLAIN, files=(SkillFile(path="scripts/buy.py", size=3, sha256="cd"),))
    front = skill(PLAIN.replace("Counts", "Sums"), files=(SCRIPT,))
    assert len({base.digest, body.digest, script.digest, front.digest}) == 4
    assert base.code_digest == body.code_digest == front.code_digest != script.code_digest
    assert base.manifest_digest == body.manifest_digest == script.manifest_digest
    assert base.manifest_digest != front.manifest_digest


LINES = st.sampled_from(
    [
        "---", "name: a", "description: b", "permissions:", "  tier: L2", "x: .inf", "y: 0x1F",
        "  network: [a.example]", "  filesystem: {read: ['*']}", "```", "\t", "? x", "- [", "}",
        "&a *a", "metadata: {openclaw: 1}", "  budget: {calls: 9e99}", "z: 1_000", "\ufeff",
        "a: |", "  text", "<<: *a",
    ]
)  # fmt: skip


@settings(max_examples=400, deadline=None)
@given(st.one_of(st.text(max_size=300), st.lists(LINES, max_size=15).map("\n".join)))
def test_no_text_is_too_odd_to_read(text: str) -> None:
    for whole in (text, f"---\n{text}\n---\n", f"{BLOCK}{text}\n---\n"):
        parsed = parse_skill(whole, path="a.md")
        if isinstance(parsed, Skill):
            assert re.fullmatch(r"[a-z0-9][a-z0-9-]{0,63}", parsed.name)
            assert 0 < len(parsed.description) <= 1024
        else:
            assert parsed
            assert all(p.line >= 1 and p.wrong and p.mend and p.sentence() for p in parsed)


YAML_VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=20)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(st.text(max_size=8), inner, max_size=4)
    ),
    max_leaves=12,
)
KEYS = st.sampled_from(
    ["tier", "filesystem", "network", "secrets", "integrations", "tools", "packages", "budget",
     "triggers"]
)  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(st.dictionaries(KEYS, YAML_VALUES, max_size=5), YAML_VALUES)
def test_no_shape_of_permissions_or_metadata_is_too_odd(
    block: dict[str, object], metadata: object
) -> None:
    import json

    front = {"name": "a", "description": "d", "permissions": block, "metadata": metadata}
    parsed = parse_skill(f"---\n{json.dumps(front)}\n---\n", path="a.md")
    assert isinstance(parsed, Skill) or all(p.sentence() for p in parsed)
