# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Federation's two sides as capabilities: what a worker exposes, and what the central side scrapes. Pure."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from ansible_collections.promfleet.monitoring.plugins.module_utils._base.marks import MONITORING, MONITORING_ALPHA
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.capability import (
    Capability,
    Situation,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.common.objects import (
    CORE,
    DISCOVERY,
    NETWORKING,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.federation.addresses import (
    needed_rights,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.federation.endpoints import (
    FederationTargetSet,
    is_of_clusters,
    parse_endpoints,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.federation.objects import (
    endpoint_objects,
    source_objects,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.federation.sources import (
    SOURCE_OPTIONS,
    Source,
    exposed_sources,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.teams.fleet import (
    TEAM_SET_OPTIONS,
    parse_team_set,
    team_named,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.teams.model import Team
from ansible_collections.promfleet.monitoring.plugins.module_utils._prometheus.promql import check_selector
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.request import Request

JsonObject = dict[str, t.Any]

_ROLE = "prometheus_federation"
_ACCOUNT = "promfleet-teams"
_EXAMPLE: JsonObject = {"cluster": "any", "clusters": ["any"]}


# -- a worker's side ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Exposed:
    """The instances that one *cluster* exposes, each with its team."""

    cluster: str
    sources: tuple[tuple[Source, Team], ...]


def parse_exposed(params: t.Mapping[str, t.Any]) -> Exposed:
    """The exposed instances from a module's parameters; raises InputError."""
    teams = parse_team_set(params)
    return Exposed(
        cluster=params["cluster"],
        sources=tuple(exposed_sources(params, teams=teams, check_match=check_selector)),
    )


def desired_exposed(model: Exposed) -> list[JsonObject]:
    """The objects that make the instances reachable from other clusters."""
    return [
        obj
        for source, team in model.sources
        for obj in source_objects(
            source, cluster=model.cluster, namespace=team.namespace, replicas=team.prometheus.replicas
        )
    ]


def policy_exposed(request: Request, model: Exposed | None, _situation: Situation) -> Request:
    """Require the rights for finding the addresses afterwards."""
    return request.needing(needed_rights(model.sources if model is not None else ()))


FEDERATION_SOURCE: Capability[Exposed] = Capability(
    name="federation-source",
    kinds=((CORE, "Service"), (NETWORKING, "NetworkPolicy")),
    options={
        **TEAM_SET_OPTIONS,
        "sources": {"type": "list", "elements": "dict", "default": [], "options": SOURCE_OPTIONS},
    },
    parse=parse_exposed,
    desired=desired_exposed,
    policy=policy_exposed,
    module="federation_source",
    role=_ROLE,
    account=_ACCOUNT,
    example={**_EXAMPLE, "sources": [{}]},
    requires=("teams",),
)


# -- the central side ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Federated:
    """The instances that the Prometheus of one *team* scrapes."""

    team: Team
    targets: tuple[FederationTargetSet, ...]


def parse_federated(params: t.Mapping[str, t.Any]) -> Federated:
    """The federated instances from a module's parameters; raises InputError.

    A place may be KNOWN_AFTER_APPLY: in check mode the worker's side told so. A real run refuses that.
    """
    team = team_named(params["central_team"], teams=parse_team_set(params), path="central_team")
    return Federated(team=team, targets=parse_endpoints(params["sources"], check_match=check_selector, check=True))


def desired_federated(model: Federated) -> list[JsonObject]:
    """The objects that let the central Prometheus scrape the instances."""
    return [
        obj
        for targets in model.targets
        for obj in endpoint_objects(targets, namespace=model.team.namespace, team=model.team.name)
    ]


def policy_federated(request: Request, model: Federated | None, situation: Situation) -> Request:
    """Keep the objects of workers that gave no answer in this run; outside check mode refuse unknown places."""
    if model is not None and not situation.check:
        parse_endpoints(situation.params["sources"], check_match=check_selector)
    stale = frozenset(situation.params["stale"]) if model is not None else frozenset[str]()
    return request.keeping(lambda live: is_of_clusters(live, stale), reason="")


FEDERATION: Capability[Federated] = Capability(
    name="federation",
    kinds=(
        (CORE, "Service"),
        (DISCOVERY, "EndpointSlice"),
        (MONITORING, "ServiceMonitor"),
        (MONITORING_ALPHA, "ScrapeConfig"),
    ),
    options={
        **TEAM_SET_OPTIONS,
        "sources": {"type": "list", "elements": "dict", "default": []},
        "stale": {"type": "list", "elements": "str", "default": []},
        "central_team": {"type": "str", "default": "platform"},
    },
    parse=parse_federated,
    desired=desired_federated,
    policy=policy_federated,
    module="federation_endpoints",
    role=_ROLE,
    account=_ACCOUNT,
    example={
        **_EXAMPLE,
        "sources": [
            {"cluster": "edge", "team": "platform", "targets": [{"address": "192.0.2.1", "port": 9090}]},
            {"cluster": "edge", "team": "any", "targets": [{"address": "prometheus.example.com", "port": 9090}]},
        ],
    },
    requires=("teams",),
)
