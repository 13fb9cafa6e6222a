"""Turns a skill's text into a `Skill`, or into problems with file, line, key and a way to mend it.

Threat: the text comes from anybody. It is parsed without constructing anything (`frontmatter`), its
permissions are read strictly (`schema`), what other products' keys ask for is never granted, and
hidden characters of what people and models see are made visible. Pure.
"""

from __future__ import annotations

import difflib
import hashlib
import re
import unicodedata
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from pydantic import ValidationError

from core.hygiene import clean, visible
from core.policy import digest_of
from skills import frontmatter
from skills.asked import asked_for
from skills.foreign import FOREIGN_KEYS, flag_of, foreign_of, line_of, requires_of, words_of
from skills.frontmatter import Fault, Frontmatter
from skills.schema import Manifest
from skills.types import Dispatch, Problem, Skill, SkillFile

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from pydantic_core import ErrorDetails

    from skills.frontmatter import Key
    from skills.permissions import Permissions
    from skills.types import Parsed

DESCRIPTION_CAP = 1024
NAME_CAP = 64
PROBLEMS_CAP = 20
MAIN = "SKILL.md"
_OWN = {field.alias or name for name, field in Manifest.model_fields.items()}
_MENDS = {
    "missing": "Add it.",
    "extra_forbidden": "Remove it, or correct its spelling.",
    "list_type": "Write a list: [one, two].",
    "dict_type": "Write keys below it.",
    "model_type": "Write keys below it.",
    "string_type": "Put the value in quotes.",
    "string_too_short": "Say what it does and when to use it.",
    "string_pattern_mismatch": "See the reference for the characters that are allowed.",
    "literal_error": "Use one of the values named.",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class _File:
    """One file under examination."""

    text: str
    path: str
    others: tuple[SkillFile, ...]

    def problem(self, line: int, key: str, wrong: str, mend: str) -> Problem:
        return Problem(file=self.path, line=line, key=key, wrong=wrong, mend=mend)


def parse_skill(text: str, *, path: str, files: Sequence[SkillFile] = ()) -> Parsed:
    """The skill in `text`, or every problem that keeps it from being one.

    `path` is where the file lies in its library; `files` are those beside it.
    """
    own = PurePosixPath(path).name
    file = _File(text=text, path=path, others=tuple(f for f in files if f.path != own))
    try:
        parts = frontmatter.split(text)
        front = frontmatter.read(parts)
        manifest = Manifest.model_validate(front.values)
    except Fault as fault:
        return (file.problem(fault.line, "", fault.wrong, fault.mend),)
    except ValidationError as error:
        details = error.errors(include_url=False)[:PROBLEMS_CAP]
        return tuple(_told(file, front, detail) for detail in details)
    asked = asked_for(manifest.permissions)
    faults = (*_faults(_name(manifest, path), manifest), *asked.faults)
    if faults:
        return tuple(_at(file, front, *fault) for fault in faults)
    return _skill(file, front, manifest=manifest, permissions=asked.permissions, body=parts.body)


def normalised(name: str) -> str:
    """A name as commands and folders spell it: `Web Research` is `web-research`."""
    folded = unicodedata.normalize("NFKC", name[:200]).strip().lower()
    return re.sub(r"-{2,}", "-", re.sub(r"[\s_./:]+", "-", folded)).strip("-")


def _name(manifest: Manifest, path: str) -> str:
    pure = PurePosixPath(path)
    is_main = pure.name.lower() == MAIN.lower()
    return normalised(manifest.name or (pure.parent.name if is_main else pure.stem))


def _faults(name: str, manifest: Manifest) -> Iterator[tuple[tuple[Key, ...], str, str]]:
    if not re.fullmatch(rf"[a-z0-9][a-z0-9-]{{0,{NAME_CAP - 1}}}", name):
        mend = f"Use at most {NAME_CAP} of a-z, 0-9 and hyphens: my-skill."
        yield ("name",), f"'{line_of(manifest.name, 60)}' is no name for a skill", mend
    if not manifest.description.strip():
        yield ("description",), "the description is empty", _MENDS["string_too_short"]


def _skill(
    file: _File, front: Frontmatter, *, manifest: Manifest, permissions: Permissions, body: str
) -> Skill:
    foreign, raw = foreign_of(front.values), file.text.encode()
    own = SkillFile(
        path=PurePosixPath(file.path).name, size=len(raw), sha256=hashlib.sha256(raw).hexdigest()
    )
    return Skill(
        name=_name(manifest, file.path), body=visible(body), path=file.path,
        permissions=permissions,
        description=clean(" ".join(manifest.description.split()), cap=DESCRIPTION_CAP - 36),
        digest=_digest((own, *file.others)), code_digest=_digest(file.others),
        manifest_digest=digest_of(front.values), requires=requires_of(foreign),
        is_user_invocable=flag_of(foreign.get("user-invocable"), default=True),
        is_model_invocable=not flag_of(foreign.get("disable-model-invocation"), default=False),
        dispatch=_dispatch(foreign),
        license=line_of(manifest.license), compatibility=line_of(manifest.compatibility, 500),
        homepage=line_of(foreign.get("homepage")), emoji=line_of(foreign.get("emoji"), 20),
        allowed_tools=words_of(manifest.allowed_tools),
        files=tuple(sorted((own, *file.others), key=lambda each: each.path)),
        notes=tuple(_notes(file, front, manifest)),
    )  # fmt: skip


def _digest(files: tuple[SkillFile, ...]) -> str:
    return digest_of({file.path: file.sha256 for file in files})


def _dispatch(foreign: Mapping[str, object]) -> Dispatch | None:
    kind = line_of(foreign.get("command-dispatch"), 60)
    return Dispatch(kind=kind, tool=line_of(foreign.get("command-tool"), 60)) if kind else None


def _notes(file: _File, front: Frontmatter, manifest: Manifest) -> Iterator[Problem]:
    """What is odd and does no harm: the skill loads all the same."""
    unknown = [key for key in front.values if key not in _OWN | FOREIGN_KEYS and len(key) < 40]
    for key in unknown[:PROBLEMS_CAP]:
        if near := difflib.get_close_matches(key, _OWN, n=1, cutoff=0.8):
            yield _at(file, front, (key,), "the key is not known", f"Did you mean {near[0]}?")
    if len(manifest.description) > DESCRIPTION_CAP:
        wrong = f"the description is longer than {DESCRIPTION_CAP} characters and was cut"
        yield _at(file, front, ("description",), wrong, "Move the rest into the body.")
    if manifest.name and manifest.name != _name(manifest, file.path):
        wrong = f"the name is read as {_name(manifest, file.path)}"
        yield _at(file, front, ("name",), wrong, "Write it so.")


def _at(file: _File, front: Frontmatter, key: tuple[Key, ...], wrong: str, mend: str) -> Problem:
    return file.problem(front.line_of(key), _shown(key), wrong, mend)


def _told(file: _File, front: Frontmatter, detail: ErrorDetails) -> Problem:
    """A finding of the schema in words, at its line."""
    key = tuple(part for part in detail["loc"] if part != "[key]")
    mend = detail.get("ctx", {}).get("mend") or _MENDS.get(detail["type"], "See the reference.")
    wrong = detail["msg"][:1].lower() + detail["msg"][1:]
    if detail["type"] == "extra_forbidden":
        wrong = "there is no such permission"
    return _at(file, front, key, wrong.rstrip("."), mend)


def _shown(key: tuple[Key, ...]) -> str:
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in key)
    return clean(text.removeprefix(".").replace("\n", " "), cap=120)
