# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Thanos Query on the central side: it asks the sidecars of the sources that are not read.

Its list of sidecars is an annotation of its pods, as the files of the proxies are: no ConfigMap is needed, and another
list starts it again. What that list is made of is an annotation of the Deployment: of a cluster that gave no answer in
a run the sources stay. Pure, but for `live_sources`.
"""

from __future__ import annotations

import hashlib
import json
import typing as t
from collections import Counter

from ansible_collections.promfleet.monitoring.plugins.module_utils._api.client import Readable, find_object
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.errors import Refused
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.marks import (
    COMPONENT_LABEL,
    QUERY_NAME,
    common_labels,
    query_name,
    query_pods,
    query_ways_name,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.versions import (
    THANOS,
    THANOS_REPOSITORY,
    UPSTREAM_REGISTRY,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.common.objects import (
    APPS,
    CORE,
    DISRUPTION,
    LINUX,
    NETWORKING,
    QUERY_PORT,
    THANOS_PORT,
    TO_DNS,
    JsonObject,
    burstable,
    confined,
    make,
    restricted_pod,
    service_port,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.common.resources import (
    QUERY_RESOURCES,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.federation.endpoints import (
    FederationTargetSet,
    Target,
    endpoint_of,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.federation.reaching import ways
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.federation.scrape import (
    QUERY_COMPONENT,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.teams.model import Team
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.teams.pods import FIXED

QUERY_PORT_NAME = "http"
# That of the image (USER in the project's Dockerfile).
_USER = 1001
_FOLDER = "/etc/thanos"
_LIST = "endpoints.yaml"
_LIST_ANNOTATION = "promfleet.monitoring/query-endpoints"
_SOURCES_ANNOTATION = "promfleet.monitoring/query-sources"
# Secrets are read by the group of the pod's volumes.
_MODE = 0o440
# From how many pods on one can go without the others noticing.
_SEVERAL = 2
# All that the annotations of an object may hold (ValidateAnnotationsSize in k8s.io/apimachinery), less room for others.
MOST_BYTES = 240 * 1024
# The label that tells the replicas of an instance apart: the operator's default, which this collection keeps.
_REPLICA_LABEL = "prometheus_replica"


def query_objects(team: Team, sources: t.Sequence[FederationTargetSet], *, cluster: str) -> list[JsonObject]:
    """The Thanos Query of a *team* in *cluster*, for those of its *sources* that are queried; none without any."""
    queried = [source for source in sources if source.is_queried]
    if not queried:
        return []
    name, labels = query_name(team.name), query_labels(team.name)
    place: dict[str, t.Any] = {"namespace": team.namespace, "labels": labels}
    replicas = team.prometheus.replicas
    annotations = {_SOURCES_ANNOTATION: _text(_recorded(queried))}
    spec = {
        "type": "ClusterIP",
        "selector": query_pods(team.name),
        "ports": [service_port(QUERY_PORT_NAME, QUERY_PORT)],
    }
    objects = [
        make(CORE, "Service", name, spec=spec, **place),
        make(APPS, "Deployment", name, annotations=annotations, spec=_deployment(team, queried), **place),
    ]
    if replicas >= _SEVERAL:
        budget = {"maxUnavailable": 1, "selector": {"matchLabels": query_pods(team.name)}}
        objects.append(make(DISRUPTION, "PodDisruptionBudget", name, spec=budget, **place))
    if team.network_policy:
        policy = {
            "podSelector": {"matchLabels": query_pods(team.name)},
            "policyTypes": ["Egress"],
            "egress": [{"ports": TO_DNS}, *ways(queried, cluster=cluster, inside=(THANOS_PORT,))],
        }
        objects.append(make(NETWORKING, "NetworkPolicy", query_ways_name(team.name), spec=policy, **place))
    return objects


def query_labels(team: str) -> dict[str, str]:
    """The labels of a team's Query."""
    return {**common_labels(QUERY_NAME, team=team), COMPONENT_LABEL: QUERY_COMPONENT}


