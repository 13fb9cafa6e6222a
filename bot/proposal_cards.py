"""Proposals as the chat shows them. Pure: everything on a card comes from the kept row.

Threat: the owner accepts something else than they read, or reads the model's words as ours. So what
a skill asks for is parsed from the very text that is installed, the lines that are new stand whole
or there is no button, the buttons name the digest of the files, hidden characters are marks, and
what the model or a container said stands as such.
"""

from __future__ import annotations

from base64 import b64encode
from typing import TYPE_CHECKING

from bot.cards import Card, short
from bot.delivery import FilePayload
from bot.render import compose, utf16_len
from bot.skill_cards import TOO_LONG, is_shown_whole
from core.hygiene import clean, visible
from skills.manifest import parse_skill
from skills.permissions import NOTHING, grown
from skills.proposals import State, diff_lines
from skills.scan import scan
from skills.types import Skill

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bot.delivery import Button
    from skills.proposals_store import Proposal, Trial
    from skills.scan import Risk

Part = str | tuple[str, str]
DIGEST_CHARS = 40
CARD_CAP = 3_900  # UTF-16 units; Telegram takes 4,096
ASKED_CAP, RISKS_CAP, SAID_CAP, LISTED_CAP = 500, 3, 200, 150
FOREIGN = (
    "\n\nThe tasks behind it had seen text that is not yours, such as files, pages or results. "
    "Read the skill before you accept it."
)
WORDS = {
    State.WRITING: "being written", State.TRIAL: "being tried", State.OFFERED: "waits for you",
    State.POOR: "its trial did not go well", State.DROPPED: "came to nothing",
    State.ACCEPTED: "being installed", State.INSTALLED: "installed", State.REJECTED: "rejected",
    State.STALE: "does not fit any more", State.UNDOING: "being undone", State.UNDONE: "undone",
}  # fmt: skip


def proposal_card(one: Proposal) -> Card:
    """All that the owner decides about, with buttons while it waits."""
    skill, base = _skill(one.text, one.skill), _skill(one.base, one.skill)
    what = "new skill" if one.kind == "new" else "edit of"
    parts: list[Part] = [
        ("bold", f"Proposal {one.id}: {what} {one.skill}"), f" · {WORDS[one.state]}\n",
        ("italic", short(clean(one.reason, cap=300), 300)), f"\n{_because(one)}",
    ]  # fmt: skip
    parts += [FOREIGN] if one.is_untrusted else []
    parts += _rights(skill, base)
    parts += _findings(scan(one.text, file=f"{one.skill}.md"))
    parts += _trial(one.trial)
    is_whole = is_shown_whole(new_rights(one))
    parts += [] if is_whole else [TOO_LONG]
    keys = _keys(one, is_whole=is_whole) if one.state is State.OFFERED else ()
    room = CARD_CAP - utf16_len("".join(p if isinstance(p, str) else p[1] for p in parts))
    return Card(piece=compose(*parts, *_text(one, room)), keys=keys)


def new_rights(one: Proposal) -> tuple[str, ...]:
    """What the skill may do beyond what it may now, a line each: what a tap would allow."""
    skill, base = _skill(one.text, one.skill), _skill(one.base, one.skill)
    if skill is None:
        return ()
    return grown(base.permissions if base is not None else NOTHING, skill.permissions)


def whole_file(one: Proposal) -> FilePayload:
    """The whole text of the proposal, or for an edit all that it changes."""
    is_edit = one.kind == "edit"
    text = "\n".join(diff_lines(one.base, one.text)) if is_edit else one.text
    return FilePayload(
        filename=f"proposal-{one.id}-{one.skill}.{'diff' if is_edit else 'md'}",
        caption=f"Proposal {one.id}, the whole of it",
        content=b64encode(visible(text).encode()).decode(),
    )  # fmt: skip


def _skill(text: str, name: str) -> Skill | None:
    parsed = parse_skill(text, path=f"{name}.md") if text else None
    return parsed if isinstance(parsed, Skill) else None


def _because(one: Proposal) -> str:
    tasks = ", ".join(f"#{no}" for no in one.tasks)
    return f"You corrected it: {tasks}" if one.is_corrected else f"You asked for it often: {tasks}"


def _rights(skill: Skill | None, base: Skill | None) -> list[Part]:
    """What it asks for: all of it, and for an edit what of that is new."""
    if skill is None:
        return ["\n\nIts text cannot be read as a skill."]
    asked = grown(NOTHING, skill.permissions)
    if not asked:
        return ["\n\nIt may reach nothing outside its container."]
    if base is None:
        return [f"\n\nIt asks for ({skill.tier}):", _lines(asked)]
    new = grown(base.permissions, skill.permissions)
    has_new: list[Part] = ["\n\nIt asks for more than before:", _lines(new)] if new else []
    if utf16_len("".join(new)) > 2 * ASKED_CAP:
        return has_new
    text = _lines(asked)
    text = text if utf16_len(text) <= ASKED_CAP else f"{text[:ASKED_CAP]}…"
    head = "\n\nAltogether it may:" if new else "\n\nIt asks for nothing new. It may, as before:"
    return [*has_new, head, text]


