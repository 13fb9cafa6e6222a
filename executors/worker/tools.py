"""The tools of a task's model: their schemas, and running them inside the container."""

from __future__ import annotations

from secrets import token_hex
from typing import TYPE_CHECKING, Any

from core.hygiene import delimit, visible
from executors.worker.command import Ran, run_command

if TYPE_CHECKING:
    from pathlib import Path

    from executors.worker.clock import WorkClock

RESULT_CAP = 30_000
NONCE = token_hex(8)  # nobody outside this container knows it, so no text can end its own frame
LIST_CAP = 500


class BadCall(Exception):  # noqa: N818 - named for its audience, the model
    """A call that the model must mend."""


class LimitReached(Exception):  # noqa: N818 - an end, not a mistake
    """A limit that ends the task; the text says which."""


def as_tool(tool: str, description: str, required: list[str], /, **fields: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON schema
    """A tool as the model service wants it; `fields` are JSON schemas."""
    parameters = {"type": "object", "properties": fields, "required": required}
    return {
        "type": "function",
        "function": {"name": tool, "description": description, "parameters": parameters},
    }


_TEXT = {"type": "string"}
_NAMES = {
    "type": "array",
    "items": {"type": "string"},
    "description": "files in /work to hand over",
}

_HOSTS = {
    "type": "array",
    "items": {
        "type": "object",
        "properties": {
            "host": _TEXT,
            "port": {"type": "integer"},
            "methods": {"type": "array", "items": _TEXT},
        },
        "required": ["host"],
    },
}

SCHEMAS = [
    as_tool("shell", "Run a command with bash in /work.", ["command"], command=_TEXT),
    as_tool("read_file", "Read a text file.", ["path"], path=_TEXT),
    as_tool("write_file", "Write a text file.", ["path", "content"], path=_TEXT, content=_TEXT),
    as_tool("list_files", "List the files below a folder.", [], path=_TEXT),
    as_tool("ask_owner", "Ask the owner and wait for the answer.", ["question"], question=_TEXT),
    as_tool(
        "request_access",
        "Ask the owner to let this task reach hosts on the internet. Reading "
        "is the default; list methods such as POST for more, or * for everything.",
        ["hosts"],
        hosts=_HOSTS,
    ),
    as_tool("report_progress", "Tell the owner what you are doing.", ["text"], text=_TEXT),
    as_tool("finish", "End the task with its result.", ["result"], result=_TEXT, files=_NAMES),
]


def text_argument(arguments: dict[str, Any], name: str, default: str | None = None) -> str:
    """A text out of the arguments of a call."""
    value = arguments.get(name, default)
    if not isinstance(value, str) or (default is None and not value):
        raise BadCall(f"{name} must be a text")
    return value


def run_tool(
    name: str, arguments: dict[str, Any], work: Path, limits: dict[str, Any], clock: WorkClock
) -> str:
    """Runs a tool that needs only the container. `LimitReached` ends the task."""
    try:
        match name:
            case "shell":
                return _shell(text_argument(arguments, "command"), work, limits, clock)
            case "read_file":
                path = _inside(work, text_argument(arguments, "path"))
                text = path.read_text(encoding="utf-8", errors="replace")
                return as_data(clip(text), str(path))
            case "write_file":
                return _write(work, arguments)
            case "list_files":
                return _list(_inside(work, text_argument(arguments, "path", ".")))
    except OSError as error:
        raise BadCall(f"{name}: {error.strerror or error}") from None
    raise BadCall(f"there is no tool {name!r}")


def _shell(command: str, work: Path, limits: dict[str, Any], clock: WorkClock) -> str:
    ran: Ran = run_command(command, work, limits, clock)
    if ran.limit is not None:
        raise LimitReached(ran.limit)
    return f"exit code {ran.code}\n{as_data(clip(ran.output), 'the command')}"


def as_data(text: str, source: str) -> str:
    """Text that somebody else may have written, marked as such; nothing in it stays hidden."""
    return delimit(visible(text), source=source, nonce=NONCE) if text.strip() else text


def _inside(work: Path, path: str) -> Path:
    """Relative paths mean the workspace.

    Absolute ones are fine, too: the container is the boundary.
    """
    return work / path


def _write(work: Path, arguments: dict[str, Any]) -> str:
    path = _inside(work, text_argument(arguments, "path"))
    content = text_argument(arguments, "content", "")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content, encoding="utf-8")
    return f"wrote {len(content)} characters"


def _list(folder: Path) -> str:
    found: list[str] = []
    for path in sorted(folder.rglob("*")):
        if len(found) >= LIST_CAP:
            found.append("…")
            break
        is_folder = path.is_dir() and not path.is_symlink()
        name = str(path.relative_to(folder))
        found.append(f"{name}/" if is_folder else f"{name} ({path.lstat().st_size} bytes)")
    return "\n".join(found) or "no files"


def clip(text: str, cap: int = RESULT_CAP) -> str:
    """`text` with its middle left out when it is longer than `cap` characters."""
    if len(text) <= cap:
        return text
    half = cap // 2
    return f"{text[:half]}\n[… {len(text) - cap} characters left out …]\n{text[-half:]}"
