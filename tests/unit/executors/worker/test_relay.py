"""The relay with real sockets, in a thread and as a child, and what commands learn of it."""

from __future__ import annotations

import itertools
import os
import select
import socket
import subprocess
import sys
import threading
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from executors.worker.network import (
    BUNDLE_VARIABLES,
    REFUSALS_CAP,
    Answer,
    Refusals,
    environment,
    last_refusal,
    with_refusals,
)
from executors.worker.relay import CONNECTIONS_CAP, HELD_CAP, NO_PROXY, Relay

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROOT = Path(__file__).resolve().parents[4]
CONNECT = b"CONNECT a.example:443 HTTP/1.1\r\nHost: a.example:443\r\n\r\n"
REFUSAL = (
    b"HTTP/1.1 403 Forbidden\r\nContent-Type: text/plain\r\nContent-Length: 26\r\n\r\n"
    b"a.example is not granted.\n"
)
GRANTED = b"HTTP/1.1 200 Connection established\r\n\r\n"


class World:
    """A relay in a thread between a port and a unix socket that the test answers."""

    def __init__(self, folder: Path, *, has_host: bool = True) -> None:
        self.log = str(folder / "refusals.log")
        self.host = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.host.settimeout(10)
        path = str(folder / "proxy.sock")
        if has_host:
            self.host.bind(path)
            self.host.listen(CONNECTIONS_CAP)
        listener = socket.create_server(("127.0.0.1", 0), backlog=CONNECTIONS_CAP)
        self.port = listener.getsockname()[1]
        self.lifeline, self.held = os.pipe()
        relay = Relay(listener, path, Refusals(self.log))
        self.thread = threading.Thread(target=relay.run, args=(self.lifeline,))
        self.thread.start()
        self.open: list[socket.socket] = []

    def client(self) -> socket.socket:
        made = socket.create_connection(("127.0.0.1", self.port), timeout=10)
        self.open.append(made)
        return made

    def accepted(self) -> socket.socket:
        made, _ = self.host.accept()
        made.settimeout(10)
        self.open.append(made)
        return made

    def pair(self) -> tuple[socket.socket, socket.socket]:
        return self.client(), self.accepted()

    def close(self) -> None:
        os.close(self.held)
        self.thread.join(10)
        assert not self.thread.is_alive()
        os.close(self.lifeline)
        for end in (*self.open, self.host):
            end.close()


@contextmanager
def a_world(folder: Path, *, has_host: bool = True) -> Iterator[World]:
    world = World(folder, has_host=has_host)
    try:
        yield world
    finally:
        world.close()


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with a_world(tmp_path) as made:
        yield made


def read(end: socket.socket, count: int = 1 << 30) -> bytes:
    """`count` bytes, or all until the end."""
    said = b""
    while len(said) < count and (piece := end.recv(min(65536, count - len(said)))):
        said += piece
    return said


def stuff(end: socket.socket) -> int:
    """Sends until nothing more goes; returns how much went."""
    end.setblocking(False)
    sent = 0
    while select.select([], [end], [], 0.2)[1]:
        sent += end.send(bytes(65536))
    end.settimeout(10)
    return sent


def test_bytes_go_both_ways_and_each_end_is_passed_on_alone(world: World) -> None:
    client, host = world.pair()
    client.sendall(b"question")
    client.shutdown(socket.SHUT_WR)
    assert read(host) == b"question"
    host.sendall(b"answer")
    host.close()
    assert read(client) == b"answer"


def test_large_bodies_arrive_whole_in_both_directions_at_once(world: World) -> None:
    client, host = world.pair()
    body = os.urandom(8 * 1024 * 1024)

    def send(end: socket.socket) -> None:
        end.sendall(body)
        end.shutdown(socket.SHUT_WR)

    senders = [threading.Thread(target=send, args=(end,)) for end in (client, host)]
    found: list[bytes] = []
    readers = [
        threading.Thread(target=lambda end=end: found.append(read(end))) for end in (client, host)
    ]
    for thread in senders + readers:
        thread.start()
    for thread in senders + readers:
        thread.join(20)
    assert found == [body, body]


@pytest.mark.parametrize("is_up", [True, False])
def test_a_side_that_does_not_read_stops_the_other_and_loses_nothing(
    world: World, is_up: bool
) -> None:
    client, host = world.pair()
    source, sink = (client, host) if is_up else (host, client)
    for end in (client, host):
        end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 65536)
    sent = stuff(source)
    assert sent < 32 * 1024 * 1024  # the kernel's buffers and one of ours
    source.shutdown(socket.SHUT_WR)
    assert len(read(sink)) == sent
    assert HELD_CAP <= 256 * 1024


def test_a_client_that_goes_away_ends_the_hosts_side(world: World) -> None:
    client, host = world.pair()
    client.close()
    assert read(host) == b""


def test_a_host_that_goes_away_ends_the_clients_side(world: World) -> None:
    client, host = world.pair()
    client.sendall(b"x")
    assert read(host, 1) == b"x"
    host.close()
    assert read(client) == b""
    client.sendall(b"more")  # thrown away, not answered with a reset


