"""A reply steers its task also when it is quicker than the note that its message was sent."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.security.regressions.desk import Desk, a_desk, message
from tests.support.world import OWNER

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

SHOWN = 4000


@pytest.fixture
async def desk(tmp_path: Path, database_url: str, redis_url: str) -> AsyncIterator[Desk]:
    async with a_desk(tmp_path / "home", database_url, redis_url) as made:
        yield made


async def test_a_reply_waits_until_the_sending_of_its_message_is_noted(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = await desk.task()
    await desk.database.execute(
        "insert into outbox (chat_id, key, method, payload, task_no, state, after_id)"
        " values ($1, 'shown', 'text', $2, $3, 'sending', 1)",
        OWNER, {"text": "working"}, task.no,
    )  # fmt: skip
    store, looks = desk.service.store, list[bool]()
    real = store.is_unnoted

    async def look(chat_id: int, message_id: int) -> bool:
        looks.append(await real(chat_id, message_id))
        await desk.database.execute(
            "update outbox set state = 'sent', message_id = $1 where key = 'shown'", SHOWN
        )
        return looks[-1]

    monkeypatch.setattr(store, "is_unnoted", look)
    await desk.hears(message=message("darker", reply_to_message={"message_id": SHOWN}))
    assert looks == [True, False]
    told = f"#{task.no} is a plain command and does not listen."  # so it was found
    assert any(told in text for text in await desk.said())
