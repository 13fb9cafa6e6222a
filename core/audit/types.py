"""What the audit trail is made of, and a row as one line of text.

Bytes are written in lower-case hex. A line is read strictly: it must be, letter by letter, what
would be written for the row it holds, so that no changed byte of a file goes unnoticed.
"""

from __future__ import annotations

import json
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """One row: `at_us` is microseconds since 1970 (UTC), `body` the JSON that was hashed."""

    seq: int
    at_us: int
    kind: str
    body: str
    previous: bytes
    digest: bytes


@dataclass(frozen=True, kw_only=True, slots=True)
class Head:
    """A signed statement: at `at_us` the row `seq` was the newest and had this digest."""

    seq: int
    digest: bytes
    at_us: int
    signature: bytes


@dataclass(frozen=True, kw_only=True, slots=True)
class Verdict:
    """What a check found.

    `checked` counts the rows read. `first_bad` is the number of the first bad or missing row; None
    when all is well and when not a row but a head is at fault.
    """

    ok: bool
    checked: int
    first_bad: int | None
    reason: str


def one_line(fields: dict[str, object]) -> str:
    """`fields` as one line of JSON with sorted names; bytes become hex. No line end."""
    plain = {name: v.hex() if isinstance(v, bytes) else v for name, v in fields.items()}
    return json.dumps(plain, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def fields_of(line: bytes) -> dict[str, object]:
    """The names and values of one line; `ValueError` when it holds no JSON object."""
    try:
        found = json.loads(line.decode("utf-8"))
    except RecursionError:
        raise ValueError("is nested too deeply") from None
    if not isinstance(found, dict):
        raise ValueError("is no JSON object")  # noqa: TRY004 - a wrong line, not a wrong call
    return found


def whole(fields: dict[str, object], name: str) -> int:
    """A whole number of a line, or `ValueError`."""
    value = fields.get(name)
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueError(f"{name} is no whole number")  # noqa: TRY004 - a wrong line, not a wrong call
    return value


def text(fields: dict[str, object], name: str) -> str:
    """A text of a line, or `ValueError`."""
    value = fields.get(name)
    if not isinstance(value, str):
        raise ValueError(f"{name} is no text")  # noqa: TRY004 - a wrong line, not a wrong call
    return value


def entry_line(entry: Entry) -> str:
    """A row as one line of an export, without the line end."""
    return one_line(
        {
            "seq": entry.seq,
            "at_us": entry.at_us,
            "kind": entry.kind,
            "body": entry.body,
            "previous": entry.previous,
            "digest": entry.digest,
        }
    )


def parse_entry(line: bytes) -> Entry:
    """The row of one line of an export; `ValueError` when it is not exactly one."""
    found = fields_of(line)
    entry = Entry(
        seq=whole(found, "seq"),
        at_us=whole(found, "at_us"),
        kind=text(found, "kind"),
        body=text(found, "body"),
        previous=bytes.fromhex(text(found, "previous")),
        digest=bytes.fromhex(text(found, "digest")),
    )
    if entry_line(entry) != line.decode("utf-8"):
        raise ValueError("is not written as a row is")
    return entry
