"""`when:` lines: what a check looks at without a model, and whether that is news. Pure.

A condition is looked at by code; its result is one short text, the *look*. The first look of a
check is the baseline and never news. A look that failed (None) changes nothing.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import assert_never
from urllib.parse import urlsplit

from core.errors import UserFacing

HINT = (
    "when: file changed PATH · url changed URL · command exits 0: COMMAND · "
    "command prints changed: COMMAND · task #12 ended · any task ended · trigger NAME has news"
)
NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")


@dataclass(frozen=True, kw_only=True, slots=True)
class FileChanged:
    """A file in the owner's workspace; the look is its size and time of change."""

    path: str


@dataclass(frozen=True, kw_only=True, slots=True)
class UrlChanged:
    """A web address; the look is the digest of what it serves."""

    url: str


@dataclass(frozen=True, kw_only=True, slots=True)
class CommandExits:
    """A command in a container; news each time it exits with `code`."""

    command: str
    code: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class CommandPrintsChanged:
    """A command in a container; the look is the digest of what it prints."""

    command: str


@dataclass(frozen=True, kw_only=True, slots=True)
class TaskEnded:
    """A task, or with None any that the beat did not start; the look is the newest that ended."""

    no: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class TriggerNews:
    """The inbox of a trigger; the look is its newest event."""

    name: str


Condition = FileChanged | UrlChanged | CommandExits | CommandPrintsChanged | TaskEnded | TriggerNews


def read_condition(text: str) -> Condition:
    """The condition that `text` names; `UserFacing` with the kinds when it names none."""
    said = text.strip()
    for pattern, make in _KINDS:
        if found := re.fullmatch(pattern, said, re.IGNORECASE | re.DOTALL):
            return make(*found.groups())
    raise UserFacing(f"I do not understand the condition {said[:80]!r}.", HINT)


def describe(condition: Condition) -> str:
    """The condition as `read_condition` reads it."""
    match condition:
        case FileChanged(path=path):
            return f"file changed {path}"
        case UrlChanged(url=url):
            return f"url changed {url}"
        case CommandExits(command=command, code=code):
            return f"command exits {code}: {command}"
        case CommandPrintsChanged(command=command):
            return f"command prints changed: {command}"
        case TaskEnded(no=no):
            return "any task ended" if no is None else f"task #{no} ended"
        case TriggerNews(name=name):
            return f"trigger {name} has news"
    assert_never(condition)


def is_news(condition: Condition, look: str | None, before: str | None) -> bool:
    """Whether this look is worth a model call, given the last one."""
    if look is None:
        return False
    if isinstance(condition, CommandExits):
        return look == str(condition.code)
    if isinstance(condition, TaskEnded) and condition.no is not None:
        return look != "" and look != before
    return before is not None and look != before


def _file(path: str) -> Condition:
    clean = path.strip("`\"'")
    if clean.startswith(("/", "~")) or ".." in clean.split("/"):
        hint = "Name it from the workspace's root, such as notes/todo.md."
        raise UserFacing(f"The file {clean!r} lies outside the workspace.", hint)
    return FileChanged(path=clean)


def _url(url: str) -> Condition:
    clean = url.strip("<>")
    if not re.fullmatch(r"https?://[^\s/@]+(/\S*)?", clean) or not _is_whole(clean):
        raise UserFacing(f"{clean[:80]!r} is no web address.", "It begins with https://")
    return UrlChanged(url=clean)


def _is_whole(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return bool(parts.hostname) and parts.port != 0
    except ValueError:  # half an IPv6 address, or a port that is no number
        return False


def _trigger(name: str) -> Condition:
    if not NAME.fullmatch(name):
        raise UserFacing(f"{name[:40]!r} is no trigger's name.", "Small letters, digits, - and _.")
    return TriggerNews(name=name)


_KINDS = (
    (r"file changed:?\s+(.+)", _file),
    (r"url changed:?\s+(\S+)", _url),
    (
        r"command exits (\d{1,3}):\s*(.+)",
        lambda code, command: CommandExits(command=command, code=int(code)),
    ),
    (r"command prints changed:\s*(.+)", lambda command: CommandPrintsChanged(command=command)),
    (r"task #?(\d{1,9}) ended", lambda no: TaskEnded(no=int(no))),
    (r"any task ended", TaskEnded),
    (r"trigger (\S+) has news", _trigger),
)
