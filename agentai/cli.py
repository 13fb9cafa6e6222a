"""The command line: `agentai COMMAND`.

Each command's code is imported only when it is asked for: the supervisor behind `up` lives all day
and must stay small. A wrong setting ends every command with one line and exit code 2.
"""

from __future__ import annotations

import sys
from importlib import import_module

from core.errors import ConfigError, UserFacing
from core.process import forbid_core_dumps

# name → (module, whether its `main` takes the rest of the arguments, what it does)
COMMANDS: dict[str, tuple[str, bool, str]] = {
    "up": ("agentai.up", True, "run everything on this machine, in the foreground"),
    "serve": ("agentai.serve", False, "run the bot, the coordinator and the heartbeat"),
    "executor": ("agentai.executor", False, "run an executor host: containers for tasks"),
    "playground": ("playground.main", True, "run the local stand-in for Telegram"),
    "doctor": ("agentai.doctor", True, "check every part and say how to mend it"),
    "config": ("agentai.config_command", True, "show and change settings"),
    "export": ("agentai.export", True, "write everything the instance knows to a file"),
    "secret": ("agentai.secret_command", True, "set, list and delete secrets for tasks"),
    "audit": ("agentai.audit_command", True, "verify and export the audit trail"),
    "skill": ("agentai.skill_command", True, "check and begin skills"),
    "stop": ("agentai.stop_command", False, "stop every task at once, whatever else hangs"),
    "image": ("agentai.image_command", True, "build the images that tasks run in"),
    "version": ("agentai.version_command", True, "show the version"),
}
# These connect to whatever `agentai up` runs for the same folder.
JOINS_RUNNING = {"serve", "executor", "doctor", "config", "export", "secret", "audit", "stop"}
OWN_HELP = {"skill", "config", "export", "doctor", "secret", "audit"}


def main(argv: list[str] | None = None) -> int:
    """Runs one command; returns the exit code."""
    forbid_core_dumps()
    arguments = sys.argv[1:] if argv is None else argv
    if not arguments or arguments[0] in {"-h", "--help", "help"}:
        print(usage())
        return 0 if arguments else 2
    name, rest = arguments[0], arguments[1:]
    if name in {"-V", "--version"}:
        name = "version"
    if name not in COMMANDS:
        print(f"agentai: there is no command {name!r}; see agentai help", file=sys.stderr)
        return 2
    return _guarded(name, rest)


def usage() -> str:
    """The list of commands."""
    rows = (f"  {name:<11} {text}" for name, (_, _, text) in COMMANDS.items())
    return "\n".join(("usage: agentai COMMAND [OPTION…]", "", *rows))


def _guarded(name: str, rest: list[str]) -> int:
    try:
        return _run(name, rest)
    except ConfigError as error:
        print(error, file=sys.stderr)
        return 2
    except UserFacing as error:
        print(error.sentence(), file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def _run(name: str, rest: list[str]) -> int:
    module, takes_arguments, text = COMMANDS[name]
    if rest and rest[0] in {"-h", "--help"} and name not in OWN_HELP:
        print(f"usage: agentai {name}\n\n  {text}")
        return 0
    if name in JOINS_RUNNING:
        from agentai.instance import join_running

        join_running()
    run = import_module(module).main
    code = run(rest) if takes_arguments else run()
    return code if isinstance(code, int) else 0


if __name__ == "__main__":
    sys.exit(main())
