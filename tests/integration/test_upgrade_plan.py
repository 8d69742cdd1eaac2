"""Plans of upgrades and what is outdated, on a real API server with objects that earlier releases left there."""

from __future__ import annotations

import json
import typing as t
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.errors import ClusterError, Refused
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.versions import (
    ALERTMANAGER,
    PROMETHEUS,
    PROMETHEUS_OPERATOR,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.errors import InputError
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.outcome import Outcome
from ansible_collections.promfleet.monitoring.plugins.module_utils._upgrade.risks import RISKS

from promlab.controlplane import ControlPlane
from tests.integration.support.account import install_roles, is_allowed, make_account, write_kubeconfig
from tests.integration.support.cluster import Cluster
from tests.integration.support.inprocess import run_module
from tests.integration.support.inventory import single
from tests.integration.support.planes import started
from tests.integration.support.playbook import Run
from tests.integration.support.releases import crd_folder
from tests.integration.support.upgrade_cases import SECRET, an

JsonObject = dict[str, t.Any]

OLDER = "0.89.0"
# Those of the kinds that a plan here is about: all of them take seconds more.
SOME = ("alertmanagers", "prometheuses", "prometheusrules", "scrapeconfigs", "servicemonitors")
TEAM = "shot"
OWN = "outdated-operator"
TEAMS: JsonObject = {
    "cluster": "hub",
    "clusters": ["hub"],
    "teams": [{"name": TEAM, "namespaces": [TEAM], "network_policy": False, "quota": False}],
}
EXPOSED = {**an("ScrapeConfig", basicAuth={"username": SECRET}, authorization={"credentials": SECRET})}


@dataclass(frozen=True, kw_only=True)
class Stage:
    """A control plane on which an older release of the operator was installed, with the instances of a team."""

    plane: ControlPlane
    api: Cluster
    kubeconfig: Path

    def run(self, module: str, **options: t.Any) -> JsonObject:
        given = {"kubeconfig": self.kubeconfig, "context": self.plane.context, **options}
        return run_module(module, **given)

    def install(self, release: str) -> list[Outcome]:
        """What the playbook site does, without waiting for pods that no node runs."""
        steps: list[tuple[str, JsonObject]] = [
            ("crds", {"version": release, "source": str(crd_folder(release, only=SOME))}),
            ("prometheus_operator", {"version": release}),
            ("team_monitoring", TEAMS),
        ]
        waiting = {"wait": False, "wait_timeout": 60, "audit": {"enabled": False}}
        return [self.run(name, **options, **waiting)["outcome"] for name, options in steps]

    def as_account(self, name: str, output: Path, *, roles: tuple[str, ...] = ()) -> Stage:
        """The same, as an account with shipped roles."""
        install_roles(self.api)
        token = make_account(self.api, name, roles=roles)
        write_kubeconfig(self.kubeconfig, tokens={self.plane.context: token}, output=output)
        account = Cluster(kubeconfig=output, context=self.plane.context)
        one = {"group": "monitoring.coreos.com", "resource": "scrapeconfigs", "verb": "list"}
        # The API server takes bindings over within a moment.
        account.wait_until(lambda: is_allowed(account, **one) == bool(roles), "the account has its rights")
        return Stage(plane=self.plane, api=self.api, kubeconfig=output)

    def plan(self, release: str = PROMETHEUS_OPERATOR, **options: t.Any) -> JsonObject:
        """The plan of an upgrade to a release."""
        given: JsonObject = {
            "cluster": "hub",
            "capabilities": {"operator": {"version": release}, "teams": TEAMS},
            "crds": {"version": release, "source": str(crd_folder(release, only=SOME))},
        }
        return self.run("upgrade_plan", **{**given, **options})


@pytest.fixture(scope="module")
def stage(request: pytest.FixtureRequest) -> Iterator[Stage]:
    with started(request, "test-upgrade-plan") as (plane,):
        api = Cluster(kubeconfig=plane.kubeconfig, context=plane.context)
        found = Stage(plane=plane, api=api, kubeconfig=plane.kubeconfig)
        found.install(OLDER)
        yield found


def codes(plan: JsonObject) -> list[str]:
    return [finding["code"] for finding in plan["findings"]]


def entries(step: JsonObject) -> set[tuple[str, str, str]]:
    return {(one["action"], one["kind"], one["name"]) for one in step["objects"]}


# -- the plan ------------------------------------------------------------------------------------------------------


def test_a_plan_says_what_the_upgrade_does(stage: Stage, tmp_path: Path) -> None:
    """And then the upgrade does exactly that."""
    before = stage.api.snapshot()
    plan = stage.plan(result_folder=str(tmp_path))
    assert stage.api.snapshot() == before, "a plan writes nothing"
    assert (plan["failure"], plan["blocked"], codes(plan)) == (None, False, [])
    assert [(one["component"], one["before"], one["after"]) for one in plan["versions"]] == [
        ("operator", OLDER, PROMETHEUS_OPERATOR)
    ]
    assert [step["step"] for step in plan["steps"]] == ["crds", "operator", "teams"]
    assert plan["images"] == sorted(plan["images"])
    assert f"quay.io/prometheus-operator/prometheus-operator:v{PROMETHEUS_OPERATOR}" in plan["images"]
    # The reloader in each pod is of the operator's release.
    restarts = {one["object"]: (one["rule"], one["certain"]) for one in plan["restarts"]}
    assert restarts == {
        "Deployment prometheus-operator/prometheus-operator": ("pod template", True),
        **{f"{kind} monitoring-{TEAM}/{TEAM}": ("images", True) for kind in ("Alertmanager", "Prometheus")},
        **{f"{kind} monitoring-platform/platform": ("images", True) for kind in ("Alertmanager", "Prometheus")},
    }
    # Nothing of this fleet is exposed to the rows about these releases, of which there are some.
    assert {one["exposure"] for one in plan["risks"]} == {"not exposed"}
    assert {one["id"] for one in plan["risks"]} >= {"po-one-credential", "po-remote-write-address"}
    text = (tmp_path / "upgrade-plan.md").read_text(encoding="utf-8")
    assert text == plan["text"]
    assert "**Not blocked**" in text
    whole = json.loads((tmp_path / "upgrade-plan.json").read_text(encoding="utf-8"))
    assert whole["steps"] == plan["steps"]
    done = stage.install(PROMETHEUS_OPERATOR)
    for step, outcome in zip(plan["steps"], done, strict=True):
        assert entries(step) == {(one.action, one.key.kind, one.key.name) for one in outcome.changes}, step["step"]
    assert done[0].changes
    after = stage.plan()
    assert (after["versions"], after["images"], after["restarts"], after["risks"]) == ([], after["images"], [], [])
    assert [step["objects"] for step in after["steps"]] == [[], [], []]


@pytest.fixture
def exposed(stage: Stage) -> Iterator[None]:
    """The older CRDs, which take an object that the newer ones refuse."""
    # All of them: a downgrade removes what the older source does not have and no object uses.
    crds = {"source": str(crd_folder(OLDER, only=SOME)), "allow_downgrade": True, "allow_data_loss": True}
    waiting = {"wait": False, "wait_timeout": 60, "audit": {"enabled": False}}
    stage.run("crds", version=OLDER, **crds, **waiting)
    stage.run("prometheus_operator", version=OLDER, **waiting)
    obj = {**EXPOSED, "metadata": {"name": "one", "namespace": TEAM}}
    stage.api.apply(obj)
    yield
    stage.api.delete(obj["apiVersion"], obj["kind"], "one", TEAM)


@pytest.mark.usefixtures("exposed")
def test_an_exposed_cluster_is_blocked_until_it_is_known(stage: Stage, tmp_path: Path) -> None:
    plan = stage.plan(result_folder=str(tmp_path))
    assert (plan["blocked"], codes(plan)) == (True, ["PF701"])
    (finding,) = plan["findings"]
    assert finding["object"] == {"cluster": "hub", "kind": "Risk", "namespace": "", "name": "po-one-credential"}
    assert f"ScrapeConfig {TEAM}/one: spec: has basicAuth, authorization" in finding["message"]
    assert "po-one-credential" in plan["failure"]
    assert "**Blocked**" in (tmp_path / "upgrade-plan.md").read_text(encoding="utf-8")
    # What is unknown may be allowed as a whole; what is exposed only by its name, with a reason.
    assert stage.plan(allow_unknown=True)["blocked"]
    known = [{"code": "PF701", "object": "hub/Risk/po-one-credential", "reason": "goes with the next release"}]
    allowed = stage.plan(suppressions=known)
    assert (allowed["failure"], allowed["blocked"], len(allowed["suppressed"])) == (None, False, 1)


@pytest.mark.usefixtures("exposed")
def test_what_an_account_may_not_see_is_not_called_safe(stage: Stage, tmp_path: Path) -> None:
    # The reader sees the risk, and not what a run would do: that takes the rights of who writes.
    reader = stage.as_account("plan-reader", tmp_path / "reader", roles=("promfleet-reader",)).plan()
    assert {"PF701", "PF705"} == set(codes(reader))
    unknown = [step["step"] for step in reader["steps"] if step["unknown"]]
    assert "crds" in unknown
    assert "lacks permissions" in next(step["unknown"] for step in reader["steps"] if step["unknown"])
    assert reader["blocked"]
    # Who may see nothing gets no clean plan.
    nobody = stage.as_account("plan-nobody", tmp_path / "nobody").plan()
    # What the teams' step cannot read it refuses itself, with the option that says it instead.
    assert set(codes(nobody)) == {"PF702", "PF704", "PF705"}
    # A kind that is not served has no objects; everything else could not be read.
    exposure = {one["id"]: one["exposure"] for one in nobody["risks"]}
    unserved = {risk.id for risk in RISKS if set(risk.reads) == {"AlertmanagerConfig"}}
    assert {id_ for id_, found in exposure.items() if found != "unknown"} == unserved & exposure.keys()
    unknown = [one for one in nobody["risks"] if one["exposure"] == "unknown"]
    assert unknown
    assert all("could not be read" in " ".join(one["reasons"]) for one in unknown)
    assert nobody["blocked"]


def test_what_a_run_would_refuse_is_a_finding(stage: Stage) -> None:
    """A downgrade that loses fields of live objects."""
    source = {"version": "0.72.0", "source": str(crd_folder("0.72.0", only=("scrapeconfigs",)))}
    plan = stage.plan(crds=source)
    (crds,) = [step for step in plan["steps"] if step["step"] == "crds"]
    assert "PF704" in codes(plan)
    with pytest.raises(Refused) as caught:
        stage.run("crds", **source, audit={"enabled": False})
    assert crds["refused"] == str(caught.value)
    assert "allow_downgrade" in crds["refused"]


@pytest.mark.parametrize(
    ("options", "path"),
    [
        ({"cluster": "Not A Label!"}, "cluster"),
        ({"capabilities": {"operators": {}}}, "capabilities.operators"),
        ({"capabilities": {"operator": {"version": "newest"}}}, "capabilities.operator.version"),
        ({"suppressions": [{"code": "PF7O1", "object": "x", "reason": "y"}]}, "suppressions[0].code"),
        ({"compare_with": "does-not-exist"}, "compare_with"),
        ({"crds": {"version": PROMETHEUS_OPERATOR, "source": "does-not-exist"}}, "the CRD source does-not-exist"),
    ],
)
def test_wrong_input_of_a_plan_is_refused(stage: Stage, options: JsonObject, path: str) -> None:
    with pytest.raises((InputError, ClusterError)) as caught:
        stage.plan(**options)
    assert path in str(caught.value)


# -- what is outdated ----------------------------------------------------------------------------------------------


def pod(namespace: str, *images: str) -> JsonObject:
    """A pod that the level restricted of Pod Security lets pass."""
    unprivileged = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
    containers = [
        {"name": f"c{number}", "image": image, "securityContext": unprivileged} for number, image in enumerate(images)
    ]
    security = {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}
    metadata = {"name": "any", "namespace": namespace}
    spec = {"containers": containers, "securityContext": security}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}


