"""Packages of a skill: real pip, a real index on the wire, nothing built and nothing run here."""

from __future__ import annotations

import os
import shutil
import stat
import sys
from typing import TYPE_CHECKING

import pytest

from executors.packages import NoPackages, Packages, command, key_of, reason
from tests.support.package_index import PackageIndex, sdist

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

TINY = {"tiny/__init__.py": "import small\nANSWER = small.HALF * 2\n"}
SMALL = {"small.py": "HALF = 21\n", "small-1.0.data/purelib/extra.py": "X = 1\n"}


@pytest.fixture
async def index(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[PackageIndex]:
    made = PackageIndex()
    await made.start()
    made.add("tiny", "1.0", TINY, "small>=1")
    made.add("small", "1.0", SMALL)
    for name, value in made.environment().items():
        monkeypatch.setenv(name, value)
    yield made
    await made.stop()


class Shop:
    """A cache, and slots that are given packages."""

    def __init__(self, root: Path) -> None:
        self.root = root / "packages"
        self.packages = Packages(self.root)
        self.said: list[str] = []
        self._slots = 0
        self._folder = root

    async def give(self, *wanted: str) -> Path:
        self._slots += 1
        sock = self._folder / f"slot{self._slots}"
        sock.mkdir()
        await self.packages.give(wanted, sock, self.say)
        return sock / "packages"

    async def say(self, text: str) -> None:
        self.said.append(text)


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(tmp_path)


async def test_packages_and_what_they_need_are_fetched_once(
    index: PackageIndex, shop: Shop
) -> None:
    given = await shop.give("tiny")
    assert (given / "tiny/__init__.py").read_text() == TINY["tiny/__init__.py"]
    assert (given / "small.py").read_text() == SMALL["small.py"]
    assert (given / "extra.py").is_file()
    assert stat.S_IMODE((given / "small.py").stat().st_mode) == 0o444
    assert shop.said == ["Getting packages: tiny"]
    assert not {"tiny", "small"} & set(sys.modules)
    await index.stop()
    again = await shop.give("tiny")
    assert (again / "small.py").samefile(given / "small.py")
    assert {p.name for p in shop.root.iterdir()} == {"sets", "trees", "wheels"}


async def test_the_same_slot_may_be_given_its_packages_again(
    index: PackageIndex, shop: Shop, tmp_path: Path
) -> None:
    assert index.url
    (tmp_path / "sock").mkdir()
    first = await shop.packages.give(("tiny",), tmp_path / "sock", shop.say)
    assert await shop.packages.give(("tiny",), tmp_path / "sock", shop.say) == first
    assert [wheel.name for wheel in first] == [
        "small-1.0-py3-none-any.whl", "tiny-1.0-py3-none-any.whl",
    ]  # fmt: skip


async def test_what_the_index_replaces_later_does_not_reach_a_known_set(
    index: PackageIndex, shop: Shop
) -> None:
    await shop.give("small")
    index.add("small", "1.0", {"small.py": "HALF = 666\n"})
    shutil.rmtree(shop.root / "trees")
    assert (await shop.give("small") / "small.py").read_text() == SMALL["small.py"]
    shutil.rmtree(shop.root / "trees")
    shutil.rmtree(shop.root / "wheels")
    for _ in range(2):  # the refusal must not be what makes the new one known
        with pytest.raises(NoPackages, match=r"another small-1\.0-py3-none-any\.whl than before"):
            await shop.give("small")
    assert not (shop.root / "trees").exists()


async def test_a_newer_version_does_not_slip_in_when_the_cache_was_lost(
    index: PackageIndex, shop: Shop
) -> None:
    await shop.give("small")
    index.add("small", "1.1", {"small.py": "HALF = 666\n"})
    for lost in ("trees", "wheels"):
        shutil.rmtree(shop.root / lost)
    with pytest.raises(NoPackages, match=r"another small-1\.1-py3-none-any\.whl than before"):
        await shop.give("small")


async def test_what_a_killed_process_was_fetching_is_removed_later(
    index: PackageIndex, shop: Shop
) -> None:
    assert index.url
    old, fresh = shop.root / "fetch-old", shop.root / "trees" / ".new-fresh"
    for left in (old, fresh):
        (left / "wheels").mkdir(parents=True)
    os.utime(old, (0, 0))
    await shop.give("small")
    assert (old.exists(), fresh.exists()) == (False, True)


async def test_a_package_that_would_be_built_is_refused_and_its_code_never_runs(
    index: PackageIndex, shop: Shop, tmp_path: Path
) -> None:
    code = f"open({str(tmp_path / 'ran')!r}, 'w').close()\n"
    index.files["source-1.0.tar.gz"] = sdist("source", "1.0", code)
    with pytest.raises(NoPackages, match=r"the index has no source for the container"):
        await shop.give("source")
    index.add("sly", "1.0", {"sly.py": ""}, f"source @ {index.url}/file/source-1.0.tar.gz")
    with pytest.raises(NoPackages, match="sly cannot be installed"):
        await shop.give("sly")
    index.add("git", "1.0", {"git.py": ""}, f"source @ git+{index.url}/source")
    with pytest.raises(NoPackages):
        await shop.give("git")
    assert not (tmp_path / "ran").exists()


async def test_a_failure_names_the_package_and_the_reason(index: PackageIndex, shop: Shop) -> None:
    index.add("other", "1.0", {"other.py": ""}, "small>=9")
    with pytest.raises(NoPackages, match=r"tiny, absent cannot be installed: the index has no abs"):
        await shop.give("tiny", "absent")
    with pytest.raises(NoPackages, match=r"the index has no small>=9"):
        await shop.give("other")
    index.files["broken-1.0-py3-none-any.whl"] = b"PK\3\4 no archive"
    with pytest.raises(NoPackages, match="broken"):
        await shop.give("broken")
    assert not (shop.root / "trees").exists()


async def test_a_wheel_that_leads_out_of_its_folder_is_refused(
    index: PackageIndex, shop: Shop
) -> None:
    index.add("climber", "1.0", {"../../out.py": "x"})
    with pytest.raises(NoPackages, match="climber cannot be installed"):
        await shop.give("climber")
    assert not list(shop.root.rglob("out.py"))


@pytest.mark.parametrize(
    "odd", ["-rfile", "a b", "x @ https://y", "./x", "a;b", "--index-url=x", "x[y]", "a==1,<2", ""]
)
def test_only_a_name_with_one_version_is_asked_for(odd: str, tmp_path: Path) -> None:
    with pytest.raises(NoPackages, match="is no name of a package"):
        command(("fine", odd), tmp_path)


def test_a_set_is_known_by_what_is_asked_for() -> None:
    assert key_of(("a", "b")) == key_of(("b", "a"))
    assert key_of(("a",)) != key_of(("a==1",))


@pytest.mark.parametrize(
    ("output", "why"),
    [
        ("ERROR: No matching distribution found for x==9", "the index has no x==9"),
        ("ERROR: ResolutionImpossible: see https://x", "do not fit together"),
        ("No module named pip", "pip is not installed"),
        ("PermissionError: a package wants to be built, which never happens here", "be built"),
        ("ERROR: Could not reach https://user:pw@index.example/simple", "Could not reach the ind"),
        ("", "pip failed"),
    ],
)
def test_the_reason_is_told_in_words(output: str, why: str) -> None:
    assert why in reason(output)
    assert "pw@" not in reason(output)
