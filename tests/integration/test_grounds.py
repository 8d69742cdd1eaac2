"""What keeps instances from running, seen by verify on a real API server with its controllers.

CRDs that are being deleted, claims that do not grow, pods that are refused, labels that are lost, webhooks that cannot
be called. The control plane is this module's own: it has no operator, whose StatefulSets the tests make as it would.
"""

from __future__ import annotations

import os
import subprocess
import typing as t
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.errors import ClusterError, Refused
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.versions import PROMETHEUS_OPERATOR
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.outcome import Incomplete

from promlab.controlplane import ControlPlane
from promlab.settings import from_environment
from tests.integration.support.cluster import MERGE, Cluster
from tests.integration.support.direct import fates
from tests.integration.support.inprocess import run_module
from tests.integration.support.planes import started
from tests.integration.support.releases import crd_folder
from tests.integration.support.sets import namespace

JsonObject = dict[str, t.Any]

MONITORING = "monitoring.coreos.com/v1"
CRD = ("apiextensions.k8s.io/v1", "CustomResourceDefinition")
RULES = [{"name": "any", "rules": [{"record": "any:up", "expr": "up"}]}]
PLACE = "monitoring-pay"
CLAIM = "prometheus-pay-db-prometheus-pay-0"
HOLD = "example.com/hold"
TEAM = "promfleet.monitoring/team"


@pytest.fixture(scope="module")
def plane(request: pytest.FixtureRequest) -> Iterator[ControlPlane]:
    with started(request, "test-grounds") as (running,):
        yield running


@pytest.fixture(scope="module")
def api(plane: ControlPlane) -> Cluster:
    """With the CRDs, and a team's objects."""
    run_module("crds", **connection(plane), **release(), wait=True, wait_timeout=120)
    cluster = Cluster(kubeconfig=plane.kubeconfig, context=plane.context)
    teams(plane)
    return cluster


def connection(plane: ControlPlane) -> JsonObject:
    return {"kubeconfig": plane.kubeconfig, "context": plane.context}


def release(*only: str) -> JsonObject:
    return {"version": PROMETHEUS_OPERATOR, "source": str(crd_folder(PROMETHEUS_OPERATOR, only=only))}


def team(size: str = "10Gi", **prometheus: t.Any) -> JsonObject:
    return {
        "name": "pay",
        "namespaces": ["pay"],
        "alertmanager": {"enabled": False},
        "prometheus": {"storage": {"size": size, "class": "fast"}, **prometheus},
    }


# The team as it is from the test of its claim on.
GROWN = team("20Gi", resources={"cpu_limit": "1"})


def shared(*wanted: JsonObject) -> JsonObject:
    return {
        "cluster": "hub",
        "clusters": ["hub"],
        "platform": {"enabled": False},
        "teams": list(wanted) or [team()],
    }


def teams(plane: ControlPlane, *wanted: JsonObject, **options: t.Any) -> JsonObject:
    given = {"wait": False, "base_rules": RULES, **options}
    return run_module("team_monitoring", **connection(plane), **shared(*wanted), **given)


def verify(plane: ControlPlane, *wanted: JsonObject) -> list[JsonObject]:
    """The findings of one look, without those about what does not run here: the operator, and Prometheus itself."""
    result = run_module("monitoring_verify", **connection(plane), **shared(*wanted), wait=False, wait_timeout=60)
    known = ("PF003", "PF006", "PF102", "PF108", "PF202")
    return [finding for finding in result["findings"] if finding["code"] not in known]


def told(findings: t.Sequence[JsonObject]) -> list[tuple[str, str]]:
    return [(finding["code"], f"{finding['object']['kind']} {finding['object']['name']}") for finding in findings]


# -- namespaces -------------------------------------------------------------------------------------------------------


def test_nothing_is_found_where_all_is_well(plane: ControlPlane, api: Cluster) -> None:
    assert api.get("v1", "Namespace", "pay")["metadata"]["labels"][TEAM] == "pay"
    assert verify(plane) == []


@pytest.mark.parametrize("label", [None, "search"])
@pytest.mark.parametrize("name", ["pay", PLACE])
def test_a_label_that_another_tool_changed(plane: ControlPlane, api: Cluster, name: str, label: str | None) -> None:
    api.edit("v1", "Namespace", name, {"metadata": {"labels": {TEAM: label}}})
    (finding,) = verify(plane)
    assert told([finding]) == [("PF212", f"Namespace {name}")]
    assert (label or "does not have this label") in finding["message"]
    api.edit("v1", "Namespace", name, {"metadata": {"labels": {TEAM: "pay"}}})
    assert verify(plane) == []


