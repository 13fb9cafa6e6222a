"""The container's way to the egress proxy: from a TCP port on loopback to the host's socket.

Ordinary programs speak to proxies by TCP and the container has nothing but loopback, so a child of
the worker carries each connection to the unix socket, unread. It decides nothing and protects
nothing: what may leave is decided on the host. Only answers to CONNECT are looked at (`network`),
because most programs hide their text.

The child is forked before the worker imports much, which keeps it small, and ends with the worker:
the end of a pipe that only the worker holds tells it.
"""

from __future__ import annotations

import gc
import os
import selectors
import socket
import time

from executors.worker.network import HOST, LOG, PORT, PROXY_SOCKET, Answer, Refusals

TYPE_CHECKING = False  # the real one costs a module
if TYPE_CHECKING:
    from collections.abc import Callable

CONNECTIONS_CAP = 64
HELD_CAP = 64 * 1024  # bytes waiting in one direction
LINGER_S = 10.0  # after the host hung up, for a client that does not
READ, WRITE = selectors.EVENT_READ, selectors.EVENT_WRITE
NO_PROXY = "The network cannot be reached now: the proxy outside this container does not answer."


def start_relay(upstream: str = PROXY_SOCKET, *, port: int = PORT, log: str = LOG) -> int | None:
    """Forks the relay to the socket `upstream`; returns its port, which answers at once.

    None when it cannot be had: loopback is down, or the port or the processes are used up.
    """
    try:
        listener = socket.create_server((HOST, port), backlog=CONNECTIONS_CAP)
        lifeline, held = os.pipe()  # the worker never closes `held`; the kernel does at its end
        child = os.fork()
    except OSError:
        return None
    if child == 0:
        try:
            os.close(held)
            gc.freeze()  # no collection touches, and so copies, what is shared with the worker
            Relay(listener, upstream, Refusals(log)).run(lifeline)
        finally:
            os._exit(0)
    os.close(lifeline)
    with listener:
        return int(listener.getsockname()[1])


class Lane:
    """One direction of a connection. Without a sink everything is read and thrown away."""

    def __init__(
        self,
        source: socket.socket | None,
        sink: socket.socket | None,
        look: Callable[[bytes], bytes],
    ) -> None:
        self.source = source
        self.sink = sink
        self._look = look
        self.held = b""
        self.has_ended = source is None
        self.is_shut = sink is None

    @property
    def may_take(self) -> bool:
        """Whether there is something to wait for and room for it."""
        return not self.has_ended and len(self.held) < HELD_CAP

    def take(self) -> None:
        """Reads what is there and passes on what it can."""
        assert self.source is not None  # noqa: S101 - nothing is awaited where there is none
        try:
            piece = self.source.recv(HELD_CAP - len(self.held)) if self.may_take else None
        except BlockingIOError:
            return
        except OSError:
            piece = b""
        if piece is not None:
            self.has_ended = not piece
            self.held += self._look(piece)
        self.give()

    def give(self) -> None:
        """Sends what the sink takes; passes the end on after the last byte."""
        if self.sink is None or self.is_shut:
            self.held = b""
            return
        try:
            if self.held:
                self.held = self.held[self.sink.send(self.held) :]
            if self.has_ended and not self.held:
                self.is_shut = True
                self.sink.shutdown(socket.SHUT_WR)
        except BlockingIOError:
            return
        except OSError:
            self.held = b""
            self.is_shut = True


