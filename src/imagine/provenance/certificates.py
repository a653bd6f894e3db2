"""A key of one's own, and the two certificates that say whose: made once, on this machine, without a word of it.

The root signs the leaf and its key is forgotten at once, since the specification allows no leaf that signs itself.
What a leaf must say for readers to take it as valid: https://spec.c2pa.org, "Digital signatures", certificate profile.
"""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

YEARS = 10
"""Without a time stamp, which somebody's server would have to give, nothing is provable once a leaf has expired."""
_ORGANISATION, _ROOT, _LEAF = "Imagine", "Imagine local authority", "Imagine local key"


def made(now: datetime.datetime | None = None) -> bytes:
    """A new identity as PEM: the key, its certificate, and the root's. Neither names a machine nor its user."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    now = now or datetime.datetime.now(datetime.UTC)
    root_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    root = _certificate(root_key, root_key, _ROOT, now)
    leaf = _certificate(key, root_key, _LEAF, now)
    form = serialization.PrivateFormat.PKCS8
    pem = key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())
    return pem + leaf + root


def described(certificates: str) -> dict[str, str]:
    """The first of them in words: whose, by whom, its fingerprint, and from when until when."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes

    leaf = x509.load_pem_x509_certificate(certificates.encode())
    return {
        "subject": leaf.subject.rfc4514_string(),
        "issuer": leaf.issuer.rfc4514_string(),
        "sha256": leaf.fingerprint(hashes.SHA256()).hex(),
        "from": leaf.not_valid_before_utc.date().isoformat(),
        "until": leaf.not_valid_after_utc.date().isoformat(),
    }


def _certificate(
    own: EllipticCurvePrivateKey, signer: EllipticCurvePrivateKey, name: str, now: datetime.datetime
) -> bytes:
    """The certificate of one key, signed by another or by itself."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.x509.oid import ExtendedKeyUsageOID

    is_root = own is signer
    public, above = own.public_key(), signer.public_key()
    day = datetime.timedelta(days=1)  # other machines' clocks may be behind
    builder = (
        x509.CertificateBuilder()
        .subject_name(_named(name))
        .issuer_name(_named(_ROOT))
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - day)
        .not_valid_after(now + day * 365.25 * YEARS)
        .add_extension(x509.BasicConstraints(ca=is_root, path_length=0 if is_root else None), critical=True)
        .add_extension(_use(is_root), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(above), critical=False)
    )
    if not is_root:  # what readers ask for where they know no other purpose
        purpose = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION])
        builder = builder.add_extension(purpose, critical=False)
    return builder.sign(signer, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def _named(name: str) -> x509.Name:
    from cryptography import x509
    from cryptography.x509.oid import NameOID

    parts = ((NameOID.ORGANIZATION_NAME, _ORGANISATION), (NameOID.COMMON_NAME, name))
    return x509.Name([x509.NameAttribute(kind, text) for kind, text in parts])


def _use(is_root: bool) -> x509.KeyUsage:
    from cryptography import x509

    return x509.KeyUsage(
        digital_signature=not is_root, content_commitment=False, key_encipherment=False, data_encipherment=False,
        key_agreement=False, key_cert_sign=is_root, crl_sign=is_root, encipher_only=False, decipher_only=False,
    )  # fmt: skip
