"""Which jobs there are, in which lane each runs, and what a lane may touch. Pure.

A lane is one process that does one thing at a time, so what must not wait for each other is in
different lanes: a question's embedding takes 12 ms, a document's takes minutes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from core.errors import Bug

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, kw_only=True, slots=True)
class Lane:
    """One kind of process. `memory_mb` bounds its address space; 0 does not.

    `may_connect`: sockets; `may_run`: other programs; `is_brief`: a call goes on when its caller
    has given up, because that is cheaper than a new process. `most_idle_s`: nobody waits for what
    it does, so it need not stay ready for longer than that, whatever the setting says.
    """

    name: str
    may_connect: bool = False
    may_run: bool = False
    is_brief: bool = False
    memory_mb: int = 0
    threads: int = 1
    most_idle_s: float = math.inf


@dataclass(frozen=True, kw_only=True, slots=True)
class Job:
    """A job is a module with `run(payload: dict) -> dict`.

    A payload with `path` arrives with the file's bytes as `raw`: the process opens no such file.
    """

    module: str
    lane: Lane


_QUERY = Lane(name="query", is_brief=True)
_PASSAGES = Lane(name="passages", most_idle_s=20.0)
_EXTRACT = Lane(name="extract", may_connect=True)
_HEARING = Lane(name="hearing", memory_mb=8192, threads=4)
_FETCH = Lane(name="fetch", may_connect=True)
_SPEAKING = Lane(name="speaking", may_connect=True)
_SPEAKING_HERE = Lane(name="speaking here", memory_mb=1024)
_PICTURE = Lane(name="picture", memory_mb=1024)

JOBS: dict[str, Job] = {
    "embed_query": Job(module="coordinator.heavy.embed", lane=_QUERY),
    "embed_passages": Job(module="coordinator.heavy.embed", lane=_PASSAGES),
    "extract": Job(module="coordinator.heavy.extract", lane=_EXTRACT),
    "transcribe": Job(module="coordinator.heavy.transcribe", lane=_HEARING),
    "fetch_voice_model": Job(module="coordinator.heavy.fetch_voice_model", lane=_FETCH),
    "speak": Job(module="coordinator.heavy.speak", lane=_SPEAKING),
    "voices": Job(module="coordinator.heavy.voices", lane=_SPEAKING),
    "speak_here": Job(module="coordinator.heavy.speak_here", lane=_SPEAKING_HERE),
    "picture": Job(module="coordinator.heavy.picture", lane=_PICTURE),
}

LANES: dict[str, Lane] = {job.lane.name: job.lane for job in JOBS.values()}


def find_job(name: str) -> Job:
    """The job called `name`; an unknown one is our own mistake."""
    try:
        return JOBS[name]
    except KeyError:
        raise Bug(f"there is no heavy job called {name}") from None


@dataclass(frozen=True, kw_only=True, slots=True)
class Reach:
    """Folders of the owner's that a process may read, and those it may write."""

    read: frozenset[str] = frozenset()
    write: frozenset[str] = frozenset()

    def covers(self, other: Reach) -> bool:
        """Whether `other` needs nothing more."""
        return other.read <= self.read and other.write <= self.write

    def joined(self, other: Reach) -> Reach:
        """Both."""
        return Reach(read=self.read | other.read, write=self.write | other.write)


def reach_of(payload: Mapping[str, object]) -> Reach:
    """What a call needs: `model` a folder to read, `folder` one to write.

    Paths are absolute; another word under these names is no path.
    """
    read, write = absolute(payload.get("model")), absolute(payload.get("folder"))
    return Reach(
        read=frozenset() if read is None else frozenset({str(read)}),
        write=frozenset() if write is None else frozenset({str(write)}),
    )


def absolute(value: object) -> Path | None:
    """`value` as a path, when it is an absolute one."""
    if not isinstance(value, str) or not value.startswith("/") or "\0" in value:
        return None
    return Path(value)
