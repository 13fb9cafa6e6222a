"""Archives made by a stranger: every format, every bound."""

import bz2
import gzip
import hashlib
import lzma
import os
import stat
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.archives import Bounds, unpack
from core.archives.types import MB
from core.errors import Bug, UserFacing
from tests.support.archives import (
    Maker,
    damaged_middle,
    encrypted,
    greedy_xz,
    listed,
    long_header,
    lying_size,
    overlapping,
    sized,
    special,
    tarred,
    with_a_nul,
    zipped,
)

BOUNDS = Bounds()
SMALL = Bounds(files=5, total=3000, each=2000, depth=3)

HOSTILE: list[tuple[str, Maker, str]] = [
    ("bomb.zip", lambda: zipped(("a", bytes(3 * MB))), "more than 100 times its size"),
    ("many.zip", lambda: zipped(*((f"{i}", bytes(MB)) for i in range(3))), "100 times"),
    ("bomb.tgz", lambda: gzip.compress(tarred(("a", bytes(3 * MB)))), "100 times"),
    ("bomb.tbz", lambda: bz2.compress(tarred(("a", bytes(3 * MB)))), "100 times"),
    ("bomb.txz", lambda: lzma.compress(tarred(("a", bytes(3 * MB)))), "100 times"),
    ("bomb.gz", lambda: gzip.compress(bytes(3 * MB)), "was not unpacked"),
    ("tail.tgz", lambda: gzip.compress(tarred(("a", b"a")) + bytes(3 * MB)), "100 times"),
    ("memory.txz", greedy_xz, "damaged"),
    ("overlap.zip", overlapping, "on top of each other"),
    ("lies.zip", lying_size, "damaged"),
    ("locked.zip", encrypted, "'a' is encrypted"),
    ("lzma.zip", lambda: zipped(("a", b"a"), method=14), "compression that is not known"),
    ("link.zip", lambda: zipped((special("a", stat.S_IFLNK), b"/etc")), "is a symbolic link"),
    ("device.zip", lambda: zipped((special("a", stat.S_IFCHR), b"")), "is a device"),
    ("up.zip", lambda: zipped(("../x", b"a")), "'../x' leads out of the folder"),
    ("up2.zip", lambda: zipped(("a/../../x", b"a")), "leads out of the folder"),
    ("root.zip", lambda: zipped(("/etc/x", b"a")), "is an absolute name"),
    ("drive.zip", lambda: zipped(("C:/x", b"a")), "is an absolute name"),
    ("back.zip", lambda: zipped(("..\\x", b"a")), "holds a backslash"),
    ("nul.zip", with_a_nul, "its name cannot be shown"),
    ("bidi.zip", lambda: zipped(("a\u202egpj.exe", b"a")), "its name cannot be shown"),
    ("case.zip", lambda: zipped(("a/x", b"1"), ("A/y", b"2")), "differ only in case"),
    ("form.zip", lambda: zipped(("\u00e9", b"1"), ("e\u0301", b"2")), "or accents"),
    ("both.zip", lambda: zipped(("a", b"1"), ("a/b", b"2")), "'a' is there twice"),
    ("cut.zip", lambda: zipped(("a", b"abc"))[:-5], "damaged"),
    ("up.tar", lambda: tarred(("../x", b"a")), "leads out of the folder"),
    ("root.tar", lambda: tarred(("/x", b"a")), "is an absolute name"),
    ("twice.tar", lambda: tarred(("a", b"1"), ("./a", b"2")), "'a' is there twice"),
    ("link.tar", lambda: tarred(("a", "2/etc"), ("a/passwd", b"x")), "'a' is a symbolic link"),
    ("hard.tar", lambda: tarred(("a", b"a"), ("b", "1a")), "'b' is a hard link"),
    ("char.tar", lambda: tarred(("a", "3")), "'a' is a device"),
    ("block.tar", lambda: tarred(("a", "4")), "'a' is a device"),
    ("pipe.tar", lambda: tarred(("a", "6")), "'a' is a pipe"),
    ("sparse.tar", lambda: sized(1 << 40, b"S"), "is of an unknown kind"),
    ("negative.tar", lambda: sized(-1024, b"0"), "is of an unknown kind"),
    ("header.tar", long_header, "header that is too large"),
    ("middle.tar", damaged_middle, "damaged"),
    ("short.tar", lambda: tarred(("a", bytes(5000)))[:3000], "damaged"),
    ("short.tgz", lambda: gzip.compress(tarred(("a", b"a")))[:-6], "damaged"),
    ("check.tgz", lambda: gzip.compress(tarred(("a", b"a")))[:-8] + bytes(8), "damaged"),
    ("utf8.tar", lambda: tarred(("caf\udce9", b"a"), form=tarfile.GNU_FORMAT), "cannot be shown"),
    ("text.zip", lambda: b"hello", "neither a zip nor a tar"),
    ("empty.zip", lambda: b"", "neither a zip nor a tar"),
]


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize(("name", "make", "why"), HOSTILE, ids=[row[0] for row in HOSTILE])
def test_a_hostile_archive_is_refused_and_leaves_nothing(
    tmp_path: Path, name: str, make: Maker, why: str
) -> None:
    (tmp_path / name).write_bytes(make())
    with pytest.raises(UserFacing, match=why) as caught:
        unpack(tmp_path / name, tmp_path / "out", BOUNDS)
    assert caught.value.text.startswith(f"{name} was not unpacked: ")
    assert [path.name for path in tmp_path.iterdir()] == [name]


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_name_that_is_in_a_zip_twice_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_bytes(zipped(("a", b"1"), ("a", b"2")))
    with pytest.raises(UserFacing, match="'a' is there twice"):
        unpack(tmp_path / "a.zip", tmp_path / "out", BOUNDS)


