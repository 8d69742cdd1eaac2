"""An instance of kube-prometheus or of the chart becomes a team's, and is afterwards what it was.

The objects are made after kube-prometheus' published manifests (manifests/prometheus-prometheus.yaml,
alertmanager-alertmanager.yaml and prometheus-service.yaml of github.com/prometheus-operator/kube-prometheus), with what
people add there, a volume claim and remote write; names, owners and managers are those of `kubectl apply` and of Helm.
"""

from __future__ import annotations

import json
import typing as t
from collections.abc import Callable, Iterator

import pytest
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.errors import Refused
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.outcome import Outcome
from ansible_collections.promfleet.monitoring.plugins.module_utils._state.ownership import LAST_APPLIED

from promlab.controlplane import ControlPlane
from tests.integration.support.cluster import Cluster
from tests.integration.support.inprocess import run_module

JsonObject = dict[str, t.Any]
SPACE = "theirs-monitoring"
MONITORING = "monitoring.coreos.com/v1"
FLEET = "adopting"

Teams = Callable[..., Outcome]


def labels(component: str, instance: str, name: str, version: str) -> dict[str, str]:
    marks = {"component": component, "instance": instance, "name": name, "part-of": "kube-prometheus"}
    return {f"app.kubernetes.io/{key}": value for key, value in {**marks, "version": version}.items()}


OF_PROMETHEUS = labels("prometheus", "k8s", "prometheus", "3.13.2")
OF_ALERTMANAGER = labels("alert-router", "main", "alertmanager", "0.33.1")


def published(api_version: str, kind: str, name: str, *, marks: JsonObject, **spec: t.Any) -> JsonObject:
    metadata = {"name": name, "namespace": SPACE, "labels": marks}
    return {"apiVersion": api_version, "kind": kind, "metadata": metadata, "spec": spec}


PROMETHEUS = published(
    MONITORING,
    "Prometheus",
    "k8s",
    marks=OF_PROMETHEUS,
    alerting={"alertmanagers": [{"apiVersion": "v2", "name": "alertmanager-main", "namespace": SPACE, "port": "web"}]},
    enableFeatures=[],
    externalLabels={},
    image="quay.io/prometheus/prometheus:v3.13.2",
    nodeSelector={"kubernetes.io/os": "linux"},
    podMetadata={"labels": OF_PROMETHEUS},
    podMonitorNamespaceSelector={},
    podMonitorSelector={},
    probeNamespaceSelector={},
    probeSelector={},
    remoteWrite=[{"url": "http://far.example.com/write"}],
    replicas=2,
    resources={"requests": {"memory": "400Mi"}},
    ruleNamespaceSelector={},
    ruleSelector={},
    scrapeConfigNamespaceSelector={},
    scrapeConfigSelector={},
    securityContext={"fsGroup": 2000, "runAsNonRoot": True, "runAsUser": 1000},
    serviceAccountName="prometheus-k8s",
    serviceDiscoveryRole="EndpointSlice",
    serviceMonitorNamespaceSelector={},
    serviceMonitorSelector={},
    storage={
        "volumeClaimTemplate": {
            "spec": {
                "accessModes": ["ReadWriteOnce"],
                "resources": {"requests": {"storage": "40Gi"}},
                "storageClassName": "fast",
            }
        }
    },
    version="3.13.2",
)
ALERTMANAGER = published(
    MONITORING,
    "Alertmanager",
    "main",
    marks=OF_ALERTMANAGER,
    alertmanagerConfigSelector={},
    image="quay.io/prometheus/alertmanager:v0.33.1",
    nodeSelector={"kubernetes.io/os": "linux"},
    podMetadata={"labels": OF_ALERTMANAGER},
    replicas=3,
    resources={"limits": {"cpu": "100m", "memory": "100Mi"}, "requests": {"cpu": "4m", "memory": "100Mi"}},
    secrets=[],
    securityContext={"fsGroup": 2000, "runAsNonRoot": True, "runAsUser": 1000},
    serviceAccountName="alertmanager-main",
    version="0.33.1",
)
SERVICE = published(
    "v1",
    "Service",
    "prometheus-k8s",
    marks=OF_PROMETHEUS,
    ports=[
        {"name": "web", "port": 9090, "targetPort": "web"},
        {"name": "reloader-web", "port": 8080, "targetPort": "reloader-web"},
    ],
    selector={name: value for name, value in OF_PROMETHEUS.items() if not name.endswith("version")},
    sessionAffinity="ClientIP",
)
CLAIM: JsonObject = {
    "apiVersion": "v1",
    "kind": "PersistentVolumeClaim",
    "metadata": {
        "name": "prometheus-k8s-db-prometheus-k8s-0",
        "namespace": SPACE,
        # As the operator's StatefulSet gives them to its claims.
        "labels": {
            "app.kubernetes.io/instance": "k8s",
            "app.kubernetes.io/managed-by": "prometheus-operator",
            "app.kubernetes.io/name": "prometheus",
            "operator.prometheus.io/name": "k8s",
            "prometheus": "k8s",
        },
    },
    "spec": {
        "accessModes": ["ReadWriteOnce"],
        "resources": {"requests": {"storage": "40Gi"}},
        "storageClassName": "fast",
    },
}
THEIRS = (PROMETHEUS, ALERTMANAGER, SERVICE, CLAIM)
FITTING: JsonObject = {
    "namespace": SPACE,
    "prometheus": {"name": "k8s", "replicas": 2, "storage": {"size": "40Gi", "class": "fast"}},
    "alertmanager": {"name": "main", "replicas": 3},
}
# How each tool makes objects: its field manager, and whether the object says what was applied.
TOOLS = {"kubectl": ("kubectl-client-side-apply", True), "helm": ("helm", False)}


