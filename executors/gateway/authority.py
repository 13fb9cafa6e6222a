"""The instance's own certificate authority, for tunnels that are inspected.

Threat: whoever has the key can read the traffic of every client that trusts `ca.pem`. So only this
instance's containers trust it, the key never leaves its file (mode 0600, made whole or not at
all), and a leaf lives seven days. The server's side of a tunnel is checked as any client would:
system authorities, host name, TLS 1.2 or later.
"""

from __future__ import annotations

import contextlib
import os
import ssl
import subprocess
import sys
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
RENEWED_BEFORE = timedelta(days=30)  # the authority itself
MAKING_WITHIN_S = 20.0


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

    def prepare_apart(self) -> None:
        """The same without loading `cryptography` here: it costs 10 MB, and few need it at all.

        A process of its own makes what is missing. When that fails it is tried here, which says
        what is wrong.
        """
        if not self.is_prepared():
            folder = str(self.ca_file.parent)
            with contextlib.suppress(OSError, subprocess.SubprocessError):
                subprocess.run(  # noqa: S603 - our own interpreter and code
                    [sys.executable, "-P", "-m", "executors.gateway.issuer", folder],
                    check=True, timeout=MAKING_WITHIN_S, stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                )  # fmt: skip
        if not self.is_prepared():
            self.prepare()

    def is_prepared(self) -> bool:
        """Whether key and certificate are there, safe, of one pair, and good for a month."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        try:
            if self._key_file.stat().st_mode & 0o077:
                return False
            context.load_cert_chain(self.ca_file, self._key_file)  # refuses what is no pair
            context.load_verify_locations(self.ca_file)
        except (OSError, ValueError):
            return False
        untils = [str(found.get("notAfter", "")) for found in context.get_ca_certs()]
        month_from_now = (self._now() + RENEWED_BEFORE).timestamp()
        return bool(untils) and all(ssl.cert_time_to_seconds(u) > month_from_now for u in untils)

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
