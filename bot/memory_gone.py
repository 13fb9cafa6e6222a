"""What the owner reads after /forget, and deleting what already stands in the chat.

Threat: the owner believes that words are gone which still stand somewhere. So the answer says what
it could not reach: the chat at Telegram, tasks at work, and what the owner set up themselves. It
never repeats the words. A press deletes the messages that the answer counted, each once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bot.delivery import DeletePayload, text_payload
from bot.render import compose

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bot.outbox_store import OutboxStore
    from bot.route import Route
    from coordinator.forgetting.store import Reached

MOST = 100
NOTICE = "I could not delete a message here ({reason}). Please delete it yourself."


def gone_text(reached: Reached) -> str:
    """What was forgotten, what goes next, and what does not."""
    lines = ["Forgotten. The last traces go within a minute."]
    for number in reached.tasks:
        lines.append(
            f"Task #{number} still works with it; I take the words out when it has ended. "
            f"/cancel {number} stops it."
        )
    if reached.kept:
        named = ", ".join(f"{name} ({remedy})" for name, remedy in reached.kept)
        lines.append(f"You set these up yourself, so they stay: {named}.")
    lines.append(f"What stands in this chat stays there until it is deleted here.{_old(reached)}")
    return "\n".join(lines)


def _old(reached: Reached) -> str:
    return " I can only delete what is younger than two days." if reached.shown else ""


async def say_gone(store: OutboxStore, route: Route, chat_id: int, reached: Reached) -> None:
    """The answer, with a button where messages can still be deleted."""
    shown = reached.shown[-MOST:]
    count = "1 message" if len(shown) == 1 else f"{len(shown)} messages"
    keys = (((f"Delete {count} here", "m:d"),),) if shown else ()
    payload = text_payload(
        compose(gone_text(reached)), keys=keys, choices=tuple(str(number) for number in shown)
    )
    await store.enqueue(route.session, chat_id, payload, method="text")
    route.has_messages = True


async def unsay(store: OutboxStore, route: Route, chat_id: int, choices: Sequence[object]) -> str:
    """Deletes the messages in the chat; a second press finds nothing to do."""
    count = 0
    for number in (int(str(c)) for c in choices if str(c).isdecimal()):
        payload = DeletePayload(message_id=number, notice=NOTICE)
        key = f"unsay:{chat_id}:{number}"
        added = await store.enqueue(route.session, chat_id, payload, method="delete", key=key)
        count += added is not None
    route.has_messages = True
    return "I am deleting them." if count else "They are deleted already."
