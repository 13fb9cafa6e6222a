"""The tunnels of one task that are carried unread, so that they can be cut.

Threat: what the owner takes back goes on through a tunnel that was opened before, in which nobody
asks about anything again. So each is known here from before it is dialled until it is gone.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from executors.gateway.hosts import Host


@dataclass(frozen=True, eq=False, kw_only=True, slots=True)
class _Splice:
    host: Host
    port: int
    cut: Callable[[], None]


class Splices:
    """The open ones; `cut` of each ends both of its sides at once, also when nothing moves."""

    def __init__(self) -> None:
        self._open: set[_Splice] = set()

    def __bool__(self) -> bool:
        return bool(self._open)

    @contextmanager
    def held(self, host: Host, port: int, cut: Callable[[], None]) -> Iterator[None]:
        """Knows a tunnel as long as the block runs."""
        one = _Splice(host=host, port=port, cut=cut)
        self._open.add(one)
        try:
            yield
        finally:
            self._open.discard(one)

    def cut_unless(self, is_allowed: Callable[[Host, int], bool]) -> None:
        """Cuts what is not allowed any more."""
        for one in tuple(self._open):
            if not is_allowed(one.host, one.port):
                one.cut()
