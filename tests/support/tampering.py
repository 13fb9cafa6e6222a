"""Audit chains, and every way to tamper with one, each with the row that a check must name.

`tamper` counts on heads at every `HEAD_EVERY`th row and at the last one, as `heads_of` makes them:
where digests were computed anew, the first row after the last agreeing head is the right answer.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from core.audit import GENESIS, Entry, digest_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from random import Random

    from core.audit import Head, Signer

HEAD_EVERY = 5
KINDS = ("effect.intent", "effect.outcome", "approval", "grüße", "a")
BODIES = ("{}", "", '{"host":"example.org"}', '{"name":"Žluťoučký 🐎"}', '{"n":[1,2,3]}')

# The tampered rows, and the first row that a check must call bad.
Tampering = tuple[list[Entry], int]


def rehashed(entry: Entry, **changes: object) -> Entry:
    """`entry` with changes and a digest that fits them."""
    new = replace(entry, **changes)  # type: ignore[arg-type] # the tests' own names
    digest = digest_of(new.previous, seq=new.seq, at_us=new.at_us, kind=new.kind, body=new.body)
    return replace(new, digest=digest)


def chain(count: int, rng: Random, *, after: Sequence[Entry] = ()) -> list[Entry]:
    """`count` more rows behind `after`."""
    rows = list(after)
    for _ in range(count):
        blank = Entry(
            seq=len(rows) + 1,
            at_us=1_760_000_000_000_000 + rng.randrange(10**12),
            kind=rng.choice(KINDS),
            body=rng.choice(BODIES),
            previous=rows[-1].digest if rows else GENESIS,
            digest=b"",
        )
        rows.append(rehashed(blank))
    return rows


def head_places(count: int) -> list[int]:
    """The rows that have a signed head."""
    return sorted({*range(HEAD_EVERY, count + 1, HEAD_EVERY), *([count] if count else [])})


def heads_of(entries: Sequence[Entry], signer: Signer) -> list[Head]:
    """The heads that `tamper` counts on."""
    return [
        signer.sign_head(place, entries[place - 1].digest, at_us=entries[place - 1].at_us + 1)
        for place in head_places(len(entries))
    ]


def tamper(entries: Sequence[Entry], rng: Random) -> tuple[list[Entry], int, str]:
    """Tampers in one random way; returns the rows, the first bad row and the way's name."""
    name = rng.choice([n for n in WAYS if len(entries) >= (2 if n in _NEEDS_TWO else 1)])
    tampered, first_bad = WAYS[name](list(entries), rng)
    return tampered, first_bad, name


def _after_agreeing_head(count: int, changed: int) -> int:
    return max((place for place in head_places(count) if place < changed), default=0) + 1


def _place(entries: Sequence[Entry], rng: Random) -> int:
    return rng.randint(1, len(entries))


def _flipped_text(text: str, rng: Random) -> str:
    if not text:
        return "x"
    at = rng.randrange(len(text))
    return text[:at] + chr(ord(text[at]) ^ 1) + text[at + 1 :]


def _flipped_bytes(raw: bytes, rng: Random) -> bytes:
    at = rng.randrange(len(raw))
    return raw[:at] + bytes([raw[at] ^ 1 << rng.randrange(8)]) + raw[at + 1 :]


def flip(field: str) -> Callable[[list[Entry], Random], Tampering]:
    """One changed bit in `field` of one row; no digest is computed anew."""

    def act(entries: list[Entry], rng: Random) -> Tampering:
        place = _place(entries, rng)
        old = getattr(entries[place - 1], field)
        match old:
            case str():
                new: object = _flipped_text(old, rng)
            case bytes():
                new = _flipped_bytes(old, rng)
            case _:
                new = old ^ 1 << rng.randrange(8)
        entries[place - 1] = replace(entries[place - 1], **{field: new})  # type: ignore[arg-type] # of the same type
        return entries, place

    return act


def shift(entries: list[Entry], rng: Random) -> Tampering:
    """The last letter of the kind moves into the body."""
    place = _place(entries, rng)
    row = entries[place - 1]
    entries[place - 1] = replace(row, kind=row.kind[:-1], body=row.kind[-1:] + row.body)
    return entries, place


def delete(entries: list[Entry], rng: Random) -> Tampering:
    """One row is gone."""
    place = _place(entries, rng)
    del entries[place - 1]
    return entries, place


def reorder(entries: list[Entry], rng: Random) -> Tampering:
    """Two rows change places."""
    first, second = sorted(rng.sample(range(len(entries)), 2))
    entries[first], entries[second] = entries[second], entries[first]
    return entries, first + 1


def duplicate(entries: list[Entry], rng: Random) -> Tampering:
    """A row stands twice in a row, or again further down."""
    place = _place(entries, rng)
    at = rng.randint(place, len(entries))
    entries.insert(at, entries[place - 1])
    return entries, place if at == place else at + 1


def insert(entries: list[Entry], rng: Random) -> Tampering:
    """An invented row that fits what stands before it."""
    place = _place(entries, rng)
    entries.insert(place - 1, rehashed(entries[place - 1], body='{"invented":true}'))
    return entries, place


def insert_misfit(entries: list[Entry], rng: Random) -> Tampering:
    """An invented row that fits nothing: no link, or no digest."""
    place = _place(entries, rng)
    unlinked = rehashed(entries[place - 1], previous=rng.randbytes(32))
    entries.insert(place - 1, rng.choice([unlinked, replace(unlinked, digest=rng.randbytes(32))]))
    return entries, place


def cut_tail(entries: list[Entry], rng: Random) -> Tampering:
    """The newest rows are gone."""
    kept = rng.randrange(len(entries))
    return entries[:kept], kept + 1


def old_dump(entries: list[Entry], rng: Random) -> Tampering:
    """The database as it was when an earlier head was made; the instance has written on since."""
    kept = rng.randrange(len(entries))
    again = chain(len(entries) - kept, rng, after=entries[:kept])
    changed = kept + 1
    again[kept] = rehashed(again[kept], at_us=entries[kept].at_us + 1)
    return _linked(again, changed), _after_agreeing_head(len(entries), changed)


def rebuild(entries: list[Entry], rng: Random) -> Tampering:
    """One row is changed and every digest from there on computed anew."""
    place = _place(entries, rng)
    entries[place - 1] = rehashed(entries[place - 1], body='{"changed":true}')
    return _linked(entries, place), _after_agreeing_head(len(entries), place)


def _linked(entries: list[Entry], place: int) -> list[Entry]:
    for at in range(place, len(entries)):
        entries[at] = rehashed(entries[at], previous=entries[at - 1].digest)
    return entries


def rehash(entries: list[Entry], rng: Random) -> Tampering:
    """One row is changed and only its own digest computed anew."""
    place = _place(entries, rng)
    entries[place - 1] = rehashed(entries[place - 1], at_us=entries[place - 1].at_us - 1)
    has_head = place in head_places(len(entries))
    return entries, _after_agreeing_head(len(entries), place) if has_head else place


WAYS: dict[str, Callable[[list[Entry], Random], Tampering]] = {
    **{f"flip {name}": flip(name) for name in Entry.__dataclass_fields__},
    "shift": shift,
    "delete": delete,
    "reorder": reorder,
    "duplicate": duplicate,
    "insert": insert,
    "insert misfit": insert_misfit,
    "cut tail": cut_tail,
    "old dump": old_dump,
    "rebuild": rebuild,
    "rehash": rehash,
}
_NEEDS_TWO = {"reorder"}