def _lines(lines: Sequence[str]) -> str:
    text = "".join(f"\n• {visible(line).replace(chr(10), ' ')}" for line in lines)
    return text if is_shown_whole(lines) else f"{text[:900].rstrip()} … and more"


def _findings(risks: Sequence[Risk]) -> list[Part]:
    if not risks:
        return []
    parts: list[Part] = ["\n\n", ("bold", "Worth a look"), " (advice)"]
    for risk in risks[:RISKS_CAP]:
        sample = short(clean(risk.sample, cap=60), 60)
        parts += [f"\n• line {risk.line}: {risk.sentence} ", ("code", sample)]
    more = len(risks) - RISKS_CAP
    return [*parts, f"\n… and {more} more."] if more > 0 else parts


def _trial(trial: Trial | None) -> list[Part]:
    """How the recorded task went once more; what it said is the container's word."""
    if trial is None:
        return []
    parts: list[Part] = ["\n\n", ("bold", "Trial"), f" with a task as you gave it: {trial.state}."]
    if trial.said:
        parts += ["\nIt said: ", ("italic", short(clean(trial.said, cap=SAID_CAP), SAID_CAP))]
    if trial.files:
        names = ", ".join(clean(name, cap=60) for name in trial.files[:5])
        parts.append(f"\nIt made: {short(names, LISTED_CAP)}")
    if trial.refused:
        listed = "; ".join(clean(_refusal(line), cap=120) for line in trial.refused[:3])
        parts.append(f"\nIt was refused: {short(listed, LISTED_CAP)}")
    return parts


def _refusal(line: str) -> str:
    """What the audit trail says it was refused, in words: `egress:a.example:443:GET (…)`."""
    scope = line.partition(" (")[0]
    kind, _, rest = scope.partition(":")
    place, _, verb = rest.rpartition(":")
    match kind:
        case "egress":
            return f"{verb} {place.removesuffix(':443')}"
        case "files":
            return f"{verb} of a file"
        case "tool":
            return f"the tool {rest}"
        case _:
            return scope


def _text(one: Proposal, room: int) -> list[Part]:
    """The text, or what changes in it, as far as there is room; the file holds the rest."""
    text = visible("\n".join(diff_lines(one.base, one.text)) if one.kind == "edit" else one.text)
    head = "\n\nWhat changes:\n" if one.kind == "edit" else "\n\nIts text:\n"
    room -= 80
    if utf16_len(text) <= room:
        return [head, ("pre", text.strip("\n") or "nothing")]
    cut = text[: max(room // 2, 0)].rpartition("\n")[0]
    parts: list[Part] = [head, ("pre", cut)] if cut else []
    return [*parts, "\n… the whole of it is in the file."]


def is_cut(one: Proposal) -> bool:
    """Whether the card shows less than the whole text."""
    return "… the whole of it is in the file." in proposal_card(one).piece.text


def _keys(one: Proposal, *, is_whole: bool) -> tuple[tuple[Button, ...], ...]:
    mark = f"{one.id}:{one.digest[:DIGEST_CHARS]}"
    yes = ((("Accept", f"w:a:{mark}"),),) if is_whole else ()
    return (*yes, (("Reject", f"w:r:{mark}"), ("Not now", f"w:n:{mark}")))


def self_edit_card(one: Proposal) -> Card:
    """What the agent reworded by itself, with the way back."""
    parts: list[Part] = [
        ("bold", f"I reworded my skill {one.skill}"), "\n",
        ("italic", short(clean(one.reason, cap=300), 300)),
        "\nWhat it may do and its scripts are as before.",
    ]  # fmt: skip
    key = f"w:u:{one.id}:{one.digest[:DIGEST_CHARS]}"
    return Card(piece=compose(*parts, *_text(one, 2_000)), keys=((("Undo", key),),))


def list_card(listed: Sequence[Proposal], *, is_all: bool) -> Card:
    """The proposals, newest first; those that wait have a button that shows them."""
    if not listed:
        if is_all:
            return Card(piece=compose("Nothing was proposed so far."))
        hint = "/proposals all lists what came to nothing, too."
        return Card(piece=compose(f"No proposal waits for you.\n{hint}"))
    parts: list[Part] = [("bold", "Proposals")]
    for one in listed:
        name = one.skill or "a skill"
        note = f" ({short(clean(one.note, cap=160), 160)})" if one.note and is_all else ""
        parts.append(f"\n{one.id} · {one.kind} · {name} · {WORDS[one.state]}{note}"[:180])
    waiting = [one for one in listed if one.state is State.OFFERED][:12]
    keys = tuple(((f"Look at {one.id}: {short(one.skill, 30)}", f"w:l:{one.id}:"),)
                 for one in waiting)  # fmt: skip
    parts.append("\n\n/proposals N shows one; /proposals accept N, /proposals reject N.")
    return Card(piece=compose(*parts), keys=keys)
