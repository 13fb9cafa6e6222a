"""How a task wants to end while its changes wait for the owner, as it is kept in Postgres. Pure."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, cast

from core.tasks import Outcome, ResultFile, TaskState
from executors.commits import changes_from_json, changes_to_json

if TYPE_CHECKING:
    from collections.abc import Mapping

    from core.tasks import Ended
    from core.workspace import Changes


@dataclass(frozen=True, kw_only=True, slots=True)
class Ending:
    """The outcome, and the staged changes that are still to be settled."""

    outcome: Outcome
    changes: Changes

    def to_json(self) -> dict[str, Any]:
        """As plain values."""
        outcome = self.outcome
        return {
            "state": str(outcome.state), "result": outcome.result, "reason": outcome.reason,
            "files": [asdict(file) for file in outcome.files],
            "changes": changes_to_json(self.changes),
        }  # fmt: skip

    @classmethod
    def from_json(cls, found: Mapping[str, Any]) -> Ending:
        """What `to_json` made, read again."""
        outcome = Outcome(
            state=cast("Ended", TaskState(found["state"])), result=found["result"],
            reason=found["reason"], files=tuple(ResultFile(**f) for f in found["files"]),
        )  # fmt: skip
        return cls(outcome=outcome, changes=changes_from_json(found["changes"]))
