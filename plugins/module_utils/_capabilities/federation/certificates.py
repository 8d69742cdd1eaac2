# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Certificates: whether that of a proxy or sidecar has the name by which the central side reads the instance."""

from __future__ import annotations

import base64
import typing as t
from dataclasses import dataclass, replace

from ansible_collections.promfleet.monitoring.plugins.module_utils._api.client import Cluster
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.errors import Forbidden, Refused
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.kinds import Key, url_path
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.common.certificates import (
    HAS_CRYPTOGRAPHY,
    names_of,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.federation.sources import Source
from ansible_collections.promfleet.monitoring.plugins.module_utils._input import grammar


@dataclass(frozen=True, kw_only=True)
class Checked:
    """What is known of the certificate of a team's proxy or sidecar: its *names*, or why it was not checked."""

    team: str
    wanted: str
    names: tuple[str, ...] = ()
    reason: str = ""
    served_by: str = "proxy"

    @property
    def fits(self) -> bool:
        """Whether the central side takes the certificate for the name; True where that is not known."""
        return bool(self.reason) or any(covers(name, self.wanted) for name in self.names)

    def result(self) -> dict[str, t.Any]:
        """The same as plain data."""
        found = {"team": self.team, "name": self.wanted, "checked": not self.reason}
        return {**found, "reason": self.reason} if self.reason else found


def wanted_name(source: Source) -> str | None:
    """The name that the central side looks for in the certificate; None if the cluster gives the address."""
    tls = source.scrape.access.tls_config or {}
    name: str | None = tls.get("server_name") or source.address
    return name


def covers(name: str, wanted: str) -> bool:
    """Whether *name* of a certificate is the host *wanted*; a wildcard is one label (RFC 6125, 6.4.3). Pure."""
    address = grammar.ip_address(wanted)
    if address is not None:
        return grammar.ip_address(name) == address
    name, wanted = name.lower().rstrip("."), wanted.lower().rstrip(".")
    first, dot, rest = name.partition(".")
    if first == "*" and dot:
        return wanted.partition(".")[2] == rest and bool(wanted.partition(".")[0])
    return name == wanted


def check_certificate(cluster: Cluster, source: Source, *, namespace: str) -> Checked | None:
    """What is known of the certificate of a source's proxy or sidecar; None if there is none, or nothing to compare.

    The Secret is read only if the account may. Only its certificate is looked at.
    """
    wanted = wanted_name(source)
    served = source.sidecar or source.proxy
    if served is None or wanted is None or source.scrape.access.is_unverified:
        return None
    given = served.certificate
    found = Checked(team=source.team, wanted=wanted, served_by="proxy" if source.sidecar is None else "sidecar")
    place = Key("", "Secret", namespace, given["secret"])
    try:
        names = names_of(_certificate_in(cluster, place, key=given["cert_key"]))
    except _Unseen as error:
        return replace(found, reason=str(error))
    except ValueError:
        return replace(found, reason=f"{given['cert_key']} of {place} is not a certificate")
    return replace(found, names=names)


class _Unseen(Exception):
    """A certificate that cannot be seen, with the reason."""


def _certificate_in(cluster: Cluster, place: Key, *, key: str) -> bytes:
    if not HAS_CRYPTOGRAPHY:
        raise _Unseen("the Python library cryptography is missing")
    try:
        secret = cluster.find(url_path("v1", "secrets", namespace=place.namespace, name=place.name))
    except Forbidden:
        raise _Unseen(f"the account may not read {place}") from None
    if secret is None:
        raise _Unseen(f"{place} does not exist")
    encoded = (secret.get("data") or {}).get(key)
    if encoded is None:
        raise _Unseen(f"{place} has no key {key}")
    return base64.b64decode(encoded)


def require_fitting(found: Checked) -> None:
    """Refuse a certificate that the central side would not take for the name."""
    if not found.fits:
        listed = ", ".join(found.names) or "none"
        raise Refused(
            f"team {found.team}: the certificate of its {found.served_by} is not for {found.wanted}, by which "
            f"the central side reads it; its names (subjectAltName): {listed}. Give one with this name, or "
            "tls_config.server_name"
        )
