"""How a task wants to end while its changes wait for the owner, as it is kept in Postgres. Pure.

Threat: after a `kill -9` the owner is asked about something else than what they had decided, or is
told that nothing happened when it did. So all that an action is made of is fixed once, when the
changes are staged: what a person is shown, the version of the settings, and the ids of the commits,
which no other task has ever used, not even one with the same number.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, cast

from core.tasks import Outcome, ResultFile, TaskState
from core.workspace import Change, Changes, FileState

if TYPE_CHECKING:
    from collections.abc import Mapping

    from core.policy.action import Json
    from core.tasks import Ended


@dataclass(frozen=True, kw_only=True, slots=True)
class Staged:
    """What a task changed, out of its reach.

    `commit` is what the ids of its commits begin with, `config` the version of the settings that
    its actions name, `displays` what a person is shown of each file that is not new.
    """

    changes: Changes
    commit: str
    config: int
    displays: Mapping[str, str] = field(default_factory=dict)

    @property
    def items(self) -> tuple[Change, ...]:
        """The changes, by path."""
        return self.changes.items

    @property
    def refused(self) -> tuple[tuple[str, str], ...]:
        """What was left out, and why."""
        return self.changes.refused

    def to_json(self) -> dict[str, Any]:
        """As plain values."""
        return {
            "commit": self.commit, "config": self.config, "displays": dict(self.displays),
            "refused": [list(pair) for pair in self.refused],
            "items": [
                {"path": c.path, "before": state_to_json(c.before), "after": state_to_json(c.after)}
                for c in self.items
            ],
        }  # fmt: skip

    @classmethod
    def from_json(cls, found: Mapping[str, Any]) -> Staged:
        """What `to_json` made, read again."""
        items = tuple(
            Change(path=i["path"], before=_state(i["before"]), after=_state(i["after"]))
            for i in found["items"]
        )
        refused = tuple((path, why) for path, why in found["refused"])
        return cls(
            changes=Changes(items=items, refused=refused), commit=found["commit"],
            config=found["config"], displays=found["displays"],
        )  # fmt: skip


@dataclass(frozen=True, kw_only=True, slots=True)
class Ending:
    """The outcome, and the staged changes that are still to be settled."""

    outcome: Outcome
    changes: Staged

    def to_json(self) -> dict[str, Any]:
        """As plain values."""
        outcome = self.outcome
        return {
            "state": str(outcome.state), "result": outcome.result, "reason": outcome.reason,
            "files": [asdict(file) for file in outcome.files], "changes": self.changes.to_json(),
        }  # fmt: skip

    @classmethod
    def from_json(cls, found: Mapping[str, Any]) -> Ending:
        """What `to_json` made, read again."""
        outcome = Outcome(
            state=cast("Ended", TaskState(found["state"])), result=found["result"],
            reason=found["reason"], files=tuple(ResultFile(**f) for f in found["files"]),
        )  # fmt: skip
        return cls(outcome=outcome, changes=Staged.from_json(found["changes"]))


def state_to_json(state: FileState | None) -> Json:
    """The state of a file as plain values."""
    return None if state is None else {"bytes": state.size, "sha256": state.sha256}


def _state(found: Mapping[str, Any] | None) -> FileState | None:
    return None if found is None else FileState(size=found["bytes"], sha256=found["sha256"])
