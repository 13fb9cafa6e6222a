"""One archive out, and nothing of it in before the owner has looked."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from core.errors import UserFacing
from skills.bundle import FORMAT, install, open_bundle, write_bundle
from skills.library import Library
from tests.support.archives import tarred
from tests.unit.skills.texts import FULL, PLAIN

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def owner(tmp_path: Path) -> Path:
    folder = tmp_path / "owner"
    (folder / "cat" / "full" / "scripts").mkdir(parents=True)
    (folder / "cat" / "full" / "SKILL.md").write_text(FULL)
    (folder / "cat" / "full" / "scripts" / "buy.py").write_text("print(1)")
    (folder / "cat" / "full" / ".env").write_text("TOKEN=never")
    (folder / "plain.md").write_text(PLAIN)
    return folder


def test_what_goes_out_comes_back_with_what_it_asks_for(owner: Path, tmp_path: Path) -> None:
    archive, new = tmp_path / "all.tar.gz", tmp_path / "new"
    assert write_bundle(owner, archive, settings={"reply.language": "en\u200b"}) == 3
    bundle = open_bundle(archive, tmp_path / "staging")
    assert bundle.settings == {"reply.language": "en⟨U+200B⟩"}
    assert bundle.problems == ()
    asked = {offer.skill.name: offer.asks_for for offer in bundle.offers}
    assert asked["plain"] == ()
    assert "may send the secret SHOP_TOKEN to shop.example.com" in asked["full-skill"]
    assert not new.exists()
    assert install(bundle, new) == ["full-skill", "plain"]
    before, after = Library(None, owner).load().skills, Library(None, new).load().skills
    assert {n: s.digest for n, s in before.items()} == {n: s.digest for n, s in after.items()}
    assert not (new / "cat" / "full" / ".env").exists()
    assert sorted(p.name for p in new.iterdir()) == ["cat", "plain.md"]


def test_only_what_was_chosen_is_installed_and_nothing_is_overwritten(
    owner: Path, tmp_path: Path
) -> None:
    write_bundle(owner, tmp_path / "b.tar.gz", settings={})
    bundle = open_bundle(tmp_path / "b.tar.gz", tmp_path / "staging")
    assert install(bundle, tmp_path / "new", names={"plain"}) == ["plain"]
    with pytest.raises(UserFacing, match=r"plain\.md is there already"):
        install(bundle, tmp_path / "new")
    assert not (tmp_path / "new" / "cat").exists()


HEAD = json.dumps({"format": FORMAT, "settings": {"a": "b", "c": 3}}).encode()


def test_a_broken_skill_in_a_bundle_is_a_problem_and_hides_nothing(tmp_path: Path) -> None:
    raw = tarred(
        ("bundle.json", HEAD), ("skills/bad.md", b"x"), ("skills/plain.md", PLAIN.encode()),
        ("skills/.git/config", b"x"),
    )  # fmt: skip
    (tmp_path / "b.tar").write_bytes(raw)
    bundle = open_bundle(tmp_path / "b.tar", tmp_path / "staging")
    assert [offer.skill.name for offer in bundle.offers] == ["plain"]
    assert [problem.file for problem in bundle.problems] == ["bad.md"]
    assert bundle.settings == {"a": "b"}
    assert bundle.profile.is_empty


@pytest.mark.parametrize(
    "raw",
    [
        b"no archive",
        tarred(("skills/plain.md", PLAIN.encode())),
        tarred(("bundle.json", b"[]")),
        tarred(("bundle.json", b"[" * 100_000)),
        tarred(("bundle.json", b'{"format": "other"}')),
        tarred(("bundle.json", b'{"format": "agentai bundle 1", "profile": []}')),
        tarred(("bundle.json", HEAD), ("../evil.md", b"x")),
        tarred(("bundle.json", HEAD), ("skills/a", "2/etc/passwd")),
    ],
)
def test_what_is_no_bundle_is_refused_and_leaves_nothing(raw: bytes, tmp_path: Path) -> None:
    (tmp_path / "b.tar").write_bytes(raw)
    with pytest.raises(UserFacing):
        open_bundle(tmp_path / "b.tar", tmp_path / "staging")
    assert not (tmp_path / "staging").exists()
