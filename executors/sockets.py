"""Listening in a folder that a container sees."""

from __future__ import annotations

import contextlib
import os
import socket
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def bind_in(folder: Path, name: str) -> socket.socket:
    """A socket bound to `name` in `folder`, in the place of a former host process's.

    Bound through the folder's descriptor: the path of a deep home would be too long.
    """
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    bound = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        path = f"/proc/self/fd/{descriptor}/{name}"
        with contextlib.suppress(FileNotFoundError):
            os.unlink(name, dir_fd=descriptor)
        bound.bind(path)
        os.chmod(path, 0o666)  # noqa: PTH101, S103 - only the host and this container see it
    except OSError:
        bound.close()
        raise
    finally:
        os.close(descriptor)
    return bound
