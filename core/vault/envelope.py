"""Envelope encryption: a data key seals the secrets, the instance's key wraps the data key. Pure.

Threat: somebody reads the database (a dump, a backup, a replica, the write-ahead log), or writes to
it: moves a sealed value to another name, version, host, header or instance, so that the gateway
sends it where the owner never wanted it. AES-256-GCM (NIST SP 800-38D) with random 96-bit nonces
binds all of these as associated data. The wrapping key comes from `AGENTAI_SECRET_KEY` through
HKDF-SHA256 (RFC 5869). Not covered: a writer who puts a whole older row back, and whoever reads
this process's memory. `cryptography` is imported on first use: most processes never need it.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from core.errors import ConfigError, UserFacing

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

INFO = b"agentai/vault/1"
_NONCE_BYTES = 12
_TAG_BYTES = 16


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """Where a sealed value belongs; it opens in no other place."""

    install: str
    name: str
    version: int
    host: str
    header: str
    template: str

    def bound(self) -> bytes:
        """The associated data: every field, unambiguous, and apart from that of wrapped keys."""
        fields = (self.install, self.name, self.version, self.host, self.header, self.template)
        return _bound("secret", *fields)


class DataKey:
    """Seals and opens values. Never stored but wrapped."""

    __slots__ = ("_raw",)

    def __init__(self, raw: bytes) -> None:
        self._raw = raw

    def __repr__(self) -> str:
        return "DataKey(•••)"

    @classmethod
    def new(cls) -> DataKey:
        """256 random bits."""
        return cls(os.urandom(32))

    def close(self, value: str, place: Place) -> bytes:
        """`value`, sealed for `place`."""
        return _encrypt(_cipher(self._raw), value.encode(), place.bound())

    def open(self, sealed: bytes, place: Place) -> str:
        """The value sealed for `place`, or `UserFacing` when anything about it was changed."""
        raw = _decrypt(_cipher(self._raw), sealed, place.bound())
        if raw is None:
            raise UserFacing(
                f"The stored secret {place.name} was changed from outside and does not open.",
                f"Set it again: agentai secret set {place.name} --host {place.host}",
            )
        return raw.decode()

    def wrapped(self, master: MasterKey, key_id: int) -> bytes:
        """This key as it may be stored under `key_id`."""
        return master.wrap(self._raw, key_id)


class MasterKey:
    """Wraps the data keys of one installation; derived from its `AGENTAI_SECRET_KEY`."""

    def __init__(self, secret_key: str, install: str) -> None:
        self._secret_key = secret_key
        self.install = install

    def __repr__(self) -> str:
        return "MasterKey(•••)"

    @cached_property
    def _cipher(self) -> AESGCM:
        from cryptography.hazmat.primitives.hashes import SHA256
        from cryptography.hazmat.primitives.kdf.hkdf import HKDF

        derive = HKDF(algorithm=SHA256(), length=32, salt=None, info=INFO)
        return _cipher(derive.derive(self._secret_key.encode()))

    def wrap(self, raw: bytes, key_id: int) -> bytes:
        """`raw`, encrypted for storage under `key_id`."""
        return _encrypt(self._cipher, raw, _bound("key", self.install, key_id))

    def unwrap(self, wrapped: bytes, key_id: int) -> DataKey:
        """The data key, or `ConfigError` when this is not the key that wrapped it."""
        key = self.try_unwrap(wrapped, key_id)
        if key is None:
            raise ConfigError("AGENTAI_SECRET_KEY", "does not open the vault; was the key changed?")
        return key

    def try_unwrap(self, wrapped: bytes, key_id: int) -> DataKey | None:
        """The data key, or None when this is not the key that wrapped it."""
        raw = _decrypt(self._cipher, wrapped, _bound("key", self.install, key_id))
        return None if raw is None else DataKey(raw)


def _bound(*fields: str | int) -> bytes:
    """JSON, because joined text could mean two different lists of fields."""
    return json.dumps([INFO.decode(), *fields]).encode()


def _cipher(raw: bytes) -> AESGCM:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    return AESGCM(raw)


def _encrypt(cipher: AESGCM, plain: bytes, bound: bytes) -> bytes:
    nonce = os.urandom(_NONCE_BYTES)
    return nonce + cipher.encrypt(nonce, plain, bound)


def _decrypt(cipher: AESGCM, sealed: bytes, bound: bytes) -> bytes | None:
    from cryptography.exceptions import InvalidTag

    if len(sealed) < _NONCE_BYTES + _TAG_BYTES:
        return None
    try:
        return cipher.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], bound)
    except InvalidTag:
        return None
