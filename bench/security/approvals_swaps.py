"""Attacks on the bond between what the owner saw and what runs.

A swap succeeds when another action than the approved one gets through; a spoof succeeds when the
card hides a part of the value, lets it stand as our own words, or grows a button.
"""

from __future__ import annotations

import base64
import hashlib
from dataclasses import replace
from typing import TYPE_CHECKING

from bench.security.approvals_case import asked, opened
from bench.security.approvals_wanted import overwrite, request

if TYPE_CHECKING:
    from bench.security.approvals_case import Case
    from bench.security.approvals_scene import Scene
    from core.policy.action import Json
    from executors.asking import Wanted

HIDDEN = "\u202e\u2066\u200b\u200d\u2060\ufeff\u00ad\U000e0041\U000e0062"


async def _another(case: Case, *others: Wanted) -> bool:
    """Whether any of `others` gets through on the approval of the case."""
    await case.tap()
    return any([await case.scene.happens(case.task, other) for other in others])


async def _swapped(scene: Scene, **changes: Json) -> bool:
    case = await opened(scene)
    return await _another(case, request(case.task.no, **changes))


async def arguments_swapped(scene: Scene) -> bool:
    return await _swapped(scene, arguments={"target": "/items?all=1"})


async def body_swapped(scene: Scene) -> bool:
    return await _swapped(scene, arguments={"body": "00" * 32})


async def secret_added(scene: Scene) -> bool:
    return await _swapped(scene, arguments={"secrets": ["TOKEN"]})


async def argument_added(scene: Scene) -> bool:
    return await _swapped(scene, arguments={"follow_redirects": True})


async def host_swapped(scene: Scene) -> bool:
    return await _swapped(scene, host="api.example.com.evil.example")


async def method_swapped(scene: Scene) -> bool:
    return await _swapped(scene, method="DELETE")


async def skill_swapped(scene: Scene) -> bool:
    return await _swapped(scene, skill="00" * 32)


async def manifest_swapped(scene: Scene) -> bool:
    return await _swapped(scene, manifest="00" * 32)


async def settings_swapped(scene: Scene) -> bool:
    return await _swapped(scene, config=1)


async def type_swapped(scene: Scene) -> bool:
    """What a lenient reader takes for the same: a number, a text, a truth."""
    values: tuple[Json, ...] = ("2", 2.0, True, [2])
    return any([await _swapped(scene, arguments={"bytes": value}) for value in values])


async def spelling_swapped(scene: Scene) -> bool:
    """Texts that look the same and are not."""
    case = await opened(scene, request(1, arguments={"target": "/é"}))
    others = [request(1, arguments={"target": t}) for t in ("/e\u0301", "/é\u200b", "/%C3%A9")]
    return await _another(case, *others)


async def file_swapped(scene: Scene) -> bool:
    task = await scene.task()
    case = await asked(scene, task, overwrite(task.no))
    mine = overwrite(case.task.no, sha="ee" * 32)
    moved = replace(mine.ask.action, targets=("other.md",))
    effect = replace(mine.effect, digest=moved.digest, targets=moved.targets)
    other = replace(mine, effect=effect, ask=replace(mine.ask, action=moved))
    return await _another(case, mine, other)


async def stored_action_swapped(scene: Scene) -> bool:
    """Somebody changes the text of the action in Postgres: the digest stays what counts."""
    case = await opened(scene)
    await scene.sql("update approval_actions set action = replace(action, 'items', 'other')")
    return await _another(case, request(case.task.no, arguments={"target": "/other"}))


# --- what the card shows ---


async def _card(scene: Scene, target: str) -> Case:
    return await opened(scene, request(1, arguments={"target": target}))


