from __future__ import annotations

import pytest

from agentai.image_command import chosen
from core.errors import UserFacing


@pytest.mark.parametrize(
    ("words", "boxes"),
    [
        ([], ("executor",)),
        (["reader"], ("reader",)),
        (["browser", "executor", "browser"], ("executor", "browser")),
        (["all"], ("executor", "reader", "browser")),
        (["reader", "all"], ("executor", "reader", "browser")),
    ],
)
def test_the_words_name_boxes(words: list[str], boxes: tuple[str, ...]) -> None:
    assert chosen(words) == boxes


def test_an_unknown_box_is_told_with_those_there_are() -> None:
    with pytest.raises(UserFacing, match="no image 'kitchen'") as told:
        chosen(["reader", "kitchen"])
    assert told.value.hint == "There are executor, reader, browser, and all."
