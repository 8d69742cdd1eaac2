"""The state of a cluster is recorded, compared and applied again, on a real API server."""

from __future__ import annotations

import functools
import json
import typing as t
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.errors import ClusterError, Refused
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.errors import InputError
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.outcome import Outcome

from promlab.controlplane import ControlPlane
from tests.integration.support.account import install_roles, is_allowed, make_account, write_kubeconfig
from tests.integration.support.cluster import Cluster
from tests.integration.support.inprocess import run_module

JsonObject = dict[str, t.Any]
Module = Callable[..., JsonObject]

MONITORING = "monitoring.coreos.com/v1"
NAMESPACES = (
    "prometheus-operator",
    "monitoring-platform",
    *(f"{prefix}{name}" for name in ("pay", "till", "new") for prefix in ("", "monitoring-")),
)
PAY: JsonObject = {"name": "pay", "namespaces": ["pay"]}
TILL: JsonObject = {"name": "till", "namespaces": ["till"]}
NEW: JsonObject = {"name": "new", "namespaces": ["new"]}


@pytest.fixture
def module(api: Cluster, plane: ControlPlane) -> Iterator[Module]:
    connection: JsonObject = {"kubeconfig": plane.kubeconfig, "context": plane.context}

    def run(name: str, **options: t.Any) -> JsonObject:
        return run_module(name, **connection, **options)

    yield run
    for name in ("team_monitoring", "prometheus_operator"):
        run(name, state="absent", **({"cluster": "hub", "clusters": ["hub"], "teams": []} if "team" in name else {}))
    api.delete_namespaces(*NAMESPACES)


def teams(module: Module, *wanted: JsonObject, **options: t.Any) -> Outcome:
    given = {"cluster": "hub", "clusters": ["hub"], "teams": list(wanted), "wait": False, **options}
    return t.cast(Outcome, module("team_monitoring", **given)["outcome"])


def changes(outcome: Outcome) -> list[str]:
    return [f"{change.action} {change.key}" for change in outcome.sorted_changes()]


def test_a_cluster_goes_back_to_its_recorded_state(module: Module, api: Cluster, tmp_path: Path) -> None:
    module("prometheus_operator", wait=False)
    teams(module, PAY, TILL)
    file = tmp_path / "hub.json"
    path = str(file)

    def compared(**options: t.Any) -> JsonObject:
        return module("state_compare", cluster="hub", path=path, **options)

    def revert(**options: t.Any) -> Outcome:
        return t.cast(Outcome, module("state_revert", path=path, wait=False, **options)["outcome"])

    assert module("state_record", path=path, check=True)["changed"]
    assert not file.exists()
    recorded = module("state_record", path=path)
    assert recorded["changed"]
    assert recorded["sets"].keys() == {"operator", "teams"}
    assert file.stat().st_mode & 0o077 == 0
    before = file.read_bytes()
    # The same state gives the same file, differs in nothing, and takes nothing to go back to.
    assert not module("state_record", path=path)["changed"]
    assert (compared()["differences"], compared(fail_on="any")["failure"]) == ([], None)
    assert changes(revert()) == []

    # By runs: an instance changes, a team goes, another one comes, the operator is another. By hand: two faults.
    bigger = {**PAY, "prometheus": {"retention": "99d"}}
    teams(module, bigger, NEW, prune=True, prune_max_percent=100)
    module("prometheus_operator", wait=False, version="0.92.1")
    api.delete("v1", "Service", "prometheus-pay", "monitoring-pay")
    api.edit(MONITORING, "Alertmanager", "pay", {"spec": {"replicas": 3}}, namespace="monitoring-pay")
    found = compared()
    rows = {(row["action"], row["kind"], row["name"]): row for row in found["differences"]}
    assert ("deleted", "Service", "prometheus-pay") in rows
    assert ("deleted", "Prometheus", "till") in rows
    assert ("created", "Prometheus", "new") in rows
    retention = {"field": "spec.retention", "before": "10d", "after": "99d"}
    assert retention in rows["updated", "Prometheus", "pay"]["fields"]
    assert {"field": "spec.replicas", "before": 1, "after": 3} in rows["updated", "Alertmanager", "pay"]["fields"]
    assert "is not as it was recorded" in compared(fail_on="any")["failure"]

    # What was not recorded holds a team: it goes by an opt-in only, and till then nothing is written.
    state = api.snapshot()
    for check in (True, False):
        with pytest.raises(Refused, match=r"Namespace monitoring-new.*Set prune: true") as refused:
            revert(check=check)
        assert "Prometheus monitoring-new/new" in " ".join(refused.value.objects)
    assert api.snapshot() == state
    predicted = changes(revert(prune=True, check=True, force_conflicts=True))
    assert api.snapshot() == state
    done = changes(revert(prune=True, force_conflicts=True))
    assert done == predicted
    assert "updated Deployment prometheus-operator/prometheus-operator" in done
    assert "created Service monitoring-pay/prometheus-pay" in done
    assert compared()["differences"] == []
    assert changes(revert()) == []
    assert not module("state_record", path=path)["changed"]
    assert file.read_bytes() == before
    # And a run with the inventory of that time finds nothing to do.
    assert changes(teams(module, PAY, TILL)) == []


