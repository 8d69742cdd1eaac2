# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The parts of a team's monitoring, Prometheus and Alertmanager: options and what becomes of them. Pure."""

from __future__ import annotations

import re
import typing as t
from dataclasses import dataclass

from ansible_collections.promfleet.monitoring.plugins.module_utils._base.versions import PROMETHEUS
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.teams.sizes import PartSize, Resources
from ansible_collections.promfleet.monitoring.plugins.module_utils._input import grammar
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.errors import InputError
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.validate import Values, require

# A replica's number is part of the name of a Service that has no room for a second digit.
REPLICAS_MAX = 9

# The oldest release that the operator supports.
_OLDEST_PROMETHEUS = (2, 45)

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
        "memory": {"type": "str"},
    },
}
PROMETHEUS_OPTION: dict[str, t.Any] = {
    "type": "dict",
    "default": {},
    "options": {
        "enabled": {"type": "bool", "default": True},
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
    """A team's Prometheus; without *storage* its data lives as long as the pod."""

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
    """A team's Alertmanager."""

    enabled: bool
    replicas: int
    retention: str
    storage: Storage | None
    resources: Resources


def prometheus_part(values: Values, *, size: PartSize, path: str) -> PrometheusPart:
    """The Prometheus that validated *values* describe; what they leave open comes from *size*."""
    return PrometheusPart(
        enabled=values["enabled"],
        replicas=_replicas(values["replicas"], size=size, path=f"{path}.replicas"),
        retention=require(grammar.duration, values["retention"], path=f"{path}.retention"),
        scrape_interval=require(grammar.duration, values["scrape_interval"], path=f"{path}.scrape_interval"),
        evaluation_interval=require(
            grammar.duration, values["evaluation_interval"], path=f"{path}.evaluation_interval"
        ),
        storage=_storage(values["storage"], path=f"{path}.storage"),
        version=grammar.plain_version(require(_prometheus_version, values["version"], path=f"{path}.version")),
        resources=resources(values["resources"], default=size.resources, path=f"{path}.resources"),
        enforce_tenancy=values["enforce_tenancy"],
    )


def alertmanager_part(values: Values, *, size: PartSize, path: str) -> AlertmanagerPart:
    """The Alertmanager that validated *values* describe; what they leave open comes from *size*."""
    return AlertmanagerPart(
        enabled=values["enabled"],
        replicas=_replicas(values["replicas"], size=size, path=f"{path}.replicas"),
        retention=require(grammar.hours_duration, values["retention"], path=f"{path}.retention"),
        storage=_storage(values["storage"], path=f"{path}.storage"),
        resources=resources(values["resources"], default=size.resources, path=f"{path}.resources"),
    )


def resources(values: Values | None, *, default: Resources, path: str) -> Resources:
    """What a container asks for, in canonical quantities; what *values* leave open comes from *default*."""
    given = values or {}
    cpu = require(grammar.quantity, given.get("cpu") or default.cpu, path=f"{path}.cpu")
    memory = require(grammar.byte_quantity, given.get("memory") or default.memory, path=f"{path}.memory")
    return Resources(cpu=grammar.canonical_quantity(cpu), memory=grammar.canonical_quantity(memory))


def _replicas(value: int | None, *, size: PartSize, path: str) -> int:
    if value is None:
        return size.replicas
    if not 1 <= value <= REPLICAS_MAX:
        raise InputError(path, f"must be from 1 to {REPLICAS_MAX}, found {value}; to have none, set enabled to false")
    return value


def _storage(values: Values | None, *, path: str) -> Storage | None:
    if values is None:
        return None
    size = grammar.canonical_quantity(require(grammar.byte_quantity, values["size"], path=f"{path}.size"))
    storage_class = values["class"]
    if storage_class is not None:
        require(grammar.dns_subdomain, storage_class, path=f"{path}.class")
    return Storage(size=size, storage_class=storage_class)


def _prometheus_version(text: str) -> str | None:
    problem = grammar.version(text)
    if problem is None:
        major, minor = map(int, re.findall(r"\d+", text)[:2])
        if (major, minor) < _OLDEST_PROMETHEUS:
            return f"{text!r} is too old; the operator supports 2.45.0 and newer"
    return problem