def index(path: Path, components: JsonObject) -> str:
    path.write_text(yaml.safe_dump({"format": 1, "components": components}), encoding="utf-8")
    return str(path)


def outdated(stage: Stage, **options: t.Any) -> dict[str, JsonObject]:
    given: JsonObject = {"cluster": "hub", "capabilities": {"operator": {}, "teams": TEAMS}}
    return {row["component"]: row for row in stage.run("upgrade_outdated", **{**given, **options})["rows"]}


def test_pins_pods_and_an_index_are_compared(stage: Stage, tmp_path: Path) -> None:
    # A namespace in which no controller makes pods.
    given: JsonObject = {"operator": {"namespace": OWN}, "teams": TEAMS}
    stage.api.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": OWN}})
    operator = f"quay.io/prometheus-operator/prometheus-operator:v{PROMETHEUS_OPERATOR}"
    stage.api.apply(pod(OWN, operator))
    stage.api.apply(pod(f"monitoring-{TEAM}", "quay.io/prometheus/prometheus:v2.55.1"))
    offered = {"prometheus": [PROMETHEUS, "99.0.0", "100.0.0-rc.1"], "operator": [PROMETHEUS_OPERATOR]}
    rows = outdated(stage, capabilities=given, index=index(tmp_path / "versions.yml", offered))
    assert list(rows) == ["collection", "crds", "operator", "config-reloader", "prometheus", "alertmanager"]
    assert (rows["operator"]["applied"], rows["operator"]["newest"]) == ("yes", "yes")
    assert rows["crds"]["pinned"] == [PROMETHEUS_OPERATOR]
    assert rows["prometheus"] == {
        "cluster": "hub",
        "component": "prometheus",
        "pinned": [PROMETHEUS],
        "running": ["2.55.1"],
        "newer": ["99.0.0"],
        "applied": "no",
        "newest": "no",
        "reason": "",
    }
    # No pod of it runs, and the index does not name it.
    assert (rows["alertmanager"]["pinned"], rows["alertmanager"]["running"]) == ([ALERTMANAGER], [])
    assert rows["alertmanager"]["newest"] == "unknown"
    failing = stage.run("upgrade_outdated", cluster="hub", capabilities=given, fail_on="outdated")
    assert failing["failure"].startswith("hub: outdated: ")
    assert failing["failure"].endswith("not known: collection, operator")


