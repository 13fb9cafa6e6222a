"""A task's changes on their way to the owner's files, through kills and restarts at any point."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
from threading import Event
from typing import TYPE_CHECKING

import pytest

from bench.security.approvals_scene import Scene
from core.db import Database
from core.migrate import migrate
from core.spawn import held
from core.tasks import Outcome, TaskState
from core.tasks.seen import SeenStore
from core.workspace import OwnerFiles
from executors.commits import FOLDER, SHOWN_TOTAL, CommitParts, Commits
from executors.effects import EffectParts, Effects
from executors.ending import Ending, Staged

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Mapping
    from pathlib import Path

    from core.approvals import Approval, Ticket
    from core.policy import Label
    from core.tasks import Task
    from core.workspace import Changes
    from executors.asking import Wanted

OWNED = {"a.txt": "old a\n", "b.txt": "old b\n", "gone.txt": "old gone\n"}
WORKED = {"a.txt": "new a\n", "b.txt": "new b\n", "n.txt": "brand new\n"}


class KilledError(Exception):
    """The process ends here, as far as the parts that a test holds can tell."""


class DyingFiles(OwnerFiles):
    """Ends the process in the moment after a commit was carried out."""

    def commit(
        self, commit_id: str, task: int, *, changes: Changes, staging: Path,
        expect: Mapping[str, str | None],
    ) -> None:  # fmt: skip
        super().commit(commit_id, task, changes=changes, staging=staging, expect=expect)
        if commit_id.endswith("approved"):
            raise KilledError


class DyingEffects(Effects):
    """Ends the process when the outcome of the second ticket would be written down."""

    closed = 0

    async def close(self, one: Wanted, ticket: Ticket | None, outcome: str) -> None:
        self.closed += ticket is not None
        if self.closed > 1:
            raise KilledError
        await super().close(one, ticket, outcome)


class HelplessFiles(OwnerFiles):
    """Ends the process in the moment before the approved commit."""

    def commit(
        self, commit_id: str, task: int, *, changes: Changes, staging: Path,
        expect: Mapping[str, str | None],
    ) -> None:  # fmt: skip
        if commit_id.endswith("approved") and staging.name != "nothing":
            raise KilledError
        super().commit(commit_id, task, changes=changes, staging=staging, expect=expect)


class WatchingSeen(SeenStore):
    """Notes what had been copied when the labels were written."""

    copies: Path
    copied: list[bool]

    async def add_labels(self, task: Task, labels: Iterable[Label]) -> None:
        self.copied.append(self.copies.exists())
        await super().add_labels(task, labels)


class Office:
    """The owner's folder, and tasks that work on copies of it."""

    def __init__(self, scene: Scene, root: Path) -> None:
        self.scene, self.root = scene, root
        self.owner = root / "owner"
        self.newest: Effects | None = None
        self.waits = asyncio.Event()
        write(self.owner, OWNED)

    @property
    def work(self) -> Path:
        return self.root / "work"

    def commits(
        self, effects: Effects, files: type[OwnerFiles] = OwnerFiles, *, config: int = 1
    ) -> Commits:
        """As a newly started host makes them."""
        parts = CommitParts(
            files=files(self.owner, self.root / "versions"), staging=self.root / "staging",
            seen=SeenStore(self.scene.database),
        )  # fmt: skip
        return Commits(parts, effects, config=config)

    async def effects(self, task: Task, kind: type[Effects] = Effects) -> Effects:
        self.waits = asyncio.Event()

        async def on_wait(is_waiting: bool) -> None:
            if is_waiting:
                self.waits.set()

        scene = self.scene
        parts = EffectParts(
            database=scene.database, approvals=scene.used, audit=scene.audit,
            seen=SeenStore(scene.database),
        )  # fmt: skip
        made = self.newest = kind(parts, task, await scene.config.current(), on_wait)
        return made

    async def staged(self, task: Task, worked: Mapping[str, str] | None = None) -> Staged:
        """The task got its copies, changed them, and ended; as Postgres gives it back."""
        shutil.rmtree(self.work, ignore_errors=True)
        self.work.mkdir()
        commits = self.commits(await self.effects(task))
        await commits.copy_in(self.work, (os.geteuid(), os.getegid()))
        (self.work / FOLDER / "gone.txt").unlink(missing_ok=True)
        write(self.work / FOLDER, worked or WORKED)
        ending = Ending(
            outcome=Outcome(state=TaskState.DONE), changes=await commits.stage(self.work)
        )
        return Ending.from_json(json.loads(json.dumps(ending.to_json()))).changes

    async def settled(self, commits: Commits, staged: Staged, button: str = "Approve") -> str:
        """What it came to, with a tap on the next card."""
        async with asyncio.TaskGroup() as group:
            settling = group.create_task(commits.settle(staged))
            await self.tap(button)
        return settling.result()

    async def tap(self, button: str) -> None:
        async with asyncio.timeout(15):
            await self.waits.wait()
        await self.scene.press(await self.scene.deliver(), button)
        assert self.newest is not None
        self.newest.wake()

    async def killed(self, commits: Commits, staged: Staged) -> None:
        """The same, with a process that does not live to see its end."""
        with pytest.raises(ExceptionGroup) as caught:
            await self.settled(commits, staged)
        assert caught.group_contains(KilledError)

    def holds(self) -> dict[str, str]:
        return {p.name: p.read_text() for p in sorted(self.owner.iterdir()) if p.is_file()}

    async def cards(self) -> list[Approval]:
        rows = await self.scene.database.fetch("select id from approvals order by id")
        found = [await self.scene.approvals.get(row["id"]) for row in rows]
        return [card for card in found if card is not None]

    async def outcomes(self) -> set[str | None]:
        rows = await self.scene.database.fetch("select outcome from approval_actions")
        return {row["outcome"] for row in rows}


