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
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.versions import PROMETHEUS_OPERATOR
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.teams.parts import resources
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.teams.sizes import Resources
from ansible_collections.promfleet.monitoring.plugins.module_utils._input import grammar
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.errors import InputError
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.validate import require, validate_mapping

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
}

# The first release whose monitors have serviceDiscoveryRole, and that knows all flags that we set.
_OLDEST = (0, 86)
_DEFAULT_RESOURCES = Resources(cpu="200m", memory="200Mi")
_REGISTRY = re.compile(r"[a-zA-Z0-9](?:[a-zA-Z0-9.-]*[a-zA-Z0-9])?(?::\d+)?(?:/[a-z0-9][a-z0-9._-]*)*")


@dataclass(frozen=True, kw_only=True)
class Operator:
    """The operator of one cluster; the platform's own Prometheus watches it."""

    namespace: str
    version: str
    image_registry: str
    resources: Resources
    log_level: str
    monitor: bool
    alert_rules: bool
    platform_team: str
    platform_namespace: str


def parse_operator(raw: object, *, path: str = "operator") -> Operator:
    """The operator from a mapping (OPERATOR_OPTIONS, all optional); raises InputError where it is wrong."""
    values = validate_mapping({} if raw is None else raw, OPERATOR_OPTIONS, path=path)
    platform_team = require(grammar.dns_label, values["platform_team"], path=_at(path, "platform_team"))
    platform_namespace = require(
        grammar.dns_label,
        values["platform_namespace"] or f"{NAMESPACE_PREFIX}{platform_team}",
        path=_at(path, "platform_namespace"),
    )
    namespace = require(grammar.dns_label, values["namespace"], path=_at(path, "namespace"))
    if namespace == platform_namespace:
        raise InputError(_at(path, "namespace"), f"{namespace!r} is the namespace of the platform's own instance")
    return Operator(
        namespace=namespace,
        version=grammar.plain_version(require(_version, values["version"], path=_at(path, "version"))),
        image_registry=require(_registry, values["image_registry"], path=_at(path, "image_registry")),
        resources=resources(values["resources"], default=_DEFAULT_RESOURCES, path=_at(path, "resources")),
        log_level=values["log_level"],
        monitor=values["monitor"],
        alert_rules=values["alert_rules"],
        platform_team=platform_team,
        platform_namespace=platform_namespace,
    )


def _at(path: str, name: str) -> str:
    # A module has these options at its top level: then there is nothing in front of the name.
    return f"{path}.{name}" if path else name


def _version(text: str) -> str | None:
    problem = grammar.version(text)
    if problem is None:
        major, minor = map(int, re.findall(r"\d+", text)[:2])
        if (major, minor) < _OLDEST:
            return f"{text!r} is too old; this collection needs 0.86.0 or newer"
    return problem


def _registry(text: str) -> str | None:
    if _REGISTRY.fullmatch(text):
        return None
    return f"{text!r} is no registry; write host[:port][/path], without a scheme and without a slash at the end"
