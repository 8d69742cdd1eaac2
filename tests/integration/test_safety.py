"""What the engine never touches, and who may write; the control plane's controllers copy labels as in real life."""

from __future__ import annotations

import itertools
import typing as t
from collections.abc import Iterator

import pytest
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.errors import Refused
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets import lease
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.outcome import Incomplete

from promlab.controlplane import ControlPlane
from tests.bench import concurrency, interrupt
from tests.integration.conftest import Module, Playbook
from tests.integration.support.cluster import MERGE, Cluster
from tests.integration.support.direct import Direct, fates, told
from tests.integration.support.inventory import single
from tests.integration.support.proxy import Fault, Proxy, faulty, no_fault
from tests.integration.support.sets import SET_LABEL, config_map, namespace, service, states, wanted_states

JsonObject = dict[str, t.Any]
NUMBERS = itertools.count()
FOREIGN = 60
LEASES = "/apis/coordination.k8s.io/v1/namespaces/kube-system/leases"
LEASE_API = "coordination.k8s.io/v1"


@pytest.fixture(scope="module")
def proxy(plane: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    with faulty(plane, tmp_path_factory.mktemp("proxy")) as running:
        yield running


@pytest.fixture
def direct(plane: ControlPlane, proxy: Proxy) -> Iterator[Direct]:
    proxy.rule = no_fault
    proxy.requests.clear()
    proxy.turns.clear()
    own = Direct(kubeconfig=plane.kubeconfig, context=plane.context, name=f"safety-{next(NUMBERS)}")
    yield own
    own.run(force_conflicts=True)


# -- prune ----------------------------------------------------------------------------------------------------------


def prometheus(place: str) -> JsonObject:
    return {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "Prometheus",
        "metadata": {"name": "main", "namespace": place},
        "spec": {"replicas": 0},
    }


def stateful_set(owner: JsonObject) -> JsonObject:
    """What the operator makes of a Prometheus: with its labels, owned by it."""
    metadata = owner["metadata"]
    reference = {"apiVersion": owner["apiVersion"], "kind": owner["kind"], "name": "main", "uid": metadata["uid"]}
    pods = {"metadata": {"labels": {"app": "main"}}, "spec": {"containers": [{"name": "prometheus", "image": "none"}]}}
    return {
        "apiVersion": "apps/v1",
        "kind": "StatefulSet",
        "metadata": {
            "name": "prometheus-main",
            "namespace": metadata["namespace"],
            "labels": metadata["labels"],
            "ownerReferences": [{**reference, "controller": True, "blockOwnerDeletion": True}],
        },
        "spec": {"serviceName": "x", "replicas": 0, "selector": {"matchLabels": {"app": "main"}}, "template": pods},
    }


# Kinds that sets of ours make, so that every LIST of a prune meets what only inherited the label.
INHERITED = (("apps/v1", "StatefulSet"), ("discovery.k8s.io/v1", "EndpointSlice"), ("v1", "Endpoints"))


def test_what_inherits_or_borrows_our_label_stays(direct: Direct, api: Cluster) -> None:
    place = direct.name
    wanted = [namespace(place), service(place), prometheus(place)]
    direct.run(*wanted, config_map(place, "ours", a="1"))
    api.apply(stateful_set(api.get("monitoring.coreos.com/v1", "Prometheus", "main", place)))
    borrowed = config_map(place, "theirs", b="2")
    borrowed["metadata"]["labels"] = {SET_LABEL: direct.label}
    api.apply(borrowed)

    def inherited() -> dict[str, str]:
        found = {}
        for api_version, kind in INHERITED:
            for obj in api.list_kind(api.kind(api_version, kind), selector=f"{SET_LABEL}={direct.label}"):
                found[kind] = obj["metadata"]["uid"]
        return found

    api.wait_until(lambda: len(inherited()) == 3, "the controllers copied the label")
    before = inherited()
    outcome = direct.run(*wanted, kinds=INHERITED)
    # The record of kinds learns the new ones, and of all that carries the label only what we made goes.
    assert told(outcome) == [f"updated ConfigMap kube-system/{direct.record}", f"deleted ConfigMap {place}/ours"]
    assert outcome.warnings == [
        f"ConfigMap {place}/theirs carries the label of this set, but was not made by it: it stays as it is"
    ]
    assert inherited() == before
    # Nor does a namespace of ours take with it what only carries our label.
    gone = direct.run(kinds=INHERITED)
    assert f"released Namespace {place}" in told(gone)
    assert "ConfigMap theirs" in " ".join(gone.warnings)
    assert api.find("v1", "ConfigMap", "theirs", place) is not None


def test_a_namespace_stays_while_something_in_it_is_wanted_or_was_adopted(direct: Direct, api: Cluster) -> None:
    place = direct.name
    direct.run(namespace(place))
    api.apply(config_map(place, "adopted", theirs="1"))
    wanted = [config_map(place, "kept", a="1"), config_map(place, "adopted", ours="1")]
    direct.run(namespace(place), *wanted)
    assert told(direct.run(*wanted)) == [f"released Namespace {place}"]
    assert states(api, direct.label).keys() == wanted_states(wanted).keys()
    assert f"released ConfigMap {place}/adopted" in told(direct.run())
    live = api.get("v1", "ConfigMap", "adopted", place)
    assert live["data"] == {"theirs": "1"}
    assert SET_LABEL not in live["metadata"].get("labels", {})


def test_what_holds_a_namespace_is_told(direct: Direct, api: Cluster) -> None:
    direct.run(namespace(direct.name))
    place = {"name": "never", "namespace": direct.name}
    # Events keep no namespace from being removed.
    event = {"apiVersion": "v1", "kind": "Event", "metadata": {**place, "finalizers": ["example.org/never"]}}
    api.apply({**event, "involvedObject": {"namespace": direct.name}})
    told = r"Namespace \S+ \(finalizers: kubernetes; .*example.org/never in \d resource"
    try:
        with pytest.raises(Incomplete):
            direct.run(wait_timeout=0)
        api.wait_until(lambda: holding(api, direct.name), "the controller tells what remains")
        with pytest.raises(Incomplete, match=told):
            direct.run(wait_timeout=0)
    finally:
        path = api.kind("v1", "Event").path(direct.name, "never")
        api.request("PATCH", path, body={"metadata": {"finalizers": None}}, content_type=MERGE)
    direct.run(wait_timeout=60)


def holding(api: Cluster, name: str) -> bool:
    conditions = (api.find("v1", "Namespace", name) or {})["status"].get("conditions") or []
    return any(one["type"] == "NamespaceFinalizersRemaining" and one["status"] == "True" for one in conditions)


def test_what_is_released_is_not_made_again(direct: Direct, api: Cluster, proxy: Proxy) -> None:
    """Somebody deletes an adopted object just before we give it up."""
    place = direct.name
    api.apply(namespace(place))
    api.apply(config_map(place, "adopted", theirs="1"))
    direct.run(config_map(place, "adopted", ours="1"))

    def rule(request: t.Any) -> None:
        if request.method == "PATCH" and request.path.endswith("/adopted"):
            api.delete("v1", "ConfigMap", "adopted", place)

    proxy.rule = rule
    assert f"released ConfigMap {place}/adopted" in told(direct.through(proxy).run())
    assert api.find("v1", "ConfigMap", "adopted", place) is None
    api.delete("v1", "Namespace", place)


def test_a_namespace_that_existed_before_is_given_back(direct: Direct, api: Cluster) -> None:
    place = direct.name
    api.apply(namespace(place, owner="somebody"))
    direct.run(namespace(place, ours="yes"), config_map(place, a="1"))
    gone = told(direct.run(wait_timeout=30.0))
    assert gone[0] == f"released Namespace {place}"
    live = api.get("v1", "Namespace", place)["metadata"]
    assert live["labels"] == {"kubernetes.io/metadata.name": place, "owner": "somebody"}
    assert not live.get("annotations")
    api.delete("v1", "Namespace", place)


def test_two_fleets_share_a_cluster_and_no_object(direct: Direct, api: Cluster) -> None:
    place = direct.name
    other = Direct(kubeconfig=direct.kubeconfig, context=direct.context, name=direct.name, fleet="other")
    mine = [namespace(place), config_map(place, "mine", a="1")]
    theirs = [namespace(f"{place}-other"), config_map(f"{place}-other", "theirs", a="1")]
    direct.run(*mine)
    other.run(*theirs)
    assert fates(direct.run(*mine)) == {"unchanged": 3}
    with pytest.raises(Refused) as caught:
        other.run(*theirs, config_map(place, "mine", a="2"))
    assert f"ConfigMap {place}/mine" in str(caught.value)
    assert direct.label in str(caught.value)
    assert other.label in str(caught.value)
    assert fates(other.run()) == {"deleted": 3}
    assert states(api, direct.label) == wanted_states(mine)


def test_a_run_over_a_part_removes_nothing(direct: Direct, api: Cluster) -> None:
    place = direct.name
    wanted = [namespace(place), config_map(place, "one", a="1"), config_map(place, "two", a="1")]
    direct.run(*wanted)
    part = [namespace(place), config_map(place, "one", a="2")]
    outcome = direct.run(*part, keep=lambda _live: True, keep_reason="prune is off")
    assert told(outcome) == [f"updated ConfigMap {place}/one"]
    assert outcome.warnings == ["1 objects that are not part of this run stay as they are: prune is off"]
    assert states(api, direct.label).keys() == wanted_states(wanted).keys()


def test_a_run_about_one_team_leaves_the_others_alone(plane: ControlPlane, api: Cluster, playbook: Playbook) -> None:
    inventory = single(name=plane.name, kubeconfig=plane.kubeconfig)
    module = Module(playbook, "team_monitoring", inventory=lambda: inventory)
    small = {"alertmanager": {"enabled": False}, "base_rules": False}

    def run(*teams: str, retention: str, **options: t.Any) -> t.Any:
        listed = [{"name": name, "prometheus": {"retention": retention}, **small} for name in teams]
        where = {"cluster": plane.name, "clusters": [plane.name], "platform": {"enabled": False}}
        return module(teams=listed, wait=False, **where, **options)

    run("one", "two", retention="1d")
    # The other one is not even listed any more, which without the word would be refused.
    alone = run("one", retention="2d", only=["one"])
    assert alone.objects == ["updated Prometheus monitoring-one/one"]
    assert "this run is limited to one" in " ".join(alone.data["warnings"])
    kept = api.get("monitoring.coreos.com/v1", "Prometheus", "two", "monitoring-two")
    assert kept["spec"]["retention"] == "1d"
    run("one", retention="2d", state="absent", only=["two"])
    assert api.find("monitoring.coreos.com/v1", "Prometheus", "two", "monitoring-two") is None
    assert api.find("monitoring.coreos.com/v1", "Prometheus", "one", "monitoring-one") is not None
    run(retention="2d", state="absent")


def test_thousands_of_foreign_objects_are_not_even_read(direct: Direct, api: Cluster, proxy: Proxy) -> None:
    """Every LIST asks by our label, so their number does not matter; tests/bench has the time for 5,000."""
    place = direct.name
    wanted = [namespace(place), *(config_map(place, f"c{number}", a="1") for number in range(3))]
    direct.run(*wanted)
    api.apply(namespace(f"{place}-foreign"))
    foreign = [config_map(f"{place}-foreign", f"f{number}", a="1") for number in range(FOREIGN)]
    before = [api.apply(obj)["metadata"]["resourceVersion"] for obj in foreign]
    assert fates(direct.through(proxy).run(*wanted[:-1])) == {"deleted": 1, "unchanged": 4}
    paths = ("/api/v1/configmaps", "/api/v1/namespaces")
    lists = [request for request, _fault in proxy.requests if request.path in paths]
    assert lists
    assert all("labelSelector=" in request.query for request in lists)
    assert proxy.count(lambda request: f"{place}-foreign" in request.path) == 0
    kind = api.kind("v1", "ConfigMap")
    live = {obj["metadata"]["name"]: obj["metadata"]["resourceVersion"] for obj in api.list_kind(kind)}
    assert [live[obj["metadata"]["name"]] for obj in foreign] == before
    api.delete("v1", "Namespace", f"{place}-foreign")


# -- one writer at a time -------------------------------------------------------------------------------------------


def taken_by(api: Cluster, direct: Direct, holder: str) -> JsonObject:
    """The Lease of the set in the hands of somebody else."""
    now = "2026-01-01T00:00:00.000000Z"
    spec = {"holderIdentity": holder, "leaseDurationSeconds": 2, "acquireTime": now, "renewTime": now}
    metadata = {"name": direct.record, "namespace": "kube-system"}
    return api.apply({"apiVersion": LEASE_API, "kind": "Lease", "metadata": metadata, "spec": spec}, force=True)


def holder(api: Cluster, direct: Direct) -> str | None:
    found = api.find(LEASE_API, "Lease", direct.record, "kube-system")
    return None if found is None else found["spec"].get("holderIdentity", "")


def test_the_lease_is_taken_only_to_write(direct: Direct, api: Cluster, proxy: Proxy) -> None:
    wanted = [namespace(direct.name), config_map(direct.name, a="1")]

    def leases() -> list[str]:
        return [request.method for request, _fault in proxy.requests if request.path.startswith(LEASES)]

    way = direct.through(proxy)
    way.run(*wanted, check=True)
    assert leases() == []
    way.run(*wanted)
    assert leases() == ["GET", "POST", "PUT"]
    assert holder(api, direct) == ""
    proxy.requests.clear()
    way.run(*wanted)
    assert leases() == ["GET"]
    proxy.requests.clear()
    way.run(namespace(direct.name), config_map(direct.name, a="2"))
    assert leases() == ["GET", "PUT", "PUT"]
    # Nobody wrote between the look and the take, so what was read once is not read again.
    assert proxy.count(lambda request: request.path == "/api/v1/configmaps") == 1
    way.run()
    assert holder(api, direct) is None


def test_a_second_run_is_refused_with_the_name_of_the_first(direct: Direct, api: Cluster) -> None:
    direct.run(namespace(direct.name))
    taken_by(api, direct, "alice@ci-7, pid 4711, job 12")
    with pytest.raises(Refused) as caught:
        direct.run(namespace(direct.name), config_map(direct.name, a="1"), lock_timeout=0.0)
    assert "alice@ci-7, pid 4711, job 12 holds the Lease" in str(caught.value)
    assert "since 2026-01-01" in str(caught.value)
    assert "lock_timeout" in str(caught.value)
    assert api.find("v1", "ConfigMap", "settings", direct.name) is None
    # What needs no write needs no leave.
    assert fates(direct.run(namespace(direct.name), lock_timeout=0.0)) == {"unchanged": 2}


def test_a_holder_that_gives_no_sign_of_life_is_succeeded(direct: Direct, api: Cluster) -> None:
    direct.run(namespace(direct.name), config_map(direct.name, a="0"))
    taken_by(api, direct, "somebody who was killed")
    assert told(direct.run(namespace(direct.name), config_map(direct.name, a="1"))) == [
        f"updated ConfigMap {direct.name}/settings"
    ]
    assert holder(api, direct) == ""


def test_after_waiting_the_plan_is_made_anew(direct: Direct, api: Cluster, proxy: Proxy) -> None:
    """The other run changes what we had found unchanged; ours comes last, so ours is what stays."""
    mine = [namespace(direct.name), config_map(direct.name, "a", v="1"), config_map(direct.name, "b", v="2")]
    direct.run(namespace(direct.name), config_map(direct.name, "a", v="1"), config_map(direct.name, "b", v="1"))
    theirs = [namespace(direct.name), config_map(direct.name, "a", v="other"), config_map(direct.name, "c", v="1")]

    def rule(request: t.Any) -> None:
        if request.method == "PUT" and request.path.startswith(LEASES) and request.turn == 1:
            direct.run(*theirs)  # a whole run between our look and our take

    proxy.rule = rule
    assert told(direct.through(proxy).run(*mine)) == [
        f"updated ConfigMap {direct.name}/a",
        f"created ConfigMap {direct.name}/b",
        f"deleted ConfigMap {direct.name}/c",
    ]
    assert states(api, direct.label) == wanted_states(mine)


def test_a_run_that_loses_its_lease_stops_writing(
    direct: Direct, api: Cluster, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lease, "DURATION", 2)
    direct.run(namespace(direct.name))
    stolen: list[JsonObject] = []

    def rule(request: t.Any) -> Fault | None:
        if request.method != "PATCH" or not request.path.endswith("/c000"):
            return None
        if not stolen:
            stolen.append(taken_by(api, direct, "mallory"))
        return Fault(delay=1.6)

    proxy.rule = rule
    maps = [config_map(direct.name, f"c{number:03}", a="1") for number in range(40)]
    # In a later phase than the ConfigMaps, so that it surely comes after the loss.
    with pytest.raises(Incomplete, match=r"mallory holds it now|could not be renewed") as caught:
        direct.through(proxy).run(namespace(direct.name), *maps, service(direct.name))
    assert f"Service {direct.name}/web: stopped writing, because the Lease" in str(caught.value)
    assert api.find("v1", "Service", "web", direct.name) is None
    assert holder(api, direct) == "mallory"


def test_a_failed_run_releases_the_lease(direct: Direct, api: Cluster) -> None:
    with pytest.raises(Incomplete):
        direct.run(namespace(direct.name), config_map(direct.name, "Not_A_Name", a="1"))
    assert holder(api, direct) == ""


def test_of_two_runs_at_once_one_wins_as_a_whole(plane: ControlPlane) -> None:
    facts = concurrency.measure(plane, rounds=4)
    assert facts["rounds"] == 4


# -- interrupted ----------------------------------------------------------------------------------------------------


def test_a_run_that_is_killed_anywhere_leaves_nothing_lost_or_orphaned(plane: ControlPlane) -> None:
    facts = interrupt.measure(plane, rounds=8)
    assert facts["rounds"] == 8
