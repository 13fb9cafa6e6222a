"""Files out of a workspace that may hold anything."""

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.errors import UserFacing
from executors.results import FILE_CAP, FILES_CAP, collect, open_inside, safe_name, used_bytes


@pytest.fixture
def work(tmp_path: Path) -> Path:
    folder = tmp_path / "work"
    (folder / "sub").mkdir(parents=True)
    (folder / "a.txt").write_text("a")
    (folder / "sub" / "b.txt").write_text("b")
    (tmp_path / "secret.key").write_text("secret")
    return folder


def taken(work: Path, *names: str) -> tuple[list[str], str]:
    files, refused = collect(work, names, work.parent / "out")
    return [Path(f.path).read_text() for f in files], refused


@pytest.mark.parametrize("name", ["a.txt", "./a.txt", "/work/a.txt", "sub//b.txt", "sub/./b.txt"])
def test_files_of_the_workspace_are_handed_over(work: Path, name: str) -> None:
    contents, refused = taken(work, name)
    assert contents == ["a" if "a.txt" in name else "b"]
    assert refused == ""


@pytest.mark.parametrize(
    "name",
    [
        "../secret.key", "sub/../../secret.key", "/etc/passwd", "/work//etc/passwd", "", ".", "/",
        "a.txt\0", "missing", "sub", "/proc/self/environ", "/work/../secret.key",
    ],
)  # fmt: skip
def test_names_that_lead_elsewhere_are_refused(work: Path, name: str) -> None:
    contents, refused = taken(work, name)
    assert contents == []
    assert "was not handed over" in refused


def test_links_pipes_and_devices_are_refused(work: Path) -> None:
    (work / "link").symlink_to(work.parent / "secret.key")
    (work / "folder").symlink_to(work.parent)
    os.link(work.parent / "secret.key", work / "hard")
    os.mkfifo(work / "pipe")
    contents, refused = taken(work, "link", "folder/secret.key", "hard", "pipe")
    assert contents == []
    assert refused.count("was not handed over") == 4
    assert "secret" not in "".join(contents)


def test_too_many_and_too_large_files_are_refused(work: Path) -> None:
    for number in range(FILES_CAP + 2):
        (work / f"n{number}").write_text("x")
    with (work / "large").open("wb") as file:
        file.truncate(FILE_CAP + 1)
    contents, refused = taken(work, *(f"n{n}" for n in range(FILES_CAP + 2)), "large")
    assert len(contents) == FILES_CAP
    assert refused.count("was not handed over") == 3


@given(st.text(alphabet=st.sampled_from("./\\a\0~work "), max_size=20))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_name_opens_anything_outside(work: Path, name: str) -> None:
    try:
        descriptor = open_inside(work, name)
    except (UserFacing, OSError):
        return
    opened = Path(f"/proc/self/fd/{descriptor}").readlink()
    os.close(descriptor)
    assert opened.is_relative_to(work)


@given(st.text())
def test_a_shown_name_is_only_a_name(name: str) -> None:
    safe = safe_name(name)
    assert safe
    assert "/" not in safe
    assert not safe.startswith(".")


def test_disk_use_is_measured_and_links_are_not_followed(work: Path) -> None:
    (work / "up").symlink_to("/usr")
    (work / "block").write_bytes(b"x" * 100_000)
    assert 100_000 <= used_bytes(work, stop_at=10**9) < 1_000_000
    assert used_bytes(work / "missing", stop_at=1) == 0
