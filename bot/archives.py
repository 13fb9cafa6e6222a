"""Archives that the owner sends are unpacked once, as a check, before anything may use them.

Threat: the owner passes on an archive that a stranger made, and a task or a program of the owner
unpacks it without care: a bomb that fills the disk, a link or `../x` that leads out of the folder.
Method: it is unpacked into a fresh folder beside it with everything counted (see `core.archives`),
and that folder is removed again. On any doubt the archive is refused. One that passes stays as it
is. Only names are looked at to tell an archive: a file that hides what it is stays a plain file.
"""

from __future__ import annotations

import logging
import shutil
from typing import TYPE_CHECKING

from core.errors import UserFacing
from core.hygiene import clean

if TYPE_CHECKING:
    from pathlib import Path

log = logging.getLogger(__name__)

MAX_FILES = 2000
MAX_TOTAL = 300 * 1024 * 1024
_ENDINGS = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz")
_WORK = ".check"  # no file of the owner's starts with a dot


def is_archive(name: str) -> bool:
    """Whether a file of this name is checked before it is taken."""
    return name.lower().endswith(_ENDINGS)


def check_archive(path: Path) -> None:
    """Unpacks the archive at `path` for a moment; raises UserFacing if it is refused.

    Blocks and needs the disk: call it in a thread. What a killed process left is removed first.
    """
    work = path.with_name(_WORK)
    shutil.rmtree(work, ignore_errors=True)
    try:
        why = _why_refused(path, work)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    if why:
        raise UserFacing(f"{clean(path.name, cap=80)} was not taken: {why}.")


def _why_refused(path: Path, work: Path) -> str:
    # Late, because it loads the archive modules, which a process may never need.
    from core.archives import Bounds, NotUnpacked, unpack

    bounds = Bounds(files=MAX_FILES, total=MAX_TOTAL, each=MAX_TOTAL)
    try:
        unpack(path, work, bounds)
    except NotUnpacked as error:
        return error.why
    except OSError as error:
        log.warning("an archive could not be checked", extra={"reason": error.strerror})
        return f"it could not be checked ({error.strerror})"
    return ""
