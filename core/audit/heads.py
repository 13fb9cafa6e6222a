"""Signed heads of the audit chain, kept where Postgres cannot reach them.

Threat: the owner of the database rewrites the chain and computes every digest anew. A head signed
before that no longer fits. The signing key comes from `AGENTAI_SECRET_KEY` through HKDF-SHA256
(RFC 5869), so that nothing else must be kept; whoever holds that key can sign a false chain, which
is why heads also go to the owner's chat, where they cannot be taken back. After a change of the
secret key, old heads are checked with the old public key.
"""

from __future__ import annotations

import fcntl
import os
import re
from functools import cached_property
from typing import TYPE_CHECKING

from core.audit.chain import head_message
from core.audit.types import Head, fields_of, one_line, text, whole
from core.errors import UserFacing

if TYPE_CHECKING:
    from pathlib import Path

    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

_TEXT = re.compile(
    r"audit head ([1-9][0-9]{0,18}) ([0-9a-f]{64}) at (0|[1-9][0-9]{0,17}) sig ([0-9a-f]{128})"
)


class Signer:
    """Signs heads with a key made from the instance's secret key."""

    def __init__(self, secret_key: str) -> None:
        self._secret_key = secret_key

    def __repr__(self) -> str:
        return "Signer(…)"

    @cached_property
    def _key(self) -> Ed25519PrivateKey:
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
        from cryptography.hazmat.primitives.hashes import SHA256
        from cryptography.hazmat.primitives.kdf.hkdf import HKDF

        derive = HKDF(algorithm=SHA256(), length=32, salt=None, info=b"agentai/audit/1")
        return Ed25519PrivateKey.from_private_bytes(derive.derive(self._secret_key.encode()))

    @property
    def public_key(self) -> bytes:
        """32 bytes that anybody may know: they check, they cannot sign."""
        return self._key.public_key().public_bytes_raw()

    def sign_head(self, seq: int, digest: bytes, *, at_us: int) -> Head:
        """The signed head for the row `seq` as the newest one at `at_us`."""
        signature = self._key.sign(head_message(seq, digest, at_us=at_us))
        return Head(seq=seq, digest=digest, at_us=at_us, signature=signature)


def head_text(head: Head) -> str:
    """A head as the line that the owner's chat keeps."""
    return f"audit head {head.seq} {head.digest.hex()} at {head.at_us} sig {head.signature.hex()}"


def parse_head_text(line: str) -> Head:
    """The head of such a line; spaces and line breaks may differ. Otherwise `ValueError`."""
    found = _TEXT.fullmatch(" ".join(line.split()))
    if found is None:
        raise ValueError("is no line like: audit head 12 (digest) at (time) sig (signature)")
    return Head(
        seq=int(found[1]),
        digest=bytes.fromhex(found[2]),
        at_us=int(found[3]),
        signature=bytes.fromhex(found[4]),
    )


class HeadFile:
    """Heads in a file, one JSON line each; it only grows, and a head returned from is on disk.

    A last line that a kill left torn is no head: reading skips it, the next `append` removes it.
    Every method blocks on the disk: call it outside the event loop.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self) -> tuple[Head, ...]:
        """All heads, oldest first; none when there is no file.

        `UserFacing` when a whole line is no head: a kill does not do that, somebody changed it.
        """
        raw = self.path.read_bytes() if self.path.exists() else b""
        whole_lines, tail = _split(raw)
        lines = whole_lines + ([tail] if _is_head(tail) else [])
        return tuple(self._parsed(line, number) for number, line in enumerate(lines, 1))

    def newest(self) -> Head | None:
        """The head of the highest row, or None."""
        return max(self.read(), key=lambda head: head.seq, default=None)

    def append(self, head: Head) -> None:
        """Adds a head and waits until the disk has it."""
        is_new = not self.path.exists()
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            line_end = self._mend(descriptor)
            _write(descriptor, line_end + _line(head).encode() + b"\n")
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        if is_new:
            _sync_folder(self.path.parent)

    def _mend(self, descriptor: int) -> bytes:
        """Removes a torn last line; returns the line end that a whole one may lack."""
        raw = self.path.read_bytes()
        _, tail = _split(raw)
        if _is_head(tail):
            return b"\n"
        if tail:
            os.ftruncate(descriptor, len(raw) - len(tail))
        return b""

    def _parsed(self, line: bytes, number: int) -> Head:
        try:
            return _parse(line)
        except ValueError:
            raise UserFacing(
                f"{self.path}: line {number} is no signed head.",
                "The file was changed. Check with the heads in your chat: agentai audit verify "
                '--heads /dev/null --head "audit head …"',
            ) from None


def _split(raw: bytes) -> tuple[list[bytes], bytes]:
    """The whole lines, and what stands behind the last line end."""
    *lines, tail = raw.split(b"\n")
    return lines, tail


def _line(head: Head) -> str:
    return one_line(
        {
            "seq": head.seq,
            "digest": head.digest,
            "at_us": head.at_us,
            "signature": head.signature,
        }
    )


def _parse(line: bytes) -> Head:
    found = fields_of(line)
    head = Head(
        seq=whole(found, "seq"),
        digest=bytes.fromhex(text(found, "digest")),
        at_us=whole(found, "at_us"),
        signature=bytes.fromhex(text(found, "signature")),
    )
    if _line(head) != line.decode("utf-8"):
        raise ValueError("is not written as a head is")
    return head


def _is_head(line: bytes) -> bool:
    try:
        _parse(line)
    except ValueError:
        return False
    return True


def _write(descriptor: int, raw: bytes) -> None:
    while raw:
        raw = raw[os.write(descriptor, raw) :]


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