def test_what_cannot_be_read_or_asked_is_a_row(stage: Stage, tmp_path: Path) -> None:
    output = tmp_path / "config"
    nobody = outdated(stage.as_account("outdated-nobody", output))
    assert nobody["operator"]["running"] is None
    assert "pods of namespace prometheus-operator: pods is forbidden" in nobody["operator"]["reason"]
    assert nobody["collection"]["applied"] == "yes"
    # A server that does not answer is a reason too, and so is a registry.
    dead = json.loads(json.dumps(yaml.safe_load(stage.plane.kubeconfig.read_text(encoding="utf-8"))))
    for cluster in dead["clusters"]:
        cluster["cluster"]["server"] = "https://127.0.0.1:9"
    output.write_text(yaml.safe_dump(dead), encoding="utf-8")
    registry = "127.0.0.1:9"
    away = outdated(
        Stage(plane=stage.plane, api=stage.api, kubeconfig=output),
        capabilities={"operator": {"image_registry": registry}},
        ask="target",
        plain_http=[registry],
    )
    assert away["crds"]["running"] is None
    assert "127.0.0.1:9" in away["operator"]["reason"]
    assert f"{registry} cannot be asked" in away["operator"]["reason"]


# -- as a user runs it -----------------------------------------------------------------------------------------------


