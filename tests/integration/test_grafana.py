"""Grafanas on a real API server: admission lets their pods in, and the CRDs of grafana-operator take its objects.

Grafana itself does not run here: its program cannot be had. Its pods stay pending, so no run waits for them.
"""

from __future__ import annotations

import functools
import json
import typing as t
from collections.abc import Callable, Iterator

import pytest
import yaml
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.errors import Refused
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.marks import SET_LABEL, grafana_pods
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.quantities import value_of

from promlab.controlplane import ControlPlane
from tests.integration.support.cluster import Cluster
from tests.integration.support.inprocess import run_module
from tests.integration.support.inventory import single
from tests.integration.support.releases import module_folder

JsonObject = dict[str, t.Any]
Run = Callable[..., JsonObject]
Playbook = Callable[..., t.Any]

# The release whose CRDs are fetched as a Go module. No program of it runs.
OPERATOR_MODULE, OPERATOR = "github.com/grafana/grafana-operator/v5", "5.18.0"
GRAFANA_API = "grafana.integreatly.org/v1beta1"
FLEET_NAME, NAMESPACE = "grafana", "grafana-test"
TEAM, TEAM_NAMESPACE = "grafted", "monitoring-grafted"
ADMIN: JsonObject = {"secret": "grafana-admin"}
BOARDS = {f"{name}.json": json.dumps({"title": name}) for name in ("fleet-overview", "team-overview", "any")}
FLEET: JsonObject = {"cluster": "hub", "clusters": ["hub"], "teams": [{"name": TEAM}]}
PLACES = (NAMESPACE, "monitoring-platform", TEAM_NAMESPACE)
INSTALLED: JsonObject = {"namespace": NAMESPACE, "install": True, "server": {"admin": ADMIN}}
OPERATED: JsonObject = {
    "namespace": NAMESPACE,
    "form": "grafana_operator",
    "instance_labels": {"dashboards": "grafana"},
    "source_teams": ["platform", TEAM],
    "shared_sources": True,
}
# Every option of a Grafana of our own.
FULL: JsonObject = {
    "version": "12.4.1",
    "admin": {**ADMIN, "user_key": "user", "password_key": "password"},
    "root_url": "https://grafana.example.com/",
    "settings": {
        "auth.generic_oauth": {"enabled": True, "client_id": "grafana", "client_secret": "$__env{OAUTH}"},
        "smtp": {"host": "mail.example.com:25", "password": "$__file{/etc/mail}"},
    },
    "env_secrets": [{"name": "OAUTH", "secret": "oauth", "key": "secret"}],
    "resources": {"cpu": "100m", "cpu_limit": "1", "memory": "1Gi"},
    "scheduling": {
        "node_selector": {"pool": "tools"},
        "tolerations": [{"key": "tools", "operator": "Exists", "effect": "NoSchedule"}],
        "affinity": {"nodeAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": [
            {"weight": 1, "preference": {"matchExpressions": [{"key": "zone", "operator": "In", "values": ["a"]}]}}
        ]}},
        "priority_class": "system-cluster-critical",
        "termination_grace_seconds": 60,
    },
    "gateway": {"namespace": "ingress", "pod_labels": {"app": "gateway"}},
    "readers": ["tools"],
    "egress": [{"cidr": "192.0.2.0/24", "ports": [443]}],
}  # fmt: skip


@pytest.fixture
def run(api: Cluster, plane: ControlPlane) -> Iterator[Run]:
    """Runs a module in a fleet of its own, by default monitoring_grafana; afterwards nothing of it is left."""

    def module(name: str = "monitoring_grafana", **options: t.Any) -> JsonObject:
        connection: JsonObject = {"kubeconfig": plane.kubeconfig, "context": plane.context, "fleet": FLEET_NAME}
        own = {"shipped": BOARDS} if name == "monitoring_grafana" else {}
        return run_module(name, **{"wait": False, **own, **FLEET, **connection, **options})

    yield module
    module(state="absent")
    module("team_monitoring", state="absent")
    api.delete_namespaces(*PLACES)
    assert api.list_all(selector=f"{SET_LABEL}={FLEET_NAME}.grafana") == []


@pytest.fixture
def namespace(api: Cluster) -> None:
    """The namespace of a Grafana that exists."""
    api.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}})


