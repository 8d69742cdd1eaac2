"""Canaries: texts that no output may have, each planted in a place of its own on a cluster or in Prometheus."""

from __future__ import annotations

import base64
import hashlib
import typing as t
import urllib.parse
from dataclasses import dataclass, field

from tests.integration.support.cluster import Cluster

JsonObject = dict[str, t.Any]
Reference = tuple[str, str, str]

NAMESPACE = "monitoring-platform"
SOURCE = "federation-edge-platform"
MONITORING, DISCOVERY, NETWORK = "monitoring.coreos.com/v1", "discovery.k8s.io/v1", "networking.k8s.io/v1"
LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
NOTE = "example.com/note"
# Of each of these an annotation, as kubectl and people leave them: on the hub, or on the edge.
HUB: dict[str, tuple[str, str, str, str]] = {
    "central Service": ("v1", "Service", SOURCE, NAMESPACE),
    "EndpointSlice": (DISCOVERY, "EndpointSlice", f"{SOURCE}-0", NAMESPACE),
    "ServiceMonitor": (MONITORING, "ServiceMonitor", SOURCE, NAMESPACE),
    "Prometheus": (MONITORING, "Prometheus", "platform", NAMESPACE),
    "Alertmanager": (MONITORING, "Alertmanager", "platform", NAMESPACE),
    "Prometheus of a team": (MONITORING, "Prometheus", "pay", "monitoring-pay"),
    "operator": ("apps/v1", "Deployment", "prometheus-operator", "prometheus-operator"),
    "namespace": ("v1", "Namespace", NAMESPACE, ""),
}
EDGE: dict[str, tuple[str, str, str, str]] = {
    "exposing Service": ("v1", "Service", "prometheus-platform-federation-0", NAMESPACE),
    "NetworkPolicy": (NETWORK, "NetworkPolicy", "prometheus-platform-federation", NAMESPACE),
    "worker's Prometheus": (MONITORING, "Prometheus", "platform", NAMESPACE),
    "worker's Alertmanager": (MONITORING, "Alertmanager", "platform", NAMESPACE),
}


@dataclass(kw_only=True)
class Canaries:
    """Canaries by the names of their places. *text* of a name is always the same."""

    planted: dict[str, str] = field(default_factory=dict)

    def text(self, name: str) -> str:
        """A new canary for a place."""
        assert name not in self.planted, name
        self.planted[name] = f"canary{hashlib.sha256(name.encode()).hexdigest()[:16]}"
        return self.planted[name]

    def found_in(self, text: bytes) -> set[str]:
        """The places whose canary is in *text*: as it is, in base64 at any offset, or escaped for an address."""
        return {name for name, canary in self.planted.items() if any(form in text for form in _forms(canary))}


def _forms(canary: str) -> list[bytes]:
    forms = [canary.encode(), urllib.parse.quote(canary).encode(), canary[::-1].encode(), canary.upper().encode()]
    for offset in range(3):
        # What stands before and after it decides only the outermost characters.
        forms.append(base64.b64encode(b"x" * offset + canary.encode())[4 : -4 if offset else None].rstrip(b"="))
    return forms


def plant(hub: Cluster, edge: Cluster, canaries: Canaries) -> None:
    """Canaries in the objects of two clusters, of which the hub federates the platform of the edge."""
    text = canaries.text
    for cluster, places in ((hub, HUB), (edge, EDGE)):
        for name, (version, kind, of, namespace) in places.items():
            notes = {NOTE: text(f"annotation of the {name}")}
            if kind in ("Service", "ServiceMonitor", "Prometheus"):
                notes[LAST_APPLIED] = f'{{"spec":{{"password":"{text(f"last applied {name}")}"}}}}'
            cluster.edit(version, kind, of, {"metadata": {"annotations": notes}}, namespace=namespace)
    _plant_values(hub, text)
    _plant_policy(edge, text)
    _plant_fields(hub, text)
    _plant_pod(edge, text)
    _plant_event(hub, text)


