"""What others run on clusters: kube-prometheus and kube-prometheus-stack, with the published names and owners.

Made by these tests, after

- kube-prometheus at 4d719f1 (2026-08-10), the files named in each function, below
  https://github.com/prometheus-operator/kube-prometheus/tree/main/manifests
- kube-prometheus-stack at cf408a2 (2026-08-22), its templates and values, below
  https://github.com/prometheus-community/helm-charts/tree/main/charts/kube-prometheus-stack

Names, labels, accounts, selectors, arguments and rights are those of there. What no test looks at (dashboards,
exporters, rules) is left out. kube-prometheus comes by client-side `kubectl apply`, so its field manager is kubectl's.
A chart's objects have Helm's labels, annotations and field manager (`helm`).
"""

from __future__ import annotations

import argparse
import json
import typing as t
from pathlib import Path

from ansible_collections.promfleet.monitoring.plugins.module_utils._base.versions import PROMETHEUS_OPERATOR

from promlab import pins
from tests.integration.support.cluster import Cluster
from tests.integration.support.releases import crd_folder, kubectl

JsonObject = dict[str, t.Any]

MONITORING = "monitoring.coreos.com/v1"
RBAC = "rbac.authorization.k8s.io"
NAMESPACE = "monitoring"
PROMETHEUS, ALERTMANAGER = "3.13.2", "0.33.1"
OPERATOR = f"{NAMESPACE}/prometheus-operator"
INSTANCES = (("Prometheus", "k8s"), ("Alertmanager", "main"))


def _labels(name: str, component: str, *, version: str = "", instance: str = "") -> dict[str, str]:
    labels = {"app.kubernetes.io/component": component, "app.kubernetes.io/name": name}
    labels |= {"app.kubernetes.io/part-of": "kube-prometheus"}
    labels |= {"app.kubernetes.io/instance": instance} if instance else {}
    return labels | ({"app.kubernetes.io/version": version} if version else {})


def _object(api_version: str, kind: str, name: str, labels: t.Mapping[str, str], **body: t.Any) -> JsonObject:
    cluster_wide = kind in ("ClusterRole", "ClusterRoleBinding", "Namespace")
    metadata = {"name": name, "labels": dict(labels), **({} if cluster_wide else {"namespace": NAMESPACE})}
    return {"apiVersion": api_version, "kind": kind, "metadata": metadata, **body}


def _binding(name: str, labels: t.Mapping[str, str], *, kind: str, account: str) -> JsonObject:
    reference = {"apiGroup": RBAC, "kind": kind, "name": name}
    subjects = [{"kind": "ServiceAccount", "name": account, "namespace": NAMESPACE}]
    return _object(f"{RBAC}/v1", f"{kind}Binding", name, labels, roleRef=reference, subjects=subjects)


def operator_rules() -> list[JsonObject]:
    """What the published operators may do (prometheusOperator-clusterRole.yaml); the chart's rules are the same."""
    workloads = ("alertmanagers", "prometheuses", "prometheusagents", "thanosrulers")
    monitors = ("scrapeconfigs", "servicemonitors", "podmonitors", "probes", "prometheusrules")
    resources = ["alertmanagerconfigs"]
    resources += [f"{name}{part}" for name in workloads for part in ("", "/finalizers", "/status")]
    resources += [f"{name}{part}" for name in monitors for part in ("", "/status")]
    own = ["get", "create", "update", "delete"]
    return [
        {"apiGroups": ["monitoring.coreos.com"], "resources": resources, "verbs": ["*"]},
        {"apiGroups": ["apps"], "resources": ["statefulsets"], "verbs": ["*"]},
        {"apiGroups": [""], "resources": ["configmaps", "secrets"], "verbs": ["*"]},
        {"apiGroups": [""], "resources": ["pods"], "verbs": ["list", "delete"]},
        {"apiGroups": [""], "resources": ["services", "services/finalizers", "endpoints"], "verbs": own},
        {"apiGroups": [""], "resources": ["nodes"], "verbs": ["list", "watch"]},
        {"apiGroups": [""], "resources": ["namespaces"], "verbs": ["get", "list", "watch"]},
        {"apiGroups": ["events.k8s.io"], "resources": ["events"], "verbs": ["patch", "create"]},
        {"apiGroups": ["networking.k8s.io"], "resources": ["ingresses"], "verbs": ["get", "list", "watch"]},
        {"apiGroups": ["storage.k8s.io"], "resources": ["storageclasses"], "verbs": ["get"]},
        {"apiGroups": ["discovery.k8s.io"], "resources": ["endpointslices"], "verbs": ["list", *own]},
    ]


