"""Keys and certificates of the egress proxy's authority.

Threat: see `authority`. Imported only when the first inspected tunnel needs it: `cryptography`
costs 100 ms and 10 MB.
"""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from core.errors import ConfigError
from executors.gateway.authority import RENEWED_BEFORE

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
    from cryptography.x509 import Certificate, CertificateBuilder

    from executors.gateway.hosts import Host

CA_LIFE = timedelta(days=3650)
SKEW = timedelta(hours=1)


class Issuer:
    """The authority's key and certificate, and one key for all leaves of this process."""

    def __init__(self, key: EllipticCurvePrivateKey, certificate: Certificate) -> None:
        self._key = key
        self._certificate = certificate
        self._leaf_key = _new_key()

    @classmethod
    def load(cls, key_file: Path, ca_file: Path, now: datetime) -> Issuer:
        """Reads both files; what is missing is made."""
        key = _load_key(key_file)
        with contextlib.suppress(FileNotFoundError, ValueError):
            known = x509.load_pem_x509_certificate(ca_file.read_bytes())
            is_ours = known.public_key() == key.public_key()
            if is_ours and known.not_valid_after_utc - now > RENEWED_BEFORE:
                return cls(key, known)
        made = _ca_certificate(key, now)
        _write_whole(ca_file, _pem(made), mode=0o644)
        return cls(key, made)

    def leaf(self, host: Host, now: datetime, until: datetime) -> bytes:
        """Key and chain for `host`, as PEM, with the authority itself: browsers know us by it."""
        issuer_key = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())
        builder = _builder("AgentAI egress", self._leaf_key, (now, until))
        builder = (
            builder.issuer_name(self._certificate.subject)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
            .add_extension(issuer_key, critical=False)
        )
        leaf = builder.sign(self._key, hashes.SHA256())
        return _key_pem(self._leaf_key) + _pem(leaf) + _pem(self._certificate)


def _new_key() -> EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def _load_key(file: Path) -> EllipticCurvePrivateKey:
    """The key in `file`; the first of several processes makes it, the others read it."""
    if not file.exists():
        with contextlib.suppress(FileExistsError):
            _write_whole(file, _key_pem(_new_key()), mode=0o600, is_new=True)
    if file.stat().st_mode & 0o077:
        raise ConfigError("AGENTAI_HOME", f"{file} may be read by others; chmod 600 it")
    try:
        key = serialization.load_pem_private_key(file.read_bytes(), password=None)
    except ValueError as error:
        raise ConfigError("AGENTAI_HOME", f"{file} is no private key") from error
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise ConfigError("AGENTAI_HOME", f"{file} is not an EC key")
    return key


def _write_whole(file: Path, content: bytes, *, mode: int, is_new: bool = False) -> None:
    """Puts `content` at `file` at once; with `is_new` an existing file is an error."""
    descriptor, name = tempfile.mkstemp(dir=file.parent)  # made with mode 0600
    draft = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as out:
            out.write(content)
            os.fchmod(descriptor, mode)
            out.flush()
            os.fsync(descriptor)
        if is_new:
            file.hardlink_to(draft)
        else:
            draft.replace(file)
    finally:
        draft.unlink(missing_ok=True)


def _ca_certificate(key: EllipticCurvePrivateKey, now: datetime) -> Certificate:
    builder = _builder("AgentAI egress authority", key, (now, now + CA_LIFE))
    usage = x509.KeyUsage(
        digital_signature=False,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=True,
        crl_sign=True,
        encipher_only=False,
        decipher_only=False,
    )
    return (
        builder.issuer_name(_name("AgentAI egress authority"))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .sign(key, hashes.SHA256())
    )


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _builder(
    subject: str, key: EllipticCurvePrivateKey, life: tuple[datetime, datetime]
) -> CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(_name(subject))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(life[0] - SKEW)
        .not_valid_after(life[1])
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _pem(certificate: Certificate) -> bytes:
    return certificate.public_bytes(Encoding.PEM)


def _key_pem(key: EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def main(folder: Path) -> None:
    """Makes what is missing in `folder`, as a process of its own."""
    Issuer.load(folder / "ca.key", folder / "ca.pem", datetime.now(UTC))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
