"""Instances are paused, archived and restored: a real operator as a process beside a real API server.

Pods and claims are those of the real StatefulSet controller. No kubelet runs the pods, so a run that waits for them
says that they are not ready; where none has to run it waits for what the operator reports. What becomes of the samples
shows tests/prove/lifecycle on a cluster with nodes.
"""

from __future__ import annotations

import typing as t
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.errors import Refused
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.outcome import Incomplete, Outcome

from promlab.controlplane import ControlPlane
from tests.integration.support.cluster import Cluster
from tests.integration.support.inprocess import run_module
from tests.integration.support.operator_process import operator, serve_crds
from tests.integration.support.planes import started
from tests.integration.support.prometheus_process import lab_program

JsonObject = dict[str, t.Any]

MONITORING = "monitoring.coreos.com/v1"
NAMESPACE = "monitoring-pay"
SET = "prometheus-pay"
CLAIM = "prometheus-pay-db-prometheus-pay-0"
ARCHIVED, STATE = "promfleet.monitoring/archived", "promfleet.monitoring/state"


STORED: JsonObject = {"prometheus": {"storage": {"size": "1Gi"}}}


@dataclass(frozen=True, kw_only=True)
class Lifecycle:
    """One control plane with an operator, and the modules on it as an administrator."""

    plane: ControlPlane
    api: Cluster

    def call(
        self, module: str, team: JsonObject | None = None, *, till: JsonObject | None = None, **options: t.Any
    ) -> JsonObject:
        """A run of a module in a fleet with two teams beside the platform's, which has no instance."""
        parts = {"quota": False, "network_policy": False, "alertmanager": {"enabled": False}}
        return run_module(
            module,
            kubeconfig=self.plane.kubeconfig,
            context=self.plane.context,
            cluster="hub",
            clusters=["hub"],
            platform={"prometheus": {"enabled": False}, "alertmanager": {"enabled": False}},
            teams=[
                {"name": "pay", **parts, **(STORED if team is None else team)},
                {"name": "till", **parts, "enabled": False, **(till or {})},
            ],
            **options,
        )

    def run(self, state: str, *, check: bool = False, wait: bool = True, timeout: int = 60, **team: t.Any) -> Outcome:
        """A run with the team in this state."""
        prometheus = {**STORED["prometheus"], **team.pop("prometheus", {})}
        given = {"state": state, "prometheus": prometheus, **team}
        result = self.call("team_monitoring", given, check=check, wait=wait, wait_timeout=timeout)
        return t.cast(Outcome, result["outcome"])

    def verify(self, state: str) -> dict[str, str]:
        """The messages of findings about the instance, by their codes."""
        result = self.call(
            "monitoring_verify", {**STORED, "state": state}, wait=False, fail_on="error", show_from="info"
        )
        of_instance = ("Prometheus", "PersistentVolumeClaim", "StatefulSet")
        return {
            one["code"]: one["message"]
            for one in t.cast("list[JsonObject]", result["findings"])
            if one["object"]["kind"] in of_instance
        }

    def claim(self) -> JsonObject:
        return self.api.get("v1", "PersistentVolumeClaim", CLAIM, NAMESPACE)

    def mark(self) -> str | None:
        found: str | None = self.claim()["metadata"]["labels"].get(ARCHIVED)
        return found

    def prometheus(self) -> JsonObject:
        return self.api.get(MONITORING, "Prometheus", "pay", NAMESPACE)

    def stateful_set(self) -> JsonObject:
        return self.api.get("apps/v1", "StatefulSet", SET, NAMESPACE)

    def pods(self) -> list[str]:
        found = self.api.request("GET", f"/api/v1/namespaces/{NAMESPACE}/pods")["items"]
        return [pod["metadata"]["uid"] for pod in found if "deletionTimestamp" not in pod["metadata"]]

    def until_it_runs(self) -> None:
        """Until the controller has made the pod and its claim."""
        self.api.wait_until(lambda: self.stateful_set()["spec"]["replicas"] == 1 and len(self.pods()) == 1, "a pod")
        self.api.wait_until(lambda: self.api.find("v1", "PersistentVolumeClaim", CLAIM, NAMESPACE) is not None, CLAIM)


def entries(outcome: Outcome) -> list[tuple[str, str, str]]:
    return [(one.action, one.key.kind, one.key.name) for one in outcome.sorted_changes()]


@pytest.fixture(scope="module")
def lifecycle(request: pytest.FixtureRequest) -> Iterator[Lifecycle]:
    """An instance with one replica and a volume claim."""
    with started(request, "test-lifecycle") as (plane,):
        api = Cluster(kubeconfig=plane.kubeconfig, context=plane.context)
        serve_crds(api)
        with operator(plane, lab_program(request, "operator")):
            found = Lifecycle(plane=plane, api=api)
            # Its pod never runs, so the wait ends without it.
            with pytest.raises(Incomplete, match="not ready"):
                found.run("active", timeout=1)
            found.until_it_runs()
            yield found


