"""Certificates of servers, as a test needs them."""

from __future__ import annotations

import datetime as dt
import ipaddress

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


def pem(*names: str, addresses: tuple[str, ...] = ()) -> bytes:
    """A certificate for these names, whose common name says nothing."""
    return pair(*names, addresses=addresses)[0]


def pair(*names: str, addresses: tuple[str, ...] = ()) -> tuple[bytes, bytes]:
    """The same with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "common.example")])
    now = dt.datetime.now(tz=dt.UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now)
        .not_valid_after(now + dt.timedelta(days=1))
    )
    found: list[x509.GeneralName] = [x509.DNSName(name) for name in names]
    found += [x509.IPAddress(ipaddress.ip_address(address)) for address in addresses]
    if found:
        builder = builder.add_extension(x509.SubjectAlternativeName(found), critical=False)
    made = builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
    form = serialization.PrivateFormat.PKCS8
    return made, key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())
