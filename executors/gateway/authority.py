"""The instance's own certificate authority, for tunnels that are inspected.

Threat: whoever has the key can read the traffic of every client that trusts `ca.pem`. So only this
instance's containers trust it, the key never leaves its file (mode 0600, made whole or not at
all), and a leaf lives seven days. The server's side of a tunnel is checked as any client would:
system authorities, host name, TLS 1.2 or later.
"""

from __future__ import annotations

import os
import ssl
import threading
from collections import OrderedDict
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from executors.gateway.hosts import Host
    from executors.gateway.issuer import Issuer

LEAVES_CAP = 256
LEAF_LIFE = timedelta(days=7)
LEAF_RENEWED_BEFORE = timedelta(days=1)


def _utc_now() -> datetime:
    return datetime.now(UTC)


class Authority:
    """Makes TLS contexts. Its methods may run in any thread; the first call reads or makes the key.

    `extra_ca` is a file of authorities to trust towards servers, beside the system's.
    """

    def __init__(
        self,
        folder: Path,
        *,
        extra_ca: Path | None = None,
        now: Callable[[], datetime] = _utc_now,
    ) -> None:
        self.ca_file = folder / "ca.pem"
        self._key_file = folder / "ca.key"
        self._extra_ca = extra_ca
        self._now = now
        self._lock = threading.Lock()
        self._issuer: Issuer | None = None
        self._leaves: OrderedDict[Host, tuple[ssl.SSLContext, datetime]] = OrderedDict()
        self._upstream: ssl.SSLContext | None = None

    def prepare(self) -> None:
        """Makes key and certificate when they are missing, so that `ca.pem` can be handed out."""
        with self._lock:
            self._ready()

    def server_context(self, host: Host) -> ssl.SSLContext:
        """The context that speaks as `host`, and to nobody who asks for another name."""
        with self._lock:
            context, until = self._leaves.get(host, (None, self._now()))
            if context is None or until - self._now() < LEAF_RENEWED_BEFORE:
                until = self._now() + LEAF_LIFE
                context = _context_for(host, self._ready().leaf(host, self._now(), until))
                self._leaves[host] = (context, until)
            self._leaves.move_to_end(host)
            while len(self._leaves) > LEAVES_CAP:
                self._leaves.popitem(last=False)
            return context

    def upstream_context(self) -> ssl.SSLContext:
        """The context for connections to servers."""
        with self._lock:
            if self._upstream is None:
                context = ssl.create_default_context()
                context.minimum_version = ssl.TLSVersion.TLSv1_2
                context.set_alpn_protocols(["http/1.1"])
                if self._extra_ca is not None:
                    context.load_verify_locations(self._extra_ca)
                self._upstream = context
            return self._upstream

    def _ready(self) -> Issuer:
        if self._issuer is None:
            from executors.gateway.issuer import Issuer

            self._issuer = Issuer.load(self._key_file, self.ca_file, self._now())
        return self._issuer


def _context_for(host: Host, pem: bytes) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    context.options |= ssl.OP_NO_TICKET
    context.num_tickets = 0
    memory = os.memfd_create("leaf", os.MFD_CLOEXEC)  # the key of a leaf never touches a disk
    with os.fdopen(memory, "wb") as file:
        file.write(pem)
        file.flush()
        context.load_cert_chain(f"/proc/self/fd/{memory}")

    def check_name(_tls: ssl.SSLObject, name: str | None, _context: ssl.SSLContext) -> int | None:
        is_same = name is not None and name.lower() == host
        return None if is_same else int(ssl.AlertDescription.ALERT_DESCRIPTION_UNRECOGNIZED_NAME)

    context.sni_callback = check_name
    return context
