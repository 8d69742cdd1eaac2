# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The proxy in front of an exposed replica: kube-rbac-proxy, which serves TLS and lets in clients by certificate. Pure.

It decides by a static list of clients in its configuration (examples/static-auth in github.com/brancz/kube-rbac-proxy),
and has no account in the cluster: its kubeconfig leads nowhere. A client that is not in the list is refused.
"""

from __future__ import annotations

import json
import typing as t
from dataclasses import dataclass

from ansible_collections.promfleet.monitoring.plugins.module_utils._base.marks import (
    INSTANCE_LABEL,
    NAME_LABEL,
    receiver_policy_name,
    receiver_replica_name,
    receiver_service_name,
    replica_pods,
    source_policy_name,
    source_replica_name,
    source_service_name,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.versions import (
    KUBE_RBAC_PROXY,
    KUBE_RBAC_PROXY_REPOSITORY,
    UPSTREAM_REGISTRY,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.common.credentials import (
    CA_OPTIONS,
    CERT_OPTIONS,
    check_references,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.common.names import image_registry
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.common.objects import (
    APPS,
    CORE,
    LINUX,
    PROMETHEUS_PORT,
    WEB_PORT_NAME,
    JsonObject,
    confined,
    fixed,
    make,
    restricted_pod,
    service_port,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.common.resources import (
    PROXY_RESOURCES,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.federation.access import (
    CENTRAL,
    FEDERATE,
    Access,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.teams.pods import PodSettings
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.errors import Errors
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.validate import Values, require, require_each

NAME = "kube-rbac-proxy"
PROXY_PORT, PROXY_PORT_NAME = 8443, "https"
_HEALTH_PORT, _HEALTH_PORT_NAME = 8444, "health"
# That of the image (USER in the project's Dockerfile).
_USER = 65532
_FOLDER = "/etc/kube-rbac-proxy"
# Its files are annotations of its pods: no ConfigMap is needed, and another configuration starts it again.
_FILES = {"config.yaml": "promfleet.monitoring/proxy-config", "kubeconfig": "promfleet.monitoring/proxy-kubeconfig"}
# Secrets are read by the group of the pod's volumes.
_MODE = 0o440
# A kubeconfig for an address that never answers: without one the proxy would ask the cluster's API server whether a
# client that it does not know may read, which needs an account with rights.
_NOWHERE: JsonObject = {
    "apiVersion": "v1",
    "kind": "Config",
    "clusters": [{"name": "none", "cluster": {"server": "https://127.0.0.1:1"}}],
    "users": [{"name": "none", "user": {}}],
    "contexts": [{"name": "none", "context": {"cluster": "none", "user": "none"}}],
    "current-context": "none",
}


PROXY_OPTIONS: dict[str, dict[str, t.Any]] = {
    "certificate": {"type": "dict", "required": True, "options": CERT_OPTIONS},
    "client_ca": {"type": "dict", "required": True, "options": CA_OPTIONS},
    "clients": {"type": "list", "elements": "str", "required": True},
    "image_registry": {"type": "str"},
}


@dataclass(frozen=True, kw_only=True)
class Door:
    """What an exposed instance is asked for at *path*, by requests of the *verb*, and how its objects are called."""

    path: str
    verb: str
    service: t.Callable[[str, int], str]
    replica: t.Callable[[str, int], str]
    policy: t.Callable[[str], str]


READING = Door(
    path=FEDERATE,
    verb="get",
    service=source_service_name,
    replica=source_replica_name,
    policy=source_policy_name,
)
WRITING = Door(
    path="/api/v1/write",
    verb="create",
    service=receiver_service_name,
    replica=receiver_replica_name,
    policy=receiver_policy_name,
)


@dataclass(frozen=True, kw_only=True)
class Proxy:
    """The proxy of one source.

    *certificate* and *client_ca* are as the user gave them, checked. *clients* are the common names in the certificates
    of the clients that may read. *image_registry* empty leaves the registry to the team's settings for pods.
    """

    certificate: t.Mapping[str, t.Any]
    client_ca: t.Mapping[str, t.Any]
    clients: tuple[str, ...]
    image_registry: str


def parse_proxy(values: Values, *, access: Access | None, path: str, errors: Errors) -> Proxy:
    """The proxy from validated *values* (PROXY_OPTIONS), for a source that the central side reads by *access*.

    Without *access* it is not known here how clients come.
    """
    check_references(values["certificate"], path=f"{path}.certificate", beside=CENTRAL, errors=errors)
    check_references(values["client_ca"], path=f"{path}.client_ca", beside=CENTRAL, errors=errors)
    if errors.is_good(f"{path}.client_ca") and bool(values["client_ca"]["secret"]) == bool(
        values["client_ca"]["config_map"]
    ):
        errors.add(f"{path}.client_ca", "needs either secret or config_map, the one that holds the clients' authority")
    clients = require_each(_common_name, values["clients"], path=f"{path}.clients", errors=errors)
    if not values["clients"] and errors.is_good(f"{path}.clients"):
        errors.add(f"{path}.clients", "must not be empty: no client could read the instance")
    if access is None:
        pass
    elif access.scheme != "https":
        errors.add(path, f"needs scheme to be https, found {access.scheme!r}: the proxy serves nothing else")
    elif not (access.tls_config and access.tls_config["cert"]):
        errors.add(path, "needs tls_config.cert: the proxy lets in clients with a certificate only")
    registry = values["image_registry"] or ""
    if registry:
        require(image_registry, registry, path=f"{path}.image_registry", errors=errors)
    return Proxy(
        certificate=values["certificate"],
        client_ca=values["client_ca"],
        clients=tuple(sorted(clients)),
        image_registry=registry,
    )


def _common_name(text: str) -> str | None:
    # An empty name in the configuration would match every client.
    return None if text.strip() and text.isprintable() else f"{text!r} is not the common name of a certificate"


def proxy_pods(team: str, replica: int, *, door: Door = READING) -> dict[str, str]:
    """The labels by which the pods of one replica's proxy are known."""
    return {NAME_LABEL: NAME, INSTANCE_LABEL: door.service(team, replica)}


