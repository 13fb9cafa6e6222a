"""`agentai stop`: stops every task, also when the bot, the coordinator or an executor hangs.

Two things at once, and neither waits for the other: in Postgres nothing of a stopped task counts
any more and nothing starts by itself until the owner says /resume; and every container of this
instance is killed through the engine, without asking anybody. Whatever was started meanwhile is
killed after it. What could not be done is said; the exit code is 1 then.

Threat: what holds up the stop is just what is to be stopped. So it leans on no other process of
ours, and on Postgres only for what is in it: the id that our containers bear lies in AGENTAI_HOME.
"""

from __future__ import annotations

import asyncio
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from core.approvals import Approvals
from core.audit import Audit
from core.db import Database
from core.errors import AgentAIError, UserFacing
from core.instance import instance_id, kept_instance_id
from core.settings import load_settings
from core.stop import stop_all
from executors.docker_launcher import kill_all

if TYPE_CHECKING:
    from core.settings import EnvSettings

WITHIN_S = 30.0
NO_POSTGRES = "No task was stopped in Postgres ({}). Run this again once it answers."
NO_ID = "No container was killed: neither AGENTAI_HOME nor Postgres says which ones are ours."
PAUSED = "schedules, checks and triggers are paused; /resume in the chat starts them again"
SURVIVED = "These containers could not be killed: {}."


@dataclass(frozen=True, kw_only=True, slots=True)
class _Done:
    """What was done, and in words what was not."""

    tasks: int | None = None
    killed: int = 0
    instance: str | None = None
    problems: tuple[str, ...] = ()


def main() -> int:
    """Runs the command; prints what was stopped, and what could not be."""
    done = asyncio.run(_stop(load_settings()))
    tasks = "" if done.tasks is None else f"stopped {done.tasks} tasks, "
    print(f"{tasks}killed {done.killed} containers")
    if done.tasks is not None:
        print(PAUSED)
    for problem in done.problems:
        print(problem, file=sys.stderr)
    return 1 if done.problems else 0


async def _stop(env: EnvSettings) -> _Done:
    kept = kept_instance_id(env.home)
    first, written = await asyncio.gather(_kill({kept}), _write(env))
    again = await _kill({kept, written.instance})
    problems = [*written.problems, *again.problems]
    if not {kept, written.instance} - {None}:
        problems.append(NO_ID)
    return _Done(tasks=written.tasks, killed=first.killed + again.killed, problems=tuple(problems))


async def _kill(instances: set[str | None]) -> _Done:
    """Kills the containers of these; an engine that does not answer is a problem to tell."""
    killed, problems = 0, []
    for instance in sorted(name for name in instances if name is not None):
        try:
            found = await asyncio.to_thread(kill_all, instance)
        except UserFacing as error:
            problems.append(error.sentence())
            continue
        killed += found.count
        if found.left:
            problems.append(SURVIVED.format(", ".join(found.left)))
    return _Done(killed=killed, problems=tuple(dict.fromkeys(problems)))


async def _write(env: EnvSettings) -> _Done:
    """Stops everything in Postgres; why it could not is a problem to tell."""
    try:
        async with asyncio.timeout(WITHIN_S):
            return await _stop_tasks(env.need_database())
    except (AgentAIError, TimeoutError) as error:
        why = str(error) or "it took too long"
        return _Done(problems=(NO_POSTGRES.format(why),))


async def _stop_tasks(address: str) -> _Done:
    database = await Database.connect(address, size=2, patience_s=5)
    try:
        audit = Audit(database)
        async with database.transaction() as session:
            count = await stop_all(session, Approvals(database, audit), audit, by="operator")
        return _Done(tasks=count, instance=await instance_id(database))
    finally:
        await database.close()