@pytest.fixture(params=TOOLS)
def found(request: pytest.FixtureRequest, api: Cluster) -> Iterator[str]:
    """What a tool, whose name it is, made in the namespace."""
    manager, says = TOOLS[request.param]
    space = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": SPACE, "labels": {"theirs": "1"}}}
    api.wait_until(lambda: api.find("v1", "Namespace", SPACE) is None, "the namespace is not there")
    api.request("POST", "/api/v1/namespaces", query={"fieldManager": manager}, body=space)
    for obj in THEIRS:
        metadata = obj["metadata"]
        if says:
            metadata = {**metadata, "annotations": {LAST_APPLIED: json.dumps(obj)}}
        path = api.kind(obj["apiVersion"], obj["kind"]).path(SPACE)
        api.request("POST", path, query={"fieldManager": manager}, body={**obj, "metadata": metadata})
    yield request.param
    # No controller of the test's control plane removes it.
    claim = {"metadata": {"finalizers": None}}
    api.edit("v1", "PersistentVolumeClaim", CLAIM["metadata"]["name"], claim, namespace=SPACE)
    api.delete_namespaces(SPACE)


@pytest.fixture
def teams(plane: ControlPlane, found: str) -> Iterator[Teams]:
    """Runs the module with the platform's team as given."""

    def run(platform: JsonObject, *, check: bool = False, state: str = "present", **options: t.Any) -> Outcome:
        result = run_module(
            "team_monitoring",
            kubeconfig=plane.kubeconfig,
            context=plane.context,
            check=check,
            fleet=FLEET,
            cluster="hub",
            clusters=["hub"],
            platform=platform,
            state=state,
            wait=False,
            adopt_managers=["helm"] if found == "helm" else [],
            **options,
        )
        outcome = result["outcome"]
        assert isinstance(outcome, Outcome)
        return outcome

    yield run
    run({}, state="absent")


def seen(api: Cluster) -> dict[str, JsonObject]:
    """What is there of theirs, without what moves by itself."""
    moving = ("resourceVersion", "generation")
    return {
        obj["kind"]: {**obj, "metadata": {name: value for name, value in obj["metadata"].items() if name not in moving}}
        for obj in [api.get(one["apiVersion"], one["kind"], one["metadata"]["name"], SPACE) for one in THEIRS]
        + [api.get("v1", "Namespace", SPACE)]
    }


