"""Why a file cannot be read: one sentence each, for the owner."""

from __future__ import annotations


class CannotRead(Exception):  # noqa: N818 - what it means
    """The file cannot be read; the text says why."""


EMPTY = "The file is empty."
ENCRYPTED = "It is protected by a password. Please send it without one."
BROKEN = "The file is damaged, or it is not what its name says."
BOMB = "It unpacks to far more than it should. I do not open such files."
NO_TEXT = "There is no text in it that I can read (perhaps it is a scan)."
TOO_LONG = "Reading it took too long."
TOO_LARGE = "It holds more text than I can keep. Please split it."
NO_MEMORY = "Reading it needs more memory than I may use. Please split it."
EOF = "The file ends too early: it was not saved or sent completely."
