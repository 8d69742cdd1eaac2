"""What is written for Git: names, waves, annotations, and nothing that only a cluster or a person may know."""

from __future__ import annotations

import random
import typing as t
from pathlib import Path

import pytest
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.kinds import key_of, phase_of
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.yaml_text import parse
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.registry import CAPABILITIES
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.render import (
    CRDS,
    WAVE,
    render,
    render_crds,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._crds.kinds import RELEASE_KINDS
from ansible_collections.promfleet.monitoring.plugins.module_utils._crds.source import load_crds
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.errors import InputError
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.rendering import (
    OPTIONS,
    Rendered,
    render_cluster,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.capabilities.test_all import fleets, shuffled

JsonObject = dict[str, t.Any]
FLUX_PRUNE = "kustomize.toolkit.fluxcd.io/prune"
EGRESS: JsonObject = {"egress": {"api_server": [{"cidr": "192.0.2.1/32", "ports": [6443]}]}}
SYNC = "argocd.argoproj.io/sync-options"


def rendered(capabilities: JsonObject, **options: t.Any) -> Rendered:
    params = {"folder": "any", "cluster": "hub", "capabilities": capabilities, **options}
    validated = ArgumentSpecValidator(OPTIONS).validate(params)
    assert not validated.error_messages
    return render_cluster(validated.validated_parameters)


def refused(capabilities: JsonObject, **options: t.Any) -> list[str]:
    with pytest.raises(InputError) as caught:
        rendered(capabilities, **options)
    return [str(error) for error in caught.value.errors]


def teams_of(raw: list[JsonObject]) -> JsonObject:
    return {"teams": {"cluster": "hub", "clusters": ["hub", "edge"], "teams": raw, **EGRESS}}


def objects_of(files: t.Mapping[str, str]) -> list[JsonObject]:
    manifests = (text for path, text in files.items() if not path.endswith("kustomization.yaml"))
    return [obj for text in manifests for obj in parse(text)]


@given(fleets(), st.randoms(use_true_random=False))
@settings(deadline=None, max_examples=30)
def test_the_order_of_the_input_changes_no_byte(raw: list[JsonObject], order: random.Random) -> None:
    assert rendered(teams_of(shuffled(raw, order))).files == rendered(teams_of(raw)).files


def test_every_object_is_in_one_file_that_a_kustomization_leads_to() -> None:
    made = rendered({one.name: one.example for one in CAPABILITIES})
    objects = objects_of(made.files)
    assert len({key_of(obj) for obj in objects}) == len(objects) == made.objects
    reached: set[str] = set()

    def follow(folder: str) -> None:
        path = f"{folder}kustomization.yaml"
        reached.add(path)
        (one,) = parse(made.files[path])
        for name in one["resources"]:
            if f"{folder}{name}" in made.files:
                reached.add(f"{folder}{name}")
            else:
                follow(f"{folder}{name}/")

    follow("")
    assert reached == set(made.files)
    (top,) = parse(made.files["kustomization.yaml"])
    assert top["resources"] == [one.name for one in CAPABILITIES]


def test_waves_follow_the_order_of_capabilities_and_phases() -> None:
    made = rendered({one.name: one.example for one in CAPABILITIES})
    places = {one.name: number for number, one in enumerate(CAPABILITIES)}
    found = sorted(
        (int(obj["metadata"]["annotations"][WAVE]), places[path.split("/")[0]], phase_of(obj["kind"]))
        for path, text in made.files.items()
        if not path.endswith("kustomization.yaml")
        for obj in parse(text)
    )
    assert [(place, phase) for _wave, place, phase in found] == sorted((place, phase) for _wave, place, phase in found)
    # A wave for each phase of each capability, no more and no fewer.
    assert len({wave for wave, _place, _phase in found}) == len({(place, phase) for _wave, place, phase in found})


def test_no_controller_deletes_a_namespace_or_a_crd() -> None:
    crds = load_crds(version="0.93.1")
    objects = [
        *objects_of(rendered(teams_of([{"name": "pay", "namespaces": ["pay"]}])).files),
        *objects_of(render_crds(crds)),
    ]
    for obj in objects:
        annotations = obj["metadata"]["annotations"]
        kept = obj["kind"] in ("Namespace", "CustomResourceDefinition")
        assert (annotations.get(FLUX_PRUNE) == "disabled") is kept
        assert ("Prune=false,Delete=false" in annotations.get(SYNC, "")) is kept


def test_the_kinds_of_the_release_are_those_of_its_crds() -> None:
    assert sorted(crd["spec"]["names"]["kind"] for crd in load_crds(version="0.93.1")) == list(RELEASE_KINDS)


def test_names_of_files_and_folders_are_taken_by_nothing_else() -> None:
    names = {one.name for one in CAPABILITIES}
    assert not names & {CRDS, "flux", "kustomization.yaml", "cluster.yaml"}
    label = {"promfleet.monitoring/team": "kustomization"}
    objects = [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "cluster", "labels": label}},
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "namespace": "cluster", "labels": label}},
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": "a", "namespace": "kustomization", "labels": label},
        },
    ]
    assert list(render(objects, number=1, by_team=True)) == [
        "kustomization.yaml",
        "kustomization/cluster.yaml",
        "kustomization/kustomization.yaml",
        "kustomization/namespace-cluster.yaml",
        "kustomization/namespace-kustomization.yaml",
    ]