def test_a_namespace_that_is_held_while_it_is_deleted(plane: ControlPlane, api: Cluster) -> None:
    metadata = {"name": "held", "namespace": "pay", "finalizers": [HOLD]}
    api.apply({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata})
    api.delete("v1", "Namespace", "pay")

    def is_explained() -> bool:
        conditions = api.get("v1", "Namespace", "pay")["status"].get("conditions") or ()
        return any(item["type"] == "NamespaceFinalizersRemaining" and item["status"] == "True" for item in conditions)

    api.wait_until(is_explained, "the namespace says what holds it")
    (finding,) = verify(plane)
    assert told([finding]) == [("PF213", "Namespace pay")]
    assert HOLD in finding["message"]
    with pytest.raises(ClusterError, match=rf"Namespace pay \(finalizers: kubernetes; .*{HOLD}"):
        teams(plane, wait=True, wait_timeout=1)
    api.edit("v1", "ConfigMap", "held", {"metadata": {"finalizers": None}}, namespace="pay")
    api.wait_until(lambda: api.find("v1", "Namespace", "pay") is None, "the namespace is gone")
    assert told(verify(plane)) == [("PF214", "Namespace pay")]
    teams(plane)
    assert verify(plane) == []


# -- pods and claims --------------------------------------------------------------------------------------------------


def stateful_set(api: Cluster, *, restricted: bool = True) -> JsonObject:
    """What the operator makes of the team's Prometheus, as far as admission is concerned."""
    live = api.get(MONITORING, "Prometheus", "pay", PLACE)
    spec = live["spec"]
    labels = {
        "app.kubernetes.io/instance": "pay",
        "app.kubernetes.io/managed-by": "prometheus-operator",
        "app.kubernetes.io/name": "prometheus",
    }
    closed = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}} if restricted else {}
    # The sidecar has the operator's defaults, a limit of CPU among them.
    amounts = {"cpu": "10m", "memory": "50Mi"}
    containers = [
        {"name": "prometheus", "image": "any", "resources": spec["resources"], "securityContext": closed},
        {
            "name": "config-reloader",
            "image": "any",
            "resources": {"limits": amounts, "requests": amounts},
            "securityContext": closed,
        },
    ]
    return {
        "apiVersion": "apps/v1",
        "kind": "StatefulSet",
        "metadata": {"name": "prometheus-pay", "namespace": PLACE},
        "spec": {
            "replicas": 1,
            "serviceName": "prometheus-operated",
            "podManagementPolicy": "Parallel",
            "selector": {"matchLabels": labels},
            "template": {
                "metadata": {"labels": labels},
                "spec": {"containers": containers, "securityContext": spec["securityContext"]},
            },
            "volumeClaimTemplates": [
                {
                    "metadata": {"name": "prometheus-pay-db"},
                    "spec": {**spec["storage"]["volumeClaimTemplate"]["spec"], "accessModes": ["ReadWriteOnce"]},
                }
            ],
        },
    }


def operate(api: Cluster, *, restricted: bool = True, after: t.Callable[[], bool]) -> None:
    """Make the StatefulSet anew, as the operator does, and wait for what its controller makes of it."""
    api.delete("apps/v1", "StatefulSet", "prometheus-pay", PLACE)
    api.wait_until(lambda: api.find("apps/v1", "StatefulSet", "prometheus-pay", PLACE) is None, "it is gone")
    api.apply(stateful_set(api, restricted=restricted))
    api.wait_until(after, "the StatefulSet controller tried")


def has_event(api: Cluster, words: str) -> bool:
    events = api.request("GET", f"/api/v1/namespaces/{PLACE}/events")["items"]
    return any(words in event["message"] and event["reason"] == "FailedCreate" for event in events)


def has_pod(api: Cluster) -> bool:
    return api.find("v1", "Pod", "prometheus-pay-0", PLACE) is not None


def quota(api: Cluster, *resources: str) -> None:
    """As a policy engine generates it for each namespace; used once its controller has counted."""
    hard = dict.fromkeys(resources, "100")
    metadata = {"name": "org", "namespace": PLACE}
    api.apply({"apiVersion": "v1", "kind": "ResourceQuota", "metadata": metadata, "spec": {"hard": hard}})
    api.wait_until(
        lambda: (api.get("v1", "ResourceQuota", "org", PLACE).get("status") or {}).get("hard") == hard, "it counts"
    )


