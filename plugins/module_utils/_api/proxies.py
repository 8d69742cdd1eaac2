# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which proxy leads to a server, as kubectl reads the environment. Pure."""

from __future__ import annotations

import ipaddress
import typing as t
from urllib.parse import urlsplit


def proxy_for(url: str, *, environ: t.Mapping[str, str]) -> str | None:
    """The proxy for *url* by HTTPS_PROXY or HTTP_PROXY and NO_PROXY, in capitals or small letters; None for none.

    The rules are Go's (golang.org/x/net/http/httpproxy): localhost and loopback addresses never go through a proxy.
    """
    parts = urlsplit(url)
    name = f"{parts.scheme}_proxy"
    proxy = environ.get(name.upper()) or environ.get(name)
    if not proxy or is_excepted(url, environ.get("NO_PROXY") or environ.get("no_proxy") or ""):
        return None
    return proxy if "://" in proxy else f"http://{proxy}"


def is_excepted(url: str, exceptions: str) -> bool:
    """Whether the host of *url* is local or among *exceptions*, the value of NO_PROXY.

    An entry is ``*``, an address, a range in CIDR form, or a name that matches itself and names below it (with a
    leading dot for what is below it only); each may have a port.
    """
    parts = urlsplit(url)
    host = (parts.hostname or "").rstrip(".").lower()
    port = parts.port or {"http": 80, "https": 443}.get(parts.scheme)
    address = _address(host)
    if host == "localhost" or (address is not None and address.is_loopback):
        return True
    return any(
        _matches(entry.strip().lower(), host=host, port=port, address=address)
        for entry in exceptions.split(",")
        if entry.strip()
    )


def _matches(
    entry: str, *, host: str, port: int | None, address: ipaddress.IPv4Address | ipaddress.IPv6Address | None
) -> bool:
    if entry == "*":
        return True
    if "/" in entry:
        try:
            return address is not None and address in ipaddress.ip_network(entry, strict=False)
        except ValueError:
            return False
    name, wanted = _split_port(entry)
    if wanted is not None and wanted != port:
        return False
    if _address(name) is not None:
        return address == _address(name)
    name = name.removeprefix("*")
    return host == name or host.endswith(name if name.startswith(".") else f".{name}")


def _split_port(entry: str) -> tuple[str, int | None]:
    if entry.startswith("["):
        name, _bracket, rest = entry[1:].partition("]")
        text = rest.removeprefix(":")
    elif entry.count(":") == 1:
        name, _colon, text = entry.partition(":")
    else:
        return entry, None
    return name, int(text) if text.isdigit() else None


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None
