"""Audit rows and heads: what a check says in words, the exact text of a line, the file of heads."""

from __future__ import annotations

import fcntl
import os
import random
from dataclasses import replace
from pathlib import Path

import pytest

from core.audit import (
    GENESIS,
    Entry,
    Head,
    HeadFile,
    Signer,
    Verdict,
    Verifier,
    digest_of,
    entry_line,
    head_text,
    is_signed,
    parse_entry,
    parse_head_text,
    verify,
)
from core.audit.chain import head_message
from core.audit.types import fields_of, one_line, text, whole
from core.errors import UserFacing
from tests.support.tampering import chain, rehashed
from tests.support.values import is_a_plain_value

SIGNER = Signer("a-secret-key-for-tests")
KEY = SIGNER.public_key
HEAD = Head(seq=12, digest=bytes(32), at_us=7, signature=b"\x01" * 64)
HEAD_TEXT = f"audit head 12 {'00' * 32} at 7 sig {'01' * 64}"


def rows(count: int = 9) -> list[Entry]:
    return chain(count, random.Random(count))


def signed(entries: list[Entry], *places: int) -> list[Head]:
    return [SIGNER.sign_head(n, entries[n - 1].digest, at_us=n) for n in places]


def said(entries: list[Entry], heads: list[Head] | None = None) -> tuple[int, int | None, str]:
    verdict = verify(entries, heads or [], KEY)
    assert verdict.ok is (verdict.reason == "")
    return verdict.checked, verdict.first_bad, verdict.reason


def test_a_check_says_in_words_what_it_found() -> None:
    good = rows()
    assert said(good, signed(good, 5, 9)) == (9, None, "")
    assert said([]) == (0, None, "")
    changed = [*good[:3], replace(good[3], body="x"), *good[4:]]
    assert said(changed) == (4, 4, "row 4 was changed: its digest is wrong")
    twice = [*good[:3], *good[2:]]
    assert said(twice) == (4, 3, "row 3 stands there twice")
    gone = [*good[:3], *good[4:]]
    assert said(gone) == (4, 4, "row 4 is not in its place: row 5 stands there")
    cut = good[:6]
    assert said(cut, signed(good, 5, 8)) == (6, 7, "row 7 is missing: row 8 existed and was signed")
    assert said([], signed(good, 8)) == (0, 1, "row 1 is missing: row 8 existed and was signed")


def test_a_row_that_follows_another_one_is_explained() -> None:
    good = rows()
    anew = [*good[:3], rehashed(good[3], body="x"), *good[4:]]
    assert said(anew) == (6, 4, "row 4 was changed: row 5 follows another one")
    misfit = rehashed(good[3], previous=bytes(32))
    of_itself = "row 4 was changed: it follows another row than the one before it"
    assert said([*good[:3], misfit, *good[4:]]) == (5, 4, of_itself)
    assert said([*good[:3], misfit], signed(good, 3)) == (4, 4, of_itself)
    invented = rehashed(good[3], previous=bytes(32))
    assert said([*good[:3], invented, replace(invented)]) == (5, 4, "row 4 stands there twice")


def test_a_first_row_that_follows_something_is_itself_at_fault() -> None:
    good = rows(2)
    first = rehashed(good[0], previous=b"\x01" * 32)
    second = rehashed(good[1], previous=first.digest)
    assert said([first, second])[:2] == (2, 1)
    assert said([first], [SIGNER.sign_head(1, first.digest, at_us=1)])[:2] == (1, 1)


def test_a_signed_row_before_a_misfit_is_not_the_one_at_fault() -> None:
    good = rows(5)
    misfit = rehashed(good[3], previous=bytes(32))
    follower = rehashed(good[4], previous=misfit.digest)
    assert said([*good[:3], misfit, follower], signed(good, 3))[1] == 4
    assert said([*good[:3], misfit, follower], signed(good, 2))[1] == 3
    end = [*good[:3], misfit]
    assert said(end, [SIGNER.sign_head(4, misfit.digest, at_us=1)])[1] == 3
    assert said(end, [SIGNER.sign_head(4, bytes(32), at_us=1)])[1] == 4


def test_a_row_of_the_right_number_that_is_no_copy_does_not_stand_there_twice() -> None:
    good = rows(4)
    for other in (rehashed(good[2], previous=bytes(32)), rehashed(good[2], seq=9)):
        assert "twice" not in said([*good[:3], other])[2]
    misfit = rehashed(good[3], previous=bytes(32))
    for other in (rehashed(misfit, previous=b"\x01" * 32), rehashed(misfit, seq=5)):
        assert "twice" not in said([*good[:3], misfit, other])[2]
    assert said([*good[:3], rehashed(good[2], body="x")])[1:] == (3, "row 3 stands there twice")


