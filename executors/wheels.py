"""Wheels on disk: what pip put down, checked, kept by digest, and unpacked for containers. Blocks.

Threat: a wheel is an archive from a stranger. It is unpacked by `core.archives` within bounds, its
bytes are those whose SHA-256 was written down when the set was first fetched, and what lies in the
cache is data: nothing of it is imported, compiled or run on this machine.

    ROOT/wheels/SHA256      one wheel
    ROOT/sets/KEY.json      which wheels a list of requirements came to, with their digests
    ROOT/trees/KEY          the wheels of a set, unpacked side by side
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from contextlib import suppress
from dataclasses import asdict, dataclass
from tempfile import mkdtemp
from typing import TYPE_CHECKING

from core.errors import UserFacing
from core.hygiene import clean

if TYPE_CHECKING:
    from pathlib import Path

MB = 1024 * 1024
WHEELS_CAP = 60
SET_CAP = 400 * MB
WHEEL_FILES, WHEEL_DEPTH = 20_000, 30
FETCHING, UNPACKING = "fetch-", ".new-"  # folders that live as long as one call
FILE_MODE, FOLDER_MODE = 0o444, 0o755
_LIBRARIES = ("purelib", "platlib")


@dataclass(frozen=True, kw_only=True, slots=True)
class Wheel:
    """One wheel of a set."""

    name: str
    sha256: str
    size: int


class Wheelhouse:
    """The cache of wheels and unpacked sets below `root`."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def tree(self, key: str) -> Path:
        """Where the set lies unpacked."""
        return self.root / "trees" / key

    def known(self, key: str) -> tuple[Wheel, ...] | None:
        """The wheels of a set that was fetched before; None if it was not."""
        try:
            raw = json.loads((self.root / "sets" / f"{key}.json").read_text(encoding="utf-8"))
            return tuple(Wheel(**one) for one in raw["wheels"])
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def keep(self, key: str, wanted: tuple[str, ...], fetched: Path) -> tuple[Wheel, ...]:
        """Takes in what pip put into `fetched`, and unpacks it; returns the set.

        Raises UserFacing for anything that is no wheel, or too much.
        """
        files = sorted(file for file in fetched.iterdir() if file.is_file())
        odd = [file.name for file in files if file.suffix != ".whl"]
        if sum(file.stat().st_size for file in files) > SET_CAP:
            raise UserFacing(f"they are larger than {SET_CAP // MB} MB together")
        if odd or not files or len(files) > WHEELS_CAP:
            raise UserFacing(f"{odd[0] if odd else f'{len(files)} packages'} cannot be used")
        wheels = tuple(self._take_in(file) for file in files)
        self._remember(key, wanted, wheels)
        self.unpack(key, wheels)
        return wheels

    def _take_in(self, file: Path) -> Wheel:
        with file.open("rb") as source:
            digest = hashlib.file_digest(source, "sha256").hexdigest()
        wheel = Wheel(name=file.name, sha256=digest, size=file.stat().st_size)
        target = self.root / "wheels" / digest
        target.parent.mkdir(parents=True, exist_ok=True)
        file.replace(target)
        return wheel

    def _remember(self, key: str, wanted: tuple[str, ...], wheels: tuple[Wheel, ...]) -> None:
        listed = {"wanted": list(wanted), "wheels": [asdict(wheel) for wheel in wheels]}
        target = self.root / "sets" / f"{key}.json"
        target.parent.mkdir(parents=True, exist_ok=True)
        fresh = target.with_suffix(".new")
        fresh.write_text(json.dumps(listed, indent=1), encoding="utf-8")
        fresh.replace(target)

    def has(self, wheels: tuple[Wheel, ...]) -> bool:
        """Whether every wheel of a set is still what it was."""
        return all(self._is_whole(wheel) for wheel in wheels)

    def _is_whole(self, wheel: Wheel) -> bool:
        try:
            with (self.root / "wheels" / wheel.sha256).open("rb") as source:
                return hashlib.file_digest(source, "sha256").hexdigest() == wheel.sha256
        except OSError:
            return False

    def sweep(self, *, before: float) -> None:
        """Removes what a process that was killed left, as far as it is older than `before`."""
        for folder, start in ((self.root, FETCHING), (self.root / "trees", UNPACKING)):
            for left in folder.glob(f"{start}*"):
                with suppress(FileNotFoundError):
                    if left.lstat().st_mtime < before:
                        shutil.rmtree(left, ignore_errors=True)

    def unpack(self, key: str, wheels: tuple[Wheel, ...]) -> None:
        """Unpacks a set beside its place and renames it there, whole or not at all."""
        from core.archives import Bounds, unpack  # brings the archive modules: few tasks need them

        bounds = Bounds(files=WHEEL_FILES, total=1024 * MB, each=SET_CAP, depth=WHEEL_DEPTH)
        trees = self.root / "trees"
        trees.mkdir(parents=True, exist_ok=True)
        staging = trees / mkdtemp(prefix=UNPACKING, dir=trees)
        try:
            (staging / "all").mkdir()
            for number, wheel in enumerate(wheels):
                one = staging / str(number)
                unpack(self.root / "wheels" / wheel.sha256, one, bounds)
                for library in _libraries(one):
                    _merge(library, staging / "all")
            _close(staging / "all")
            with suppress(FileNotFoundError):
                shutil.rmtree(self.tree(key))
            (staging / "all").rename(self.tree(key))
        finally:
            shutil.rmtree(staging, ignore_errors=True)


