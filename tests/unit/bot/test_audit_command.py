"""The audit trail as an owner reads it."""

import base64
import json
import re

import pytest

from bot.audit_command import audit_card, seal_file
from core.audit import Entry, Signer
from core.audit.heads import parse_head_text


def entry(kind: str, **body: object) -> Entry:
    return Entry(
        seq=7, at_us=1_795_249_000_000_000, kind=kind, body=json.dumps(body), previous=b"",
        digest=b"",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("row", "told"),
    [
        (entry("effect.intent", task=3, scope="egress:api.example.com:443:POST"),
         "#3 allowed: POST api.example.com"),
        (entry("effect.intent", task=3, scope="egress:a.example:8443:GET"),
         "#3 allowed: GET a.example:8443"),
        (entry("effect.intent", task=3, scope="files:files:add"), "#3 allowed: add of a file"),
        (entry("effect.denied", task=3, scope="use:mail:send", reason="budget_calls"),
         "#3 refused: use:mail:send (The task has used up its number of calls)"),
        (entry("effect.denied", reason="no_such_code"), "refused:"),
        (entry("approval.approved", task=3, approval=1, scope="task"),
         "#3 approved by you for the task (approval 1)"),
        (entry("effect.intent", task=3, approval=1), "#3 allowed: (approval 1)"),
        (entry("rule.lifted", rule=27, hold="none"), "standing rule lifted 27"),
        (entry("effect.outcome", task=3, outcome="200"), "#3 done: 200"),
        (entry("secret.set", name="TOKEN", version=1), "secret kept TOKEN"),
        (entry("schedule.created", schedule=2), "schedule made 2"),
        (entry("odd\u202ekind"), "odd\u27e8U+202E\u27e9kind"),
    ],
)  # fmt: skip
def test_a_row_is_told_in_words(row: Entry, told: str) -> None:
    line = audit_card((row,)).piece.text.splitlines()[1]
    assert line == f"7 · 21 Nov 08:16:40 · {told}"


def test_an_empty_trail_says_so() -> None:
    assert "Nothing has happened yet" in audit_card(()).piece.text


def test_the_daily_seal_is_one_sentence_and_its_value_a_file_that_can_be_checked() -> None:
    head = Signer("a-secret-key-of-the-instance").sign_head(43, b"d" * 32, at_us=7)
    payload = seal_file(head, "2026-11-21")
    assert not re.search(r"[0-9a-f]{16}", payload.caption)
    assert parse_head_text(base64.b64decode(payload.content or "").decode()) == head
