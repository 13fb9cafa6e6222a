"""Pictures that break what reads them: a sentence in the prompt, never the end of the turn."""

from __future__ import annotations

import io
import random
from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image

from coordinator.context import Said
from coordinator.heavy import picture
from coordinator.vision import Vision
from core.errors import AgentAIError, Bug, Retryable, UserFacing

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class Reader:
    """Stands for the heavy process; fails as told, by path."""

    def __init__(self, **failures: AgentAIError) -> None:
        self.failures = failures
        self.asked: list[str] = []

    async def call(
        self, job: str, payload: Mapping[str, object], *, timeout_s: float
    ) -> dict[str, object]:
        assert (job, 0 < timeout_s <= 30) == ("picture", True)
        path = str(payload["path"])
        self.asked.append(path)
        if path in self.failures:
            raise self.failures[path]
        return {"media_type": "image/png", "data": "AA=="}


class Shelf:
    """Stands for the conversation: every number is a picture whose path is `f` and the number."""

    async def pictures(self, chat_id: int, ids: Sequence[int]) -> list[dict[str, Any]]:
        return [
            {"id": n, "name": "a.png", "mime": "image/png", "path": f"f{n}", "error": None}
            for n in ids
        ]


async def shown(reader: Reader, vision: Vision, *files: int) -> tuple[str, int]:
    """The words about the pictures, and how many are seen."""
    said = Said(id=1, role="owner", text="look", files=files)
    (one,), _, _ = await vision.shown(7, [said], [])
    texts = [part["text"] for part in one.pictures if part["type"] == "text"]
    return "\n".join(texts), len(one.pictures) - len(texts)


@pytest.mark.parametrize(
    "error", [Bug("heavy job picture: RuntimeError"), UserFacing("broken"), Retryable("crashed")]
)
async def test_a_picture_that_breaks_its_reader_is_told_and_the_others_are_shown(
    error: AgentAIError,
) -> None:
    reader = Reader(f2=error)
    vision: Vision = Vision(heavy=reader, conversation=Shelf())  # type: ignore[arg-type] # stand-ins
    text, seen = await shown(reader, vision, 1, 2, 3)
    assert "photo 2 cannot be shown" in text
    assert seen == 2


async def test_a_picture_that_cannot_be_read_is_tried_once_a_process() -> None:
    reader = Reader(f1=Bug("always"))
    vision: Vision = Vision(heavy=reader, conversation=Shelf())  # type: ignore[arg-type] # stand-ins
    for _ in range(4):
        assert (await shown(reader, vision, 1))[1] == 0
    assert reader.asked == ["f1"]


def _seeds() -> list[bytes]:
    found = []
    still = Image.effect_noise((48, 32), 60)
    for kind in ("PNG", "JPEG", "WEBP", "BMP", "AVIF", "GIF"):
        out = io.BytesIO()
        more: dict[str, Any] = {"save_all": True, "append_images": [still.rotate(20)]}
        still.convert("RGB").save(out, kind, **(more if kind in {"GIF", "WEBP"} else {}))
        found.append(out.getvalue())
    return found


@pytest.mark.filterwarnings("ignore")  # decoders warn about much of this
@pytest.mark.parametrize("number", range(6))
def test_mutated_pictures_are_small_pictures_or_a_sentence(number: int) -> None:
    seed, chance = _seeds()[number], random.Random(number)
    for _ in range(250):
        raw = bytearray(seed)
        for _ in range(chance.choice((1, 2, 8))):
            raw[chance.randrange(min(len(raw), chance.choice((60, 300, 9_999))))] = (
                chance.randrange(256)
            )
        try:
            made = picture.run({"raw": bytes(raw)})
        except UserFacing:
            continue
        assert max(made["width"], made["height"]) <= picture.EDGE
