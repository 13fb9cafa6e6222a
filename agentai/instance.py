"""The folder of one instance: who holds it, its secret key, and where its parts are.

    HOME/lock        held by the one `agentai up` of this folder
    HOME/secret.key  seals stored secrets; made when missing, mode 0600, never printed
    HOME/run.json    the addresses of the running parts, mode 0600; there only while `up` runs
    HOME/logs/       one file a part

Standard library only.
"""

from __future__ import annotations

import base64
import fcntl
import json
import os
import secrets
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from agentai.files import write_private
from core.errors import ConfigError, UserFacing

DEFAULT_HOME = ".agentai"
HOLD_PATIENCE_S = 0.3  # a command that only asks who holds the folder is in the way for a moment


@dataclass(frozen=True, kw_only=True, slots=True)
class Running:
    """How to reach the parts of a running instance. A repr hides it: addresses hold passwords."""

    pid: int
    database_url: str
    redis_url: str
    telegram_api_url: str | None = None
    telegram_bot_token: str | None = None

    def __repr__(self) -> str:
        return f"Running(pid={self.pid}, ***)"


class Instance:
    """One instance's folder. Making one creates the folder (0700) if it is missing."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.logs = home / "logs"
        self._lock: int | None = None
        try:
            self._make()
        except OSError as error:
            raise ConfigError(
                "AGENTAI_HOME",
                f"{home} cannot be used: {error.strerror}; "
                "make it writable for this user, or name another folder",
            ) from error

    def _make(self) -> None:
        self.home.mkdir(mode=0o700, parents=True, exist_ok=True)
        if os.geteuid() not in {0, self.home.stat().st_uid}:
            raise ConfigError("AGENTAI_HOME", f"{self.home} belongs to another user")
        self.home.chmod(0o700)
        self.logs.mkdir(mode=0o700, exist_ok=True)

    @classmethod
    def from_environment(cls) -> Instance:
        """The instance that `AGENTAI_HOME` names."""
        return cls(home_from_environment())

    def hold(self, name: str = "lock") -> None:
        """Takes the folder for this process until it ends; refuses when another holds it."""
        descriptor = os.open(self.home / name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        if not _lock_within(descriptor, HOLD_PATIENCE_S):
            holder = os.read(descriptor, 20).decode("ascii", "replace").strip() or "unknown"
            os.close(descriptor)
            raise UserFacing(
                f"AgentAI runs already in {self.home} (process {holder}).",
                "Stop it first, or choose another folder with AGENTAI_HOME.",
            )
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, str(os.getpid()).encode(), 0)
        self._lock = descriptor

    def release(self) -> None:
        """Lets the folder go, as the end of the process would."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def secret_key(self) -> str:
        """The key in HOME/secret.key; a new one of 32 random bytes when there is none."""
        path = self.home / "secret.key"
        if not path.exists():
            write_private(path, base64.urlsafe_b64encode(secrets.token_bytes(32)).decode())
        return path.read_text(encoding="ascii").strip()

    def playground_token(self) -> str:
        """The stand-in for a bot token; stays the same, so that the bot keeps its identity."""
        path = self.home / "playground.token"
        if not path.exists():
            write_private(path, f"{secrets.randbelow(10**9) + 10**9}:{secrets.token_urlsafe(26)}")
        return path.read_text(encoding="ascii").strip()

    @property
    def _run_file(self) -> Path:
        return self.home / "run.json"

    def announce(self, running: Running) -> None:
        """Tells other commands where the parts are."""
        write_private(self._run_file, json.dumps(asdict(running)))

    def withdraw(self) -> None:
        """Takes the announcement back."""
        self._run_file.unlink(missing_ok=True)

    def running(self) -> Running | None:
        """What runs in this folder now, or None, also when the announcing process is gone."""
        try:
            found = Running(**json.loads(self._run_file.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            return None
        return found if self._is_held() else None

    def _is_held(self) -> bool:
        """Whether a process holds the folder; the kernel lets go for a dead one."""
        with (self.home / "lock").open("rb") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return True
        return False


def _lock_within(descriptor: int, patience_s: float) -> bool:
    deadline = time.monotonic() + patience_s
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                return False
            time.sleep(0.02)
        else:
            return True


def home_from_environment() -> Path:
    """The folder of the instance, absolute; it need not exist."""
    return Path(os.environ.get("AGENTAI_HOME") or DEFAULT_HOME).expanduser().absolute()


def join_running() -> None:
    """Fills in the addresses that the environment leaves open from the instance that runs here."""
    home = home_from_environment()
    if not home.is_dir():
        return
    try:
        instance = Instance(home)
    except ConfigError:  # the command itself says what it lacks; the doctor says why
        return
    found: dict[str, str | None] = {"AGENTAI_HOME": str(home)}
    if running := instance.running():
        found |= {
            "DATABASE_URL": running.database_url,
            "REDIS_URL": running.redis_url,
            "TELEGRAM_API_URL": running.telegram_api_url,
            "TELEGRAM_BOT_TOKEN": running.telegram_bot_token,
        }
    if (home / "secret.key").exists():
        found["AGENTAI_SECRET_KEY"] = instance.secret_key()
    for name, value in found.items():
        if value and not os.environ.get(name):
            os.environ[name] = value
