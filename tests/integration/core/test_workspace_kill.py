"""Commits of 30 changes, killed at any point: the folder is wholly before or wholly after.

A single-threaded process, started once, forks a child for each try. The child counts its own calls
to the file system by an audit hook and kills itself with SIGKILL at the one it was told, or runs
until this process kills it.
"""

import os
import random
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from core.workspace import Changes, OwnerFiles
from tests.unit.core.workspace.trees import Tree, change, read, write

ROOT = Path(__file__).parents[3]
HALF, ROUNDS = 10, 3
CALLS = {"open", "os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.chmod", "os.scandir"}


def tree(number: int) -> Tree:
    """The files at one round; the next one has 10 changed, 10 new and 10 deleted."""
    kept = {f"kept/{n}.md": f"{number}/{n}".encode() for n in range(HALF)}
    return kept | {f"r{number}/{n}/x.md": b"%d" % n for n in range(HALF)}


def commit(home: Path, number: int, name: str = "") -> None:
    """Makes round `number + 1` of round `number`."""
    old, new = tree(number), tree(number + 1)
    staging = home / f"staging{os.getpid()}-{number}"
    changes = Changes(
        items=tuple(change(p, old.get(p), new.get(p)) for p in sorted(old.keys() | new.keys()))
    )
    write(staging, {c.after.sha256: new[c.path] for c in changes.items if c.after})
    OwnerFiles(home / "owned", home / "versions").commit(
        name or f"c{number}", number, changes=changes, staging=staging, expect=changes.digests()
    )


def act(home: Path, what: str, number: int) -> None:
    if what == "recover":
        OwnerFiles(home / "owned", home / "versions").recover()
        return
    for following in range(number, number + (ROUNDS if what == "commit" else 1_000)):
        commit(home, following)


def die_at(call: int) -> None:
    left = [call]

    def count(event: str, _: object) -> None:
        left[0] -= event in CALLS
        if event in CALLS and left[0] == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(count)


def answer(number: int) -> None:
    sys.stdout.write(f"{number}\n")
    sys.stdout.flush()


def serve(home: Path) -> None:
    """For each line `what number call`: a child that does it; tells its pid, then how it ended."""
    for line in sys.stdin:
        what, number, call = line.split()
        if not (pid := os.fork()):
            die_at(int(call))
            act(home, what, int(number))
            os._exit(0)
        answer(pid)
        answer(os.waitpid(pid, 0)[1])


class Victim:
    def __init__(self, process: subprocess.Popen[str]) -> None:
        assert process.stdin
        assert process.stdout
        self.orders, self.answers = process.stdin, process.stdout

    def start(self, what: str, number: int, call: int) -> int:
        self.orders.write(f"{what} {number} {call}\n")
        self.orders.flush()
        return int(self.answers.readline())

    def ended(self) -> int:
        status = int(self.answers.readline())
        assert status in {0, signal.SIGKILL}
        return status


@contextmanager
def victim(home: Path) -> Iterator[Victim]:
    command = [sys.executable, "-m", "tests.integration.core.test_workspace_kill", str(home)]
    with subprocess.Popen(
        command, cwd=ROOT, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        yield Victim(process)
        assert process.stdin
        process.stdin.close()
        assert process.wait(10) == 0


def number_of(folder: Path, *, least: int) -> int:
    """The round that the folder is at; fails if it is mixed of two."""
    found = read(folder)
    number = int(found["kept/0.md"].split(b"/")[0])
    assert found == tree(number)
    assert number >= least
    return number


def check_undo(home: Path, number: int) -> None:
    if number:
        undone = OwnerFiles(home / "owned", home / "versions").undo()
        assert read(home / "owned") == tree(number - 1)
        commit(home, number - 1, f"again-{undone.commit_id}")
        assert read(home / "owned") == tree(number)


@pytest.mark.parametrize("seed", range(2))
def test_no_kill_at_any_call_leaves_a_mixed_folder(tmp_path: Path, seed: int) -> None:
    dice, number, killed = random.Random(seed), 0, 0
    write(tmp_path / "owned", tree(0))
    files = OwnerFiles(tmp_path / "owned", tmp_path / "versions")
    with victim(tmp_path) as child:
        for _ in range(25):
            child.start("commit", number, dice.randrange(1, 1_500))
            killed += child.ended() == signal.SIGKILL
            for _ in range(dice.randrange(3)):
                child.start("recover", 0, dice.randrange(1, 200))
                child.ended()
            files.recover()
            number = number_of(tmp_path / "owned", least=number)
            assert files.recover() == ()
            if dice.random() < 0.3:
                check_undo(tmp_path, number)
    assert killed >= 15
    assert number > 10


def test_no_kill_from_outside_leaves_a_mixed_folder(tmp_path: Path) -> None:
    dice, number = random.Random(7), 0
    write(tmp_path / "owned", tree(0))
    files = OwnerFiles(tmp_path / "owned", tmp_path / "versions")
    with victim(tmp_path) as child:
        for attempt in range(200):
            if attempt >= 40 and number > 10:  # a slow disk needs more kills for as many commits
                break
            pid = child.start("loop", number, 0)
            select.select([], [], [], dice.random() * 0.3)
            os.kill(pid, signal.SIGKILL)
            assert child.ended() == signal.SIGKILL
            files.recover()
            number = number_of(tmp_path / "owned", least=number)
        check_undo(tmp_path, number)
    assert number > 10


if __name__ == "__main__":
    serve(Path(sys.argv[1]))
