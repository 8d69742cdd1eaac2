"""Upgrades with gates, and rollbacks: a real API server with the objects of a team, and a real Prometheus behind them.

No node runs pods here: the Prometheus is a process behind the Services of the instances, and the test gives it the
configuration that the operator would.
"""

from __future__ import annotations

import typing as t
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.transport import Transport
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.versions import PROMETHEUS_OPERATOR
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.errors import InputError
from ansible_collections.promfleet.monitoring.plugins.module_utils._run import upgrade_gate, upgrade_waves
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.files import write_private
from ansible_collections.promfleet.monitoring.plugins.module_utils._upgrade.record import (
    FREEZE_FILE,
    STATE_FILE,
    Records,
)

from promlab.controlplane import ControlPlane
from tests.integration.support.answering import answering_pod, own_address
from tests.integration.support.cluster import RESTLESS, Cluster, Key, key_of
from tests.integration.support.inprocess import run_module
from tests.integration.support.inventory import fleet
from tests.integration.support.planes import started
from tests.integration.support.playbook import Run
from tests.integration.support.prometheus_process import PrometheusProcess, application, lab_program
from tests.integration.support.releases import crd_folder
from tests.suite.in_full import in_full, representative

JsonObject = dict[str, t.Any]

OLDER = "0.89.0"
SOME = ("alertmanagers", "prometheuses", "prometheusrules", "scrapeconfigs", "servicemonitors")
TEAM = "paid"
PLACES = {f"monitoring-{name}": name for name in ("platform", TEAM)}
RULES = [{"name": "sums", "interval": "1s", "rules": [{"record": "app:up:sum", "expr": "sum(up)"}]}]
SLIS = [{"name": "scraped", "query": "sum(up)"}]
# What the upgrade changes beside the versions.
KEPT: JsonObject = {"prometheus": {"retention": "3d"}}
# With an interval of a second, how busy this machine is would decide.
KNOWN = [{"gate": "continuity", "match": ""}]
WRITING: JsonObject = {"wait": False, "wait_timeout": 60, "audit": {"enabled": False}}


def teams(**changes: t.Any) -> JsonObject:
    team = {"name": TEAM, "namespaces": [TEAM], "network_policy": False, "quota": False, **changes}
    return {"cluster": "hub", "clusters": ["hub"], "teams": [team]}


# What changes with each write.
COUNTED = ("resourceVersion", "generation", "managedFields", "uid", "creationTimestamp")
REVISION = "deployment.kubernetes.io/revision"


def contents(api: Cluster) -> dict[Key, JsonObject]:
    """All objects as their writers want them, but for the copies of CRDs that the guard keeps."""
    found = {}
    for obj in api.list_all(without=RESTLESS):
        metadata = {name: value for name, value in obj["metadata"].items() if name not in COUNTED}
        metadata["annotations"] = {
            name: value for name, value in (metadata.get("annotations") or {}).items() if name != REVISION
        }
        if not obj["metadata"]["name"].startswith("promfleet-crds-"):
            found[key_of(obj)] = {**{name: obj[name] for name in obj if name != "status"}, "metadata": metadata}
    return found


def differences(before: t.Any, after: t.Any, place: str = "") -> list[str]:
    """The fields that differ, each with both values."""
    if isinstance(before, dict) and isinstance(after, dict):
        both = sorted({*before, *after}, key=str)
        return [one for name in both for one in differences(before.get(name), after.get(name), f"{place}/{name}")]
    return [] if before == after else [f"{place}: {str(before)[:200]} -> {str(after)[:200]}"]


def left(before: dict[Key, JsonObject], api: Cluster) -> list[str]:
    """What a rollback did not bring back, but for the default that the newer CRDs give each Prometheus for good."""
    return [one for one in differences(before, contents(api)) if not one.endswith("/spec/shards: None -> 1")]


class Killed(BaseException):
    """The run ends here, as by kill -9: nothing of it handles this."""


