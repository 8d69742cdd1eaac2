# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Desired objects in the form in which the API server answers with them, so that equal states compare equal. Pure.

What is changed here is also what is sent. A value that this module gets wrong can therefore only look different from
the live one, which costs a request; it can never look equal.
"""

from __future__ import annotations

import base64
import re
import typing as t
from decimal import Decimal

JsonObject = dict[str, t.Any]
Path = tuple[str, ...]

# Quantities of built-in kinds, as paths; `*` stands for every item of a list or every value of a map. Those of custom
# resources are stored as they were sent.
_RESOURCES: tuple[Path, ...] = (("resources", "limits", "*"), ("resources", "requests", "*"))
_POD: tuple[Path, ...] = (
    *((kind, "*", *path) for kind in ("containers", "initContainers") for path in _RESOURCES),
    ("volumes", "*", "emptyDir", "sizeLimit"),
)
_TEMPLATE: tuple[Path, ...] = tuple(("spec", "template", "spec", *path) for path in _POD)
_CLAIM: tuple[Path, ...] = tuple(("spec", *path) for path in _RESOURCES)
QUANTITIES: dict[tuple[str, str], tuple[Path, ...]] = {
    ("v1", "ResourceQuota"): (("spec", "hard", "*"),),
    ("v1", "LimitRange"): tuple(
        ("spec", "limits", "*", name, "*")
        for name in ("default", "defaultRequest", "max", "min", "maxLimitRequestRatio")
    ),
    ("v1", "PersistentVolumeClaim"): _CLAIM,
    ("v1", "PersistentVolume"): (("spec", "capacity", "*"),),
    ("v1", "Pod"): tuple(("spec", *path) for path in _POD),
    ("apps/v1", "Deployment"): _TEMPLATE,
    ("apps/v1", "DaemonSet"): _TEMPLATE,
    ("apps/v1", "StatefulSet"): (*_TEMPLATE, *(("spec", "volumeClaimTemplates", "*", *path) for path in _CLAIM)),
    ("batch/v1", "Job"): _TEMPLATE,
}

# Maps of plain strings that mean the same empty and absent. An apply that empties one makes it null on the server,
# which the schema of a custom resource then refuses.
_NO_MATTER_IF_EMPTY = frozenset({"annotations", "externalLabels", "labels", "matchLabels", "nodeSelector"})

_NUMBER = re.compile(r"([+-]?)(\d+(?:\.\d+)?|\.\d+)(Ki|Mi|Gi|Ti|Pi|Ei|[numkMGTPE]?|[eE][+-]?\d+)")
_DECIMAL = {"n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
_BINARY = {"": 0, "Ki": 10, "Mi": 20, "Gi": 30, "Ti": 40, "Pi": 50, "Ei": 60}
# The server calculates larger ones in another way; they are left as they are.
_LARGEST = 2**63 - 1


def canonical(obj: JsonObject) -> JsonObject:
    """*obj* with quantities of built-in kinds in their canonical form, and a Secret's ``stringData`` as ``data``.

    Fields that are null are left out: server-side apply would take null for a value. So are empty labels and the like.
    The input is not changed.
    """
    result: JsonObject = _without_nothing(obj)
    for path in QUANTITIES.get((result["apiVersion"], result["kind"]), ()):
        _rewrite(result, path)
    if (result["apiVersion"], result["kind"]) == ("v1", "Secret") and result.get("stringData"):
        encoded = {name: _encoded(value) for name, value in result.pop("stringData").items()}
        result["data"] = {**(result.get("data") or {}), **encoded}
    return result


def _without_nothing(value: t.Any) -> t.Any:
    if isinstance(value, dict):
        return {
            name: _without_nothing(item)
            for name, item in value.items()
            if item is not None and (item != {} or name not in _NO_MATTER_IF_EMPTY)
        }
    if isinstance(value, list):
        return [_without_nothing(item) for item in value]
    return value


def _encoded(value: t.Any) -> t.Any:
    return base64.b64encode(value.encode()).decode() if isinstance(value, str) else value


def _rewrite(holder: t.Any, path: Path) -> None:
    """Make the quantities at *path* below *holder* canonical, in place."""
    name, rest = path[0], path[1:]
    if isinstance(holder, list):
        places: list[t.Any] = list(range(len(holder)))
    elif isinstance(holder, dict):
        places = list(holder) if name == "*" else [name] if name in holder else []
    else:
        return
    for place in places:
        if rest:
            _rewrite(holder[place], rest)
        else:
            holder[place] = quantity(holder[place])


def quantity(value: t.Any) -> t.Any:
    """A quantity as the API server writes it (its resource.Quantity): ``1000m`` is ``1``, ``0.5Gi`` is ``512Mi``.

    What is no quantity, is too large or too fine for an exact answer, or has an exponent, comes back as it is.
    """
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return value
    match = _NUMBER.fullmatch(str(value))
    if match is None or match[3][1:].lstrip("+-").isdigit():
        return value
    sign, digits, suffix = match.groups()
    factor = Decimal(2) ** _BINARY[suffix] if suffix in _BINARY and suffix else Decimal(10) ** _DECIMAL[suffix]
    number = Decimal(digits) * factor
    if number > _LARGEST:
        return value
    text = _in_binary(number) if suffix.endswith("i") and number >= 1024 else _in_decimal(number)
    if text is None:
        return value
    return f"-{text}" if sign == "-" and number else text


def _in_binary(number: Decimal) -> str | None:
    if number != int(number):
        return None
    whole = int(number)
    suffix = next(name for name, bits in reversed(_BINARY.items()) if whole % 2**bits == 0)
    return f"{whole >> _BINARY[suffix]}{suffix}"


def _in_decimal(number: Decimal) -> str | None:
    if number == 0:
        return "0"
    # What is finer the server rounds up for resources.
    fine = number.scaleb(3)
    if fine != int(fine):
        return None
    suffix = next(
        name for name, power in reversed(_DECIMAL.items()) if power >= -3 and int(fine) % 10 ** (power + 3) == 0
    )
    return f"{int(fine) // 10 ** (_DECIMAL[suffix] + 3)}{suffix}"
