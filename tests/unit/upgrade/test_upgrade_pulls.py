"""Which pods make nodes pull images before an upgrade, and what of these pods says that an image is there."""

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.promfleet.monitoring.plugins.module_utils._upgrade.pulls import (
    Left,
    daemon_set,
    left_of,
    pulls_of,
)

JsonObject = dict[str, t.Any]

OPERATOR_IMAGE = "quay.io/prometheus-operator/prometheus-operator:v0.93.1"
RELOADER = "quay.io/prometheus-operator/prometheus-config-reloader:v0.93.1"
PROMETHEUS = "quay.io/prometheus/prometheus:v3.13.5"
EXPORTER = "quay.io/prometheus/node-exporter:v1.11.1"
ALL_NODES = [{"operator": "Exists"}]
LINUX = {"key": "kubernetes.io/os", "operator": "In", "values": ["linux"]}


def secrets(*names: str) -> JsonObject:
    return {"imagePullSecrets": [{"name": name} for name in names]}


def operator(**pod: t.Any) -> JsonObject:
    container = {"name": "operator", "image": OPERATOR_IMAGE, "args": [f"--prometheus-config-reloader={RELOADER}"]}
    spec = {"nodeSelector": {"kubernetes.io/os": "linux"}, "containers": [container], **pod}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "prometheus-operator", "namespace": "operators"},
        "spec": {"template": {"spec": spec}},
    }


def instance(team: str, **spec: t.Any) -> JsonObject:
    selected = {"kubernetes.io/os": "linux", **spec.pop("nodeSelector", {})}
    return {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "Prometheus",
        "metadata": {"name": team, "namespace": f"monitoring-{team}"},
        "spec": {"version": "3.13.5", "nodeSelector": selected, **spec},
    }


def exporter(**pod: t.Any) -> JsonObject:
    spec = {"containers": [{"name": "exporter", "image": EXPORTER}], "tolerations": ALL_NODES, **pod}
    return {
        "apiVersion": "apps/v1",
        "kind": "DaemonSet",
        "metadata": {"name": "node-exporter", "namespace": "exporters"},
        "spec": {"template": {"spec": spec}},
    }


def pulled(*objects: JsonObject) -> dict[str, tuple[str, ...]]:
    return {one.namespace: one.images for one in pulls_of(objects)}


def pod_of(*objects: JsonObject) -> JsonObject:
    (one,) = pulls_of(objects)
    spec: JsonObject = daemon_set(one)["spec"]["template"]["spec"]
    return spec


def terms_of(pod: JsonObject) -> t.Any:
    return pod["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]["nodeSelectorTerms"]


# -- where -------------------------------------------------------------------------------------------------------------


def test_all_is_pulled_in_the_namespace_of_the_operator_that_has_the_same_secrets() -> None:
    objects = [operator(**secrets("registry")), instance("pay", **secrets("registry")), instance("till")]
    assert pulled(*objects) == {"operators": tuple(sorted((OPERATOR_IMAGE, RELOADER, PROMETHEUS)))}
    assert pod_of(*objects)["imagePullSecrets"] == [{"name": "registry"}]


def test_other_secrets_count_in_their_own_namespace_only() -> None:
    own = [operator(), instance("pay", **secrets("of-pay")), instance("till", **secrets("of-till"))]
    # One namespace that can pull an image is enough for the nodes that its pods run on.
    assert pulled(*own) == {"operators": (OPERATOR_IMAGE,), "monitoring-pay": tuple(sorted((RELOADER, PROMETHEUS)))}
    # On other nodes only the other one can.
    own[2]["spec"]["nodeSelector"]["disk"] = "fast"
    assert set(pulled(*own)) == {"operators", "monitoring-pay", "monitoring-till"}
    # What somebody can pull with the operator's secrets is pulled with them.
    assert set(pulled(operator(), instance("pay", **secrets("of-pay")), instance("till"))) == {"operators"}


def test_without_an_operator_each_pulls_where_it_runs() -> None:
    assert pulled(exporter()) == {"exporters": (EXPORTER,)}


# -- on which nodes ----------------------------------------------------------------------------------------------------


def test_a_node_gets_it_if_any_of_the_pods_can_run_there() -> None:
    zone = {"key": "zone", "operator": "In", "values": ["a"]}
    required = {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [{"matchExpressions": [zone]}]}}
    taint = {"key": "monitoring", "operator": "Exists", "effect": "NoSchedule"}
    pod = pod_of(
        operator(),
        instance("pay", nodeSelector={"disk": "fast"}, tolerations=[taint]),
        instance("till", affinity={"nodeAffinity": required, "podAntiAffinity": {"any": "thing"}}),
    )
    disk = {"key": "disk", "operator": "In", "values": ["fast"]}
    expressions = [term["matchExpressions"] for term in terms_of(pod)]
    assert sorted(expressions, key=str) == sorted([[LINUX], [disk, LINUX], [zone, LINUX]], key=str)
    assert pod["tolerations"] == [taint]
    assert pod["affinity"].keys() == {"nodeAffinity"}


