"""Used tickets outlive restarts, torn lines and threads."""

from __future__ import annotations

import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

from hypothesis import given
from hypothesis import strategies as st

from core.approvals import Ledger

TICKETS = st.lists(st.text("abc.0123456789", min_size=1, max_size=6), max_size=20)


def test_a_ticket_is_used_once(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "used")
    assert ledger.use("1.0.aa")
    assert not ledger.use("1.0.aa")
    assert ledger.use("1.0.ab")


def test_it_stays_used_after_a_restart(tmp_path: Path) -> None:
    assert Ledger(tmp_path / "new" / "used").use("1.0.aa")
    assert not Ledger(tmp_path / "new" / "used").use("1.0.aa")


def test_only_the_owner_of_the_process_reads_it(tmp_path: Path) -> None:
    Ledger(tmp_path / "home" / "used").use("1.0.aa")
    assert (tmp_path / "home" / "used").stat().st_mode & 0o077 == 0
    assert (tmp_path / "home").stat().st_mode & 0o077 == 0


def test_a_line_torn_by_a_kill_does_not_swallow_the_next(tmp_path: Path) -> None:
    path = tmp_path / "used"
    path.write_bytes(b"1.0.aa\n2.0.b")
    ledger = Ledger(path)
    assert ledger.use("3.0.cc")
    assert path.read_bytes() == b"1.0.aa\n2.0.b\n3.0.cc\n"
    assert not Ledger(path).use("3.0.cc")
    assert Ledger(path).use("2.0.bb")


def test_of_many_threads_one_uses_a_ticket(tmp_path: Path) -> None:
    """The first look at the file, too: no thread may work on a copy of its own."""
    for round_no in range(20):
        ledger, gate = Ledger(tmp_path / str(round_no)), Barrier(8)

        def use(ticket: str, *, at: Ledger = ledger, after: Barrier = gate) -> bool:
            after.wait()
            return at.use(ticket)

        with ThreadPoolExecutor(8) as pool:
            found = list(pool.map(use, ["1.0.aa"] * 4 + [f"{n}.0.bb" for n in range(4)]))
        assert sum(found) == 5
        assert not any(ledger.use(f"{n}.0.bb") for n in range(4))


@given(tickets=TICKETS, torn=st.binary(max_size=12), restart_at=st.integers(0, 20))
def test_whatever_was_torn_a_whole_line_is_never_used_again(
    tickets: list[str], torn: bytes, restart_at: int
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "used"
        ledger, used = Ledger(path), set[str]()
        for number, ticket in enumerate(tickets):
            if number == restart_at:
                with path.open("ab") as file:
                    file.write(torn.replace(b"\n", b""))
                ledger = Ledger(path)
            if ledger.use(ticket):
                assert ticket not in used
                used.add(ticket)
        assert not any(Ledger(path).use(ticket) for ticket in used)