@pytest.fixture(scope="module")
def operated(api: Cluster) -> Iterator[Cluster]:
    """The control plane with the CRDs of grafana-operator."""
    files = sorted((module_folder(OPERATOR_MODULE, OPERATOR) / "config/crd/bases").glob("*.yaml"))
    crds = [yaml.safe_load(file.read_text(encoding="utf-8")) for file in files]
    for crd in crds:
        api.apply(crd, force=True)
    kinds = {crd["spec"]["names"]["kind"] for crd in crds}
    api.wait_until(lambda: kinds <= {kind.kind for kind in api.kinds()}, "the CRDs are served")
    yield api
    for crd in crds:
        api.delete("apiextensions.k8s.io/v1", "CustomResourceDefinition", crd["metadata"]["name"])
    api.wait_until(lambda: not kinds & {kind.kind for kind in api.kinds()}, "the CRDs are gone")


def changes(result: JsonObject) -> list[str]:
    return sorted(f"{change.action} {change.key}" for change in result["outcome"].changes)


def steady(run: Run, **options: t.Any) -> None:
    """What was applied stays as it is."""
    for check in (True, False):
        assert changes(run(**options, check=check)) == []


def pods(api: Cluster, team: str, namespace: str) -> list[JsonObject]:
    """The pods of a Grafana, which the controllers of the control plane made."""
    selector = ",".join(f"{name}={text}" for name, text in grafana_pods(team).items())
    found = api.list_kind(api.kind("v1", "Pod"), selector=selector)
    return [pod for pod in found if pod["metadata"]["namespace"] == namespace]


def has_pod(api: Cluster, team: str, namespace: str) -> bool:
    return len(pods(api, team, namespace)) == 1


# -- a Grafana of our own -----------------------------------------------------------------------------------------


def test_an_own_grafana_is_admitted_as_restricted(run: Run, api: Cluster) -> None:
    foreseen, done = changes(run(**INSTALLED, check=True)), changes(run(**INSTALLED))
    # The record is made in a real run only.
    assert [one for one in done if "kube-system" not in one] == [one for one in foreseen if "kube-system" not in one]
    assert f"created Deployment {NAMESPACE}/grafana-platform" in done
    labels = api.get("v1", "Namespace", NAMESPACE)["metadata"]["labels"]
    assert labels["pod-security.kubernetes.io/enforce"] == "restricted"
    api.wait_until(lambda: has_pod(api, "platform", NAMESPACE), "the pod was admitted")
    steady(run, **INSTALLED)


def test_every_option_is_accepted_and_stays_as_it_is(run: Run, api: Cluster) -> None:
    full = {"namespace": NAMESPACE, "install": True, "server": FULL}
    run(**full)
    api.wait_until(lambda: has_pod(api, "platform", NAMESPACE), "the pod was admitted")
    steady(run, **full)


def test_other_sources_restart_the_pod_and_other_dashboards_do_not(run: Run, api: Cluster) -> None:
    def template() -> JsonObject:
        spec = api.get("apps/v1", "Deployment", "grafana-platform", NAMESPACE)["spec"]
        found: JsonObject = spec["template"]
        return found

    run(**INSTALLED)
    before = template()
    board = f"updated ConfigMap {NAMESPACE}/promfleet-dashboard-any"
    assert changes(run(**INSTALLED, shipped={**BOARDS, "any.json": "{}"})) == [board]
    assert template() == before
    more = {"source_teams": ["platform", TEAM], "shared_sources": True}
    assert f"updated ConfigMap {NAMESPACE}/promfleet-datasources" in changes(run(**INSTALLED, **more))
    assert template() != before


def test_what_is_switched_off_is_deleted(run: Run, api: Cluster) -> None:
    run(**INSTALLED)
    # The sidecar of another Grafana may read the same ConfigMaps there.
    assert f"deleted Deployment {NAMESPACE}/grafana-platform" in changes(run(namespace=NAMESPACE))
    assert api.find("v1", "ConfigMap", "promfleet-dashboard-any", NAMESPACE) is not None
    steady(run, namespace=NAMESPACE)
    run()
    assert api.find("v1", "ConfigMap", "promfleet-dashboard-any", NAMESPACE) is None


def test_a_removed_grafana_takes_its_namespace_with_it(run: Run, api: Cluster) -> None:
    run(**INSTALLED)
    done = changes(run(state="absent"))
    assert f"deleted Namespace {NAMESPACE}" in done
    api.wait_until(lambda: api.find("v1", "Namespace", NAMESPACE) is None, "the namespace is gone")


# -- Grafanas of teams --------------------------------------------------------------------------------------------