@pytest.mark.parametrize(
    ("members", "why"),
    [
        ([("a", b"x" * 2001)], "'a' is larger than"),
        ([("a", b"x" * 1600), ("b", b"x" * 1600)], "more than"),
        ([(f"{i}", b"x") for i in range(6)], "more than 5 files"),
        ([(f"{i}/{i}/a", b"x") for i in range(5)], "more than 5 files"),
        ([("a/b/c/d", b"x")], "too deep"),
        ([("n" * 256, b"x")], "too long"),
    ],
)
@pytest.mark.parametrize("make", [zipped, tarred])
def test_every_bound_holds_for_every_format(
    tmp_path: Path, make: Callable[..., bytes], members: list[tuple[str, bytes]], why: str
) -> None:
    raw = make(*members)
    (tmp_path / "a").write_bytes(raw if make is zipped else gzip.compress(raw))
    with pytest.raises(UserFacing, match=why):
        unpack(tmp_path / "a", tmp_path / "out", SMALL)
    assert not (tmp_path / "out").exists()


def test_a_large_index_is_refused_before_it_is_read(tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_bytes(zipped(*((f"{i:0200}", b"") for i in range(40))))
    with pytest.raises(UserFacing, match="index is too large"):
        unpack(tmp_path / "a.zip", tmp_path / "out", Bounds(files=5))


@pytest.mark.parametrize(
    "pack",
    [
        lambda members: zipped(*members),
        lambda members: zipped(*members, method=0),
        lambda members: tarred(*members),
        lambda members: tarred(*members, form=tarfile.GNU_FORMAT),
        lambda members: gzip.compress(tarred(*members)),
        lambda members: bz2.compress(tarred(*members)),
        lambda members: lzma.compress(tarred(*members)) + bytes(4),
        lambda members: lzma.compress(tarred(*members), preset=9),
    ],
)
def test_an_honest_archive_is_unpacked(
    tmp_path: Path, pack: Callable[[list[tuple[str, bytes]]], bytes]
) -> None:
    inner = zipped(("deep", bytes(3 * MB)))
    members = [("./b/caf\u00e9.txt", b"two"), ("a.txt", b"one"), ("b/in.zip", inner), ("e", b"")]
    (tmp_path / "a.bin").write_bytes(pack(members))
    tree = unpack(tmp_path / "a.bin", tmp_path / "out", BOUNDS)
    assert [(e.path, e.size) for e in tree.entries] == [
        ("a.txt", 3), ("b/caf\u00e9.txt", 3), ("b/in.zip", len(inner)), ("e", 0)
    ]  # fmt: skip
    assert tree.entries[0].sha256 == hashlib.sha256(b"one").hexdigest()
    assert listed(tmp_path / "out") == tree


def test_folders_and_modes_of_an_archive_are_kept_harmless(tmp_path: Path) -> None:
    root, empty = special("d/", stat.S_IFDIR), special("d/run", stat.S_IFREG | stat.S_ISUID)
    (tmp_path / "a.zip").write_bytes(zipped((root, b""), (empty, b"#!")))
    unpack(tmp_path / "a.zip", tmp_path / "out", BOUNDS)
    assert (tmp_path / "out/d/run").stat().st_mode & 0o7111 == 0


def test_an_archive_behind_a_link_or_pipe_is_not_opened(tmp_path: Path) -> None:
    (tmp_path / "real").write_bytes(zipped(("a", b"a")))
    (tmp_path / "link").symlink_to(tmp_path / "real")
    os.mkfifo(tmp_path / "pipe")
    for name in ("link", "pipe", "missing", "."):
        with pytest.raises(UserFacing, match="was not unpacked"):
            unpack(tmp_path / name, tmp_path / "out", BOUNDS)


def test_an_existing_target_is_a_bug_and_stays(tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_bytes(zipped(("a", b"a")))
    (tmp_path / "out").mkdir()
    with pytest.raises(Bug):
        unpack(tmp_path / "a.zip", tmp_path / "out", BOUNDS)
    assert (tmp_path / "out").is_dir()


PACKED = [
    zipped(("a.txt", b"hello" * 50), ("b/c", b"x")),
    tarred(("a.txt", b"hello" * 50), ("b" * 150, b"x")),
    gzip.compress(tarred(("a.txt", b"hello" * 50))),
    lzma.compress(tarred(("a.txt", b"hello" * 50))),
    bz2.compress(tarred(("a.txt", b"hello" * 50))),
]


@settings(max_examples=400, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.sampled_from(PACKED),
    st.lists(st.tuples(st.integers(0, 3000), st.integers(0, 255)), min_size=1, max_size=6),
)
def test_a_damaged_archive_is_unpacked_or_refused(
    tmp_path: Path, raw: bytes, changes: list[tuple[int, int]]
) -> None:
    spoilt = bytearray(raw)
    for at, value in changes:
        spoilt[at % len(spoilt)] = value
    folder = tmp_path / str(len(list(tmp_path.iterdir())))
    folder.mkdir()
    (folder / "a").write_bytes(spoilt)
    try:
        tree = unpack(folder / "a", folder / "out", BOUNDS)
    except UserFacing:
        assert [path.name for path in folder.iterdir()] == ["a"]
    else:
        assert listed(folder / "out") == tree


def test_no_descriptor_stays_open(tmp_path: Path) -> None:
    before = len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - counts what the process holds
    (tmp_path / "a.zip").write_bytes(zipped(("a/b/c", b"a"), ("../x", b"a")))
    for number in range(5):
        with pytest.raises(UserFacing):
            unpack(tmp_path / "a.zip", tmp_path / f"{number}", BOUNDS)
    assert len(os.listdir("/proc/self/fd")) == before  # noqa: PTH208 - as above
