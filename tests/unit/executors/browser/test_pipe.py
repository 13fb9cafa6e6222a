"""The end of the browser is noticed although it said something before."""

from __future__ import annotations

import os

import pytest

from executors.browser.pipe import BrowserGone, Event, Pipe


def test_the_end_is_noticed_behind_the_last_words() -> None:
    heard: list[Event] = []
    pipe = Pipe(heard.append)
    os.write(pipe.browser_writes, b'{"method": "Target.targetCrashed"}\0')
    pipe.take_all()
    assert not pipe.is_gone
    os.write(pipe.browser_writes, b'{"method": "Target.targetDestroyed"}\0{"meth')
    os.close(pipe.browser_writes)
    with pytest.raises(BrowserGone):
        pipe.take_all()
    assert pipe.is_gone
    assert [one["method"] for one in heard] == ["Target.targetCrashed", "Target.targetDestroyed"]
    os.close(pipe.browser_reads)
    pipe.close()


def test_silence_is_no_end() -> None:
    pipe = Pipe(lambda event: None)
    pipe.take_all()
    assert not pipe.is_gone
    for end in (pipe.browser_reads, pipe.browser_writes):
        os.close(end)
    pipe.close()
