"""The certificate of a server in the cluster: made once, kept, renewed without a moment in which it is not trusted."""

from __future__ import annotations

import base64
import datetime as dt
import typing as t

import pytest
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.common.certificates import (
    AUTHORITIES,
    AUTHORITY_KEY,
    AUTHORITY_LEFT,
    AUTHORITY_VALID,
    CERTIFICATE,
    PRIVATE_KEY,
    VALID,
    Serving,
    serving,
)
from cryptography import x509
from cryptography.x509.verification import PolicyBuilder, Store, VerificationError

NAME = "hook.operator.svc"
NOW = dt.datetime(2026, 11, 25, 12, tzinfo=dt.UTC)
RENEW = dt.timedelta(days=60)
DAY = dt.timedelta(days=1)


def at(when: dt.datetime, data: t.Mapping[str, str] | None = None, *, name: str = NAME) -> Serving:
    return serving(data or {}, name=name, now=when, renew=RENEW)


def served(found: Serving) -> x509.Certificate:
    return x509.load_pem_x509_certificate(base64.b64decode(found.data[CERTIFICATE]))


def trusted(authorities: bytes, certificate: x509.Certificate, *, when: dt.datetime, name: str = NAME) -> bool:
    """Whether a caller that knows *authorities* accepts *certificate*, by the rules of X.509."""
    store = Store(x509.load_pem_x509_certificates(authorities))
    verifier = PolicyBuilder().store(store).time(when.replace(tzinfo=None)).build_server_verifier(x509.DNSName(name))
    try:
        verifier.verify(certificate, [])
    except VerificationError:
        return False
    return True


def test_a_new_one_is_trusted_for_its_name_until_it_expires() -> None:
    found = at(NOW)
    assert (found.new, found.expires) == ("authority and certificate", NOW + VALID)
    assert found.data.keys() == {CERTIFICATE, PRIVATE_KEY, AUTHORITIES, AUTHORITY_KEY}
    assert base64.b64decode(found.data[AUTHORITIES]) == found.authorities
    certificate = served(found)
    assert trusted(found.authorities, certificate, when=NOW)
    assert trusted(found.authorities, certificate, when=found.expires - DAY)
    assert not trusted(found.authorities, certificate, when=found.expires + DAY)
    assert not trusted(found.authorities, certificate, when=NOW, name="other.operator.svc")
    assert not trusted(at(NOW).authorities, certificate, when=NOW)


def test_it_is_kept_as_it_is_until_it_is_to_be_renewed() -> None:
    first = at(NOW)
    later = at(first.expires - RENEW - DAY, first.data)
    assert (later.new, later.data, later.authorities) == ("", first.data, first.authorities)


def test_a_renewed_one_and_the_one_before_are_trusted_by_the_same_callers() -> None:
    first = at(NOW)
    when = first.expires - RENEW
    second = at(when, first.data)
    assert (second.new, second.expires) == ("certificate", when + VALID)
    assert second.authorities == first.authorities
    assert trusted(first.authorities, served(second), when=when)
    assert trusted(second.authorities, served(first), when=when)
    assert at(when, second.data).data == second.data


def test_through_twenty_years_every_certificate_was_trusted_before_it_was_served() -> None:
    """A run a month; the API server and pods may be one run behind each other in either direction."""
    before = at(NOW)
    count = 0
    for month in range(1, 240):
        when = NOW + month * 30 * DAY
        found = at(when, before.data)
        assert trusted(before.authorities, served(found), when=when)
        assert trusted(found.authorities, served(before), when=when)
        assert found.expires - when > RENEW
        count += "authority" in found.new
        assert at(when, found.data).data == found.data, "a second run changes nothing"
        before = found
    assert count == 240 * 30 // (AUTHORITY_VALID - AUTHORITY_LEFT).days
    assert len(x509.load_pem_x509_certificates(before.authorities)) <= 2


@pytest.mark.parametrize("days", [1, 400, 4000])
def test_one_that_has_expired_is_made_again(days: int) -> None:
    first = at(NOW)
    when = first.expires + days * DAY
    found = at(when, first.data)
    assert found.expires == when + VALID
    assert trusted(found.authorities, served(found), when=when)
    assert at(when, found.data).data == found.data


@pytest.mark.parametrize("place", [CERTIFICATE, PRIVATE_KEY, AUTHORITIES, AUTHORITY_KEY])
@pytest.mark.parametrize("value", ["", "!", base64.b64encode(b"any").decode(), None])
def test_what_was_broken_by_hand_is_made_again(place: str, value: str | None) -> None:
    first = at(NOW)
    other = at(NOW).data[place] if value is None else value
    found = at(NOW, {**first.data, place: other})
    assert found.new
    assert trusted(found.authorities, served(found), when=NOW)
    assert at(NOW, found.data).new == ""


def test_another_name_takes_another_certificate() -> None:
    first = at(NOW)
    found = at(NOW, first.data, name="hook.other.svc")
    assert (found.new, found.authorities) == ("certificate", first.authorities)
    assert trusted(found.authorities, served(found), when=NOW, name="hook.other.svc")
