"""Results: what changed, shown as people may see it, and never larger than an event may be."""

from __future__ import annotations

import json
import typing as t
from pathlib import Path

import pytest
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.client import Resource
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.kinds import Key, key_of
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.marks import FIELD_MANAGER, SET_LABEL
from ansible_collections.promfleet.monitoring.plugins.module_utils._run import result as module_result
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.contents import foreign, once_each
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.outcome import Change, Failure, Outcome
from ansible_collections.promfleet.monitoring.plugins.module_utils._state import compare, secrecy

JsonObject = dict[str, t.Any]


def test_what_moves_by_itself_is_no_change() -> None:
    before = {
        "metadata": {
            "name": "a",
            "resourceVersion": "1",
            "generation": 1,
            "managedFields": [{"manager": "m", "time": "1"}],
        },
        "spec": {"a": 1},
        "status": {"x": 1},
    }
    after = {
        "metadata": {
            "name": "a",
            "resourceVersion": "2",
            "generation": 2,
            "managedFields": [{"manager": "m", "time": "2"}],
        },
        "spec": {"a": 1},
    }
    assert not compare.is_changed(before, after)
    assert compare.is_changed(before, {**after, "spec": {"a": 2}})


def test_taking_over_a_field_is_a_change() -> None:
    before = {"metadata": {"name": "a", "managedFields": [{"manager": "m", "fieldsV1": {}}]}}
    after = {"metadata": {"name": "a", "managedFields": [{"manager": "m", "fieldsV1": {"f:data": {}}}]}}
    assert compare.is_changed(before, after)


def test_values_of_secrets_are_never_shown() -> None:
    before, after = compare.for_display(
        "Secret", {"data": {"same": "c2FtZQ==", "moved": "b2xk"}}, {"data": {"same": "c2FtZQ==", "moved": "bmV3"}}
    )
    shown = json.dumps([before, after])
    assert not any(value in shown for value in ("c2FtZQ==", "b2xk", "bmV3"))
    assert after["data"] == {"same": secrecy.HIDDEN, "moved": secrecy.HIDDEN_CHANGED}


def test_schemas_of_crds_are_shown_as_fingerprints() -> None:
    crd = {"spec": {"versions": [{"name": "v1", "schema": {"openAPIV3Schema": {"type": "object"}}}]}}
    changed = {"spec": {"versions": [{"name": "v1", "schema": {"openAPIV3Schema": {"type": "string"}}}]}}
    before, after = compare.for_display("CustomResourceDefinition", crd, changed)
    assert before["spec"]["versions"][0]["schema"].startswith("sha256:")
    assert before != after


@pytest.mark.parametrize("diff", [True, False])
def test_a_large_result_is_cut_and_its_counts_stay_whole(diff: bool) -> None:
    outcome = Outcome(
        changes=[
            Change(action="created", key=Key("", "ConfigMap", "n", f"c{number:05d}"), after={"data": {"k": "v" * 100}})
            for number in range(12_000)
        ]
    )
    result = module_result.report(outcome, diff=diff)
    assert result["counts"]["created"] == 12_000
    assert result["truncated"] + len(result["objects"]) == 12_000
    assert len(json.dumps(result)) < 500_000


def change_of(number: int, *, size: int = 0) -> Change:
    return Change(action="created", key=Key("", "ConfigMap", "n", f"c{number:05d}"), after={"data": {"k": "v" * size}})


def test_objects_come_before_diffs_and_a_large_diff_before_no_small_one() -> None:
    outcome = Outcome(
        changes=[change_of(0, size=2 * module_result.RESULT_BYTES), *(change_of(n) for n in range(1, 100))]
    )
    result = module_result.report(outcome, diff=True)
    assert len(result["objects"]) == 100
    assert "truncated" not in result
    *diffs, notice = result["diff"]
    assert [diff["after_header"] for diff in diffs] == [f"ConfigMap n/c{n:05d} (created)" for n in range(1, 100)]
    assert notice["prepared"].startswith("1 more diffs are left out")


def test_many_failures_leave_the_counts_whole_and_the_result_small() -> None:
    failures = [Failure(key=Key("", "ConfigMap", "n", f"c{n}"), message="refused " * 20) for n in range(12_000)]
    result = module_result.report(Outcome(failures=failures, changes=[change_of(1)]), diff=True)
    assert result["counts"]["created"] == 1
    assert result["failures"][0]["name"] == "c0"
    assert len(json.dumps(result)) < 500_000


