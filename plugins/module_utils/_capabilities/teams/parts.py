# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The parts of a team's monitoring, Prometheus and Alertmanager: options and what becomes of them. Pure."""

from __future__ import annotations

import math
import typing as t
from dataclasses import dataclass
from fractions import Fraction

from ansible_collections.promfleet.monitoring.plugins.module_utils._base.marks import MONITORING, MONITORING_ALPHA
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.versions import PROMETHEUS
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.common.names import (
    PROMETHEUS_NAME_MAX,
    alertmanager_resource_name,
    prometheus_resource_name,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.common.resources import (
    RESOURCES_OPTION,
    Resources,
    canonical_quantity,
    resources,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.teams import extra
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.teams.features import (
    AGENT_FEATURES,
    FEATURES,
    feature,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.teams.limits import (
    LIMITS_OPTION,
    QUERY_OPTION,
    ScrapeLimits,
    parse_limits,
    parse_query,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.teams.pods import (
    SCHEDULING_OPTION,
    Scheduling,
    parse_scheduling,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.teams.routes import (
    ROUTING_OPTIONS,
    Routing,
    parse_routing,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.teams.sending import (
    REMOTE_WRITE_OPTION,
    THANOS_OPTION,
    RemoteWrite,
    Thanos,
    parse_remote_write,
    parse_thanos,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.teams.sizes import (
    REPLICAS_MAX,
    PartSize,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.teams.web import (
    WEB_OPTION,
    Web,
    parse_web,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._input import grammar, quantities
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.errors import Errors
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.validate import Values, require, require_each

# A shard's number, which begins at 0, is one digit too; and the end of the name that the operator gives to its pods.
SHARDS_MAX = 10
_OF_SHARD = "-shard-1"

# The largest part of a volume that data may fill, in steps of whole mebibytes.
_PERCENT = 85
_OF_VOLUME = Fraction(_PERCENT, 100)
_ROUNDED = 2**20
AUTO = "auto"

# The oldest release that the operator supports.
_PROMETHEUS_VERSION = grammar.version_from("2.45.0", who="the operator")

JsonObject = dict[str, t.Any]

# A Prometheus that keeps and answers, or one that only sends what it scrapes.
SERVER, AGENT = "server", "agent"
# What the operator calls the pods of each kind, in their label app.kubernetes.io/name.
APPLICATIONS = {extra.PROMETHEUS: "prometheus", extra.AGENT: "prometheus-agent", extra.ALERTMANAGER: "alertmanager"}

STORAGE_OPTION: dict[str, t.Any] = {
    "type": "dict",
    "options": {
        "size": {"type": "str", "required": True},
        "class": {"type": "str"},
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
        "mode": {"type": "str", "choices": [SERVER, AGENT], "default": SERVER},
        "retention_size": {"type": "str"},
        "shards": {"type": "int"},
        "wal_compression": {"type": "bool"},
        "enable_features": {"type": "list", "elements": "str", "default": []},
        "limits": LIMITS_OPTION,
        "query": QUERY_OPTION,
        "web": WEB_OPTION,
        "scheduling": SCHEDULING_OPTION,
        "remote_write": REMOTE_WRITE_OPTION,
        "thanos": THANOS_OPTION,
        "extra_spec": {"type": "dict", "default": {}},
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
        "web": WEB_OPTION,
        "scheduling": SCHEDULING_OPTION,
        "extra_spec": {"type": "dict", "default": {}},
        **ROUTING_OPTIONS,
    },
}


@dataclass(frozen=True, kw_only=True)
class Storage:
    """A volume claim for each replica; *storage_class* None leaves the class to the cluster."""

    size: str
    storage_class: str | None = None


@dataclass(frozen=True, kw_only=True)
class PrometheusPart:
    """A team's Prometheus; *name* is the custom resource's. Without *storage* its data lives as long as the pod.

    *retention_size* is a number of bytes, and *query* the field of the custom resource.
    """

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
    retention_size: int | None
    shards: int
    wal_compression: bool | None
    features: tuple[str, ...]
    limits: ScrapeLimits
    query: JsonObject
    web: Web
    scheduling: Scheduling
    mode: str
    remote_write: tuple[RemoteWrite, ...]
    thanos: Thanos | None
    extra: JsonObject

    @property
    def pods(self) -> int:
        """How many pods it has in all."""
        return self.replicas * self.shards

    @property
    def kind(self) -> str:
        """The kind of the custom resource."""
        return extra.AGENT if self.mode == AGENT else extra.PROMETHEUS

    @property
    def api_version(self) -> str:
        """The version of that kind."""
        return MONITORING_ALPHA if self.mode == AGENT else MONITORING

    @property
    def application(self) -> str:
        """What the operator calls its pods."""
        return APPLICATIONS[self.kind]

    @property
    def serves(self) -> bool:
        """Whether there is a Prometheus that answers queries; an agent does not."""
        return self.enabled and self.mode == SERVER


@dataclass(frozen=True, kw_only=True)
class AlertmanagerPart:
    """A team's Alertmanager; *name* is the custom resource's. *routing* None leaves it to the default of all teams."""

    name: str
    enabled: bool
    replicas: int
    retention: str
    storage: Storage | None
    resources: Resources
    web: Web
    scheduling: Scheduling
    extra: JsonObject
    routing: Routing | None = None

    @property
    def pods(self) -> int:
        """How many pods it has."""
        return self.replicas


def prometheus_part(values: Values, *, team: str, size: PartSize, path: str, errors: Errors) -> PrometheusPart:
    """The Prometheus that validated *values* describe; what they leave open comes from *size*, its name from *team*."""

    def checked(name: str, check: grammar.Check) -> str:
        return require(check, values[name], path=f"{path}.{name}", errors=errors)

    name = _name(values["name"], prometheus_resource_name, team=team, path=f"{path}.name", errors=errors)
    storage = _storage(values["storage"], path=f"{path}.storage", errors=errors)
    kind = extra.PROMETHEUS
    if values["mode"] == AGENT:
        kind = extra.AGENT
        _refuse_for_agent(values, path=path, errors=errors)
    return PrometheusPart(
        name=name,
        enabled=values["enabled"],
        replicas=_replicas(values["replicas"], size=size, path=f"{path}.replicas", errors=errors),
        retention=checked("retention", grammar.duration),
        scrape_interval=checked("scrape_interval", grammar.duration),
        evaluation_interval=checked("evaluation_interval", grammar.duration),
        storage=storage,
        version=grammar.plain_version(checked("version", _PROMETHEUS_VERSION)),
        resources=resources(values["resources"], default=size.resources, path=f"{path}.resources", errors=errors),
        enforce_tenancy=values["enforce_tenancy"],
        retention_size=_retention_size(values["retention_size"], storage=storage, path=path, errors=errors),
        shards=_shards(values["shards"], name=name, path=f"{path}.shards", errors=errors),
        wal_compression=values["wal_compression"],
        features=_features(values["enable_features"], path=f"{path}.enable_features", errors=errors),
        limits=parse_limits(values["limits"], path=f"{path}.limits", errors=errors),
        query=parse_query(values["query"], path=f"{path}.query", errors=errors),
        web=parse_web(values["web"], path=f"{path}.web", errors=errors),
        scheduling=parse_scheduling(values["scheduling"], path=f"{path}.scheduling", errors=errors),
        mode=values["mode"],
        remote_write=parse_remote_write(values["remote_write"], path=f"{path}.remote_write", errors=errors),
        thanos=parse_thanos(values["thanos"], path=f"{path}.thanos", errors=errors),
        extra=extra.parse_extra(values["extra_spec"], kind=kind, path=f"{path}.extra_spec", errors=errors),
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
        web=parse_web(values["web"], path=f"{path}.web", errors=errors),
        scheduling=parse_scheduling(values["scheduling"], path=f"{path}.scheduling", errors=errors),
        extra=extra.parse_extra(
            values["extra_spec"], kind=extra.ALERTMANAGER, path=f"{path}.extra_spec", errors=errors
        ),
        routing=parse_routing(values, path=path, errors=errors),
    )


def _refuse_for_agent(values: Values, *, path: str, errors: Errors) -> None:
    """Note in *errors* what an agent cannot do: it keeps no samples, answers no queries and evaluates no rules."""
    reasons = {
        "retention": "an agent keeps samples only until they are sent",
        "retention_size": "an agent keeps samples only until they are sent",
        "evaluation_interval": "an agent evaluates no rules",
        "query": "an agent answers no queries",
        "thanos": "an agent has no blocks that a sidecar could upload or read",
    }
    for name, reason in reasons.items():
        if values[name] is not None and values[name] != PROMETHEUS_OPTION["options"][name].get("default"):
            errors.add(f"{path}.{name}", f"cannot be given with mode: {AGENT}: {reason}")
    for number, name in enumerate(values["enable_features"]):
        if name in FEATURES and name not in AGENT_FEATURES:
            errors.add(
                f"{path}.enable_features[{number}]", f"{name!r} has no effect with mode: {AGENT}: {FEATURES[name]}"
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


def _retention_size(given: str | None, *, storage: Storage | None, path: str, errors: Errors) -> int | None:
    """How many bytes of data Prometheus keeps at most; None for no such limit.

    The rest of a volume is for the WAL, and for what a compaction writes before it deletes what it read. Prometheus'
    own guide recommends 80 to 85 % (docs/storage.md).
    """
    place = f"{path}.retention_size"
    if given is None:
        return None
    largest = None
    if storage is not None and errors.is_good(f"{path}.storage"):
        largest = math.floor(quantities.value_of(storage.size) * _OF_VOLUME / _ROUNDED) * _ROUNDED
    if given == AUTO:
        if storage is None:
            errors.add(place, f"{AUTO!r} is {_PERCENT} % of the volume claim, and storage gives none")
        return largest
    canonical_quantity(grammar.byte_quantity, given, path=place, errors=errors)
    if not errors.is_good(place):
        return None
    size = math.floor(quantities.value_of(given))
    if largest is not None and size > largest:
        most = quantities.Quantity(value=Fraction(largest), form=quantities.BINARY)
        errors.add(
            place,
            f"{given} is more than {_PERCENT} % of the volume claim ({storage.size if storage else ''}); "
            f"the largest value is {most}",
        )
    return size


def _shards(value: int | None, *, name: str, path: str, errors: Errors) -> int:
    if value is None:
        return 1
    if not 1 <= value <= SHARDS_MAX:
        errors.add(path, f"must be from 1 to {SHARDS_MAX}, found {value}")
    elif value > 1 and len(name) > PROMETHEUS_NAME_MAX - len(_OF_SHARD):
        errors.add(
            path,
            f"needs a name of at most {PROMETHEUS_NAME_MAX - len(_OF_SHARD)} characters, and {name!r} is longer: the "
            f"operator adds {_OF_SHARD} to it; set name",
        )
    return value


def _features(names: t.Sequence[str], *, path: str, errors: Errors) -> tuple[str, ...]:
    return tuple(sorted(require_each(feature, names, path=path, errors=errors)))
