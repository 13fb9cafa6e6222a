"""/context: what would go into the next prompt, by part and size. It asks no model."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from bot.cards import Card
from bot.render import compose
from coordinator.context import Said
from coordinator.gathering import gather
from coordinator.packing import pack, prompt_cap
from coordinator.store import Work
from coordinator.tools import offered

if TYPE_CHECKING:
    from bot.outbox_store import OutboxStore
    from bot.route import Route
    from bot.updates import Message
    from coordinator.packing import Packed
    from coordinator.turn_parts import TurnParts

FOOT = (
    "Longer talk is summarised; every word of it can still be found with /recall. "
    "/new begins anew, /rules and /memory show what stays.\n"
    "/context WORDS shows it for a message with these words."
)


def context_card(packed: Packed, *, tools: int, cap: int) -> Card:
    """The parts and their sizes."""
    lines = [
        f"{share.name}: {share.size:,} bytes"
        + (f" ({share.count})" if share.count > 1 else "")
        + (f", {share.left_out} left out" if share.left_out else "")
        for share in packed.shares
        if share.count or share.left_out
    ]
    lines.append(f"tools: {tools:,} bytes")
    total = f"\n\nTogether {packed.size + tools:,} bytes; never more than {cap + tools:,}.\n\n"
    return Card(
        piece=compose(("bold", "What the model would see"), "\n", "\n".join(lines), total, FOOT)
    )


class ContextCommand:
    """Packs the prompt as a turn would, and shows its parts instead of sending it."""

    def __init__(self, *, parts: TurnParts, store: OutboxStore) -> None:
        self._parts = parts
        self._store = store

    async def context(self, route: Route, message: Message, rest: str) -> None:
        """/context."""
        config = await self._parts.config.current()
        said = Said(id=2**62, role="owner", text=rest.strip())
        work = Work(
            chat_id=message.sender.chat_id, messages=(said,) if said.text else (), telegram_ids=()
        )
        budget = config.whole("chat.history_kb") * 1024
        around = await self._parts.conversation.around(work.chat_id)
        parts, offer = await gather(self._parts, config, work=work, around=around)
        packed = pack(parts, history_budget=budget)
        tools = len(json.dumps(offered(offer), ensure_ascii=False).encode())
        card = context_card(packed, tools=tools, cap=prompt_cap(budget))
        await route.show(self._store, message.sender.chat_id, card)
