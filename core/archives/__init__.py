"""Unpacks archives that a stranger may have made.

Threat: an archive that unpacks to a thousand times its size or needs gigabytes to be read, headers
that lie about sizes, members that lie on top of each other, `../x`, absolute names, two names for
one file, a symbolic link and then a file through it, hard links, devices, names that show as
something else. So members are written one by one into a fresh folder with `O_EXCL`, every folder is
opened relative to the one before with `O_NOFOLLOW`, bytes are counted as they come and headers are
never trusted. Anything wrong refuses the whole archive and removes what was written. Archives
inside an archive stay files. Permission bits of an archive are ignored.

    archive ──► unpacking (by its first bytes) ──► zips | tars ──► writer ──► a fresh folder

Importing this loads the standard library's archive modules: whoever seldom needs it imports late.
All functions block: call them through `asyncio.to_thread`.
"""

from core.archives.types import Bounds, Entry, NotUnpacked, Tree
from core.archives.unpacking import unpack

__all__ = ["Bounds", "Entry", "NotUnpacked", "Tree", "unpack"]
