"""What a skill is, and how a fault in one is told. Pure values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from core.hygiene import clean

if TYPE_CHECKING:
    from pathlib import Path

    from skills.permissions import Permissions

Source = Literal["builtin", "owner"]
BASE_DIR = "{baseDir}"  # in a body: the folder in which the skill's files lie


@dataclass(frozen=True, kw_only=True, slots=True)
class Problem:
    """Why a file is no skill, or what is odd about one: where, what, and how to mend it.

    `line` counts from 1; `key` is a path such as `permissions.network[0].host`, or empty.
    """

    file: str
    line: int
    key: str
    wrong: str
    mend: str

    def sentence(self) -> str:
        """One line for a person; nothing hides in it."""
        key = f" {self.key}:" if self.key else ""
        text = f"{self.file}:{self.line}:{key} {self.wrong}. {self.mend}"
        return clean(text.replace("\n", " ").rstrip(), cap=500)


@dataclass(frozen=True, kw_only=True, slots=True)
class SkillFile:
    """One file of a skill; `path` is relative to the skill's folder, with `/`."""

    path: str
    size: int
    sha256: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Requires:
    """What a skill says it needs around it. Advice: nothing is installed for it."""

    bins: tuple[str, ...] = ()
    any_bins: tuple[str, ...] = ()
    env: tuple[str, ...] = ()
    os: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Dispatch:
    """A skill that passes its arguments to one tool without a model (`command-dispatch: tool`)."""

    kind: str
    tool: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Skill:
    """One skill as its files declare it; what of it counts is decided in `activation`.

    `path` is relative to the library's folder and names the `.md` file; `folder` is where the
    skill's files lie on this machine (None for a single file). `digest` covers every file,
    `code_digest` every file but the skill's own text, `manifest_digest` the whole frontmatter.
    """

    name: str
    description: str
    body: str
    permissions: Permissions
    path: str
    digest: str
    code_digest: str
    manifest_digest: str
    is_user_invocable: bool = True
    is_model_invocable: bool = True
    requires: Requires = Requires()
    dispatch: Dispatch | None = None
    license: str = ""
    compatibility: str = ""
    homepage: str = ""
    emoji: str = ""
    allowed_tools: tuple[str, ...] = ()
    files: tuple[SkillFile, ...] = ()
    source: Source = "owner"
    folder: Path | None = None
    notes: tuple[Problem, ...] = ()

    @property
    def tier(self) -> str:
        """L1, L2 or L3."""
        return self.permissions.tier

    @property
    def place(self) -> str:
        """What of the library's folder is this skill: its folder, or its single file."""
        return self.path.rpartition("/")[0] if self.folder is not None else self.path

    def body_in(self, folder: str) -> str:
        """The body for the executor, whose copy of the skill's files lies in `folder`."""
        return self.body.replace(BASE_DIR, folder)


Parsed = Skill | tuple[Problem, ...]
