"""The secrets of one task: where each may go now, put into requests, taken out of answers.

Threat: a secret goes where the owner does not want it any more. They may bind it to another host
while a task runs, so each value is opened just before it leaves, and leaves only when the vault
says the same host and header as the stand-in; otherwise all is read anew and the request refused. A
server may show today what it was sent yesterday, so its answers are scrubbed of every secret that
is for it, used now or not.
"""

from __future__ import annotations

import contextlib
from dataclasses import replace
from typing import TYPE_CHECKING

from core.errors import Denied, UserFacing
from core.policy import SecretRule
from core.spawn import insist
from executors.forms import body_stands, filled
from executors.placeholders import forms_of, sent_forms, swapped, used_in

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from core.vault import Secret, SecretInfo, Vault
    from executors.facts import TaskFacts
    from executors.gateway.hosts import Host
    from executors.gateway.ports import Asked, Headers
    from executors.placeholders import Stand


class TaskSecrets:
    """What a task's stand-ins stand for."""

    def __init__(self, facts: TaskFacts, vault: Vault, stands: Sequence[Stand]) -> None:
        self._facts = facts
        self._vault = vault
        self._stands = tuple(stands)
        self._known: set[str] = set()
        self._values: dict[bytes, bytes] = {}
        self._longest: tuple[bytes, ...] = ()

    def is_any_for(self, host: Host) -> bool:
        """Whether a secret may go to the host."""
        return any(stand.is_for(host) for stand in self._stands)

    def used_in(self, asked: Asked) -> tuple[Stand, ...]:
        """The stand-ins that a request carries where they belong."""
        return used_in(asked.headers, self._stands, asked.host) if asked.scheme == "https" else ()

    async def read_again(self) -> bool:
        """Learns where each secret may go now; whether that changed."""
        listed = {info.name: info for info in await insist(self._vault.list)}
        stands = tuple(_as_listed(stand, listed.get(stand.name)) for stand in self._stands)
        if stands == self._stands:
            return False
        self._stands = stands
        self._known.clear()
        self._facts.know_secrets([SecretRule(name=s.name, host=s.host) for s in stands])
        return True

    async def learn(self, host: Host) -> None:
        """Opens what is for this host once, so that its answers are scrubbed of it."""
        for stand in self._stands:
            if stand.name not in self._known and stand.is_for(host):
                with contextlib.suppress(UserFacing, Denied):  # deleted or moved meanwhile
                    await self._opened(stand)

    async def put_into(self, headers: Headers, used: Sequence[Stand]) -> Headers:
        """The headers with secrets in place. `UserFacing` or `Denied` when one may not go."""
        sent = headers
        for stand in used:
            secret = await self._opened(stand)
            sent = swapped(sent, stand, value=secret.reveal(), whole=secret.header_value())
        self._scrub_also(sent_forms(headers, sent))
        return sent

    def in_form(self, asked: Asked) -> tuple[Stand, ...]:
        """The stand-ins in a form's fields, where they may be sent in forms."""
        return body_stands(asked, self._stands)

    async def put_into_form(self, asked: Asked, used: Sequence[Stand]) -> bytes:
        """The body with secrets in place. `UserFacing` or `Denied` when one may not go."""
        body = asked.body
        for stand in used:
            body = filled(asked, body, stand, (await self._opened(stand)).reveal())
        return body

    async def touch(self, used: Sequence[Stand]) -> None:
        """Notes that they are used now."""
        for stand in used:
            await insist(lambda name=stand.name: self._vault.touch(name))  # type: ignore[misc]

    async def _opened(self, stand: Stand) -> Secret:
        secret = await insist(lambda: self._vault.open(stand.name))
        if (secret.use.host, secret.use.header) != (stand.host, stand.header):
            await self.read_again()
            raise Denied("secret_moved", "The owner has bound the secret to another place.")
        self._known.add(stand.name)
        self._scrub_also(forms_of(secret.reveal(), stand.token))
        return secret

    def _scrub_also(self, forms: Mapping[bytes, bytes]) -> None:
        """Longest first, so that one inside another leaves nothing."""
        if not forms.keys() <= self._values.keys():
            self._values.update(forms)
            self._longest = tuple(sorted(self._values, key=len, reverse=True))

    def scrub(self, piece: bytes) -> bytes:
        """Replaces every secret that stands whole in `piece`."""
        for value in self._longest:
            piece = piece.replace(value, self._values[value])
        return piece


def _as_listed(stand: Stand, info: SecretInfo | None) -> Stand:
    """A deleted secret keeps its stand-in, which opens nothing."""
    return stand if info is None else replace(stand, host=info.host, header=info.header)
