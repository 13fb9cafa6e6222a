"""Reads files in the box `reader`: a fresh container, no network, nothing to steal.

Threat: a document is hostile. The container may be taken over by it; then what comes back is wrong
text of this one document, labelled untrusted like any other text of a document.
"""

from __future__ import annotations

import asyncio
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from coordinator.knowledge.formats import ending_of
from core.errors import Retryable, UserFacing
from core.tasks import NewTask, TaskFile, TaskState

if TYPE_CHECKING:
    from coordinator.quiet import Ended, QuietTasks

WITHIN_S = 420.0  # the reader itself gives up after 300
AGAIN_S = 30.0
PAGES = "pages.jsonl"
# Commands in a box have an environment of their own; `-P`: nothing is imported from the workspace.
RUN = "PYTHONPATH=/opt/agentai:/opt/reader python3 -P -m executors.reader"
_REASON = "reason: "
LOST = "The reader ended without saying why."


class QuietReader:
    """The reader behind the port: one quiet task a document."""

    def __init__(self, quiet: QuietTasks) -> None:
        self._quiet = quiet

    async def read(self, path: Path, name: str) -> Path:
        """The file with the pages. Cancelling stops the container."""
        if not await asyncio.to_thread(path.is_file):
            raise UserFacing("Its file is gone.", "Please send it again.")
        plain = f"document.{ending_of(name)}"
        command = f"{RUN} {shlex.quote(plain)} out/{PAGES}"
        new = NewTask(
            kind="shell", title=f"Read {name}"[:120], instructions=command, chat_id=0,
            files=(TaskFile(name=plain, path=str(path)),), box="reader", is_quiet=True,
            origin="owner",
        )  # fmt: skip
        return result_of(await self._quiet.run(new, timeout_s=WITHIN_S))


def result_of(ended: Ended) -> Path:
    """The pages, or the one reason why there are none. Pure."""
    if reason := reason_in(ended.output):
        raise UserFacing(reason)
    pages = [file for file in ended.files if file.name == PAGES]
    if ended.is_done and pages:
        return Path(pages[0].path)
    if ended.state in {TaskState.CANCELLED, TaskState.UNKNOWN}:
        raise Retryable(ended.reason or "the reader was stopped", AGAIN_S)
    raise UserFacing(ended.reason or LOST)


def reason_in(output: str) -> str:
    """What the reader says last, when it says why it could not read."""
    lines = [line for line in output.splitlines() if line.startswith(_REASON)]
    return lines[-1].removeprefix(_REASON).strip()[:200] if lines else ""
