"""Every column that can hold text, and what `/forget` does about it. Pure.

Threat: a table is added, words come to lie in it, and forgetting passes it by for ever. So every
column of a kind that can hold words stands below: taken out (`ERASED`, each with a query of that
name in `queries.sql`), gone with its row (`FOLLOWS`), or left with its reason (`LEFT`). A test
holds this against the database as the migrations make it, and fails for a column nobody decided
about.
"""

from __future__ import annotations

# Table: columns whose texts are cleaned in place.
ERASED: dict[str, tuple[str, ...]] = {
    "inbox": ("payload",),
    "turns": ("steps",),
    "messages": ("text",),
    "summaries": ("text",),
    "outbox": ("payload", "error"),
    "tasks": ("title", "instructions", "progress", "question", "result", "reason", "finishing"),
    "task_steps": ("arguments", "result"),
    "task_inputs": ("text",),
    "approvals": ("detail",),
    "approval_actions": ("action", "display"),
    "proposals": ("tokens", "base", "text", "reason", "trial", "note"),
    "schedule_runs": ("reason",),
    "notices": ("text",),
    "trigger_events": ("payload",),
    "memories": ("text",),
    "voice_replies": ("text", "error"),
    "standing_rules": ("text", "fingerprint"),
}  # fmt: skip
# The key by whose ranges each is gone through.
KEYS: dict[str, str] = {
    **dict.fromkeys(ERASED, "id"), "inbox": "update_id", "summaries": "chat_id", "tasks": "no",
    "task_steps": "task_no", "approval_actions": "approval_id", "schedule_runs": "schedule_id",
    "standing_rules": "no",
}  # fmt: skip
# Their names are part of what somebody else wrote.
FREE_KEYS = frozenset({("task_steps", "arguments")})

FOLLOWS: dict[str, str] = {
    "memory_passages": "goes with its memory or message, or is made again",
    "memory_words": "kept exact by a trigger on the passages",
    "memory_vectors": "goes with its passage",
    "memory_bits": "goes with its passage",
    "memory_centers": "an average of vectors",
}

_NO_WORDS = "names, states and codes of the program's own"
_OWNERS = "the owner's own file or order: the answer names it, and a command of its own removes it"
_NAMES = "names of files, hosts, skills or secrets"
LEFT: dict[str, str] = {
    "instance": "facts about the instance; what is still to be taken out waits here, sealed",
    "inbox.error": _NO_WORDS, "turns.state": _NO_WORDS, "messages.role": _NO_WORDS,
    "messages.album": _NO_WORDS, "files": _NAMES, "outbox.key": _NO_WORDS,
    "outbox.method": _NO_WORDS, "outbox.state": _NO_WORDS,
    "tasks.kind": _NO_WORDS, "tasks.state": _NO_WORDS, "tasks.host": _NO_WORDS,
    "tasks.slot": _NO_WORDS, "tasks.input_files": _NAMES, "tasks.result_files": _NAMES,
    "tasks.labels": _NO_WORDS, "tasks.reached": _NAMES, "tasks.waits_for": _NO_WORDS,
    "tasks.base": "names and digests of files", "tasks.origin": _NO_WORDS, "tasks.skill": _NAMES,
    "tasks.manifest": "permissions", "tasks.card_shown": "a digest",
    "tasks.box": _NO_WORDS, "task_steps.tool": _NO_WORDS,
    "task_inputs.kind": _NO_WORDS, "task_inputs.key": _NO_WORDS, "hosts": _NO_WORDS,
    "usage": _NO_WORDS, "config_versions": "settings; /config changes them",
    "audit": "digests, numbers and names; it keeps no words and never changes",
    "vault_keys": "sealed", "vault_secrets": "sealed; /secret deletes them",
    "approvals.nonce": _NO_WORDS, "approvals.code": _NO_WORDS, "approvals.reason": _NO_WORDS,
    "approvals.state": _NO_WORDS, "approvals.scope": _NO_WORDS, "approvals.via": _NO_WORDS,
    "approvals.shown": _NO_WORDS, "approval_actions.digest": "a digest",
    "approval_actions.remember": "permissions", "approval_actions.outcome": _NO_WORDS,
    "grants": "permissions; /grants revokes them", "skills": _NAMES,
    "proposals.kind": _NO_WORDS, "proposals.skill": _NAMES, "proposals.task_kind": "a digest",
    "proposals.base_digest": "a digest", "proposals.digest": "a digest",
    "proposals.state": _NO_WORDS, "proposals.decided_by": _NO_WORDS, "schedules": _OWNERS,
    "schedule_runs.outcome": _NO_WORDS, "autonomous_tasks": _NAMES,
    "check_states": "figures of a look",
    "beat_runs": _NAMES, "notices.check_name": _NAMES, "notices.digest": "a digest",
    "notices.feedback": _NO_WORDS, "triggers": _OWNERS, "trigger_events.trigger": _NAMES,
    "trigger_events.event_key": _NO_WORDS, "trigger_events.digest": "a digest",
    "trigger_events.outcome": _NO_WORDS, "memories.layer": _NO_WORDS,
    "memories.label": _NO_WORDS, "memories.state": _NO_WORDS, "memories.key": "a digest",
    "memory_queue": _NO_WORDS, "memory_models": _NO_WORDS, "documents": _OWNERS,
    "documents_left": _NAMES, "knowledge_chunks": _OWNERS, "knowledge_postings": _OWNERS,
    "knowledge_models": _NO_WORDS, "knowledge_vectors": _OWNERS, "knowledge_bits": _OWNERS,
    "knowledge_centers": _OWNERS, "voice_notes": _NO_WORDS, "voice_chats": _NAMES,
    "voice_replies.key": _NO_WORDS, "voice_replies.engine": _NO_WORDS,
    "voice_replies.voice": _NO_WORDS, "voice_replies.voice_name": _NAMES,
    "voice_replies.state": _NO_WORDS, "standing_rules.hold": _NO_WORDS,
    "standing_rules.source": _NO_WORDS, "schema_migrations": _NO_WORDS,
}  # fmt: skip


def is_decided(table: str, column: str) -> bool:
    """Whether somebody decided what forgetting does about a column."""
    return (
        column in ERASED.get(table, ())
        or table in FOLLOWS
        or table in LEFT
        or f"{table}.{column}" in LEFT
    )