def test_pods_that_are_refused_and_the_option_that_helps(plane: ControlPlane, api: Cluster) -> None:
    operate(api, restricted=False, after=lambda: has_event(api, "PodSecurity"))
    (finding,) = [one for one in verify(plane) if one["code"] == "PF211"]
    assert finding["object"] == {"cluster": "hub", "kind": "Prometheus", "namespace": PLACE, "name": "pay"}
    assert 'violates PodSecurity "restricted:' in finding["message"]
    quota(api, "limits.cpu")
    operate(api, after=lambda: has_event(api, "limits.cpu"))
    (finding,) = [one for one in verify(plane) if one["code"] in ("PF210", "PF211")]
    assert told([finding]) == [("PF210", "Prometheus pay")]
    assert finding["evidence"]["resources"] == ["limits.cpu"]
    assert finding["evidence"]["quota"] == "org"
    # A run that waits says the same.
    with pytest.raises(ClusterError, match=r"its pods are refused: .*must specify limits\.cpu for: prometheus"):
        teams(plane, wait=True, wait_timeout=1)
    # What follows from it hangs on it.
    result = run_module("monitoring_verify", **connection(plane), **shared(), wait=False, wait_timeout=60)
    (follows,) = [one for one in result["findings"] if one["code"] == "PF202"]
    assert finding["fingerprint"] in follows["caused_by"]
    teams(plane, team(resources={"cpu_limit": "1"}))
    assert api.get(MONITORING, "Prometheus", "pay", PLACE)["spec"]["resources"]["limits"]["cpu"] == "1"
    operate(api, after=lambda: has_pod(api))
    assert verify(plane) == []


def storage_class(api: Cluster, *, expands: bool) -> None:
    kind = ("storage.k8s.io/v1", "StorageClass")
    obj = {"apiVersion": kind[0], "kind": kind[1], "metadata": {"name": "fast"}, "provisioner": "example.com/none"}
    api.apply({**obj, "allowVolumeExpansion": expands}, force=True)


def provision(api: Cluster, size: str, *conditions: JsonObject) -> None:
    """What a storage driver does with the claim."""
    status = {"phase": "Bound", "capacity": {"storage": size}, "conditions": list(conditions)}
    path = f"/api/v1/namespaces/{PLACE}/persistentvolumeclaims/{CLAIM}/status"
    api.request("PATCH", path, body={"status": status}, content_type=MERGE)


def test_a_claim_that_does_not_grow_and_the_command_that_helps(plane: ControlPlane, api: Cluster) -> None:
    storage_class(api, expands=False)
    api.wait_until(lambda: api.find("v1", "PersistentVolumeClaim", CLAIM, PLACE) is not None, "the claim is made")
    provision(api, "10Gi")
    assert verify(plane) == []
    # A run would refuse this size, and let the claim grow with a class that can: somebody writes it by hand.
    wanted = {"spec": {"storage": {"volumeClaimTemplate": {"spec": {"resources": {"requests": {"storage": "20Gi"}}}}}}}
    path = f"/apis/{MONITORING}/namespaces/{PLACE}/prometheuses/pay"
    api.request("PATCH", path, body=wanted, content_type=MERGE)
    teams(plane, GROWN)
    operate(api, after=lambda: has_pod(api))
    (finding,) = verify(plane, GROWN)
    assert told([finding]) == [("PF221", f"PersistentVolumeClaim {CLAIM}")]
    assert finding["evidence"] == {
        "instance": "Prometheus pay", "size": "20Gi", "requested": "10Gi", "storage_class": "fast",
    }  # fmt: skip
    storage_class(api, expands=True)
    (finding,) = verify(plane, GROWN)
    assert told([finding]) == [("PF220", f"PersistentVolumeClaim {CLAIM}")]
    # The API server allows it only for a class that expands, and takes the command as it is.
    path = f"{from_environment().bin}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, "KUBECONFIG": str(plane.kubeconfig)}
    done = subprocess.run(["bash", "-c", finding["fix"]], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    claim = api.get("v1", "PersistentVolumeClaim", CLAIM, PLACE)
    assert claim["spec"]["resources"]["requests"]["storage"] == "20Gi"
    resizing = {"type": "Resizing", "status": "True", "message": "the driver is at work"}
    provision(api, "10Gi", resizing)
    (finding,) = verify(plane, GROWN)
    assert (finding["code"], finding["severity"]) == ("PF222", "info")
    assert "the driver is at work" in finding["message"]
    provision(api, "10Gi", {"type": "ControllerResizeError", "status": "True", "message": "no space"})
    assert told(verify(plane, GROWN)) == [("PF223", f"PersistentVolumeClaim {CLAIM}")]
    provision(api, "20Gi")
    assert verify(plane, GROWN) == []


# -- admission --------------------------------------------------------------------------------------------------------


HOOK = ("admissionregistration.k8s.io/v1", "ValidatingWebhookConfiguration")


@pytest.fixture
def no_hook(api: Cluster) -> Iterator[None]:
    """No webhook is left for the other tests."""
    yield
    api.delete(*HOOK, "kps")


@pytest.mark.usefixtures("no_hook")
def test_a_webhook_whose_service_is_gone_or_has_no_pods(plane: ControlPlane, api: Cluster) -> None:
    api.apply(namespace("hooks"))
    rule = {
        "apiGroups": ["monitoring.coreos.com"],
        "apiVersions": ["*"],
        "operations": ["CREATE", "UPDATE"],
        "resources": ["prometheusrules"],
    }
    webhook = {
        "name": "rules.example.com",
        "admissionReviewVersions": ["v1"],
        "sideEffects": "None",
        "rules": [rule],
        "clientConfig": {"service": {"namespace": "hooks", "name": "gone"}},
    }
    notes = {"meta.helm.sh/release-name": "kps", "meta.helm.sh/release-namespace": "hooks"}
    metadata = {"name": "kps", "annotations": notes}
    api.apply({"apiVersion": HOOK[0], "kind": HOOK[1], "metadata": metadata, "webhooks": [webhook]})
    (finding,) = verify(plane, GROWN)
    assert told([finding]) == [("PF111", "ValidatingWebhookConfiguration kps")]
    assert "Service hooks/gone does not exist; it belongs to: the Helm release hooks/kps" in finding["message"]
    assert "kubectl delete ValidatingWebhookConfiguration kps" in finding["fix"]
    spec = {"selector": {"app": "gone"}, "ports": [{"port": 443}]}
    api.apply({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "gone", "namespace": "hooks"}, "spec": spec})
    (finding,) = verify(plane, GROWN)
    assert "Service hooks/gone has no endpoint that is ready" in finding["message"]
    slices = {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {"name": "by-hand", "namespace": "hooks", "labels": {"kubernetes.io/service-name": "gone"}},
        "addressType": "IPv4",
        "endpoints": [{"addresses": ["192.0.2.1"], "conditions": {"ready": True}}],
        "ports": [{"port": 443}],
    }
    api.apply(slices)
    assert verify(plane, GROWN) == []