def test_the_quota_of_a_team_has_room_for_its_grafana(run: Run, api: Cluster) -> None:
    run("team_monitoring")
    before = api.get("v1", "ResourceQuota", TEAM, TEAM_NAMESPACE)["spec"]["hard"]
    entry = {"team": TEAM, "admin": ADMIN, "resources": {"memory": "768Mi"}}
    run("team_monitoring", grafanas=[entry])
    after = api.get("v1", "ResourceQuota", TEAM, TEAM_NAMESPACE)["spec"]["hard"]
    room = {name: value_of(after[name]) - value_of(before[name]) for name in before}
    asked = {"pods": "1", "requests.cpu": "50m", "requests.memory": "768Mi", "limits.memory": "768Mi"}
    assert room == {name: value_of(text) for name, text in asked.items()}

    foreseen, done = changes(run(team_grafanas=[entry], check=True)), changes(run(team_grafanas=[entry]))
    assert [one for one in done if "kube-system" not in one] == [one for one in foreseen if "kube-system" not in one]
    api.wait_until(lambda: has_pod(api, TEAM, TEAM_NAMESPACE), "Pod Security, quota and limits let the pod in")
    used = api.get("v1", "ResourceQuota", TEAM, TEAM_NAMESPACE)
    assert used["status"]["used"]["requests.memory"] == "768Mi"
    steady(run, team_grafanas=[entry])
    # Neither set touches what is the other's.
    assert changes(run("team_monitoring", grafanas=[entry])) == []


def test_a_team_without_an_instance_has_no_grafana(run: Run, api: Cluster) -> None:
    run("team_monitoring")
    run(team_grafanas=[{"team": TEAM, "admin": ADMIN}])
    off = {"teams": [{"name": TEAM, "enabled": False}]}
    done = changes(run(**off, team_grafanas=[{"team": TEAM, "admin": ADMIN}]))
    assert f"deleted Deployment {TEAM_NAMESPACE}/grafana-{TEAM}" in done
    api.wait_until(lambda: not pods(api, TEAM, TEAM_NAMESPACE), "the pod is gone")


def test_limits_that_come_later_do_not_take_a_grafana_for_that_of_others(run: Run, api: Cluster) -> None:
    free = {"teams": [{"name": TEAM, "network_policy": False}]}
    entry = {"team": TEAM, "admin": ADMIN}
    run("team_monitoring", **free, grafanas=[entry])
    run(**free, team_grafanas=[entry])
    api.wait_until(lambda: has_pod(api, TEAM, TEAM_NAMESPACE), "the pod is there")
    done = changes(run("team_monitoring", grafanas=[entry]))
    assert f"created NetworkPolicy {TEAM_NAMESPACE}/{TEAM}-default-deny" in done


def test_a_removed_team_is_deleted_with_its_grafana(run: Run, api: Cluster) -> None:
    run("team_monitoring")
    run(team_grafanas=[{"team": TEAM, "admin": ADMIN}])
    run("team_monitoring", state="absent")
    api.wait_until(lambda: api.find("v1", "Namespace", TEAM_NAMESPACE) is None, "the namespace is gone")


@pytest.mark.usefixtures("run")
def test_both_roles_read_the_same_variable(api: Cluster, plane: ControlPlane, playbook: Playbook) -> None:
    given = single(
        name="hub",
        kubeconfig=plane.kubeconfig,
        promfleet_context=plane.context,
        promfleet_fleet=FLEET_NAME,
        promfleet_wait=False,
        team_monitoring_teams=[{"name": TEAM}],
        monitoring_grafana_namespace=NAMESPACE,
        monitoring_grafana_install=True,
        monitoring_grafana_server={"admin": ADMIN},
        monitoring_grafana_team_grafanas=[{"team": TEAM, "admin": ADMIN, "settings": {"log": {"level": "debug"}}}],
    )
    for name in ("teams", "monitoring_grafana"):
        playbook(name, inventory=given).require_success()
    for team, namespace in ((TEAM, TEAM_NAMESPACE), ("platform", NAMESPACE)):
        api.wait_until(functools.partial(has_pod, api, team, namespace), f"the pod of {team} was admitted")
    boards = [
        obj for obj in api.list_kind(api.kind("v1", "ConfigMap")) if is_of(obj, NAMESPACE, "promfleet-dashboard-")
    ]
    assert len(boards) > len(BOARDS)
    before = api.snapshot()
    for name in ("teams", "monitoring_grafana"):
        playbook(name, inventory=given).require_success()
    assert api.snapshot() == before
    absent = playbook("monitoring_grafana", inventory=given, arguments=["-e", "monitoring_grafana_state=absent"])
    absent.require_success()
    left = functools.partial(api.list_all, selector=f"{SET_LABEL}={FLEET_NAME}.grafana")
    api.wait_until(lambda: left() == [], "nothing is left")


