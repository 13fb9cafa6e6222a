"""A file that the owner sent, looked at as skills, and installed when they say so. Blocks.

Threat: whatever is sent comes from a stranger. It is read in a staging folder of its own; nothing
is in the owner's folder before their tap, the tap names the digest of the file that the card was
about, and what is installed waits like any new skill. What stands at a skill's place is replaced
only if it is that skill, and its former state is in the history.
"""

from __future__ import annotations

import hashlib
import shutil
from typing import TYPE_CHECKING

from core.archives import NotUnpacked, unpack
from core.errors import UserFacing
from skills.bundle import BOUNDS, FOLDER, Bundle, Offer, install, open_bundle, sweep
from skills.frontmatter import SIZE_CAP
from skills.library import Library, load_one
from skills.manifest import parse_skill
from skills.permissions import NOTHING, grown
from skills.types import Skill

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from pathlib import Path

ENDINGS = (".zip", ".tar.gz", ".tgz")


def file_digest(path: Path) -> str:
    """The SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_offer(path: Path, staging: Path) -> Bundle | None:
    """What the file holds, staged anew; None for a file that has nothing to do with skills."""
    shutil.rmtree(staging, ignore_errors=True)
    name = path.name.lower()
    if name.endswith(".md"):
        return _single(path, staging)
    return _archive(path, staging) if name.endswith(ENDINGS) else None


def _single(path: Path, staging: Path) -> Bundle | None:
    raw = path.read_bytes() if path.stat().st_size <= SIZE_CAP else b""
    if not raw.removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"---"):
        return None
    parsed = parse_skill(raw.decode(errors="replace"), path=path.name)
    if not isinstance(parsed, Skill):
        is_meant = path.name.lower() == "skill.md"
        return Bundle(staging=staging, offers=(), problems=parsed) if is_meant else None
    folder = staging / FOLDER
    folder.mkdir(parents=True)
    (folder / f"{parsed.name}.md").write_bytes(raw)
    return _read(staging)


def _archive(path: Path, staging: Path) -> Bundle | None:
    try:
        return open_bundle(path, staging)
    except UserFacing:
        shutil.rmtree(staging, ignore_errors=True)
    try:
        staging.mkdir(parents=True)
        unpack(path, staging / FOLDER, BOUNDS)
    except NotUnpacked:
        return None
    found = _read(staging)
    return found if found.offers or found.problems else None


def _read(staging: Path) -> Bundle:
    state = Library(None, staging / FOLDER).load()
    offers = (Offer(skill=s, asks_for=grown(NOTHING, s.permissions)) for s in state.skills.values())
    return Bundle(staging=staging, offers=tuple(offers), problems=state.problems)


def install_offer(bundle: Bundle, owner: Path, *, known: Collection[str]) -> list[str]:
    """Copies the skills into the owner's folder; `known` are the places of skills to be replaced.

    Returns names. `UserFacing` when something else stands at a place; nothing is copied then. A
    skill that stands there with the very same files is done: so what was killed halfway goes on.
    """
    sweep(owner)
    wanted = [o.skill for o in bundle.offers if not is_installed(owner, o.skill)]
    places = {skill.place for skill in wanted}
    taken = sorted(p for p in places if (owner / p).exists() and p not in known)
    if taken:
        raise UserFacing(f"{taken[0]} is there already.", "Remove or rename it first.")
    aside = bundle.staging / "former"
    aside.mkdir()
    former = sorted(p for p in places if (owner / p).exists())
    moved = {aside / str(number): owner / place for number, place in enumerate(former)}
    try:
        for kept, place in moved.items():
            shutil.move(place, kept)
        install(bundle, owner, names={skill.name for skill in wanted})
    except BaseException:
        _put_back(moved)
        raise
    return [offer.skill.name for offer in bundle.offers]


def is_installed(owner: Path, skill: Skill) -> bool:
    """Whether exactly the skill's files stand at its place."""
    place = owner / skill.place
    if place.is_symlink() or not place.exists():
        return False
    try:
        found = load_one(place)
    except (UserFacing, OSError):
        return False
    return found is not None and [s.digest for s in found.skills.values()] == [skill.digest]


def _put_back(moved: Mapping[Path, Path]) -> None:
    """What could not be replaced stays as it was."""
    for kept, place in moved.items():
        if kept.exists() and not place.exists():
            shutil.move(kept, place)
