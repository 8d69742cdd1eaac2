"""What pods have against what is expected: no more and no less, and by the locked digests."""

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.promfleet.monitoring.plugins.module_utils._images.running import (
    compare_running,
    own_pods,
    places_of,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.images_info import objects_of_cluster

JsonObject = dict[str, t.Any]
ONE, OTHER = f"sha256:{'1' * 64}", f"sha256:{'2' * 64}"
IMAGE, PLACED = "quay.io/prometheus/prometheus:v1", "mirror.example.com/prometheus/prometheus:v1"


def pod(*images: str, identity: str = "", name: str = "p", labels: JsonObject | None = None) -> JsonObject:
    containers = [{"name": f"c{number}", "image": image} for number, image in enumerate(images)]
    statuses = [{"name": one["name"], "imageID": identity} for one in containers]
    return {
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": "n", "labels": labels or {}},
        "spec": {"containers": containers}, "status": {"phase": "Running", "containerStatuses": statuses},
    }  # fmt: skip


def test_equal_is_equal() -> None:
    assert compare_running([IMAGE, "busybox"], [pod(IMAGE), pod("docker.io/library/busybox:latest")]).lines() == []


def test_missing_and_unexpected_images_are_named_with_their_pods() -> None:
    found = compare_running([IMAGE], [pod("istio/proxy:1", "not an image")])
    assert found.lines() == [
        f"no pod has {IMAGE}",
        "docker.io/istio/proxy:1 is not expected: Pod n/p, container c0",
        "not an image is not expected: Pod n/p, container c1",
    ]


@pytest.mark.parametrize("identity", [f"quay.io/prometheus/prometheus@{ONE}", f"docker-pullable://q@{ONE}", ONE, ""])
def test_the_locked_digest_or_none_that_can_be_compared(identity: str) -> None:
    assert compare_running([IMAGE], [pod(IMAGE, identity=identity)], {IMAGE: ONE}).lines() == []
    assert compare_running([IMAGE], [pod(IMAGE, identity=identity)], {IMAGE: ""}).lines() == []


def test_another_digest_is_named_with_both() -> None:
    found = compare_running([PLACED], [pod(PLACED, identity=f"{PLACED}@{OTHER}")], {IMAGE: ONE})
    assert found.different == [
        {"image": PLACED, "expected": ONE, "running": OTHER, "pods": ["Pod n/p, container c0"]}
    ]  # fmt: skip
    assert found.lines() == [f"{PLACED} runs as {OTHER}, expected is {ONE}: Pod n/p, container c0"]


def test_init_containers_and_volumes_count() -> None:
    one = pod(IMAGE)
    one["spec"]["initContainers"] = [{"name": "i", "image": "a.io/i:1"}]
    one["spec"]["volumes"] = [{"name": "v", "image": {"reference": "a.io/v:1"}}, {"name": "w"}]
    assert set(compare_running([IMAGE], [one]).unexpected) == {"a.io/i:1", "a.io/v:1"}


def test_our_pods_are_known_in_a_shared_namespace() -> None:
    given = {"operator": {}, "teams": {"cluster": "hub", "clusters": ["hub"], "teams": []}}
    places = places_of(objects_of_cluster(given))
    assert sorted(places) == ["monitoring-platform", "prometheus-operator"]
    labels = places["monitoring-platform"]
    ours = {
        "app.kubernetes.io/managed-by": "prometheus-operator",
        "app.kubernetes.io/instance": "platform",
        "more": "1",
    }
    pods = [
        pod(IMAGE, name="ours", labels={**ours, "more": "1"}),
        pod(IMAGE, name="theirs"),
        pod(IMAGE, name="over", labels=ours),
    ]
    pods[2]["status"]["phase"] = "Succeeded"
    assert [one["metadata"]["name"] for one in own_pods(pods, labels, shared=True)] == ["ours"]
    assert [one["metadata"]["name"] for one in own_pods(pods, labels, shared=False)] == ["ours", "theirs"]
