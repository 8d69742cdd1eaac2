# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What lets an instance that reads others reach them, where a network policy of its team closes it. Pure."""

from __future__ import annotations

import json
import typing as t
from collections import defaultdict

from ansible_collections.promfleet.monitoring.plugins.module_utils._api.client import Readable, find_object
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.marks import (
    COMPONENT_LABEL,
    common_labels,
    instance_pods,
    sources_policy_name,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.common.objects import (
    NETWORKING,
    PROMETHEUS_PORT,
    JsonObject,
    make,
    tcp_ports,
    team_namespaces,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.federation.endpoints import (
    FederationTargetSet,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.federation.proxy import PROXY_PORT
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.federation.scrape import (
    FEDERATION_COMPONENT,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.teams.model import Team
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.teams.network import address_rule


def reaching_objects(team: Team, sources: t.Sequence[FederationTargetSet], *, cluster: str) -> list[JsonObject]:
    """The policy by which the Prometheus of *team* in *cluster* reaches its *sources*; none where nothing closes it."""
    if not team.network_policy:
        return []
    read = [source for source in sources if source.is_scraped]
    rules = ways(read, cluster=cluster, inside=(PROMETHEUS_PORT, PROXY_PORT))
    if not rules:
        return []
    spec = {
        "podSelector": {"matchLabels": instance_pods("prometheus", name=team.prometheus.name)},
        "policyTypes": ["Egress"],
        "egress": rules,
    }
    labels = {**common_labels("prometheus", team=team.name), COMPONENT_LABEL: FEDERATION_COMPONENT}
    name = sources_policy_name(team.name)
    return [make(NETWORKING, "NetworkPolicy", name, namespace=team.namespace, labels=labels, spec=spec)]


def is_way(obj: t.Mapping[str, t.Any]) -> bool:
    """Whether an object is such a policy."""
    return bool(obj["kind"] == "NetworkPolicy")


def keeping_ways(objects: t.Iterable[JsonObject], cluster: Readable) -> list[JsonObject]:
    """*objects*, each policy with what the live one allows, too: sources that gave no place in this run are still read.

    The next run with all sources takes away what is no longer needed.
    """
    return [_with_live(obj, cluster) if is_way(obj) else obj for obj in objects]


def _with_live(policy: JsonObject, cluster: Readable) -> JsonObject:
    live = find_object(cluster, policy)
    if live is None:
        return policy
    rules = {json.dumps(rule["ports"], sort_keys=True): dict(rule) for rule in policy["spec"]["egress"]}
    for rule in (live.get("spec") or {}).get("egress") or ():
        ports = json.dumps(rule.get("ports") or [], sort_keys=True)
        to = [*rules.get(ports, {}).get("to", ()), *(rule.get("to") or ())]
        unique = {json.dumps(peer, sort_keys=True): peer for peer in to}
        rules[ports] = {"to": list(unique.values()), "ports": json.loads(ports)}
    return {**policy, "spec": {**policy["spec"], "egress": list(rules.values())}}


def ways(sources: t.Iterable[FederationTargetSet], *, cluster: str, inside: t.Sequence[int]) -> list[JsonObject]:
    """One rule for each port, with all addresses there, and one for the instances of the same cluster.

    *inside*: the ports of the pods that are meant.

    Kube-proxy gives a node port or a balancer of the own cluster the address of the pod before a policy is looked at.
    """
    places: dict[int, set[str]] = defaultdict(set)
    near = set()
    for source in sources:
        for target in source.targets:
            port = target.port or PROMETHEUS_PORT
            places[port].update((target.address, *target.others))
        if source.targets and source.cluster == cluster:
            near.add(source.team)
    rules = []
    for port in sorted(places):
        blocks = [block for host in sorted(places[port]) for block in address_rule(host, port)["to"]]
        unique = {str(block): block for block in blocks}
        rules.append({"to": list(unique.values()), "ports": tcp_ports(port)})
    if near:
        rules.append({"to": [{"namespaceSelector": team_namespaces(*sorted(near))}], "ports": tcp_ports(*inside)})
    return rules
