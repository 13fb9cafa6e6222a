"""/audit: what happened, and whether the trail is whole; and the daily signed head."""

from __future__ import annotations

import asyncio
import json
from base64 import b64encode
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from bot.approval_cards import shown
from bot.cards import Card
from bot.delivery import FilePayload
from bot.render import compose
from bot.route import Route
from core.audit.chain import Verifier
from core.audit.heads import head_text
from core.policy.reasons import Reason, explain
from core.sql import load_queries

if TYPE_CHECKING:
    from bot.facts import Facts
    from bot.outbox_store import OutboxStore
    from bot.updates import Message
    from core.audit import Audit, Entry, HeadFile, Signer
    from core.audit.types import Head
    from core.db import Database

SQL = load_queries(__package__ or "bot")
STAMP_EVERY_S = 60.0
YIELD_EVERY = 200
NAMES = {
    "approval.asked": "asked for approval", "approval.approved": "approved by you",
    "approval.denied": "denied by you", "approval.expired": "approval expired",
    "approval.withdrawn": "approval withdrawn", "effect.intent": "allowed:",
    "effect.outcome": "done:", "effect.denied": "refused:", "grant.revoked": "grant taken back",
    "grant.added": "grant added", "secret.set": "secret kept", "secret.deleted": "secret deleted",
    "stopped": "everything stopped", "files.committed": "files changed", "files.undone": "undone",
    "skill.approved": "skill allowed", "skill.installed": "skill installed",
    "rule.kept": "standing rule kept", "rule.changed": "standing rule changed",
    "rule.lifted": "standing rule lifted",
    "skill.enabled": "skill turned on", "skill.disabled": "skill turned off",
    "schedule.created": "schedule made", "schedule.deleted": "schedule deleted",
    "schedule.active": "schedule goes on", "schedule.paused": "schedule paused",
    "trigger.created": "trigger made", "trigger.changed": "trigger changed",
    "heartbeat.replaced": "HEARTBEAT.md replaced", "files.deleted": "files deleted",
    "files.deleting": "deletion of files begun", "files.kept": "deletion failed, files kept",
    "proposal.written": "skill proposed",
}  # fmt: skip

HELD = {"once": "once", "task": "for the task", "always": "for good"}
SEAL = (
    "Today's seal of the record of what happened. Just leave it here: with it, a later change of "
    "that record shows."
)


class AuditCommand:
    """Answers /audit; `step` signs heads and sends one a day to the owner."""

    def __init__(
        self, *, database: Database, audit: Audit, heads: HeadFile, signer: Signer,
        store: OutboxStore, facts: Facts,
    ) -> None:  # fmt: skip
        self._db = database
        self._audit = audit
        self._heads = heads
        self._signer = signer
        self._store = store
        self._facts = facts

    async def handle(self, route: Route, message: Message, rest: str) -> None:
        """/audit, /audit verify."""
        chat_id = message.sender.chat_id
        if rest.strip() == "verify":
            await route.say(self._store, chat_id, await self.verified())
            return
        newest = await self._audit.recent(12)
        await route.show(self._store, chat_id, audit_card(newest))

    async def verified(self) -> str:
        """The whole chain, checked against its signed heads, in one sentence."""
        heads = await asyncio.to_thread(self._heads.read)
        verifier = Verifier(heads, self._signer.public_key)
        count = 0
        async for entry in self._audit.walk():
            count += 1
            if not verifier.add(entry):
                break
            if count % YIELD_EVERY == 0:
                await asyncio.sleep(0)
        verdict = verifier.verdict()
        if verdict.ok:
            return f"The audit trail is whole: {verdict.checked} rows, {_times(len(heads))}."
        return f"The audit trail was tampered with at row {verdict.first_bad}: {verdict.reason}"

    async def step(self) -> None:
        """Signs what is new; run it forever."""
        await self._audit.stamp(self._signer, self._heads)
        await self._send_daily()
        await asyncio.sleep(STAMP_EVERY_S)

    async def _send_daily(self) -> None:
        head = await asyncio.to_thread(self._heads.newest)
        owner_id = await self._facts.owner_id()
        if head is None or owner_id is None:
            return
        today = datetime.now(UTC).strftime("%Y-%m-%d")
        if await self._db.fetchval(SQL["get_fact"], "audit_head_day") == today:
            return
        route = Route()
        async with self._db.transaction() as session:
            route.session = session
            await session.execute(SQL["set_fact"], "audit_head_day", today)
            await self._store.enqueue(session, owner_id, seal_file(head, today), method="file")


def seal_file(head: Head, day: str) -> FilePayload:
    """The signed head, whole: what the chat keeps cannot be changed on the machine any more."""
    content = b64encode(f"{head_text(head)}\n".encode()).decode()
    return FilePayload(filename=f"seal-{day}.txt", caption=SEAL, content=content)


def audit_card(entries: tuple[Entry, ...]) -> Card:
    """The newest rows for a person."""
    if not entries:
        return Card(piece=compose("Nothing has happened yet that needed writing down."))
    parts: list[str | tuple[str, str]] = [("bold", "What happened, newest first")]
    for entry in entries:
        when = datetime.fromtimestamp(entry.at_us / 1_000_000, UTC)
        parts.append(f"\n{entry.seq} · {when:%d %b %H:%M:%S} · {_line(entry)}")
    parts.append("\n\n/audit verify checks all of it. On the server: agentai audit export FILE")
    return Card(piece=compose(*parts))


def _times(heads: int) -> str:
    return "signed once" if heads == 1 else f"signed {heads} times"


def _line(entry: Entry) -> str:
    body = json.loads(entry.body)
    facts = [
        f"#{body['task']}" if "task" in body else "",
        NAMES.get(entry.kind, shown(entry.kind, 40)),
        str(body.get("schedule", body.get("rule", ""))),
        _what(str(body.get("scope") or "")),
        *(shown(body[key], 80) for key in ("name", "host", "outcome") if body.get(key)),
        _why(str(body.get("reason") or "")) if entry.kind == "effect.denied" else "",
        f"(approval {body['approval']})" if "approval" in body else "",
    ]
    return " ".join(fact for fact in facts if fact)


def _what(scope: str) -> str:
    """A scope in words: `egress:example.com:443:GET` is `GET example.com`."""
    if scope in HELD:
        return HELD[scope]
    kind, _, rest = scope.partition(":")
    place, _, verb = rest.rpartition(":")
    match kind:
        case "egress":
            return shown(f"{verb} {place.removesuffix(':443')}", 80)
        case "files":
            return shown(f"{verb} of a file", 80)
        case _:
            return shown(scope, 80)


def _why(reason: str) -> str:
    try:
        return f"({explain(Reason(reason)).rstrip('.')})"
    except ValueError:
        return ""