def test_more_clients_than_the_cap_wait_for_their_turn(world: World) -> None:
    pairs = [world.pair() for _ in range(CONNECTIONS_CAP)]
    late = world.client()
    late.sendall(b"late")
    assert not select.select([world.host], [], [], 0.1)[0]
    for end in pairs[0]:
        end.close()
    assert read(world.accepted(), 4) == b"late"


def test_without_the_hosts_socket_a_client_reads_why_and_the_relay_lives_on(
    tmp_path: Path,
) -> None:
    with a_world(tmp_path, has_host=False) as world:
        for number in (1, 2):
            client = world.client()
            client.sendall(CONNECT + bytes(1000))
            answer = read(client)
            assert answer.startswith(b"HTTP/1.1 503 ")
            assert answer.endswith(f"{NO_PROXY}\n".encode())
            assert last_refusal(world.log) == number


def test_a_host_that_comes_back_is_used_again(tmp_path: Path) -> None:
    with a_world(tmp_path, has_host=False) as world:
        assert read(world.client()).startswith(b"HTTP/1.1 503 ")
        world.host.bind(str(tmp_path / "proxy.sock"))
        world.host.listen(1)
        client, host = world.pair()
        client.sendall(b"x")
        assert read(host, 1) == b"x"


def test_a_refused_connect_is_noted_before_the_client_has_the_answer(world: World) -> None:
    client, host = world.pair()
    client.sendall(CONNECT)
    assert read(host, len(CONNECT)) == CONNECT
    host.sendall(REFUSAL[:-5])
    assert not select.select([client], [], [], 0.1)[0]
    host.sendall(REFUSAL[-5:])
    assert read(client, len(REFUSAL)) == REFUSAL
    assert with_refusals("out", after=0, path=world.log) == (
        "out\nnetwork: a.example is not granted.\n"
    )


def test_the_relay_dies_with_its_worker(tmp_path: Path) -> None:
    code = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from executors.worker.relay import start_relay\n"
        "print(start_relay(sys.argv[2], port=0, log=sys.argv[3]), flush=True)\n"
        "sys.stdin.read()"
    )
    arguments = [str(ROOT), str(tmp_path / "proxy.sock"), str(tmp_path / "log")]
    with subprocess.Popen(
        [sys.executable, "-I", "-S", "-c", code, *arguments],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    ) as worker:  # fmt: skip
        assert worker.stdout is not None
        port = int(worker.stdout.readline())
        with socket.create_connection(("127.0.0.1", port), timeout=10) as client:
            assert read(client).startswith(b"HTTP/1.1 503 ")
        worker.kill()
        assert worker.stdout.read() == b""  # its end: the relay, too, has let go of it
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), timeout=10)


def test_a_port_that_is_taken_is_no_reason_to_fail(tmp_path: Path) -> None:
    code = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from executors.worker.relay import start_relay\n"
        "print(start_relay('x', port=int(sys.argv[2]), log='x'))"
    )
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        told = subprocess.check_output([sys.executable, "-I", "-S", "-c", code, str(ROOT), port])
    assert told == b"None\n"


# --- what is noted ---


def cut(data: bytes, places: list[int]) -> list[bytes]:
    edges = [0, *sorted(min(place, len(data)) for place in places), len(data)]
    return [data[a:b] for a, b in itertools.pairwise(edges) if a < b]


def through(asked: list[bytes], heard: list[bytes]) -> tuple[bytes, list[str]]:
    notes: list[str] = []
    answer = Answer(notes.append)
    assert b"".join(map(answer.asked, asked)) == b"".join(asked)
    return b"".join(map(answer.heard, [*heard, b""])), notes


places = st.lists(st.integers(0, 150), max_size=8)


@given(places, places, st.binary(max_size=50))
def test_a_refusal_is_noted_however_it_is_cut(
    asked: list[int], heard: list[int], more: bytes
) -> None:
    data = REFUSAL + more
    out, notes = through(cut(CONNECT, asked), cut(data, heard))
    assert out == data
    assert len(notes) == 1
    assert notes[0].startswith("a.example is not granted.")


@given(st.binary(max_size=60), st.lists(st.binary(max_size=60), max_size=6), st.booleans())
def test_whatever_is_said_is_passed_on_whole(
    asked: bytes, heard: list[bytes], is_answer: bool
) -> None:
    pieces = [piece for piece in ([b"HTTP/1.1 4", *heard] if is_answer else heard) if piece]
    out, notes = through([CONNECT if is_answer else asked], pieces)
    assert out == b"".join(pieces)
    assert all(note.isprintable() for note in notes)


