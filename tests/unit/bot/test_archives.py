"""An archive of the owner's is unpacked as a check, and nothing of that stays."""

import gzip
import subprocess
import sys
from pathlib import Path

import pytest

from bot.archives import MAX_FILES, check_archive, is_archive
from core.errors import UserFacing
from tests.support.archives import bomb, tarred, with_a_link, zipped


def refusal(path: Path, content: bytes) -> str:
    path.write_bytes(content)
    with pytest.raises(UserFacing) as caught:
        check_archive(path)
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]
    return caught.value.text


@pytest.mark.parametrize(
    "name", ["a.zip", "A.ZIP", "a.tar", "a.tar.gz", "a.tgz", "a.tar.bz2", "a.tar.xz", "b.c.zip"]
)
def test_an_archive_is_known_by_its_name(name: str) -> None:
    assert is_archive(name)


@pytest.mark.parametrize("name", ["a.docx", "zip", "a.zip.txt", "a.gz", "tar", "data.csv"])
def test_other_files_are_not_looked_into(name: str) -> None:
    assert not is_archive(name)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.zip", zipped(("a/b.txt", b"one"), ("c", b""))),
        ("a.tar", tarred(("a", b"1"))),
        ("a.tgz", gzip.compress(tarred(("a", b"1")))),
        ("many.zip", zipped(*((f"{number}", b"") for number in range(MAX_FILES)))),
    ],
    ids=["zip", "tar", "tgz", "many"],
)
def test_an_honest_archive_stays_as_it_is(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    check_archive(tmp_path / name)
    assert [entry.name for entry in tmp_path.iterdir()] == [name]
    assert (tmp_path / name).read_bytes() == content


def test_a_bomb_is_refused_in_one_sentence(tmp_path: Path) -> None:
    said = refusal(tmp_path / "bomb.zip", bomb())
    assert said == "bomb.zip was not taken: it unpacks to more than 300 MB."


def test_an_archive_with_a_link_is_refused(tmp_path: Path) -> None:
    said = refusal(tmp_path / "link.zip", with_a_link())
    assert said == "link.zip was not taken: 'a' is a symbolic link."


def test_an_archive_of_too_many_files_is_refused(tmp_path: Path) -> None:
    content = zipped(*((f"{number}", b"") for number in range(MAX_FILES + 1)))
    assert refusal(tmp_path / "a.zip", content) == (
        "a.zip was not taken: it holds more than 2000 files."
    )


def test_a_file_that_only_has_the_name_is_refused(tmp_path: Path) -> None:
    said = refusal(tmp_path / "a.zip", b"hello")
    assert said == "a.zip was not taken: it is neither a zip nor a tar."


def test_what_a_killed_check_left_does_not_matter(tmp_path: Path) -> None:
    (tmp_path / ".check" / "deep").mkdir(parents=True)
    (tmp_path / ".check" / "deep" / "a").write_bytes(b"old")
    (tmp_path / "a.zip").write_bytes(zipped(("deep/a", b"new")))
    check_archive(tmp_path / "a.zip")
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.zip"]


def test_a_disk_that_takes_nothing_refuses_the_archive(tmp_path: Path) -> None:
    content = zipped(("a", b"x" * 20_000))
    (tmp_path / "a.zip").write_bytes(content)
    done = subprocess.run(
        [sys.executable, "-c", FULL_DISK, tmp_path / "a.zip"], capture_output=True, check=True
    )
    assert done.stdout == b"a.zip was not taken: it could not be checked (File too large)."
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.zip"]


FULL_DISK = """
import resource, signal, sys
from pathlib import Path
from bot.archives import check_archive
from core.errors import UserFacing
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))
try:
    check_archive(Path(sys.argv[1]))
except UserFacing as error:
    sys.stdout.write(error.text)
"""


def test_the_archive_modules_are_not_loaded_before_the_first_archive() -> None:
    code = "import sys, agentai.serve; print({'tarfile', 'core.archives'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    assert done.stdout == b"set()\n"