def _plant_values(cluster: Cluster, text: t.Callable[[str], str]) -> None:
    """In objects that nobody judges."""
    place = {"namespace": NAMESPACE}
    cluster.apply(
        {
            **_object("v1", "Secret", {"name": "canaries", **place}),
            "data": {"password": base64.b64encode(text("Secret's data").encode()).decode()},
        }
    )
    cluster.apply(
        {**_object("v1", "ConfigMap", {"name": "canaries", **place}), "data": {"token": text("ConfigMap's data")}}
    )
    rule = {"alert": "Any", "expr": "vector(1)", "annotations": {"password": text("annotation of an alert")}}
    groups = [{"name": "any", "rules": [rule]}]
    cluster.apply({**_object(MONITORING, "PrometheusRule", {"name": "canaries", **place}), "spec": {"groups": groups}})
    endpoint = {
        "port": "web",
        "params": {"token": [text("parameter of a foreign monitor")]},
        "proxyUrl": f"http://user:{text('proxy of a foreign monitor')}@192.0.2.1:3128",
    }
    spec = {"selector": {"matchLabels": {"app": "any"}}, "endpoints": [endpoint]}
    cluster.apply({**_object(MONITORING, "ServiceMonitor", {"name": "canaries", **place}), "spec": spec})
    discovery = {"url": f"http://user:{text('address of a discovery')}@192.0.2.1/targets"}
    cluster.apply(
        {
            **_object("monitoring.coreos.com/v1alpha1", "ScrapeConfig", {"name": "canaries", **place}),
            "spec": {"httpSDConfigs": [discovery], "params": {"key": [text("parameter of a ScrapeConfig")]}},
        }
    )
    # It gives the source's Service one more address, so it is looked at.
    cluster.apply(
        {
            **_object(
                DISCOVERY,
                "EndpointSlice",
                {
                    "name": "canaries",
                    **place,
                    "labels": {"kubernetes.io/service-name": SOURCE, "key": text("label of a foreign slice")},
                    "annotations": {NOTE: text("annotation of a foreign slice")},
                },
            ),
            "addressType": "IPv4",
            "endpoints": [{"addresses": ["192.0.2.77"], "hostname": text("host name of an endpoint")}],
            "ports": [{"name": "web", "port": 9090}],
        }
    )


def _plant_policy(cluster: Cluster, text: t.Callable[[str], str]) -> None:
    place = {"namespace": NAMESPACE}
    peers = [{"ports": [{"port": 9090}]}]
    cluster.apply(
        {
            **_object(
                NETWORK,
                "NetworkPolicy",
                {"name": "canaries", **place, "annotations": {NOTE: text("annotation of a foreign policy")}},
            ),
            "spec": {"podSelector": {}, "policyTypes": ["Ingress"], "ingress": peers},
        }
    )


def _plant_fields(cluster: Cluster, text: t.Callable[[str], str]) -> None:
    """In fields of objects that are judged."""
    write = {
        "url": f"https://user:{text('address of remote_write')}@192.0.2.1/write",
        "headers": {"X-Api-Key": text("header of remote_write")},
        "proxyUrl": f"http://user:{text('proxy of remote_write')}@192.0.2.1:3128",
    }
    spec: JsonObject = {
        "remoteWrite": [write],
        "externalLabels": {"api_token": text("external label of the Prometheus")},
        "additionalArgs": [{"name": "web.page-title", "value": text("argument of the Prometheus")}],
        "containers": [{"name": "prometheus", "env": [{"name": "A", "value": text("environment of the Prometheus")}]}],
        "podMetadata": {"annotations": {NOTE: text("annotation of the Prometheus' pods")}},
        "externalUrl": f"https://user:{text('external address of the Prometheus')}@prometheus.example.com",
        "web": {"pageTitle": text("title of the Prometheus' page")},
    }
    cluster.edit(MONITORING, "Prometheus", "platform", {"spec": spec}, namespace=NAMESPACE)
    spec = {
        "externalUrl": f"https://user:{text('external address of the Alertmanager')}@alertmanager.example.com",
        "containers": [{"name": "alertmanager", "args": [f"--key={text('argument of the Alertmanager')}"]}],
    }
    cluster.edit(MONITORING, "Alertmanager", "platform", {"spec": spec}, namespace=NAMESPACE)
    monitor = cluster.get(MONITORING, "ServiceMonitor", SOURCE, NAMESPACE)
    endpoints = monitor["spec"]["endpoints"]
    endpoints[0] |= {
        "params": {**endpoints[0]["params"], "token": [text("parameter of the source's monitor")]},
        "proxyUrl": f"http://user:{text('proxy of the monitor')}@192.0.2.1:3128",
        "path": f"{endpoints[0]['path']}?token={text('path of the monitor')}",
        "relabelings": [
            *endpoints[0]["relabelings"],
            {"action": "replace", "targetLabel": "password", "replacement": text("relabeling of the monitor")},
        ],
        "bearerTokenFile": f"/run/{text('file name of a token')}",
    }
    cluster.edit(MONITORING, "ServiceMonitor", SOURCE, {"spec": {"endpoints": endpoints}}, namespace=NAMESPACE)
    container = {
        "name": "prometheus-operator",
        "env": [{"name": "TOKEN", "value": text("environment of the operator")}],
        "args": [f"--token={text('argument of the operator')}"],
    }
    deployment = cluster.get("apps/v1", "Deployment", "prometheus-operator", "prometheus-operator")
    first = {**deployment["spec"]["template"]["spec"]["containers"][0], **container}
    patch = {"spec": {"template": {"spec": {"containers": [first]}}}}
    cluster.edit("apps/v1", "Deployment", "prometheus-operator", patch, namespace="prometheus-operator")
    condition = {
        "type": "Reconciled",
        "status": "False",
        "reason": "Failed",
        "message": f"Post https://user:{text('condition of the Prometheus')}@hook.example.com/?token=x: refused",
        "lastTransitionTime": "2026-01-01T00:00:00Z",
    }
    live = cluster.get(MONITORING, "Prometheus", "pay", "monitoring-pay")
    status = {
        "paused": False, "replicas": 0, "updatedReplicas": 0, "availableReplicas": 0, "unavailableReplicas": 1,
        "conditions": [{**condition, "observedGeneration": live["metadata"]["generation"]}],
    }  # fmt: skip
    path = f"/apis/{MONITORING}/namespaces/monitoring-pay/prometheuses/pay/status"
    cluster.request("PATCH", path, body={"status": status}, content_type="application/merge-patch+json")


