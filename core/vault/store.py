"""The vault in Postgres: set, list, delete and open named secrets.

Threat: a secret's value turns up where it does not belong: in a table, a log, an error, a repr, a
pickle. Values are sealed before any SQL sees them and travel as `Secret`, which shows itself only
when asked by `reveal`. A new version overwrites the old one's row; none is kept. Who may call
`open` is not decided here: only the gateway does.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NoReturn

from core.errors import UserFacing
from core.vault.envelope import MasterKey, Place
from core.vault.names import PLAIN, Use, parse_name, parse_use, parse_value
from core.vault.rotation import SQL, change_secret_key, newest_key, opened, rotate

if TYPE_CHECKING:
    from datetime import datetime

    from core.db import Database, Session


@dataclass(frozen=True, kw_only=True, slots=True)
class SecretInfo:
    """What may be shown of a secret; `used_at` is the last use of this version."""

    name: str
    version: int
    host: str
    header: str
    template: str
    created_at: datetime
    used_at: datetime | None


class Secret:
    """An opened secret. Hold it briefly; its repr, str and pickle never hold the value."""

    __slots__ = ("_value", "name", "use", "version")

    def __init__(self, name: str, version: int, *, use: Use, value: str) -> None:
        self.name = name
        self.version = version
        self.use = use
        self._value = value

    def __repr__(self) -> str:
        return f"Secret({self.name}, •••)"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a secret is never copied or pickled")

    def reveal(self) -> str:
        """The value."""
        return self._value

    def header_value(self) -> str:
        """The value inside its template, as the header carries it."""
        return self.use.template.replace(PLAIN, self._value)


class Vault:
    """The secrets of one installation.

    Every method raises `Retryable` while Postgres is away and `ConfigError` when
    `AGENTAI_SECRET_KEY` is not the key that sealed the vault. Cancelling rolls back.
    """

    def __init__(self, database: Database, secret_key: str, install: str) -> None:
        self._db = database
        self._master = MasterKey(secret_key, install)

    def __repr__(self) -> str:
        return "Vault(•••)"

    async def set(
        self, session: Session, name: str, value: str, *, host: str,
        header: str = "authorization", template: str = PLAIN,
    ) -> int:  # fmt: skip
        """Stores a value inside the caller's transaction; returns its version.

        The version before is overwritten. `UserFacing`, never with the value, when something is
        not as it must be. The caller's transaction holds the vault's write lock until it ends.
        """
        use = parse_use(host, header, template)
        parse_name(name)
        parse_value(value)
        await session.execute(SQL["lock"])
        version = 1 + (await session.fetchval(SQL["version_of"], name) or 0)
        await self._put(session, self._place(name, version, use), value)
        return version

    def _place(self, name: str, version: int, use: Use) -> Place:
        return Place(
            install=self._master.install, name=name, version=version, host=use.host,
            header=use.header, template=use.template,
        )  # fmt: skip

    async def _put(self, session: Session, place: Place, value: str) -> None:
        key_id, key = await newest_key(session, self._master)
        await session.execute(
            SQL["put"], place.name, place.version, key_id, place.host, place.header,
            place.template, key.close(value, place),
        )  # fmt: skip

    async def list(self) -> tuple[SecretInfo, ...]:
        """All secrets by name, without their values."""
        rows = await self._db.fetch(SQL["list"])
        return tuple(SecretInfo(**row) for row in rows)

    async def delete(self, session: Session, name: str) -> bool:
        """Removes the secret inside the caller's transaction; False when there is none."""
        parse_name(name)
        await session.execute(SQL["lock"])
        return await session.fetchval(SQL["delete"], name) is not None

    async def open(self, name: str) -> Secret:
        """The secret with its value; `UserFacing` when there is none or it was tampered with."""
        row = await self._db.fetchrow(SQL["open"], parse_name(name))
        if row is None:
            raise UserFacing("There is no secret of that name.", "agentai secret list shows them.")
        use = Use(host=row["host"], header=row["header"], template=row["template"])
        return Secret(name, row["version"], use=use, value=opened(self._master, row))

    async def touch(self, name: str) -> None:
        """Notes that the secret was used now."""
        await self._db.execute(SQL["touch"], parse_name(name))

    async def rotate_data_key(self) -> int:
        """Seals every secret with a new data key; returns how many this call sealed anew.

        Resumable: each secret moves in its own transaction, and a second call goes on.
        """
        return await rotate(self._db, self._master)

    async def rewrap(self, old_secret_key: str, new_secret_key: str) -> None:
        """Changes `AGENTAI_SECRET_KEY` for the vault and the stored settings, in one transaction.

        May be repeated. This vault uses the new key afterwards.
        """
        install = self._master.install
        await change_secret_key(self._db, install, old=old_secret_key, new=new_secret_key)
        self._master = MasterKey(new_secret_key, install)
