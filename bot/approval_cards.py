"""Approval cards: what the owner sees before they tap. Pure.

Threat: the card shows something else than what runs. So it is made from the canonical JSON that the
approval is bound to, never from a model's words; characters that hide or reorder are shown as
marks; nothing is Markdown, so nothing can format itself into our own words; what is too long for
the chat is cut with its digest, and comes whole as a file.
"""

from __future__ import annotations

import hashlib
import json
import re
from base64 import b64encode
from typing import TYPE_CHECKING, Any

from bot.cards import Card
from bot.delivery import FilePayload
from bot.render import compose, utf16_len
from core.approvals import Choice, State
from core.hygiene import show_confusables, visible
from core.policy.reasons import Reason, explain

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from bot.delivery import Button
    from core.approvals import Approval
    from core.approvals.types import ApprovedAction, Remember

VALUE_CAP = 300
DISPLAY_CAP = 1_200
SHOWN_ACTIONS = 8
CARD_CAP = 3_200  # UTF-16 units, as Telegram counts; what follows the actions needs less than 800
FILE_CAP = 16 * 1024 * 1024
LETTERS = {Choice.ONCE: "o", Choice.TASK: "t", Choice.ALWAYS: "a", Choice.DENY: "d"}
ENDINGS = {
    State.DENIED: "You said no.",
    State.EXPIRED: "Nobody answered in time, so it was not allowed.",
    State.WITHDRAWN: "Not needed any more: the task has ended.",
}
SCOPES = {"once": "Allowed, once.", "task": "Allowed for this task.", "always": "Allowed for good."}
Part = str | tuple[str, str]
READS = frozenset({"GET", "HEAD", "OPTIONS"})
LONGER_SHOWN = 2
CUT = re.compile(r"… \(\d+ characters in all, sha256 [0-9a-f]{12}…\)")


def approval_card(approval: Approval) -> Card:
    """The card as it should look now; buttons only while it waits."""
    parts = _body(approval)
    if approval.state is State.PENDING:
        how = f"\n\n{_longer(approval)}{_how(approval)}"
        return Card(piece=compose(*_fitted(parts), how), keys=_keys(approval))
    ending = SCOPES[str(approval.scope)] if approval.scope else ENDINGS[approval.state]
    return Card(piece=compose(*_fitted(parts), "\n\n", ("bold", ending)))


def _body(approval: Approval) -> list[Part]:
    """What it is about and why, however long."""
    parts: list[Part] = [("bold", f"#{approval.task_no} asks for your approval")]
    if skill := json.loads(approval.actions[0].action).get("skill") if approval.actions else "":
        parts.append(f" · skill {shown(skill)}")
    parts.append("\n")
    for action in approval.actions[:SHOWN_ACTIONS]:
        parts += ["\n", *describe(action)]
    if (more := len(approval.actions) - SHOWN_ACTIONS) > 0:
        parts.append(f"\n… and {more} more; the file holds all of them.")
    return [*parts, "\n\n", *_why(approval)]


def _why(approval: Approval) -> list[Part]:
    """The kernel's reason; what it quotes may be anybody's words, so it stands apart from ours."""
    try:
        why = explain(Reason(approval.reason))
    except ValueError:
        why = "It needs your decision."
    detail = shown(approval.detail, 160)
    is_said = approval.reason == Reason.ACCESS or any(detail in a.action for a in approval.actions)
    return [why] if is_said else [why, " ", ("code", detail)]


def _longer(approval: Approval) -> str:
    """What the buttons allow that hold for longer than this once; nothing without them."""
    if approval.is_production or not approval.may_remember:
        return ""
    places = dict.fromkeys(_place(one) for action in approval.actions for one in action.remember)
    what = " and ".join(places) if 0 < len(places) <= LONGER_SHOWN else "the same again"
    skill = json.loads(approval.actions[0].action).get("skill") if approval.actions else ""
    whose = f"every task of the skill {shown(skill, 64)}" if skill else "every task"
    return (
        f"“{_until(approval)}” allows {what} in this task. “Always” allows it in {whose}, "
        "until you take it back with /grants.\n"
    )


def _until(approval: Approval) -> str:
    return f"Until #{approval.task_no} ends"


def _place(one: Remember) -> str:
    """What is remembered, as one reads it: `POST to api.example.com`, whatever is sent there."""
    if one.kind == "scope":
        _, secret, host = [*str(one.rule["scope"]).split(":", 2), "", ""][:3]
        return f"your secret {shown(secret, 64)} at {shown(host.removesuffix(':443'), 80)}"
    host, methods = shown(one.rule["host"], 80), one.rule["methods"]
    if not isinstance(methods, list) or not methods:
        return f"everything at {host}"
    is_reading = READS.issuperset(map(str, methods))
    return f"reading {host}" if is_reading else f"any {'/'.join(map(str, methods))} to {host}"


def _how(approval: Approval) -> str:
    minutes = max(1, round((approval.expires_at - approval.created_at).total_seconds() / 60))
    command = f"/approve {approval.id} {approval.code}"
    if approval.is_production:
        return f"This touches production. To allow it, type: {command}\nValid for {minutes} min."
    return f"Valid for {minutes} min. Without buttons: {command} or /deny {approval.id}"


