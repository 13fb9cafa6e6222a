"""Seals single values (AES-256-GCM) so that no secret lies readable in Postgres.

Threat: somebody reads a dump, a backup, a replica or the write-ahead log. The key comes from
`AGENTAI_SECRET_KEY` through HKDF-SHA256 (RFC 5869); the name of the value is bound as associated
data, so that a sealed value moved to another name does not open. `cryptography` is imported on
first use: most processes never need it.
"""

from __future__ import annotations

import base64
import os
from functools import cached_property
from typing import TYPE_CHECKING

from core.errors import ConfigError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

PREFIX = "sealed:1:"


class Seal:
    """Seals and opens short texts with the instance's secret key."""

    def __init__(self, secret_key: str) -> None:
        self._secret_key = secret_key

    def __repr__(self) -> str:
        return "Seal(…)"

    @cached_property
    def _cipher(self) -> AESGCM:
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM
        from cryptography.hazmat.primitives.hashes import SHA256
        from cryptography.hazmat.primitives.kdf.hkdf import HKDF

        derive = HKDF(algorithm=SHA256(), length=32, salt=None, info=b"agentai/seal/1")
        return AESGCM(derive.derive(self._secret_key.encode()))

    def close(self, plain: str, *, name: str) -> str:
        """`plain`, sealed for the place `name`."""
        nonce = os.urandom(12)
        sealed = self._cipher.encrypt(nonce, plain.encode(), name.encode())
        return PREFIX + base64.urlsafe_b64encode(nonce + sealed).decode()

    def open(self, sealed: str, *, name: str) -> str:
        """The text sealed for `name`.

        `ConfigError` when the key is another one or the value was changed.
        """
        from cryptography.exceptions import InvalidTag

        try:
            raw = base64.urlsafe_b64decode(sealed.removeprefix(PREFIX))
            return self._cipher.decrypt(raw[:12], raw[12:], name.encode()).decode()
        except (InvalidTag, ValueError):
            raise ConfigError(
                "AGENTAI_SECRET_KEY", f"does not open the stored {name}; was the key changed?"
            ) from None
