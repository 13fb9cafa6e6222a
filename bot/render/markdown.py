"""Markdown, as language models write it, to text with entities. Parse modes are never used.

Telegram's rules for entities (core.telegram.org/bots/api#messageentity): `pre` and `code` hold no
others, block quotes are not nested. What Telegram has no word for is shown in words: headings are
bold, lists get bullets, narrow tables are monospace, wide ones become "name: value" lines.
"""

from __future__ import annotations

import re
from contextlib import contextmanager, nullcontext
from functools import lru_cache
from typing import TYPE_CHECKING

from bot.render.types import Attachment, utf16_len
from bot.render.writer import Writer

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from contextlib import AbstractContextManager

    from markdown_it import MarkdownIt
    from markdown_it.token import Token

CODE_CAP = 3500  # units; longer code is a file
QUOTE_CAP = 600
TABLE_WIDTH = 44
BULLETS = ("•", "◦", "▪")
_LINK = re.compile(r"(https?|tg|mailto):", re.IGNORECASE)
_INLINE = {"strong": "bold", "em": "italic", "s": "strikethrough"}
_TASK = re.compile(r"^\[([ xX])\] ")
_ENDINGS = {
    "python": "py", "py": "py", "javascript": "js", "js": "js", "typescript": "ts", "bash": "sh",
    "sh": "sh", "shell": "sh", "json": "json", "yaml": "yaml", "html": "html", "css": "css",
    "sql": "sql", "rust": "rs", "go": "go", "java": "java", "c": "c", "cpp": "cpp", "csv": "csv",
    "markdown": "md", "toml": "toml", "xml": "xml",
}  # fmt: skip


@lru_cache(maxsize=1)
def _parser() -> MarkdownIt:
    from markdown_it import MarkdownIt

    options = {"maxNesting": 20, "html": False, "linkify": False}
    return MarkdownIt("commonmark", options).enable(["table", "strikethrough"])


def to_piece(markdown: str) -> tuple[Writer, tuple[Attachment, ...]]:
    """The text of `markdown` in one piece of any length, and the code that became files."""
    renderer = _Renderer()
    renderer.blocks(_parser().parse(markdown))
    return renderer.out, tuple(renderer.files)


