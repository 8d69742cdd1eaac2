# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Names, labels, durations and quantities of Kubernetes and Prometheus: checks with a reason, canonical forms. Pure.

A check returns None for good text, else the reason as a phrase that follows the value's path.
"""

from __future__ import annotations

import functools
import ipaddress
import math
import re
import typing as t
import urllib.parse

from ansible_collections.promfleet.monitoring.plugins.module_utils._input import quantities

Check: t.TypeAlias = "t.Callable[[str], str | None]"

# github.com/prometheus/common/model: units in this order, each at most once.
_DURATION = re.compile(
    r"(?:(?P<y>\d+)y)?(?:(?P<w>\d+)w)?(?:(?P<d>\d+)d)?(?:(?P<h>\d+)h)?(?:(?P<m>\d+)m)?(?:(?P<s>\d+)s)?(?:(?P<ms>\d+)ms)?"
)
_MILLISECONDS = {
    "y": 31_536_000_000,
    "w": 604_800_000,
    "d": 86_400_000,
    "h": 3_600_000,
    "m": 60_000,
    "s": 1000,
    "ms": 1,
}

_BODY_SIZE = re.compile(r"(?P<number>(?:[0-9]*[.])?[0-9]+)(?:(?P<unit>[KMGTPE])i?)?B")
_DNS_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
_LABEL_VALUE = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?")
_PROMETHEUS_LABEL = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
# In IPv6's ::ffff:0:0/96 the last 32 bits are an IPv4 address.
_MAPPED_BITS = 96
# What stays itself in a path (RFC 3986), without an escape that two sides could read in different ways.
_PATH_PREFIX = re.compile(r"(?:/[A-Za-z0-9._~-]+)+")
_DATA_KEY = re.compile(r"[-._a-zA-Z0-9]{1,253}")
_VERSION = re.compile(r"v?(?P<number>\d+\.\d+\.\d+(?:-[0-9A-Za-z.-]+)?)")


@functools.lru_cache(maxsize=4096)
def milliseconds(text: str) -> int | None:
    """The length of a duration in Prometheus' grammar (``90s``, ``1h30m``, ``10d``), or None if it is none."""
    match = _DURATION.fullmatch(text)
    if not text or match is None:
        return 0 if text == "0" else None
    return sum(int(number) * _MILLISECONDS[unit] for unit, number in match.groupdict().items() if number)


def duration(text: str) -> str | None:
    """Check a duration that must be longer than nothing."""
    length = milliseconds(text)
    if length is None:
        return f"{text!r} is not a duration; write a number with its unit, such as 30s, 5m, 1h30m or 10d"
    return None if length else f"{text!r} must be longer than 0"


def hours_duration(text: str) -> str | None:
    """Check a duration for Alertmanager, whose grammar knows nothing longer than hours."""
    problem = duration(text)
    if problem is None and re.search("[ywd]", text):
        return f"{text!r} must be in hours, minutes or seconds: Alertmanager knows no longer units (5d is 120h)"
    return problem


def quantity(text: str) -> str | None:
    """Check a Kubernetes quantity above zero that Kubernetes can calculate with."""
    found = quantities.parse(text)
    if found is None:
        return f"{text!r} is not a quantity; write a number with a unit, such as 500m, 2, 400Mi or 10Gi"
    if found.value <= 0:
        return f"{text!r} must be greater than 0"
    return f"{text!r} is more than Kubernetes can count (8Ei)" if found.value >= quantities.LARGEST else None


def byte_quantity(text: str) -> str | None:
    """Check an amount of bytes: 400m would be less than one byte and 400 so many bytes, both slips for 400Mi."""
    problem = quantity(text)
    found = quantities.parse(text)
    if problem is not None or found is None:
        return problem
    if found.value.denominator == 1:
        if text.isdigit() and found.value < 2**20:
            return f"{text!r} has no unit, and would be that many bytes; write the unit, such as {text}Mi"
        return None
    if text.endswith("m"):
        return f"{text!r} is not a whole number of bytes; did you mean {text[:-1]}Mi?"
    mebibytes = math.ceil(found.value / 2**20)
    return f"{text!r} is not a whole number of bytes; write it without a fraction, such as {mebibytes}Mi"


