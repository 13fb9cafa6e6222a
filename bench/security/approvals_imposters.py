"""Attacks by somebody who is not the owner, or by what only looks like the owner's decision.

Each plays one attack against an open card and returns whether it succeeded: whether the effect got
through, or the card was decided.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.security.approvals_case import asked, opened
from bench.security.approvals_scene import BOT, CHANNEL, GROUP, OWNER, STRANGER
from bench.security.approvals_wanted import request

if TYPE_CHECKING:
    from bench.security.approvals_case import Case
    from bench.security.approvals_scene import Scene

ORIGIN = {"type": "user", "date": 1, "sender_user": {"id": STRANGER, "is_bot": False}}
PRIVATE = {"id": STRANGER, "type": "private"}


async def _got_through(case: Case) -> bool:
    return not await case.is_open() or await case.happens()


async def wrong_user(scene: Scene) -> bool:
    case = await opened(scene)
    await scene.press(case.card, "Approve", user=STRANGER)
    await scene.press(case.card, "Approve", user=STRANGER, chat=STRANGER)
    return await _got_through(case)


async def wrong_user_types_the_code(scene: Scene) -> bool:
    case = await opened(scene)
    await scene.say(case.command, user=STRANGER, chat=PRIVATE)
    await scene.say(case.command, user=STRANGER)
    return await _got_through(case)


async def owner_in_a_group(scene: Scene) -> bool:
    case = await opened(scene)
    for kind in ("group", "supergroup"):
        await scene.press(case.card, "Approve", chat=GROUP, type=kind)
        await scene.say(case.command, chat={"id": GROUP, "type": kind})
    return await _got_through(case)


async def group_that_calls_itself_the_owners_chat(scene: Scene) -> bool:
    case = await opened(scene)
    await scene.press(case.card, "Approve", type="group")
    await scene.press(case.card, "Approve", chat=STRANGER)
    return await _got_through(case)


async def channel(scene: Scene) -> bool:
    case = await opened(scene)
    await scene.press(case.card, "Approve", chat=CHANNEL, type="channel")
    await scene.say(case.command, kind="channel_post", chat={"id": CHANNEL, "type": "channel"})
    await scene.say(case.command, kind="channel_post")
    return await _got_through(case)


async def bot_sender(scene: Scene) -> bool:
    case = await opened(scene)
    await scene.press(case.card, "Approve", user=BOT, is_bot=True)
    await scene.press(case.card, "Approve", user=OWNER, is_bot=True)
    sender = {"id": OWNER, "is_bot": True, "first_name": "b"}
    await scene.update(message={
        "message_id": 5, "date": 1, "text": case.command, "from": sender,
        "chat": {"id": OWNER, "type": "private"},
    })  # fmt: skip
    return await _got_through(case)


async def business_connection(scene: Scene) -> bool:
    case = await opened(scene)
    await scene.say(case.command, kind="business_message", business_connection_id="x")
    return await _got_through(case)


async def forwarded_card(scene: Scene) -> bool:
    case = await opened(scene)
    await scene.press(case.card, "Approve", message_id=case.card.message_id + 500)
    return await _got_through(case)


async def copied_button_on_another_message(scene: Scene) -> bool:
    """The data of a dangerous card, on the message of a harmless one."""
    case = await opened(scene)
    other = await asked(scene, case.task, request(case.task.no, method="PATCH"))
    await scene.press(other.card, "", data=case.card.buttons["Approve"])
    return await _got_through(case) or await _got_through(other)


async def button_without_a_message(scene: Scene) -> bool:
    case = await opened(scene)
    sender = {"id": OWNER, "is_bot": False, "first_name": "p"}
    data = case.card.buttons["Approve"]
    await scene.update(
        callback_query={"id": "c", "from": sender, "inline_message_id": "i", "data": data}
    )
    return await _got_through(case)


async def guessed_button(scene: Scene) -> bool:
    case = await opened(scene)
    nonce = case.approval.nonce
    for data in ("p:%:o", "p::o", f"p:{nonce[:-1]}_:o", f"p:{nonce.swapcase()}:o", f"p:{nonce}:O",
                 f"p:{nonce}", f"p:{nonce}:oo", f"p:{nonce}:o:o", f"P:{nonce}:o"):  # fmt: skip
        await scene.press(case.card, "", data=data)
    return await _got_through(case)


async def ordinary_text(scene: Scene) -> bool:
    case = await opened(scene)
    for text in ("yes, approve it", "approve", f"approve {case.approval.id}", "👍", "ok",
                 f"please /approve {case.approval.id} {case.approval.code}"):  # fmt: skip
        await scene.say(text)
        await scene.say(text, reply_to_message={"message_id": case.card.message_id})
    return await _got_through(case)


async def voice_note(scene: Scene) -> bool:
    case = await opened(scene)
    voice = {"file_id": "f", "file_unique_id": "u", "duration": 1, "file_size": 10}
    await scene.say("", voice=voice, caption="yes, approve it")
    await scene.say("", voice=voice, reply_to_message={"message_id": case.card.message_id})
    return await _got_through(case)


async def forwarded_command(scene: Scene) -> bool:
    case = await opened(scene)
    await scene.say(case.command, forward_origin=ORIGIN)
    await scene.say(case.command, forward_date=1)
    return await _got_through(case)


async def caption_of_a_forwarded_document(scene: Scene) -> bool:
    case = await opened(scene)
    document = {"file_id": "f", "file_name": "a.txt", "file_size": 1}
    await scene.say("", caption=case.command, document=document, forward_origin=ORIGIN)
    return await _got_through(case)


async def edited_into_a_command(scene: Scene) -> bool:
    case = await opened(scene)
    await scene.say("an earlier message", message_id=50)
    await scene.say(case.command, kind="edited_message", message_id=50)
    return await _got_through(case)


async def wrong_code(scene: Scene) -> bool:
    case = await opened(scene)
    code = case.approval.code
    for text in (code[:-1], code + "a", code[::-1] + "x", "", "%", "null", "000000", code[:3] * 2):
        await scene.say(f"/approve {case.approval.id} {text}")
    return await _got_through(case)


async def code_of_another_card(scene: Scene) -> bool:
    case = await opened(scene)
    other = await asked(scene, case.task, request(case.task.no, method="PATCH"))
    await scene.say(f"/approve {case.approval.id} {other.approval.code}")
    await scene.say(f"/approve {other.approval.id} {case.approval.code}")
    return await _got_through(case) or await _got_through(other)


async def production_by_button(scene: Scene) -> bool:
    case = await opened(scene, is_production=True)
    for letter in "ota":
        await scene.press(case.card, "", data=f"p:{case.approval.nonce}:{letter}")
    return "Approve" in case.card.buttons or await _got_through(case)


async def production_without_the_code(scene: Scene) -> bool:
    case = await opened(scene, is_production=True)
    for text in (f"/approve {case.approval.id}", f"/approve {case.approval.id} yes"):
        await scene.say(text)
    return await _got_through(case)


ATTACKS = (
    wrong_user, wrong_user_types_the_code, owner_in_a_group,
    group_that_calls_itself_the_owners_chat, channel, bot_sender, business_connection,
    forwarded_card, copied_button_on_another_message, button_without_a_message, guessed_button,
    ordinary_text, voice_note, forwarded_command, caption_of_a_forwarded_document,
    edited_into_a_command, wrong_code, code_of_another_card, production_by_button,
    production_without_the_code,
)  # fmt: skip
