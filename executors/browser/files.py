"""Names of files that come from pages and go to them. Decided without the page's help."""

from __future__ import annotations

import csv
import io
import json
import re
import unicodedata
from typing import TYPE_CHECKING

from executors.worker.tools import BadCall

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

NAME_CAP = 120
TRIES = 1_000


def address(text: str) -> str:
    """A web address out of what the model wrote; `BadCall` for any other kind of address."""
    url = text.strip()
    if re.match(r"https?://", url, re.IGNORECASE):
        return url
    if not url or re.match(r"[a-z][a-z0-9+.-]*:(?!\d)", url, re.IGNORECASE):
        raise BadCall("url must begin with https:// or http://")
    return f"https://{url}"


def safe_name(suggested: str) -> str:
    """A file name out of what a page suggests: no folder, nothing hidden, not too long."""
    flat = suggested.replace("\\", "/").rsplit("/", 1)[-1]
    kept = "".join(c if _is_plain(c) else "_" for c in unicodedata.normalize("NFC", flat))
    kept = kept.strip(" .")
    while len(kept.encode()) > NAME_CAP:
        kept = kept[1:]
    return kept.strip(" .") or "download"


def _is_plain(c: str) -> bool:
    return c.isprintable() and c not in '<>:"|?*' and unicodedata.category(c) != "Cf"


def free_path(folder: Path, name: str) -> Path:
    """A path in `folder` that nothing has yet, as close to `name` as possible."""
    stem, dot, ending = name.rpartition(".")
    if not stem:
        stem, dot, ending = name, "", ""
    for count in range(1, TRIES):
        path = folder / (name if count == 1 else f"{stem}-{count}{dot}{ending}")
        if not path.exists() and not path.is_symlink():
            return path
    raise BadCall("too many files have that name")


def in_workspace(work: Path, name: str) -> Path:
    """A plain file of the workspace. `BadCall` for anything outside of it."""
    top = work.resolve()
    path = (work / name).resolve()
    if not path.is_relative_to(top):
        raise BadCall(f"{name} is not in the workspace; only files in /work can be handed over")
    if not path.is_file():
        raise BadCall(f"there is no file {name}")
    return path


def as_csv(rows: Sequence[Sequence[str]]) -> str:
    """Rows as CSV."""
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows(rows)
    return out.getvalue()


def as_json(rows: Sequence[Sequence[str]]) -> str:
    """Rows as a list of objects, named by the first row; names that repeat get a number."""
    if not rows:
        return "[]"
    names: list[str] = []
    for index, cell in enumerate(rows[0]):
        name = cell or f"column {index + 1}"
        names.append(f"{name} {index + 1}" if name in names else name)
    made = [dict(zip(names, row, strict=False)) for row in rows[1:]]
    return json.dumps(made, ensure_ascii=False, indent=1)
