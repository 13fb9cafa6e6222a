"""The audit trail as an owner reads it."""

import json

import pytest

from bot.audit_command import audit_card
from core.audit import Entry


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
