"""Tasks in Postgres: the truth about what is queued, who runs it, how far it is and how it ended.

An executor host's writes carry the fencing token of its claim and return False once that token is
stale; the host then drops the task. Methods that belong into a bigger transaction take its
`Session`. Every method raises `Retryable` while Postgres is away; cancelling rolls back.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from core.db import storable
from core.sql import load_queries
from core.tasks.rows import as_input, as_step, as_task
from core.tasks.states import TaskState
from core.tasks.types import TaskNo

if TYPE_CHECKING:
    from collections.abc import Sequence
    from decimal import Decimal
    from typing import Literal

    from core.db import Database, Session
    from core.models import Role, Usage
    from core.tasks.types import NewTask, Outcome, Step, Task, TaskInput

SQL = load_queries(__package__ or "core.tasks")
_SELECT = SQL["select"]
QUIET_PARALLEL = 2
_LIVE = "state in ('running', 'waiting')"


def answer_key(no: int, step: int) -> str:
    """The key under which the one answer to a question is kept."""
    return f"task:{no}:answer:{step}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Host:
    """An executor host as it last reported itself."""

    host: str
    status: str
    detail: str


class TaskStore:
    """All reads and writes of tasks."""

    def __init__(self, database: Database) -> None:
        self._db = database

    # --- the coordinator's and the bot's side ---

    async def add(self, session: Session, new: NewTask) -> TaskNo:
        """Queues a task inside the caller's transaction; its number is final once that commits."""
        no = await session.fetchval(
            SQL["add"], new.kind, storable(new.title), storable(new.instructions), new.chat_id,
            new.origin_message_id, new.turn_id, [asdict(f) for f in new.files], new.origin,
            new.skill, dict(new.manifest) if new.manifest is not None else None, new.box,
            new.is_quiet,
        )  # fmt: skip
        return TaskNo(no)

    async def get(self, no: int, *, session: Session | None = None) -> Task | None:
        """One task, or None."""
        row = await (session or self._db).fetchrow(f"{_SELECT} where t.no = $1", no)
        return as_task(row) if row else None

    async def live(self, *, with_quiet: bool = False) -> tuple[Task, ...]:
        """Everything queued, running or waiting that the owner knows of, oldest first."""
        return await self._many(
            "where t.state in ('queued', 'running', 'waiting') and ($1 or not t.is_quiet)"
            " order by t.no", with_quiet,
        )  # fmt: skip

    async def recent(self, *, limit: int = 10) -> tuple[Task, ...]:
        """The newest tasks that the owner knows of, newest first."""
        return await self._many("where not t.is_quiet order by t.no desc limit $1", limit)

    async def unreported(self) -> tuple[Task, ...]:
        """Ended tasks whose result has not been handed to the outbox yet."""
        return await self._many(
            "where t.state in ('done', 'failed', 'cancelled', 'unknown')"
            " and not t.is_quiet and t.reported_at is null order by t.ended_at"
        )

    async def prune_quiet(self, *, after_s: float) -> tuple[TaskNo, ...]:
        """Forgets quiet tasks that ended so long ago, with their steps; what they cost stays."""
        return tuple(r["no"] for r in await self._db.fetch(SQL["prune_quiet"], after_s))

    async def known(self, numbers: Sequence[int]) -> frozenset[int]:
        """Those of `numbers` that are tasks."""
        return frozenset(r["no"] for r in await self._db.fetch(SQL["known"], list(numbers)))

    async def of_origin(self, chat_id: int, message_id: int) -> tuple[Task, ...]:
        """The tasks that the owner's message `message_id` led to."""
        return await self._many(
            "where t.chat_id = $1 and t.origin_message_id = $2 order by t.no", chat_id, message_id
        )

    async def _many(self, where: str, *args: object) -> tuple[Task, ...]:
        return tuple(as_task(row) for row in await self._db.fetch(f"{_SELECT} {where}", *args))

    async def request_cancel(self, session: Session, no: int) -> TaskState | None:
        """Cancels what is queued at once, asks the host to stop what runs.

        None when it had ended.
        """
        state = await session.fetchval(SQL["request_cancel"], no)
        return TaskState(state) if state else None

    async def add_input(
        self, session: Session, no: int, kind: Literal["steer", "answer"], *, text: str,
        step: int | None = None, key: str | None = None,
    ) -> bool:  # fmt: skip
        """Says something to a live task; False when it has ended or `key` was used before."""
        added = await session.fetchval(SQL["add_input"], no, kind, storable(text), step, key)
        return added is not None

    async def replace_queued(self, session: Session, no: int, *, instructions: str) -> bool:
        """Replaces the instructions of a task that has not started; False when it has."""
        text = storable(instructions)
        return await session.fetchval(SQL["replace_queued"], no, text, text[:80]) is not None

    async def mark_reported(self, session: Session, no: int) -> bool:
        """Claims the right to report a result; False when it was reported before."""
        return await session.fetchval(SQL["mark_reported"], no) is not None

    async def set_card_shown(self, no: int, shown: str) -> None:
        """Remembers what the task's progress message shows."""
        await self._db.execute(SQL["set_card_shown"], no, shown)

    async def give_up(self, task: Task, state: TaskState, reason: str) -> bool:
        """Ends a task that no host looks after.

        Raises the fence so that a late host is shut out.
        """
        return await self._owned("give_up", task.no, task.fence, state, reason)

    async def hosts(self) -> tuple[Host, ...]:
        """Executor hosts seen within the last minute, newest first."""
        return tuple(Host(**row) for row in await self._db.fetch(SQL["hosts"]))

    # --- the executor host's side ---

    async def claim_next(self, *, host: str, parallel: int, lease_s: float) -> Task | None:
        """Takes the oldest queued task when fewer than `parallel` run in the whole instance.

        Quiet ones do not count there: of those, two may run.
        """
        async with self._db.transaction() as session:
            await session.execute(SQL["lock_claims"])
            no = await session.fetchval(SQL["claim_next"], host, parallel, lease_s, QUIET_PARALLEL)
            return await self.get(no, session=session) if no is not None else None

    async def renew(self, numbers: Sequence[TaskNo], *, host: str, lease_s: float) -> None:
        """Extends the leases of what `host` works on."""
        await self._db.execute(SQL["renew"], host, lease_s, list(numbers))

    async def held(self, host: str) -> list[Task]:
        """What `host` runs, oldest first."""
        return list(await self._many(f"where t.host = $1 and t.{_LIVE} order by t.no", host))

    async def cancel_wanted(self, host: str) -> list[TaskNo]:
        """Tasks of `host` that the owner wants stopped."""
        wanted = await self._many(
            f"where t.host = $1 and t.{_LIVE} and t.cancel_requested_at is not null", host
        )
        return [task.no for task in wanted]

    async def attach(self, no: TaskNo, fence: int, *, slot: str) -> bool:
        """Notes which slot (container and workspace) runs the task."""
        return await self._owned("attach", no, fence, slot)

    async def begin_step(self, no: TaskNo, fence: int, step: Step) -> bool:
        """Checkpoint before a tool runs. Saying it twice changes nothing."""
        async with self._db.transaction() as session:
            if await session.fetchval(SQL["owned"], no, fence) is None:
                return False
            arguments = dict(step.arguments)
            await session.execute(SQL["begin_step"], no, step.index, storable(step.tool), arguments)
            return True

    async def end_step(self, no: TaskNo, fence: int, index: int, result: str) -> bool:
        """Checkpoint after a tool ran. Saying it twice keeps the first result."""
        async with self._db.transaction() as session:
            if await session.fetchval(SQL["owned"], no, fence) is None:
                return False
            await session.execute(SQL["end_step"], no, index, storable(result))
            return True

    async def steps(self, no: TaskNo) -> list[Step]:
        """All checkpoints of a task, in order."""
        return [as_step(row) for row in await self._db.fetch(SQL["steps"], no)]

    async def report_progress(self, no: TaskNo, fence: int, text: str) -> bool:
        """Replaces the line that the progress message shows."""
        return await self._owned("report_progress", no, fence, storable(text)[:1000])

    async def ask(self, no: TaskNo, fence: int, *, step: int, question: str) -> bool:
        """Puts the task into `waiting` with a question.

        Once that is answered it changes nothing.
        """
        if await self._owned("ask", no, fence, step, storable(question)[:4000]):
            return True
        task = await self.get(no)
        return task is not None and task.fence == fence and task.state is TaskState.RUNNING

    async def await_approval(self, no: TaskNo, fence: int) -> bool:
        """The task waits for the owner's decision on an effect."""
        return await self._owned("await_approval", no, fence)

    async def approval_over(self, no: TaskNo, fence: int) -> bool:
        """The decision has come, or is not waited for any more; an open question still is."""
        return await self._owned("approval_over", no, fence)

    async def inputs(self, no: TaskNo, *, after: int) -> list[TaskInput]:
        """What the owner said to the task since the input with id `after`."""
        return [as_input(row) for row in await self._db.fetch(SQL["inputs"], no, after)]

    async def resume_running(self, no: TaskNo, fence: int) -> bool:
        """Back from `waiting` to `running`."""
        return await self._owned("resume_running", no, fence)

    async def requeue(self, no: TaskNo, fence: int) -> bool:
        """Gives a task back that never began a step."""
        return await self._owned("requeue", no, fence)

    async def finish(self, no: TaskNo, fence: int, outcome: Outcome) -> bool:
        """Ends a task. False when it had ended or belongs to somebody else by now."""
        reason = storable(outcome.reason) if outcome.reason else None
        files = [asdict(f) for f in outcome.files]
        result = storable(outcome.result)
        return await self._owned(
            "finish", no, fence, outcome.state, result, reason, files, outcome.exit_code
        )

    async def _owned(self, query: str, no: int, fence: int, *args: object) -> bool:
        return await self._db.fetchval(SQL[query], no, fence, *args) is not None

    async def report_host(self, *, host: str, status: str, detail: str) -> None:
        """Tells what state this executor host is in: `ready`, `no_engine`, `no_image` …."""
        await self._db.execute(SQL["report_host"], host, status, storable(detail)[:500])

    # --- both ---

    async def cost(self, no: TaskNo) -> Decimal:
        """US dollars that a task's model calls have cost so far."""
        found: Decimal = await self._db.fetchval(SQL["cost"], no)
        return found

    async def record_usage(
        self, usage: Usage, *, role: Role, model: str, purpose: str, outcome: str,
        task_no: int | None = None, turn_id: int | None = None, session: Session | None = None,
    ) -> None:  # fmt: skip
        """One row per model call; inside the caller's transaction when `session` is given."""
        await (session or self._db).execute(
            SQL["record_usage"], role, model, purpose, task_no, turn_id, usage.prompt_tokens,
            usage.completion_tokens, usage.cost_usd, outcome,
        )  # fmt: skip