@dataclass(kw_only=True)
class Stage:
    """A control plane with the objects of an older release, the Prometheus that its instances are, and an empty one."""

    plane: ControlPlane
    later: ControlPlane
    api: Cluster
    prometheus: PrometheusProcess
    application: str
    folder: Path

    def run(self, module: str, **options: t.Any) -> JsonObject:
        return run_module(module, kubeconfig=self.plane.kubeconfig, context=self.plane.context, **options)

    def install(self, release: str, **changes: t.Any) -> None:
        """What the playbook site does."""
        crds = {"version": release, "source": str(crd_folder(release, only=SOME))}
        self.run("crds", **crds, **WRITING, allow_downgrade=True)
        self.run("prometheus_operator", version=release, **WRITING)
        self.run("team_monitoring", **teams(**changes), **WRITING)

    def gate(self, stage: str, **options: t.Any) -> JsonObject:
        given = {"slis": SLIS, "known_changes": KNOWN, "timeout": 0, "soak": "0", **options}
        return self.run("upgrade_gate", stage=stage, cluster="hub", folder=str(self.folder), **given)

    def roll_back(self) -> JsonObject:
        return self.run("upgrade_rollback", cluster="hub", folder=str(self.folder), **WRITING)

    def upgrade(self, *, breaks: bool, **changes: t.Any) -> str:
        """The steps of the playbook's tasks for this cluster, up to their end; the phase is what is left."""
        begin = self.gate("begin", **changes.pop("begin", {}))
        step = begin["step"]
        if step == upgrade_gate.UPGRADE:
            self.install(PROMETHEUS_OPERATOR, **KEPT)
            self.configure(broken=breaks)
            step = self.gate("judge")["step"]
        if step == upgrade_gate.ROLL_BACK:
            self.roll_back()
            self.configure()
            self.gate("close", timeout=20)
        state = Records(folder=self.folder, write=write_private).state("hub")
        return state.phase if state else begin["step"]

    def configure(self, *, broken: bool = False) -> None:
        """Give Prometheus what the operator would: jobs and rules, and *broken* with an address where nothing is."""
        address = f"{own_address()}:{self.prometheus.port}"
        jobs: list[JsonObject] = [
            {"job_name": "self", "static_configs": [{"targets": [address]}]},
            {"job_name": "app", "static_configs": [{"targets": ["127.0.0.1:1" if broken else self.application]}]},
        ]
        self.prometheus.configure(jobs, groups=RULES, interval="1s")
        expected = {"self": "up", "app": "down" if broken else "up"}
        self.prometheus.until(lambda: self._is_scraped(expected), f"the targets are {expected}")

    def _is_scraped(self, expected: dict[str, str]) -> bool:
        targets = self.prometheus.get("targets", state="active")["activeTargets"]
        rules = [rule["health"] for group in self.prometheus.get("rules")["groups"] for rule in group["rules"]]
        up = list(expected.values()).count("up")
        # The series of a target that was replaced has ended.
        sums = [self.prometheus.query(query) for query in ("app:up:sum", "sum(up)")]
        return (
            {one["labels"]["job"]: one["health"] for one in targets} == expected
            and set(rules) == {"ok"}
            and all(rows and float(rows[0]["value"][1]) == up for rows in sums)
        )


