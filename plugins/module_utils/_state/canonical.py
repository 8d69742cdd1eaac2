# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Desired objects in the form in which the API server answers with them, so that equal states compare equal. Pure.

What is changed here is also what is sent. A value that this module gets wrong can therefore only look different from
the live one, which costs a request; it can never look equal.
"""

from __future__ import annotations

import base64
import functools
import typing as t

from ansible_collections.promfleet.monitoring.plugins.module_utils._input import quantities

JsonObject = dict[str, t.Any]
Path = tuple[str, ...]

# Quantities of built-in kinds, as paths; `*` means every item of a list or every value of a map. Those of custom
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
            holder[place] = _quantity(holder[place], is_resource=name == "*")


def _quantity(value: t.Any, *, is_resource: bool) -> t.Any:
    """A quantity as the API server keeps it; what is none stays, for the server to refuse.

    Amounts of resources (SetDefaults_ResourceList of Kubernetes) are rounded up to thousandths.
    """
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return value
    return _written(str(value), is_resource=is_resource) or value


@functools.lru_cache(maxsize=4096)
def _written(text: str, *, is_resource: bool) -> str | None:
    found = quantities.parse(text)
    if found is None:
        return None
    return str(found.rounded_up(quantities.MILLI) if is_resource else found)
