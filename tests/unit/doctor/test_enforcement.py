"""A warning where network policies alone guard what is exposed, and nothing enforces them."""

from __future__ import annotations

import pytest
from ansible_collections.promfleet.monitoring.plugins.module_utils._doctor.checks import Unobserved, judge_all
from ansible_collections.promfleet.monitoring.plugins.module_utils._doctor.enforcement import (
    ENGINE_DAEMON_SETS,
    ENGINE_GROUPS,
    EnforcementFacts,
    engines_by_daemon_set,
    engines_by_group,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._findings.finding import Subject

CODES = {"PF113"}
CLUSTER = Subject(cluster="edge", kind="Cluster", name="edge")


def codes(engines: tuple[str, ...] | Unobserved) -> list[tuple[str, bool]]:
    facts = EnforcementFacts(cluster="edge", guarded=("edge/search", "edge/platform"), engines=engines)
    _links, findings = judge_all([facts])
    return [(finding.code, finding.observed) for finding in findings]


def test_without_an_engine_the_sources_are_named() -> None:
    facts = EnforcementFacts(cluster="edge", guarded=("edge/search", "edge/platform"), engines=())
    _links, (finding,) = judge_all([facts])
    assert (finding.code, finding.severity) == ("PF113", "warning")
    assert "edge/platform, edge/search" in finding.message


def test_with_an_engine_there_is_no_finding() -> None:
    assert codes(("Cilium",)) == []


def test_what_could_not_be_listed_is_not_taken_for_enforced() -> None:
    late = Unobserved(code="PF002", object=CLUSTER, evidence={"reason": "forbidden"})
    assert codes(late) == [("PF002", False)]


@pytest.mark.parametrize("group", sorted(ENGINE_GROUPS))
def test_an_engine_is_recognised_by_its_api_group(group: str) -> None:
    assert engines_by_group(["v1", "apps/v1", f"{group}/v1"]) == (ENGINE_GROUPS[group],)


@pytest.mark.parametrize(
    "versions",
    [
        ["v1", "apps/v1", "networking.k8s.io/v1"],
        # Served on EKS whether policies are enforced or not.
        ["networking.k8s.aws/v1alpha1"],
        ["example.cilium.io/v1"],
    ],
)
def test_other_groups_show_no_engine(versions: list[str]) -> None:
    assert engines_by_group(versions) == ()


@pytest.mark.parametrize("name", sorted(ENGINE_DAEMON_SETS))
def test_an_engine_without_crds_is_recognised_by_its_daemon_set(name: str) -> None:
    assert engines_by_daemon_set(["node-exporter", name]) == (ENGINE_DAEMON_SETS[name],)


def test_other_daemon_sets_show_no_engine() -> None:
    assert engines_by_daemon_set(["aws-node", "kube-flannel-ds", "kube-proxy", "my-kube-router"]) == ()
