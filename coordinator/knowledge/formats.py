"""Which files can be read, and how. Pure: names and sizes only; what is inside is the reader's."""

from __future__ import annotations

from core.errors import UserFacing

MOST_BYTES = 100 * 1024 * 1024
_CODE = (
    "py pyi js jsx mjs ts tsx java kt kts scala c h cc cpp cxx hpp cs go rs rb php swift m mm sh"
    " bash zsh ps1 sql r jl lua pl pm ex exs erl hs ml clj dart zig nim vue svelte css scss proto"
    " graphql tf gradle cmake mk dockerfile makefile"
)
_TEXT = (
    "txt text md markdown rst org adoc tex log csv tsv json jsonl yaml yml toml ini cfg conf xml"
    " srt vtt"
)
_PAPER = "pdf docx pptx xlsx xlsm odt ods odp rtf epub html htm xhtml doc ppt xls eml msg ipynb"
CODE = frozenset(_CODE.split())
TEXT = frozenset(_TEXT.split())
PAPER = frozenset(_PAPER.split())


def ending_of(name: str) -> str:
    """The ending without its dot, in small letters; the whole name for such as `Makefile`."""
    return name.rpartition(".")[2].lower()


def is_code(name: str) -> bool:
    """Whether chunks are cut at definitions."""
    return ending_of(name) in CODE


def may_read(name: str) -> bool:
    """Whether we try."""
    return ending_of(name) in CODE | TEXT | PAPER


def refuse(name: str, size: int) -> None:
    """`UserFacing` when a file cannot become a document."""
    if size == 0:
        raise UserFacing(f"{name} is empty.")
    if size > MOST_BYTES:
        raise UserFacing(
            f"{name} is too big: {size // 1_048_576} MB.",
            f"Documents may have up to {MOST_BYTES // 1_048_576} MB. Please split it.",
        )
    if not may_read(name):
        raise UserFacing(
            f"I cannot read files like {name}.",
            "I read PDF, Word, PowerPoint, Excel, EPUB, HTML, Markdown, text and code.",
        )
