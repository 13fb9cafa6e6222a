"""What a heavy process can no longer do: tried in real processes."""

import os
import socket
import struct
import subprocess
import sys
from pathlib import Path

import pytest

from coordinator.heavy.cage import filter_program, forbidden_calls
from coordinator.heavy.jobs import LANES

ROOT = Path(__file__).resolve().parents[4]
NAMES = {"socket": 1, "connect": 2, "execve": 3, "kill": 4, "ptrace": 5}


def tried(lane: str, code: str, *, read: str = "", write: str = "") -> str:
    """Runs `code` in a cage of `lane`; `no` is printed for what the kernel refuses."""
    script = f"""
import os, socket, subprocess, sys
from pathlib import Path
from coordinator.heavy import cage
from coordinator.heavy.jobs import LANES, Reach
some = lambda word: frozenset({{word}}) if word else frozenset()
holds = cage.close(LANES[{lane!r}], Reach(read=some({read!r}), write=some({write!r})))
assert holds == ("files", "calls"), holds
try:
    {code}
    print("yes")
except OSError as error:
    print("no", type(error).__name__)
"""
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.mark.parametrize("lane", ["picture", "hearing", "query", "passages", "extract", "fetch"])
def test_no_lane_reads_or_writes_what_its_calls_do_not_name(lane: str, tmp_path: Path) -> None:
    (tmp_path / "vault.key").write_text("secret")
    assert tried(lane, f"open('{tmp_path}/vault.key').read()") == "no PermissionError"
    assert tried(lane, f"os.listdir('{tmp_path}')") == "no PermissionError"
    assert tried(lane, f"open('{tmp_path}/new', 'w')") == "no PermissionError"
    assert tried(lane, f"os.unlink('{tmp_path}/vault.key')") == "no PermissionError"
    for path in ("/etc/passwd", "/dev/shm", str(Path.home())):
        assert tried(lane, f"os.open('{path}', os.O_RDONLY)") == "no PermissionError"


def test_it_reads_the_folder_of_its_call_and_writes_only_where_it_may(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "out").mkdir()
    (tmp_path / "in" / "a").write_text("x")
    folders = {"read": str(tmp_path / "in"), "write": str(tmp_path / "out")}
    assert tried("fetch", f"open('{tmp_path}/in/a').read()", **folders) == "yes"
    assert tried("fetch", f"open('{tmp_path}/in/a', 'w')", **folders) == "no PermissionError"
    assert tried("fetch", f"open('{tmp_path}/out/b', 'w').write('y')", **folders) == "yes"


@pytest.mark.parametrize("lane", ["picture", "hearing", "query", "passages"])
def test_decoders_have_no_socket_not_even_a_local_one(lane: str) -> None:
    assert tried(lane, "socket.socket(socket.AF_INET)") == "no PermissionError"
    assert tried(lane, "socket.socket(socket.AF_UNIX)") == "no PermissionError"


def test_the_extractor_may_connect() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert tried("extract", f"socket.create_connection(('127.0.0.1', {port}))") == "yes"


@pytest.mark.parametrize("lane", sorted(LANES))
def test_no_lane_that_may_not_starts_a_program_or_ends_another_process(lane: str) -> None:
    if LANES[lane].may_run:
        return
    assert tried(lane, "os.execv('/bin/true', ['true'])") == "no PermissionError"
    assert tried(lane, f"os.kill({os.getpid()}, 0)") == "no PermissionError"
    for name in ("environ", "mem", "maps"):
        assert tried(lane, f"open('/proc/{os.getpid()}/{name}', 'rb')") == "no PermissionError"


def test_a_lane_is_refused_what_it_has_no_use_for() -> None:
    assert forbidden_calls(LANES["picture"], NAMES) == [1, 2, 3, 4, 5]
    assert forbidden_calls(LANES["extract"], NAMES) == [3, 4, 5]


def run_filter(program: bytes, *, architecture: int, number: int) -> int:
    """A tiny BPF machine: what the kernel would answer."""
    steps = [struct.unpack_from("=HBBI", program, at) for at in range(0, len(program), 8)]
    at, value = 0, 0
    while True:
        code, if_true, if_false, operand = steps[at]
        at += 1
        match code:
            case 0x20:
                value = number if operand == 0 else architecture
            case 0x15:
                at += if_true if value == operand else if_false
            case 0x35:
                at += if_true if value >= operand else if_false
            case _:
                return int(operand)


@pytest.mark.parametrize("forbidden", [[], [41], [41, 42, 59, 322]])
def test_the_filter_lets_through_exactly_what_is_not_forbidden(forbidden: list[int]) -> None:
    program = filter_program(0xC000003E, forbidden)
    for number in (0, 1, 40, 41, 42, 43, 59, 322, 400):
        answer = run_filter(program, architecture=0xC000003E, number=number)
        assert (answer == 0x7FFF0000) == (number not in forbidden)
    for number in (0x40000000, 0x40000000 + 41):
        assert run_filter(program, architecture=0xC000003E, number=number) == 0x00050001
    assert run_filter(program, architecture=0x40000003, number=0) == 0x00050001