def too_many(sources: t.Sequence[FederationTargetSet]) -> str | None:
    """Why one Query cannot have so many *sources*; None if it can."""
    queried = [source for source in sources if source.is_queried]
    size = max(len(_text(endpoints_of(queried))), len(_text(_recorded(queried))))
    if size <= MOST_BYTES:
        return None
    return (
        f"{len(queried)} sources with transport: thanos make a list of {size} bytes, and annotations hold "
        f"{MOST_BYTES}; let teams have their own (into), or use regions with transport: federate"
    )


def live_sources(cluster: Readable, team: Team, *, stale: t.Collection[str]) -> list[JsonObject]:
    """Of the clusters *stale*, what the live Query of *team* asks, as the central side is given sources."""
    live = find_object(cluster, _head(team))
    text = ((live or {}).get("metadata", {}).get("annotations") or {}).get(_SOURCES_ANNOTATION)
    if not text:
        return []
    try:
        return [
            {**source, **group["access"]}
            for group in json.loads(text)
            for source in group["sources"]
            if source["cluster"] in stale
        ]
    except (KeyError, TypeError, ValueError):
        raise Refused(
            f"the annotation {_SOURCES_ANNOTATION} of Deployment {team.namespace}/{query_name(team.name)} is not what "
            "a run wrote: which sidecars it asks of clusters that gave no answer is not known. Run without --limit"
        ) from None


def _recorded(sources: t.Iterable[FederationTargetSet]) -> list[JsonObject]:
    """What the list of a Query is made of; sources that are met alike share what says how."""
    groups: dict[str, JsonObject] = {}
    for source in sources:
        access = source.scrape.access.given
        group = groups.setdefault(_text(access), {"access": access, "sources": []})
        group["sources"].append(endpoint_of(source))
    return [groups[key] for key in sorted(groups)]


def _head(team: Team) -> JsonObject:
    return {
        "apiVersion": APPS,
        "kind": "Deployment",
        "metadata": {"namespace": team.namespace, "name": query_name(team.name)},
    }


def endpoints_of(sources: t.Iterable[FederationTargetSet]) -> JsonObject:
    """The file of ``--endpoint.sd-config-file`` (cmd/thanos/endpointset.go of Thanos): each sidecar, and how it is met.

    *cluster* and *team* of each are for people; Thanos does not read them. What most of them have in common is there
    once.
    """
    every = [(source, target, _client(source)) for source in sources for target in source.targets]
    common = Counter(_text(client) for _source, _target, client in every).most_common(1)
    default = common[0][0] if common else ""
    found: JsonObject = {
        "endpoints": [
            {
                "address": place_of_store(target),
                **({} if _text(client) == default else {"client_config": client}),
                "cluster": source.cluster,
                "team": source.team,
            }
            for source, target, client in every
        ]
    }
    return {"default_client_config": json.loads(default), **found} if default else found


def place_of_store(target: Target) -> str:
    """The address and port of a sidecar, by which Query calls it too."""
    host, port = target.address, target.port or THANOS_PORT
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _client(source: FederationTargetSet) -> JsonObject:
    tls = source.scrape.access.tls_config or {}
    ca, cert = tls.get("ca"), tls.get("cert")
    files: JsonObject = {"enabled": True}
    if ca:
        files["ca_file"] = _file(_volume(ca), ca["key"])
    if cert:
        files["cert_file"] = _file(_volume(cert), cert["cert_key"])
        files["key_file"] = _file(_volume(cert), cert["key_key"])
    if tls.get("insecure_skip_verify"):
        files["insecure_skip_verify"] = True
    config: JsonObject = {"tls_config": files}
    if tls.get("server_name"):
        config["server_name"] = tls["server_name"]
    return config


def _file(volume: str, key: str) -> str:
    return f"{_FOLDER}/clients/{volume}/{key}"


def _volume(reference: t.Mapping[str, t.Any]) -> str:
    """The volume of a Secret or ConfigMap; names of these are longer than those of volumes may be."""
    kind, name = ("secret", reference["secret"]) if reference.get("secret") else ("map", reference["config_map"])
    return f"{kind}-{hashlib.sha256(str(name).encode()).hexdigest()[:10]}"