def test_warnings_are_bounded() -> None:
    assert module_result.shortened(["a", "b"]) == ["a", "b"]
    many = module_result.shortened([str(number) for number in range(1000)])
    assert (len(many), many[-1]) == (module_result.WARNINGS + 1, "and 950 more warnings")


def test_the_result_file_holds_everything_and_is_its_owners_alone(tmp_path: Path) -> None:
    outcome = Outcome(changes=[change_of(n, size=100) for n in range(12_000)], unchanged=3, warnings=["w"])
    path = tmp_path / "new" / "result.json"
    for _time in range(2):
        module_result.write_whole(path, outcome)
    whole = json.loads(path.read_text())
    assert len(whole["objects"]) == len(whole["diff"]) == whole["counts"]["created"] == 12_000
    assert (whole["changed"], whole["warnings"]) == (True, ["w"])
    assert path.stat().st_mode & 0o777 == 0o600
    assert [file.name for file in path.parent.iterdir()] == ["result.json"]


def member(kind: str, name: str, *, owner: str | None = None, **extra: t.Any) -> JsonObject:
    metadata: JsonObject = {"name": name, "namespace": "n", "uid": f"{kind}/{name}", "labels": {}}
    if owner:
        metadata["ownerReferences"] = [{"uid": owner}]
    return {"apiVersion": "v1", "kind": kind, "metadata": metadata, **extra}


def resource(api_version: str, kind: str, *, namespaced: bool = True, verbs: str = "list delete") -> Resource:
    return Resource(
        api_version=api_version, kind=kind, plural=kind.lower(), namespaced=namespaced, verbs=frozenset(verbs.split())
    )


def test_every_kind_of_a_namespace_is_looked_at_once() -> None:
    served = [
        resource("v1", "ConfigMap"),
        resource("v1", "Namespace", namespaced=False),
        resource("v1", "Binding", verbs="create"),
        resource("monitoring.coreos.com/v1", "Prometheus"),
        # Only in a version that its group does not prefer.
        resource("monitoring.coreos.com/v1alpha1", "ScrapeConfig"),
        resource("autoscaling/v2", "HorizontalPodAutoscaler"),
        resource("autoscaling/v1", "HorizontalPodAutoscaler"),
    ]
    assert [(kind.api_version, kind.kind) for kind in once_each(served)] == [
        ("v1", "ConfigMap"),
        ("monitoring.coreos.com/v1", "Prometheus"),
        ("monitoring.coreos.com/v1alpha1", "ScrapeConfig"),
        ("autoscaling/v2", "HorizontalPodAutoscaler"),
    ]


def of_set(label: str, *, manager: str) -> JsonObject:
    obj = member("Service", f"of-{label}")
    obj["metadata"]["labels"][SET_LABEL] = label
    obj["metadata"]["managedFields"] = [
        {"manager": manager, "operation": "Apply", "fieldsV1": {"f:metadata": {"f:labels": {f"f:{SET_LABEL}": {}}}}}
    ]
    return obj


def annotated(obj: JsonObject, name: str) -> JsonObject:
    return {**obj, "metadata": {**obj["metadata"], "annotations": {name: "x"}}}


def test_only_what_others_made_is_foreign_in_a_namespace() -> None:
    ours = member("Service", "web")
    mirrored = member("Endpoints", "web")
    mirrored["metadata"]["labels"]["endpoints.kubernetes.io/managed-by"] = "endpoint-controller"
    objects = [
        ours,
        mirrored,
        member("StatefulSet", "made", owner="Service/web"),
        member("Pod", "made-0", owner="StatefulSet/made"),
        member("Event", "happened"),
        member("ServiceAccount", "default"),
        member("ConfigMap", "kube-root-ca.crt"),
        annotated(member("Secret", "default-token"), "kubernetes.io/service-account.uid"),
        member("PersistentVolumeClaim", "data-0"),
        member("ConfigMap", "theirs"),
        member("Pod", "theirs-0", owner="elsewhere"),
        of_set("main.federation-source", manager=FIELD_MANAGER),
        of_set("main.objects-extra", manager=FIELD_MANAGER),
        of_set("main.teams", manager="kubectl-label"),
    ]
    found = [
        obj["metadata"]["name"]
        for obj in foreign(objects, ours={key_of(ours)}, fleet_sets={"main.teams", "main.federation-source"})
    ]
    assert found == ["data-0", "theirs", "theirs-0", "of-main.objects-extra", "of-main.teams"]
