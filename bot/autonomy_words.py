"""What the owner types about schedules and triggers, as values. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from core.errors import UserFacing
from heartbeat.cadence import as_json, from_json
from heartbeat.conditions import NAME
from heartbeat.phrases import read_cadence
from heartbeat.schedules import CatchUp, NewSchedule
from heartbeat.trigger_types import NewTrigger

TITLE_CAP = 80
WHAT_CAP = 3000  # so that the card shows all of it
SCHEDULE_USAGE = (
    "Say when and what: /schedule every Monday at 9: make my timesheet\n"
    "The work may be /run COMMAND or /skill NAME. A time that passes while I am off runs once"
    " afterwards; add “, skip if missed” and it does not. /schedules lists what is planned."
)
TRIGGER_USAGE = """Say what starts a task, and after a colon what to do:
/trigger webhook NAME: WHAT   (or: webhook NAME github: WHAT)
/trigger file NAME /whole/path/of/a/folder: WHAT
/trigger task NAME: WHAT   (any task's end; or: task NAME 12: WHAT)
/trigger mail NAME IMAP_HOST[:PORT] USER SENDER[,SENDER…]: WHAT"""
_NOTHING = ("", "")
_SPLIT = re.compile(r"\s*:\s+")
_SKIP = re.compile(
    r"\s*[,;]?\s+(?:skip(?: it)?|leave (?:it )?out) (?:if|when) missed$", re.IGNORECASE
)
_ADDRESS = re.compile(r"(?P<host>[^:\s]+|\[[^\]\s]+\])(?::(?P<port>\d{1,5}))?")
_SKILL = re.compile(r"/skill\s+(\S{1,64})\s*", re.ASCII)


@dataclass(frozen=True, kw_only=True, slots=True)
class Asked:
    """A request in two halves: everything before the first colon with a space, and the rest."""

    head: str
    what: str


def split_request(text: str) -> Asked:
    """Both halves; a colon within a time or an address does not count."""
    parts = _SPLIT.split(text.strip(), maxsplit=1)
    return Asked(head=parts[0].strip(), what=parts[1].strip() if len(parts) == 2 else "")


def new_schedule(when: str, what: str, zone: str) -> NewSchedule:
    """A schedule to be confirmed; `UserFacing` says what is not understood."""
    if not when or not what:
        raise UserFacing(SCHEDULE_USAGE)
    if len(what) > WHAT_CAP:
        raise UserFacing(f"The work may be described in up to {WHAT_CAP} characters.")
    skill = _SKILL.match(what)
    instructions = what[skill.end() :] if skill else what
    title = " ".join(what.split())
    plain, is_skipped = _SKIP.subn("", when)
    return NewSchedule(
        title=title if len(title) <= TITLE_CAP else f"{title[: TITLE_CAP - 1]}…",
        instructions=instructions, cadence=read_cadence(plain, zone),
        skill=skill[1] if skill else "",
        catch_up=CatchUp.SKIP if is_skipped else CatchUp.RUN_ONCE,
    )  # fmt: skip


def draft_of(new: NewSchedule) -> dict[str, object]:
    """A schedule as plain values, to stand beside its card in the outbox."""
    return {
        "title": new.title, "instructions": new.instructions, "cadence": as_json(new.cadence),
        "skill": new.skill, "catch_up": str(new.catch_up),
    }  # fmt: skip


def schedule_of(draft: dict[str, object]) -> NewSchedule:
    """What `draft_of` made, read again."""
    cadence = draft["cadence"]
    assert isinstance(cadence, dict)  # noqa: S101 - we wrote it
    return NewSchedule(
        title=str(draft["title"]), instructions=str(draft["instructions"]),
        cadence=from_json(cadence), skill=str(draft["skill"]),
        catch_up=CatchUp(str(draft["catch_up"])),
    )  # fmt: skip


def new_trigger(text: str) -> NewTrigger:
    """The trigger that `/trigger text` asks for; `UserFacing` says how to write it."""
    asked = split_request(text)
    kind, name, *more = [*asked.head.rstrip(":").split(), *_NOTHING][:7]
    more = [word for word in more if word]
    if not NAME.fullmatch(name):
        raise UserFacing(TRIGGER_USAGE)
    plain = NewTrigger(name=name, kind="task", instructions=asked.what)
    match kind, more:
        case "webhook", [] | ["agentai" | "github"]:
            spec: dict[str, object] = {"format": more[0] if more else "agentai"}
            return replace(plain, kind="webhook", spec=spec, secret_name=secret_of("HOOK", name))
        case "file", [folder]:
            if not folder.startswith("/") or ".." in folder.split("/"):
                raise UserFacing("Name the folder by its whole path.", "Example: /home/me/inbox")
            return replace(plain, kind="file", spec={"folder": folder, "pattern": "*"})
        case "task", []:
            return plain
        case "task", [number] if number.lstrip("#").isdecimal() and len(number) < 10:
            return replace(plain, spec={"no": int(number.lstrip("#"))})
        case "mail", [host, user, senders]:
            found: dict[str, object] = {
                **_mail_host(host), "user": user, "folder": "INBOX", "tls": True,
                "senders": [sender for sender in senders.split(",") if sender],
            }  # fmt: skip
            return replace(plain, kind="mail", spec=found, secret_name=secret_of("MAIL", name))
        case _:
            raise UserFacing(TRIGGER_USAGE)


def _mail_host(text: str) -> dict[str, object]:
    found = _ADDRESS.fullmatch(text)
    port = int(found["port"] or 993) if found else 0
    if found is None or not 0 < port < 65_536:
        raise UserFacing(TRIGGER_USAGE)
    return {"host": found["host"].strip("[]"), "port": port}


def secret_of(kind: str, name: str) -> str:
    """Where the vault keeps a trigger's secret: `HOOK_DEPLOY` for the webhook `deploy`."""
    return f"{kind}_{name.upper().replace('-', '_')}"