class _Renderer:
    """Walks over the tokens of a document once."""

    def __init__(self) -> None:
        self.out = Writer()
        self.files: list[Attachment] = []
        self._lists: list[int | None] = []  # the next number of each open list; None: bullets
        self._is_in_quote = False
        self._is_tight = False
        self._has_marker = False

    # --- blocks ---

    def blocks(self, tokens: Sequence[Token]) -> None:
        at = 0
        while at < len(tokens):
            token = tokens[at]
            end = _closing(tokens, at)
            self._block(token, tokens[at + 1 : end])
            at = end + 1

    def _block(self, token: Token, inner: Sequence[Token]) -> None:
        match token.type:
            case "heading_open":
                self._gap()
                with self.out.entity("bold"):
                    self._inline(inner)
            case "paragraph_open":
                self._gap()
                self._inline(inner)
            case "inline":
                self._inline([token])
            case "fence" | "code_block":
                self._code(token.content, token.info.split()[0] if token.info.split() else "")
            case "blockquote_open":
                self._quote(inner)
            case "bullet_list_open":
                self._list(inner, None)
            case "ordered_list_open":
                self._list(inner, int(token.attrGet("start") or 1))
            case "table_open":
                self._table(inner)
            case "hr":
                self._gap()
                self.out.write("———")
            case "html_block":
                self._gap()
                self.out.write(token.content.rstrip("\n"))

    def _gap(self) -> None:
        if self._has_marker:
            self._has_marker = False
        else:
            self.out.break_to(1 if self._is_tight else 2)

    def _code(self, content: str, language: str) -> None:
        content = content.rstrip("\n")
        self._gap()
        if utf16_len(content) > CODE_CAP:
            name = f"code-{len(self.files) + 1}.{_ENDINGS.get(language.lower(), 'txt')}"
            self.files.append(Attachment(filename=name, content=content.encode("utf-8", "replace")))
            with self.out.entity("italic"):
                self.out.write(f"(see {name})")
            return
        with self.out.entity("pre", language=language[:64] or None):
            self.out.write(content or " ")

    def _quote(self, inner: Sequence[Token]) -> None:
        self._gap()
        if self._is_in_quote:
            self.blocks(inner)
            return
        self._is_in_quote = True
        size = sum(len(token.content) for token in inner)
        kind = "expandable_blockquote" if size > QUOTE_CAP else "blockquote"
        has_code = any(token.type in {"fence", "code_block"} for token in inner)
        self._has_marker = True  # its first block begins right here
        with nullcontext() if has_code else self.out.entity(kind):
            self.blocks(inner)
        self._has_marker = False
        self._is_in_quote = False

    # --- lists ---

    def _list(self, items: Sequence[Token], start: int | None) -> None:
        was_tight = self._is_tight
        if not self._lists:
            self._gap()
            self._has_marker = True
        self._lists.append(start)
        at = 0
        while at < len(items):
            end = _closing(items, at)
            self._item(items[at + 1 : end])
            at = end + 1
        self._lists.pop()
        self._is_tight = was_tight

    def _item(self, inner: Sequence[Token]) -> None:
        self._is_tight = True
        self._gap()
        depth = len(self._lists) - 1
        number = self._lists[-1]
        marker = BULLETS[depth % len(BULLETS)] if number is None else f"{number}."
        if number is not None:
            self._lists[-1] = number + 1
        self.out.write(f"{'   ' * depth}{marker} ")
        self._has_marker = True
        self.blocks(inner)
        self._has_marker = False

    # --- tables ---

    def _table(self, inner: Sequence[Token]) -> None:
        rows = _rows(inner)
        if not rows:
            return
        self._gap()
        widths = [
            max(len(_plain(row[i])) for row in rows if i < len(row)) for i in range(len(rows[0]))
        ]
        if sum(widths) + 3 * (len(widths) - 1) <= TABLE_WIDTH:
            with self.out.entity("pre"):
                self.out.write("\n".join(_aligned(row, widths) for row in _ruled(rows, widths)))
        else:
            self._wide(rows)

    def _wide(self, rows: list[list[Token]]) -> None:
        head = [_plain(cell) for cell in rows[0]]
        for index, row in enumerate(rows[1:] or rows):
            if index:
                self.out.break_to(2)
            for name, cell in zip(head, row, strict=False):
                self.out.break_to(1)
                if name and len(rows) > 1:
                    with self.out.entity("bold"):
                        self.out.write(name)
                    self.out.write(": ")
                self._inline([cell])

    # --- inline ---

    def _inline(self, tokens: Sequence[Token]) -> None:
        for token in tokens:
            children = token.children or []
            if children and children[0].type == "text":
                self._task_mark(children[0])
            self._spans(children)

    def _task_mark(self, first: Token) -> None:
        if self._lists and (match := _TASK.match(first.content)):
            first.content = first.content[match.end() :]
            self.out.write("☑ " if match[1] in "xX" else "☐ ")

    def _spans(self, tokens: Sequence[Token]) -> None:
        at = 0
        while at < len(tokens):
            token = tokens[at]
            end = _closing(tokens, at)
            self._span(token, tokens[at + 1 : end])
            at = end + 1

    def _span(self, token: Token, inner: Sequence[Token]) -> None:
        match token.type:
            case "text" | "html_inline" | "text_special":
                self.out.write(token.content)
            case "softbreak" | "hardbreak":
                self.out.write("\n")
            case "code_inline":
                with self._code_span():
                    self.out.write(token.content)
            case "link_open":
                self._link(str(token.attrGet("href") or ""), inner)
            case "image":
                self._link(str(token.attrGet("src") or ""), token.children or [], default="image")
            case _ if token.type.endswith("_open"):
                with self._style(token.type.removesuffix("_open")):
                    self._spans(inner)

    def _style(self, tag: str) -> AbstractContextManager[None]:
        kind = _INLINE.get(tag)
        return self.out.entity(kind) if kind else nullcontext()

    @contextmanager
    def _code_span(self) -> Iterator[None]:
        with self.out.entity("code"):
            yield

    def _link(self, address: str, inner: Sequence[Token], default: str = "") -> None:
        if _LINK.match(address):
            with self.out.entity("text_link", url=address):
                self._spans(inner)
                if not inner:
                    self.out.write(default or address)
            return
        self._spans(inner)
        if address:
            self.out.write(f" ({address})")


def _closing(tokens: Sequence[Token], at: int) -> int:
    """The index of the token that closes the one at `at`; itself when it opens nothing."""
    if tokens[at].nesting != 1:
        return at
    depth = 0
    for index in range(at, len(tokens)):
        depth += tokens[index].nesting
        if depth == 0:
            return index
    return len(tokens) - 1


def _rows(tokens: Sequence[Token]) -> list[list[Token]]:
    rows: list[list[Token]] = []
    for token in tokens:
        if token.type == "tr_open":
            rows.append([])
        elif token.type == "inline" and rows:
            rows[-1].append(token)
    return [row for row in rows if row]


def _plain(cell: Token) -> str:
    children = cell.children or []
    return "".join(c.content for c in children if c.content) if children else cell.content


def _ruled(rows: list[list[Token]], widths: list[int]) -> list[list[str]]:
    texts = [[_plain(cell) for cell in row] for row in rows]
    return [texts[0], ["─" * width for width in widths], *texts[1:]]


def _aligned(row: list[str], widths: list[int]) -> str:
    return "   ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=False)).rstrip()
