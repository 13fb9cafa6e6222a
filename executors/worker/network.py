"""What commands know of the network: variables, trusted authorities, and why they were refused.

Nothing here protects anything: a command may ignore all of it, and then reaches nothing. The file
of refusals can be forged by the commands that it is for; so it is read with care (a plain file, a
bounded size) and never believed, only shown beside their output.

Imported by the relay before it forks, so it imports little.
"""

from __future__ import annotations

import contextlib
import os
import stat
from collections import deque

TYPE_CHECKING = False  # the real one costs a module
if TYPE_CHECKING:
    from collections.abc import Callable

HOST_SOCKET = os.environ.get("AGENTAI_SOCKET", "/run/agentai/host.sock")
RUN = os.path.dirname(HOST_SOCKET)  # noqa: PTH120 - pathlib is a heavy import for the relay
PROXY_SOCKET = f"{RUN}/proxy.sock"
OUR_CA = f"{RUN}/ca.pem"
SYSTEM_CA = "/etc/ssl/certs/ca-certificates.crt"
SCRATCH = os.environ.get("AGENTAI_SCRATCH", "/tmp")  # noqa: S108 - the container's own
BUNDLE = f"{SCRATCH}/agentai-ca.pem"
LOG = f"{SCRATCH}/agentai-refusals.log"
HOST = "127.0.0.1"
PORT = int(os.environ.get("AGENTAI_PROXY_PORT", "3128"))

ANSWER_CAP = 8 * 1024
TEXT_CAP = 500
REFUSALS_CAP = 20
FILE_CAP = 4 * 1024 * 1024
PROXY_VARIABLES = ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy", "ALL_PROXY")
NO_PROXY_VARIABLES = ("NO_PROXY", "no_proxy")
# Each of these replaces the authorities a program trusts; NODE_EXTRA_CA_CERTS adds to them.
BUNDLE_VARIABLES = (
    "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "GIT_SSL_CAINFO", "PIP_CERT",
    "npm_config_cafile", "AWS_CA_BUNDLE",
)  # fmt: skip
SETTINGS = {
    "NODE_USE_ENV_PROXY": "1",  # else its fetch ignores the variables above
    "GIT_TERMINAL_PROMPT": "0",
    "PIP_DISABLE_PIP_VERSION_CHECK": "1",
    "npm_config_update_notifier": "false",
}


def environment(
    *, ours: str = OUR_CA, system: str = SYSTEM_CA, bundle: str = BUNDLE, port: int = PORT
) -> dict[str, str]:
    """The variables of a command; those for authorities only when the host gave one (`ours`)."""
    found = dict.fromkeys(PROXY_VARIABLES, f"http://{HOST}:{port}")
    found |= dict.fromkeys(NO_PROXY_VARIABLES, "localhost,127.0.0.1") | SETTINGS
    try:
        _ready_bundle(ours, system, bundle)
    except OSError:
        return found
    return found | dict.fromkeys(BUNDLE_VARIABLES, bundle) | {"NODE_EXTRA_CA_CERTS": ours}


def _ready_bundle(ours: str, system: str, bundle: str) -> None:
    """Writes the bundle unless it is newer than `ours`. Raises `OSError`, also without `ours`."""
    made_at = os.stat(ours).st_mtime_ns  # noqa: PTH116 - as above
    with contextlib.suppress(FileNotFoundError):
        if os.lstat(bundle).st_mtime_ns > made_at:
            return
    own = _read(ours)
    if not own:
        raise FileNotFoundError(ours)
    _replace(bundle, _read(system).rstrip() + b"\n" + own)


def _read(path: str) -> bytes:
    """A plain file's bytes up to a cap; empty for anything else."""
    try:
        file = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return b""
    try:
        return os.read(file, FILE_CAP) if stat.S_ISREG(os.fstat(file).st_mode) else b""
    finally:
        os.close(file)


def _replace(path: str, content: bytes) -> None:
    """Writes a file whole or not at all; what a command put in its place is not followed."""
    new = f"{path}.new"
    with contextlib.suppress(FileNotFoundError):
        os.unlink(new)  # noqa: PTH108 - as above
    file = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(file, "wb") as opened:
        opened.write(content)
    os.replace(new, path)  # noqa: PTH105 - as above


class Refusals:
    """Keeps the last refusals in a file, a numbered line each."""

    def __init__(self, path: str = LOG) -> None:
        self._path = path
        self._count = 0
        self._lines: deque[str] = deque(maxlen=REFUSALS_CAP)

    def note(self, text: str) -> None:
        """Adds a refusal; a file that cannot be written is let be."""
        self._count += 1
        self._lines.append(f"{self._count} {text}\n")
        with contextlib.suppress(OSError):
            _replace(self._path, "".join(self._lines).encode())


def last_refusal(path: str = LOG) -> int:
    """The number of the newest refusal; 0 when there is none."""
    return max((number for number, _ in _refusals(path)), default=0)


def with_refusals(output: str, *, after: int, path: str = LOG) -> str:
    """A command's output, and a line for each different refusal newer than number `after`."""
    new = dict.fromkeys(text for number, text in _refusals(path) if number > after)
    gap = "\n" if new and output and not output.endswith("\n") else ""
    return output + gap + "".join(f"network: {text}\n" for text in new)


def _refusals(path: str) -> list[tuple[int, str]]:
    lines = _read(path)[: 4 * TEXT_CAP * REFUSALS_CAP].decode("utf-8", "replace").split("\n")
    parts = [line.partition(" ") for line in lines[:REFUSALS_CAP]]
    return [
        (int(number), _printable(text))
        for number, _, text in parts
        if number.isascii() and number.isdigit() and len(number) < 10
    ]


def _printable(text: str) -> str:
    line = " ".join(text.split())
    return "".join(c if c.isprintable() else "\ufffd" for c in line)[:TEXT_CAP]


class Answer:
    """Looks at the proxy's answer to a connection's first request, if that is a CONNECT.

    An answer that refuses is held back until it is whole, so that it is noted before the client can
    act on it. Pure: pieces in, pieces out.
    """

    def __init__(self, note: Callable[[str], None]) -> None:
        self._note = note
        self._asked = b""
        self._held = b""
        self._is_over = False

    def asked(self, piece: bytes) -> bytes:
        """The client says this; it is passed on unchanged."""
        self._asked += piece[: len(b"CONNECT ") - len(self._asked)]
        return piece

    def heard(self, piece: bytes) -> bytes:
        """The proxy says this, or nothing more when empty; returns what may go to the client."""
        if self._is_over:
            return piece
        self._held += piece
        if piece and self._is_undecided():
            return b""
        self._is_over = True
        if self._may_refuse() and b"\r\n\r\n" in self._held:
            self._note(_reason(self._held))
        held, self._held = self._held, b""
        return held

    def _may_refuse(self) -> bool:
        is_http = self._held[:7] == b"HTTP/1."[: len(self._held)]
        return self._asked == b"CONNECT " and is_http and self._held[9:10] != b"2"

    def _is_undecided(self) -> bool:
        if not self._may_refuse() or len(self._held) > ANSWER_CAP:
            return False
        head, end, body = self._held.partition(b"\r\n\r\n")
        return not end or len(body) < _length(head)


def _length(head: bytes) -> int:
    for line in head.split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length" and value.strip().isdigit():
            return int(value.strip()[:9])
    return 0


def _reason(answer: bytes) -> str:
    """The answer's body in one printable line, or its first line when it has none."""
    head, _, body = answer.partition(b"\r\n\r\n")
    return _printable((body.strip() or head.split(b"\r\n")[0]).decode("utf-8", "replace"))
