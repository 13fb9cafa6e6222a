"""Named SQL from `.sql` files: `-- name: claim_next` opens a query, the next name ends it."""

from __future__ import annotations

import re
from importlib.resources import files
from typing import TYPE_CHECKING

from core.errors import Bug

if TYPE_CHECKING:
    from collections.abc import Iterator

_NAME = re.compile(r"^--\s*name:\s*(\w+)\s*$", re.MULTILINE)


class Queries:
    """The queries of one file, by name."""

    def __init__(self, queries: dict[str, str]) -> None:
        self._queries = queries

    def __getitem__(self, name: str) -> str:
        """The text of the query `name`; an unknown name is a bug."""
        try:
            return self._queries[name]
        except KeyError:
            raise Bug(f"no SQL query is named {name}") from None

    def __iter__(self) -> Iterator[str]:
        """The names, in the order of the file."""
        return iter(self._queries)


def load_queries(package: str, filename: str = "queries.sql") -> Queries:
    """Reads `filename` next to the modules of `package`."""
    text = files(package).joinpath(filename).read_text(encoding="utf-8")
    parts = _NAME.split(text)[1:]
    return Queries({name: body.strip() for name, body in zip(parts[::2], parts[1::2], strict=True)})