def proxy_objects(
    proxy: Proxy,
    *,
    door: Door = READING,
    prefix: str = "",
    team: str,
    of: str,
    replicas: int,
    namespace: str,
    labels: t.Mapping[str, str],
    pods: PodSettings,
) -> list[JsonObject]:
    """The proxies of all replicas of the Prometheus called *of*, without the Services that expose them.

    *prefix*: the path below which it answers. *pods*: where the team's images come from, also those of its proxies.
    """
    objects: list[JsonObject] = []
    for replica in range(replicas):
        objects.append(_upstream(team, replica, door=door, of=of, namespace=namespace, labels=labels))
        spec = _deployment(proxy, door=door, prefix=prefix, team=team, replica=replica, namespace=namespace, pods=pods)
        name = door.service(team, replica)
        objects.append(make(APPS, "Deployment", name, namespace=namespace, labels=labels, spec=spec))
    return objects


def _paths(door: Door, prefix: str) -> dict[str, str]:
    """What the proxy answers, and by which verb: Kubernetes calls a POST create."""
    return {f"{prefix}{door.path}": door.verb, f"{prefix}/-/healthy": "get", f"{prefix}/-/ready": "get"}


def _config(proxy: Proxy, paths: t.Mapping[str, str]) -> dict[str, str]:
    """The proxy's files; JSON is YAML."""
    rules = [
        {"path": path, "resourceRequest": False, "user": {"name": client}, "verb": verb}
        for client in proxy.clients
        for path, verb in paths.items()
    ]
    return {
        "config.yaml": json.dumps({"authorization": {"static": rules}}, sort_keys=True),
        "kubeconfig": json.dumps(_NOWHERE, sort_keys=True),
    }


def _upstream(
    team: str, replica: int, *, door: Door, of: str, namespace: str, labels: t.Mapping[str, str]
) -> JsonObject:
    """The name by which a proxy reaches its replica."""
    selector = replica_pods(of, replica)
    spec = {"type": "ClusterIP", "selector": selector, "ports": [service_port(WEB_PORT_NAME, PROMETHEUS_PORT)]}
    return make(CORE, "Service", door.replica(team, replica), namespace=namespace, labels=labels, spec=spec)


