from __future__ import annotations

import pytest

from agentai.embedded.postgres import _reason


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        (
            "FATAL:  could not write init file: No space left on device\n"
            'initdb: removing contents of data directory "x"\n',
            "FATAL:  could not write init file: No space left on device",
        ),
        ("initdb: error: could not create directory: denied\nchild\n", "initdb: error: could not"),
        ("one\nthe last word.\n", "the last word"),
        ("", ""),
    ],
)
def test_the_line_that_tells_why_is_chosen(said: str, reason: str) -> None:
    assert _reason(said).startswith(reason)
    assert bool(_reason(said)) is bool(reason)
