"""The vault: named secrets, sealed in Postgres, that only the gateway opens."""

from core.vault.names import parse_name
from core.vault.store import Secret, SecretInfo, Vault

__all__ = ["Secret", "SecretInfo", "Vault", "parse_name"]