def test_a_state_of_something_else_is_refused(module: Module, tmp_path: Path) -> None:
    module("prometheus_operator", wait=False)
    good = tmp_path / "hub.json"
    module("state_record", path=str(good))
    whole = json.loads(good.read_text())
    cases: dict[str, tuple[JsonObject, str]] = {
        "another cluster": ({"uid": "other"}, "is of another cluster"),
        "another fleet": ({"fleet": "other"}, "is of the fleet 'other'"),
        "a later format": ({"format": 2}, "has the format 2"),
        "not ours": ({"made_by": "somebody"}, "is not the state of a cluster"),
        "a broken object": ({"sets": {"operator": [{"kind": "Pod"}]}}, "must be a Kubernetes object"),
    }
    for name, (change, message) in cases.items():
        bad = tmp_path / f"{name}.json"
        bad.write_text(json.dumps({**whole, **change}))
        with pytest.raises(InputError, match=message):
            module("state_revert", path=str(bad))
    unknown = tmp_path / "unknown.json"
    unknown.write_text(json.dumps({**whole, "sets": {**whole["sets"], "future": []}}))
    with pytest.raises(Refused, match="this release does not make: future"):
        module("state_revert", path=str(unknown))
    # A file of something else is not written over either.
    other = tmp_path / "other.json"
    other.write_text("{}")
    with pytest.raises(InputError, match="is not the state of a cluster"):
        module("state_record", path=str(other))
    assert other.read_text() == "{}"
    # Other operators than the cluster has would hand instances over.
    deployment = next(obj for obj in whole["sets"]["operator"] if obj["kind"] == "Deployment")
    deployment["metadata"]["name"] = "prometheus-operator-2"
    tiers = tmp_path / "tiers.json"
    tiers.write_text(json.dumps(whole))
    with pytest.raises(Refused, match="has other operators than the cluster"):
        module("state_revert", path=str(tiers))


SECRET = ("v1", "Secret", "promfleet-state-default", "kube-system")


@pytest.fixture
def kept(api: Cluster) -> Iterator[None]:
    """Afterwards no state is in the cluster."""
    yield
    api.delete(*SECRET)