def _keys(approval: Approval) -> tuple[tuple[Button, ...], ...]:
    def key(label: str, choice: Choice) -> Button:
        return label, f"p:{approval.nonce}:{LETTERS[choice]}"

    deny = (key("Deny", Choice.DENY),)
    if approval.is_production:
        return (deny,)
    if not approval.may_remember:
        return ((key("Approve", Choice.ONCE), *deny),)
    first = (key(_until(approval), Choice.TASK), key("Always", Choice.ALWAYS))
    if approval.is_access:
        return (first, deny)
    return ((key("Once", Choice.ONCE), *first), deny)


def describe(action: ApprovedAction) -> list[Part]:
    """One action in words, from its canonical JSON."""
    found: dict[str, Any] = json.loads(action.action)
    match found["kind"]:
        case "egress":
            return [*_request(found), *_content(action.display)]
        case "access":
            return _access(found)
        case "files":
            return [*_files(found), *_content(action.display)]
        case _:
            return [*_use(found), *_content(action.display)]


def _content(display: str) -> list[Part]:
    """The beginning of what is written or sent; all of it comes as a file."""
    if not display.strip():
        return []
    return ["\n", ("pre", cut(visible(display), DISPLAY_CAP))]


def _use(found: dict[str, Any]) -> list[Part]:
    values = json.dumps(found["arguments"], ensure_ascii=False)
    return [f"{shown(found['resource'])}: {shown(found['verb'])}\n", ("code", shown(values))]


def _request(found: dict[str, Any]) -> list[Part]:
    arguments = found["arguments"]
    method, host = shown(arguments.get("method", found["verb"])), found["resource"]
    address = f"{arguments.get('scheme', 'https')}://{host.removesuffix(':443')}"
    parts: list[Part] = [
        ("bold", method), " ", ("code", shown(address + arguments.get("target", ""))),
    ]  # fmt: skip
    if arguments.get("bytes"):
        parts.append(f"\nSends {arguments['bytes']} bytes, sha256 {arguments['body'][:12]}…")
    if names := arguments.get("secrets"):
        parts.append(f"\nWith your secret {', '.join(shown(n) for n in names)}")
    return parts


def _access(found: dict[str, Any]) -> list[Part]:
    methods = found["arguments"]["methods"]
    host = found["resource"].removesuffix(":443")
    reads = READS.issuperset(methods)
    what = "anything, without looking inside"
    if methods:
        what = "reading only" if reads else ", ".join(m for m in methods if m != "OPTIONS")
    return ["Reach ", ("code", shown(host)), f": {what}"]


def _files(found: dict[str, Any]) -> list[Part]:
    name = shown(found["targets"][0]) if found["targets"] else "?"
    word = {"delete": "Delete", "overwrite": "Replace"}.get(found["verb"], shown(found["verb"]))
    return [("bold", word), " ", ("code", name)]


def shown(text: object, cap: int = VALUE_CAP) -> str:
    """A value in one line: nothing hidden, look-alikes marked, cut with its digest."""
    words = " ".join(visible(str(text)).split())
    return cut(" ".join(show_confusables(word) for word in words.split(" ")), cap)


def cut(text: str, cap: int) -> str:
    """`text` within `cap` characters; what is left out is named by size and digest."""
    return text if len(text) <= cap else f"{text[:cap]}… ({_measured(text)})"


def _measured(text: str) -> str:
    digest = hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:12]
    return f"{len(text)} characters in all, sha256 {digest}…"


def _fitted(parts: list[Part]) -> list[Part]:
    """The parts within one message; the rest stands in the file."""
    kept: list[Part] = []
    left = CARD_CAP
    for part in parts:
        text = part if isinstance(part, str) else part[1]
        if utf16_len(text) > left:
            return [*kept, "\n… The file holds the rest."]
        kept.append(part)
        left -= utf16_len(text)
    return kept


def whole(approval: Approval, *, cap: int = FILE_CAP) -> FilePayload | None:
    """Everything as a file of `cap` bytes, when something on the card is cut; else None."""
    parts = _body(approval)
    is_cut = (
        len(approval.actions) > SHOWN_ACTIONS
        or _fitted(parts) != parts
        or any(CUT.search(part if isinstance(part, str) else part[1]) for part in parts)
    )
    if not is_cut:
        return None
    text = "\n\n----\n\n".join(_wholes(approval.actions, cap))
    return FilePayload(
        filename=f"approval-{approval.id}.txt", caption=f"#{approval.task_no} all of it",
        content=b64encode(text.encode("utf-8", "replace")).decode(),
    )  # fmt: skip


def _wholes(actions: Sequence[ApprovedAction], left: int) -> Iterator[str]:
    """Each action with all that is written or sent, while `left` bytes of a file can hold it."""
    for action in actions:
        content = visible(action.display)
        left -= len(content.encode("utf-8", "replace"))
        if left < 0:
            content = f"Too much for one file: {_measured(content)}"
        yield f"{action.action}\n\n{content}".strip()
