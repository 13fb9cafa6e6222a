"""The audit chain: whatever is done to it, the check sees it and names the right row."""

import json
import random
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.audit import (
    GENESIS,
    Entry,
    Head,
    HeadFile,
    Signer,
    Verifier,
    digest_of,
    entry_line,
    head_text,
    is_signed,
    parse_entry,
    parse_head_text,
    verify,
)
from core.audit.store import canonical
from core.errors import Bug, UserFacing
from tests.support.tampering import WAYS, chain, heads_of, rehashed, tamper

SIGNER = Signer("a-secret-key-for-tests")
KEY = SIGNER.public_key
SEEDS = st.integers(0, 2**64)
HEADS = st.builds(
    Head,
    seq=st.integers(1, 10**18),
    digest=st.binary(min_size=32, max_size=32),
    at_us=st.integers(0, 10**17),
    signature=st.binary(min_size=64, max_size=64),
)


def rows(count: int = 23) -> list[Entry]:
    return chain(count, random.Random(count))


@given(count=st.integers(0, 40), seed=SEEDS)
def test_an_intact_chain_is_intact(count: int, seed: int) -> None:
    entries = chain(count, random.Random(seed))
    verdict = verify(iter(entries), heads_of(entries, SIGNER), KEY)
    assert (verdict.ok, verdict.checked, verdict.first_bad) == (True, count, None)


@given(count=st.integers(1, 40), seed=SEEDS)
def test_any_tampering_is_seen_at_the_right_row(count: int, seed: int) -> None:
    dice = random.Random(seed)
    entries = chain(count, dice)
    tampered, first_bad, name = tamper(entries, dice)
    verdict = verify(tampered, heads_of(entries, SIGNER), KEY)
    assert not verdict.ok, name
    assert (verdict.first_bad, name) == (first_bad, name), verdict.reason


@pytest.mark.parametrize("name", WAYS)
def test_each_way_to_tamper_is_seen_at_the_right_row(name: str) -> None:
    dice = random.Random(name)
    for _ in range(60):
        entries = chain(dice.randint(2, 30), dice)
        tampered, first_bad = WAYS[name](list(entries), dice)
        verdict = verify(tampered, heads_of(entries, SIGNER), KEY)
        assert (verdict.ok, verdict.first_bad) == (False, first_bad), verdict.reason


@pytest.mark.parametrize(
    "name", [n for n in WAYS if n not in {"cut tail", "old dump", "rebuild", "rehash"}]
)
def test_the_chain_alone_shows_what_was_not_computed_anew(name: str) -> None:
    dice = random.Random(name)
    for _ in range(60):
        entries = rows()
        tampered, _ = WAYS[name](list(entries), dice)
        is_cut = tampered == entries[: len(tampered)]
        assert verify(tampered, (), KEY).ok is is_cut


def test_a_reader_of_the_chain_stops_soon_after_the_fault() -> None:
    entries = rows()
    entries[3] = replace(entries[3], body="x")
    left = iter(entries)
    assert verify(left, (), KEY).checked == 4
    assert next(left).seq == 5
    verifier = Verifier((), KEY)
    assert [verifier.add(entry) for entry in entries[:6]] == [True] * 3 + [False] * 3


@pytest.mark.parametrize("heads_at", [(), (6,), (7,), (23,)])
def test_a_row_with_a_new_digest_is_found_by_the_row_after_it(heads_at: tuple[int, ...]) -> None:
    entries = rows()
    heads = [SIGNER.sign_head(n, entries[n - 1].digest, at_us=1) for n in heads_at]
    entries[7] = rehashed(entries[7], body="changed")
    assert verify(entries, heads, KEY).first_bad == 8


def test_where_the_end_is_in_doubt_a_head_decides_which_row_was_changed() -> None:
    entries = rows(4)
    misfit = rehashed(entries[3], previous=bytes(32))
    at_three, at_four = (SIGNER.sign_head(n, entries[n - 1].digest, at_us=1) for n in (3, 4))
    assert verify([*entries[:3], misfit], [at_three], KEY).first_bad == 4
    assert verify([*entries[:3], misfit], [at_four], KEY).first_bad == 4
    changed = rehashed(entries[2], body="changed")
    assert verify([*entries[:2], changed, entries[3]], [at_four], KEY).first_bad == 3


def test_a_rebuilt_chain_is_named_as_a_range() -> None:
    entries, dice = rows(), random.Random(1)
    heads = [SIGNER.sign_head(n, entries[n - 1].digest, at_us=n) for n in (6, 15)]
    rebuilt = chain(13, dice, after=entries[:10])
    verdict = verify(rebuilt, heads, KEY)
    assert verdict.first_bad == 7
    assert verdict.reason == "row 7 or one up to 15 was changed: the signed head says"


@pytest.mark.parametrize(
    "forged",
    [
        {"seq": 19},
        {"digest": bytes(32)},
        {"at_us": 8},
        {"signature": bytes(64)},
        {"signature": b""},
    ],
)
def test_an_altered_head_does_not_count(forged: dict[str, object]) -> None:
    entries = rows()
    head = replace(SIGNER.sign_head(20, entries[19].digest, at_us=7), **forged)  # type: ignore[arg-type]
    verdict = verify(entries, [head], KEY)
    assert (verdict.ok, verdict.first_bad) == (False, None)
    assert verdict.reason == f"the head of row {head.seq} has a wrong signature"


def test_a_head_of_another_key_does_not_count() -> None:
    entries = rows()
    other = Signer("another-key-for-tests")
    assert not verify(entries, heads_of(entries, other), KEY).ok
    assert not is_signed(other.sign_head(1, bytes(32), at_us=1), KEY)
    assert not is_signed(SIGNER.sign_head(0, bytes(32), at_us=1), KEY)