@pytest.mark.usefixtures("kept")
def test_a_state_is_kept_in_the_cluster_and_brings_back_what_was_uninstalled(module: Module, api: Cluster) -> None:
    module("prometheus_operator", wait=False)
    teams(module, PAY)
    with pytest.raises(InputError, match="does not exist: record the cluster first"):
        module("state_compare", cluster="hub", secret=True)
    assert module("state_record", secret=True, check=True)["changed"]
    assert api.find(*SECRET) is None
    recorded = module("state_record", secret=True)
    assert (recorded["changed"], recorded["secret"]) == (True, "kube-system/promfleet-state-default")
    assert not module("state_record", secret=True)["changed"]
    assert module("state_compare", cluster="hub", secret=True)["differences"] == []

    module("team_monitoring", state="absent", cluster="hub", clusters=["hub"], teams=[])
    api.delete_namespaces("monitoring-pay")
    module("prometheus_operator", state="absent")
    found = module("state_compare", cluster="hub", secret=True)["differences"]
    assert {row["action"] for row in found} == {"deleted"}
    outcome = t.cast(Outcome, module("state_revert", secret=True, wait=False)["outcome"])
    assert {"created Prometheus monitoring-pay/pay", "created Deployment prometheus-operator/prometheus-operator"} <= {
        *changes(outcome)
    }
    assert module("state_compare", cluster="hub", secret=True)["differences"] == []
    assert changes(teams(module, PAY)) == []


@pytest.mark.usefixtures("kept")
def test_a_secret_that_is_no_state_is_refused_and_stays(module: Module, api: Cluster) -> None:
    _version, _kind, name, namespace = SECRET
    bare: JsonObject = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name, "namespace": namespace}}
    api.apply({**bare, "stringData": {"own": "yes"}})
    for state in ("state_record", "state_revert"):
        with pytest.raises(InputError, match="was not made by this collection"):
            module(state, secret=True)
    api.delete(*SECRET)
    module("prometheus_operator", wait=False)
    module("state_record", secret=True)
    api.edit(*SECRET[:3], {"data": {"state.json.gz": "bm90IGd6aXA="}}, namespace=namespace)
    before = api.get(*SECRET)
    for state in ("state_record", "state_revert"):
        with pytest.raises(InputError, match=r"holds no state.*Delete it, and record the cluster again"):
            module(state, secret=True)
    assert api.get(*SECRET) == before


@pytest.mark.usefixtures("kept")
def test_the_shipped_accounts_keep_a_state_and_no_other_secret(
    module: Module, api: Cluster, plane: ControlPlane, tmp_path: Path
) -> None:
    install_roles(api)
    module("prometheus_operator", wait=False)
    for name, roles in (("seeing", ["promfleet-reader"]), ("keeping", ["promfleet-reader", "promfleet-keeping"])):
        token = make_account(api, name, roles=roles)
        write_kubeconfig(plane.kubeconfig, tokens={plane.context: token}, output=tmp_path / name)
    seeing, keeping = (Cluster(kubeconfig=tmp_path / name, context=plane.context) for name in ("seeing", "keeping"))
    where = {"resource": "secrets", "namespace": "kube-system", "name": SECRET[2], "verb": "patch"}
    for account in (seeing, keeping):
        lists = functools.partial(is_allowed, account, resource="pods", verb="list", namespace="any")
        api.wait_until(lists, "the rights of the reader count")
    api.wait_until(functools.partial(is_allowed, keeping, **where), "the right to keep a state counts")

    with pytest.raises(ClusterError, match=r"secrets.*promfleet-state-default"):
        run_module("state_record", kubeconfig=tmp_path / "seeing", context=plane.context, secret=True)
    assert run_module("state_record", kubeconfig=tmp_path / "keeping", context=plane.context, secret=True)["changed"]
    assert not is_allowed(keeping, **{**where, "name": "another"})
    assert not is_allowed(keeping, **{**where, "verb": "list", "name": ""})


@pytest.mark.parametrize(("options", "said"), [({}, "is missing: give"), ({"path": "a", "secret": True}, "one place")])
def test_a_state_has_one_place(module: Module, options: JsonObject, said: str) -> None:
    with pytest.raises(InputError, match=said):
        module("state_record", **options)