def test_a_paused_instance_stays_as_it_is(lifecycle: Lifecycle) -> None:
    before, pods = lifecycle.stateful_set(), lifecycle.pods()
    predicted = lifecycle.run("paused", check=True)

    done = lifecycle.run("paused", prometheus={"scrape_interval": "45s"})

    assert entries(done) == entries(predicted) == [("updated", "Prometheus", "pay")]
    live = lifecycle.prometheus()
    assert live["spec"]["paused"] is True
    assert live["spec"]["scrapeInterval"] == "45s"
    assert live["status"]["paused"] is True, "the run waited until the operator says so"
    assert entries(lifecycle.run("paused", prometheus={"scrape_interval": "45s"})) == []
    # Larger volumes and more replicas must wait.
    with pytest.raises(Refused, match=r"volumes change only while the instance runs: leave prometheus.storage"):
        lifecycle.run("paused", prometheus={"storage": {"size": "2Gi"}})
    assert lifecycle.stateful_set()["metadata"]["generation"] == before["metadata"]["generation"]
    assert lifecycle.pods() == pods
    lifecycle.run("paused", wait=False)
    found = lifecycle.verify("paused")
    assert "the inventory has state: paused for team pay" in found.pop("PF237")
    # No kubelet runs the pod: nothing answers.
    assert found.keys() <= {"PF003"}


def test_archived_and_back_with_the_same_claim(lifecycle: Lifecycle) -> None:
    lifecycle.until_it_runs()
    claim = lifecycle.claim()
    predicted = lifecycle.run("archived", check=True)
    assert lifecycle.mark() is None

    done = lifecycle.run("archived")

    assert entries(done) == entries(predicted)
    assert entries(done) == [("updated", "PersistentVolumeClaim", CLAIM), ("updated", "Prometheus", "pay")]
    lifecycle.api.wait_until(lambda: not lifecycle.pods(), "no pod is left")
    kept, since = lifecycle.claim(), lifecycle.mark()
    assert kept["metadata"]["uid"] == claim["metadata"]["uid"]
    assert kept["metadata"]["labels"]["promfleet.monitoring/team"] == "pay"
    assert "deletionTimestamp" not in kept["metadata"]
    assert since is not None
    # The second run changes nothing, and the time is that of the first.
    assert entries(lifecycle.run("archived")) == []
    assert lifecycle.mark() == since
    # What a run lost on the way, the next one completes.
    lifecycle.api.edit(
        "v1", "PersistentVolumeClaim", CLAIM, {"metadata": {"labels": {ARCHIVED: None}}}, namespace=NAMESPACE
    )
    assert "PF239" in lifecycle.verify("archived")
    assert entries(lifecycle.run("archived")) == [("updated", "PersistentVolumeClaim", CLAIM)]
    found = lifecycle.verify("archived")
    assert found.keys() == {"PF238"}
    assert f"1 volume claims are kept (archived since: {lifecycle.mark()})" in found["PF238"]
    with pytest.raises(Refused, match="volumes change only while the instance runs"):
        lifecycle.run("active", prometheus={"storage": {"size": "2Gi"}})

    # Nothing runs the new pod here, so there is nothing to wait for.
    back = lifecycle.run("active", wait=False)

    assert entries(back) == [("updated", "PersistentVolumeClaim", CLAIM), ("updated", "Prometheus", "pay")]
    assert any("Its retention is 10d: what is older than that is deleted" in text for text in back.warnings)
    lifecycle.until_it_runs()
    labels = lifecycle.claim()["metadata"]["labels"]
    assert lifecycle.claim()["metadata"]["uid"] == claim["metadata"]["uid"]
    assert not {ARCHIVED, "promfleet.monitoring/team"} & labels.keys()
    assert STATE not in lifecycle.prometheus()["metadata"]["labels"]
    assert entries(lifecycle.run("active", wait=False)) == []


def test_an_archive_that_was_switched_off_comes_back_without_the_mark(lifecycle: Lifecycle) -> None:
    lifecycle.until_it_runs()
    lifecycle.run("archived")
    uid = lifecycle.claim()["metadata"]["uid"]
    lifecycle.run("active", enabled=False)
    assert lifecycle.api.find(MONITORING, "Prometheus", "pay", NAMESPACE) is None
    assert lifecycle.mark()
    lifecycle.run("active", wait=False)
    assert lifecycle.mark() is None
    assert lifecycle.claim()["metadata"]["uid"] == uid


def spec_of(lifecycle: Lifecycle, policy: JsonObject | None) -> None:
    """What somebody else sets in the instance."""
    patch = {"spec": {"persistentVolumeClaimRetentionPolicy": policy}}
    lifecycle.api.edit(MONITORING, "Prometheus", "pay", patch, namespace=NAMESPACE)


@pytest.mark.parametrize("event", ["whenScaled", "whenDeleted"])
def test_an_archive_whose_claims_would_go_is_refused(lifecycle: Lifecycle, event: str) -> None:
    lifecycle.until_it_runs()
    spec_of(lifecycle, {event: "Delete"})
    try:
        for check in (True, False):
            with pytest.raises(Refused, match=f"{event}: Delete; set it to Retain first") as caught:
                lifecycle.run("archived", check=check)
            assert "archiving would lose data" in str(caught.value)
    finally:
        spec_of(lifecycle, None)
    assert lifecycle.prometheus()["spec"]["replicas"] == 1


def test_an_archive_without_a_claim_is_refused_unless_that_may_be(lifecycle: Lifecycle) -> None:
    """The inventory asks for a claim in the same run that archives: there is none yet."""
    till: JsonObject = {"enabled": True, "prometheus": {}}
    lifecycle.call("team_monitoring", till=till, wait=False)
    archived = {**till, **STORED, "state": "archived"}
    with pytest.raises(Refused, match=r"has 0 volume claims for 1 pods; set prometheus.storage and wait"):
        lifecycle.call("team_monitoring", till=archived, wait=False)
    done = lifecycle.call("team_monitoring", till={**archived, "archive_may_lose": ["prometheus"]}, wait=False)
    assert ("updated", "Prometheus", "till") in entries(done["outcome"])