@pytest.fixture(scope="module")
def running(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with (
        started(request, "test-upgrade", "test-upgrade-later") as (plane, later),
        application("app_requests_total 1\n") as shown,
    ):
        api = Cluster(kubeconfig=plane.kubeconfig, context=plane.context)
        one = PrometheusProcess(
            program=lab_program(request, "prometheus"), folder=tmp_path_factory.mktemp("prometheus")
        )
        # The API server passes on nothing to loopback.
        one.flags = [f"--web.listen-address={own_address()}:{one.port}"]
        found = Stage(
            plane=plane,
            later=later,
            api=api,
            prometheus=one,
            application=shown.address,
            folder=tmp_path_factory.mktemp("unused"),
        )
        one.configure([])
        one.start()
        # Endpoints are of pods whose node there is.
        api.apply({"apiVersion": "v1", "kind": "Node", "metadata": {"name": "node"}})
        try:
            found.install(OLDER)
            for namespace, name in PLACES.items():
                services = [f"prometheus-{name}"]
                answering_pod(api, namespace=namespace, name="instance", services=services, port=one.port)
            yield found
        finally:
            one.stop()


@pytest.fixture
def stage(running: Stage, tmp_path: Path) -> Stage:
    """The older release, and no record of an upgrade."""
    running.install(OLDER)
    running.configure()
    running.folder = tmp_path / "upgrades"
    return running


def operator_image(api: Cluster) -> str:
    spec = api.get("apps/v1", "Deployment", "prometheus-operator", "prometheus-operator")["spec"]["template"]["spec"]
    return str(spec["containers"][0]["image"])


def test_a_good_upgrade_passes_all_gates(stage: Stage) -> None:
    assert stage.upgrade(breaks=False) == "passed"
    assert operator_image(stage.api).endswith(f":v{PROMETHEUS_OPERATOR}")
    assert not (stage.folder / FREEZE_FILE).exists()
    # Without a difference nothing begins.
    again = stage.gate("begin", changes=0)
    assert (again["step"], again["reason"]) == ("nothing", "nothing differs")


def test_a_bad_upgrade_rolls_back_and_freezes(stage: Stage) -> None:
    before = contents(stage.api)
    assert stage.gate("begin")["step"] == "upgrade"
    stage.install(PROMETHEUS_OPERATOR, **KEPT)
    stage.configure(broken=True)
    judged = stage.gate("judge")
    assert (judged["passed"], judged["step"]) == (False, "roll back")
    faults = {(one["gate"], one["place"], one["item"]): (one["before"], one["after"]) for one in judged["faults"]}
    assert faults["targets", f"monitoring-{TEAM}/{TEAM}", 'app{job="app"}'] == ("1 of 1 up", "0 of 1 up")
    assert faults["slis", "platform", "scraped"] == ("2 (tolerance 0.01, absolute 0)", "1")
    assert {one["code"] for one in judged["findings"]} == {"PF706"}
    rolled_back = stage.roll_back()
    assert rolled_back["crds"] == ""
    assert left(before, stage.api) == []
    stage.configure()
    closed = stage.gate("close", timeout=20)
    assert (closed["passed"], closed["faults"]) == (True, [])
    # The report still names the gate with both values.
    assert "before 1 of 1 up, after 0 of 1 up" in "\n".join(one["message"] for one in closed["findings"])
    # Nothing begins until somebody lifts the freeze by its id, and the id of an earlier one lifts nothing.
    frozen = stage.gate("begin")
    assert frozen["step"] == "frozen"
    assert "the gate " in frozen["reason"]
    given: JsonObject = {"hosts": [{"name": "hub"}], "folder": str(stage.folder)}
    waves = run_module("upgrade_waves", **given, lift="hub-earlier")
    assert waves["frozen"]
    assert run_module("upgrade_waves", **given, lift=waves["freeze"])["frozen"] == ""
    assert stage.gate("begin")["step"] == "upgrade"


def test_a_second_rollback_changes_nothing(stage: Stage) -> None:
    stage.gate("begin")
    stage.install(PROMETHEUS_OPERATOR)
    stage.gate("judge", error="the operator does not start")
    assert stage.roll_back()["outcome"].changes
    assert stage.roll_back()["outcome"].changes == []


def test_what_cannot_be_measured_does_not_begin(stage: Stage) -> None:
    before = contents(stage.api)
    several = stage.gate("begin", slis=[{"name": "each", "query": "up"}])
    assert several["failure"].startswith("the upgrade does not begin")
    assert [(one["code"], one["observed"]) for one in several["findings"]] == [("PF708", False)]
    stage.prometheus.pause()
    try:
        silent = stage.gate("begin", slis=[])
    finally:
        stage.prometheus.resume()
    assert {one["gate"] for one in silent["faults"]} == {"targets"}
    assert contents(stage.api) == before
    assert not stage.folder.exists()


def test_a_stage_follows_the_one_before(stage: Stage) -> None:
    for module in ("judge", "close"):
        with pytest.raises(InputError, match="hub has no record of an upgrade"):
            stage.gate(module)
    with pytest.raises(InputError, match="a rollback follows a gate that failed"):
        stage.roll_back()


class Killing:
    """Ends the run at one of the writes: requests that write, and files of the record."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.left: int | None = None
        self.writes = 0
        send, write = Transport.send, write_private

        def sending(transport: t.Any, method: str, *arguments: t.Any, **options: t.Any) -> t.Any:
            if method not in ("GET", "HEAD"):
                self.count()
            return send(transport, method, *arguments, **options)

        def writing(place: Path, data: bytes) -> None:
            self.count()
            write(place, data)

        monkeypatch.setattr(Transport, "send", sending)
        monkeypatch.setattr(upgrade_waves, "write_private", writing)

    def count(self) -> None:
        self.writes += 1
        if self.left is not None:
            self.left -= 1
            if self.left < 0:
                raise Killed


@pytest.mark.parametrize("breaks", representative([True, False]))
def test_a_killed_run_ends_in_the_same_state(stage: Stage, monkeypatch: pytest.MonkeyPatch, breaks: bool) -> None:
    """At one of its writes, and at 25 for each end in `make prove`."""
    killing = Killing(monkeypatch)
    end = stage.upgrade(breaks=breaks)
    expected = contents(stage.api)
    number = killing.writes
    assert end == ("rolled back" if breaks else "passed")
    points = {1 + (number - 2) * step // 24 for step in range(25)} if in_full() else {number // 2}
    for point in sorted(points):
        stage.install(OLDER)
        stage.configure()
        stage.folder = stage.folder.with_name(f"killed-{point}")
        killing.left = point
        with pytest.raises(Killed):
            stage.upgrade(breaks=breaks)
        killing.left = None
        resumed = stage.upgrade(breaks=breaks)
        assert (resumed, contents(stage.api)) == (end, expected), f"killed at write {point} of {number}"
        assert (stage.folder / FREEZE_FILE).exists() is breaks
        assert (stage.folder / "hub" / STATE_FILE).exists()


# -- the playbook --------------------------------------------------------------------------------------------------


def test_the_canary_rolls_back_and_the_next_wave_does_not_begin(stage: Stage, playbook: Callable[..., Run]) -> None:
    """What the operator and a pod would do is done when the run shows that it is there."""
    first, second = stage.plane.name, stage.later.name
    connections: dict[str, JsonObject] = {
        one.name: {"promfleet_kubeconfig": str(one.kubeconfig), "promfleet_context": one.context}
        for one in (stage.plane, stage.later)
    }
    connections[first] |= {"promfleet_upgrade_slis": SLIS, "promfleet_upgrade_known_changes": KNOWN}
    # No pod of what is new there runs here.
    connections[second]["promfleet_upgrade_known_changes"] = [*KNOWN, {"gate": "ready", "match": ""}]
    inventory = fleet(
        central=second,
        workers=[first],
        hosts=connections,
        promfleet_kubeconfig="none",
        promfleet_wait=False,
        promfleet_audit=False,
        promfleet_upgrade_folder=str(stage.folder),
        promfleet_upgrade_waves=[{"name": "canary", "hosts": [first]}, {"rest": True}],
        promfleet_upgrade_soak="1s",
        promfleet_upgrade_gate_timeout=10,
        promfleet_upgrade_verify=False,
        # No kubelet pulls here: molecule's scenario upgrade does that.
        promfleet_upgrade_pull=False,
        prometheus_operator_crds_source=str(crd_folder(PROMETHEUS_OPERATOR, only=SOME)),
        prometheus_federation_state="absent",
        prometheus_operator_monitor=False,
        prometheus_operator_alert_rules=False,
        team_monitoring_teams=teams(**KEPT)["teams"],
    )
    stage.install(OLDER)
    before, untouched = contents(stage.api), contents(later(stage))

    def watch(line: str) -> None:
        if "Upgrade | Compare with what was before]" in line:
            stage.configure(broken=True)
        elif "Upgrade | Bring back what was before]" in line:
            stage.configure()

    run = playbook("upgrade", inventory=inventory, watch=watch).require_failure()
    told = {failure.host: failure.message for failure in run.failures if failure.task.startswith("Upgrade verdict")}
    assert first in told, run.output
    assert told[first].startswith("rolled back, and the gates pass; the gate "), run.output
    assert "before 1 of 1 up, after 0 of 1 up" in told[first]
    assert left(before, stage.api) == []
    assert differences(untouched, contents(later(stage))) == []
    assert told[second].startswith("not upgraded: frozen since 2")
    assert "lifts it" in told[second]
    if not in_full():
        return
    freeze = run.of("upgrade_gate", host=second)[-1].data["reason"].partition("lift=")[2].split()[0]
    inventory["all"]["vars"]["promfleet_upgrade_lift"] = freeze
    good = playbook("upgrade", inventory=inventory).require_success()
    assert operator_image(stage.api).endswith(f":v{PROMETHEUS_OPERATOR}")
    assert operator_image(later(stage)).endswith(f":v{PROMETHEUS_OPERATOR}")
    assert [one.host for one in good.of("upgrade_gate") if one.data.get("passed")] == [first, second]
    assert f"{first}: upgraded, all gates passed" in good.output


def later(stage: Stage) -> Cluster:
    return Cluster(kubeconfig=stage.later.kubeconfig, context=stage.later.context)