def test_a_crd_that_is_being_deleted(plane: ControlPlane, api: Cluster) -> None:
    name = "prometheusrules.monitoring.coreos.com"
    holder = "PrometheusRule monitoring-pay/pay-base (finalizers: example.com/hold)"
    api.edit(MONITORING, "PrometheusRule", "pay-base", {"metadata": {"finalizers": [HOLD]}}, namespace=PLACE)
    api.delete(*CRD, name)

    def is_terminating() -> bool:
        version = api.request("GET", f"/apis/{MONITORING}")["resources"]
        return any(item["name"] == "prometheusrules" and "create" not in item["verbs"] for item in version)

    api.wait_until(is_terminating, "the API server takes no new objects")
    before = api.snapshot()
    command = f"kubectl -n {PLACE} patch {name} pay-base --type merge -p"
    for check in (True, False):
        with pytest.raises(Refused) as refused:
            run_module("crds", **connection(plane), **release(), check=check, wait=True, wait_timeout=1)
        for part in (f"the CRD {name} is being deleted since 20", holder, command, "Nothing was written"):
            assert part in str(refused.value)
        assert refused.value.objects == (f"CustomResourceDefinition {name}",)
        for module, options in (
            ("team_monitoring", {**shared(team("30Gi")), "base_rules": RULES, "wait": False}),
            ("prometheus_operator", {"rules": RULES, "wait": False}),
        ):
            with pytest.raises(Refused, match=rf"the CRD {name} is being deleted") as refused:
                run_module(module, **connection(plane), check=check, **options)
            assert holder in str(refused.value)
    assert api.snapshot() == before
    (terminating,) = run_module("crds_info", **connection(plane), **release())["terminating"]
    assert terminating["holders"] == [
        {"kind": "PrometheusRule", "namespace": PLACE, "name": "pay-base", "finalizers": [HOLD]}
    ]
    (finding,) = verify(plane, GROWN)
    assert told([finding]) == [("PF110", f"CustomResourceDefinition {name}")]
    assert holder in finding["message"]
    # Its removal is under way: there is nothing to delete, and no reason to ask whether objects may go with it.
    with pytest.raises(Incomplete, match=rf"the CRD {name} is being deleted") as stopped:
        run_module("crds", **connection(plane), **release("prometheusrules"), state="absent", wait=True, wait_timeout=1)
    assert fates(stopped.value.outcome) == {}
    # One that ends while the run waits is installed again.
    with ThreadPoolExecutor(1) as pool:
        run = pool.submit(run_module, "crds", **connection(plane), **release(), wait=True, wait_timeout=120)
        release_holder(api)
        assert fates(run.result()["outcome"])["created"] == 1
    teams(plane, GROWN)
    assert verify(plane, GROWN) == []


def release_holder(api: Cluster) -> None:
    """Remove the finalizer, as its controller would."""
    api.edit(MONITORING, "PrometheusRule", "pay-base", {"metadata": {"finalizers": None}}, namespace=PLACE)