def test_the_playbooks_of_docs_upgrades(stage: Stage, playbook: Callable[..., Run], tmp_path: Path) -> None:
    """Both on one cluster; the second one meets an object that is exposed."""
    given: JsonObject = {
        "team_monitoring_teams": TEAMS["teams"],
        "prometheus_operator_version": PROMETHEUS_OPERATOR,
        "prometheus_operator_crds_source": str(crd_folder(PROMETHEUS_OPERATOR, only=SOME)),
        "promfleet_upgrade_index": index(tmp_path / "versions.yml", {"prometheus": [PROMETHEUS, "99.0.0"]}),
        "promfleet_result_folder": str(tmp_path / "results"),
    }
    inventory = single(name="test-upgrade-plan", kubeconfig=stage.kubeconfig, **given)
    shown = playbook("upgrade_outdated", inventory=inventory).require_success()
    assert f"prometheus: pinned {PROMETHEUS}; running" in shown.output
    assert "offered 99.0.0" in shown.output
    older = {"source": str(crd_folder(OLDER, only=("scrapeconfigs",))), "allow_downgrade": True}
    stage.run("crds", version=OLDER, **older, allow_data_loss=True, wait=False, audit={"enabled": False})
    stage.api.apply({**EXPOSED, "metadata": {"name": "one", "namespace": TEAM}})
    before = stage.api.snapshot()
    blocked = playbook("upgrade_plan", inventory=inventory).require_failure()
    assert stage.api.snapshot() == before
    assert "## Pods that are replaced" in blocked.output
    assert "PF701" in blocked.failures[-1].message
    assert "po-one-credential" in blocked.failures[-1].message
    assert (tmp_path / "results/test-upgrade-plan/upgrade-plan.md").exists()


@pytest.mark.parametrize(
    ("options", "path"),
    [
        ({"index": "does-not-exist.yml"}, "index: does-not-exist.yml cannot be read"),
        ({"credentials_file": "does-not-exist.json"}, "credentials_file: does-not-exist.json cannot be read"),
        ({"cluster": "Not A Label!"}, "cluster"),
        ({"capabilities": {"operators": {}}}, "capabilities.operators"),
    ],
)
def test_wrong_input_about_what_is_outdated_is_refused(stage: Stage, options: JsonObject, path: str) -> None:
    with pytest.raises(InputError) as caught:
        outdated(stage, **options)
    assert path in str(caught.value)