@pytest.mark.parametrize(
    ("asked", "heard", "notes"),
    [
        (CONNECT, GRANTED + b"\x16\x03", []),
        (b"GET http://a/ HTTP/1.1\r\n\r\n", REFUSAL, []),
        (CONNECT, b"\x15\x03\x03\x00\x02\x02\x70", []),
        (CONNECT, b"HTTP/1.1 502 Refused\r\n\r\n", ["HTTP/1.1 502 Refused"]),
        (CONNECT, b"HTTP/1.1 403 F\r\nContent-Length: 9\r\n\r\nhalf", ["half"]),
        (CONNECT, b"HTTP/1.1 403 F\r\nContent-Length: 6\r\n\r\na\x1b[\nb\n", ["a\ufffd[ b"]),
        (CONNECT, b"HTTP/1.1 403 F\r\nContent-Length: 99999\r\n\r\n" + b"x" * 9000, ["x" * 500]),
        (CONNECT, b"HTTP/1.1 403 F\r\nX: " + b"x" * 9000, []),
        (CONNECT, b"HTTP/1.1 4", []),
    ],
)
def test_only_a_refused_connect_is_noted(asked: bytes, heard: bytes, notes: list[str]) -> None:
    assert through([asked], [heard]) == (heard, notes)


def test_a_granted_tunnel_is_not_held_back() -> None:
    answer = Answer(pytest.fail)
    answer.asked(CONNECT)
    assert answer.heard(GRANTED) == GRANTED
    assert answer.heard(REFUSAL) == REFUSAL


def test_only_new_and_different_refusals_are_shown(tmp_path: Path) -> None:
    path = str(tmp_path / "log")
    refusals = Refusals(path)
    assert last_refusal(path) == 0
    refusals.note("old")
    seen = last_refusal(path)
    assert with_refusals("out\n", after=seen, path=path) == "out\n"
    for text in ("new", "old", "new"):
        refusals.note(text)
    assert with_refusals("", after=seen, path=path) == "network: new\nnetwork: old\n"


def test_the_last_refusals_are_kept_and_numbered_on(tmp_path: Path) -> None:
    path = str(tmp_path / "log")
    refusals = Refusals(path)
    for number in range(REFUSALS_CAP + 5):
        refusals.note(f"no {number}")
    shown = with_refusals("", after=0, path=path).splitlines()
    assert shown == [f"network: no {n}" for n in range(5, REFUSALS_CAP + 5)]
    assert last_refusal(path) == REFUSALS_CAP + 5


PLANTS: dict[str, Callable[[Path], object]] = {
    "pipe": os.mkfifo,
    "folder": lambda path: (path / "x").mkdir(parents=True),
    "link": lambda path: path.symlink_to("/dev/zero"),
    "dangling": lambda path: path.symlink_to("nowhere"),
    "junk": lambda path: path.write_bytes(b"\xff\n-1 x\n99999999999 x\n" + b"5" * 100_000),
}


@pytest.mark.parametrize("plant", PLANTS)
@pytest.mark.parametrize("name", ["log", "log.new"])
def test_what_a_command_puts_in_the_files_place_does_no_harm(
    tmp_path: Path, plant: str, name: str
) -> None:
    path = tmp_path / "log"
    PLANTS[plant](tmp_path / name)
    assert last_refusal(str(path)) == 0
    Refusals(str(path)).note("no")
    assert with_refusals("", after=0, path=str(path)) in {"", "network: no\n"}


# --- the environment of commands ---


def test_without_an_authority_only_the_proxy_is_named(tmp_path: Path) -> None:
    found = environment(ours=str(tmp_path / "ca"), bundle=str(tmp_path / "b"), port=77)
    assert found["https_proxy"] == found["ALL_PROXY"] == "http://127.0.0.1:77"
    assert found["no_proxy"] == "localhost,127.0.0.1"
    assert found["GIT_TERMINAL_PROMPT"] == "0"
    assert not set(BUNDLE_VARIABLES) & set(found)
    assert "NODE_EXTRA_CA_CERTS" not in found


def test_an_authority_is_added_to_the_systems_once_and_when_it_changes(tmp_path: Path) -> None:
    ours, system, bundle = (tmp_path / name for name in ("ours", "system", "bundle"))
    ours.write_text("OURS\n")
    os.utime(ours, (1, 1))
    system.write_text("SYSTEM")
    for expected in ("SYSTEM\nOURS\n", "SYSTEM\nOURS\n", "SYSTEM\nNEW\n"):
        if "NEW" in expected:
            ours.write_text("NEW\n")
            os.utime(bundle, (1, 1))
        found = environment(ours=str(ours), system=str(system), bundle=str(bundle))
        assert {found[name] for name in BUNDLE_VARIABLES} == {str(bundle)}
        assert found["NODE_EXTRA_CA_CERTS"] == str(ours)
        assert bundle.read_text() == expected
        system.write_text("SYSTEM")
    bundle.unlink()
    environment(ours=str(ours), system=str(system), bundle=str(bundle))
    assert bundle.exists()


def test_a_bundle_that_cannot_be_written_leaves_the_variables_out(tmp_path: Path) -> None:
    (tmp_path / "ours").write_text("OURS\n")
    found = environment(ours=str(tmp_path / "ours"), bundle=str(tmp_path / "no" / "bundle"))
    assert "SSL_CERT_FILE" not in found
