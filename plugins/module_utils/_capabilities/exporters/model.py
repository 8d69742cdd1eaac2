# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which exporters a cluster has: their options, and what becomes of them. Pure."""

from __future__ import annotations

import re
import typing as t
from dataclasses import dataclass

from ansible_collections.promfleet.monitoring.plugins.module_utils._base.marks import NAMESPACE_PREFIX, PLATFORM_TEAM
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.versions import (
    KUBE_STATE_METRICS,
    KUBE_STATE_METRICS_IMAGE,
    NODE_EXPORTER,
    NODE_EXPORTER_IMAGE,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.common.images import image_at
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.common.names import (
    image_registry,
    team_name,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.common.resources import (
    RESOURCES_OPTION,
    Resources,
    resources,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.exporters.known import (
    ARGUMENTS,
    COLLECTORS,
    DEFAULT_ARGUMENTS,
    DEFAULT_OBJECTS,
    EXCLUDE,
    GROUPS,
    INCLUDE,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._input import grammar
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.errors import Errors, Place
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.validate import (
    Values,
    nearest,
    require,
    require_each,
    validate_mapping,
)

JsonObject = dict[str, t.Any]

# Where node_exporter listens: at the node's address in the cluster, or at every address that the node has.
NODE, ALL = "node", "all"

_NAMES: JsonObject = {"type": "list", "elements": "str", "default": []}
_COMMON: JsonObject = {
    # Many clusters have both already, and one port of a node is for one program.
    "enabled": {"type": "bool", "default": False},
    "resources": {**RESOURCES_OPTION, "default": {}},
}
NODE_EXPORTER_OPTIONS: JsonObject = {
    **_COMMON,
    "namespace": {"type": "str", "default": "promfleet-node-exporter"},
    "version": {"type": "str", "default": NODE_EXPORTER},
    "port": {"type": "int", "default": 9100},
    "address": {"type": "str", "choices": [NODE, ALL], "default": NODE},
    "priority_class": {"type": "str", "default": "system-node-critical"},
    "collectors": {"type": "dict", "default": {}, "options": {"enabled": _NAMES, "disabled": _NAMES}},
    "arguments": {"type": "dict", "default": {}},
}
KUBE_STATE_METRICS_OPTIONS: JsonObject = {
    **_COMMON,
    "namespace": {"type": "str", "default": "promfleet-kube-state-metrics"},
    "version": {"type": "str", "default": KUBE_STATE_METRICS},
    "priority_class": {"type": "str", "default": "system-cluster-critical"},
    "objects": {"type": "list", "elements": "str", "default": list(DEFAULT_OBJECTS)},
    "metrics": {"type": "dict", "default": {}, "options": {"allow": _NAMES, "deny": _NAMES}},
    "labels": {"type": "dict", "default": {}},
    "monitoring_conditions": {"type": "bool", "default": True},
    "network_policy": {"type": "bool", "default": True},
    "readers": _NAMES,
}
KUBELET_OPTIONS: JsonObject = {"enabled": {"type": "bool", "default": False}}
OPTIONS: JsonObject = {
    "node_exporter": {"type": "dict", "default": {}, "options": NODE_EXPORTER_OPTIONS},
    "kube_state_metrics": {"type": "dict", "default": {}, "options": KUBE_STATE_METRICS_OPTIONS},
    "kubelet": {"type": "dict", "default": {}, "options": KUBELET_OPTIONS},
    "image_registry": {"type": "str"},
    # Names of Secrets, not their values.
    "image_pull_secrets": {"type": "list", "elements": "str", "default": [], "no_log": False},
    "platform_team": {"type": "str", "default": PLATFORM_TEAM},
    "platform_namespace": {"type": "str"},
}

_OF_NODES = Resources(cpu="20m", memory="64Mi")
_OF_STATES = Resources(cpu="20m", memory="192Mi")
# The first releases with all flags that we set.
_NODE_EXPORTER_VERSION = grammar.version_from("1.9.0", who="this collection")
_STATES_VERSION = grammar.version_from("2.10.0", who="this collection")


@dataclass(frozen=True, kw_only=True)
class Program:
    """What both exporters have: where they run, from which *image*, and what they ask for."""

    namespace: str
    image: str
    pull_secrets: tuple[str, ...]
    priority_class: str
    resources: Resources


@dataclass(frozen=True, kw_only=True)
class NodeExporter(Program):
    """node_exporter on each node. *collectors* are switched on or off, *arguments* are further flags with values."""

    port: int
    address: str
    collectors: t.Mapping[str, bool]
    arguments: t.Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class KubeStateMetrics(Program):
    """kube-state-metrics. *objects* are the kinds that it reads, *labels* those of objects that become metrics.

    *conditions*: whether it reads the operator's kinds, too. *network_policy*: whether only the platform's Prometheus
    and pods of the namespaces *readers* may reach it.
    """

    objects: tuple[str, ...]
    allow: tuple[str, ...]
    deny: tuple[str, ...]
    labels: t.Mapping[str, tuple[str, ...]]
    conditions: bool
    network_policy: bool
    readers: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Exporters:
    """The exporters of one cluster; one that is None is switched off. The platform's own instance scrapes them.

    *kubelet*: whether that instance may read the kubelets, which run already.
    """

    platform_team: str
    platform_namespace: str
    node_exporter: NodeExporter | None = None
    kube_state_metrics: KubeStateMetrics | None = None
    kubelet: bool = False


@dataclass(frozen=True, kw_only=True)
class _Images:
    """Where images come from, and the Secrets with credentials for it."""

    registry: str
    pull_secrets: tuple[str, ...]


def parse_exporters(params: t.Mapping[str, t.Any], errors: Errors) -> Exporters:
    """The exporters from a module's parameters."""
    platform_team = require(team_name, params["platform_team"], path="platform_team", errors=errors)
    platform_namespace = params["platform_namespace"] or f"{NAMESPACE_PREFIX}{platform_team}"
    if errors.is_good("platform_team"):
        require(grammar.dns_label, platform_namespace, path="platform_namespace", errors=errors)
    if params["image_registry"]:
        require(image_registry, params["image_registry"], path="image_registry", errors=errors)
    secrets = require_each(
        grammar.dns_subdomain, params["image_pull_secrets"], path="image_pull_secrets", errors=errors
    )
    images = _Images(registry=params["image_registry"] or "", pull_secrets=tuple(sorted(secrets)))
    nodes = _given(params, "node_exporter", NODE_EXPORTER_OPTIONS, errors=errors)
    states = _given(params, "kube_state_metrics", KUBE_STATE_METRICS_OPTIONS, errors=errors)
    if nodes["namespace"] == states["namespace"]:
        errors.add(
            "kube_state_metrics.namespace",
            f"{states['namespace']!r} is ",
            Place("node_exporter.namespace"),
            " too, whose pods may do more than those of any other program should",
        )
    for name, values in (("node_exporter", nodes), ("kube_state_metrics", states)):
        if values["namespace"] == platform_namespace:
            errors.add(f"{name}.namespace", f"{platform_namespace!r} is the namespace of the platform's own instance")
    # Both are checked, also what is switched off.
    node_exporter = _node_exporter(nodes, images, errors=errors)
    kube_state_metrics = _kube_state_metrics(states, images, errors=errors)
    return Exporters(
        platform_team=platform_team,
        platform_namespace=platform_namespace,
        node_exporter=node_exporter if nodes["enabled"] else None,
        kube_state_metrics=kube_state_metrics if states["enabled"] else None,
        kubelet=_given(params, "kubelet", KUBELET_OPTIONS, errors=errors)["enabled"],
    )


def _given(params: t.Mapping[str, t.Any], name: str, options: JsonObject, *, errors: Errors) -> Values:
    return validate_mapping(params[name], options, path=name, errors=errors)


def _program(
    values: Values, images: _Images, *, upstream: tuple[str, str], default: Resources, path: str, errors: Errors
) -> JsonObject:
    """The fields of both, from options that have the same names."""
    if values["priority_class"]:
        require(grammar.dns_subdomain, values["priority_class"], path=f"{path}.priority_class", errors=errors)
    return {
        "namespace": require(grammar.dns_label, values["namespace"], path=f"{path}.namespace", errors=errors),
        "image": image_at(images.registry, upstream, tag=f"v{grammar.plain_version(values['version'])}"),
        "pull_secrets": images.pull_secrets,
        "priority_class": values["priority_class"],
        "resources": resources(values["resources"], default=default, path=f"{path}.resources", errors=errors),
    }


def _node_exporter(values: Values, images: _Images, *, errors: Errors) -> NodeExporter:
    path = "node_exporter"
    require(_NODE_EXPORTER_VERSION, values["version"], path=f"{path}.version", errors=errors)
    problem = grammar.port(values["port"])
    if problem is not None:
        errors.add(f"{path}.port", problem)
    return NodeExporter(
        **_program(values, images, upstream=NODE_EXPORTER_IMAGE, default=_OF_NODES, path=path, errors=errors),
        port=values["port"],
        address=values["address"],
        collectors=_collectors(values["collectors"], path=f"{path}.collectors", errors=errors),
        arguments=_arguments(values["arguments"], path=f"{path}.arguments", errors=errors),
    )


def _collectors(values: Values, *, path: str, errors: Errors) -> dict[str, bool]:
    """The collectors that are switched on or off beside the program's own choice."""
    found: dict[str, bool] = {}
    for key, switch in (("enabled", True), ("disabled", False)):
        names = require_each(_collector, values[key], path=f"{path}.{key}", errors=errors)
        for number, name in enumerate(names):
            if found.get(name) is (not switch):
                errors.add(f"{path}.{key}[{number}]", f"{name!r} is in enabled, too")
            found[name] = switch
    return dict(sorted(found.items()))


def _collector(text: str) -> str | None:
    return None if text in COLLECTORS else f"unknown collector {text!r}; {nearest(text, COLLECTORS)}"


def _arguments(raw: t.Mapping[str, t.Any], *, path: str, errors: Errors) -> dict[str, str]:
    """The flags with values: those given, and our own where neither they nor their opposites are given."""
    found: dict[str, str] = {}
    for name in sorted(raw, key=str):
        place = f"{path}.{name}"
        if name not in ARGUMENTS:
            errors.add(place, f"unknown argument; {nearest(str(name), ARGUMENTS)}")
        elif not isinstance(raw[name], str):
            errors.add(place, f"must be text, found {raw[name]!r}")
        else:
            found[str(name)] = require(_pattern, str(raw[name]), path=place, errors=errors)
    for name in found:
        if name.endswith(EXCLUDE) and _opposite(name) in found:
            errors.add(f"{path}.{name}", "cannot be given together with ", Place(f"{path}.{_opposite(name)}"))
    ours = {name: text for name, text in DEFAULT_ARGUMENTS.items() if _opposite(name) not in found}
    return dict(sorted({**ours, **found}.items()))


def _opposite(name: str) -> str:
    return name.removesuffix(EXCLUDE) + INCLUDE if name.endswith(EXCLUDE) else ""


def _pattern(text: str) -> str | None:
    """Check a regular expression that becomes an argument of a container."""
    try:
        re.compile(text)
    except re.error as error:
        return f"{text!r} is not a regular expression: {error}"
    if "$(" in text or "$$" in text:
        return f"{text!r} has '$(' or '$$' in it, which Kubernetes replaces in the arguments of a container"
    return None


def _metric(text: str) -> str | None:
    """Check an item of a list of metrics, which the program separates by commas."""
    if not text or "," in text:
        return f"{text!r} must be the name of a metric or a regular expression, without a comma"
    return _pattern(text)


def _kube_state_metrics(values: Values, images: _Images, *, errors: Errors) -> KubeStateMetrics:
    path = "kube_state_metrics"
    require(_STATES_VERSION, values["version"], path=f"{path}.version", errors=errors)
    objects = require_each(_object, values["objects"], path=f"{path}.objects", errors=errors)
    if not values["objects"]:
        errors.add(f"{path}.objects", "must have at least one kind of objects, such as pods")
    allow = require_each(_metric, values["metrics"]["allow"], path=f"{path}.metrics.allow", errors=errors)
    deny = require_each(_metric, values["metrics"]["deny"], path=f"{path}.metrics.deny", errors=errors)
    if allow and deny:
        errors.add(f"{path}.metrics.deny", "cannot be given together with ", Place(f"{path}.metrics.allow"))
    return KubeStateMetrics(
        **_program(values, images, upstream=KUBE_STATE_METRICS_IMAGE, default=_OF_STATES, path=path, errors=errors),
        objects=tuple(sorted(objects)),
        allow=tuple(sorted(allow)),
        deny=tuple(sorted(deny)),
        labels=_labels(values["labels"], objects, path=f"{path}.labels", errors=errors),
        conditions=values["monitoring_conditions"],
        network_policy=values["network_policy"],
        readers=tuple(
            sorted(require_each(grammar.dns_label, values["readers"], path=f"{path}.readers", errors=errors))
        ),
    )


def _object(text: str) -> str | None:
    return None if text in GROUPS else f"unknown kind of objects {text!r}; {nearest(text, GROUPS)}"


def _labels(
    raw: t.Mapping[str, t.Any], objects: t.Sequence[str], *, path: str, errors: Errors
) -> dict[str, tuple[str, ...]]:
    """By kinds of objects, the labels of these that become labels of a metric."""
    for name in raw:
        if name not in objects:
            errors.add(f"{path}.{name}", f"{name!r} is not in ", Place("kube_state_metrics.objects"))
    options = {name: {"type": "list", "elements": "str"} for name in objects}
    known = {name: keys for name, keys in raw.items() if name in objects}
    given = validate_mapping(known, options, path=path, errors=errors)
    return {
        name: tuple(sorted(require_each(grammar.qualified_name, keys, path=f"{path}.{name}", errors=errors)))
        for name, keys in sorted(given.items())
        if keys
    }
