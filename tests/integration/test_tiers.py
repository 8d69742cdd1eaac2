"""Several operators share the instances of a cluster: real operators as processes beside a real API server.

No pod runs here, so nothing is scraped; tests/prove/tiers shows the same on a kind cluster, under scraping.
"""

from __future__ import annotations

import typing as t
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.errors import Refused
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.marks import OPERATOR_LABEL
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.operator import (
    objects as operator_objects,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.teams import instance
from ansible_collections.promfleet.monitoring.plugins.module_utils._operators import guard, handover
from ansible_collections.promfleet.monitoring.plugins.module_utils._operators.scope import CONTROLLER_ID
from ansible_collections.promfleet.monitoring.plugins.module_utils._operators.share import Marks
from ansible_collections.promfleet.monitoring.plugins.module_utils._operators.stop import STOPPED_NOTE
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.outcome import Outcome

from promlab.controlplane import ControlPlane
from tests.integration.support.audit import Audit
from tests.integration.support.cluster import Cluster
from tests.integration.support.inprocess import run_module
from tests.integration.support.kubelet import Kubelet, kubelet
from tests.integration.support.operator_process import serve_crds
from tests.integration.support.planes import started
from tests.integration.support.prometheus_process import lab_program

JsonObject = dict[str, t.Any]

NAMESPACE = "prometheus-operator"
MONITORING = "monitoring.coreos.com/v1"
APPS = "apps/v1"
TEAMS = [f"team-{number}" for number in range(6)]
# This one is switched off: it has no instance, and a share all the same.
OFF = "team-3"
FLEET: JsonObject = {
    "cluster": "hub",
    "clusters": ["hub"],
    "teams": [{"name": name, "enabled": name != OFF, "network_policy": False, "quota": False} for name in TEAMS],
}
# Its Prometheus asks for a Secret that is not there, so that its operator fails and tries again and again.
FAILING = "team-0"
# How the warning begins that tells what operators say of instances.
REPORTED = "not reconciled before the move: "


@dataclass(frozen=True, kw_only=True)
class Tiers:
    """One control plane with operators that run, and the modules on it as an administrator."""

    plane: ControlPlane
    api: Cluster
    nodes: Kubelet
    reported: list[str] = field(default_factory=list)

    def run(self, module: str, *, check: bool = False, **options: t.Any) -> Outcome:
        """One run of a module."""
        given = {"wait": False, "wait_timeout": 60, **(FLEET if module == "team_monitoring" else {}), **options}
        result = run_module(module, kubeconfig=self.plane.kubeconfig, context=self.plane.context, check=check, **given)
        return t.cast(Outcome, result["outcome"])

    def both(self, module: str, **options: t.Any) -> Outcome:
        """Check mode and the run, which must say the same; what the run says.

        But for what an operator reports at that moment of the instance that fails: it writes that again and again.
        """
        checked, done = (self.run(module, check=check, **options) for check in (True, False))
        self.reported.extend(text for one in (checked, done) for text in one.warnings if text.startswith(REPORTED))
        assert foreseen(checked) == foreseen(done)
        assert entries(checked) == entries(done)
        return done

    def operators(self, number: int, **options: t.Any) -> Outcome:
        """The run that makes so many operators."""
        return self.both("prometheus_operator", operators=number, weights=weights(), **options)

    def instances(self) -> dict[str, JsonObject]:
        """What our teams have, by kind and name."""
        found = {}
        for kind in ("Prometheus", "Alertmanager"):
            for obj in self.api.list_kind(self.api.kind(MONITORING, kind)):
                found[f"{kind} {obj['metadata']['name']}"] = obj
        return found

    def ids(self) -> dict[str, str]:
        """The controller id of each instance, which its label has, too."""
        found = {}
        for name, obj in self.instances().items():
            metadata = obj["metadata"]
            found[name] = (metadata.get("annotations") or {}).get(CONTROLLER_ID, "")
            assert (metadata.get("labels") or {}).get(OPERATOR_LABEL, "") == found[name]
        return found

    def sets(self) -> dict[str, JsonObject]:
        """The StatefulSets of the instances, by name."""
        found = self.api.list_kind(self.api.kind(APPS, "StatefulSet"))
        return {obj["metadata"]["name"]: obj for obj in found}

    def wait_served(self) -> None:
        """Until each StatefulSet has the id of its instance: its operator has taken it over."""

        def served() -> bool:
            ids = self.ids()
            sets = self.sets()
            return len(sets) == len(ids) and all(
                (sets[set_name(name)]["metadata"].get("annotations") or {}).get(CONTROLLER_ID, "") == one
                for name, one in ids.items()
                if name != f"Prometheus {FAILING}"
            )

        self.api.wait_until(served, "each instance has its operator")


def foreseen(outcome: Outcome) -> list[str]:
    """The warnings that say what the run itself does."""
    return [text for text in outcome.warnings if not text.startswith(REPORTED)]


def set_name(instance: str) -> str:
    kind, _space, name = instance.partition(" ")
    return f"{kind.lower()}-{name}"


def weights() -> dict[str, int]:
    found = run_module("operator_shares", **FLEET, operators=3)["weights"]
    assert set(found) == {*TEAMS, "platform"}
    return dict(found)


def entries(outcome: Outcome) -> list[JsonObject]:
    return [{k: v for k, v in change.result().items() if k != "local"} for change in outcome.sorted_changes()]


def moved(outcome: Outcome) -> set[str]:
    """The instances whose id a run changed."""
    return {
        f"{entry['kind']} {entry['name']}"
        for entry in entries(outcome)
        if entry["kind"] in ("Prometheus", "Alertmanager") and entry["action"] == "updated"
    }


@pytest.fixture(scope="module")
def tiers(request: pytest.FixtureRequest) -> Iterator[Tiers]:
    """One operator for all teams, and a team whose Prometheus cannot be reconciled."""
    with started(request, "test-tiers", audit=True) as (plane,):
        api = Cluster(kubeconfig=plane.kubeconfig, context=plane.context)
        serve_crds(api)
        api.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}})
        program = lab_program(request, "operator")
        with kubelet(plane, api, namespace=NAMESPACE, program=program) as nodes:
            found = Tiers(plane=plane, api=api, nodes=nodes)
            found.run("prometheus_operator")
            found.run("team_monitoring")
            found.wait_served()
            broken = {"additionalScrapeConfigs": {"name": "missing", "key": "missing"}}
            api.apply(
                {
                    "apiVersion": MONITORING,
                    "kind": "Prometheus",
                    "metadata": {"name": FAILING, "namespace": f"monitoring-{FAILING}"},
                    "spec": broken,
                }
            )
            api.wait_until(lambda: not is_reconciled(found.instances()[f"Prometheus {FAILING}"]), "it fails")
            yield found


