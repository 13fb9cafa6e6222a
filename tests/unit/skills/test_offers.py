"""A file that the owner sent, looked at as skills."""

import os
import shutil
from pathlib import Path

import pytest

from core.errors import UserFacing
from skills.bundle import install
from skills.offers import file_digest, install_offer, read_offer

TEXT = "---\nname: sent\ndescription: d\npermissions:\n  network: [a.example]\n---\n{body}\n"


def sent(tmp_path: Path, name: str, content: bytes | str) -> Path:
    path = tmp_path / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def archive(tmp_path: Path, **files: str) -> Path:
    folder = tmp_path / "packed"
    for name, text in files.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return Path(shutil.make_archive(str(tmp_path / "sent"), "zip", folder))


def test_a_markdown_file_with_a_manifest_is_an_offer_that_installs_nothing(tmp_path: Path) -> None:
    path = sent(tmp_path, "whatever.md", TEXT.format(body="x"))
    bundle = read_offer(path, tmp_path / "staging")
    assert bundle is not None
    (offer,) = bundle.offers
    assert offer.asks_for == ("may reach a.example, with every method",)
    owner = tmp_path / "owner"
    assert install_offer(bundle, owner, known=()) == ["sent"]
    assert (owner / "sent.md").read_bytes() == path.read_bytes()
    assert len(file_digest(path)) == 64


@pytest.mark.parametrize("name", ["notes.md", "data.csv", "sent.zip"])
def test_other_files_have_nothing_to_do_with_skills(tmp_path: Path, name: str) -> None:
    path = sent(tmp_path, name, "# Just notes\n\n---\nname: x\n")
    assert read_offer(path, tmp_path / "staging") is None


def test_a_broken_skill_md_says_what_is_wrong(tmp_path: Path) -> None:
    path = sent(tmp_path, "SKILL.md", "---\nname: x\n---\nno description\n")
    bundle = read_offer(path, tmp_path / "staging")
    assert bundle is not None
    assert bundle.offers == ()
    assert bundle.problems


def test_an_archive_of_a_skill_folder_is_an_offer(tmp_path: Path) -> None:
    files = {"sent/SKILL.md": TEXT.format(body="x"), "sent/scripts/run.py": "print()"}
    bundle = read_offer(archive(tmp_path, **files), tmp_path / "staging")
    assert bundle is not None
    owner = tmp_path / "owner"
    assert install_offer(bundle, owner, known=()) == ["sent"]
    assert (owner / "sent" / "scripts" / "run.py").read_text() == "print()"


def test_only_the_skill_itself_is_replaced(tmp_path: Path) -> None:
    owner = tmp_path / "owner"
    owner.mkdir()
    (owner / "sent.md").write_text("the former one")
    path = sent(tmp_path, "new.md", TEXT.format(body="new"))
    bundle = read_offer(path, tmp_path / "staging")
    assert bundle is not None
    with pytest.raises(UserFacing, match="there already"):
        install_offer(bundle, owner, known=())
    assert (owner / "sent.md").read_text() == "the former one"
    install_offer(bundle, owner, known={"sent.md"})
    assert (owner / "sent.md").read_text().endswith("new\n")


def two_skills(tmp_path: Path) -> Path:
    texts = {name: TEXT.replace("name: sent", f"name: {name}").format(body=name)
             for name in ("one", "two")}  # fmt: skip
    return archive(tmp_path, **{f"{name}.md": text for name, text in texts.items()})


def test_an_installation_that_was_killed_halfway_goes_on(tmp_path: Path) -> None:
    owner, path = tmp_path / "owner", two_skills(tmp_path)
    bundle = read_offer(path, tmp_path / "staging")
    assert bundle is not None
    install(bundle, owner, names={"one"})  # killed behind the first
    left = owner / ".agentai-left"
    left.mkdir()
    os.utime(left, (1, 1))
    again = read_offer(path, tmp_path / "staging")
    assert again is not None
    assert sorted(install_offer(again, owner, known=())) == ["one", "two"]
    assert sorted(place.name for place in owner.iterdir()) == ["one.md", "two.md"]


def test_what_is_there_with_another_text_is_still_refused(tmp_path: Path) -> None:
    owner, path = tmp_path / "owner", two_skills(tmp_path)
    owner.mkdir()
    (owner / "one.md").write_text(TEXT.replace("sent", "one").format(body="my own"))
    bundle = read_offer(path, tmp_path / "staging")
    assert bundle is not None
    with pytest.raises(UserFacing, match=r"one\.md is there already"):
        install_offer(bundle, owner, known=())
    assert not (owner / "two.md").exists()


def test_a_skill_that_could_not_be_replaced_stays(tmp_path: Path) -> None:
    owner = tmp_path / "owner"
    owner.mkdir()
    (owner / "sent.md").write_text("the former one")
    bundle = read_offer(sent(tmp_path, "new.md", TEXT.format(body="new")), tmp_path / "staging")
    assert bundle is not None
    (bundle.staging / "skills" / "sent.md").unlink()
    with pytest.raises(UserFacing):
        install_offer(bundle, owner, known={"sent.md"})
    assert (owner / "sent.md").read_text() == "the former one"
