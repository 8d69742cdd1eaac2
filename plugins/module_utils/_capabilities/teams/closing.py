# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What must be known of a cluster for the network policies of its instances. Reads only.

The API server's own addresses are read where the input has none. Before a namespace is closed for all of its pods,
those of others are looked for: where policies are enforced, they would lose every connection.
"""

from __future__ import annotations

import typing as t

from ansible_collections.promfleet.monitoring.plugins.module_utils._api.client import Cluster, Resource
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.errors import ApiError, Refused
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.kinds import url_path
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.marks import (
    INSTANCE_LABEL,
    MANAGED_BY_LABEL,
    OPERATOR_NAME,
    TEAM_LABEL,
    alertmanager_name,
    grafana_pods,
    prometheus_name,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.text import first_of
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.teams.api_server import (
    ApiServerSource,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.teams.network import Destination
from ansible_collections.promfleet.monitoring.plugins.module_utils._input import grammar
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.access.rights import Right
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.plan import Plan

JsonObject = dict[str, t.Any]

NAMED = 10
# Of so many namespaces the pods are read one by one; of more by one LIST.
_SINGLY = 8
# Where every cluster has the API server as a Service; EndpointSlices have its addresses.
_NAMESPACE, _SERVICE = "default", "kubernetes"
_ENDED = ("Failed", "Succeeded")
_SLICES, _PODS = (
    Resource(api_version=version, kind=kind, plural=plural, namespaced=True, verbs=frozenset({"list"}))
    for version, kind, plural in (("discovery.k8s.io/v1", "EndpointSlice", "endpointslices"), ("v1", "Pod", "pods"))
)

CLOSING_RIGHTS = (
    Right(group="", resource="services", verb="get", namespace=_NAMESPACE, name=_SERVICE),
    Right(group="discovery.k8s.io", resource="endpointslices", verb="list", namespace=_NAMESPACE),
    Right(group="", resource="pods", verb="list"),
)


def api_server_addresses(cluster: Cluster) -> tuple[Destination, ...]:
    """Where pods reach the API server: its own addresses, and that of its Service, for plugins that look before it."""
    try:
        slices = cluster.list_objects(_SLICES, namespace=_NAMESPACE, selector=f"kubernetes.io/service-name={_SERVICE}")
        service = cluster.find(url_path("v1", "services", namespace=_NAMESPACE, name=_SERVICE)) or {}
    except ApiError as error:
        if error.status != 403:
            raise
        raise Refused(
            "the API server's addresses, which the network policies let Prometheus reach, could not be read "
            f"({error.server_message}); give egress.api_server"
        ) from error
    places = {
        (address, port["port"])
        for one in slices
        for endpoint in one.get("endpoints") or ()
        for address in endpoint.get("addresses") or ()
        for port in one.get("ports") or ()
        if port.get("port")
    }
    spec = service.get("spec") or {}
    places |= {(address, port["port"]) for address in spec.get("clusterIPs") or () for port in spec.get("ports") or ()}
    found = [_destination(address, port) for address, port in sorted(places) if grammar.ip_address(address)]
    if not found:
        raise Refused(
            f"the cluster shows no address of its API server (EndpointSlices of {_NAMESPACE}/{_SERVICE}), which the "
            "network policies must let Prometheus reach; give egress.api_server"
        )
    return tuple(found)


def _destination(address: str, port: int) -> Destination:
    parsed = grammar.ip_address(address)
    length = parsed.max_prefixlen if parsed is not None else 0
    return Destination(peer=ApiServerSource(cidr=f"{address}/{length}"), ports=(port,))


def closing_guard(cluster: Cluster) -> t.Callable[[Plan], None]:
    """A guard for the plan of the teams: it raises Refused if a policy for all pods of a namespace closes others' pods.

    Only policies that are new, in namespaces that exist, are looked at; where a quota is new too, the engine looks for
    the same pods.
    """

    def guard(plan: Plan) -> None:
        left_out = {_place(write.desired) for write in plan.writes if write.live is None and _is_judged(write.desired)}
        new = {
            write.desired["metadata"]["namespace"]: write.desired["metadata"]["labels"][TEAM_LABEL]
            for write in plan.writes
            if write.desired["kind"] == "NetworkPolicy"
            and write.live is None
            and not write.desired["spec"]["podSelector"]
            and _place(write.desired) not in left_out
        }
        if not new:
            return
        places: list[str | None] = [*sorted(new)] if len(new) <= _SINGLY else [None]
        others: dict[str, list[str]] = {}
        for pod in (pod for place in places for pod in cluster.list_objects(_PODS, namespace=place)):
            namespace = pod["metadata"]["namespace"]
            if namespace in new and not is_ours(pod, team=new[namespace]):
                others.setdefault(namespace, []).append(pod["metadata"]["name"])
        if others:
            told = [f"{name} ({first_of(sorted(pods), NAMED)})" for name, pods in sorted(others.items())]
            raise Refused(
                "a network policy for all pods of the namespace of an instance would cut off pods of others, where "
                f"policies are enforced: {first_of(told, NAMED, separator='; ')}. Move these pods, or list the "
                "namespaces in shared_namespaces: then only the pods of the instance are closed (docs/apply-engine.md, "
                "Namespaces that exist). Nothing was written",
                objects=told,
            )

    return guard


def _place(obj: JsonObject) -> str:
    """The namespace of an object, or that it is."""
    return str(obj["metadata"].get("namespace") or obj["metadata"]["name"])


def _is_judged(obj: JsonObject) -> bool:
    """Whether a new object says that its namespace holds no pods of others, or that the engine looks for them."""
    return obj["kind"] == "Namespace" or (obj["kind"] == "ResourceQuota" and "pods" in obj["spec"]["hard"])


def is_ours(pod: t.Mapping[str, t.Any], *, team: str) -> bool:
    """Whether a pod in the namespace of a *team*'s instance belongs to that, or has ended. Pure.

    Those of an operator's custom resources, which only the platform makes there, federation's proxies, and its Grafana.
    """
    labels = pod["metadata"].get("labels") or {}
    if (pod.get("status") or {}).get("phase") in _ENDED or labels.get(MANAGED_BY_LABEL) == OPERATOR_NAME:
        return True
    if grafana_pods(team).items() <= labels.items():
        return True
    return str(labels.get(INSTANCE_LABEL, "")).startswith(f"{prometheus_name(team)}-")


def public_ipv6_guard(
    api_server: t.Sequence[Destination], *, ranges: t.Sequence[str]
) -> t.Callable[[Plan], t.Sequence[str]]:
    """A guard for the plan of the teams: it warns where Alertmanagers of a cluster with IPv6 lose the Internet. Pure.

    That the cluster has IPv6 shows in the addresses of its API server.
    """
    has_ipv6 = any(":" in one.peer.cidr for one in api_server)
    is_known = any(":" in one for one in ranges)

    def guard(plan: Plan) -> t.Sequence[str]:
        new = [
            write
            for write in plan.writes
            if write.desired["kind"] == "NetworkPolicy"
            and write.live is None
            and write.desired["metadata"]["name"].startswith(alertmanager_name(""))
        ]
        if not new or not has_ipv6 or is_known:
            return ()
        text = (
            "the cluster has addresses of IPv6, and egress.ranges has none: where policies are enforced, no "
            "Alertmanager reaches public addresses of IPv6. Give the cluster's ranges of pods, Services and nodes"
        )
        return [text]

    return guard
