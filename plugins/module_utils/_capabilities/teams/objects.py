# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The objects of one team: its namespaces, who may do what in them, and its instance. Pure."""

from __future__ import annotations

import functools
import typing as t

from ansible_collections.promfleet.monitoring.plugins.module_utils._base.marks import (
    INSTANCE_LABEL,
    INSTANCE_OF_LABEL,
    MANAGED_BY_LABEL,
    NAME_LABEL,
    OPERATOR_NAME,
    TEAM_LABEL,
    common_labels,
    prometheus_name,
    query_name,
    query_pods,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.common.objects import (
    ALERTMANAGER_PORT,
    CORE,
    NETWORKING,
    PROMETHEUS_PORT,
    QUERY_PORT,
    RELOADER_PORT,
    RESTRICTED_NAMESPACE,
    THANOS_PORT,
    JsonObject,
    account_subject,
    discovery_rules,
    make,
    role,
    role_binding,
    tcp_ports,
    team_namespaces,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.common.resources import (
    PROXY_RESOURCES,
    QUERY_RESOURCES,
    Resources,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.teams.api_server import (
    ApiServerSource,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.teams.instance import instance_objects
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.teams.model import Team
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.teams.network import (
    EVERYWHERE,
    ClusterEgress,
    Instance,
    egress_policies,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.teams.people import (
    edit_rules,
    subjects,
    view_rules,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.teams.policy import (
    INSTANCE_ANNOTATIONS,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.teams.quotas import (
    limit_range,
    objects_quota,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.teams.routes import (
    NO_ROUTING,
    Routing,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.teams.sizes import PartSize, Size
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.quantities import BINARY, Quantity, value_of

# The sidecar that the operator puts beside each Prometheus and Alertmanager (its flags --config-reloader-*).
_RELOADER = Resources(cpu="10m", memory="50Mi")


def team_objects(
    team: Team,
    *,
    cluster: str,
    base_rules: t.Sequence[JsonObject],
    api_server: t.Sequence[ApiServerSource] = (),
    writes: t.Sequence[JsonObject] = (),
    receives: bool = False,
    queries: bool = False,
    grafana: Resources | None = None,
    routing: Routing = NO_ROUTING,
    egress: ClusterEgress = EVERYWHERE,
) -> list[JsonObject]:
    """All objects of *team* in *cluster*; *base_rules* are the groups of rules that every instance has.

    *api_server*: where the API server comes from, where the network policy must let it in. *writes* and *receives*: as
    in `prometheus_object`, *routing* as in `instance_objects`. *queries*: whether federation has a Thanos Query of the
    team here. *grafana*: what the team's own Grafana asks for, if it has one. *egress*: what all instances may connect
    to.

    A team that is switched off keeps its namespaces, and with them volume claims and what is the team's own. A team
    that does not belong to this cluster has nothing here.
    """
    if not team.active_on(cluster):
        return []
    objects = [_instance_namespace(team), *own_objects(team, team.namespaces)]
    if not team.enabled:
        return objects
    parts = instance_objects(
        team, cluster=cluster, base_rules=base_rules, writes=writes, receives=receives, routing=routing
    )
    if team.prometheus.enabled or team.alertmanager.enabled:
        if team.quota:
            objects.append(_quota(team, proxies=2 if receives else 1, queries=queries, grafana=grafana))
            objects.append(limit_range(team.name, namespace=team.namespace))
        if team.network_policy:
            objects.append(_network_policy(team, api_server=api_server))
            if queries:
                objects.append(_query_policy(team, api_server=api_server))
            objects += egress_policies(_networked(team, parts), egress)
    if team.rbac:
        objects += _rbac(team)
    return objects + parts


def _networked(team: Team, parts: t.Iterable[JsonObject]) -> Instance:
    """What decides the policies of an instance, with the ends that its *parts* write to."""
    written = [entry for obj in parts for entry in obj.get("spec", {}).get("remoteWrite") or ()]
    return Instance(
        team=team.name,
        platform=team.platform,
        namespace=team.namespace,
        prometheus=team.prometheus.name if team.prometheus.enabled else "",
        alertmanager=team.alertmanager.name if team.alertmanager.enabled else "",
        egress=team.tenancy.egress,
        urls=tuple(entry["url"] for entry in written),
    )


def _labels(team: Team) -> dict[str, str]:
    return common_labels("team-monitoring", team=team.name)


def _instance_namespace(team: Team) -> JsonObject:
    names = {"prometheus": team.prometheus.name, "alertmanager": team.alertmanager.name}
    called = {INSTANCE_ANNOTATIONS[part]: name for part, name in names.items() if name != team.name}
    labels = {**_labels(team), INSTANCE_OF_LABEL: "true", **RESTRICTED_NAMESPACE}
    return make(CORE, "Namespace", team.namespace, labels=labels, annotations=called)


def _own_namespace(team: Team, name: str) -> JsonObject:
    # The namespace is the team's: it gets the label that our selectors look for, and no other claim of ours.
    return make(CORE, "Namespace", name, labels={TEAM_LABEL: team.name})


def own_objects(team: Team, names: t.Iterable[str]) -> list[JsonObject]:
    """What a *team* has in namespaces of its own: the label, rights, and a limit to the number of its objects."""
    objects = [_own_namespace(team, name) for name in names]
    if not team.enabled:
        return objects
    people = _people(team)
    for namespace in names:
        if team.quota:
            objects.append(objects_quota(team.name, namespace=namespace, limits=team.tenancy.object_limits))
        if team.rbac and team.prometheus.enabled:
            objects += _discovery(team, namespace)
        if team.rbac and people:
            edit = edit_rules(scrape_configs=team.tenancy.scrape_configs)
            objects += _grant(team, f"team-{team.name}-edit", namespace, rules=edit, subjects=people)
    return objects


def _rbac(team: Team) -> list[JsonObject]:
    """The rights in the namespace of the instance."""
    objects: list[JsonObject] = []
    if team.prometheus.enabled:
        objects += _discovery(team, team.namespace)
    people = _people(team)
    if people:
        objects += _grant(team, f"team-{team.name}-view", team.namespace, rules=view_rules(), subjects=people)
    return objects


def _discovery(team: Team, namespace: str) -> list[JsonObject]:
    """What the instance may read in a namespace; it has no other rights."""
    account = account_subject(prometheus_name(team.name), namespace=team.namespace)
    return _grant(team, prometheus_name(team.name), namespace, rules=discovery_rules(), subjects=[account])


def _people(team: Team) -> list[JsonObject]:
    tenancy = team.tenancy
    return subjects(groups=team.groups, users=tenancy.users, service_accounts=tenancy.service_accounts)


def _grant(
    team: Team, name: str, namespace: str, *, rules: t.Sequence[JsonObject], subjects: t.Sequence[JsonObject]
) -> list[JsonObject]:
    return [
        role(name, namespace=namespace, labels=_labels(team), rules=rules),
        role_binding(name, namespace=namespace, labels=_labels(team), subjects=subjects),
    ]


def _quota(team: Team, *, proxies: int, queries: bool, grafana: Resources | None) -> JsonObject:
    """A ceiling for the namespace that fits every size of the table, and the team's own figures where they are larger.

    It does not follow the team's size: while a team shrinks, a replica of the old size still runs beside the first new
    one, and a quota of the new size would refuse that one for ever. *proxies*: how many may be in front of a replica.
    *queries*: whether there is a Thanos Query. *grafana*: what a Grafana asks for, if there is one.
    """
    prometheus = PartSize(replicas=team.prometheus.pods, resources=team.prometheus.resources)
    alertmanager = PartSize(replicas=team.alertmanager.replicas, resources=team.alertmanager.resources)
    thanos = team.prometheus.thanos
    hard = _ceiling(
        prometheus if team.prometheus.enabled else None,
        alertmanager if team.alertmanager.enabled else None,
        team.largest,
        proxies=proxies,
        sidecar=thanos.resources if thanos is not None else None,
        # A new pod starts before an old one ends.
        queries=team.prometheus.replicas + 1 if queries else 0,
        grafana=grafana,
    )
    return make(
        CORE, "ResourceQuota", team.name, namespace=team.namespace, labels=_labels(team), spec={"hard": dict(hard)}
    )


@functools.cache
def _ceiling(
    prometheus: PartSize | None,
    alertmanager: PartSize | None,
    largest: Size,
    *,
    proxies: int,
    sidecar: Resources | None,
    queries: int,
    grafana: Resources | None,
) -> t.Mapping[str, str]:
    """What pods of these sizes, and of every size of the table, need at most; a fleet has few different ones.

    *sidecar*: what another container of each Prometheus asks for. *queries*: the number of pods of Thanos Query.
    *grafana*: what the one pod of a Grafana asks for.
    """
    parts: list[list[PartSize]] = []
    if prometheus is not None:
        parts.append([prometheus, largest.prometheus])
    if alertmanager is not None:
        parts.append([alertmanager, largest.alertmanager])
    pods = queries
    cpu = queries * value_of(QUERY_RESOURCES.cpu)
    memory = queries * value_of(QUERY_RESOURCES.memory)
    if grafana is not None:
        pods += 1
        cpu += value_of(grafana.cpu)
        memory += value_of(grafana.memory)
    if prometheus is not None:
        # A proxy may be in front of each replica that is read, and one in front of each that is written to.
        proxied = proxies * max(part.replicas for part in parts[0])
        pods += proxied
        cpu += proxied * value_of(PROXY_RESOURCES.cpu)
        memory += proxied * value_of(PROXY_RESOURCES.memory)
        if sidecar is not None:
            replicas = max(part.replicas for part in parts[0])
            cpu += replicas * value_of(sidecar.cpu)
            memory += replicas * value_of(sidecar.memory)
    for candidates in parts:
        replicas = max(part.replicas for part in candidates)
        pods += replicas
        cpu += replicas * (max(value_of(part.resources.cpu) for part in candidates) + value_of(_RELOADER.cpu))
        memory += replicas * (max(value_of(part.resources.memory) for part in candidates) + value_of(_RELOADER.memory))
    return {
        "limits.memory": str(Quantity(value=memory, form=BINARY)),
        "pods": str(pods),
        "requests.cpu": str(Quantity(value=cpu)),
        "requests.memory": str(Quantity(value=memory, form=BINARY)),
    }


def _network_policy(team: Team, *, api_server: t.Sequence[ApiServerSource]) -> JsonObject:
    """Who may reach the instance: its own namespace, and its web pages the team's namespaces and the platform's.

    The API server may reach the web pages too, from where *api_server* says: people and `verify` use its proxy. The
    policy selects the instance's own pods, for the namespace may hold another Prometheus, which must not be closed.
    """
    # Where the parts have different names, another instance could have the name of the other part.
    is_named = {team.prometheus.name, team.alertmanager.name} != {team.name}
    own = {TEAM_LABEL: team.name} if is_named else {INSTANCE_LABEL: team.name}
    thanos = [THANOS_PORT] if team.prometheus.thanos is not None else []
    spec: JsonObject = {
        "podSelector": {
            "matchLabels": {**own, MANAGED_BY_LABEL: OPERATOR_NAME},
            "matchExpressions": [
                {"key": NAME_LABEL, "operator": "In", "values": ["alertmanager", team.prometheus.application]}
            ],
        },
        "policyTypes": ["Ingress"],
        "ingress": [
            {"from": [{"podSelector": {}}]},
            {
                "from": [{"namespaceSelector": team_namespaces(team.name, team.platform)}],
                "ports": tcp_ports(PROMETHEUS_PORT, ALERTMANAGER_PORT, RELOADER_PORT, *thanos),
            },
        ],
    }
    for gateway, port in (
        (team.prometheus.web.gateway, PROMETHEUS_PORT),
        (team.alertmanager.web.gateway, ALERTMANAGER_PORT),
    ):
        if gateway is not None:
            spec["ingress"].append({"from": [gateway.peer()], "ports": tcp_ports(port)})
    if api_server:
        spec["ingress"].append(
            {
                "from": [source.peer() for source in api_server],
                "ports": tcp_ports(PROMETHEUS_PORT, ALERTMANAGER_PORT),
            }
        )
    return make(NETWORKING, "NetworkPolicy", team.name, namespace=team.namespace, labels=_labels(team), spec=spec)


def _query_policy(team: Team, *, api_server: t.Sequence[ApiServerSource]) -> JsonObject:
    """Who may ask the Thanos Query of a team: the same as its Prometheus."""
    spec: JsonObject = {
        "podSelector": {"matchLabels": query_pods(team.name)},
        "policyTypes": ["Ingress"],
        "ingress": [
            {
                "from": [{"podSelector": {}}, {"namespaceSelector": team_namespaces(team.name, team.platform)}],
                "ports": tcp_ports(QUERY_PORT),
            },
        ],
    }
    if api_server:
        spec["ingress"].append({"from": [source.peer() for source in api_server], "ports": tcp_ports(QUERY_PORT)})
    name = query_name(team.name)
    return make(NETWORKING, "NetworkPolicy", name, namespace=team.namespace, labels=_labels(team), spec=spec)
