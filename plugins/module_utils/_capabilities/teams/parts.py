# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The parts of a team's monitoring, Prometheus and Alertmanager: options and what becomes of them. Pure."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from ansible_collections.promfleet.monitoring.plugins.module_utils._base.versions import PROMETHEUS
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.common.names import (
    alertmanager_resource_name,
    prometheus_resource_name,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.common.resources import (
    Resources,
    canonical_quantity,
    resources,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.teams.sizes import PartSize
from ansible_collections.promfleet.monitoring.plugins.module_utils._input import grammar
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.errors import Errors
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.validate import Values, require

# A replica's number is part of the name of a Service that has no room for a second digit.
REPLICAS_MAX = 9

# The oldest release that the operator supports.
_PROMETHEUS_VERSION = grammar.version_from("2.45.0", who="the operator")

STORAGE_OPTION: dict[str, t.Any] = {
    "type": "dict",
    "options": {
        "size": {"type": "str", "required": True},
        "class": {"type": "str"},
    },
}
RESOURCES_OPTION: dict[str, t.Any] = {
    "type": "dict",
    "options": {
        "cpu": {"type": "str"},
        "cpu_limit": {"type": "str"},
        "memory": {"type": "str"},
    },
}
PROMETHEUS_OPTION: dict[str, t.Any] = {
    "type": "dict",
    "default": {},
    "options": {
        "enabled": {"type": "bool", "default": True},
        "name": {"type": "str"},
        "replicas": {"type": "int"},
        "retention": {"type": "str", "default": "10d"},
        "scrape_interval": {"type": "str", "default": "30s"},
        "evaluation_interval": {"type": "str", "default": "30s"},
        "storage": STORAGE_OPTION,
        "version": {"type": "str", "default": PROMETHEUS},
        "resources": RESOURCES_OPTION,
        "enforce_tenancy": {"type": "bool", "default": True},
    },
}
ALERTMANAGER_OPTION: dict[str, t.Any] = {
    "type": "dict",
    "default": {},
    "options": {
        "enabled": {"type": "bool", "default": True},
        "name": {"type": "str"},
        "replicas": {"type": "int"},
        "retention": {"type": "str", "default": "120h"},
        "storage": STORAGE_OPTION,
        "resources": RESOURCES_OPTION,
    },
}


@dataclass(frozen=True, kw_only=True)
class Storage:
    """A volume claim for each replica; *storage_class* None leaves the class to the cluster."""

    size: str
    storage_class: str | None = None


@dataclass(frozen=True, kw_only=True)
class PrometheusPart:
    """A team's Prometheus; *name* is the custom resource's. Without *storage* its data lives as long as the pod."""

    name: str
    enabled: bool
    replicas: int
    retention: str
    scrape_interval: str
    evaluation_interval: str
    storage: Storage | None
    version: str
    resources: Resources
    enforce_tenancy: bool


@dataclass(frozen=True, kw_only=True)
class AlertmanagerPart:
    """A team's Alertmanager; *name* is the custom resource's."""

    name: str
    enabled: bool
    replicas: int
    retention: str
    storage: Storage | None
    resources: Resources


def prometheus_part(values: Values, *, team: str, size: PartSize, path: str, errors: Errors) -> PrometheusPart:
    """The Prometheus that validated *values* describe; what they leave open comes from *size*, its name from *team*."""

    def checked(name: str, check: grammar.Check) -> str:
        return require(check, values[name], path=f"{path}.{name}", errors=errors)

    return PrometheusPart(
        name=_name(values["name"], prometheus_resource_name, team=team, path=f"{path}.name", errors=errors),
        enabled=values["enabled"],
        replicas=_replicas(values["replicas"], size=size, path=f"{path}.replicas", errors=errors),
        retention=checked("retention", grammar.duration),
        scrape_interval=checked("scrape_interval", grammar.duration),
        evaluation_interval=checked("evaluation_interval", grammar.duration),
        storage=_storage(values["storage"], path=f"{path}.storage", errors=errors),
        version=grammar.plain_version(checked("version", _PROMETHEUS_VERSION)),
        resources=resources(values["resources"], default=size.resources, path=f"{path}.resources", errors=errors),
        enforce_tenancy=values["enforce_tenancy"],
    )


def alertmanager_part(values: Values, *, team: str, size: PartSize, path: str, errors: Errors) -> AlertmanagerPart:
    """The Alertmanager that validated *values* describe; what they leave open comes from *size* and *team*."""
    return AlertmanagerPart(
        name=_name(values["name"], alertmanager_resource_name, team=team, path=f"{path}.name", errors=errors),
        enabled=values["enabled"],
        replicas=_replicas(values["replicas"], size=size, path=f"{path}.replicas", errors=errors),
        retention=require(grammar.hours_duration, values["retention"], path=f"{path}.retention", errors=errors),
        storage=_storage(values["storage"], path=f"{path}.storage", errors=errors),
        resources=resources(values["resources"], default=size.resources, path=f"{path}.resources", errors=errors),
    )


def _name(given: str | None, check: grammar.Check, *, team: str, path: str, errors: Errors) -> str:
    # The team's own name was checked as such.
    return require(check, given, path=path, errors=errors) if given else team


def _replicas(value: int | None, *, size: PartSize, path: str, errors: Errors) -> int:
    if value is None:
        return size.replicas
    if not 1 <= value <= REPLICAS_MAX:
        errors.add(path, f"must be from 1 to {REPLICAS_MAX}, found {value}; to have none, set enabled to false")
    return value


def _storage(values: Values | None, *, path: str, errors: Errors) -> Storage | None:
    if values is None:
        return None
    size = canonical_quantity(grammar.byte_quantity, values["size"], path=f"{path}.size", errors=errors)
    storage_class = values["class"]
    if storage_class is not None:
        require(grammar.dns_subdomain, storage_class, path=f"{path}.class", errors=errors)
    return Storage(size=size, storage_class=storage_class)