def test_a_disagreeing_head_names_the_rows_since_the_last_agreeing_one() -> None:
    good = rows()
    heads = [*signed(good, 3), SIGNER.sign_head(7, bytes(32), at_us=1)]
    reason = "row 4 or one up to 7 was changed: the signed head says"
    assert said(good, heads) == (8, 4, reason)
    assert said(good[:7], heads) == (7, 4, reason)


def test_what_is_no_row_is_explained_with_the_given_reason() -> None:
    verifier = Verifier([], KEY)
    for entry in rows()[:2]:
        assert verifier.add(entry)
    verifier.refuse("is no row")
    verifier.refuse("is no row either")
    assert verifier.verdict() == Verdict(ok=False, checked=2, first_bad=3, reason="row 3 is no row")


def test_what_is_no_row_ends_the_doubt_about_the_row_before_it() -> None:
    good = rows()
    misfit = rehashed(good[1], previous=bytes(32))
    verifier = Verifier([], KEY)
    assert [verifier.add(one) for one in (good[0], misfit)] == [True, True]
    verifier.refuse("is no row")
    assert not verifier.add(good[2])
    assert (verifier.verdict().checked, verifier.verdict().first_bad) == (2, 1)


def test_a_check_takes_no_row_after_a_fault() -> None:
    good = rows()
    verifier = Verifier([], KEY)
    misfit = rehashed(good[1], previous=bytes(32))
    assert [verifier.add(one) for one in (good[0], misfit, good[2], good[3])] == [
        True, True, False, False,
    ]  # fmt: skip
    assert verifier.verdict().checked == 3
    verifier.refuse("is no row")
    assert verifier.verdict().first_bad == 2


def test_a_forged_head_is_named_by_its_row_only_when_all_rows_are_good() -> None:
    good = rows()
    heads = [replace(head, at_us=0) for head in signed(good, 4, 5)]
    wrong = "the head of row 4 has a wrong signature"
    assert said(good, heads) == (9, None, wrong)
    assert said(good, [*heads, SIGNER.sign_head(0, GENESIS, at_us=1)]) == (9, None, wrong)


def test_a_head_of_the_first_row_counts_and_one_of_no_row_does_not() -> None:
    assert is_signed(SIGNER.sign_head(1, GENESIS, at_us=0), KEY) is True
    assert is_signed(SIGNER.sign_head(0, GENESIS, at_us=0), KEY) is False
    assert is_signed(replace(HEAD), KEY) is False


def test_what_is_hashed_and_signed_is_fixed_for_good() -> None:
    assert bytes(32) == GENESIS
    size = (2).to_bytes(4, "big"), (1).to_bytes(4, "big"), (64).to_bytes(4, "big")
    assert head_message(12, bytes(32), at_us=7) == (
        b"agentai/audit/head/1" + size[0] + b"12" + size[1] + b"7" + size[2] + b"00" * 32
    )
    assert len(digest_of(GENESIS, seq=1, at_us=1, kind="\ud800", body="")) == 32
    assert KEY.hex() == "5861e237f23d9b015d7aba16907d4063f1a7c5a710a0857b0589dbf617087f85"


def test_a_row_and_a_head_are_written_in_one_way() -> None:
    entry = Entry(seq=1, at_us=2, kind="é", body="{}", previous=b"\x01", digest=b"\x02")
    line = '{"at_us":2,"body":"{}","digest":"02","kind":"é","previous":"01","seq":1}'
    assert entry_line(entry) == line
    assert parse_entry(line.encode()) == entry
    assert one_line({"b": b"\xff", "a": None}) == '{"a":null,"b":"ff"}'
    assert head_text(HEAD) == HEAD_TEXT


@pytest.mark.parametrize(
    ("line", "said"),
    [(b"[]", "is no JSON object"), (b"[" * 100_000, "is nested too deeply"),
     (b"{}", "seq is no whole number"), (b'{"seq":true}', "seq is no whole number"),
     (b'{"seq":1.0}', "seq is no whole number"),
     (b'{"seq":1}', "at_us is no whole number"), (b'{"seq":1,"at_us":1}', "kind is no text"),
     (b'{"seq":1,"at_us":1,"kind":1}', "kind is no text"),
     (b'{"seq":1,"at_us":1,"kind":"a"}', "body is no text"),
     (b'{"seq":1,"at_us":1,"kind":"a","body":""}', "previous is no text"),
     (b'{"seq":1,"at_us":1,"kind":"a","body":"","previous":""}', "digest is no text"),
     (b'{"seq":1,"at_us":1,"kind":"a","body":"","previous":"","digest":""}',
      "is not written as a row is")],
    ids=range(12),
)  # fmt: skip
def test_a_line_that_is_no_row_is_explained(line: bytes, said: str) -> None:
    with pytest.raises(ValueError, match=f"^{said}$") as caught:
        parse_entry(line)
    assert caught.value.__cause__ is None


def test_a_field_of_a_line_has_its_type() -> None:
    found = fields_of('{"n":1,"t":"é"}'.encode())
    assert (whole(found, "n"), text(found, "t")) == (1, "é")


