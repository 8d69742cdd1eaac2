"""What the doctor sees on a real API server: changed objects, and workers that were not looked at.

No pod runs here, so nothing is known of any Prometheus; tests/prove/doctor makes these and more faults where they run.
"""

from __future__ import annotations

import typing as t
from collections.abc import Iterator

import pytest

from tests.integration.support.cluster import JsonObject
from tests.integration.support.planes import started
from tests.integration.support.rights import (
    ACCOUNTS,
    ENDPOINTS,
    SHARED,
    SOURCES,
    Bench,
    prepared,
)
from tests.integration.support.slices import made_by_kubernetes, removed

CENTRAL = "monitoring-platform"
NAME = "federation-edge-platform"
LOOK: JsonObject = {**SHARED, "sources": ENDPOINTS, "exposed": SOURCES, "wait_timeout": 60}
DISCOVERY, MONITORING, NETWORK = "discovery.k8s.io/v1", "monitoring.coreos.com/v1", "networking.k8s.io/v1"


@pytest.fixture(scope="module")
def bench(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    # Two blocks: pylint takes a name that a list of contexts unpacks for unassigned in the next context.
    with started(request, "test-doctor") as (plane,):  # noqa: SIM117
        with prepared(plane, tmp_path_factory.mktemp("doctor")) as found:
            for name in ("crds", "operator", "teams"):
                found.call(name, by_admin=True)
            found.run_platform()
            for name in ("source", "endpoints"):
                found.call(name, by_admin=True)
            reader = ACCOUNTS["promfleet-reader"]
            found.give(reader.rules, in_kube_system=reader.record_rules)
            yield found


def look(bench: Bench, **options: t.Any) -> JsonObject:
    return bench.module("federation_doctor", **{**LOOK, **options})


def told(result: JsonObject) -> set[tuple[str, str]]:
    """The findings that something was seen of, each with its object."""
    return {(one["code"], one["object"]["name"]) for one in result["findings"] if one["observed"]}


# The object, the change (a merge patch, None deletes it), and what is found that was not found before.
FAULTS: dict[str, tuple[tuple[str, str, str], JsonObject | None, set[tuple[str, str]]]] = {
    "selector on the Service": (("v1", "Service", NAME), {"spec": {"selector": {"a": "b"}}}, {("PF311", NAME)}),
    "Service without its label": (
        ("v1", "Service", NAME),
        {"metadata": {"labels": {"app.kubernetes.io/instance": "x"}}},
        {("PF302", NAME)},
    ),
    "slice of another Service": (
        (DISCOVERY, "EndpointSlice", f"{NAME}-0"),
        {"metadata": {"labels": {"kubernetes.io/service-name": "x"}}},
        {("PF312", f"{NAME}-0")},
    ),
    "slice with another address": (
        (DISCOVERY, "EndpointSlice", f"{NAME}-0"),
        {"endpoints": [{"addresses": ["192.0.2.8"]}]},
        {("PF314", f"{NAME}-0")},
    ),
    "slice deleted": ((DISCOVERY, "EndpointSlice", f"{NAME}-0"), None, {("PF301", f"{NAME}-0")}),
    "monitor with another limit": (
        (MONITORING, "ServiceMonitor", NAME),
        {"spec": {"sampleLimit": 1}},
        {("PF310", NAME)},
    ),
    "monitor of other namespaces": (
        (MONITORING, "ServiceMonitor", NAME),
        {"spec": {"namespaceSelector": {"matchNames": ["default"]}}},
        {("PF384", NAME)},
    ),
    "central paused": (
        (MONITORING, "Prometheus", "platform"),
        {"spec": {"paused": True}},
        {("PF231", "platform")},
    ),
    "central that overrides": (
        (MONITORING, "Prometheus", "platform"),
        {"spec": {"overrideHonorLabels": True}},
        {("PF233", "platform")},
    ),
    "central that listens to itself only": (
        (MONITORING, "Prometheus", "platform"),
        {"spec": {"listenLocal": True}},
        {("PF240", "platform")},
    ),
    "central with a limit for all scrapes": (
        (MONITORING, "Prometheus", "platform"),
        {"spec": {"sampleLimit": 9}},
        {("PF241", "platform")},
    ),
    "policy that closes": (
        (NETWORK, "NetworkPolicy", "prometheus-platform-federation"),
        {"spec": {"ingress": []}},
        {("PF326", "prometheus-platform-federation")},
    ),
    "exposing Service deleted": (
        ("v1", "Service", "prometheus-platform-federation-0"),
        None,
        {("PF320", "prometheus-platform-federation-0")},
    ),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_changed_object_is_found_and_found_no_more_when_it_is_mended(bench: Bench, name: str) -> None:
    (version, kind, of), patch, expected = FAULTS[name]
    base = told(look(bench))
    obj = (version, kind, of, CENTRAL)
    before = bench.admin.get(*obj)
    if patch is None:
        bench.admin.delete(*obj)
    else:
        bench.admin.edit(version, kind, of, patch, namespace=CENTRAL)
    makes_slices = kind == "Service" and "spec" in (patch or {})
    try:
        if makes_slices:
            bench.admin.wait_until(
                lambda: len(made_by_kubernetes(bench.admin, NAME, namespace=CENTRAL)) == 2,
                "Kubernetes made its own objects",
            )
        found = told(look(bench))
    finally:
        if patch is not None:
            bench.admin.edit(version, kind, of, _inverse(patch, before), namespace=CENTRAL)
        for run in ("source", "endpoints"):
            bench.call(run, by_admin=True)
    if makes_slices:
        bench.admin.wait_until(lambda: removed(bench.admin, NAME, namespace=CENTRAL), "what Kubernetes left is removed")
    # What follows from it may come and go too.
    assert expected <= found - base
    assert told(look(bench)) == base


def _inverse(patch: t.Any, before: t.Any) -> t.Any:
    if not isinstance(patch, dict) or not isinstance(before, dict):
        return before
    return {name: _inverse(value, before.get(name)) for name, value in patch.items()}


def test_a_worker_that_was_not_looked_at_is_never_healthy(bench: Bench) -> None:
    result = look(bench, workers=["core"])
    missing = {one["object"]["name"]: one for one in result["findings"] if one["code"] == "PF008"}
    assert set(missing) == {"core", "edge"}
    assert set(missing["edge"]["evidence"]["checks"]) == {
        "peer_observed",
        "peer_clocks",
        "peer_replicas",
        "peer_identity",
    }
    assert not [one for one in result["checks"] if one["check"].startswith("peer") and one["ok"]]


def test_the_observation_of_a_worker_is_judged_on_the_central_side(bench: Bench) -> None:
    edge = look(bench, cluster="edge", sources=[])
    result = look(bench, peers=[edge["observation"]], workers=["edge"])
    assert not [one for one in result["findings"] if one["code"] == "PF008"]
    assert [one for one in result["checks"] if one["check"] == "exposed_service" and one["ok"]]
