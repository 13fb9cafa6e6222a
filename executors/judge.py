"""What a task's requests to the network may do: the gateway's questions put to the kernel.

Threat: see `executors.gateway`, which makes sure that what is judged here is what leaves. The
answer to a request is tainted before its first byte comes back.

    Tunnels      what is opened, and what is carried unread
    EgressCards  what the owner would approve
    TaskSecrets  what stand-ins become on the way out
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from core.errors import Denied, UserFacing
from core.hygiene import clean
from core.policy import Label, explain
from core.policy.reasons import Reason
from core.spawn import insist
from executors.egress_cards import EgressCards
from executors.forms import is_report, without
from executors.gateway.ports import Forward, Inspect, Refused, Splice
from executors.refusals import MISPLACED, REPORT, is_known, malformed, must_ask
from executors.task_secrets import TaskSecrets
from executors.tunnels import Tunnels

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from contextlib import AbstractContextManager

    from core.approvals import Ticket
    from core.vault import Vault
    from executors.asking import Wanted
    from executors.effects import Effects
    from executors.gateway.hosts import Host
    from executors.gateway.ports import Asked
    from executors.looks import Looks
    from executors.placeholders import Stand

HOLD_S = 45.0
PLACE_CAP = 80


@dataclass(frozen=True, kw_only=True, slots=True)
class _Open:
    wanted: Wanted
    ticket: Ticket | None


class TaskJudge:
    """Implements `executors.gateway.ports.Judge` for one task."""

    def __init__(
        self, effects: Effects, *, stands: Sequence[Stand], vault: Vault, config: int,
        sent_cap: int, looks: Looks | None = None,
    ) -> None:  # fmt: skip
        has_browser = looks is not None
        self._effects = effects
        self._looks = looks  # only a task with a browser has them
        self._secrets = TaskSecrets(effects.facts, vault, stands)
        self._cards = EgressCards(effects, stands=stands, config=config, has_browser=has_browser)
        self._tunnels = Tunnels(effects, self._secrets, self._cards, is_read=has_browser)
        self._left = sent_cap
        self._unbooked = 0
        self._open: dict[int, _Open] = {}

    # --- tunnels ---

    async def connect(self, host: Host, port: int) -> Refused | Splice | Inspect:
        """See the port."""
        return await self._tunnels.open(host, port)

    def spliced(
        self, host: Host, port: int, cut: Callable[[], None]
    ) -> AbstractContextManager[None]:
        """See the port."""
        return self._tunnels.held(host, port, cut)

    async def look_again(self) -> None:
        """Cuts spliced tunnels that would not be opened now."""
        await self._tunnels.look_again()

    # --- requests ---

    async def request(self, asked: Asked) -> Refused | Forward:
        """See the port. Where the owner must be asked it waits a while, then says so."""
        used = self._secrets.used_in(asked)
        refused = self._refused(asked, used)
        if refused is MISPLACED and await self._secrets.read_again():
            used = self._secrets.used_in(asked)
            refused = self._refused(asked, used)
        if refused is None and await self._is_foreign(asked):
            refused = must_ask(asked.host, asked.port, asked.method)
        if refused is not None:
            scope = f"egress:{asked.host}:{asked.port}:{asked.method}"
            await self._effects.trail.refused(scope, refused.code)
            return refused
        try:
            return await self._permitted(asked, used)
        except Denied as error:
            if error.code == Reason.NOT_GRANTED:
                return must_ask(asked.host, asked.port, asked.method)
            return Refused(code=error.code, text=str(error))
        except UserFacing as error:
            return Refused(code="secret_missing", text=error.sentence())

    def _refused(self, asked: Asked, used: Sequence[Stand]) -> Refused | None:
        """What no grant and no tap can mend; a browser's form may hold stand-ins in its fields."""
        if self._looks is not None and is_report(asked):
            return REPORT
        return malformed(replace(asked, body=without(asked.body, self._in_form(asked))), used)

    async def _is_foreign(self, asked: Asked) -> bool:
        """Whether a page took something from a host that nobody named: pages do that all the time.

        It is refused as a tunnel there would be; a card for each picture would bury the real ones.
        """
        if self._looks is None:
            return False
        return not is_known(await insist(self._effects.context), asked.host, asked.port)

    def _in_form(self, asked: Asked) -> tuple[Stand, ...]:
        return () if self._looks is None else self._secrets.in_form(asked)

    async def _permitted(self, asked: Asked, used: tuple[Stand, ...]) -> Forward:
        """Secrets are opened when all is allowed and before a tap is used up."""
        in_form = self._in_form(asked)
        context = await insist(self._effects.context)
        wanted = self._cards.request(asked, used, in_form, context=context)
        ready: list[Forward] = []

        async def prepare() -> None:
            await self._secrets.learn(asked.host)
            headers = await self._secrets.put_into(asked.headers, used)
            body = await self._secrets.put_into_form(asked, in_form) if in_form else None
            ready.append(Forward(headers=headers, body=body))

        hold_s: float | None = HOLD_S
        if self._looks is not None:  # a browser waits to the end
            wanted, hold_s = await self._cards.with_page(self._looks, asked, wanted), None
        (ticket,) = await self._effects.permit([wanted], wait_s=hold_s, prepare=prepare)
        await self._begin(asked, _Open(wanted=wanted, ticket=ticket), (*used, *in_form))
        return ready[0]

    async def _begin(self, asked: Asked, opened: _Open, used: tuple[Stand, ...]) -> None:
        """Writes down what the task is about to see; an effect that ends here has failed."""
        labels = (Label.UNTRUSTED, Label.PRIVATE) if used else (Label.UNTRUSTED,)
        try:
            await self._secrets.touch(used)
            await self._effects.taint(*labels)
            self._open[id(asked)] = opened
        finally:
            if id(asked) not in self._open:
                await self._effects.close(opened.wanted, opened.ticket, "failed")

    async def answered(self, asked: Asked, outcome: str) -> None:
        """See the port. Bytes are booked apart, by `book`."""
        found = self._open.pop(id(asked), None)
        if found is not None:
            await self._effects.close(found.wanted, found.ticket, outcome)

    async def noted(self, place: str, method: str, code: str) -> None:
        """See the port."""
        scope = f"egress:{clean(place, cap=PLACE_CAP)}:{clean(method, cap=PLACE_CAP)}"
        await self._effects.trail.refused(scope, code)

    # --- bytes ---

    def sent(self, count: int) -> Refused | None:
        """See the port."""
        if count > self._left:
            return Refused(code=Reason.BYTES, text=explain(Reason.BYTES))
        self._left -= count
        self._unbooked += count
        return None

    async def book(self) -> None:
        """Writes down what was sent since the last time; a `kill -9` loses what was not yet.

        Within this process `sent` counts every byte itself.
        """
        count, self._unbooked = self._unbooked, 0
        if count:
            await self._effects.sent(count)

    def scrub(self, piece: bytes) -> bytes:
        """See the port."""
        return self._secrets.scrub(piece)