def _clients(sources: t.Iterable[FederationTargetSet]) -> list[JsonObject]:
    """The volumes with what Query shows and trusts. A missing one concerns its sources only, and no other ones."""
    references: dict[str, t.Mapping[str, t.Any]] = {}
    keys: dict[str, set[str]] = {}
    for source in sources:
        tls = source.scrape.access.tls_config or {}
        for given, names in ((tls.get("ca"), ("key",)), (tls.get("cert"), ("cert_key", "key_key"))):
            if given:
                references[_volume(given)] = given
                keys.setdefault(_volume(given), set()).update(str(given[name]) for name in names)
    volumes = []
    for name, given in sorted(references.items()):
        body: JsonObject = {
            "items": [{"key": key, "path": key} for key in sorted(keys[name])],
            "defaultMode": _MODE,
            "optional": True,
        }
        secret = given.get("secret")
        volumes.append(
            {"name": name, "secret": {"secretName": secret, **body}}
            if secret
            else {"name": name, "configMap": {"name": given["config_map"], **body}}
        )
    return volumes


def _deployment(team: Team, sources: t.Sequence[FederationTargetSet]) -> JsonObject:
    labels = query_pods(team.name)
    clients = _clients(sources)
    field = {"apiVersion": "v1", "fieldPath": f"metadata.annotations['{_LIST_ANNOTATION}']"}
    volumes = [
        *clients,
        {"name": "endpoints", "downwardAPI": {"items": [{"fieldRef": field, "path": _LIST}], "defaultMode": _MODE}},
    ]
    mounts = [
        *({"mountPath": f"{_FOLDER}/clients/{one['name']}", "name": one["name"], "readOnly": True} for one in clients),
        {"mountPath": f"{_FOLDER}/endpoints", "name": "endpoints", "readOnly": True},
    ]
    pod: JsonObject = {
        # It asks the API server for nothing.
        "automountServiceAccountToken": False,
        "containers": [_container(team, mounts=mounts)],
        **team.pods.pulling(),
        "nodeSelector": LINUX,
        "securityContext": restricted_pod(user=_USER if team.pods.run_as == FIXED else None),
        "volumes": volumes,
    }
    if team.prometheus.replicas >= _SEVERAL:
        pod["topologySpreadConstraints"] = [
            {
                "labelSelector": {"matchLabels": labels},
                "maxSkew": 1,
                "topologyKey": "kubernetes.io/hostname",
                "whenUnsatisfiable": "ScheduleAnyway",
            }
        ]
    return {
        "replicas": team.prometheus.replicas,
        # A query is answered while the list changes; the namespace's quota has room for one pod more.
        "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}},
        "selector": {"matchLabels": labels},
        "template": {
            "metadata": {"labels": labels, "annotations": {_LIST_ANNOTATION: _text(endpoints_of(sources))}},
            "spec": pod,
        },
    }


def _container(team: Team, *, mounts: t.Sequence[JsonObject]) -> JsonObject:
    registry = team.pods.image_registry or UPSTREAM_REGISTRY

    def probe(path: str) -> JsonObject:
        return {"httpGet": {"path": path, "port": QUERY_PORT_NAME, "scheme": "HTTP"}}

    return {
        "name": QUERY_NAME,
        "image": f"{registry}/{THANOS_REPOSITORY}:v{THANOS}",
        "args": [
            "query",
            f"--http-address=:{QUERY_PORT}",
            # Nothing asks it by gRPC, which would be open to all who reach the pod.
            f"--grpc-address=localhost:{THANOS_PORT}",
            f"--endpoint.sd-config-file={_FOLDER}/endpoints/{_LIST}",
            f"--query.replica-label={_REPLICA_LABEL}",
            "--web.disable-cors",
        ],
        "ports": [{"containerPort": QUERY_PORT, "name": QUERY_PORT_NAME, "protocol": "TCP"}],
        "livenessProbe": {**probe("/-/healthy"), "periodSeconds": 30, "timeoutSeconds": 5},
        "readinessProbe": {**probe("/-/ready"), "timeoutSeconds": 5},
        "resources": burstable(QUERY_RESOURCES),
        "securityContext": confined(),
        "volumeMounts": list(mounts),
    }


def _text(value: object) -> str:
    """JSON is YAML."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"))
