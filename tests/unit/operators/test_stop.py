"""Which operators a restart is for, and which are of another release than the CRDs."""

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.marks import SERVED_KINDS_ANNOTATION
from ansible_collections.promfleet.monitoring.plugins.module_utils._crds.report import skew
from ansible_collections.promfleet.monitoring.plugins.module_utils._operators.judge import FoundOperator, Holding
from ansible_collections.promfleet.monitoring.plugins.module_utils._operators.owner import Owner
from ansible_collections.promfleet.monitoring.plugins.module_utils._operators.scope import EVERYTHING
from ansible_collections.promfleet.monitoring.plugins.module_utils._operators.stop import restartable

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
    operator = FoundOperator(
        workload=deployment(IMAGE),
        scope=EVERYTHING,
        holding=Holding(namespaces=None, named=True),
        evidence="rights",
        owner=Owner(tool="other", text="nobody"),
    )
    assert skew([crd(release) for release in releases], [operator]) == expected