def bytes_of(text: str) -> float | None:
    """The number of bytes of a size in Prometheus' grammar, whose units are powers of 1024; None if it is none."""
    match = _BODY_SIZE.fullmatch(text)
    if match is None:
        return None
    return float(match["number"]) * 1024.0 ** " KMGTPE".index(match["unit"] or " ")


def body_size(text: str) -> str | None:
    """Check a size of an answer, as the operator's CRDs want it; Prometheus' units are powers of 1024."""
    if bytes_of(text):
        return None
    return f"{text!r} is not a size in bytes; write a number above 0 with its unit, such as 512KB or 20MB"


def dns_label(text: str) -> str | None:
    """Check a name as Kubernetes wants it for namespaces, Services and most of what is named after them."""
    if _DNS_LABEL.fullmatch(text):
        return None
    if len(text) > 63:
        return f"{text!r} is longer than 63 characters"
    return f"{text!r} must consist of lower case letters, digits and '-', and begin and end with a letter or digit"


def dns_subdomain(text: str) -> str | None:
    """Check a name that may consist of several DNS labels, such as that of a StorageClass."""
    if len(text) <= 253 and all(_DNS_LABEL.fullmatch(part) for part in text.split(".")):
        return None
    return f"{text!r} must consist of lower case letters, digits, '-' and '.', as a DNS name does"


def label_value(text: str) -> str | None:
    """Check text that becomes the value of a Kubernetes label (and, here, is not empty)."""
    if _LABEL_VALUE.fullmatch(text):
        return None
    if len(text) > 63:
        return f"{text!r} is longer than 63 characters"
    return f"{text!r} must consist of letters, digits, '-', '_' and '.', and begin and end with a letter or digit"


def qualified_name(text: str) -> str | None:
    """Check the key of a Kubernetes label or annotation: a name, or a DNS name and a name with a slash between."""
    prefix, slash, name = text.rpartition("/")
    if _LABEL_VALUE.fullmatch(name) and (dns_subdomain(prefix) is None if slash else True):
        return None
    return f"{text!r} is not a name for a label or annotation; write name or domain/name"


def data_key(text: str) -> str | None:
    """Check a key of the data of a Secret or ConfigMap (IsConfigMapKey in k8s.io/apimachinery/pkg/util/validation)."""
    if _DATA_KEY.fullmatch(text) and text != "." and not text.startswith(".."):
        return None
    return f"{text!r} is not a key of a Secret or ConfigMap; use letters, digits, '-', '_' and '.'"


def prometheus_label(text: str) -> str | None:
    """Check the name of a label in Prometheus; names that begin with two underscores are Prometheus' own."""
    if not _PROMETHEUS_LABEL.fullmatch(text):
        return f"{text!r} is not a label name; use letters, digits and '_', and do not begin with a digit"
    return f"{text!r} is reserved: names that begin with '__' belong to Prometheus" if text.startswith("__") else None


def prometheus_label_value(text: str) -> str | None:
    """Check the value of a label that goes into Prometheus' configuration, where a dollar would begin a variable."""
    if not text:
        return "must not be empty: a label without a value is not a label"
    return f"{text!r} must not contain '$', which begins a variable in the configuration" if "$" in text else None


def version(text: str) -> str | None:
    """Check a release number such as 3.13.5 (with or without ``v``)."""
    return None if _VERSION.fullmatch(text) else f"{text!r} is not a version; write it as 3.13.5"


def version_from(oldest: str, *, who: str) -> Check:
    """A check of a release number that must not be older than *oldest*, which is what *who* needs."""

    def check(text: str) -> str | None:
        problem = version(text)
        if problem is None and _numbers(text) < _numbers(oldest):
            return f"{text!r} is too old; {who} needs {oldest} or newer"
        return problem

    return check


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(map(int, re.findall("[0-9]+", text)[:3]))


def plain_version(text: str) -> str:
    """A version without its leading ``v``."""
    return text.removeprefix("v")


