"""What a prompt is gathered from, and when memory is worth a look."""

import pytest

from coordinator.context import Said
from coordinator.gathering import has_past
from coordinator.store import Around
from core.config.values import resolve
from core.settings import EnvSettings

HELD = tuple(Said(id=number, role="owner", text="x") for number in (10, 11, 12))
LONG = tuple(Said(id=number, role="owner", text="x" * 20_000) for number in (10, 11, 12))
NEW = (Said(id=20, role="owner", text="hello"),)


@pytest.mark.parametrize(
    ("around", "history", "wanted"),
    [
        (Around(), HELD, False),
        (Around(has_memories=True), (), True),
        (Around(oldest_passage=10), HELD, False),
        (Around(oldest_passage=9), HELD, True),
        (Around(oldest_passage=10), LONG, True),  # the first of them no longer fits
        (Around(oldest_passage=10), (), True),  # a new conversation
        (Around(oldest_passage=20), (), False),
    ],
)
def test_memory_is_asked_when_it_knows_what_the_prompt_does_not(
    around: Around, history: tuple[Said, ...], wanted: bool
) -> None:
    config = resolve(0, {}, EnvSettings())
    assert has_past(config, around, history=history, new=NEW) is wanted


def test_memory_that_is_switched_off_is_not_asked() -> None:
    config = resolve(1, {"memory.enabled": False}, EnvSettings())
    around = Around(has_memories=True, oldest_passage=1)
    assert not has_past(config, around, history=HELD, new=NEW)