def test_pods_that_run_everywhere_leave_no_node_out() -> None:
    pod = pod_of(operator(), exporter(), instance("pay", nodeSelector={"disk": "fast"}))
    assert "affinity" not in pod
    assert pod["tolerations"] == ALL_NODES


def test_no_container_ever_starts_and_the_pods_are_restricted() -> None:
    pod = pod_of(operator(), instance("pay"))
    assert pod["securityContext"] == {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}
    for container in pod["containers"]:
        assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
        (variable,) = container["env"]
        assert variable["valueFrom"]["configMapKeyRef"]["name"] == "promfleet-pull"
        # A quota may want each of them.
        assert all(container["resources"][name].keys() == {"cpu", "memory"} for name in ("limits", "requests"))


# -- how far they are --------------------------------------------------------------------------------------------------

SET: JsonObject = {
    "apiVersion": "apps/v1",
    "kind": "DaemonSet",
    "metadata": {"name": "promfleet-pull", "namespace": "operators", "uid": "ours", "generation": 1},
    "status": {"observedGeneration": 1, "desiredNumberScheduled": 1},
}


def pod(status: JsonObject | None, *, owner: str = "ours", node: str = "node-1") -> JsonObject:
    told = [] if status is None else [{"name": "image-1", **status}]
    return {
        "metadata": {"ownerReferences": [{"uid": owner, "controller": True}]},
        "spec": {"nodeName": node, "containers": [{"name": "image-1", "image": PROMETHEUS}]},
        "status": {"containerStatuses": told},
    }


def waiting(reason: str, message: str = "") -> JsonObject:
    return {"imageID": "", "state": {"waiting": {"reason": reason, "message": message}}}


@pytest.mark.parametrize(
    "status",
    [
        waiting("CreateContainerConfigError", 'configmap "promfleet-pull" not found'),
        # Somebody has made the ConfigMap.
        waiting("CrashLoopBackOff"),
        {"imageID": "sha256:1", "state": {"waiting": {"reason": "ContainerCreating"}}},
        {"imageID": "", "state": {"running": {}}},
        {"imageID": "", "state": {"terminated": {"reason": "StartError"}}},
    ],
)
def test_what_says_that_a_node_has_an_image(status: JsonObject) -> None:
    assert left_of([SET], [pod(status)]) == []


@pytest.mark.parametrize(
    ("status", "told"),
    [
        (waiting("ErrImagePull", "no such tag"), f"node node-1: {PROMETHEUS}: ErrImagePull: no such tag"),
        (waiting("ImagePullBackOff", "Back-off"), f"node node-1: {PROMETHEUS}: ImagePullBackOff: Back-off"),
        (waiting("InvalidImageName"), f"node node-1: {PROMETHEUS}: InvalidImageName"),
        (waiting("ContainerCreating"), f"node node-1: {PROMETHEUS}: ContainerCreating"),
        ({}, f"node node-1: {PROMETHEUS}: not pulled yet"),
    ],
)
def test_what_does_not_says_node_image_and_reason(status: JsonObject, told: str) -> None:
    (left,) = left_of([SET], [pod(status)])
    assert (str(left), left.silent) == (told, False)


def test_a_node_that_says_nothing_is_told_apart() -> None:
    assert left_of([SET], [pod(None)]) == [Left(node="node-1", reason="the kubelet has not begun", silent=True)]


def test_a_pod_without_room_names_its_node() -> None:
    full = pod(None, node="")
    full["status"]["conditions"] = [{"type": "PodScheduled", "status": "False", "message": "Too many pods"}]
    term = {"matchFields": [{"key": "metadata.name", "operator": "In", "values": ["node-2"]}]}
    required = {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [term]}}
    full["spec"]["affinity"] = {"nodeAffinity": required}
    (left,) = left_of([SET], [full])
    assert (str(left), left.silent) == ("node node-2: the pod is not scheduled: Too many pods", False)


def test_pods_that_are_not_there_yet_are_waited_for() -> None:
    unseen = {**SET, "status": {}}
    assert [str(one) for one in left_of([unseen], [])] == ["DaemonSet operators/promfleet-pull has no pods yet"]
    # One of an earlier DaemonSet of the same name does not count.
    others = [pod(waiting("CreateContainerConfigError"), owner="earlier")]
    assert [str(one) for one in left_of([SET], others)] == ["DaemonSet operators/promfleet-pull has 0 of 1 pods"]
    # No node can run it.
    nowhere = {**SET, "status": {"observedGeneration": 1, "desiredNumberScheduled": 0}}
    assert left_of([nowhere], []) == []