def test_a_bad_row_is_named_also_when_a_head_is_forged() -> None:
    entries = rows()
    heads = heads_of(entries, Signer("another-key-for-tests"))
    del entries[4]
    assert verify(entries, heads, KEY).first_bad == 5


def test_two_signed_heads_that_differ_cannot_both_be_right() -> None:
    entries = rows()
    heads = [SIGNER.sign_head(9, digest, at_us=1) for digest in (entries[8].digest, bytes(32))]
    assert verify(entries, heads, KEY).first_bad == 1


@pytest.mark.parametrize("is_suspect", [False, True])
def test_what_is_no_row_is_bad_in_its_place(is_suspect: bool) -> None:
    entries = rows()
    verifier = Verifier((), KEY)
    for entry in entries[:5]:
        verifier.add(entry)
    if is_suspect:
        verifier.add(rehashed(entries[5], previous=bytes(32)))
    verifier.refuse("is no row")
    verifier.refuse("is no row either")
    assert verifier.verdict().first_bad == (5 if is_suspect else 6)
    assert not verifier.add(entries[5])


@given(
    *[st.tuples(st.integers(), st.integers(), st.text(), st.text())] * 2,
)
def test_no_two_rows_encode_alike(
    one: tuple[int, int, str, str], other: tuple[int, int, str, str]
) -> None:
    digests = {
        digest_of(GENESIS, seq=seq, at_us=at_us, kind=kind, body=body)
        for seq, at_us, kind, body in (one, other)
    }
    assert len(digests) == len({one, other})


def test_the_digest_is_what_the_migration_says_it_is() -> None:
    digest = digest_of(GENESIS, seq=1, at_us=1_760_000_000_000_000, kind="a", body="{}")
    assert digest.hex() == "d624083d3eb8862ec8bbc6ec069dac1b0dbd7f69dede1ad7595d2766d1384e82"


@given(seed=SEEDS)
def test_a_row_survives_its_line_and_no_byte_of_the_line_may_change(seed: int) -> None:
    dice = random.Random(seed)
    (entry,) = chain(1, dice)
    line = entry_line(entry).encode()
    assert parse_entry(line) == entry
    at = dice.randrange(len(line))
    changed = line[:at] + bytes([line[at] ^ 1 << dice.randrange(8)]) + line[at + 1 :]
    try:
        found = parse_entry(changed)
    except ValueError:
        return
    assert not verify([found], (), KEY).ok


@given(
    st.one_of(
        st.binary(),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.text(),
            lambda inner: st.dictionaries(
                st.sampled_from(["seq", "at_us", "kind", "body", "previous", "digest"]), inner
            ),
        ).map(lambda value: json.dumps(value).encode()),
    )
)
def test_what_is_no_row_is_refused(line: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_entry(line)


@given(HEADS)
def test_a_head_survives_the_chat(head: Head) -> None:
    line = head_text(head)
    assert parse_head_text(line) == head
    assert parse_head_text("  " + line.replace(" ", "\n ") + "\n") == head


@given(st.text() | HEADS.map(lambda head: head_text(head)[:-1]))
def test_what_is_no_head_is_refused(line: str) -> None:
    with pytest.raises(ValueError, match="is no line like"):
        parse_head_text(line)


def test_heads_are_kept_in_a_private_file_that_grows(tmp_path: Path) -> None:
    file = HeadFile(tmp_path / "audit" / "heads.jsonl")
    assert (file.read(), file.newest()) == ((), None)
    heads = heads_of(rows(), SIGNER)
    for head in heads:
        file.append(head)
    assert file.read() == tuple(heads)
    assert file.newest() == heads[-1]
    assert file.path.stat().st_mode & 0o777 == 0o600
    assert file.path.parent.stat().st_mode & 0o777 == 0o700


def test_a_kill_at_any_byte_of_a_write_loses_no_earlier_head(tmp_path: Path) -> None:
    file = HeadFile(tmp_path / "heads.jsonl")
    one, two, three = heads_of(rows(15), SIGNER)
    file.append(one)
    start = file.path.stat().st_size
    file.append(two)
    full = file.path.read_bytes()
    for size in range(start, len(full) + 1):
        file.path.write_bytes(full[:size])
        survived = (one, two) if size >= len(full) - 1 else (one,)
        assert file.read() == survived
        file.append(three)
        assert file.read() == (*survived, three)


def test_a_whole_line_that_is_no_head_is_not_passed_over(tmp_path: Path) -> None:
    file = HeadFile(tmp_path / "heads.jsonl")
    for head in heads_of(rows(), SIGNER):
        file.append(head)
    file.path.write_bytes(file.path.read_bytes().replace(b"{", b"[", 1))
    with pytest.raises(UserFacing, match="line 1 is no signed head"):
        file.read()


def test_a_signer_hides_its_key_and_makes_the_same_one_again() -> None:
    assert "secret" not in repr(SIGNER)
    assert Signer("a-secret-key-for-tests").public_key == KEY
    assert Signer("another-key-for-tests").public_key != KEY


def test_a_body_has_one_form_that_postgres_can_keep() -> None:
    assert canonical({"b": ["é", 1.5, None], "a": {"y": True, "x": ()}}) == (
        '{"a":{"x":[],"y":true},"b":["é",1.5,null]}'
    )
    assert canonical({"a\x00": "\ud800"}) == '{"a\ufffd":"\ufffd"}'
    assert canonical({}) == "{}"


@pytest.mark.parametrize("value", [object(), float("nan"), b"bytes", {1, 2}])
def test_what_is_no_json_is_a_bug_of_the_caller(value: object) -> None:
    with pytest.raises(Bug, match="cannot go into the audit trail"):
        canonical({"value": value})
