"""Text as Telegram shows it: Markdown to text and entities, split into messages.

render(markdown)           everything: pieces, and files for long code
render_preview(markdown)   one piece from a half-finished answer, for streaming edits
plain(text)                no Markdown, only split
compose(…)                 a short piece of our own
"""

from __future__ import annotations

from bot.render.markdown import to_piece
from bot.render.split import split
from bot.render.types import Attachment, Entity, Piece, Rendered, utf16_len
from bot.render.writer import Writer, compose

__all__ = [
    "Attachment",
    "Entity",
    "Piece",
    "Rendered",
    "compose",
    "plain",
    "render",
    "render_preview",
    "utf16_len",
]

MARKDOWN_CAP = 120_000  # characters; beyond it only split, so that no input is slow
PREVIEW_CAP = 3_500


def render(markdown: str) -> Rendered:
    """`markdown` for Telegram. Never raises; empty input has no pieces."""
    if len(markdown) > MARKDOWN_CAP or _is_nasty(markdown):
        return plain(markdown)
    writer, files = to_piece(markdown)
    return Rendered(pieces=split(writer.piece()), attachments=files)


def plain(text: str) -> Rendered:
    """`text` as it is."""
    writer = Writer()
    writer.write(text)
    return Rendered(pieces=split(writer.piece()))


def render_preview(markdown: str) -> Piece:
    """The beginning of a growing answer as one message; what does not fit yet is left for later."""
    pieces = render(markdown[:PREVIEW_CAP]).pieces
    return pieces[0] if pieces else Piece(text="…")


def _is_nasty(markdown: str) -> bool:
    """Whether the parser could be slow: it is more than linear in its special characters."""
    return sum(markdown.count(c) for c in "[]*_`~>|") > 20_000
