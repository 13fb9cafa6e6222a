"""Zips and tars, honest and hostile, for tests."""

import hashlib
import io
import lzma
import random
import stat
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

from core.archives import Entry, Tree

Maker = Callable[[], bytes]


def zipped(*members: tuple[str | zipfile.ZipInfo, bytes], method: int = 8) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return out.getvalue()


def tarred(*members: tuple[str, bytes | str], form: int = tarfile.PAX_FORMAT) -> bytes:
    """A tar; text as content is a type flag and, for links, the target."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=form) as archive:
        for name, content in members:
            info = tarfile.TarInfo(name)
            if isinstance(content, bytes):
                info.size = len(content)
                archive.addfile(info, io.BytesIO(content))
                continue
            info.type, info.linkname = content[0].encode(), content[1:]
            archive.addfile(info)
    return out.getvalue()


def special(name: str, kind: int) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name)
    info.external_attr = (kind | 0o777) << 16
    return info


def bomb() -> bytes:
    """Unpacks to 302 MB, yet to less than a hundred times its own size."""
    noise = random.Random(1).randbytes(3_200_000)
    return zipped(("noise", noise), ("a", bytes(151 << 20)), ("b", bytes(151 << 20)))


def with_a_link() -> bytes:
    return zipped((special("a", stat.S_IFLNK), b"/etc"))


def encrypted() -> bytes:
    raw = bytearray(zipped(("a", b"a"), method=0))
    raw[6] |= 1
    raw[raw.index(b"PK\1\2") + 8] |= 1
    return bytes(raw)


def overlapping() -> bytes:
    """Two entries of the index that point at one member."""
    raw = zipped(("a", b"a" * 100), ("b", b"b" * 100), method=0)
    index = raw.index(b"PK\1\2")
    second = raw.index(b"PK\1\2", index + 1)
    return raw[: second + 42] + struct.pack("<L", 0) + raw[second + 46 :]


def with_a_nul() -> bytes:
    return zipped(("a.txt_.exe", b"a"), method=0).replace(b"a.txt_.exe", b"a.txt\0.exe")


def lying_size() -> bytes:
    raw = bytearray(zipped(("a", b"a" * 5000)))
    at = raw.index(b"PK\1\2")
    raw[at + 24 : at + 28] = struct.pack("<L", 10)
    return bytes(raw)


def sized(size: int, kind: bytes) -> bytes:
    info = tarfile.TarInfo("a")
    info.size, info.type = size, kind
    return info.tobuf(tarfile.GNU_FORMAT) + bytes(10240)


def long_header() -> bytes:
    return tarred(("a" * 9000, b"a"))


def damaged_middle() -> bytes:
    raw = bytearray(tarred(("a", b"a"), ("b", b"b")))
    raw[1024 + 10] ^= 255
    return bytes(raw)


def greedy_xz() -> bytes:
    """A header that asks for a dictionary of 1.5 GB."""
    raw = lzma.compress(tarred(("a", b"a")), preset=9)
    at = 12
    block = bytearray(raw[at : at + 12])
    block[4] = 39
    block[8:12] = struct.pack("<L", zlib.crc32(block[:8]))
    return raw[:at] + bytes(block) + raw[at + 12 :]


def listed(root: Path) -> Tree:
    """What really lies below a folder; fails on anything but plain files and folders."""
    entries = []
    for path in sorted(root.rglob("*")):
        assert not path.is_symlink()
        assert path.is_file() or path.is_dir()
        if path.is_file():
            content, name = path.read_bytes(), path.relative_to(root).as_posix()
            sha256 = hashlib.sha256(content).hexdigest()
            entries.append(Entry(path=name, size=len(content), sha256=sha256))
    return Tree(entries=tuple(sorted(entries, key=lambda entry: entry.path)))
