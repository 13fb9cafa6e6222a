"""`agentai audit verify FILE`: offline, without a database, a secret or a setting."""

import random
from pathlib import Path

import pytest

from agentai.audit_command import header_line, main
from core.audit import Entry, HeadFile, Signer, entry_line, head_text
from tests.support.tampering import chain, heads_of, rebuild, tamper

SIGNER = Signer("a-secret-key-for-tests")
ENTRIES = chain(12, random.Random(12))
HEADS = heads_of(ENTRIES, SIGNER)


@pytest.fixture(autouse=True)
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No settings, and nothing in the folder."""
    for name in ("DATABASE_URL", "AGENTAI_SECRET_KEY", "AGENTAI_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)


def written(path: Path, entries: list[Entry], signer: Signer = SIGNER) -> str:
    lines = [header_line(signer.public_key), *map(entry_line, entries)]
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return str(path)


@pytest.fixture
def export(tmp_path: Path) -> str:
    return written(tmp_path / "export.jsonl", ENTRIES)


@pytest.fixture
def heads(tmp_path: Path) -> str:
    file = HeadFile(tmp_path / "heads.jsonl")
    for head in HEADS:
        file.append(head)
    return str(file.path)


def test_an_intact_export_is_intact(
    export: str, heads: str, capsys: pytest.CaptureFixture[str]
) -> None:
    key = SIGNER.public_key.hex()
    assert main(["verify", export, "--heads", heads, "--public-key", key]) == 0
    assert capsys.readouterr() == ("intact: 12 rows\n", "")


def test_the_check_says_what_it_could_not_see(
    export: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["verify", export]) == 0
    said = capsys.readouterr().err
    assert "the key is the one that the file itself names" in said
    assert "no signed head covers the rows from 1 on" in said
    assert main(["verify", export, "--head", head_text(HEADS[1])]) == 0
    assert "no signed head covers the rows from 11 on" in capsys.readouterr().err


def test_the_row_and_the_reason_are_printed(
    tmp_path: Path, heads: str, capsys: pytest.CaptureFixture[str]
) -> None:
    for seed in range(100):
        tampered, first_bad, name = tamper(ENTRIES, random.Random(seed))
        path = written(tmp_path / "tampered.jsonl", tampered)
        assert main(["verify", path, "--heads", heads]) == 1, name
        assert f"tampered with: row {first_bad} " in capsys.readouterr().out, name


def test_a_head_from_the_chat_shows_a_rebuilt_chain(tmp_path: Path) -> None:
    rebuilt, _ = rebuild(list(ENTRIES), random.Random(1))
    path = written(tmp_path / "rebuilt.jsonl", rebuilt)
    assert main(["verify", path]) == 0
    assert main(["verify", path, "--head", head_text(HEADS[-1])]) == 1


def test_a_forger_with_a_key_of_his_own_gets_nowhere(tmp_path: Path, heads: str) -> None:
    forger = Signer("the-forgers-own-key")
    path = written(tmp_path / "forged.jsonl", ENTRIES, forger)
    assert main(["verify", path, "--heads", heads]) == 1
    assert main(["verify", path, "--public-key", SIGNER.public_key.hex()]) == 1


def test_no_bit_of_an_export_may_change(tmp_path: Path, export: str, heads: str) -> None:
    raw = Path(export).read_bytes()
    dice = random.Random(1)
    for _ in range(150):
        at = dice.randrange(len(raw))
        changed = raw[:at] + bytes([raw[at] ^ 1 << dice.randrange(8)]) + raw[at + 1 :]
        (tmp_path / "changed").write_bytes(changed)
        assert main(["verify", str(tmp_path / "changed"), "--heads", heads]) in {1, 2}


@pytest.mark.parametrize("tail", [b"\n", b"{}\n", b"\xff\n", b'{"seq":13', b"[" * 100_000 + b"\n"])
def test_what_is_no_row_is_named_by_its_place(
    export: str, tail: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    with Path(export).open("ab") as file:
        file.write(tail)
    assert main(["verify", export]) == 1
    assert "tampered with: row 13 cannot be read" in capsys.readouterr().out


def test_a_changed_file_of_heads_is_tampering(export: str, heads: str) -> None:
    raw = Path(heads).read_bytes()
    Path(heads).write_bytes(raw.replace(b'"seq":5', b'"seq":6'))
    assert main(["verify", export, "--heads", heads]) == 1
    Path(heads).write_bytes(b"{}\n" + raw)
    assert main(["verify", export, "--heads", heads]) == 1


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["mend"],
        ["export"],
        ["export", "FILE"],
        ["verify"],
        ["verify", "missing"],
        ["verify", "."],
        ["verify", "heads.jsonl"],
        ["verify", "export.jsonl", "--heads", "missing"],
        ["verify", "export.jsonl", "--heads", "."],
        ["verify", "export.jsonl", "--public-key", "abc"],
        ["verify", "export.jsonl", "--public-key", "abcd"],
        ["verify", "export.jsonl", "--head", "audit head"],
    ],
)
@pytest.mark.usefixtures("export", "heads")
def test_wrong_use_ends_with_two(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 2
    assert capsys.readouterr().err


def test_help_is_no_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    assert "agentai audit verify FILE" in capsys.readouterr().out