async def alone(commits: Commits, staged: Staged) -> str:
    """What it comes to when the owner is asked nothing; an answer would never come."""
    async with asyncio.timeout(15):
        return await commits.settle(staged)


def write(folder: Path, files: Mapping[str, str]) -> None:
    folder.mkdir(exist_ok=True)
    for name, text in files.items():
        (folder / name).write_text(text)


@pytest.fixture
async def office(database_url: str, tmp_path: Path) -> AsyncIterator[Office]:
    database = await Database.connect(database_url)
    await migrate(database)
    yield Office(Scene(database, tmp_path), tmp_path)
    await database.close()


TOLD = (
    "Your files: 1 new. /undo 1 takes it back.\n"
    "Your files: 2 changed, 1 deleted. /undo 1 takes it back."
)


async def test_after_one_tap_all_changes_are_there(office: Office) -> None:
    task = await office.scene.task()
    staged = await office.staged(task)
    assert await office.settled(office.commits(await office.effects(task)), staged) == TOLD
    assert office.holds() == WORKED
    assert await office.outcomes() == {"done"}


async def test_a_deletion_alone_waits_for_the_tap(office: Office) -> None:
    task = await office.scene.task()
    staged = await office.staged(task, {name: OWNED[name] for name in ("a.txt", "b.txt")})
    commits = office.commits(await office.effects(task))
    async with held(commits.settle(staged), name="settle") as settling:
        await office.waits.wait()
        assert office.holds() == OWNED
        await office.tap("Deny")
        told = await settling
    assert told.startswith("Your files were not changed (gone.txt)")
    assert office.holds() == OWNED


async def test_a_cancel_does_not_break_off_a_commit_that_has_begun(office: Office) -> None:
    class Slow(OwnerFiles):
        def commit(
            self, commit_id: str, task: int, *, changes: Changes, staging: Path,
            expect: Mapping[str, str | None],
        ) -> None:  # fmt: skip
            if commit_id.endswith("approved"):
                loop.call_soon_threadsafe(begun.set)
                assert go.wait(20)
            super().commit(commit_id, task, changes=changes, staging=staging, expect=expect)

    begun, go, loop = asyncio.Event(), Event(), asyncio.get_running_loop()
    task = await office.scene.task()
    staged = await office.staged(task)
    commits = office.commits(await office.effects(task), Slow)
    async with held(commits.settle(staged), name="settle") as settling:
        await office.tap("Approve")
        await begun.wait()
        settling.cancel()
        await asyncio.sleep(0)
        go.set()
    assert settling.result() == TOLD
    assert office.holds() == WORKED
    assert await office.outcomes() == {"done"}


