# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Certificates: the names in one, and one for a server in the cluster, with an authority that only its callers trust.

An authority is valid for ten years, and each is trusted long before it signs anything: a certificate that is renewed is
signed by an authority that callers already know, so that it makes no difference which of the two a server has.
"""

from __future__ import annotations

import base64
import binascii
import datetime as dt
import ipaddress
import typing as t
from dataclasses import dataclass

try:
    from cryptography import x509
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
except ImportError:
    # ansible-core needs it, but a module can run with another Python.
    HAS_CRYPTOGRAPHY = False
else:
    HAS_CRYPTOGRAPHY = True

# Keys of the Secret: those of the type kubernetes.io/tls, and cert-manager's for the authorities. The last one is ours.
CERTIFICATE, PRIVATE_KEY, AUTHORITIES, AUTHORITY_KEY = "tls.crt", "tls.key", "ca.crt", "ca.key"

VALID = dt.timedelta(days=365)
AUTHORITY_VALID = dt.timedelta(days=3650)
# What an authority has left when its successor is added: two certificates that it signs fit in.
AUTHORITY_LEFT = 2 * VALID
# Clocks differ.
_EARLIER = dt.timedelta(hours=1)
_ORGANIZATION = "promfleet.monitoring"


@dataclass(frozen=True, kw_only=True)
class Serving:
    """What a server and its callers need: the *data* of its Secret in base64, and when the certificate *expires*.

    *authorities* are the certificates of all authorities that callers trust, in PEM. *new* says what was made, empty
    where all was kept.
    """

    data: t.Mapping[str, str]
    authorities: bytes
    expires: dt.datetime
    new: str = ""


@dataclass(frozen=True, kw_only=True)
class _Found:
    """What a Secret holds: authorities, newest first, with the key of the newest; and the certificate with its key."""

    authorities: tuple[x509.Certificate, ...] = ()
    authority_key: ec.EllipticCurvePrivateKey | None = None
    certificate: x509.Certificate | None = None
    key: ec.EllipticCurvePrivateKey | None = None


def names_of(pem: bytes) -> tuple[str, ...]:
    """The names in the first certificate of *pem*, DNS names and addresses; raises ValueError if it is none. Pure."""
    return _names(x509.load_pem_x509_certificate(pem))


def _names(certificate: x509.Certificate) -> tuple[str, ...]:
    try:
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return ()
    addresses: list[ipaddress.IPv4Address | ipaddress.IPv6Address] = [
        address
        for address in found.get_values_for_type(x509.IPAddress)
        if isinstance(address, (ipaddress.IPv4Address, ipaddress.IPv6Address))
    ]
    return (*sorted(found.get_values_for_type(x509.DNSName)), *sorted(map(str, addresses)))


def serving(data: t.Mapping[str, str], *, name: str, now: dt.datetime, renew: dt.timedelta) -> Serving:
    """The certificate for the host *name*: what *data* of a Secret has, or with less than *renew* left a new one.

    A certificate that cannot be used is made again, for any reason, and so is an authority. An authority that
    is near its end gets a successor, which signs from the next renewal on.
    """
    found = _read(data)
    authorities = [one for one in found.authorities if _ends(one) > now]
    signer, signer_key = (found.authorities or (None,))[0], found.authority_key
    certificate, key = found.certificate, found.key
    made = []
    if signer is None or signer_key is None or _ends(signer) - now <= renew:
        signer, signer_key = _make_authority(now)
        authorities.insert(0, signer)
        made.append("authority")
    if (
        certificate is None
        or key is None
        or _ends(certificate) - now <= renew
        or _names(certificate) != (name,)
        or not any(_has_signed(one, certificate) for one in authorities)
    ):
        certificate, key = _make_certificate(name, signer, signer_key, now=now)
        made.append("certificate")
    if _ends(signer) - now <= AUTHORITY_LEFT:
        signer, signer_key = _make_authority(now)
        authorities.insert(0, signer)
        made.append("authority")
    bundle = b"".join(map(_pem, authorities))
    # An authority that has expired is left out.
    if not made and bundle == b"".join(map(_pem, found.authorities)):
        return Serving(data=dict(data), authorities=bundle, expires=_ends(certificate))
    values = {
        CERTIFICATE: _pem(certificate),
        PRIVATE_KEY: _key_pem(key),
        AUTHORITIES: bundle,
        AUTHORITY_KEY: _key_pem(signer_key),
    }
    return Serving(
        data={place: base64.b64encode(value).decode() for place, value in values.items()},
        authorities=bundle,
        expires=_ends(certificate),
        new=" and ".join(sorted(set(made))),
    )


def _read(data: t.Mapping[str, str]) -> _Found:
    """What of *data* can be used. What belongs together and does not fit is left out as a whole."""

    def value(place: str) -> bytes:
        try:
            return base64.b64decode(data.get(place) or "", validate=True)
        except binascii.Error:
            return b""

    authorities, authority_key = _pair(value(AUTHORITIES), value(AUTHORITY_KEY))
    certificates, key = _pair(value(CERTIFICATE), value(PRIVATE_KEY))
    return _Found(
        authorities=authorities,
        authority_key=authority_key,
        certificate=certificates[0] if certificates else None,
        key=key,
    )


def _pair(certificates: bytes, key: bytes) -> tuple[tuple[x509.Certificate, ...], ec.EllipticCurvePrivateKey | None]:
    """The *certificates*, and the *key* if it is that of the first one."""
    try:
        found = tuple(x509.load_pem_x509_certificates(certificates))
    except ValueError:
        return (), None
    try:
        loaded = serialization.load_pem_private_key(key, password=None)
    except (TypeError, ValueError):
        return found, None
    is_its_own = isinstance(loaded, ec.EllipticCurvePrivateKey) and found[0].public_key() == loaded.public_key()
    return found, t.cast("ec.EllipticCurvePrivateKey", loaded) if is_its_own else None


def _has_signed(authority: x509.Certificate, certificate: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(authority)
    except (InvalidSignature, TypeError, ValueError):
        return False
    return True


def _ends(certificate: x509.Certificate) -> dt.datetime:
    """When it expires. The first name is that of cryptography 42 and newer."""
    found: dt.datetime | None = getattr(certificate, "not_valid_after_utc", None)
    return certificate.not_valid_after.replace(tzinfo=dt.UTC) if found is None else found


def _make_authority(now: dt.datetime) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    key = ec.generate_private_key(ec.SECP256R1())
    number = x509.random_serial_number()
    # Two authorities must not have one name: a caller may look for the signer by it.
    subject = _subject(f"authority {number:x}"[:64])
    builder = (
        _builder(subject, subject, key, number=number, now=now, end=now + AUTHORITY_VALID)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )
    return builder.sign(key, hashes.SHA256()), key


def _make_certificate(
    name: str, signer: x509.Certificate, signer_key: ec.EllipticCurvePrivateKey, *, now: dt.datetime
) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    key = ec.generate_private_key(ec.SECP256R1())
    end = min(now + VALID, _ends(signer))
    subject = _subject("server")
    identifier = x509.AuthorityKeyIdentifier.from_issuer_public_key(signer_key.public_key())
    builder = (
        _builder(subject, signer.subject, key, number=x509.random_serial_number(), now=now, end=end)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(identifier, critical=False)
    )
    return builder.sign(signer_key, hashes.SHA256()), key


def _subject(name: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, _ORGANIZATION),
            x509.NameAttribute(NameOID.COMMON_NAME, name),
        ]
    )


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    *,
    number: int,
    now: dt.datetime,
    end: dt.datetime,
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(number)
        .not_valid_before(now - _EARLIER)
        .not_valid_after(end)
    )


def _usage(*, signs: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs,
        crl_sign=signs,
        encipher_only=False,
        decipher_only=False,
    )


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    form = serialization.PrivateFormat.PKCS8
    return key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())
