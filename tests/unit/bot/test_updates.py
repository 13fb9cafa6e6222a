"""What stands in a message."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.updates import split_command


@pytest.mark.parametrize(
    ("text", "command"),
    [
        ("/run ls -l", ("run", "ls -l")),
        ("/run@my_bot ls", ("run", "ls")),
        ("/run\nls\nls", ("run", "ls\nls")),
        ("/Status", ("status", "")),
        ("/", None),
        ("/ run", None),
        ("/5", None),
        ("run", None),
        ("/usr/bin is a folder", None),
    ],
)
def test_commands_are_told_from_texts(text: str, command: tuple[str, str] | None) -> None:
    assert split_command(text) == command


@given(st.text())
def test_any_text_may_follow_a_slash(text: str) -> None:
    found = split_command("/" + text)
    assert found is None or found[0].isidentifier()