def differs(known: tuple[Wheel, ...], fetched: Path) -> str:
    """The first file that is not as it was written down; empty when all of them are."""
    before = {wheel.name: wheel.sha256 for wheel in known}
    for file in sorted(fetched.iterdir()):
        with file.open("rb") as source:
            if hashlib.file_digest(source, "sha256").hexdigest() != before.get(file.name):
                return clean(file.name, cap=80)
    return ""


def _libraries(wheel: Path) -> list[Path]:
    """The folders of a wheel that Python looks into; scripts and headers are left where they are.

    Source: the wheel format's `NAME.data` folder.
    """
    spread = [data for data in sorted(wheel.glob("*.data")) if data.is_dir()]
    found = [data / name for data in spread for name in _LIBRARIES if (data / name).is_dir()]
    for data in spread:
        data.rename(wheel.parent / f"{wheel.name}-{data.name}")
    moved = [wheel.parent / f"{wheel.name}-{path.parent.name}" / path.name for path in found]
    return [wheel, *moved]


def _merge(source: Path, target: Path) -> None:
    """Moves files; what another package brought already stays."""
    for folder, _, names in os.walk(source):
        place = target / os.path.relpath(folder, source)
        place.mkdir(parents=True, exist_ok=True)
        for name in names:
            if not (place / name).exists():
                os.rename(os.path.join(folder, name), place / name)  # noqa: PTH104, PTH118 - many


def _close(tree: Path) -> None:
    """Files that nobody writes any more, readable by the container's user."""
    for folder, _, names in os.walk(tree):
        os.chmod(folder, FOLDER_MODE)  # noqa: PTH101 - thousands of them
        for name in names:
            os.chmod(os.path.join(folder, name), FILE_MODE)  # noqa: PTH101, PTH118 - as above


def lay(tree: Path, target: Path) -> None:
    """Puts a set into a slot: the same files by hard links, or copies where links cannot be."""
    if target.exists():
        return
    fresh = target.with_name(f".{target.name}.new")
    shutil.rmtree(fresh, ignore_errors=True)
    shutil.copytree(tree, fresh, copy_function=_link, symlinks=True)
    fresh.rename(target)


def _link(source: str, target: str) -> None:
    try:
        os.link(source, target, follow_symlinks=False)
    except OSError:
        shutil.copy2(source, target, follow_symlinks=False)