def _deployment(
    proxy: Proxy, *, door: Door, prefix: str, team: str, replica: int, namespace: str, pods: PodSettings
) -> JsonObject:
    labels = proxy_pods(team, replica, door=door)
    registry = proxy.image_registry or pods.image_registry or UPSTREAM_REGISTRY
    paths = _paths(door, prefix)
    certificate, client_ca = proxy.certificate, proxy.client_ca
    authority = {"items": [{"key": client_ca["key"], "path": "ca.crt"}], "defaultMode": _MODE}
    volumes = {
        "certificate": {
            "secret": {
                "secretName": certificate["secret"],
                "items": [
                    {"key": certificate["cert_key"], "path": "tls.crt"},
                    {"key": certificate["key_key"], "path": "tls.key"},
                ],
                "defaultMode": _MODE,
            }
        },
        "client-ca": {"secret": {"secretName": client_ca["secret"], **authority}}
        if client_ca["secret"]
        else {"configMap": {"name": client_ca["config_map"], **authority}},
        "config": {"downwardAPI": {"items": [_file(name) for name in sorted(_FILES)], "defaultMode": _MODE}},
    }
    upstream = f"http://{door.replica(team, replica)}.{namespace}.svc:{PROMETHEUS_PORT}/"
    pod = {
        # It asks the API server for nothing.
        "automountServiceAccountToken": False,
        "containers": [_container(registry, paths=list(paths), upstream=upstream, mounts=sorted(volumes))],
        **pods.pulling(),
        "nodeSelector": LINUX,
        "securityContext": restricted_pod(user=_USER),
        "volumes": [{"name": name, **volume} for name, volume in sorted(volumes.items())],
    }
    annotations = {_FILES[name]: text for name, text in _config(proxy, paths).items()}
    return {
        "replicas": 1,
        # No second pod beside the first: the namespace's quota has room for one.
        "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 0, "maxUnavailable": 1}},
        "selector": {"matchLabels": labels},
        "template": {"metadata": {"labels": labels, "annotations": annotations}, "spec": pod},
    }


def _file(name: str) -> JsonObject:
    field = {"apiVersion": "v1", "fieldPath": f"metadata.annotations['{_FILES[name]}']"}
    return {"fieldRef": field, "path": name}


def _container(registry: str, *, paths: t.Sequence[str], upstream: str, mounts: t.Sequence[str]) -> JsonObject:
    health = {"httpGet": {"path": "/healthz", "port": _HEALTH_PORT_NAME, "scheme": "HTTPS"}}
    return {
        "name": NAME,
        "image": f"{registry}/{KUBE_RBAC_PROXY_REPOSITORY}:v{KUBE_RBAC_PROXY}",
        "args": [
            f"--secure-listen-address=:{PROXY_PORT}",
            # Its own health, apart from what it exposes.
            f"--proxy-endpoints-port={_HEALTH_PORT}",
            f"--upstream={upstream}",
            f"--tls-cert-file={_FOLDER}/certificate/tls.crt",
            f"--tls-private-key-file={_FOLDER}/certificate/tls.key",
            f"--client-ca-file={_FOLDER}/client-ca/ca.crt",
            f"--config-file={_FOLDER}/config/config.yaml",
            f"--kubeconfig={_FOLDER}/config/kubeconfig",
            # Everything else is not found, for every client.
            f"--allow-paths={','.join(paths)}",
        ],
        "ports": [
            {"containerPort": PROXY_PORT, "name": PROXY_PORT_NAME, "protocol": "TCP"},
            {"containerPort": _HEALTH_PORT, "name": _HEALTH_PORT_NAME, "protocol": "TCP"},
        ],
        "livenessProbe": {**health, "periodSeconds": 30, "timeoutSeconds": 5},
        "readinessProbe": {**health, "timeoutSeconds": 5},
        "resources": fixed(PROXY_RESOURCES),
        "securityContext": confined(),
        "volumeMounts": [{"mountPath": f"{_FOLDER}/{name}", "name": name, "readOnly": True} for name in mounts],
    }
