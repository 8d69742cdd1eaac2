# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The pods of both parts: where their images come from, as whom they run, and on which nodes. Pure."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field

from ansible_collections.promfleet.monitoring.plugins.module_utils._base.json_values import tidy
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.marks import (
    INSTANCE_LABEL,
    NAME_LABEL,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.common.names import image_registry
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.common.objects import (
    LINUX,
    pull_secrets,
    restricted_pod,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._input import grammar
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.errors import Errors
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.validate import (
    Values,
    given_only,
    nearest,
    require,
    require_each,
    text_mapping,
    validate_list,
)

JsonObject = dict[str, t.Any]

# Who decides as which user the containers run: we, as one that is the same everywhere, or the platform (OpenShift's
# SecurityContextConstraints refuse a pod that names a user outside of the range of its namespace).
FIXED, PLATFORM = "fixed", "platform"

# A team's own, and under the same names those of a whole fleet.
POD_OPTIONS: dict[str, dict[str, t.Any]] = {
    "image_registry": {"type": "str"},
    "image_pull_secrets": {"type": "list", "elements": "str", "no_log": False},
    # Without choices: ansible-core finds that None is none of them, where a mapping around it is a default.
    "run_as": {"type": "str"},
}
SCHEDULING_OPTION: dict[str, t.Any] = {
    "type": "dict",
    "options": {
        "node_selector": {"type": "dict", "default": {}},
        "tolerations": {"type": "list", "elements": "dict", "default": []},
        "affinity": {"type": "dict", "default": {}},
        "topology_spread": {"type": "list", "elements": "dict"},
        "priority_class": {"type": "str"},
        "disruption_budget": {"type": "bool", "default": True},
        "termination_grace_seconds": {"type": "int"},
    },
}

# As Kubernetes has them (core/v1 Toleration and TopologySpreadConstraint); what is not given is left out.
_TOLERATION: dict[str, dict[str, t.Any]] = {
    "key": {"type": "str"},
    "operator": {"type": "str", "choices": ["Equal", "Exists"]},
    "value": {"type": "str"},
    "effect": {"type": "str", "choices": ["NoSchedule", "PreferNoSchedule", "NoExecute"]},
    "tolerationSeconds": {"type": "int"},
}
_SPREAD: dict[str, dict[str, t.Any]] = {
    "topologyKey": {"type": "str", "required": True},
    "maxSkew": {"type": "int", "default": 1},
    "whenUnsatisfiable": {"type": "str", "choices": ["DoNotSchedule", "ScheduleAnyway"], "default": "ScheduleAnyway"},
    "minDomains": {"type": "int"},
    "nodeAffinityPolicy": {"type": "str", "choices": ["Honor", "Ignore"]},
    "nodeTaintsPolicy": {"type": "str", "choices": ["Honor", "Ignore"]},
}
_AFFINITY = ("nodeAffinity", "podAffinity", "podAntiAffinity")
_USER = 1000


@dataclass(frozen=True, kw_only=True)
class PodSettings:
    """Where images come from and as whom they run; *image_registry* empty leaves the registry to the operator."""

    image_registry: str = ""
    pull_secrets: tuple[str, ...] = ()
    run_as: str = FIXED

    def image(self, repository: str, version: str) -> str | None:
        """The image of an upstream *repository*, or None where the operator knows it."""
        return f"{self.image_registry}/{repository}:v{version}" if self.image_registry else None

    def fields(self) -> JsonObject:
        """What each custom resource gets of this, apart from its image."""
        return {"securityContext": restricted_pod(user=_USER if self.run_as == FIXED else None), **self.pulling()}

    def pulling(self) -> JsonObject:
        """The credentials for the registry, for any pod in the instance's namespace."""
        return pull_secrets(self.pull_secrets)


DEFAULT_PODS = PodSettings()


@dataclass(frozen=True, kw_only=True)
class Scheduling:
    """On which nodes the pods of one part run, and how they leave them.

    *topology_spread* None spreads the replicas over the nodes where that is possible. The constraints and tolerations
    are as in the API of Kubernetes.
    """

    node_selector: t.Mapping[str, str] = field(default_factory=dict)
    tolerations: tuple[JsonObject, ...] = ()
    affinity: t.Mapping[str, t.Any] = field(default_factory=dict)
    topology_spread: tuple[JsonObject, ...] | None = None
    priority_class: str | None = None
    disruption_budget: bool = True
    termination_grace_seconds: int | None = None

    def fields(self, *, application: str, name: str, replicas: int) -> JsonObject:
        """What the custom resource *name* gets of this; *application* is what the operator calls its pods."""
        fields: JsonObject = {"nodeSelector": {**self.node_selector, **LINUX}}
        spread = self.topology_spread
        if spread is None and replicas > 1:
            spread = _OVER_NODES
        if spread:
            pods = {"labelSelector": {"matchLabels": {NAME_LABEL: application, INSTANCE_LABEL: name}}}
            fields["topologySpreadConstraints"] = [{**pods, **constraint} for constraint in spread]
        if self.tolerations:
            fields["tolerations"] = list(self.tolerations)
        if self.affinity:
            fields["affinity"] = dict(self.affinity)
        if self.priority_class is not None:
            fields["priorityClassName"] = self.priority_class
        if self.termination_grace_seconds is not None:
            fields["terminationGracePeriodSeconds"] = self.termination_grace_seconds
        return fields


_OVER_NODES: tuple[JsonObject, ...] = (
    {"maxSkew": 1, "topologyKey": "kubernetes.io/hostname", "whenUnsatisfiable": "ScheduleAnyway"},
)
DEFAULT_SCHEDULING = Scheduling()


def pod_settings(values: Values, *, default: PodSettings, path: str, errors: Errors) -> PodSettings:
    """The settings that validated *values* (POD_OPTIONS) describe; what they leave open comes from *default*."""
    if not any(values[name] is not None for name in POD_OPTIONS):
        return default
    registry, secrets = values["image_registry"], values["image_pull_secrets"]
    if values["run_as"] is not None:
        require(_run_as, values["run_as"], path=f"{path}.run_as", errors=errors)
    if registry:
        require(image_registry, registry, path=f"{path}.image_registry", errors=errors)
    if secrets is not None:
        require_each(grammar.dns_subdomain, secrets, path=f"{path}.image_pull_secrets", errors=errors)
    return PodSettings(
        image_registry=default.image_registry if registry is None else registry,
        pull_secrets=default.pull_secrets if secrets is None else tuple(sorted(secrets)),
        run_as=values["run_as"] or default.run_as,
    )


def parse_scheduling(values: Values | None, *, path: str, errors: Errors) -> Scheduling:
    """What validated *values* of SCHEDULING_OPTION describe."""
    if values is None:
        return DEFAULT_SCHEDULING
    grace = values["termination_grace_seconds"]
    if grace is not None and grace < 1:
        place = f"{path}.termination_grace_seconds"
        errors.add(place, f"must be at least 1, found {grace}: a process that is killed at once replays its whole WAL")
    if values["priority_class"]:
        require(grammar.dns_subdomain, values["priority_class"], path=f"{path}.priority_class", errors=errors)
    spread = values["topology_spread"]
    return Scheduling(
        node_selector=text_mapping(
            values["node_selector"],
            path=f"{path}.node_selector",
            check_name=_node_label,
            check_value=_label_value,
            errors=errors,
        ),
        tolerations=tuple(_tolerations(values["tolerations"], path=f"{path}.tolerations", errors=errors)),
        affinity=_affinity(values["affinity"], path=f"{path}.affinity", errors=errors),
        topology_spread=None
        if spread is None
        else tuple(_constraints(spread, path=f"{path}.topology_spread", errors=errors)),
        priority_class=values["priority_class"] or None,
        disruption_budget=values["disruption_budget"],
        termination_grace_seconds=grace,
    )


def _tolerations(raw: t.Sequence[object], *, path: str, errors: Errors) -> t.Iterator[JsonObject]:
    """Tolerations by the API server's rules (ValidateTolerations in k8s.io/kubernetes/pkg/apis/core/validation)."""
    for number, values in enumerate(validate_list(raw, _TOLERATION, path=path, errors=errors)):
        place = f"{path}[{number}]"
        exists = values["operator"] == "Exists"
        if values["key"]:
            require(grammar.qualified_name, values["key"], path=f"{place}.key", errors=errors)
        elif not exists:
            errors.add(f"{place}.key", "is required, unless operator is Exists, which tolerates every taint")
        if exists and values["value"]:
            errors.add(f"{place}.value", "must be left out where operator is Exists")
        elif values["value"]:
            require(_label_value, values["value"], path=f"{place}.value", errors=errors)
        if values["tolerationSeconds"] is not None and values["effect"] != "NoExecute":
            errors.add(f"{place}.tolerationSeconds", "counts only where effect is NoExecute")
        yield given_only(values)


def _constraints(raw: t.Sequence[object], *, path: str, errors: Errors) -> t.Iterator[JsonObject]:
    for number, values in enumerate(validate_list(raw, _SPREAD, path=path, errors=errors)):
        place = f"{path}[{number}]"
        require(grammar.qualified_name, values["topologyKey"], path=f"{place}.topologyKey", errors=errors)
        for name in ("maxSkew", "minDomains"):
            if values[name] is not None and values[name] < 1:
                errors.add(f"{place}.{name}", f"must be at least 1, found {values[name]}")
        if values["minDomains"] is not None and values["whenUnsatisfiable"] != "DoNotSchedule":
            errors.add(f"{place}.minDomains", "counts only where whenUnsatisfiable is DoNotSchedule")
        yield given_only(values)


def _affinity(raw: t.Mapping[str, t.Any], *, path: str, errors: Errors) -> JsonObject:
    for name, value in raw.items():
        if name not in _AFFINITY:
            errors.add(f"{path}.{name}", f"unknown key; {nearest(str(name), _AFFINITY)}")
        elif not isinstance(value, t.Mapping):
            errors.add(f"{path}.{name}", "must be a mapping, as in the affinity of a pod")
    found: JsonObject = tidy(raw)
    return found


def _run_as(text: str) -> str | None:
    return None if text in (FIXED, PLATFORM) else f"must be {FIXED} or {PLATFORM}, found {text!r}"


def _node_label(text: str) -> str | None:
    if text in LINUX:
        return f"{text!r} is set for every instance: its images are made for {LINUX[text]}"
    return grammar.qualified_name(text)


def _label_value(text: str) -> str | None:
    return grammar.label_value(text) if text else None