# -- what is refused ----------------------------------------------------------------------------------------------


def test_all_errors_of_all_capabilities_at_once() -> None:
    assert refused(
        {
            "operator": {"log_level": "loud"},
            "teams": {"cluster": "hub", "clusters": ["hub"], "only": ["platform"]},
            "team": {},
        },
        cluster="a/b",
    ) == [
        "cluster: 'a/b' must consist of letters, digits, '-', '_' and '.', and begin and end with a letter or digit",
        "capabilities.team: unknown capability; did you mean 'teams'?",
        "capabilities.operator.log_level: must be one of debug, info, warn, error, found 'loud'",
        "capabilities.teams.only: cannot be given here: the files of all other teams would be removed",
    ]


SOURCES: tuple[tuple[JsonObject, list[str]], ...] = (
    ({"ip_family": "IPv4"}, []),
    ({}, ["sources[0].ip_family"]),
    ({"expose": "NodePort"}, []),
    ({"expose": "Existing", "address": "a.example.com", "port": 443}, []),
)


@pytest.mark.parametrize(("source", "paths"), SOURCES)
def test_what_the_objects_of_a_source_depend_on_must_be_given(source: JsonObject, paths: list[str]) -> None:
    capabilities = {"federation-source": {"cluster": "hub", "clusters": ["hub"], "sources": [source]}}
    if not paths:
        rendered(capabilities)
        return
    assert [error.partition(": ")[0] for error in refused(capabilities)] == [
        f"capabilities.federation-source.{path}" for path in paths
    ]


def test_a_place_that_is_not_known_is_refused() -> None:
    target = {"address": "(known after apply)", "port": None}
    source = {"cluster": "edge", "team": "platform", "targets": [target]}
    (error,) = refused({"federation": {"cluster": "hub", "clusters": ["hub", "edge"], "sources": [source]}})
    assert error == "capabilities.federation.sources: edge/platform: the address or port is not known"


def test_a_form_that_depends_on_the_cluster_is_a_warning() -> None:
    sources = [
        {"cluster": "edge", "team": f"t{n}", "targets": [{"address": f"192.0.2.{n}", "port": 9090}]} for n in range(3)
    ]
    capability = {"cluster": "hub", "clusters": ["hub", "edge"], "sources": sources, "static_above": 4}
    assert "give target_form" in rendered({"federation": capability}).warnings[0]
    assert rendered({"federation": {**capability, "target_form": "discovered"}}).warnings == []


def test_what_a_run_reads_from_the_cluster_for_the_teams_must_be_given() -> None:
    team = {"name": "pay", "namespace_selector": {"owner": "pay"}}
    found = refused({"teams": {"cluster": "hub", "clusters": ["hub"], "teams": [team]}})
    assert [error.partition(": ")[0] for error in found] == [
        "capabilities.teams.egress.api_server",
        "capabilities.teams.teams (namespace_selector of 'pay')",
    ]


def test_a_secret_value_is_not_written() -> None:
    remote = {"url": "https://user:hunter2@example.com/api/v1/write", "name": "x"}
    teams = {
        "cluster": "hub",
        "clusters": ["hub"],
        **EGRESS,
        "writes": [{"team": "platform", "remote_write": [remote]}],
    }
    (error,) = refused({"teams": teams})
    assert "Prometheus monitoring-platform/platform would hold a secret value" in error
    assert "hunter2" not in error
    teams["writes"] = [{"team": "platform", "remote_write": [{"url": "https://example.com/w", "authorization": "abc"}]}]
    assert len(refused({"teams": teams})) == 1
    reference = {"authorization": {"credentials": {"name": "a", "key": "token"}}}
    teams["writes"] = [{"team": "platform", "remote_write": [{"url": "https://example.com/w", **reference}]}]
    rendered({"teams": teams})


def test_one_object_in_two_capabilities_is_refused() -> None:
    teams = {"cluster": "hub", "clusters": ["hub"], **EGRESS, "platform": {"namespace": "prometheus-operator"}}
    errors = refused({"operator": {}, "teams": teams})
    assert errors == ["capabilities.teams: Namespace prometheus-operator is wanted by operator too"]


def test_crds_are_read_from_the_given_source(tmp_path: Path) -> None:
    crds = load_crds(version="0.93.1")[:2]
    (tmp_path / "crds.yaml").write_text(
        "".join(render_crds(crds)[name] for name in render_crds(crds) if "coreos" in name)
    )
    made = rendered({"operator": {}}, crds={"source": str(tmp_path)})
    assert [path for path in made.files if path.startswith("crds/")] == [
        *(f"crds/{crd['metadata']['name']}.yaml" for crd in crds),
        "crds/kustomization.yaml",
    ]
    (pods,) = [obj for obj in objects_of(made.files) if obj["kind"] == "Deployment"]
    noted = pods["spec"]["template"]["metadata"]["annotations"]["promfleet.monitoring/served-kinds"]
    assert noted == ",".join(sorted(crd["spec"]["names"]["kind"] for crd in crds))
