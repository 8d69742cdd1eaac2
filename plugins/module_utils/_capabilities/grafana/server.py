# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A Grafana of our own: for the platform in a namespace of its own, for a team beside its instance. Pure.

It reads dashboards and data sources from files, so it needs no sidecar. Its own database is a file that ends with the
pod: what is provisioned comes back, and all else is in a database that settings name, or is lost.
"""

from __future__ import annotations

import functools
import hashlib
import json
import typing as t
from dataclasses import dataclass

from ansible_collections.promfleet.monitoring.plugins.module_utils._base.marks import (
    GRAFANA_NAME,
    common_labels,
    grafana_name,
    grafana_pods,
    instance_pods,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.versions import GRAFANA_IMAGE
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.common.images import image_at
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.common.objects import (
    ALERTMANAGER_PORT,
    APPS,
    CORE,
    NETWORKING,
    PROMETHEUS_PORT,
    RESTRICTED_NAMESPACE,
    TO_DNS,
    JsonObject,
    burstable,
    confined,
    make,
    pods_in,
    restricted_pod,
    service_port,
    tcp_ports,
    team_namespaces,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.grafana.model import (
    Grafana,
    Server,
    TeamGrafana,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.grafana.provisioned import (
    SOURCES_KEY,
    config_maps,
    team_config_maps,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.grafana.settings import PORT, ini_of
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.teams.model import Team
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.teams.pods import FIXED, PodSettings

PORT_NAME = "http"
# That of the image (GF_UID in the project's Dockerfile).
_USER = 472
_INI, _PROVIDERS = "grafana.ini", "dashboards.yaml"
# The image has these folders; the first has no other files that it needs.
_SOURCES_FOLDER = "/etc/grafana/provisioning/datasources"
_PROVIDERS_FOLDER = "/etc/grafana/provisioning/dashboards"
_CONFIG_FOLDER, _DASHBOARDS_FOLDER = "/etc/promfleet/config", "/etc/promfleet/dashboards"
# Where Grafana writes, and how much at most: its database and plugins, its logs, and what it downloads.
_WRITABLE = {"data": ("/var/lib/grafana", "1Gi"), "logs": ("/var/log/grafana", "64Mi"), "tmp": ("/tmp", "256Mi")}  # noqa: S108
# Grafana looks at the files of dashboards so often, in seconds. The kubelet takes up to a minute to change them.
_INTERVAL = 30
_MODE = 0o444
_DIGEST = "promfleet.monitoring/config-digest"
# OpenShift's DNS pods listen at the other port.


@dataclass(frozen=True, kw_only=True)
class _Place:
    """Where a Grafana runs and what it shows: *team* is its owner, *pods* says where the images come from.

    *files* are the ConfigMaps of its dashboards and data sources. *sources* are the teams whose instances it queries,
    *alerts* those of them whose Alertmanager it queries too. *readers*: peers that may reach it, beside those of the
    options.
    """

    team: str
    namespace: str
    pods: PodSettings
    folder: str
    files: tuple[JsonObject, ...]
    sources: tuple[Team, ...]
    alerts: tuple[Team, ...] = ()
    readers: tuple[JsonObject, ...] = ()

    @property
    def labels(self) -> dict[str, str]:
        """The labels of its objects."""
        return {**common_labels(GRAFANA_NAME, team=self.team), **grafana_pods(self.team)}


def server_objects(model: Grafana) -> list[JsonObject]:
    """The Grafana of the platform, with the namespace; nothing where it is not wanted."""
    if model.server is None:
        return []
    place = _Place(
        team=model.platform.name,
        namespace=model.namespace,
        pods=model.platform.pods,
        folder=model.folder,
        files=tuple(config_maps(model)),
        sources=model.sources,
    )
    # The team label of the platform lets its pods reach the Prometheus of each team.
    labels = {**common_labels(GRAFANA_NAME, team=model.platform.name), **RESTRICTED_NAMESPACE}
    return [make(CORE, "Namespace", model.namespace, labels=labels), *_objects(model.server, place)]


def team_objects(grafana: TeamGrafana, *, folder: str) -> list[JsonObject]:
    """The Grafana of one team, in the namespace of its instance, with what it shows."""
    team = grafana.team
    files = team_config_maps(grafana)
    place = _Place(
        team=team.name,
        namespace=team.namespace,
        pods=team.pods,
        folder=folder,
        files=tuple(files),
        sources=(team,),
        alerts=(team,) if team.alertmanager.enabled else (),
        # As its Prometheus; but Grafana asks for a name and a password.
        readers=({"namespaceSelector": team_namespaces(team.name)},),
    )
    return [*files, *_objects(grafana.server, place)]


def _objects(server: Server, place: _Place) -> list[JsonObject]:
    name = grafana_name(place.team)
    made = functools.partial(make, namespace=place.namespace, labels=place.labels)
    config = {_INI: ini_of(server.settings, root_url=server.root_url), _PROVIDERS: _providers(place.folder)}
    service = {"type": "ClusterIP", "selector": grafana_pods(place.team), "ports": [service_port(PORT_NAME, PORT)]}
    objects = [
        made(CORE, "ConfigMap", name, data=config),
        made(APPS, "Deployment", name, spec=_deployment(server, place, config)),
        made(CORE, "Service", name, spec=service),
    ]
    if server.network_policy:
        objects.append(made(NETWORKING, "NetworkPolicy", name, spec=_network(server, place)))
    return objects


def _providers(folder: str) -> str:
    """The file that says where dashboards are; JSON is YAML."""
    provider = {
        "name": "promfleet",
        "type": "file",
        "folder": folder,
        # What is changed on a page would be lost with the next change of the file.
        "allowUiUpdates": False,
        "disableDeletion": False,
        "updateIntervalSeconds": _INTERVAL,
        "options": {"path": _DASHBOARDS_FOLDER},
    }
    return json.dumps({"apiVersion": 1, "providers": [provider]}, indent=2, sort_keys=True) + "\n"


def _deployment(server: Server, place: _Place, config: t.Mapping[str, str]) -> JsonObject:
    labels = grafana_pods(place.team)
    volumes = _volumes(place)
    pod: JsonObject = {
        # It asks the API server for nothing.
        "automountServiceAccountToken": False,
        "containers": [_container(server, place, mounts=volumes)],
        **place.pods.pulling(),
        **server.scheduling.fields(application=GRAFANA_NAME, name=grafana_name(place.team), replicas=1),
        "securityContext": restricted_pod(user=_USER if place.pods.run_as == FIXED else None),
        "volumes": [{"name": name, **volume} for name, (_folder, volume) in sorted(volumes.items())],
    }
    annotations = {_DIGEST: _digest(place, config), "kubectl.kubernetes.io/default-container": GRAFANA_NAME}
    return {
        "replicas": 1,
        # No second pod beside the first: the quota of a team's namespace has room for one.
        "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 0, "maxUnavailable": 1}},
        "selector": {"matchLabels": labels},
        "template": {"metadata": {"labels": labels, "annotations": annotations}, "spec": pod},
    }


def _digest(place: _Place, config: t.Mapping[str, str]) -> str:
    """What changes with each file that Grafana reads at its start only; it looks at dashboards all the time."""
    sources = [obj["data"] for obj in place.files if SOURCES_KEY in obj["data"]]
    return hashlib.sha256(json.dumps([config, sources], sort_keys=True).encode()).hexdigest()[:16]


def _volumes(place: _Place) -> dict[str, tuple[str, JsonObject]]:
    """Each volume by its name, with the folder where it is mounted."""
    name = grafana_name(place.team)
    volumes: dict[str, tuple[str, JsonObject]] = {
        "config": (_CONFIG_FOLDER, _config_map(name, _INI)),
        "providers": (_PROVIDERS_FOLDER, _config_map(name, _PROVIDERS)),
    }
    boards = [obj["metadata"]["name"] for obj in place.files if SOURCES_KEY not in obj["data"]]
    sources = [obj["metadata"]["name"] for obj in place.files if SOURCES_KEY in obj["data"]]
    if sources:
        volumes["datasources"] = (_SOURCES_FOLDER, _config_map(sources[0], SOURCES_KEY))
    projected: JsonObject = {"defaultMode": _MODE}
    if boards:
        projected["sources"] = [{"configMap": {"name": one}} for one in boards]
    # Without a dashboard the folder must be there: Grafana looks into it.
    volumes["dashboards"] = (_DASHBOARDS_FOLDER, {"projected": projected} if boards else {"emptyDir": _sized("1Mi")})
    for volume, (folder, size) in _WRITABLE.items():
        volumes[volume] = (folder, {"emptyDir": _sized(size)})
    return volumes


def _config_map(name: str, key: str) -> JsonObject:
    return {"configMap": {"name": name, "items": [{"key": key, "path": key}], "defaultMode": _MODE}}


def _sized(size: str) -> JsonObject:
    return {"sizeLimit": size}


def _container(server: Server, place: _Place, *, mounts: t.Mapping[str, tuple[str, t.Any]]) -> JsonObject:
    health = {"httpGet": {"path": "/api/health", "port": PORT_NAME}, "timeoutSeconds": 5}
    admin = server.admin
    secrets = {
        "GF_SECURITY_ADMIN_PASSWORD": (admin.secret, admin.password_key),
        "GF_SECURITY_ADMIN_USER": (admin.secret, admin.user_key),
        **{one.name: (one.secret, one.key) for one in server.env_secrets},
    }
    return {
        "name": GRAFANA_NAME,
        "image": image_at(place.pods.image_registry, GRAFANA_IMAGE, tag=server.version),
        "env": [
            {"name": "GF_PATHS_CONFIG", "value": f"{_CONFIG_FOLDER}/{_INI}"},
            *(
                {"name": name, "valueFrom": {"secretKeyRef": {"name": secret, "key": key}}}
                for name, (secret, key) in secrets.items()
            ),
        ],
        "ports": [{"containerPort": PORT, "name": PORT_NAME, "protocol": "TCP"}],
        # Its first start makes the tables of its database.
        "startupProbe": {**health, "failureThreshold": 60, "periodSeconds": 5},
        "livenessProbe": {**health, "periodSeconds": 30},
        "readinessProbe": {**health, "periodSeconds": 5},
        "resources": burstable(server.resources),
        "securityContext": confined(),
        "volumeMounts": [
            {"mountPath": folder, "name": name, **({} if name in _WRITABLE else {"readOnly": True})}
            for name, (folder, _volume) in sorted(mounts.items())
        ],
    }


def _network(server: Server, place: _Place) -> JsonObject:
    """Who may reach its pods, and that these reach what they query, DNS, and what the options name."""
    peers = [
        *place.readers,
        *([server.gateway.peer()] if server.gateway is not None else []),
        *(pods_in(name) for name in server.readers),
    ]
    queried = [(team, PROMETHEUS_PORT, team.prometheus.application, team.prometheus.name) for team in place.sources]
    queried += [(team, ALERTMANAGER_PORT, "alertmanager", team.alertmanager.name) for team in place.alerts]
    spec: JsonObject = {
        "podSelector": {"matchLabels": grafana_pods(place.team)},
        "policyTypes": ["Ingress", "Egress"],
        "egress": [
            *(
                {"to": [pods_in(team.namespace, instance_pods(kind, name=name))], "ports": tcp_ports(port)}
                for team, port, kind, name in queried
            ),
            {"ports": TO_DNS},
            *(one.rule() for one in server.egress),
        ],
    }
    if peers:
        spec["ingress"] = [{"from": peers, "ports": tcp_ports(PORT)}]
    return spec
