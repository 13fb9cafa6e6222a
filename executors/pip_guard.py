"""Runs pip with the two ways closed in which a package could run on this machine.

Threat: `--only-binary` keeps pip from building what an index offers, but a wheel may depend on an
archive at any address (`name @ https://…`), which pip would fetch and build: code of a stranger,
here. So this process may start no other (building and version control need that), and a requirement
with an address is refused where pip reads it. Nothing of a package is ever imported here.

Run as a program by `executors.packages`, with pip's arguments; `-I` keeps our packages out.
"""

from __future__ import annotations

import importlib
import resource
import runpy
import sys

FILE_CAP = 400 * 1024 * 1024
STARTS = frozenset({
    "subprocess.Popen", "os.system", "os.exec", "os.fork", "os.forkpty", "os.posix_spawn",
    "os.spawn", "pty.spawn",
})  # fmt: skip


def refuse(event: str, _arguments: object) -> None:
    """The audit hook: no other program is started from here."""
    if event in STARTS:
        raise PermissionError("a package wants to be built, which never happens here")


def refuse_addresses() -> None:
    """Makes pip's own reader of requirements refuse those with an address."""
    module = importlib.import_module("pip._vendor.packaging.requirements")
    read = module.Requirement.__init__

    def checked(self: object, text: str) -> None:
        read(self, text)
        if getattr(self, "url", None):
            raise module.InvalidRequirement("it wants a package from an address of its own")

    module.Requirement.__init__ = checked


def main() -> None:
    """Becomes pip."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (FILE_CAP, FILE_CAP))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    refuse_addresses()
    sys.addaudithook(refuse)
    sys.argv[0] = "pip"
    runpy.run_module("pip", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
