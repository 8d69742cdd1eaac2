# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How large the parts of a team's monitoring are. Pure.

The request of memory is its limit: what is over it is killed, not its neighbours. CPU has a request only, unless a
team's own options give a limit: a limit slows down scrapes and rule evaluations when no other container needs the CPU.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.common.resources import (
    RESOURCES_OPTION,
    Resources,
    resources,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._input import grammar, quantities
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.errors import Errors
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.validate import (
    Values,
    require,
    validate_mapping,
)

# A replica's number is part of the name of a Service that has no room for a second digit.
REPLICAS_MAX = 9


@dataclass(frozen=True, kw_only=True)
class PartSize:
    """Replicas of one part, and what the main container of each asks for."""

    replicas: int
    resources: Resources


@dataclass(frozen=True, kw_only=True)
class Size:
    """One row of the table."""

    prometheus: PartSize
    alertmanager: PartSize


SIZES: dict[str, Size] = {
    "small": Size(
        prometheus=PartSize(replicas=1, resources=Resources(cpu="100m", memory="400Mi")),
        alertmanager=PartSize(replicas=1, resources=Resources(cpu="20m", memory="64Mi")),
    ),
    "medium": Size(
        prometheus=PartSize(replicas=2, resources=Resources(cpu="500m", memory="2Gi")),
        alertmanager=PartSize(replicas=2, resources=Resources(cpu="50m", memory="128Mi")),
    ),
    "large": Size(
        prometheus=PartSize(replicas=2, resources=Resources(cpu="2", memory="8Gi")),
        alertmanager=PartSize(replicas=3, resources=Resources(cpu="100m", memory="256Mi")),
    ),
}


_PART: dict[str, dict[str, t.Any]] = {
    "replicas": {"type": "int"},
    **RESOURCES_OPTION["options"],
}
_SIZE: dict[str, dict[str, t.Any]] = {
    "prometheus": {"type": "dict", "default": {}, "options": _PART},
    "alertmanager": {"type": "dict", "default": {}, "options": _PART},
}
_BASE = "small"


@dataclass(frozen=True, kw_only=True)
class Sizes:
    """All sizes that a team can have, those of the fleet too; *largest* has the largest figure of each."""

    by_name: t.Mapping[str, Size]
    largest: Size


def parse_sizes(raw: t.Mapping[str, t.Any] | None, *, path: str, errors: Errors) -> Sizes:
    """The shipped sizes and those of *raw*, whose figures are those of ``small`` where they say nothing."""
    if not raw:
        return SHIPPED
    found = dict(SIZES)
    for name, values in raw.items():
        place = f"{path}.{name}"
        require(grammar.dns_label, str(name), path=place, errors=errors)
        if name in SIZES:
            errors.add(place, f"{name!r} is a size of this collection, and means the same in every fleet; name another")
            continue
        checked = validate_mapping(values, _SIZE, path=place, errors=errors)
        base = SIZES[_BASE]
        found[str(name)] = Size(
            prometheus=_part(checked["prometheus"], base.prometheus, path=f"{place}.prometheus", errors=errors),
            alertmanager=_part(checked["alertmanager"], base.alertmanager, path=f"{place}.alertmanager", errors=errors),
        )
    return _all(found)


def _part(values: Values, base: PartSize, *, path: str, errors: Errors) -> PartSize:
    replicas = values["replicas"]
    if replicas is not None and not 1 <= replicas <= REPLICAS_MAX:
        errors.add(f"{path}.replicas", f"must be from 1 to {REPLICAS_MAX}, found {replicas}")
    return PartSize(
        replicas=base.replicas if replicas is None else replicas,
        resources=resources(values, default=base.resources, path=path, errors=errors),
    )


def _all(by_name: t.Mapping[str, Size]) -> Sizes:
    return Sizes(
        by_name=by_name,
        largest=Size(
            prometheus=_largest([size.prometheus for size in by_name.values()]),
            alertmanager=_largest([size.alertmanager for size in by_name.values()]),
        ),
    )


def _largest(parts: t.Sequence[PartSize]) -> PartSize:
    """The largest figure of each; one that is not a quantity is an error elsewhere."""

    def most(texts: t.Iterable[str]) -> str:
        return max((text for text in texts if quantities.parse(text) is not None), key=quantities.value_of, default="0")

    return PartSize(
        replicas=max(part.replicas for part in parts),
        resources=Resources(
            cpu=most(part.resources.cpu for part in parts), memory=most(part.resources.memory for part in parts)
        ),
    )


SHIPPED = _all(SIZES)
