"""AgentDojo's tools as effects: tiers, and what each argument is. As integrations would declare it.

Standing grants of the owner: reading everywhere, and the members and channels of the owner's own
Slack workspace as they are when a task begins. Nothing else is cleared.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from core.policy import Action, Effect, EffectKind, Tier
from core.policy.words import has_name

if TYPE_CHECKING:
    from agentdojo.functions_runtime import FunctionCall


@dataclass(frozen=True, kw_only=True)
class Tool:
    """Arguments by role; `files` marks verbs of the owner's drive."""

    tier: Tier
    to: tuple[str, ...] = ()
    on: tuple[str, ...] = ()
    says: tuple[str, ...] = ()
    is_new: bool = False
    kind: EffectKind = EffectKind.USE


CHANGE, DESTROY = Tier.CHANGE, Tier.DESTRUCTIVE
TOOLS: dict[str, Tool] = {
    "send_email": Tool(tier=DESTROY, to=("recipients", "cc", "bcc"), says=("subject", "body")),
    "delete_email": Tool(tier=DESTROY, on=("email_id",)),
    "create_calendar_event": Tool(
        tier=CHANGE, to=("participants",), on=("title",), says=("title", "description")
    ),
    "cancel_calendar_event": Tool(tier=DESTROY, on=("event_id",)),
    "reschedule_calendar_event": Tool(tier=CHANGE, on=("event_id",)),
    "add_calendar_event_participants": Tool(tier=CHANGE, to=("participants",), on=("event_id",)),
    "append_to_file": Tool(tier=CHANGE, on=("file_id",)),
    "create_file": Tool(tier=CHANGE, on=("filename",), is_new=True, kind=EffectKind.FILES),
    "delete_file": Tool(tier=DESTROY, on=("file_id",)),
    "share_file": Tool(tier=CHANGE, to=("email",), on=("file_id",)),
    "reserve_hotel": Tool(tier=DESTROY, to=("hotel",)),
    "reserve_car_rental": Tool(tier=DESTROY, to=("company",)),
    "reserve_restaurant": Tool(tier=DESTROY, to=("restaurant",)),
    "send_money": Tool(tier=DESTROY, to=("recipient",), says=("subject",)),
    "schedule_transaction": Tool(tier=DESTROY, to=("recipient",), says=("subject",)),
    "update_scheduled_transaction": Tool(tier=DESTROY, to=("recipient",), on=("id",)),
    "update_password": Tool(tier=DESTROY),
    "update_user_info": Tool(tier=DESTROY),
    "add_user_to_channel": Tool(tier=CHANGE, to=("user", "channel")),
    "send_direct_message": Tool(tier=CHANGE, to=("recipient",), says=("body",)),
    "send_channel_message": Tool(tier=CHANGE, to=("channel",), says=("body",)),
    "invite_user_to_slack": Tool(tier=DESTROY, to=("user_email",)),
    "remove_user_from_slack": Tool(tier=DESTROY, on=("user",)),
}

READS = ("get_", "read_", "search_", "list_", "check_")
UNKNOWN = Tool(tier=DESTROY)


def effect_of(suite: str, call: FunctionCall, names: dict[str, str]) -> Effect:
    """The effect of a call; `names` resolves ids of objects, as the integration does."""
    arguments = {key: _plain(value) for key, value in call.args.items()}
    action = Action(
        task=1, kind="use", resource=suite, verb=call.function, arguments=arguments, targets=(),
        files={}, skill="", manifest="", config=1,
    )  # fmt: skip
    if call.function in {"get_webpage", "post_webpage"}:
        return _page(call, action.digest)
    is_read = call.function.startswith(READS)
    tool = Tool(tier=Tier.READ) if is_read else TOOLS.get(call.function, UNKNOWN)
    return Effect(
        kind=tool.kind, resource=suite, verb=call.function, tier=tool.tier, digest=action.digest,
        destinations=tuple(a for key in tool.to for a in _texts(arguments.get(key))),
        targets=tuple(
            names.get(f"{key}:{a}", a) for key in tool.on for a in _texts(arguments.get(key))
        ),
        content=_content(tool, arguments), is_new=tool.is_new,
    )  # fmt: skip


def _content(tool: Tool, arguments: dict[str, Any]) -> tuple[str, ...]:
    """What others will read; an entry in the owner's own calendar has no reader."""
    if not any(_texts(arguments.get(key)) for key in tool.to):
        return ()
    return tuple(text for key in tool.says for text in _texts(arguments.get(key)))


def _page(call: FunctionCall, digest: str) -> Effect:
    host, _, path = str(call.args["url"]).removeprefix("https://").partition("/")
    is_read = call.function == "get_webpage"
    return Effect(
        kind=EffectKind.EGRESS, resource=f"{host}:443", verb="GET" if is_read else "POST",
        tier=Tier.READ if is_read else Tier.CHANGE, digest=digest, path=f"/{path}",
        destinations=(host,),
    )  # fmt: skip


def _texts(value: object) -> tuple[str, ...]:
    if value is None:
        return ()
    if isinstance(value, list | tuple):
        return tuple(str(item) for item in value)
    return (str(value),)


def _plain(value: object) -> Any:
    if isinstance(value, dict):
        return {str(key): _plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    return value if value is None or isinstance(value, bool | int | float) else str(value)


def object_names(suite: str, env: Any, prompt: str) -> dict[str, str]:
    """What ids stand for, read from the environment like an integration would.

    People shorten names. Where exactly one file or event holds a part of at least two words that
    the owner wrote, that part is its name.
    """
    if suite != "workspace":
        return {}
    named = {f"event_id:{e.id_}": e.title for e in env.calendar.events.values()}
    named |= {f"file_id:{f.id_}": f.filename for f in env.cloud_drive.files.values()}
    return {key: _as_written(name, list(named.values()), prompt) for key, name in named.items()}


def _as_written(name: str, names: list[str], prompt: str) -> str:
    words = re.findall(r"[^\W_]+", name)
    for size in range(len(words), 1, -1):
        for start in range(len(words) - size + 1):
            part = " ".join(words[start : start + size])
            holders = [n for n in names if has_name((n,), part)]
            if len(holders) == 1 and has_name((prompt,), part):
                return part
    return name


def address_fields(suite: str, env: Any) -> dict[str, frozenset[str]]:
    """Addresses that stand in a structured field of an object with a name of its own.

    Participants of an event, addresses of a contact by full or first name. A name that two objects
    share names neither.
    """
    if suite != "workspace":
        return {}
    pairs = [
        (e.title, tuple(e.participants), f"event {e.id_}") for e in env.calendar.events.values()
    ]
    for contact in env.inbox.contact_list:
        for name in {contact.name, contact.name.split()[0]}:
            pairs.append((name, (contact.email,), f"contact {contact.email}"))
    owners: dict[str, set[str]] = {}
    for name, _, holder in pairs:
        owners.setdefault(name.casefold(), set()).add(holder)
    found: dict[str, set[str]] = {}
    for name, addresses, _ in pairs:
        if len(owners[name.casefold()]) == 1:
            for address in addresses:
                found.setdefault(address, set()).add(name)
    return {address: frozenset(names) for address, names in found.items()}


def standing(suite: str, env: Any) -> frozenset[str]:
    """Whom the owner has cleared for good: their own Slack workspace, nobody elsewhere."""
    if suite != "slack":
        return frozenset()
    return frozenset({*env.slack.users, *env.slack.channels})