@pytest.mark.parametrize(
    "line",
    [HEAD_TEXT.replace("12", str(10**18)), HEAD_TEXT.replace("at 7", f"at {10**17}"),
     HEAD_TEXT.replace("at 7", "at 0"), HEAD_TEXT.replace("12", str(10**19 - 1))],
)  # fmt: skip
def test_a_head_in_the_chat_may_have_large_numbers(line: str) -> None:
    assert head_text(parse_head_text(line)) == line


@pytest.mark.parametrize(
    "line",
    [HEAD_TEXT.replace("12", str(10**19)), HEAD_TEXT.replace("at 7", f"at {10**18}"),
     HEAD_TEXT.replace("at 7", "at 07"), HEAD_TEXT.replace("12", "0"), HEAD_TEXT + "0",
     HEAD_TEXT.replace("12", "012"), "x" + HEAD_TEXT, HEAD_TEXT[:-1] + "G", HEAD_TEXT + " x"],
)  # fmt: skip
def test_what_is_no_head_is_explained(line: str) -> None:
    with pytest.raises(ValueError, match=r"^is no line like: audit head 12 .*signature\)$"):
        parse_head_text(line)


@pytest.mark.parametrize(
    "value", [*rows(1), HEAD, Verdict(ok=True, checked=0, first_bad=None, reason="")]
)
def test_a_value_cannot_be_changed_or_given_more_and_names_its_parts(value: object) -> None:
    is_a_plain_value(value)


def test_a_signer_is_shown_without_its_key() -> None:
    assert repr(SIGNER) == "Signer(…)"


def test_heads_stand_in_private_files_whatever_the_umask(tmp_path: Path) -> None:
    file = HeadFile(tmp_path / "deep" / "audit" / "heads.jsonl")
    open_before = len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - pseudo-files
    before = os.umask(0)
    try:
        file.append(HEAD)
    finally:
        os.umask(before)
    assert len(os.listdir("/proc/self/fd")) == open_before  # noqa: PTH208 - pseudo-files
    assert file.path.stat().st_mode & 0o7777 == 0o600
    assert file.path.parent.stat().st_mode & 0o7777 == 0o700
    line = f'{{"at_us":7,"digest":"{"00" * 32}","seq":12,"signature":"{"01" * 64}"}}\n'
    assert file.path.read_text() == line


def test_the_newest_head_is_that_of_the_highest_row(tmp_path: Path) -> None:
    file = HeadFile(tmp_path / "heads.jsonl")
    for seq in (3, 9, 5):
        file.append(replace(HEAD, seq=seq))
    assert file.newest() == replace(HEAD, seq=9)


def test_a_head_is_synced_under_a_lock_and_its_folder_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = HeadFile(tmp_path / "heads.jsonl")
    synced, real = [], os.fsync

    def fsync(descriptor: int) -> None:
        target = str(Path(f"/proc/self/fd/{descriptor}").readlink())
        if target == str(file.path):
            with file.path.open() as other, pytest.raises(BlockingIOError):
                fcntl.flock(other, fcntl.LOCK_SH | fcntl.LOCK_NB)
        synced.append(target)
        real(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    file.append(HEAD)
    file.append(HEAD)
    assert synced == [str(file.path), str(tmp_path), str(file.path)]


def test_a_head_is_written_whole_also_piece_by_piece(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, raw: real(descriptor, raw[:9]))
    file = HeadFile(tmp_path / "heads.jsonl")
    file.append(HEAD)
    assert file.read() == (HEAD,)


def test_a_line_that_is_no_head_is_named_and_says_what_to_do(tmp_path: Path) -> None:
    file = HeadFile(tmp_path / "heads.jsonl")
    file.append(HEAD)
    for bad in ('{"seq":1}', '{"seq": 12}', "x", file.path.read_text()[:-1].replace("00", "0A", 1)):
        first = file.path.read_text().split("\n")[0]
        file.path.write_text(f"{first}\n{bad}\n")
        with pytest.raises(UserFacing) as caught:
            file.read()
        assert caught.value.sentence() == (
            f"{file.path}: line 2 is no signed head.\n"
            "The file was changed. Check with the heads in your chat: agentai audit verify "
            '--heads /dev/null --head "audit head …"'
        )
        assert caught.value.__suppress_context__


def test_a_torn_last_line_is_no_head_and_is_removed(tmp_path: Path) -> None:
    file = HeadFile(tmp_path / "heads.jsonl")
    file.append(HEAD)
    line = file.path.read_bytes()
    file.path.write_bytes(line + line[:20])
    assert file.read() == (HEAD,)
    file.append(HEAD)
    assert file.path.read_bytes() == line * 2
    file.path.write_bytes(line[:-1])
    assert file.read() == (HEAD,)
    file.append(HEAD)
    assert file.path.read_bytes() == line * 2
