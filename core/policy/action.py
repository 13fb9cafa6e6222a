"""What an approval is bound to: one action as canonical JSON, and its SHA-256. Pure.

Threat: something else runs than what the owner saw. So the digest covers every argument, the
resolved targets, the digests of files, the skill and its manifest, and the version of the settings;
the card is rendered from the same JSON. Two actions that differ anywhere have different digests:
keys are sorted, nothing is optional, and text is kept as it is, code point for code point.
"""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

VERSION = 1
Json = None | bool | int | float | str | list["Json"] | dict[str, "Json"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Action:
    """One effect with all it carries. `files` maps a path to the digest of its new content."""

    task: int
    kind: str
    resource: str
    verb: str
    arguments: Mapping[str, Json]
    targets: tuple[str, ...]
    files: Mapping[str, str]
    skill: str
    manifest: str
    config: int

    @property
    def digest(self) -> str:
        """What the owner's tap is bound to."""
        return digest_of(self.as_json())

    def as_json(self) -> dict[str, Json]:
        """Everything, as plain JSON values."""
        plain = asdict(self)
        return {"version": VERSION, **plain, "targets": list(self.targets)}


def canonical(value: Json) -> str:
    """The one text of a JSON value. `ValueError` for what JSON cannot hold exactly."""
    _check(value)
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True)


def digest_of(value: Json) -> str:
    """SHA-256 of the canonical text, in hex."""
    return hashlib.sha256(canonical(value).encode("ascii")).hexdigest()


def _check(value: object) -> None:
    """Refuses what two parsers may read differently: NaN, infinities, keys that are no text."""
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError("a number that is not finite")
    if isinstance(value, dict):
        for key, inner in value.items():
            if not isinstance(key, str):
                raise ValueError("a key that is not text")  # noqa: TRY004 - one error for callers
            _check(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            _check(inner)
    elif not (value is None or isinstance(value, bool | int | float | str)):
        raise ValueError(f"a value of type {type(value).__name__}")