def is_of(obj: JsonObject, namespace: str, prefix: str) -> bool:
    metadata = obj["metadata"]
    return bool(metadata["namespace"] == namespace and metadata["name"].startswith(prefix))


# -- grafana-operator ---------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("namespace")
@pytest.mark.parametrize("check", [True, False])
def test_kinds_that_are_not_served_are_refused_before_the_first_write(run: Run, api: Cluster, *, check: bool) -> None:
    with pytest.raises(Refused, match=r"does not serve GrafanaDashboard .*Install grafana-operator"):
        run(**OPERATED, check=check)
    assert api.list_all(selector=f"{SET_LABEL}={FLEET_NAME}.grafana") == []
    assert api.find("v1", "ConfigMap", f"promfleet-set-{FLEET_NAME}.grafana", "kube-system") is None
    # The other form does not need them.
    assert f"created ConfigMap {NAMESPACE}/promfleet-datasources" in changes(run(namespace=NAMESPACE))


@pytest.mark.usefixtures("namespace")
def test_grafana_operators_crds_take_its_objects(run: Run, operated: Cluster) -> None:
    done = changes(run(**OPERATED))
    made = [one for one in done if "kube-system" not in one]
    assert made == [
        *(f"created GrafanaDashboard {NAMESPACE}/promfleet-{name.removesuffix('.json')}" for name in sorted(BOARDS)),
        f"created GrafanaDatasource {NAMESPACE}/promfleet-{TEAM}",
        f"created GrafanaDatasource {NAMESPACE}/promfleet-platform",
    ]
    board = operated.get(GRAFANA_API, "GrafanaDashboard", "promfleet-any", NAMESPACE)
    # Nothing of it was dropped as unknown.
    assert board["spec"]["json"] == BOARDS["any.json"]
    assert board["spec"]["folder"] == "Monitoring"
    source = operated.get(GRAFANA_API, "GrafanaDatasource", f"promfleet-{TEAM}", NAMESPACE)
    assert source["spec"]["uid"] == f"promfleet-{TEAM}"
    assert source["spec"]["datasource"] == {
        "name": f"Prometheus {TEAM}",
        "type": "prometheus",
        "access": "proxy",
        "url": f"http://prometheus-{TEAM}.{TEAM_NAMESPACE}.svc:9090",
        "editable": False,
        "jsonData": {"httpMethod": "POST", "timeInterval": "30s"},
    }
    steady(run, **OPERATED)


@pytest.mark.usefixtures("namespace", "operated")
def test_what_the_crds_do_not_let_change_is_replaced(run: Run) -> None:
    run(**OPERATED)
    other = {**OPERATED, "instance_labels": {"dashboards": "other"}}
    number = len(BOARDS) + 2
    for given in (other, {**OPERATED, "cross_namespace": True}, OPERATED):
        foreseen, done = changes(run(**given, check=True)), changes(run(**given))
        assert done == foreseen
        assert len(done) == number
        assert {one.split()[0] for one in done} == {"replaced"}
        steady(run, **given)


@pytest.mark.usefixtures("namespace", "operated")
def test_the_other_form_is_deleted(run: Run, api: Cluster) -> None:
    run(namespace=NAMESPACE)
    for given, gone, there in (
        (OPERATED, "ConfigMap", "GrafanaDashboard"),
        ({"namespace": NAMESPACE}, "GrafanaDashboard", "ConfigMap"),
    ):
        done = changes(run(**given))
        assert len([one for one in done if one.startswith(f"deleted {gone} ")]) >= len(BOARDS)
        assert len([one for one in done if one.startswith(f"created {there} ")]) >= len(BOARDS)
    run(**OPERATED)
    assert len(changes(run(state="absent"))) >= len(BOARDS)
    left = functools.partial(api.list_all, selector=f"{SET_LABEL}={FLEET_NAME}.grafana")
    api.wait_until(lambda: left() == [], "nothing is left")
    assert api.find("v1", "Namespace", NAMESPACE) is not None
