# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What lets other clusters write to instances of a central cluster, as a capability. Pure."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, replace

from ansible_collections.promfleet.monitoring.plugins.module_utils._api.errors import Refused
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.capability import (
    Capability,
    Offline,
    Situation,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.common.objects import (
    APPS,
    CORE,
    NETWORKING,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.federation.addresses import (
    family_of_services,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.federation.exposed import (
    receiver_objects,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.federation.receivers import (
    RECEIVER_OPTIONS,
    Receiver,
    parse_receivers,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.teams.fleet import (
    TEAM_SET_OPTIONS,
    TEAM_SET_VARIABLES,
    parse_team_set,
    team_named,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.teams.model import Team
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.errors import Errors
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.request import Request

JsonObject = dict[str, t.Any]


@dataclass(frozen=True, kw_only=True)
class Receiving:
    """The instances of one cluster that receive, each with its team.

    *family* is the family of addresses that Services have there by default, None if that is not known.
    """

    receivers: tuple[tuple[Receiver, Team], ...]
    family: str | None = None


def parse_receiving(params: t.Mapping[str, t.Any], errors: Errors) -> Receiving:
    """The receiving instances from a module's parameters."""
    teams = parse_team_set(params, errors=errors)
    central = team_named(params["central_team"], teams=teams, path="central_team", errors=errors)
    receivers = parse_receivers(
        params["receivers"], teams=teams, central_team=central.name, cluster=params["cluster"], errors=errors
    )
    return Receiving(receivers=receivers)


def desired_receiving(model: Receiving) -> list[JsonObject]:
    """The objects through which others reach what receives."""
    return [
        obj
        for receiver, team in model.receivers
        for obj in receiver_objects(
            receiver,
            team=team.name,
            namespace=team.namespace,
            replicas=team.prometheus.replicas,
            prometheus=team.prometheus.name,
            family=model.family,
            isolated=team.network_policy,
            pods=team.pods,
        )
    ]


def policy_receiving(request: Request, model: Receiving | None, situation: Situation) -> Request:
    """Follow the cluster's family of addresses, and warn of what lets in everybody of a network."""
    if model is None:
        return request
    balanced = [one for one, _team in model.receivers if one.expose == "LoadBalancer" and one.ip_family is None]
    if balanced:
        family = family_of_services(situation.cluster)
        for one in balanced:
            if family and not one.allowed_of(family):
                raise Refused(
                    f"team {one.team}: allowed_sources has no range of {family}, the family of the cluster's Services; "
                    "a load balancer without one would let in every address. Add one, or give ip_family"
                )
        request = request.wanting(desired_receiving(replace(model, family=family)))
    return request.guarded(lambda _plan: _open(model))


def offline_receiving(model: Receiving, known: Offline) -> list[JsonObject]:
    """The same objects; the family of a load balancer must be given, because only the cluster knows its own."""
    for one, team in model.receivers:
        if one.expose == "LoadBalancer" and one.ip_family is None:
            known.errors.add(
                "receivers", f"team {team.name}: ip_family is required here: without a cluster its family is not known"
            )
    return desired_receiving(model)


def _open(model: Receiving) -> list[str]:
    return [
        f"team {team.name}: each address of allowed_sources can write any series into its instance, those of other "
        "clusters and teams too; give proxy, which lets in clients by their certificate"
        for receiver, team in model.receivers
        if receiver.expose != "Existing" and receiver.proxy is None
    ]


FEDERATION_RECEIVER: Capability[Receiving] = Capability(
    name="federation-write",
    kinds=((CORE, "Service"), (APPS, "Deployment"), (NETWORKING, "NetworkPolicy")),
    options={
        **TEAM_SET_OPTIONS,
        "receivers": {"type": "list", "elements": "dict", "default": [], "options": RECEIVER_OPTIONS},
        "central_team": {"type": "str", "default": "platform"},
    },
    parse=parse_receiving,
    desired=desired_receiving,
    policy=policy_receiving,
    offline=offline_receiving,
    module="federation_receiver",
    role="prometheus_federation",
    account="promfleet-teams",
    example={
        "cluster": "any",
        "clusters": ["any"],
        "receivers": [
            {
                "ip_family": "IPv4",
                "urls": ["https://receiver.example.com:9090/api/v1/write"],
                "proxy": {"certificate": {"secret": "any"}, "client_ca": {"secret": "any"}, "clients": ["any"]},
            }
        ],
    },
    variables=TEAM_SET_VARIABLES,
    requires=("teams",),
)