class Connection:
    """A client, the way out, and a lane in each direction."""

    def __init__(self, client: socket.socket, server: socket.socket | None, log: Refusals) -> None:
        answer = Answer(log.note)
        self.client = client
        self.server = server
        self.up = Lane(client, server, answer.asked)
        self.down = Lane(server, client, answer.heard)
        self.until = time.monotonic() + LINGER_S
        if server is None:
            log.note(NO_PROXY)
            self.down.held = _unreachable()

    @property
    def is_over(self) -> bool:
        """Whether nothing more can move, or a client stays long after the host hung up."""
        if not self.down.has_ended:
            return self.down.is_shut  # the client is gone
        has_both_ends = self.down.is_shut and self.up.is_shut and self.up.has_ended
        return has_both_ends or time.monotonic() >= self.until

    def move(self, ready: object, mask: int) -> None:
        """Carries what `ready`, one of its two sockets, can give or take."""
        out, into = (self.up, self.down) if ready is self.client else (self.down, self.up)
        if mask & WRITE:
            into.give()
        if mask & READ:
            out.take()
        self.until = time.monotonic() + LINGER_S

    def wanted(self) -> list[tuple[socket.socket, int]]:
        """What to wait for at each socket."""
        ends = [(self.client, self.up, self.down)]
        if self.server is not None:
            ends.append((self.server, self.down, self.up))
        return [
            (end, (READ if out.may_take else 0) | (WRITE if into.held else 0))
            for end, out, into in ends
        ]

    def close(self) -> None:
        """Closes both sockets."""
        self.client.close()
        if self.server is not None:
            self.server.close()


def _unreachable() -> bytes:
    body = f"{NO_PROXY}\n".encode()
    return (
        b"HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/plain; charset=utf-8\r\n"
        b"X-AgentAI-Reason: no_proxy\r\nConnection: close\r\n"
        b"Content-Length: %d\r\n\r\n%s" % (len(body), body)
    )


class Relay:
    """Carries the connections of `listener` to `upstream`; one thread, no waiting but in `run`."""

    def __init__(self, listener: socket.socket, upstream: str, refusals: Refusals) -> None:
        self._listener = listener
        self._listener.setblocking(False)
        self._upstream = upstream
        self._refusals = refusals
        self._selector = selectors.DefaultSelector()
        self._connections: set[Connection] = set()

    def run(self, lifeline: int) -> None:
        """Works until the other end of `lifeline` is closed."""
        with self._selector, self._listener:
            self._selector.register(lifeline, READ)
            self._await_clients()
            while not self._turn(lifeline):
                self._sweep()
            for connection in self._connections:
                connection.close()

    def _turn(self, lifeline: int) -> bool:
        """Handles what is ready; True when the worker is gone."""
        is_lingering = any(c.down.has_ended for c in self._connections)
        for key, mask in self._selector.select(1.0 if is_lingering else None):
            if key.fd == lifeline:
                return True
            if key.fileobj is self._listener:
                self._accept()
            else:
                key.data.move(key.fileobj, mask)
                self._watch(key.data)
        return False

    def _sweep(self) -> None:
        for connection in [c for c in self._connections if c.is_over]:
            for end, _ in connection.wanted():
                self._set(end, 0, None)
            connection.close()
            self._connections.discard(connection)
            self._await_clients()

    def _accept(self) -> None:
        try:
            client, _ = self._listener.accept()
        except OSError:
            return
        client.setblocking(False)
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection = Connection(client, self._dial(), self._refusals)
        self._connections.add(connection)
        self._watch(connection)
        self._await_clients()

    def _dial(self) -> socket.socket | None:
        server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        server.setblocking(False)
        try:
            server.connect(self._upstream)
        except OSError:
            server.close()
            return None
        return server

    def _await_clients(self) -> None:
        """More clients than the cap wait in the listener's queue."""
        self._set(self._listener, READ if len(self._connections) < CONNECTIONS_CAP else 0, None)

    def _watch(self, connection: Connection) -> None:
        for end, events in connection.wanted():
            self._set(end, events, connection)

    def _set(self, end: socket.socket, events: int, data: Connection | None) -> None:
        known = self._selector.get_map().get(end)
        if known is None:
            if events:
                self._selector.register(end, events, data)
        elif not events:
            self._selector.unregister(end)
        elif events != known.events:
            self._selector.modify(end, events, data)
