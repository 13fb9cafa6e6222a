"""`python3 -P -m executors.reader FILE OUT`: reads FILE, writes a JSON object a line to OUT.

The work is done in a child with its own limits, so that whatever the file does to it ends in one
sentence: the last line of the output, and exit code 3.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from executors.reader.archives import check_archive
from executors.reader.papers import read_paper
from executors.reader.plain import decoded, is_binary, pieces
from executors.reader.reasons import (
    BROKEN,
    EMPTY,
    NO_MEMORY,
    NO_TEXT,
    TOO_LARGE,
    TOO_LONG,
    CannotRead,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from executors.reader.papers import Line

REFUSED = 3
CPU_S = 240
WALL_S = 300
MEMORY = 3 * 1024**3  # of addresses, not of what is really used: that is the container's limit
MOST_TEXT = 60_000_000
PAPER = frozenset(
    ("pdf", "docx", "pptx", "xlsx", "xlsm", "odt", "ods", "odp", "rtf", "epub", "html", "htm",
     "xhtml", "doc", "ppt", "xls", "eml", "msg", "ipynb")
)  # fmt: skip
ZIPPED = frozenset(("docx", "pptx", "xlsx", "xlsm", "odt", "ods", "odp", "epub"))


def main(arguments: list[str]) -> int:
    """The process; returns its exit code."""
    if arguments[0] == "--child":
        return child(Path(arguments[2]), Path(arguments[3]), cpu_s=int(arguments[1]))
    command = [
        sys.executable, "-P", "-m", "executors.reader", "--child", str(CPU_S), *arguments
    ]  # fmt: skip
    try:
        done = subprocess.run(command, timeout=WALL_S, check=False)  # noqa: S603 - ourselves
    except subprocess.TimeoutExpired:
        return refuse(TOO_LONG)
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024
    sys.stdout.write(f"used: {peak} MB\n")
    return done.returncode if done.returncode in {0, REFUSED} else refuse(_died(done.returncode))


def _died(code: int) -> str:
    """What the end of a child that did not say anything tells."""
    if code in {-signal.SIGXCPU, 128 + signal.SIGXCPU}:
        return TOO_LONG
    return NO_MEMORY if code in {-signal.SIGKILL, -signal.SIGABRT} else BROKEN


def refuse(reason: str) -> int:
    """Says why, on a line of its own."""
    sys.stdout.write(f"\nreason: {reason}\n")
    sys.stdout.flush()
    return REFUSED


def child(source: Path, target: Path, *, cpu_s: int) -> int:
    """Reads and writes, within limits."""
    resource.setrlimit(resource.RLIMIT_CPU, (cpu_s, cpu_s + 5))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    scratch = Path.cwd() / ".reader"  # a library is unpacked and loaded from there: no noexec
    scratch.mkdir(exist_ok=True)
    os.environ["HOME"] = os.environ["TMPDIR"] = str(scratch)
    try:
        write(target, lines_of(source))
    except CannotRead as error:
        return refuse(str(error))
    except MemoryError:
        return refuse(NO_MEMORY)
    return 0


def lines_of(source: Path) -> Iterator[Line]:
    """The document's pages."""
    if source.stat().st_size == 0:
        raise CannotRead(EMPTY)
    ending = source.suffix.removeprefix(".").lower()
    if ending in ZIPPED:
        check_archive(source)
    if ending in PAPER:
        yield from read_paper(source, ending)
        return
    content = source.read_bytes()
    if is_binary(content):
        raise CannotRead(BROKEN)
    for piece in pieces(decoded(content)):
        yield {"page": None, "headings": [], "text": piece, "by": "plain"}


def write(target: Path, lines: Iterator[Line]) -> None:
    """Writes the lines; a document without any text, or with too much, is refused."""
    target.parent.mkdir(parents=True, exist_ok=True)
    total = 0
    with target.open("w", encoding="utf-8", errors="replace") as file:
        for line in lines:
            total += len(line["text"].strip())
            if total > MOST_TEXT:
                raise CannotRead(TOO_LARGE)
            file.write(json.dumps(line, ensure_ascii=False) + "\n")
    if total == 0:
        raise CannotRead(NO_TEXT)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
