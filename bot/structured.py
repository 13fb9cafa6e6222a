"""What is no text in a message, as one short line each: places, contacts, polls, origins, quotes.

Threat: somebody else wrote all of this. A name, an option of a poll or a vCard says "ignore your
rules", ends its own bracket, or begins a line of its own that passes for the owner's words. So
each becomes one line, in brackets it cannot close, with all that hides made visible; the beginnings
of these lines are known to `core.tasks.seen`, which never counts them as the owner's words.

Pure, and total: whatever Telegram or an attacker sends, a line or nothing comes out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bot.content_lines import FOREIGN, content_lines
from bot.origin_lines import answered_lines, origin_lines
from bot.raw_values import words

if TYPE_CHECKING:
    from bot.raw_values import Part

# What says nothing that the owner would expect an answer to.
SERVICE = frozenset({
    "pinned_message", "message_auto_delete_timer_changed", "write_access_allowed", "boost_added",
    "chat_background_set", "proximity_alert_triggered", "forum_topic_created",
    "video_chat_scheduled", "video_chat_started", "video_chat_ended", "connected_website",
    "new_chat_title", "new_chat_photo", "delete_chat_photo", "group_chat_created",
    "migrate_to_chat_id", "migrate_from_chat_id", "new_chat_members", "left_chat_member",
    "video_chat_participants_invited", "direct_message_price_changed",
})  # fmt: skip

# What goes with a message of any kind.
_COMMON = frozenset({
    "message_id", "message_thread_id", "from", "sender_chat", "sender_boost_count", "date", "chat",
    "sender_business_bot", "business_connection_id", "forward_origin", "is_topic_message",
    "is_automatic_forward", "reply_to_message", "external_reply", "quote", "reply_to_story",
    "via_bot", "edit_date", "has_protected_content", "is_from_offline", "media_group_id",
    "author_signature", "paid_star_count", "text", "entities", "link_preview_options", "effect_id",
    "caption", "caption_entities", "show_caption_above_media", "has_media_spoiler", "reply_markup",
    "forward_date", "forward_from", "forward_from_chat", "forward_from_message_id",
    "forward_signature", "forward_sender_name", "is_paid_post", "direct_messages_topic",
    "reply_to_checklist_task_id", "suggested_post_info",
})  # fmt: skip


@dataclass(frozen=True, kw_only=True, slots=True)
class Structured:
    """The lines of one message.

    `context`: where it comes from and what it answers; `content`: what it holds. `has_foreign`:
    there are words in it that the owner did not write. `unknown`: a kind of content that has no
    line, in words; empty when there is none.
    """

    context: tuple[str, ...] = ()
    content: tuple[str, ...] = ()
    has_foreign: bool = False
    unknown: str = ""


def structured(message: Part, *, has_file: bool = False) -> Structured:
    """Reads a message as the Bot API sends it; `has_file`: its file is dealt with elsewhere."""
    answered, is_foreign_quote = answered_lines(message)
    found = content_lines(message)
    is_plain = bool(found) or has_file or bool(message.get("text"))
    return Structured(
        context=(*origin_lines(message), *answered), content=tuple(found.values()),
        has_foreign=is_foreign_quote or not FOREIGN.isdisjoint(found),
        unknown="" if is_plain else _unknown(message),
    )  # fmt: skip


def _unknown(message: Part) -> str:
    """The first kind of content that we have no line for, in words."""
    kinds = [str(kind) for kind, value in message.items() if value not in (None, False)]
    if any(kind in SERVICE for kind in kinds):
        return ""
    left = sorted(kind for kind in kinds if kind not in _COMMON)
    return words(left[0].replace("_", " "), 40) if left else "unknown"