async def test_a_kill_right_after_the_commit_asks_nothing_again_and_reports_what_is(
    office: Office,
) -> None:
    task = await office.scene.task()
    staged = await office.staged(task)
    await office.killed(office.commits(await office.effects(task), DyingFiles), staged)
    assert office.holds() == WORKED
    assert await office.outcomes() == {None}
    assert await alone(office.commits(await office.effects(task), config=2), staged) == TOLD
    assert len(await office.cards()) == 1
    assert await office.outcomes() == {"done"}


async def test_a_kill_while_outcomes_are_written_down_leaves_nothing_in_doubt(
    office: Office,
) -> None:
    task = await office.scene.task()
    staged = await office.staged(task)
    await office.killed(office.commits(await office.effects(task, DyingEffects)), staged)
    assert await office.outcomes() == {"done", None}
    assert await alone(office.commits(await office.effects(task)), staged) == TOLD
    assert len(await office.cards()) == 1
    assert await office.outcomes() == {"done"}


async def test_a_kill_between_the_tickets_and_the_commit_still_commits_once(
    office: Office,
) -> None:
    task = await office.scene.task()
    staged = await office.staged(task)
    await office.killed(office.commits(await office.effects(task), HelplessFiles), staged)
    assert office.holds() == OWNED | {"n.txt": "brand new\n"}
    assert await alone(office.commits(await office.effects(task), config=2), staged) == TOLD
    assert office.holds() == WORKED
    assert len(await office.cards()) == 1


async def test_a_stopped_task_commits_nothing_with_the_tickets_of_a_dead_process(
    office: Office,
) -> None:
    task = await office.scene.task()
    staged = await office.staged(task)
    await office.killed(office.commits(await office.effects(task), HelplessFiles), staged)
    async with office.scene.database.transaction() as session:
        await office.scene.tasks.request_cancel(session, task.no)
    told = await alone(office.commits(await office.effects(task)), staged)
    assert "Your files were not changed (a.txt, b.txt, gone.txt)" in told
    assert office.holds() == OWNED | {"n.txt": "brand new\n"}
    assert await office.outcomes() == {"failed"}


async def test_a_restart_while_the_card_waits_goes_on_with_that_card(office: Office) -> None:
    task = await office.scene.task()
    staged = await office.staged(task)
    settling = office.commits(await office.effects(task)).settle(staged)
    async with held(settling, name="a process that ends while the card waits"):
        async with asyncio.timeout(15):
            await office.waits.wait()
    write(office.owner, {"other.txt": "the owner goes on working\n"})
    later = office.commits(await office.effects(task), config=7)
    assert await office.settled(later, staged) == TOLD
    assert len(await office.cards()) == 1


async def test_settling_again_after_the_staged_files_are_gone_says_what_was_done(
    office: Office,
) -> None:
    task = await office.scene.task()
    staged = await office.staged(task)
    commits = office.commits(await office.effects(task))
    assert await office.settled(commits, staged) == TOLD
    assert list((office.root / "staging").iterdir()) != []
    await commits.discard()
    assert list((office.root / "staging").iterdir()) == []
    assert await alone(office.commits(await office.effects(task)), staged) == TOLD
    assert office.holds() == WORKED
    assert len(await office.cards()) == 1


async def test_staged_files_that_vanished_before_the_commit_change_nothing(
    office: Office,
) -> None:
    task = await office.scene.task()
    staged = await office.staged(task)
    await office.commits(await office.effects(task)).discard()
    told = await office.settled(office.commits(await office.effects(task)), staged)
    assert "/undo" not in told
    assert office.holds() == OWNED
    assert await office.outcomes() == {"failed"}


