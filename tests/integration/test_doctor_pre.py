"""What the doctor says of a run before it begins: rights, reasons to refuse it, CRDs, certificates."""

from __future__ import annotations

import typing as t
from collections.abc import Iterator

import pytest
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.marks import FIELD_MANAGER, SET_LABEL

from tests.integration.support.cluster import JsonObject
from tests.integration.support.planes import started
from tests.integration.support.rights import ACCOUNTS, ENDPOINTS, SHARED, Bench, prepared

SOURCES = [{"team": "platform", "expose": "NodePort"}]
LOOK: JsonObject = {**SHARED, "sources": ENDPOINTS[:1], "exposed": SOURCES, "wait_timeout": 60, "mode": "pre"}


@pytest.fixture(scope="module")
def bench(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    # Two blocks: pylint takes a name that a list of contexts unpacks for unassigned in the next context.
    with started(request, "test-pre", audit=True) as (plane,):  # noqa: SIM117
        with prepared(plane, tmp_path_factory.mktemp("pre")) as found:
            yield found


def look(bench: Bench, **options: t.Any) -> JsonObject:
    return bench.module("federation_doctor", **{**LOOK, **options})


def told(result: JsonObject) -> dict[str, list[JsonObject]]:
    found: dict[str, list[JsonObject]] = {}
    for one in result["findings"]:
        found.setdefault(one["code"], []).append(one)
    return found


def give(bench: Bench, *names: str) -> None:
    accounts = [ACCOUNTS[name] for name in names]
    bench.give(
        [rule for one in accounts for rule in one.rules],
        in_kube_system=[rule for one in accounts for rule in one.record_rules],
    )


def test_an_account_that_may_only_read_is_told_what_a_run_needs(bench: Bench) -> None:
    give(bench, "promfleet-reader")
    found = told(look(bench))
    assert {one["evidence"]["run"] for one in found["PF120"]} == {
        "operator", "teams", "federation-source", "federation",
    }  # fmt: skip
    text = " ".join(line for one in found["PF120"] for line in one["evidence"]["missing"])
    assert "deployments.apps" in text
    assert "prometheuses.monitoring.coreos.com" in text
    (later,) = [one for one in found["PF009"] if one["object"]["name"] == "hub"]
    assert "path_to_source" in later["evidence"]["checks"]


def test_with_the_shipped_rights_a_run_may_begin_and_nothing_is_written(bench: Bench) -> None:
    give(bench, "promfleet-operator", "promfleet-teams", "promfleet-reader")
    log = bench.audit.now()
    found = told(look(bench))
    assert not {"PF120", "PF121", "PF122", "PF123"} & found.keys(), found
    assert not [one for one in log.all_events() if one.account == "tester" and one.is_write]


def test_objects_of_another_fleet_are_a_reason_that_is_found_before(bench: Bench) -> None:
    give(bench, "promfleet-operator", "promfleet-teams", "promfleet-reader")
    metadata = {"name": "monitoring-pay", "labels": {SET_LABEL: "other.teams"}}
    bench.admin.apply(
        {"apiVersion": "v1", "kind": "Namespace", "metadata": metadata}, manager=FIELD_MANAGER, force=True
    )
    try:
        found = told(look(bench))
    finally:
        bench.admin.delete("v1", "Namespace", "monitoring-pay")
    assert [one["evidence"]["run"] for one in found["PF121"]] == ["teams"]
    assert "belongs to the set 'other.teams'" in found["PF121"][0]["message"]


def test_a_crd_that_does_not_know_the_objects_is_named(bench: Bench) -> None:
    give(bench, "promfleet-operator", "promfleet-teams", "promfleet-reader")
    bench.call("crds", by_admin=True)
    assert "PF122" not in told(look(bench))
    name = "servicemonitors.monitoring.coreos.com"
    path = f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{name}"
    crd = bench.admin.get("apiextensions.k8s.io/v1", "CustomResourceDefinition", name)
    old = crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"]
    del old["serviceDiscoveryRole"]
    bench.admin.request("PUT", path, body=crd)
    found = told(look(bench))
    assert [one["object"]["name"] for one in found["PF122"]] == [name]
    assert found["PF122"][0]["evidence"]["fields"] == ["spec.serviceDiscoveryRole"]