def _plant_pod(cluster: Cluster, text: t.Callable[[str], str]) -> None:
    """In a pod of the exposed instance."""
    path = f"/api/v1/namespaces/{NAMESPACE}/pods/prometheus-platform-0"
    live = cluster.request("GET", path)
    cluster.send("DELETE", path, body={"gracePeriodSeconds": 0})
    labels = {"app.kubernetes.io/name": "prometheus", "app.kubernetes.io/instance": "platform"}
    labels |= {"app.kubernetes.io/managed-by": "prometheus-operator", "key": text("label of a pod")}
    container = {
        **live["spec"]["containers"][0],
        "env": [{"name": "PASSWORD", "value": text("environment of a pod")}],
        "args": [f"--token={text('argument of a pod')}"],
        "command": ["sh", "-c", f"run {text('command of a pod')}"],
        "ports": [{"name": "web", "containerPort": 9090}],
    }
    container.pop("volumeMounts", None)
    spec = {
        name: live["spec"][name] for name in ("nodeName", "securityContext", "terminationGracePeriodSeconds")
    }  # fmt: skip
    metadata = {
        "name": "prometheus-platform-0",
        "namespace": NAMESPACE,
        "labels": labels,
        "annotations": {NOTE: text("annotation of a pod")},
    }
    cluster.apply(
        {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": {**spec, "containers": [container]}}
    )


def _plant_event(cluster: Cluster, text: t.Callable[[str], str]) -> None:
    """Why the pods of an instance are refused."""
    event = {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": "refused", "namespace": "monitoring-pay"},
        "involvedObject": {
            "apiVersion": "apps/v1", "kind": "StatefulSet", "namespace": "monitoring-pay", "name": "prometheus-pay",
        },
        "type": "Warning",
        "reason": "FailedCreate",
        "lastTimestamp": "2027-01-01T00:00:00Z",
        "message": f'create Pod failed: Post "https://user:{text("message of an Event")}@hook.example.com": refused',
    }  # fmt: skip
    cluster.request("POST", "/api/v1/namespaces/monitoring-pay/events", body=event)


def _object(version: str, kind: str, metadata: JsonObject) -> JsonObject:
    return {"apiVersion": version, "kind": kind, "metadata": metadata}


def scrape_jobs(canaries: Canaries, *, address: str) -> list[JsonObject]:
    """Jobs of a Prometheus with canaries, as the operator would write the source's, and one of its own target."""
    text = canaries.text
    down = "127.0.0.1:1"
    labels = {
        "job": "federation/edge/platform",
        "cluster": "edge",
        "password": text("target label"),
        "__meta_kubernetes_pod_annotation_token": text("discovered label"),
    }
    return [
        {
            "job_name": f"serviceMonitor/{NAMESPACE}/{SOURCE}/0",
            "metrics_path": "/federate",
            "params": {"match[]": ["up"], "token": [text("parameter of a loaded job")]},
            "basic_auth": {"username": "u", "password": text("password of a loaded job")},
            "static_configs": [{"targets": [down], "labels": labels}],
            "proxy_url": f"http://user:{text('proxy of a loaded job')}@127.0.0.1:1",
        },
        {
            "job_name": "own",
            "authorization": {"credentials": text("credentials of a loaded job")},
            "params": {"key": [text("parameter of its own job")]},
            "static_configs": [{"targets": [address], "labels": {"namespace": NAMESPACE, "key": text("own label")}}],
        },
        {
            "job_name": "discovered",
            "http_sd_configs": [{"url": f"http://user:{text('address of its discovery')}@127.0.0.1:1/targets"}],
        },
    ]
