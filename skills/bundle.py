"""All skills of the owner and the bot's profile in one archive, and the way back in. Blocks.

Threat: a bundle comes from a stranger. Its archive is unpacked by `core.archives` into a staging
folder, its skills are read like any other file, and nothing of it is in the owner's folder before
the owner has seen what every skill asks for. Installing grants nothing: a skill that came this way
is new, and waits like any other. The bot's profile is taken over on a tap of its own. The settings
hold no secrets; the caller chooses what goes in, and none of them is taken over.
"""

from __future__ import annotations

import io
import json
import shutil
import tarfile
import time
from dataclasses import dataclass, field
from tempfile import mkdtemp
from typing import TYPE_CHECKING

from core.archives import Bounds, unpack
from core.errors import UserFacing
from core.hygiene import clean, visible
from core.workspace.paths import checked
from skills.library import Library
from skills.permissions import NOTHING, grown
from skills.profile import NO_PROFILE, PICTURE_CAP, BotProfile, profile_of
from skills.tree import FILE_CAP, read_bytes, survey

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping
    from pathlib import Path

    from skills.types import Problem, Skill

FORMAT = "agentai bundle 1"
HEAD = "bundle.json"
PICTURE = "picture.jpg"
FOLDER = "skills"
BOUNDS = Bounds(files=5_000, total=100 * 1024 * 1024, each=FILE_CAP, depth=12)
_HEAD_CAP = 256 * 1024
_COPYING = ".agentai-"
_LEFT_AFTER_S = 3600.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Offer:
    """One skill of a bundle and, a line each, what it asks for."""

    skill: Skill
    asks_for: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Bundle:
    """What an archive holds, unpacked in `staging`."""

    staging: Path
    offers: tuple[Offer, ...]
    problems: tuple[Problem, ...]
    settings: Mapping[str, str] = field(default_factory=dict)
    profile: BotProfile = NO_PROFILE


def write_bundle(
    owner: Path, target: Path, *, settings: Mapping[str, str], profile: BotProfile | None = None
) -> int:
    """Writes the owner's skills, the bot's profile and the settings to `target` (.tar.gz).

    Returns how many files of skills are in it.
    """
    known = profile or NO_PROFILE
    head = {"format": FORMAT, "profile": known.texts(), "settings": dict(settings)}
    count = 0
    with tarfile.open(target, "w:gz") as archive:
        _add(archive, HEAD, json.dumps(head, ensure_ascii=False, indent=1).encode())
        if known.picture:
            _add(archive, PICTURE, known.picture)
        for path, content in _contents(owner):
            _add(archive, f"{FOLDER}/{path}", content)
            count += 1
    return count


def _contents(owner: Path) -> Iterator[tuple[str, bytes]]:
    for found in survey(owner)[0]:
        if not found.odd:
            for path in (found.main, *found.files):
                yield path, read_bytes(owner, path, FILE_CAP)


def _add(archive: tarfile.TarFile, name: str, content: bytes) -> None:
    info = tarfile.TarInfo(name)
    info.size, info.mode = len(content), 0o644
    archive.addfile(info, io.BytesIO(content))


def open_bundle(archive: Path, staging: Path) -> Bundle:
    """Unpacks into the new folder `staging` and reads what is there; installs nothing.

    Raises UserFacing for an archive that is refused or is no bundle; `staging` is gone then.
    """
    staging.parent.mkdir(parents=True, exist_ok=True)
    unpack(archive, staging, BOUNDS)
    try:
        profile, settings = _head(staging)
    except UserFacing:
        shutil.rmtree(staging, ignore_errors=True)
        raise
    state = Library(None, staging / FOLDER).load()
    offers = (
        Offer(skill=skill, asks_for=grown(NOTHING, skill.permissions))
        for skill in sorted(state.skills.values(), key=lambda each: each.name)
    )
    return Bundle(
        staging=staging, offers=tuple(offers), problems=state.problems, settings=settings,
        profile=profile,
    )  # fmt: skip


def _head(staging: Path) -> tuple[BotProfile, dict[str, str]]:
    try:
        head = json.loads(read_bytes(staging, HEAD, _HEAD_CAP))
    except (ValueError, RecursionError, UserFacing) as error:
        raise UserFacing(f"This is no bundle: {HEAD} cannot be read.") from error
    found = [head.get(key, {}) for key in ("profile", "settings")] if isinstance(head, dict) else []
    if not found or not all(isinstance(one, dict) for one in found) or head.get("format") != FORMAT:
        raise UserFacing("This is no bundle, or one of another version.")
    picture = staging / PICTURE
    content = read_bytes(staging, PICTURE, PICTURE_CAP) if picture.is_file() else b""
    settings = {
        clean(key, cap=100): visible(value)
        for key, value in found[1].items()
        if isinstance(value, str)
    }
    return profile_of(found[0], content), settings


def install(bundle: Bundle, owner: Path, *, names: Collection[str] | None = None) -> list[str]:
    """Copies skills into the owner's folder (all, or those named); returns their names.

    A skill whose place is taken is refused before anything is copied.
    """
    wanted = [o.skill for o in bundle.offers if names is None or o.skill.name in names]
    for skill in wanted:
        if (owner / checked(skill.place)).exists():
            raise UserFacing(f"{skill.place} is there already.", "Remove or rename it first.")
    for skill in wanted:
        _copy(bundle.staging / FOLDER, owner, skill)
    return [skill.name for skill in wanted]


def sweep(owner: Path) -> None:
    """Removes what a killed installation left half copied an hour ago or more."""
    for left in owner.glob(f"{_COPYING}*"):
        try:
            age_s = time.time() - left.lstat().st_mtime
        except OSError:
            continue  # its installation has just ended
        if age_s > _LEFT_AFTER_S and not left.is_symlink():
            shutil.rmtree(left, ignore_errors=True)


def _copy(source: Path, owner: Path, skill: Skill) -> None:
    """Only the files that the skill lists; written beside, then renamed."""
    owner.mkdir(parents=True, exist_ok=True)
    target, base = owner / skill.place, skill.path.rpartition("/")[0]
    if not target.parent.resolve().is_relative_to(owner.resolve()):
        raise UserFacing(f"{skill.place} lies behind a link.")
    staging = owner / mkdtemp(prefix=_COPYING, dir=owner)
    try:
        for file in skill.files:
            path = checked(f"{base}/{file.path}" if base else file.path)
            copy = staging / path
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(read_bytes(source, path, FILE_CAP))
        target.parent.mkdir(parents=True, exist_ok=True)
        (staging / skill.place).rename(target)
    finally:
        shutil.rmtree(staging, ignore_errors=True)
