"""`agentai audit`: checks the audit trail, or writes it to a file that can be checked anywhere.

agentai audit verify          the trail in the database, with the heads in the instance's folder
agentai audit verify FILE     an export, offline: no database and no secret is needed
agentai audit export FILE     writes the trail, one row a line (made with mode 0600)

verify takes --heads FILE (signed heads, as in HOME/audit/heads.jsonl), --head "audit head …" (a
head from the chat; may be repeated) and --public-key HEX. Exit code 0: intact; 1: tampered with,
the row and the reason are printed; 2: the command could not check.

Threat: an export is checked by somebody who has nothing but the file. What the file says of itself,
its key too, proves nothing against its author; heads and the key must come another way.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from core.audit.chain import Verifier
from core.audit.heads import HeadFile, Signer, parse_head_text
from core.audit.store import Audit
from core.audit.types import Verdict, entry_line, fields_of, one_line, parse_entry, text
from core.db import Database
from core.errors import ConfigError, Retryable, UserFacing
from core.settings import load_settings

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import BinaryIO

    from core.audit.types import Head

FORMAT = "agentai audit 1"


def main(arguments: list[str]) -> int:
    """Runs one form of the command; returns the exit code."""
    try:
        options = _parser().parse_args(arguments)
        return _export(options.file) if options.form == "export" else _verify(options)
    except SystemExit as end:  # argparse has said what is wrong
        return end.code if isinstance(end.code, int) else 2
    except UserFacing as error:
        print(error.sentence(), file=sys.stderr)
        return 1
    except (ConfigError, Retryable) as error:
        print(error, file=sys.stderr)
        return 2


def header_line(public_key: bytes) -> str:
    """The first line of an export, without the line end."""
    return one_line({"format": FORMAT, "public_key": public_key})


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="agentai audit",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    forms = parser.add_subparsers(dest="form", required=True)
    verify = forms.add_parser("verify", help="check the trail")
    verify.add_argument("file", metavar="FILE", nargs="?", type=Path)
    verify.add_argument("--heads", metavar="FILE", type=Path)
    verify.add_argument("--head", metavar="LINE", type=_head_option, action="append", default=[])
    verify.add_argument("--public-key", metavar="HEX", type=_key_option)
    export = forms.add_parser("export", help="write the trail to a file")
    export.add_argument("file", metavar="FILE", type=Path)
    return parser


def _public_key(digits: str) -> bytes:
    key = bytes.fromhex(digits)
    if len(key) != 32:
        raise ValueError("a public key has 32 bytes")
    return key


def _key_option(digits: str) -> bytes:
    try:
        return _public_key(digits)
    except ValueError:
        raise argparse.ArgumentTypeError("a public key is 64 hex digits") from None


def _head_option(line: str) -> Head:
    try:
        return parse_head_text(line)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _verify(options: argparse.Namespace) -> int:
    heads = [*options.head, *_heads_of(options)]
    if options.file is not None:
        verdict = _offline(options.file, heads, key=options.public_key)
    else:
        verdict = asyncio.run(_online(heads, options.public_key))
    return _report(verdict, heads)


def _heads_of(options: argparse.Namespace) -> Sequence[Head]:
    path: Path | None = options.heads
    if path is not None and not path.exists():
        raise ConfigError("--heads", f"there is no file {path}")
    if path is None and options.file is not None:
        return ()
    try:
        return HeadFile(path or load_settings().home / "audit" / "heads.jsonl").read()
    except OSError as error:
        raise ConfigError("--heads", f"{path} cannot be read: {error.strerror}") from error


def _offline(path: Path, heads: Sequence[Head], *, key: bytes | None) -> Verdict:
    try:
        with path.open("rb") as file:
            own_key = _key_in_header(file.readline(), path)
            if key is None:
                print("the key is the one that the file itself names", file=sys.stderr)
            elif key != own_key:
                raise UserFacing(f"{path} names another public key than the one given.")
            return _check(file, Verifier(heads, own_key))
    except OSError as error:
        raise ConfigError("FILE", f"{path} cannot be read: {error.strerror}") from error


def _key_in_header(line: bytes, path: Path) -> bytes:
    try:
        key = _public_key(text(fields_of(line), "public_key"))
        if line.decode() == header_line(key) + "\n":
            return key
    except ValueError:
        pass
    raise ConfigError("FILE", f"{path} is no export of an audit trail")


def _check(file: BinaryIO, verifier: Verifier) -> Verdict:
    for line in file:
        try:
            if not line.endswith(b"\n"):
                raise ValueError("was cut off")  # noqa: TRY301 - one way to refuse a line
            entry = parse_entry(line[:-1])
        except ValueError as error:
            verifier.refuse(f"cannot be read: its line {error}")
            break
        if not verifier.add(entry):
            break
    return verifier.verdict()


async def _online(heads: Sequence[Head], key: bytes | None) -> Verdict:
    env = load_settings()
    verifier = Verifier(heads, key or Signer(env.need_secret_key()).public_key)
    database = await Database.connect(env.need_database(), size=2, patience_s=5)
    try:
        audit = Audit(database)
        if await audit.is_there():  # a table that is gone is a tail cut off at its first row
            async for entry in audit.walk():
                if not verifier.add(entry):
                    break
    finally:
        await database.close()
    return verifier.verdict()


def _report(verdict: Verdict, heads: Sequence[Head]) -> int:
    if not verdict.ok:
        print(f"tampered with: {verdict.reason}")
        return 1
    print(f"intact: {verdict.checked} rows")
    newest = max((head.seq for head in heads), default=0)
    if newest < verdict.checked:
        print(
            f"no signed head covers the rows from {newest + 1} on: rows cut off or computed anew"
            " there would not show",
            file=sys.stderr,
        )
    return 0


def _export(path: Path) -> int:
    try:
        rows = asyncio.run(_write(path))
    except OSError as error:
        raise ConfigError("FILE", f"{path} cannot be written: {error.strerror}") from error
    print(f"{rows} rows written to {path}", file=sys.stderr)
    return 0


async def _write(path: Path) -> int:
    env = load_settings()
    header = header_line(Signer(env.need_secret_key()).public_key)
    database = await Database.connect(env.need_database(), size=2, patience_s=5)
    try:
        audit = Audit(database)
        if not await audit.is_there():
            raise UserFacing("This database holds no audit trail.")
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        rows = 0
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="\n") as file:
            file.write(header + "\n")
            async for entry in audit.walk():
                file.write(entry_line(entry) + "\n")
                rows += 1
        return rows
    finally:
        await database.close()
