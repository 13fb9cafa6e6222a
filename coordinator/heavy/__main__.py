"""The heavy process: reads one call after the other from its pipe until that closes.

    python -m coordinator.heavy LANE PARENT [r:FOLDER | w:FOLDER]…

It holds nothing that could be lost. When the serving process ends, in whatever way, this one ends
at once: the kernel's signal, or the watcher of the pipe, whichever comes first.
"""

from __future__ import annotations

import importlib
import os
import select
import sys
import threading
from typing import BinaryIO

from coordinator.heavy import cage
from coordinator.heavy.frames import HEADER_BYTES, Json, failure, length, pack, parse
from coordinator.heavy.jobs import LANES, Reach, find_job
from coordinator.heavy.telling import tell


def main(argv: list[str]) -> int:
    """Works until the pipe closes."""
    lane = LANES[argv[0]]
    cage.settle(lane, int(argv[1]))
    calls, answers = _own_streams()
    holds = cage.close(lane, _reach(argv[2:]))  # before any thread: a cage holds one and its heirs
    threading.Thread(target=_end_with_pipe, args=(calls.fileno(),), daemon=True).start()
    voice = _Voice(answers)
    voice.say({"ready": True, "cage": list(holds)})
    while (body := _read(calls)) is not None:
        voice.say(_answer(body, voice))
    return 0


def _reach(words: list[str]) -> Reach:
    return Reach(
        read=frozenset(word[2:] for word in words if word.startswith("r:")),
        write=frozenset(word[2:] for word in words if word.startswith("w:")),
    )


def _own_streams() -> tuple[BinaryIO, BinaryIO]:
    """The pipes under other numbers: what a library prints must not get between frames."""
    calls, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    null = os.open(os.devnull, os.O_RDWR)
    for number in (0, 1, 2):
        os.dup2(null, number)
    os.close(null)
    return calls, answers


def _end_with_pipe(number: int) -> None:
    watch = select.poll()
    watch.register(number, 0)  # only the hang-up is told
    watch.poll()
    os._exit(0)


class _Voice:
    """Writes frames, from any thread."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._lock = threading.Lock()

    def say(self, body: Json) -> None:
        with self._lock:
            self._stream.write(pack(body))
            self._stream.flush()

    def tell(self, share: float, text: str) -> None:
        self.say({"share": share, "text": text})


def _read(stream: BinaryIO) -> Json | None:
    header = stream.read(HEADER_BYTES)
    if not header:
        return None
    body = parse(stream.read(length(header)))
    if (size := body.get("attached")) is not None and isinstance(body["payload"], dict):
        body["payload"]["raw"] = stream.read(int(str(size)))
    return body


def _answer(body: Json, voice: _Voice) -> Json:
    token = tell.set(voice.tell)
    try:
        module = importlib.import_module(find_job(str(body["job"])).module)
        return {"result": module.run(body["payload"])}
    except Exception as error:  # noqa: BLE001 - the gate of this process: the caller is told
        return failure(error)
    finally:
        tell.reset(token)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
