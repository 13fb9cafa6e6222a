"""`when:` lines."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import UserFacing
from heartbeat.conditions import (
    CommandExits,
    FileChanged,
    TaskEnded,
    describe,
    is_news,
    read_condition,
)

KNOWN = [
    "file changed notes/todo.md", "url changed https://example.org/feed?x=1",
    "command exits 0: git fetch && test -n x", "command prints changed: df -h /", "task #12 ended",
    "any task ended", "trigger my-repo has news",
]  # fmt: skip


@pytest.mark.parametrize("text", KNOWN)
def test_every_kind_is_read_and_said_back(text: str) -> None:
    assert describe(read_condition(text)) == text


@pytest.mark.parametrize(
    "text",
    ["", "file changed", "file changed /etc/passwd", "file changed ../x", "file changed ~/x",
     "url changed ftp://x", "url changed https://[::1/x",
     "url changed https://example.org:99999/x", "url changed http://user@host/",
     "command exits zero: x", "task 12", "trigger BAD! has news", "anything"],
)  # fmt: skip
def test_other_lines_are_refused_with_a_hint(text: str) -> None:
    with pytest.raises(UserFacing) as caught:
        read_condition(text)
    assert caught.value.hint


@given(st.text(max_size=80))
def test_no_text_breaks_the_reader(text: str) -> None:
    try:
        condition = read_condition(text)
    except UserFacing:
        return
    assert read_condition(describe(condition)) == condition


def test_the_first_look_is_a_baseline_and_a_failed_look_is_no_news() -> None:
    file = FileChanged(path="x")
    assert not is_news(file, "1", None)
    assert not is_news(file, "1", "1")
    assert not is_news(file, None, "1")
    assert is_news(file, "2", "1")


def test_an_exit_code_is_news_each_time_and_a_task_once() -> None:
    assert is_news(CommandExits(command="x"), "0", "0")
    assert not is_news(CommandExits(command="x"), "1", "0")
    one = TaskEnded(no=5)
    assert not is_news(one, "", "")
    assert is_news(one, "5", "")
    assert not is_news(one, "5", "5")
    assert is_news(TaskEnded(), "6", "5")
