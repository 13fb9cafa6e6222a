"""What the owner reads when the disk does not take something."""

import errno
import os

import pytest

from bot.disk import disk_trouble


@pytest.mark.parametrize(
    ("number", "why"),
    [
        (errno.ENOSPC, "is full"), (errno.EDQUOT, "is full"), (errno.EROFS, "may not write"),
        (errno.EACCES, "may not write"), (errno.EIO, "failed (Input/output error)"),
    ],
)  # fmt: skip
def test_it_says_what_happened_why_and_what_to_do(number: int, why: str) -> None:
    told = disk_trouble("a.pdf", OSError(number, os.strerror(number)))
    assert told.text.startswith("I could not keep a.pdf: ")
    assert why in told.text
    assert "send it again" in told.hint


@pytest.mark.parametrize("error", [TimeoutError(), ConnectionError("gone")])
def test_a_lost_connection_is_no_trouble_of_the_disk(error: OSError) -> None:
    with pytest.raises(type(error)):
        disk_trouble("a.pdf", error)
