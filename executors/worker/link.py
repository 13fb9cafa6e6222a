"""The line to the host: JSON lines over a unix socket, requests answered by id.

A lost connection is dialled again for two minutes, and the request under way is sent again with its
id: the host knows what it has already done. Nothing else happens concurrently here, so no threads
are needed: what the host says in between (the owner's steering) waits in the socket until it is
looked at.
"""

from __future__ import annotations

import contextlib
import json
import select
import socket
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

RECONNECT_FOR_S = 120.0
RECONNECT_EVERY_S = 0.2
LINE_CAP = 8 * 1024 * 1024


class Gone(Exception):  # noqa: N818 - a state of the world
    """The host did not come back."""


class Refused(Exception):  # noqa: N818 - the host's word
    """The host refused a request; `kind` is its reason."""

    def __init__(self, kind: str, text: str) -> None:
        super().__init__(text)
        self.kind = kind


class Link:
    """Requests to the host, one at a time."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._task: int | None = None
        self._socket: socket.socket | None = None
        self._buffer = bytearray()
        self._next_id = 0
        self._inputs: list[dict[str, Any]] = []
        self._seen_inputs: set[int] = set()
        self._answers: dict[int, dict[str, Any]] = {}
        self._waiting_for: set[int] = set()
        self.is_held = False  # the gateway waits for the owner on the task's behalf
        self.on_look: Callable[[int], None] | None = None

    def wait_for_task(self) -> dict[str, Any]:
        """Says hello and waits, however long, until the host gives a task."""
        while True:
            self._connect()
            try:
                while (line := self._read_line()) is not None:
                    message = json.loads(line)
                    if "task" in message:
                        task: dict[str, Any] = message["task"]
                        self._task = task["no"]
                        for item in task.get("inputs", []):
                            self._keep(item)
                        return task
            except OSError:
                pass
            self._drop()

    def request(self, method: str, **params: Any) -> Any:  # noqa: ANN401 - JSON
        """Asks the host; returns its result.

        `Refused` when it says no, `Gone` when it is away for good.
        """
        self._next_id += 1
        number = self._next_id
        line = json.dumps({"id": number, "method": method, "params": params}).encode() + b"\n"
        if len(line) > LINE_CAP:
            raise Refused("bad", f"the request {method} is too long")
        while True:
            try:
                self._connect()
                assert self._socket is not None  # noqa: S101 - connected in the line above
                self._socket.sendall(line)
                return self._answer(number)
            except OSError:
                self._drop()

    def tell(self, method: str, **params: Any) -> None:  # noqa: ANN401 - JSON
        """Says something whose answer does not matter; it is lost while the host is away."""
        self._next_id += 1
        line = json.dumps({"id": self._next_id, "method": method, "params": params}).encode()
        if self._socket is not None and len(line) < LINE_CAP:
            with contextlib.suppress(OSError):  # who reads next finds out, too
                self._socket.sendall(line + b"\n")

    def _answer(self, number: int) -> Any:  # noqa: ANN401 - JSON
        asked_over = self._socket
        self._waiting_for.add(number)
        try:
            while number not in self._answers:
                line = self._read_line() if self._socket is asked_over else None
                if line is None:
                    raise ConnectionResetError
                self._sort(json.loads(line))
        finally:
            self._waiting_for.discard(number)
        message = self._answers.pop(number)
        if "error" in message:
            raise Refused(message["error"]["kind"], message["error"]["text"])
        return message.get("result")

    def _sort(self, message: dict[str, Any]) -> None:
        """Keeps what somebody waits for, and handles what comes in between."""
        if "input" in message:
            self._keep(message["input"])
        elif "held" in message:
            self.is_held = bool(message["held"])
        elif "look" in message:
            if self.on_look is not None:
                self.on_look(int(message["look"]))
        elif message.get("id") in self._waiting_for:
            self._answers[message["id"]] = message

    @property
    def descriptor(self) -> int | None:
        """Becomes readable when the host says something; None while there is no connection."""
        return None if self._socket is None else self._socket.fileno()

    def listen(self) -> None:
        """Handles what the host has said by now, without waiting."""
        while self._socket is not None and (
            b"\n" in self._buffer or select.select([self._socket], [], [], 0)[0]
        ):
            try:
                line = self._read_line()
            except OSError:
                line = None
            if line is None:
                self._drop()
                break
            self._sort(json.loads(line))

    def new_inputs(self) -> list[dict[str, Any]]:
        """What the owner said since the last call."""
        self.listen()
        found, self._inputs = self._inputs, []
        return found

    def _keep(self, item: dict[str, Any]) -> None:
        if item["id"] not in self._seen_inputs:
            self._seen_inputs.add(item["id"])
            self._inputs.append(item)

    def _read_line(self) -> bytes | None:
        """The next line without its end; None when the host closed the connection."""
        assert self._socket is not None  # noqa: S101 - callers connect first
        while (end := self._buffer.find(b"\n")) < 0:
            piece = self._socket.recv(65536)
            if not piece or len(self._buffer) > LINE_CAP:
                return None
            self._buffer += piece
        line = bytes(self._buffer[:end])
        del self._buffer[: end + 1]
        return line

    def _connect(self) -> None:
        if self._socket is not None:
            return
        deadline = time.monotonic() + RECONNECT_FOR_S
        while True:
            dial = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            try:
                dial.connect(self._path)
                dial.sendall(json.dumps({"hello": 1, "task": self._task}).encode() + b"\n")
            except OSError:
                dial.close()
                if time.monotonic() > deadline:
                    raise Gone("the host did not come back") from None
                time.sleep(RECONNECT_EVERY_S)
            else:
                self._socket = dial
                self._buffer.clear()
                return

    def _drop(self) -> None:
        self.is_held = False  # a host that comes back says so again
        if self._socket is not None:
            self._socket.close()
            self._socket = None