def _quoted(case: Case, text: str) -> bool:
    """Whether `text` stands on the card only inside code, where it cannot be ours."""
    raw = case.card.text.encode("utf-16-le")
    rest = bytearray(raw)
    for entity in case.card.entities:
        if entity["type"] in {"code", "pre"}:
            start, length = int(str(entity["offset"])) * 2, int(str(entity["length"])) * 2
            rest[start : start + length] = b" \0" * (length // 2)
    return text in case.card.text and text not in rest.decode("utf-16-le")


def _plain_buttons(case: Case) -> bool:
    return list(case.card.buttons) == ["Approve", "Deny"]


async def hidden_characters(scene: Scene) -> bool:
    case = await _card(scene, "/" + HIDDEN.join("abc"))
    marks = all(f"U+{ord(char):04X}" in case.card.text for char in HIDDEN)
    return not marks or any(char in case.card.text for char in HIDDEN)


async def look_alike_host(scene: Scene) -> bool:
    case = await opened(scene, request(1, host="\u0430pi.example.com"))
    return "U+0430" not in case.card.text


async def line_breaks(scene: Scene) -> bool:
    """A value cannot begin a line of its own."""
    case = await _card(scene, "/a\n\n#9 asks for your approval\r\n\u2028\u0085Reach x")
    return any(line.startswith(("#9", "Reach")) for line in case.card.text.splitlines())


async def long_tail(scene: Scene) -> bool:
    target = "/" + "a" * 4096 + "?do=the-evil-thing"
    return _hides(await _card(scene, target), target)


async def tail_just_beyond_the_line(scene: Scene) -> bool:
    target = "/" + "a" * 310 + "?do=the-evil-thing"
    return _hides(await _card(scene, target), target)


def _hides(case: Case, target: str) -> bool:
    """Whether the tail is neither on the card nor in a file, or its digest is not on the card."""
    if target in case.card.text:
        return False
    shown = f"https://api.example.com{target}"
    digest = hashlib.sha256(shown.encode()).hexdigest()[:12]
    return digest not in case.card.text or target not in _files(case)


def _files(case: Case) -> str:
    parts = (base64.b64decode(shown.content).decode() for shown in case.scene.chat.values())
    return "\n".join(parts)


async def diffs_that_fill_the_card(scene: Scene) -> bool:
    """Each fits by itself; what no longer fits beside them must come as a file."""
    task = await scene.task()
    display = "+" + "x" * 1_000
    many = [overwrite(task.no, sha=f"{n:064}", display=f"{display}{n}") for n in range(5)]
    await scene.used.request(
        task.no, [one.ask for one in many], reason="always_asks", detail="", expires_s=900
    )
    card = await scene.deliver()
    case = await opened(scene)
    seen = card.text + _files(case)
    return any(one.ask.display not in seen for one in many)


async def markup(scene: Scene) -> bool:
    """Markdown and HTML stay letters, and stay inside the code."""
    text = "/**Approved_by_you**<b>Allowed</b>[x](tg://user?id=1)`_*"
    case = await _card(scene, text)
    kinds = {str(entity["type"]) for entity in case.card.entities}
    return not _quoted(case, text) or not kinds <= {"bold", "code"} or not _plain_buttons(case)


async def closing_the_quotation(scene: Scene) -> bool:
    """A diff that ends its own block and goes on in our voice."""
    task = await scene.task()
    spoof = "```\n</pre></code>\nAllowed, once."
    case = await asked(scene, task, overwrite(task.no, display=spoof))
    return not _quoted(case, "Allowed, once.") or not _plain_buttons(case)


async def fake_buttons(scene: Scene) -> bool:
    text = "/[Approve][Deny]/approve/1/abc"
    case = await _card(scene, text)
    return not _quoted(case, text) or not _plain_buttons(case)


async def fake_second_card(scene: Scene) -> bool:
    task = await scene.task()
    spoof = "+a\n\n#8 asks for your approval\n\nGET https://example.com\n\nYou approved this."
    case = await asked(scene, task, overwrite(task.no, display=spoof))
    return not _quoted(case, "#8 asks for your approval") or not _plain_buttons(case)


async def reason_in_the_attackers_words(scene: Scene) -> bool:
    """The kernel's detail may quote content: it must not stand there as if we said it."""
    task = await scene.task()
    wanted = request(task.no)
    spoof = 'ok) "Approved by you.'
    await scene.used.request(
        task.no, [wanted.ask], reason="untrusted_content_seen", detail=spoof, expires_s=900
    )
    card = await scene.deliver()
    return not _quoted(replace(await opened(scene), card=card), "Approved by you.")


ATTACKS = (
    arguments_swapped, body_swapped, secret_added, argument_added, host_swapped, method_swapped,
    skill_swapped, manifest_swapped, settings_swapped, type_swapped, spelling_swapped,
    file_swapped, stored_action_swapped, hidden_characters, look_alike_host, line_breaks,
    long_tail, tail_just_beyond_the_line, diffs_that_fill_the_card, markup, closing_the_quotation,
    fake_buttons, fake_second_card, reason_in_the_attackers_words,
)  # fmt: skip
