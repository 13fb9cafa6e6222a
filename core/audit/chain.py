"""Checks a chain of audit rows against itself and against signed heads. Pure, one row at a time.

Threat: whoever can write to the database, or to an export, changed, removed, reordered, doubled or
invented rows, cut the end off, put an old dump back, or computed the whole chain anew. The chain
alone shows what was not computed anew; heads signed with a key that Postgres never sees (Ed25519,
RFC 8032) show the rest. Rows after the newest head have only the chain.

Which row is named: the first place that does not hold its row. Two rows that claim one place make
that place bad. A row whose digest was computed anew is found by the row after it. Where a head
disagrees with a chain that fits in itself, nobody can say which row since the last agreeing head
was changed first: the first row after that head is named and the reason gives the range.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from core.audit.types import Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from core.audit.types import Entry, Head

GENESIS = bytes(32)
_HEAD = b"agentai/audit/head/1"


def _field(text: str) -> bytes:
    """A text with its length in front, so that no two rows encode alike."""
    raw = text.encode("utf-8", "surrogatepass")
    return len(raw).to_bytes(4, "big") + raw


def digest_of(previous: bytes, *, seq: int, at_us: int, kind: str, body: str) -> bytes:
    """The digest of a row after `previous`; `audit_append` in Postgres computes the same."""
    fields = (str(seq), str(at_us), kind, body)
    return hashlib.sha256(previous + b"".join(map(_field, fields))).digest()


def head_message(seq: int, digest: bytes, *, at_us: int) -> bytes:
    """The bytes that a head's signature covers."""
    return _HEAD + b"".join(map(_field, (str(seq), str(at_us), digest.hex())))


def is_signed(head: Head, public_key: bytes) -> bool:
    """Whether the owner of `public_key` (32 bytes) signed exactly this head."""
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    key = Ed25519PublicKey.from_public_bytes(public_key)
    try:
        key.verify(head.signature, head_message(head.seq, head.digest, at_us=head.at_us))
    except InvalidSignature:
        return False
    return head.seq > 0


def verify(entries: Iterable[Entry], heads: Sequence[Head], public_key: bytes) -> Verdict:
    """Checks all rows, first to last; reads no further than the fault needs."""
    verifier = Verifier(heads, public_key)
    for entry in entries:
        if not verifier.add(entry):
            break
    return verifier.verdict()


class Verifier:
    """One check under way: give it the rows in order, then ask for the verdict."""

    def __init__(self, heads: Sequence[Head], public_key: bytes) -> None:
        self._heads: dict[int, set[bytes]] = {}
        self._forged: list[int] = []
        for head in heads:
            if is_signed(head, public_key):
                self._heads.setdefault(head.seq, set()).add(head.digest)
            else:
                self._forged.append(head.seq)
        self._newest_head = max(self._heads, default=0)
        self._seq = self._agreed = self._checked = 0
        self._digest = self._before = GENESIS
        self._suspect: Entry | None = None
        self._fault: tuple[int, str] | None = None

    def add(self, entry: Entry) -> bool:
        """Takes the next row; False once no further row changes the verdict."""
        if self._fault is not None:
            return False
        self._checked += 1
        if self._suspect is not None:
            self._fault = self._settle(self._suspect, entry)
            return False
        self._fault = self._fault_in(entry)
        if self._fault is not None:
            return False
        if entry.previous != self._digest or not self._heads_agree(entry):
            self._suspect = entry  # the row after it tells which one was changed
            return True
        self._advance(entry)
        return True

    def refuse(self, reason: str) -> None:
        """Says that something stands in the next place that is no row at all."""
        if self._fault is None and self._suspect is not None:
            self._fault = self._settle(self._suspect, None)
        elif self._fault is None:
            self._fault = (self._seq + 1, reason)

    def verdict(self) -> Verdict:
        """What was found in the rows so far, as if they were all."""
        fault = self._fault
        if fault is None and self._suspect is not None:
            fault = self._settle(self._suspect, None)
        if fault is None and self._newest_head > self._seq:
            fault = self._seq + 1, f"is missing: row {self._newest_head} existed and was signed"
        if fault is not None:
            return self._verdict(fault[0], f"row {fault[0]} {fault[1]}")
        if self._forged:
            return self._verdict(None, f"the head of row {self._forged[0]} has a wrong signature")
        return Verdict(ok=True, checked=self._checked, first_bad=None, reason="")

    def _verdict(self, first_bad: int | None, reason: str) -> Verdict:
        return Verdict(ok=False, checked=self._checked, first_bad=first_bad, reason=reason)

    def _advance(self, entry: Entry) -> None:
        self._seq, self._digest, self._before = entry.seq, entry.digest, entry.previous
        if entry.seq in self._heads:
            self._agreed = entry.seq

    def _heads_agree(self, entry: Entry) -> bool:
        return self._heads.get(entry.seq, {entry.digest}) == {entry.digest}

    def _fault_in(self, entry: Entry) -> tuple[int, str] | None:
        """A fault that needs no look at other rows than those before."""
        place = self._seq + 1
        right = digest_of(
            entry.previous, seq=entry.seq, at_us=entry.at_us, kind=entry.kind, body=entry.body
        )
        if entry.digest != right:
            return place, "was changed: its digest is wrong"
        if entry.seq == self._seq and entry.previous == self._before:
            return entry.seq, "stands there twice"
        if entry.seq != place:
            return place, f"is not in its place: row {entry.seq} stands there"
        return None

    def _settle(self, suspect: Entry, following: Entry | None) -> tuple[int, str]:
        """Who is at fault where a row's link or head does not fit: it or a row before it."""
        if following is not None and _claims_place_of(following, suspect):
            return suspect.seq, "stands there twice"
        if suspect.previous == self._digest:
            return self._agreed + 1, f"or one up to {suspect.seq} was changed: the signed head says"
        is_confirmed = (
            following.previous == suspect.digest
            if following is not None
            else self._heads_agree(suspect)
        )
        if is_confirmed and self._agreed < self._seq:
            return self._seq, f"was changed: row {suspect.seq} follows another one"
        return suspect.seq, "was changed: it follows another row than the one before it"


def _claims_place_of(entry: Entry, other: Entry) -> bool:
    return entry.seq == other.seq and entry.previous == other.previous