def path_prefix(text: str) -> str | None:
    """Check a path below which a server answers: it begins with a slash, and does not end with one."""
    if not _PATH_PREFIX.fullmatch(text) or {".", ".."} & set(text.split("/")):
        return f"{text!r} is not a path such as /prometheus; begin it with a slash, and end it without one"
    return None


def web_url(text: str) -> str | None:
    """Check a URL for people or programs, with http or https; credentials in it are refused and not repeated."""
    try:
        parts = urllib.parse.urlsplit(text)
        number = parts.port
    except ValueError:
        return "is not a URL such as https://prometheus.example.com/payments"
    if parts.username is not None or parts.password is not None:
        return "must not hold credentials; all who may read the object could read them"
    if parts.scheme not in ("http", "https") or not parts.hostname or number == 0 or re.search(r"\s", text):
        return f"{text!r} is not a URL such as https://prometheus.example.com/payments"
    return f"{text!r} must not contain '$', which begins a variable in the configuration" if "$" in text else None


def server_url(text: str, *, instead: str) -> str | None:
    """Check a URL of an HTTP server to which programs send, by its parts: no credentials, query or fragment.

    *instead* is what the user is to do with a URL that has credentials or a query. The message does not repeat the URL:
    it may hold a password or a token.
    """
    try:
        parts = urllib.parse.urlsplit(text)
        number = parts.port
    except ValueError:
        return "is not a URL"
    if parts.scheme not in ("http", "https"):
        return "must begin with http:// or https://"
    if parts.username is not None or parts.password is not None:
        return f"must not hold a user name or a password; {instead}"
    if parts.query or parts.fragment:
        return f"must not have a query or a fragment, which can hold a token; {instead}"
    return host(parts.hostname or "") or (None if number is None else port(number))


def network(text: str) -> str | None:
    """Check an address range in CIDR form."""
    try:
        found = ipaddress.ip_network(text)
    except ValueError as error:
        hint = ""
        if "/" in text and "host bits" in str(error):
            hint = f"; did you mean {ipaddress.ip_network(text, strict=False)}?"
        return f"{text!r} is not an address range such as 10.0.0.0/8{hint}"
    if "/" not in text:
        return f"{text!r} lacks the length of its prefix, as in {text}/32"
    address = found.network_address
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    if mapped is not None and found.prefixlen >= _MAPPED_BITS:
        # The API server refuses an IPv4 address in the form of IPv6 (IsValidCIDR in
        # k8s.io/apimachinery/pkg/util/validation/ip.go).
        return f"{text!r} is an IPv4 range in the form of IPv6; write {mapped}/{found.prefixlen - _MAPPED_BITS}"
    if "%" in text:
        return f"{text!r} has a zone (%), which other machines do not know"
    return None


def canonical_network(text: str) -> str:
    """An address range as the API server wants it (``fd00::/8`` for ``FD00::/8``); what is not one stays as it is."""
    try:
        return str(ipaddress.ip_network(text))
    except ValueError:
        return text


def can_be_a_client(text: str) -> bool:
    """Whether requests to a pod can come from the range *text*, which must be a good one: not from loopback."""
    found = ipaddress.ip_network(text)
    return not (found.is_loopback or found.is_multicast or (found.is_unspecified and found.num_addresses == 1))


def ip_address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """The address that *text* writes down, or None if it is a name."""
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None


def host(text: str) -> str | None:
    """Check a host: an IP address that another cluster can reach, or a DNS name."""
    address = ip_address(text)
    if address is not None:
        if address.is_loopback or address.is_link_local or address.is_unspecified or address.is_multicast:
            return f"{text!r} cannot be reached from another cluster"
        return None
    name = text.removesuffix(".")
    # A name whose last part is a number is read as an address by resolvers: a mistyped IP.
    if 0 < len(name) <= 253 and all(_DNS_LABEL.fullmatch(part) for part in name.lower().split(".")):
        return f"{text!r} is not a valid IP address" if name.rpartition(".")[2].isdigit() else None
    return f"{text!r} is neither an IP address nor a DNS name (no scheme, no port, no path)"


def port(number: int) -> str | None:
    """Check a TCP port."""
    return None if 1 <= number <= 65535 else f"{number} is not a port; ports go from 1 to 65535"
