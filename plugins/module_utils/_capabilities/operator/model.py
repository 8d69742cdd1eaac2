# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The operator: its options, and what becomes of them. Pure."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field

from ansible_collections.promfleet.monitoring.plugins.module_utils._base.marks import (
    NAMESPACE_PREFIX,
    OPERATOR_NAME,
    PLATFORM_TEAM,
    cluster_wide_name,
    operator_name,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.versions import (
    PROMETHEUS_OPERATOR,
    UPSTREAM_REGISTRY,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.common.names import (
    image_registry,
    team_name,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.common.resources import (
    Resources,
    resources,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._input import grammar
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.errors import Collecting, Errors
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.validate import (
    nearest,
    require,
    require_each,
    validate_mapping,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._operators.replace import deployment_name
from ansible_collections.promfleet.monitoring.plugins.module_utils._operators.share import (
    OPERATORS_OPTION,
    checked_operators,
    checked_weight,
    controller_id,
    operator_parts,
)

# The highest priority that a pod can have outside of a node's own.
CRITICAL = "system-cluster-critical"
MOVED_AFTER_MAX = 3600

OPERATOR_OPTIONS: dict[str, dict[str, t.Any]] = {
    "namespace": {"type": "str", "default": OPERATOR_NAME},
    "version": {"type": "str", "default": PROMETHEUS_OPERATOR},
    "image_registry": {"type": "str", "default": UPSTREAM_REGISTRY},
    "image_pull_secrets": {"type": "list", "elements": "str", "default": [], "no_log": False},
    "resources": {
        "type": "dict",
        "default": {},
        "options": {
            "cpu": {"type": "str", "default": "200m"},
            "memory": {"type": "str", "default": "200Mi"},
        },
    },
    "log_level": {"type": "str", "choices": ["debug", "info", "warn", "error"], "default": "info"},
    "monitor": {"type": "bool", "default": True},
    "alert_rules": {"type": "bool", "default": True},
    "platform_team": {"type": "str", "default": PLATFORM_TEAM},
    "platform_namespace": {"type": "str"},
    "replaces": {"type": "list", "elements": "str", "default": []},
    **OPERATORS_OPTION,
    "weights": {"type": "dict", "default": {}},
    "allow_restarts": {"type": "bool", "default": False},
    "priority_class": {"type": "str", "default": CRITICAL},
    "moved_after": {"type": "int"},
    "region": {"type": "str"},
    "regions": {"type": "dict", "default": {}},
}
# What is different in a region; what it leaves out is as everywhere.
_REGION: dict[str, dict[str, t.Any]] = {
    "operators": {"type": "int", "default": 0},
    "image_registry": {"type": "str"},
    "log_level": {"type": "str", "choices": OPERATOR_OPTIONS["log_level"]["choices"]},
    "resources": {"type": "dict", "options": OPERATOR_OPTIONS["resources"]["options"]},
}

# The first release whose monitors have serviceDiscoveryRole, and that knows all flags that we set.
_VERSION = grammar.version_from("0.86.0", who="this collection")
_DEFAULT_RESOURCES = Resources(cpu="200m", memory="200Mi")


@dataclass(frozen=True, kw_only=True)
class Operator:
    """The operator of one cluster, or several that share its instances; the platform's own Prometheus watches them.

    *replaces*: ``namespace/name`` of the Deployments of operators whose place it takes. *operators*: how many share the
    instances by their controller ids; 0 for a single one, which has the instances without an id. *weights*: those of
    the teams, by which they are shared out. *allow_restarts*: whether instances may move to operators that would make
    other pods. *moved_after*: seconds after which its pod leaves a node that is gone; None for Kubernetes' default.
    *pull_secrets*: the names of Secrets in its namespace with the credentials for its registry.
    """

    namespace: str
    version: str
    image_registry: str
    resources: Resources
    log_level: str
    monitor: bool
    alert_rules: bool
    platform_team: str
    platform_namespace: str
    replaces: tuple[str, ...] = ()
    operators: int = 0
    weights: t.Mapping[str, int] = field(default_factory=dict)
    allow_restarts: bool = False
    priority_class: str = CRITICAL
    moved_after: int | None = None
    pull_secrets: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """Name of what there is once in its namespace."""
        return operator_name()

    @property
    def parts(self) -> tuple[str, ...]:
        """What tells several operators apart in the names of their objects; a single one has nothing of the kind."""
        return operator_parts(self.operators)

    @property
    def cluster_wide_name(self) -> str:
        """Name of its ClusterRole."""
        return cluster_wide_name(self.name)

    def controller_id(self, team: str, assigned: t.Mapping[str, int]) -> str:
        """The id of the operator that has the instances of *team*, as they are *assigned*; empty for a single one.

        A team that is not assigned is on its way out, and has the first one.
        """
        return controller_id(assigned.get(team, 1)) if self.operators else ""


def parse_operator(raw: object, *, errors: Errors | None = None) -> Operator:
    """The operator from a mapping (OPERATOR_OPTIONS, all optional).

    What is wrong is noted in *errors*, or raised as InputError.
    """
    with Collecting(errors) as found:
        values = validate_mapping({} if raw is None else raw, OPERATOR_OPTIONS, path="", errors=found)
        values = {**values, **_of_region(values["region"], values["regions"], errors=found)}

        def checked(name: str, check: grammar.Check, value: str) -> str:
            return require(check, value, path=name, errors=found)

        platform_team = checked("platform_team", team_name, values["platform_team"])
        platform_namespace = values["platform_namespace"] or f"{NAMESPACE_PREFIX}{platform_team}"
        # A bad name makes a bad namespace, which is not an error of its own.
        if found.is_good("platform_team"):
            checked("platform_namespace", grammar.dns_label, platform_namespace)
        namespace = checked("namespace", grammar.dns_label, values["namespace"])
        if namespace == platform_namespace:
            found.add("namespace", f"{namespace!r} is the namespace of the platform's own instance")
        return Operator(
            namespace=namespace,
            version=grammar.plain_version(checked("version", _VERSION, values["version"])),
            image_registry=checked("image_registry", image_registry, values["image_registry"]),
            resources=resources(values["resources"], default=_DEFAULT_RESOURCES, path="resources", errors=found),
            log_level=values["log_level"],
            monitor=values["monitor"],
            alert_rules=values["alert_rules"],
            platform_team=platform_team,
            platform_namespace=platform_namespace,
            replaces=_replaces(values["replaces"], namespace=namespace, operators=values["operators"], errors=found),
            operators=checked_operators(values["operators"], errors=found),
            weights=_weights(values["weights"], errors=found),
            allow_restarts=values["allow_restarts"],
            priority_class=checked("priority_class", grammar.dns_subdomain, values["priority_class"]),
            moved_after=_moved_after(values["moved_after"], errors=found),
            pull_secrets=tuple(sorted(_pull_secrets(values["image_pull_secrets"], errors=found))),
        )


def _pull_secrets(values: t.Sequence[str], *, errors: Errors) -> tuple[str, ...]:
    return require_each(grammar.dns_subdomain, values, path="image_pull_secrets", errors=errors)


def _of_region(region: str | None, regions: t.Mapping[str, t.Any], *, errors: Errors) -> dict[str, t.Any]:
    """What is different in the *region* of this cluster; nothing where none is named. All *regions* are checked."""
    found: dict[str, dict[str, t.Any]] = {}
    for name, raw in regions.items():
        path = f"regions.{name}"
        checked = validate_mapping(raw, _REGION, path=path, errors=errors)
        checked_operators(checked["operators"], errors=errors, path=f"{path}.operators")
        if checked["image_registry"] is not None:
            require(image_registry, checked["image_registry"], path=f"{path}.image_registry", errors=errors)
        resources(checked["resources"] or {}, default=_DEFAULT_RESOURCES, path=f"{path}.resources", errors=errors)
        found[str(name)] = {key: value for key, value in checked.items() if value is not None}
    if region is None:
        return {}
    if region not in found:
        errors.add("region", f"unknown region {region!r}; {nearest(region, found)}")
    # What is wrong in it was noted with its own place.
    return found.get(region, {}) if errors.is_good("regions") else {}


def _weights(raw: t.Mapping[str, t.Any], *, errors: Errors) -> dict[str, int]:
    found: dict[str, int] = {}
    for name, value in raw.items():
        require(team_name, str(name), path=f"weights.{name}", errors=errors)
        found[str(name)] = checked_weight(value, path=f"weights.{name}", errors=errors)
    return found


def _moved_after(value: int | None, *, errors: Errors) -> int | None:
    if value is not None and not 0 <= value <= MOVED_AFTER_MAX:
        errors.add("moved_after", f"must be from 0 to {MOVED_AFTER_MAX} seconds, found {value}")
    return value


def _replaces(values: t.Sequence[str], *, namespace: str, operators: int, errors: Errors) -> tuple[str, ...]:
    own = {f"{namespace}/{operator_name(part)}" for part in operator_parts(operators)}
    for number, text in enumerate(values):
        path = f"replaces[{number}]"
        require(deployment_name, text, path=path, errors=errors)
        if text in values[:number]:
            errors.add(path, f"{text!r} is listed twice")
        if text in own:
            errors.add(path, f"{text!r} is the Deployment that this makes; give this operator another namespace")
    return tuple(values)
