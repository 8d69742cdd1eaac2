# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Words of Kubernetes and Prometheus: checks that say what is wrong, and canonical forms. Pure.

A check returns None for good text, else the reason as a phrase that follows the value's path.
"""

from __future__ import annotations

import functools
import ipaddress
import re
import typing as t
from fractions import Fraction

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

# k8s.io/apimachinery/pkg/api/resource, without the forms with an exponent, which nobody writes.
_QUANTITY = re.compile(r"(?P<number>\d+(?:\.\d*)?|\.\d+)(?P<suffix>[numkMGTPE]|[KMGTPE]i)?")
_DECIMAL = {"n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
_BINARY = ("Ki", "Mi", "Gi", "Ti", "Pi", "Ei")

_DNS_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
_LABEL_VALUE = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?")
_PROMETHEUS_LABEL = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
_VERSION = re.compile(r"v?(?P<number>\d+\.\d+\.\d+(?:-[0-9A-Za-z.-]+)?)")


def milliseconds(text: str) -> int | None:
    """The length of a duration in Prometheus' grammar (``90s``, ``1h30m``, ``10d``), or None where it is none."""
    match = _DURATION.fullmatch(text)
    if not text or match is None:
        return 0 if text == "0" else None
    return sum(int(number) * _MILLISECONDS[unit] for unit, number in match.groupdict().items() if number)


def duration(text: str) -> str | None:
    """Check a duration that must be longer than nothing."""
    length = milliseconds(text)
    if length is None:
        return f"{text!r} is no duration; write a number with its unit, such as 30s, 5m, 1h30m or 10d"
    return None if length else f"{text!r} must be longer than 0"


def hours_duration(text: str) -> str | None:
    """Check a duration for Alertmanager, whose grammar knows nothing longer than hours."""
    problem = duration(text)
    if problem is None and re.search("[ywd]", text):
        return f"{text!r} must be in hours, minutes or seconds: Alertmanager knows no longer units (5d is 120h)"
    return problem


@functools.cache
def quantity_value(text: str) -> Fraction | None:
    """The number that a Kubernetes quantity stands for, or None where it is none."""
    match = _QUANTITY.fullmatch(text)
    if match is None:
        return None
    suffix = match["suffix"] or ""
    number = Fraction(match["number"])
    if suffix in _BINARY:
        return number * Fraction(1024) ** (_BINARY.index(suffix) + 1)
    return number * Fraction(10) ** _DECIMAL[suffix]


def quantity(text: str) -> str | None:
    """Check a Kubernetes quantity above zero."""
    value = quantity_value(text)
    if value is None:
        return f"{text!r} is no quantity; write a number with a unit, such as 500m, 2, 400Mi or 10Gi"
    return None if value > 0 else f"{text!r} must be greater than 0"


def byte_quantity(text: str) -> str | None:
    """Check an amount of bytes: 400m would be less than one byte, a common slip for 400Mi."""
    problem = quantity(text)
    value = quantity_value(text)
    if problem is None and value is not None and value.denominator != 1:
        return f"{text!r} is no whole number of bytes; did you mean {text[:-1]}Mi?"
    return problem


@functools.cache
def canonical_quantity(text: str) -> str:
    """The form in which the API server keeps a quantity: ``1000m`` is ``1``, ``0.5Gi`` is ``512Mi``."""
    match = _QUANTITY.fullmatch(text)
    value = quantity_value(text)
    if match is None or value is None:
        raise ValueError(f"{text!r} is no quantity")
    return format_bytes(value) if (match["suffix"] or "") in _BINARY else format_decimal(value)


def format_bytes(value: Fraction) -> str:
    """An amount with the largest binary unit that needs no fraction."""
    for power in range(len(_BINARY), 0, -1):
        if value and (value / 1024**power).denominator == 1:
            return f"{value / 1024**power}{_BINARY[power - 1]}"
    return format_decimal(value)


def format_decimal(value: Fraction) -> str:
    """An amount with the largest decimal unit that needs no fraction; finer than nano is rounded up."""
    for suffix, power in sorted(_DECIMAL.items(), key=lambda item: -item[1]):
        scaled = value / Fraction(10) ** power
        if scaled.denominator == 1 and (value or not suffix):
            return f"{scaled}{suffix}"
    return f"{-(-value * 10**9 // 1)}n"


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
    return f"{text!r} is no name for a label or annotation; write name or domain/name"


def prometheus_label(text: str) -> str | None:
    """Check the name of a label in Prometheus; names that begin with two underscores are Prometheus' own."""
    if not _PROMETHEUS_LABEL.fullmatch(text):
        return f"{text!r} is no label name; use letters, digits and '_', and do not begin with a digit"
    return f"{text!r} is reserved: names that begin with '__' belong to Prometheus" if text.startswith("__") else None


def prometheus_label_value(text: str) -> str | None:
    """Check the value of a label that goes into Prometheus' configuration, where a dollar would begin a variable."""
    if not text:
        return "must not be empty: a label without a value is no label"
    return f"{text!r} must not contain '$', which begins a variable in the configuration" if "$" in text else None


def version(text: str) -> str | None:
    """Check a release number such as 3.13.5 (with or without ``v``)."""
    return None if _VERSION.fullmatch(text) else f"{text!r} is no version; write it as 3.13.5"


def plain_version(text: str) -> str:
    """A version without its leading ``v``."""
    return text.removeprefix("v")


def network(text: str) -> str | None:
    """Check an address range in CIDR form."""
    try:
        ipaddress.ip_network(text)
    except ValueError as error:
        hint = ""
        if "/" in text and "host bits" in str(error):
            hint = f"; did you mean {ipaddress.ip_network(text, strict=False)}?"
        return f"{text!r} is no address range such as 10.0.0.0/8{hint}"
    return None if "/" in text else f"{text!r} lacks the length of its prefix, as in {text}/32"


def ip_address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """The address that *text* writes down, or None where it is a name."""
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
        return f"{text!r} is no valid IP address" if name.rpartition(".")[2].isdigit() else None
    return f"{text!r} is neither an IP address nor a DNS name (no scheme, no port, no path)"


def port(number: int) -> str | None:
    """Check a TCP port."""
    return None if 1 <= number <= 65535 else f"{number} is no port; ports go from 1 to 65535"
