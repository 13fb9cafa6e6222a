"""The audit trail: a hash chain in Postgres, signed heads outside it, a check that runs offline."""

from core.audit.chain import GENESIS, Verifier, digest_of, is_signed, verify
from core.audit.heads import HeadFile, Signer, head_text, parse_head_text
from core.audit.store import Audit
from core.audit.types import Entry, Head, Verdict, entry_line, parse_entry

__all__ = [
    "GENESIS",
    "Audit",
    "Entry",
    "Head",
    "HeadFile",
    "Signer",
    "Verdict",
    "Verifier",
    "digest_of",
    "entry_line",
    "head_text",
    "is_signed",
    "parse_entry",
    "parse_head_text",
    "verify",
]