def is_reconciled(obj: JsonObject) -> bool:
    conditions = (obj.get("status") or {}).get("conditions") or ()
    return any(one["type"] == "Reconciled" and one["status"] == "True" for one in conditions)


def require_one_writer(audit: Audit) -> None:
    """No two operators wrote by turns for one instance: the last write of one comes before the first of another."""
    order: dict[tuple[str, str, str], list[str]] = {}
    for event in audit.all_events():
        if event.is_write and event.acting.startswith("prometheus-operator") and event.resource != "events":
            writers = order.setdefault((event.resource.partition("/")[0], event.namespace, event.name), [])
            if event.acting not in writers[-1:]:
                writers.append(event.acting)
    assert order, "operators wrote something"
    assert {key: writers for key, writers in order.items() if len(set(writers)) != len(writers)} == {}


# -- over and back ------------------------------------------------------------------------------------------------


def test_a_cluster_goes_from_one_operator_to_several_and_back(tiers: Tiers) -> None:
    before = tiers.sets()
    audit = Audit(path=tiers.plane.audit_log).now()

    done = tiers.operators(3)

    assert moved(done) == set(tiers.ids())
    (moving,) = foreseen(done)
    assert "12 instances change their operator" in moving
    assert "pause for that" in moving
    assert any(f"Prometheus monitoring-{FAILING}/{FAILING}" in text for text in tiers.reported)
    shares = run_module("operator_shares", **FLEET, operators=3)["shares"]
    of_team = {team: share["controller_id"] for share in shares for team in share["teams"]}
    assert tiers.ids() == {name: of_team[name.partition(" ")[2]] for name in tiers.ids()}
    tiers.wait_served()
    require_one_writer(audit)
    audit = audit.now()
    assert tiers.nodes.accounts() == {share["controller_id"] for share in shares}
    assert entries(tiers.both("team_monitoring", operators=3)) == []
    assert entries(tiers.operators(3)) == []

    fewer = tiers.operators(2)

    third = {
        name for name, team in ((name, name.partition(" ")[2]) for name in tiers.ids()) if of_team[team][-1] == "3"
    }
    assert moved(fewer) == third, "only what the third operator had moves"
    tiers.wait_served()
    require_one_writer(audit)
    audit = audit.now()

    back = tiers.operators(0)

    assert moved(back) == set(tiers.ids())
    assert set(tiers.ids().values()) == {""}
    tiers.wait_served()
    assert tiers.nodes.accounts() == {"prometheus-operator"}
    assert entries(tiers.both("team_monitoring")) == []
    assert tiers.api.find("v1", "ConfigMap", STOPPED_NOTE, "kube-system") is None
    for name, obj in tiers.sets().items():
        assert obj["metadata"]["uid"] == before[name]["metadata"]["uid"]
        assert obj["metadata"]["generation"] == before[name]["metadata"]["generation"], "no pod would restart"
    require_one_writer(audit)


def test_operators_hold_every_right_that_they_ask_for(tiers: Tiers) -> None:
    events = [one for one in Audit(path=tiers.plane.audit_log).all_events() if one.acting != one.account]
    assert {one.acting for one in events} >= {"prometheus-operator", "prometheus-operator-1", "prometheus-operator-3"}
    assert [(one.verb, one.resource) for one in events if one.status == 403] == []


