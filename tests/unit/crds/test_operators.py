"""Which Deployments are operators, of which release, and which of them a restart is for."""

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.marks import SERVED_KINDS_ANNOTATION
from ansible_collections.promfleet.monitoring.plugins.module_utils._crds.operators import (
    is_operator,
    operator_version,
    restartable,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._crds.report import skew

JsonObject = dict[str, t.Any]


def deployment(
    image: str, *, replicas: int | None = 1, labels: JsonObject | None = None, annotations: JsonObject | None = None
) -> JsonObject:
    template = {"metadata": {"annotations": annotations or {}}, "spec": {"containers": [{"image": image}]}}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "operator", "namespace": "monitoring", "labels": labels or {}},
        "spec": {"template": template} | ({} if replicas is None else {"replicas": replicas}),
    }


@pytest.mark.parametrize(
    ("image", "version"),
    [
        ("quay.io/prometheus-operator/prometheus-operator:v0.93.1", "0.93.1"),
        ("registry:5000/mirror/prometheus-operator:v0.80.1@sha256:0123", "0.80.1"),
        ("prometheus-operator:0.72.0", "0.72.0"),
        ("quay.io/prometheus-operator/prometheus-operator@sha256:0123", None),
        ("registry:5000/prometheus-operator", None),
    ],
)
def test_operators_are_known_by_their_image(image: str, version: str | None) -> None:
    found = deployment(image)
    assert is_operator(found)
    assert operator_version(found) == version


@pytest.mark.parametrize(
    "image",
    ["quay.io/prometheus/prometheus:v3.13.5", "quay.io/prometheus-operator/admission-webhook:v0.93.1", "other:v1", ""],
)
def test_nothing_else_is_an_operator(image: str) -> None:
    assert not is_operator(deployment(image))


def test_a_digest_leaves_the_release_to_the_label() -> None:
    image = "quay.io/prometheus-operator/prometheus-operator@sha256:0123"
    assert operator_version(deployment(image, labels={"app.kubernetes.io/version": "v0.89.0"})) == "0.89.0"


IMAGE = "prometheus-operator:v0.93.1"


@pytest.mark.parametrize(
    ("found", "restarted"),
    [
        (deployment(IMAGE), True),
        (deployment(IMAGE, replicas=None), True),
        # It looks for its kinds when it starts.
        (deployment(IMAGE, replicas=0), False),
        # The module prometheus_operator notes the kinds at the pods, and so restarts it by itself.
        (deployment(IMAGE, annotations={SERVED_KINDS_ANNOTATION: "Probe"}), False),
    ],
)
def test_who_is_restarted(found: JsonObject, *, restarted: bool) -> None:
    assert restartable([found]) == ([found] if restarted else [])


def crd(release: str | None) -> JsonObject:
    annotations = {"operator.prometheus.io/version": release} if release else {}
    return {"metadata": {"name": "probes.monitoring.coreos.com", "annotations": annotations}}


@pytest.mark.parametrize(
    ("releases", "expected"),
    [
        (["0.93.1", "0.93.1"], []),
        (["0.89.0"], ["Deployment monitoring/operator is of release 0.93.1, the CRDs are of 0.89.0"]),
        (["0.89.0", "0.93.1"], ["the CRDs are of more than one release (mixed: 0.89.0, 0.93.1)"]),
        # Nothing is known, so nothing is said.
        ([None], []),
        ([], []),
    ],
)
def test_skew(releases: list[str | None], expected: list[str]) -> None:
    assert skew([crd(release) for release in releases], [deployment(IMAGE)]) == expected
