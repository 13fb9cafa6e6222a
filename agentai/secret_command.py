"""`agentai secret`: the secrets that tasks may use without ever seeing them.

agentai secret set NAME --host api.example.com [--header authorization] [--format 'Bearer {}']
                                  the value is asked for, or read from standard input
agentai secret set HOOK_NAME      the secret of a webhook trigger (MAIL_NAME: a mailbox's password);
                                  it is sent nowhere and no task can use it, so it needs no host
agentai secret list               names, hosts and dates; never a value
agentai secret delete NAME
agentai secret rotate             a new data key for all secrets; run it again if it was broken off
agentai secret rotate --old-key-file FILE
                                  after AGENTAI_SECRET_KEY was changed: FILE holds the key before.
                                  Stop or restart every process that still has the old key.

Threat: other users of the machine read command lines and shell histories. So the value never
stands there, and no complaint repeats an argument.
"""

from __future__ import annotations

import argparse
import asyncio
import getpass
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from core.db import Database
from core.errors import UserFacing
from core.instance import instance_id
from core.migrate import migrate
from core.settings import load_settings
from core.vault import SecretInfo, Vault, parse_name
from core.vault.names import (
    MAX_VALUE_BYTES,
    NOWHERE,
    PLAIN,
    is_own,
    parse_use,
    parse_value,
)

if TYPE_CHECKING:
    from collections.abc import Sequence


def main(arguments: list[str]) -> int:
    """Runs one form of the command; `UserFacing` and `ConfigError` end it with their sentence."""
    if not arguments or {"-h", "--help"} & set(arguments):
        print(__doc__)
        return 0
    given = parse(arguments)
    if given.action == "set":  # complains before it asks for the value
        parse_name(given.name)
        given.host = host_of(given)
        parse_use(given.host, given.header, given.format)
        given.value = read_value(given.name)
    print(asyncio.run(_run(given)))
    return 0


class Given(argparse.Namespace):
    """The parsed arguments; a repr does not show the value."""

    action: str
    name: str
    host: str
    header: str
    format: str
    old_key_file: Path | None
    value: str

    def __repr__(self) -> str:
        return f"Given({self.action})"


class _Parser(argparse.ArgumentParser):
    def __init__(self, prog: str) -> None:
        super().__init__(prog=prog, add_help=False, allow_abbrev=False)

    def error(self, message: str) -> NoReturn:
        """Leaves `message` out: it may repeat a value."""
        raise UserFacing(
            "That is no form of the command.",
            "See: agentai secret --help. A value never stands on the command line.",
        )


def parse(arguments: Sequence[str]) -> Given:
    """The arguments, or `UserFacing`, which repeats none of them."""
    parser = _Parser("agentai secret")
    actions = parser.add_subparsers(dest="action", required=True, parser_class=_Parser)
    setting = actions.add_parser("set")
    setting.add_argument("name")
    setting.add_argument("--host", default="")
    setting.add_argument("--header", default="authorization")
    setting.add_argument("--format", default=PLAIN)
    actions.add_parser("list")
    actions.add_parser("delete").add_argument("name")
    actions.add_parser("rotate").add_argument("--old-key-file", type=Path)
    return parser.parse_args(arguments, namespace=Given())


def host_of(given: Given) -> str:
    """The host that was given; only a trigger's secret needs none."""
    if not given.host and not is_own(given.name):
        raise UserFacing(
            "Where may this secret be sent?", "Add --host, such as --host api.example.com."
        )
    return given.host or NOWHERE


def read_value(name: str) -> str:
    """The value from the terminal, unseen, or from standard input without its last line break."""
    if sys.stdin.isatty():
        return parse_value(getpass.getpass(f"{name}: "))
    try:
        text = sys.stdin.read(MAX_VALUE_BYTES + 3)
    except UnicodeDecodeError:
        raise UserFacing("The value is not valid text.") from None
    return parse_value(text.removesuffix("\n").removesuffix("\r"))


async def _run(given: Given) -> str:
    env = load_settings()
    secret_key = env.need_secret_key()
    database = await Database.connect(env.need_database(), size=2, patience_s=5)
    try:
        await migrate(database)
        vault = Vault(database, secret_key, await instance_id(database))
        if given.action == "rotate":
            return await _rotate(vault, given.old_key_file, secret_key)
        return await _carry_out(vault, database, given)
    finally:
        await database.close()


async def _carry_out(vault: Vault, database: Database, given: Given) -> str:
    if given.action == "list":
        return "\n".join(map(_line, await vault.list())) or "there is no secret"
    async with database.transaction() as session:
        if given.action == "set":
            version = await vault.set(
                session, given.name, given.value, host=given.host, header=given.header,
                template=given.format,
            )  # fmt: skip
            return f"{given.name} is set (version {version}), for {_place(given.host)} only"
        if not await vault.delete(session, given.name):
            raise UserFacing("There is no secret of that name.", "See: agentai secret list")
    return f"{given.name} is deleted"


async def _rotate(vault: Vault, old_key_file: Path | None, secret_key: str) -> str:
    """A changed instance key brings a new data key too: whoever held the old one had both."""
    done = ""
    if old_key_file is not None:
        await vault.rewrap(_key_in(old_key_file), secret_key)
        done = "the vault and the stored settings open with the new key now\n"
    count = await vault.rotate_data_key()
    return f"{done}{count} secrets are sealed with a new data key"


def _key_in(path: Path) -> str:
    try:
        key = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        raise UserFacing("The file with the old key cannot be read.") from None
    if not key:
        raise UserFacing("The file with the old key is empty.")
    return key


def _place(host: str) -> str:
    return "a trigger" if host == NOWHERE else host


def _line(info: SecretInfo) -> str:
    used = f"used {info.used_at:%Y-%m-%d %H:%M}" if info.used_at else "not used yet"
    where = f"{info.host}\t{info.header}: {info.template}"
    where = "for a trigger" if info.host == NOWHERE else where
    return f"{info.name}\tversion {info.version}\t{where}\tset {info.created_at:%Y-%m-%d}\t{used}"