def without_times(obj: JsonObject) -> JsonObject:
    """An object with its managers in a fixed order, and without the times of their writes."""
    entries = [
        {name: value for name, value in entry.items() if name != "time"} for entry in obj["metadata"]["managedFields"]
    ]
    return {**obj, "metadata": {**obj["metadata"], "managedFields": sorted(entries, key=json.dumps)}}


def entries(outcome: Outcome) -> list[JsonObject]:
    return [{**change.result(), "local": None} for change in outcome.sorted_changes()]


def test_an_instance_becomes_the_teams_and_is_given_back(teams: Teams, api: Cluster) -> None:
    before = seen(api)
    predicted, done = teams(FITTING, check=True), teams(FITTING)
    assert entries(predicted) == entries(done)
    assert predicted.warnings == done.warnings
    adopted = seen(api)
    for kind in ("Prometheus", "Alertmanager"):
        assert adopted[kind]["metadata"]["uid"] == before[kind]["metadata"]["uid"]
        assert adopted[kind]["metadata"]["labels"]["promfleet.monitoring/team"] == "platform"
    spec = adopted["Prometheus"]["spec"]
    assert spec["serviceAccountName"] == "prometheus-platform"
    assert "remoteWrite" not in spec
    assert "image" not in spec
    assert spec["storage"]["volumeClaimTemplate"]["spec"]["storageClassName"] == "fast"
    # What the team does not name stays as it is.
    assert adopted["Service"] == before["Service"]
    assert adopted["PersistentVolumeClaim"] == before["PersistentVolumeClaim"]
    for name in (f"Alertmanager {SPACE}/main", f"Prometheus {SPACE}/k8s"):
        (said,) = [warning for warning in done.warnings if warning.startswith(name)]
        assert "its pods restart once" in said
    assert any("no longer has" in warning and "remoteWrite" in warning for warning in done.warnings)
    again = teams(FITTING)
    assert entries(again) == []
    assert not any("restart" in warning for warning in again.warnings)

    predicted, gone = (teams({}, state="absent", check=check, remove_volume_claims=True) for check in (True, False))
    assert entries(predicted) == entries(gone)
    released = {change.key.kind for change in gone.changes if change.action == "released"}
    assert released == {"Prometheus", "Alertmanager", "Namespace"}
    after = seen(api)
    for kind, obj in before.items():
        assert without_times(after[kind]) == without_times(obj)


def test_an_instance_that_is_switched_off_keeps_its_data(teams: Teams, api: Cluster) -> None:
    before = seen(api)
    teams(FITTING)
    off = {**FITTING, "prometheus": {**FITTING["prometheus"], "enabled": False}}
    for _number in range(2):
        teams(off, remove_volume_claims=True)
        assert without_times(seen(api)["Prometheus"]) == without_times(before["Prometheus"])
        assert seen(api)["PersistentVolumeClaim"] == before["PersistentVolumeClaim"]


@pytest.mark.parametrize("check", [True, False])
def test_what_would_lose_data_is_refused_before_the_first_write(teams: Teams, api: Cluster, check: bool) -> None:
    before = api.snapshot()
    with pytest.raises(Refused) as caught:
        teams({"namespace": SPACE, "prometheus": {"name": "k8s"}, "alertmanager": {"name": "main"}}, check=check)
    for said in (
        f"Alertmanager {SPACE}/main (team 'platform'): replicas 3 -> 1 (set alertmanager.replicas: 3)",
        f"Prometheus {SPACE}/k8s (team 'platform'): replicas 2 -> 1 (set prometheus.replicas: 2)",
        "storage: volume claims of 40Gi -> none (set prometheus.storage: {size: 40Gi, class: fast})",
    ):
        assert said in str(caught.value)
    assert api.snapshot() == before
