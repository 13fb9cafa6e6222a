"""Random orders of moves against approvals in real Postgres, held against a model.

What must hold: an action of an approval is used at most once, only by a live task with the newest
fence, only after a decision of the owner's that counted, and never after it expired or was
withdrawn, whatever was restarted or rolled back in between. What was allowed must work, too, or
the model would prove nothing.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule, run_state_machine_as_test

from bench.security.approvals_model import (
    LATE,
    ROLL_BACK,
    SAVE,
    SAVING,
    STALE,
    Known,
    Walked,
    World,
)  # fmt: skip
from bench.security.approvals_scene import OWNER, STRANGER
from bench.security.approvals_wanted import remembered, request
from core.approvals import Approvals, Choice, Given, Ledger
from core.audit import Audit
from core.db import Database
from core.stop import stop_all
from core.tasks import NewTask, TaskStore

if TYPE_CHECKING:
    from collections.abc import Coroutine
    from pathlib import Path
    from typing import Any

    from core.approvals import Approval, Ticket
    from core.approvals.types import Via
    from executors.asking import Wanted

STEPS_AN_EXAMPLE = 60
VIAS = ("button", "command")

Which = st.integers(0, 5)


class Machine(RuleBasedStateMachine):
    """One task after another, and whatever may happen to their approvals."""

    def __init__(self, world: World) -> None:
        super().__init__()
        self.world, self.db = world, world.database
        self.world.examples += 1
        self.known: dict[int, Known] = {}
        self.used: set[tuple[int, int]] = set()
        self.granted: set[int] = set()
        self.rolled_back = False
        self.is_live = False
        self.task_no = self.fence = 0
        self._renew()

    def _renew(self) -> None:
        self.audit = Audit(self.db)
        ledger = Ledger(self.world.folder / f"used-{self.world.examples}")
        self.approvals = Approvals(self.db, self.audit, ledger)

    def _step(self, work: Coroutine[Any, Any, Any]) -> Any:
        self.world.walked.steps += 1
        return self.world.run(work)

    def _pick(self, which: int) -> Known:
        mine = [k for k in self.known.values() if k.stored.task_no == self.task_no]
        return (mine or list(self.known.values()))[which % len(mine or self.known)]

    def _wanted(self, variant: int) -> Wanted:
        methods = ("POST", "PUT", "PATCH")
        return remembered(request(self.task_no, method=methods[variant % 3]))

    async def _begin_task(self) -> None:
        tasks = TaskStore(self.db)
        new = NewTask(kind="shell", title="t", instructions="x", chat_id=OWNER)
        async with self.db.transaction() as session:
            no = await tasks.add(session, new)
        task = await tasks.claim_next(host="h", parallel=1_000_000, lease_s=600)
        assert task is not None
        assert task.no == no
        self.task_no, self.fence, self.is_live = task.no, task.fence, True
        self.granted, self.rolled_back = set(), False

    # --- moves of the task ---

    @rule(variant=Which, is_production=st.sampled_from([False, False, False, True]))
    def ask(self, variant: int, is_production: bool) -> None:
        self._ask(variant, is_production)

    def _ask(self, variant: int, is_production: bool) -> Known:
        async def asking() -> Approval:
            if not self.is_live:
                await self._begin_task()
            asks = [self._wanted(variant).ask]
            return await self.approvals.request(
                self.task_no, asks, reason="r", detail="", expires_s=900,
                is_production=is_production, may_remember=not is_production,
            )  # fmt: skip

        stored: Approval = self._step(asking())
        known = self.known.setdefault(stored.id, Known(stored=stored, variant=variant))
        assert known.state == "pending"
        assert not known.is_late
        return known

    @precondition(lambda self: self.known)
    @rule(which=Which)
    def use_what_was_asked(self, which: int) -> None:
        self._consume(self._pick(which).variant, 0)

    @rule(variant=Which)
    def ask_decide_and_use(self, variant: int) -> None:
        """What mostly happens."""
        known = self._ask(variant, is_production=False)
        self.decide_as(known, Choice.ONCE, "button", "")
        self._consume(variant, 0)

    @precondition(lambda self: self.task_no)
    @rule(variant=Which, behind=st.sampled_from([0, 0, 0, 1]))
    def use_anything(self, variant: int, behind: int) -> None:
        self._consume(variant, behind)

    def _consume(self, variant: int, behind: int) -> None:
        digest = self._wanted(variant).effect.digest
        fence = self.fence - behind
        ticket = self._step(self.approvals.consume(self.task_no, fence, digest))
        may = [
            (k.stored.id, 0)
            for k in self.known.values()
            if k.stored.task_no == self.task_no and k.stored.actions[0].digest == digest
            and k.may_be_used() and self.is_live and not behind
        ]  # fmt: skip
        fresh = [key for key in may if key not in self.used]
        if ticket is None:
            assert not fresh or self.rolled_back, "what was allowed does not work"
            return
        self._take(ticket, digest, fresh)

    def _take(self, ticket: Ticket, digest: str, fresh: list[tuple[int, int]]) -> None:
        key = (ticket.approval_id, ticket.index)
        assert ticket.digest == digest
        assert key not in self.used, "used twice"
        assert key in fresh, "used without a decision that counts"
        self.used.add(key)
        self.world.walked.used += 1

    @rule()
    def restart(self) -> None:
        self.world.walked.steps += 1
        self._renew()

    # --- moves of people ---

    @precondition(lambda self: self.known)
    @rule(
        which=Which, choice=st.sampled_from(list(Choice)), via=st.sampled_from(VIAS),
        fault=st.sampled_from(["", "", "", "user", "chat", "card", "code"]),
    )  # fmt: skip
    def decide(self, which: int, choice: Choice, via: Via, fault: str) -> None:
        self.decide_as(self._pick(which), choice, via, fault)

    def decide_as(self, known: Known, choice: Choice, via: Via, fault: str) -> None:
        """`fault` is what is wrong about the decision; the approval is as it was when asked."""
        stored, card_id = known.stored, 1000 + known.stored.id
        given = Given(
            choice=choice, user_id=STRANGER if fault == "user" else OWNER, via=via,
            chat_id=STRANGER if fault == "chat" else OWNER,
            message_id=card_id + (fault == "card"),
            code=stored.code[::-1] + "x" if fault == "code" else stored.code,
        )  # fmt: skip

        async def deciding() -> object:
            async with self.db.transaction() as session:
                return await self.approvals.decide(
                    session, stored, given, owner_id=OWNER, card_id=card_id
                )

        refusal = self._step(deciding())
        is_live = self.is_live and stored.task_no == self.task_no
        is_taken = is_live and known.accepts(given, fault)
        assert (refusal is None) is is_taken, f"{refusal} for {given} of {known}"
        if is_taken:
            self.world.walked.decided += 1
            known.state = "denied" if choice is Choice.DENY else "approved"
            known.is_wide = choice in {Choice.TASK, Choice.ALWAYS}
            if known.is_wide:
                self.granted.add(known.variant % 3)

    @precondition(lambda self: self.is_live)
    @rule()
    def revoke(self) -> None:
        """Takes back whatever the task was granted; a grant for all goes with it.

        So does what was approved together with a grant and not used yet.
        """

        async def revoking() -> None:
            for grant in await self.approvals.grants(self.task_no):
                async with self.db.transaction() as session:
                    await self.approvals.revoke(session, grant.id)
            assert await self.approvals.grants(self.task_no) == ()

        self._step(revoking())
        self.granted.clear()
        for known in self.known.values():
            if known.is_wide and known.state == "approved" and known.stored.task_no == self.task_no:
                known.is_stale = True

    @precondition(lambda self: self.is_live)
    @rule()
    def look_at_grants(self) -> None:
        """What is granted is what was decided since the last revoke."""
        found = self._step(self.approvals.grants(self.task_no))
        assert {("POST", "PUT", "PATCH").index(g.rule["methods"][0]) for g in found} == self.granted

    @precondition(lambda self: self.is_live)
    @rule(odds=st.integers(0, 3))
    def cancel(self, odds: int) -> None:
        async def cancelling() -> None:
            async with self.db.transaction() as session:
                await TaskStore(self.db).request_cancel(session, self.task_no)

        if odds == 0:
            self._step(cancelling())
            self._end_task()

    @precondition(lambda self: self.is_live)
    @rule(odds=st.integers(0, 3))
    def stop(self, odds: int) -> None:
        async def stopping() -> None:
            async with self.db.transaction() as session:
                await stop_all(session, self.approvals, self.audit, by="owner")

        if odds == 0:
            self._step(stopping())
            self._end_task()
            for known in self.known.values():
                if known.state in {"pending", "approved"}:
                    known.state = "withdrawn"

    def _end_task(self) -> None:
        """Grants for all tasks go, too: each task of the model begins with none."""

        async def ending() -> None:
            await self.db.execute("update grants set revoked_at = now() where revoked_at is null")

        self.world.run(ending())
        self.is_live = False

    # --- time, and the database's owner ---

    @precondition(lambda self: self.known)
    @rule(which=Which)
    def let_expire(self, which: int) -> None:
        known = self._pick(which)
        self._step(self.db.execute(LATE, known.stored.id))
        known.is_late = True

    @precondition(lambda self: self.known)
    @rule(which=Which)
    def let_time_pass_after_the_decision(self, which: int) -> None:
        known = self._pick(which)
        self._step(self.db.execute(STALE, known.stored.id))
        known.is_stale = known.is_stale or known.state != "pending"

    @rule()
    def sweep(self) -> None:
        self._step(self.approvals.expire())
        for known in self.known.values():
            is_dead = not self.is_live or known.stored.task_no != self.task_no
            if known.state == "pending" and (is_dead or known.is_late):
                known.state = "withdrawn" if is_dead else "expired"

    @precondition(lambda self: self.known)
    @rule()
    def save(self) -> None:
        self._step(self._each(SAVE))
        for known in self.known.values():
            if known.stored.task_no == self.task_no:
                known.saved = (known.state, known.is_late, known.is_stale)

    @precondition(lambda self: self.known)
    @rule()
    def roll_back(self) -> None:
        self._step(self._each(ROLL_BACK))
        for known in self.known.values():
            if known.stored.task_no == self.task_no and known.saved is not None:
                known.state, known.is_late, known.is_stale = known.saved
                self.rolled_back = True
                self.world.walked.rolled_back += 1

    async def _each(self, queries: tuple[str, ...]) -> None:
        for query in queries:
            await self.db.execute(query, self.task_no)

    def teardown(self) -> None:
        if self.is_live:
            self.world.run(
                self.db.execute("update tasks set state = 'done' where no = $1", self.task_no)
            )
            self._end_task()


def measure_machine(steps: int, dsn: str, folder: Path) -> Walked:
    """Walks `steps` steps or more in the migrated, empty `dsn`; raises where the model differs."""
    with asyncio.Runner() as runner:
        database = runner.run(Database.connect(dsn, size=2))
        world = World(runner=runner, database=database, folder=folder)
        try:
            for query in SAVING:
                world.run(database.execute(query))
            while world.walked.steps < steps:
                left = steps - world.walked.steps
                _walk(world, max(3, left // STEPS_AN_EXAMPLE + 1))
        finally:
            runner.run(database.close())
    return world.walked


def _walk(world: World, examples: int) -> None:
    wanted = settings(
        max_examples=examples, stateful_step_count=STEPS_AN_EXAMPLE, deadline=None, database=None,
        phases=(Phase.generate, Phase.shrink), suppress_health_check=list(HealthCheck),
        print_blob=True,
    )  # fmt: skip

    class Walk(Machine):
        def __init__(self) -> None:
            super().__init__(world)

    run_state_machine_as_test(Walk, settings=wanted)