async def test_an_owner_who_says_no_keeps_their_files_and_gets_what_is_new(
    office: Office,
) -> None:
    task = await office.scene.task()
    staged = await office.staged(task)
    told = await office.settled(office.commits(await office.effects(task)), staged, "Deny")
    assert "Your files were not changed (a.txt, b.txt, gone.txt): The owner said no." in told
    assert office.holds() == OWNED | {"n.txt": "brand new\n"}


async def test_a_task_of_an_older_database_may_have_the_number_of_another(
    office: Office,
) -> None:
    for number, text in enumerate(("one\n", "two\n")):
        task = await office.scene.task()
        staged = await office.staged(task, {f"n{number}.txt": text, "gone.txt": OWNED["gone.txt"]})
        assert task.no == 1
        told = await alone(office.commits(await office.effects(task)), staged)
        assert told == "Your files: 1 new. /undo 1 takes it back."
        await office.scene.sql("truncate tasks restart identity cascade")
    assert office.holds() == OWNED | {"n0.txt": "one\n", "n1.txt": "two\n"}


async def test_what_a_card_is_about_holds_the_whole_diff(office: Office) -> None:
    write(office.owner, {"long.txt": "".join(f"old {n}\n" for n in range(3000))})
    task = await office.scene.task()
    text = "".join(f"new {n}\n" for n in range(3000)) + "x" * 1000 + "at the very end\n"
    staged = await office.staged(task, OWNED | {"long.txt": text})
    await office.settled(office.commits(await office.effects(task)), staged)
    (card,) = await office.cards()
    (action,) = card.actions
    assert "-old 2999" in action.display
    assert "at the very end" in action.display


async def test_what_is_shown_of_many_large_files_is_bounded(office: Office) -> None:
    large = {f"{n:02}.txt": f"{n}\n" * 30_000 for n in range(30)}
    write(office.owner, large)
    task = await office.scene.task()
    staged = await office.staged(
        task, OWNED | {n: t.replace("\n", "!\n") for n, t in large.items()}
    )
    assert len(staged.displays) == 30
    assert sum(map(len, staged.displays.values())) < 2 * SHOWN_TOTAL
    assert "sha256" in staged.displays["29.txt"]


async def test_a_task_is_labelled_before_the_first_copy_is_made(office: Office) -> None:
    task = await office.scene.task()
    seen = WatchingSeen(office.scene.database)
    seen.copies, seen.copied = office.work / FOLDER, []
    parts = EffectParts(
        database=office.scene.database, approvals=office.scene.used, audit=office.scene.audit,
        seen=seen,
    )  # fmt: skip
    effects = Effects(parts, task, await office.scene.config.current(), on_wait=nobody)
    office.work.mkdir()
    await office.commits(effects).copy_in(office.work, (os.geteuid(), os.getegid()))
    assert seen.copied == [False]
    assert {"private", "untrusted"} <= set((await effects.context()).labels)


async def nobody(_: bool) -> None:
    """Nobody needs to know."""


async def test_a_task_that_gets_no_file_gets_no_label(office: Office) -> None:
    shutil.rmtree(office.owner)
    task = await office.scene.task()
    effects = await office.effects(task)
    office.work.mkdir()
    copied = await office.commits(effects).copy_in(office.work, (os.geteuid(), os.getegid()))
    assert copied.base == {}
    assert set((await effects.context()).labels) == {"owner"}
    assert await office.commits(effects).copied_before() == copied


async def test_what_was_sent_in_chat_goes_to_no_task_that_does_not_name_it(office: Office) -> None:
    shutil.rmtree(office.owner)
    (office.owner / "received").mkdir(parents=True)
    write(office.owner, {"received/letter.pdf": "from a stranger"})
    task = await office.scene.task()
    effects = await office.effects(task)
    office.work.mkdir()
    copied = await office.commits(effects).copy_in(office.work, (os.geteuid(), os.getegid()))
    assert copied.base == {}
    assert set((await effects.context()).labels) == {"owner"}
