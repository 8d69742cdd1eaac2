# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The operator: its options, and what becomes of them. Pure."""

from __future__ import annotations

import re
import typing as t
from dataclasses import dataclass

from ansible_collections.promfleet.monitoring.plugins.module_utils._base.marks import (
    NAMESPACE_PREFIX,
    OPERATOR_NAME,
    PLATFORM_TEAM,
    cluster_wide_name,
    operator_name,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.versions import PROMETHEUS_OPERATOR
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.common.names import team_name
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.common.resources import (
    Resources,
    resources,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._input import grammar
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.errors import Collecting, Errors
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.validate import require, validate_mapping
from ansible_collections.promfleet.monitoring.plugins.module_utils._operators.replace import deployment_name

OPERATOR_OPTIONS: dict[str, dict[str, t.Any]] = {
    "namespace": {"type": "str", "default": OPERATOR_NAME},
    "version": {"type": "str", "default": PROMETHEUS_OPERATOR},
    "image_registry": {"type": "str", "default": "quay.io"},
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
}

# The first release whose monitors have serviceDiscoveryRole, and that knows all flags that we set.
_VERSION = grammar.version_from("0.86.0", who="this collection")
_DEFAULT_RESOURCES = Resources(cpu="200m", memory="200Mi")
_REGISTRY = re.compile(r"[a-zA-Z0-9](?:[a-zA-Z0-9.-]*[a-zA-Z0-9])?(?::\d+)?(?:/[a-z0-9][a-z0-9._-]*)*")


@dataclass(frozen=True, kw_only=True)
class Operator:
    """An operator of one cluster; the platform's own Prometheus watches it. The first one has no *part*.

    *replaces*: ``namespace/name`` of the Deployments of operators whose place it takes.
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
    part: str = ""

    @property
    def name(self) -> str:
        """Name of its objects in its namespace, and the first of the labels by which its pod is found."""
        return operator_name(self.part)

    @property
    def cluster_wide_name(self) -> str:
        """Name of its ClusterRole and of its ClusterRoleBinding."""
        return cluster_wide_name(self.name)


def parse_operator(raw: object, *, errors: Errors | None = None) -> Operator:
    """The operator from a mapping (OPERATOR_OPTIONS, all optional).

    What is wrong is noted in *errors*, or raised as InputError.
    """
    with Collecting(errors) as found:
        values = validate_mapping({} if raw is None else raw, OPERATOR_OPTIONS, path="", errors=found)

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
            image_registry=checked("image_registry", _registry, values["image_registry"]),
            resources=resources(values["resources"], default=_DEFAULT_RESOURCES, path="resources", errors=found),
            log_level=values["log_level"],
            monitor=values["monitor"],
            alert_rules=values["alert_rules"],
            platform_team=platform_team,
            platform_namespace=platform_namespace,
            replaces=_replaces(values["replaces"], namespace=namespace, errors=found),
        )


def _replaces(values: t.Sequence[str], *, namespace: str, errors: Errors) -> tuple[str, ...]:
    for number, text in enumerate(values):
        path = f"replaces[{number}]"
        require(deployment_name, text, path=path, errors=errors)
        if text in values[:number]:
            errors.add(path, f"{text!r} is listed twice")
        if text == f"{namespace}/{operator_name()}":
            errors.add(path, f"{text!r} is the Deployment that this makes; give this operator another namespace")
    return tuple(values)


def _registry(text: str) -> str | None:
    if _REGISTRY.fullmatch(text):
        return None
    return f"{text!r} is not a registry; write host[:port][/path], without a scheme and without a slash at the end"
