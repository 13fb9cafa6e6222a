"""Class: what is carried out is not what was approved (time of check, time of use)."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from core.approvals import Choice
from core.tasks.seen import SeenStore
from core.workspace import OwnerFiles
from executors.commits import FOLDER, CommitParts, Commits
from executors.gateway.ports import Forward, Refused
from tests.security.regressions.desk import Desk, asking, request, result

if TYPE_CHECKING:
    from pathlib import Path

    from executors.effects import Effects
    from executors.ending import Staged

BEFORE, APPROVED, EVIL = b"before\n", b"what the owner approved\n", b"something else\n"


class Office:
    """The owner's folder with one file, and a task that has overwritten its copy."""

    def __init__(self, desk: Desk, effects: Effects, root: Path) -> None:
        self.desk = desk
        self.effects = effects
        self.owner = root / "owner"
        self.work = root / "work"
        self.staging = root / "staging"
        files = OwnerFiles(self.owner, root / "versions")
        parts = CommitParts(files=files, staging=self.staging, seen=SeenStore(desk.database))
        self.commits = Commits(parts, effects, config=1)

    async def open(self) -> Staged:
        """The task has changed its copy, and that is staged."""
        (self.owner / "notes.txt").write_bytes(BEFORE)
        self.work.mkdir()
        await self.commits.copy_in(self.work, (os.geteuid(), os.getegid()))
        (self.work / FOLDER / "notes.txt").write_bytes(APPROVED)
        return await self.commits.stage(self.work)

    async def approved_after(self, change: str, changes: Staged) -> str:
        """Between the card and the owner's tap, something is swapped; what came of it."""
        async with asking(self.desk, lambda: self.commits.settle(changes)) as (task, card):
            self.swap(change)
            await self.desk.decides(card)
            return str(await result(self.effects, task))

    def swap(self, what: str) -> None:
        staged = next(self.staging.rglob("*"), self.staging)
        staged = next((p for p in self.staging.rglob("*") if p.is_file()), staged)
        match what:
            case "staged":
                staged.write_bytes(EVIL)
            case "staged link":
                staged.unlink()
                staged.symlink_to("/etc/hostname")
            case "workspace":
                (self.work / FOLDER / "notes.txt").write_bytes(EVIL)
                (self.work / FOLDER / "new.txt").write_bytes(EVIL)
            case "owner":
                (self.owner / "notes.txt").write_bytes(b"the owner wrote meanwhile\n")
            case "owner link":
                (self.owner / "notes.txt").unlink()
                (self.owner / "notes.txt").symlink_to(self.work / "outside")

    def notes(self) -> bytes:
        return (self.owner / "notes.txt").read_bytes()


@pytest.fixture
async def office(desk: Desk, tmp_path: Path) -> Office:
    return Office(desk, await desk.effects(), tmp_path)


@pytest.mark.parametrize("swapped", ["staged", "staged link"])
async def test_a_staged_file_that_was_swapped_is_not_committed(
    office: Office, swapped: str
) -> None:
    told = await office.approved_after(swapped, await office.open())
    assert office.notes() == BEFORE
    assert "/undo" not in told


async def test_a_workspace_that_changed_after_the_card_changes_nothing_of_the_commit(
    office: Office,
) -> None:
    told = await office.approved_after("workspace", await office.open())
    assert office.notes() == APPROVED
    assert sorted(p.name for p in office.owner.iterdir() if not p.name.startswith(".")) == [
        "notes.txt"
    ]
    assert "/undo" in told


async def test_a_file_that_the_owner_changed_meanwhile_is_not_overwritten(office: Office) -> None:
    await office.approved_after("owner", await office.open())
    assert office.notes() == b"the owner wrote meanwhile\n"


async def test_a_file_that_became_a_link_meanwhile_is_not_written_through(office: Office) -> None:
    changes = await office.open()
    (office.work / "outside").write_bytes(BEFORE)
    await office.approved_after("owner link", changes)
    assert (office.work / "outside").read_bytes() == BEFORE


CHANGES = {
    "body": request(body=b"amount=9000"),
    "path": request(body=b"amount=1", target="/y"),
    "query": request(body=b"amount=1", target="/x?to=evil"),
    "host": request("api2.example.com", body=b"amount=1"),
    "method": request(body=b"amount=1", method="PUT"),
}


@pytest.mark.parametrize("changed", CHANGES.values(), ids=CHANGES.keys())
async def test_an_approved_request_that_differs_anywhere_asks_again(
    desk: Desk, changed: object
) -> None:
    effects = await desk.effects()
    judge = desk.judge(effects)
    async with asking(desk, lambda: judge.request(request(body=b"amount=1"))) as (task, card):
        await desk.decides(card)
    async with asking(desk, lambda: judge.request(changed)) as (task, again):  # type: ignore[arg-type]
        assert {a.digest for a in again.actions}.isdisjoint({a.digest for a in card.actions})
        await desk.decides(again, Choice.DENY)
        refused = await result(effects, task)
    assert isinstance(refused, Refused)


async def test_the_very_request_that_was_approved_leaves_once(desk: Desk) -> None:
    effects = await desk.effects()
    judge, wanted = desk.judge(effects), request(body=b"amount=1")
    async with asking(desk, lambda: judge.request(wanted)) as (task, card):
        await desk.decides(card)
        assert isinstance(await result(effects, task), Forward)
    async with asking(desk, lambda: judge.request(wanted)) as (task, again):
        assert again.id != card.id
        assert not task.done()