def test_instances_that_an_earlier_release_marked_by_an_annotation_get_the_label(
    tiers: Tiers, monkeypatch: pytest.MonkeyPatch
) -> None:
    def annotated(controller: str) -> Marks:
        return {"annotations": {CONTROLLER_ID: controller}} if controller else {}

    with monkeypatch.context() as earlier:
        earlier.setattr(operator_objects, "flags_of", lambda controller: [f"--controller-id={controller}"])
        for module in (guard, handover, instance):
            earlier.setattr(module, "marks_for", annotated)
        tiers.run("prometheus_operator", operators=2, weights=weights())
        tiers.run("team_monitoring", operators=2)
    labels = [obj["metadata"]["labels"].get(OPERATOR_LABEL) for obj in tiers.instances().values()]
    assert set(labels) == {None}
    before, audit = tiers.sets(), Audit(path=tiers.plane.audit_log).now()

    done = tiers.operators(2)

    assert moved(done) == set(tiers.instances())
    assert set(tiers.ids().values()) == {"prometheus-operator-1", "prometheus-operator-2"}
    tiers.wait_served()
    assert entries(tiers.both("team_monitoring", operators=2)) == []
    assert {name: obj["metadata"]["generation"] for name, obj in tiers.sets().items()} == {
        name: obj["metadata"]["generation"] for name, obj in before.items()
    }
    require_one_writer(audit)
    tiers.operators(0)
    tiers.wait_served()


# -- changes of teams ---------------------------------------------------------------------------------------------


def test_a_changed_weight_moves_instances_while_their_operator_is_stopped(tiers: Tiers) -> None:
    tiers.operators(2)
    tiers.wait_served()
    audit = Audit(path=tiers.plane.audit_log).now()
    teams = [{**team, "weight": 2 if team["name"] == "team-1" else 1} for team in FLEET["teams"]]
    old = tiers.ids()

    done = tiers.both("team_monitoring", operators=2, teams=teams)

    changed = {name for name, one in tiers.ids().items() if old[name] != one}
    assert changed == moved(done)
    assert changed
    assert any("pause for that" in text for text in done.warnings)
    tiers.wait_served()
    assert entries(tiers.both("team_monitoring", operators=2, teams=teams)) == []
    require_one_writer(audit)
    # Back to weights of 1; the flag of a team moves nothing.
    tiers.run("team_monitoring", operators=2)
    flipped = [{**team, "enabled": True} for team in FLEET["teams"]]
    stopped = [
        one for one in entries(tiers.both("team_monitoring", operators=2, teams=flipped)) if one["kind"] == "Deployment"
    ]
    assert stopped == []
    tiers.run("team_monitoring", operators=2)
    tiers.operators(0)
    tiers.wait_served()


# -- what is refused ----------------------------------------------------------------------------------------------


def test_instances_that_would_have_no_operator_are_refused(tiers: Tiers) -> None:
    assert "no operator of this fleet runs" in " ".join(tiers.run("team_monitoring", operators=3, check=True).warnings)
    with pytest.raises(Refused, match="Run the role prometheus_operator"):
        tiers.run("team_monitoring", operators=3)
    assert set(tiers.ids().values()) == {""}


def test_an_instance_of_others_keeps_its_operator(tiers: Tiers) -> None:
    theirs = {
        "apiVersion": MONITORING,
        "kind": "Alertmanager",
        "metadata": {"name": "theirs", "namespace": NAMESPACE},
        "spec": {"replicas": 0},
    }
    tiers.api.apply(theirs)
    for check in (True, False):
        with pytest.raises(Refused, match=f"Alertmanager {NAMESPACE}/theirs any more"):
            tiers.run("prometheus_operator", operators=2, weights=weights(), check=check)
    assert set(tiers.ids().values()) == {""}
    tiers.api.delete(MONITORING, "Alertmanager", "theirs", NAMESPACE)


def test_a_switch_that_would_restart_pods_needs_an_option(tiers: Tiers) -> None:
    other: JsonObject = {"operators": 2, "weights": weights(), "image_registry": "registry.example.com"}
    with pytest.raises(Refused, match="would restart with their new operators, which differ from the old ones in"):
        tiers.run("prometheus_operator", **other)
    predicted = tiers.run("prometheus_operator", **other, allow_restarts=True, check=True)
    assert moved(predicted) == set(tiers.ids())
    assert set(tiers.ids().values()) == {""}


def test_verify_names_instances_without_an_operator(tiers: Tiers) -> None:
    lost = {
        "apiVersion": MONITORING,
        "kind": "ThanosRuler",
        "metadata": {"name": "lost", "namespace": NAMESPACE, "annotations": {CONTROLLER_ID: "elsewhere"}},
        "spec": {"replicas": 0, "queryEndpoints": ["http://example.com"]},
    }
    tiers.api.apply(lost)
    found = run_module(
        "monitoring_verify", kubeconfig=tiers.plane.kubeconfig, context=tiers.plane.context, **FLEET, wait=False
    )
    (finding,) = [one for one in found["findings"] if one["code"] == "PF108"]
    assert f"ThanosRuler {NAMESPACE}/lost" in finding["message"]
    assert "elsewhere" in finding["message"]
    tiers.api.delete(MONITORING, "ThanosRuler", "lost", NAMESPACE)