def kube_prometheus_operator(*, sidecar: bool = True, version: str = PROMETHEUS_OPERATOR) -> list[JsonObject]:
    """The operator: manifests/setup/namespace.yaml and prometheusOperator-*.yaml.

    Without *sidecar* kube-rbac-proxy is left out, of which the lab has no image; it only guards the metrics.
    """
    name = "prometheus-operator"
    selector = _labels(name, "controller")
    labels = {**selector, "app.kubernetes.io/version": version}
    images = "quay.io/prometheus-operator"
    unprivileged = {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "readOnlyRootFilesystem": True,
    }
    operator = {
        "name": name,
        "image": f"{images}/prometheus-operator:v{version}",
        "args": [
            "--kubelet-service=kube-system/kubelet",
            f"--prometheus-config-reloader={images}/prometheus-config-reloader:v{version}",
            "--watch-referenced-objects-in-all-namespaces=true",
            "--disable-unmanaged-prometheus-configuration=true",
            "--kubelet-endpoints=true",
            "--kubelet-endpointslice=true",
        ],
        "env": [{"name": "GOGC", "value": "30"}],
        "ports": [{"containerPort": 8080, "name": "http"}],
        "resources": {
            "limits": {"cpu": "200m", "memory": "200Mi"},
            "requests": {"cpu": "100m", "memory": "100Mi"},
        },
        "securityContext": unprivileged,
    }
    proxy = {
        "name": "kube-rbac-proxy",
        "image": "quay.io/brancz/kube-rbac-proxy:v0.22.1",
        "args": ["--secure-listen-address=:8443", "--upstream=http://127.0.0.1:8080/"],
        "ports": [{"containerPort": 8443, "name": "https"}],
        "securityContext": {**unprivileged, "runAsUser": 65532, "runAsGroup": 65532, "runAsNonRoot": True},
    }
    pod = {
        "automountServiceAccountToken": True,
        "containers": [operator, *([proxy] if sidecar else [])],
        "nodeSelector": {"kubernetes.io/os": "linux"},
        "securityContext": {
            "runAsGroup": 65534,
            "runAsNonRoot": True,
            "runAsUser": 65534,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "serviceAccountName": name,
    }
    annotations = {"kubectl.kubernetes.io/default-container": name}
    deployment = {
        "replicas": 1,
        "selector": {"matchLabels": selector},
        "template": {"metadata": {"labels": labels, "annotations": annotations}, "spec": pod},
    }
    warn = "pod-security.kubernetes.io/warn"
    port = {"name": "https", "port": 8443, "targetPort": "https"}
    return [
        _object("v1", "Namespace", NAMESPACE, {warn: "privileged", f"{warn}-version": "latest"}),
        _object("v1", "ServiceAccount", name, labels, automountServiceAccountToken=False),
        _object(f"{RBAC}/v1", "ClusterRole", name, labels, rules=operator_rules()),
        _binding(name, labels, kind="ClusterRole", account=name),
        _object("v1", "Service", name, labels, spec={"clusterIP": "None", "ports": [port], "selector": selector}),
        _object("apps/v1", "Deployment", name, labels, spec=deployment),
    ]


def kube_prometheus_instances(
    *,
    replicas: int | None = None,
    storage: JsonObject | None = None,
    version: str = PROMETHEUS,
    interval: str = "30s",
) -> list[JsonObject]:
    """Prometheus `k8s` and Alertmanager `main`: prometheus-*.yaml and alertmanager-*.yaml.

    *replicas* for both, if not the published two and three. *storage* is the spec of a volume claim, as the
    operator's guide has it (Documentation/platform/storage.md there): published there is none. *version* is the release
    of Prometheus, *interval* that of its own scrapes.
    """
    prometheus = _labels("prometheus", "prometheus", version=version, instance="k8s")
    alertmanager = _labels("alertmanager", "alert-router", version=ALERTMANAGER, instance="main")
    own = {name: value for name, value in prometheus.items() if name != "app.kubernetes.io/version"}
    others = {name: value for name, value in alertmanager.items() if name != "app.kubernetes.io/version"}
    linux = {"kubernetes.io/os": "linux"}
    security = {"fsGroup": 2000, "runAsNonRoot": True, "runAsUser": 1000}
    everything: JsonObject = {
        f"{what}{part}": {}
        for what in ("podMonitor", "probe", "rule", "scrapeConfig", "serviceMonitor")
        for part in ("Selector", "NamespaceSelector")
    }
    peer = {"apiVersion": "v2", "name": "alertmanager-main", "namespace": NAMESPACE, "port": "web"}
    read = ["get", "list", "watch"]
    rules = [
        {"apiGroups": ["discovery.k8s.io"], "resources": ["endpointslices"], "verbs": read},
        {"apiGroups": [""], "resources": ["services", "pods"], "verbs": read},
        {"apiGroups": ["networking.k8s.io"], "resources": ["ingresses"], "verbs": read},
    ]
    secret = {"alertmanager.yaml": "route:\n  receiver: Default\nreceivers:\n- name: Default\n"}

    def service(name: str, labels: JsonObject, selector: JsonObject, port: int) -> JsonObject:
        ports = [{"name": "web", "port": port, "targetPort": "web"}]
        ports.append({"name": "reloader-web", "port": 8080, "targetPort": "reloader-web"})
        spec = {"ports": ports, "selector": selector, "sessionAffinity": "ClientIP"}
        return _object("v1", "Service", name, labels, spec=spec)

    prometheus_spec: JsonObject = {
        "alerting": {"alertmanagers": [peer]},
        "enableFeatures": [],
        "externalLabels": {},
        "image": f"quay.io/prometheus/prometheus:v{version}",
        "nodeSelector": linux,
        "podMetadata": {"labels": prometheus},
        **everything,
        "replicas": 2 if replicas is None else replicas,
        "resources": {"requests": {"memory": "400Mi"}},
        "securityContext": security,
        "serviceAccountName": "prometheus-k8s",
        "serviceDiscoveryRole": "EndpointSlice",
        "version": version,
    }
    if storage is not None:
        prometheus_spec["storage"] = {"volumeClaimTemplate": {"spec": storage}}
    alertmanager_spec = {
        "alertmanagerConfigSelector": {},
        "image": f"quay.io/prometheus/alertmanager:v{ALERTMANAGER}",
        "nodeSelector": linux,
        "podMetadata": {"labels": alertmanager},
        "replicas": 3 if replicas is None else replicas,
        "resources": {
            "limits": {"cpu": "100m", "memory": "100Mi"},
            "requests": {"cpu": "4m", "memory": "100Mi"},
        },
        "secrets": [],
        "securityContext": security,
        "serviceAccountName": "alertmanager-main",
        "version": ALERTMANAGER,
    }
    endpoints = [{"interval": interval, "port": port} for port in ("web", "reloader-web")]
    monitor = {"endpoints": endpoints, "selector": {"matchLabels": own}}
    return [
        _object("v1", "ServiceAccount", "prometheus-k8s", prometheus, automountServiceAccountToken=True),
        _object(f"{RBAC}/v1", "Role", "prometheus-k8s", prometheus, rules=rules),
        _binding("prometheus-k8s", prometheus, kind="Role", account="prometheus-k8s"),
        service("prometheus-k8s", prometheus, own, 9090),
        _object(MONITORING, "ServiceMonitor", "prometheus-k8s", prometheus, spec=monitor),
        _object(MONITORING, "Prometheus", "k8s", prometheus, spec=prometheus_spec),
        _object("v1", "ServiceAccount", "alertmanager-main", alertmanager, automountServiceAccountToken=False),
        _object("v1", "Secret", "alertmanager-main", alertmanager, type="Opaque", stringData=secret),
        service("alertmanager-main", alertmanager, others, 9093),
        _object(MONITORING, "Alertmanager", "main", alertmanager, spec=alertmanager_spec),
    ]


def kube_prometheus_stack_operator(
    *, release: str = "kps", failure_policy: str = "Ignore", version: str = PROMETHEUS_OPERATOR
) -> list[JsonObject]:
    """A chart release's operator and the webhooks that its pods serve.

    templates/prometheus-operator/{deployment,service,clusterrole,clusterrolebinding,serviceaccount}.yaml,
    templates/prometheus-operator/admission-webhooks/*WebhookConfiguration.yaml and templates/_helpers.tpl. By default
    (values.yaml: admissionWebhooks.enabled, .patch.enabled) the webhooks are there, with failurePolicy Ignore.
    """
    chart, full = "kube-prometheus-stack", f"{release}-kube-prometheus-stack"[:26].rstrip("-")
    name = f"{full}-operator"
    common = {
        "app.kubernetes.io/managed-by": "Helm",
        "app.kubernetes.io/instance": release,
        "app.kubernetes.io/part-of": chart,
        "release": release,
        "heritage": "Helm",
    }
    labels = {"app": f"{chart}-operator", **common}
    helm = {"meta.helm.sh/release-name": release, "meta.helm.sh/release-namespace": NAMESPACE}
    selector = {"app": f"{chart}-operator", "release": release}
    images = "quay.io/prometheus-operator"
    container = {
        "name": chart,
        "image": f"{images}/prometheus-operator:v{version}",
        "args": [
            f"--kubelet-service=kube-system/{full}-kubelet",
            "--kubelet-endpoints=true",
            "--kubelet-endpointslice=false",
            "--localhost=127.0.0.1",
            f"--prometheus-config-reloader={images}/prometheus-config-reloader:v{version}",
            "--config-reloader-cpu-request=0",
            "--config-reloader-cpu-limit=0",
            "--config-reloader-memory-request=0",
            "--config-reloader-memory-limit=0",
            "--web.enable-tls=true",
            "--web.listen-address=:10250",
        ],
        "ports": [{"containerPort": 10250, "name": "https"}],
    }
    deployment = {
        "replicas": 1,
        "selector": {"matchLabels": selector},
        "template": {"metadata": {"labels": labels}, "spec": {"serviceAccountName": name, "containers": [container]}},
    }
    port = {"name": "https", "port": 443, "targetPort": "https"}

    def webhooks(kind: str, path: str) -> JsonObject:
        rule = {
            "apiGroups": ["monitoring.coreos.com"],
            "apiVersions": ["*"],
            "resources": ["prometheusrules"],
            "operations": ["CREATE", "UPDATE"],
        }
        service = {"namespace": NAMESPACE, "name": name, "path": f"/admission-prometheusrules/{path}"}
        hook = {
            "name": f"prometheusrule{path}.monitoring.coreos.com",
            "failurePolicy": failure_policy,
            "rules": [rule],
            "clientConfig": {"service": service},
            "timeoutSeconds": 10,
            "admissionReviewVersions": ["v1", "v1beta1"],
            "sideEffects": "None",
        }
        made = _object("admissionregistration.k8s.io/v1", kind, f"{full}-admission", labels, webhooks=[hook])
        del made["metadata"]["namespace"]
        return made

    objects = [
        _object("v1", "Namespace", NAMESPACE, {}),
        _object("v1", "ServiceAccount", name, labels, automountServiceAccountToken=True),
        _object(f"{RBAC}/v1", "ClusterRole", name, labels, rules=operator_rules()),
        _binding(name, labels, kind="ClusterRole", account=name),
        _object("v1", "Service", name, labels, spec={"ports": [port], "selector": selector}),
        _object("apps/v1", "Deployment", name, labels, spec=deployment),
        webhooks("ValidatingWebhookConfiguration", "validate"),
        webhooks("MutatingWebhookConfiguration", "mutate"),
    ]
    for obj in objects[1:]:
        obj["metadata"]["annotations"] = dict(helm)
    return objects


def install(cluster: Cluster, objects: t.Sequence[JsonObject], *, manager: str = "") -> None:
    """Apply *objects*: by kubectl on the client side, or on the server as *manager*, as Helm 4 does."""
    if manager:
        for obj in objects:
            cluster.apply(obj, manager=manager, force=True)
        return
    text = json.dumps({"apiVersion": "v1", "kind": "List", "items": list(objects)})
    kubectl(cluster.kubeconfig, f"--context={cluster.context}", "apply", "--filename=-", text=text)


def main() -> None:
    """Installs a part of kube-prometheus in one cluster of the lab, as its guide says; waits until it is ready."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--kubeconfig", type=Path, required=True)
    parser.add_argument("--context", required=True)
    parser.add_argument("part", choices=("operator", "instances"))
    arguments = parser.parse_args()
    cluster = Cluster(kubeconfig=arguments.kubeconfig.expanduser(), context=arguments.context)
    if arguments.part == "operator":
        files = f"--filename={crd_folder(PROMETHEUS_OPERATOR)}"
        kubectl(cluster.kubeconfig, f"--context={cluster.context}", "apply", "--server-side", files)
        cluster.wait_until(
            lambda: {"Prometheus", "Alertmanager"} <= {kind.kind for kind in cluster.kinds()}, "the CRDs"
        )
        install(cluster, kube_prometheus_operator(sidecar=False))
    else:
        # One replica each, data that outlives the pod, the release that the lab has, and samples soon.
        claim = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
        install(cluster, kube_prometheus_instances(replicas=1, storage=claim, version=pins.PROMETHEUS, interval="5s"))
    cluster.wait_until(lambda: _is_ready(cluster, arguments.part), f"{arguments.part} ready", timeout=240)


def _is_ready(cluster: Cluster, part: str) -> bool:
    if part == "operator":
        live = cluster.get("apps/v1", "Deployment", "prometheus-operator", NAMESPACE)
        return bool((live.get("status") or {}).get("readyReplicas"))
    found = [cluster.get(MONITORING, kind, name, NAMESPACE).get("status") or {} for kind, name in INSTANCES]
    return all(status.get("availableReplicas") for status in found)


if __name__ == "__main__":
    main()
