"""What becomes of a run when the way to the API server, or the server, fails it."""

from __future__ import annotations

import itertools
import json
import random
import socket
import typing as t
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from ansible_collections.promfleet.monitoring.plugins.module_utils._api import client, retry, transport
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.errors import (
    ApiError,
    ClusterError,
    Unreachable,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets import lease
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.outcome import Incomplete

from promlab.controlplane import ControlPlane
from tests.integration.conftest import Module, Playbook
from tests.integration.support.cluster import Cluster
from tests.integration.support.direct import Direct, fates, told
from tests.integration.support.inventory import single
from tests.integration.support.proxy import (
    BROKEN,
    CUT_BODY,
    CUT_WIRE,
    DOWN,
    LOST_AFTER,
    LOST_BEFORE,
    NAME,
    Fault,
    Proxy,
    Request,
    faulty,
    no_fault,
    seeded,
)
from tests.integration.support.sets import config_map, fleet_of, namespace, states, wanted_states

JsonObject = dict[str, t.Any]
NUMBERS = itertools.count()
ROUNDS = 12
PERCENT = 25
LISTS = ("/api/v1/configmaps", "/api/v1/services", "/api/v1/namespaces")


@pytest.fixture(scope="module")
def proxy(plane: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    with faulty(plane, tmp_path_factory.mktemp("proxy")) as running:
        yield running


@pytest.fixture
def short_lease(monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that cannot release its Lease holds up the next one for this long."""
    monkeypatch.setattr(lease, "DURATION", 3)


@pytest.fixture
def direct(plane: ControlPlane, proxy: Proxy) -> Iterator[Direct]:
    """A set of its own for each test; whatever a test left of it goes afterwards, which nobody waits for."""
    proxy.rule = no_fault
    proxy.requests.clear()
    proxy.turns.clear()
    own = Direct(kubeconfig=plane.kubeconfig, context=plane.context, name=f"faults-{next(NUMBERS)}")
    yield own
    own.run(force_conflicts=True)


@pytest.mark.usefixtures("short_lease")
def test_seeded_faults_never_make_a_run_lie(direct: Direct, api: Cluster, proxy: Proxy) -> None:
    """Whatever happens on the way: success means the wanted state, a failure names an object or a request."""
    place = direct.name
    random_state = random.Random(7)  # noqa: S311
    ended = {"well": 0, "failed": 0}
    unclear: list[str] = []
    for seed in range(ROUNDS):
        wanted = fleet_of(place, random_state)
        proxy.rule = seeded(seed, percent=PERCENT)
        proxy.requests.clear()
        proxy.turns.clear()
        try:
            outcome = direct.through(proxy).run(*wanted, wait_timeout=30.0)
        except ClusterError as error:
            ended["failed"] += 1
            unclear += [] if any(word in str(error) for word in (place, "/api", "promfleet-set")) else [str(error)]
        else:
            ended["well"] += 1
            counts = outcome.counts()
            assert sum(counts.values()) - counts["deleted"] == len(wanted) + 1, "every object has one fate"
            # Never a false "unchanged": a way without faults finds nothing left to do.
            assert fates(direct.run(*wanted, check=True)) == {"unchanged": len(wanted) + 1}
        # Access reviews are many different questions at one address.
        turns = [times for (_method, path, _query), times in proxy.turns.items() if "accessreviews" not in path]
        assert max(turns) <= 3 * retry.PATIENT.attempts
        proxy.rule = no_fault
        direct.run(*wanted, wait_timeout=30.0)
        assert states(api, direct.label) == wanted_states(wanted)
    assert not unclear
    assert ended["well"] > ROUNDS // 2, ended


def test_a_module_gets_through_and_names_what_it_could_not_do(direct: Direct, proxy: Proxy, playbook: Playbook) -> None:
    """The whole way of a user's task: the same counts as without faults, and a failure that is about one object."""
    module = Module(playbook, "objects", inventory=lambda: single(name=NAME, kubeconfig=proxy.kubeconfig))
    wanted = [namespace(direct.name), *(config_map(direct.name, f"c{number}", a="1") for number in range(6))]
    proxy.rule = seeded(3, percent=PERCENT)
    result = module(name=direct.name, manifests=wanted)
    assert result.data["counts"]["created"] == 8
    proxy.rule = lambda request: Fault(status=422, message="too bad") if request.path.endswith("/c3") else None
    wanted[4]["data"] = {"a": "2"}
    failed = module.fails(name=direct.name, manifests=wanted)
    assert failed.message == f"1 objects could not be applied: ConfigMap {direct.name}/c3: too bad"
    assert failed.data["counts"]["unchanged"] == 7


@pytest.mark.parametrize("fault", [LOST_AFTER, LOST_BEFORE, CUT_WIRE, CUT_BODY, BROKEN, DOWN, Fault(status=409)])
def test_a_lost_answer_to_every_write_is_made_good(fault: Fault, direct: Direct, api: Cluster, proxy: Proxy) -> None:
    """The write may have happened or not: sent again it says the same, and the counts are those of one run."""
    proxy.rule = lambda request: fault if request.method == "PATCH" and request.turn == 1 else None
    wanted = [namespace(direct.name), *(config_map(direct.name, f"c{number}", a="1") for number in range(3))]
    assert fates(direct.through(proxy).run(*wanted)) == {"created": 5}
    patches = [turn for (method, _path, _query), turn in proxy.turns.items() if method == "PATCH"]
    assert patches == [2] * 5
    proxy.rule = lambda request: fault if request.method == "DELETE" and request.turn == 1 else None
    if fault.status != 409:  # for a DELETE that is not a transient answer
        assert told(direct.through(proxy).run(*wanted[:-1])) == [f"deleted ConfigMap {direct.name}/c2"]
    assert fates(direct.run(*wanted[:-1])).get("unchanged", 0) >= 4
    assert {name for _kind, _namespace, name in states(api, direct.label)} >= {"c0", "c1"}


def test_the_server_says_when_to_come_back(direct: Direct, proxy: Proxy) -> None:
    busy = Fault(status=429, retry_after=1)
    proxy.rule = lambda request: busy if request.method == "PATCH" and request.turn == 1 else None
    assert fates(direct.through(proxy).run(namespace(direct.name))) == {"created": 2}
    for path in {request.path for request, _fault in proxy.requests if request.method == "PATCH"}:
        first, second = (
            request.at for request, _fault in proxy.requests if (request.method, request.path) == ("PATCH", path)
        )
        assert second - first >= 1.0


def test_a_server_that_stays_busy_is_given_up_with_the_object_named(direct: Direct, proxy: Proxy) -> None:
    wanted = [namespace(direct.name), config_map(direct.name, "good", a="1"), config_map(direct.name, "bad", a="1")]
    proxy.rule = lambda request: Fault(status=503, message="no leader") if request.path.endswith("/bad") else None
    with pytest.raises(Incomplete) as caught:
        direct.through(proxy).run(*wanted)
    assert f"1 objects could not be applied: ConfigMap {direct.name}/bad: no leader (HTTP 503, tried 8 times" in str(
        caught.value
    )
    assert fates(caught.value.outcome) == {"created": 3}
    assert proxy.count(lambda request: request.path.endswith("/bad") and request.method == "PATCH") == 8
    proxy.rule = no_fault
    assert told(direct.run(*wanted)) == [f"created ConfigMap {direct.name}/bad"]


def test_a_conflict_of_managers_is_told_at_once(direct: Direct, api: Cluster, proxy: Proxy) -> None:
    direct.run(namespace(direct.name), config_map(direct.name, "settings", a="1"))
    api.edit("v1", "ConfigMap", "settings", {"data": {"a": "theirs"}}, namespace=direct.name)
    with pytest.raises(Incomplete, match="kubectl-edit"):
        direct.through(proxy).run(namespace(direct.name), config_map(direct.name, "settings", a="1"))
    assert proxy.count(lambda request: request.method == "PATCH") == 1


def half_way(fault: Fault, kind: str) -> t.Callable[[Request], Fault | None]:
    return lambda request: fault if request.path == kind and "continue=" in request.query else None


@pytest.mark.parametrize("fault", [BROKEN, LOST_BEFORE, CUT_WIRE, CUT_BODY, Fault(status=410), Fault(status=403)])
def test_a_list_that_fails_half_way_removes_nothing(
    fault: Fault, direct: Direct, api: Cluster, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "LIST_LIMIT", 2)
    maps = [config_map(direct.name, f"c{number}", a="1") for number in range(5)]
    direct.run(namespace(direct.name), *maps)
    before = states(api, direct.label)
    proxy.rule = half_way(fault, "/api/v1/configmaps")
    # All but one go, if the list were believed as far as it came.
    # A refused LIST is told as a missing right, in the server's own words.
    with pytest.raises(ClusterError, match="injected" if fault.status == 403 else "/api/v1/configmaps"):
        direct.through(proxy).run(namespace(direct.name), maps[0])
    assert states(api, direct.label) == before
    assert proxy.count(lambda request: request.is_write) == 0
    assert proxy.count(lambda request: request.path == "/api/v1/configmaps") <= 1 + retry.PATIENT.attempts


@pytest.mark.parametrize("fault", [CUT_WIRE, CUT_BODY])
def test_of_a_large_answer_that_was_cut_nothing_is_believed(fault: Fault, direct: Direct, proxy: Proxy) -> None:
    """The server compresses what is large."""
    maps = [config_map(direct.name, f"c{number}", a=str(number) * 10_000) for number in range(30)]
    direct.run(namespace(direct.name), *maps)
    proxy.compressed = 0
    assert fates(direct.through(proxy).run(namespace(direct.name), *maps)) == {"unchanged": 32}
    assert proxy.compressed == 1
    proxy.turns.clear()
    proxy.rule = lambda request: fault if request.path == "/api/v1/configmaps" and request.turn == 1 else None
    assert fates(direct.through(proxy).run(namespace(direct.name), *maps)) == {"unchanged": 32}
    assert proxy.compressed == 3
    proxy.rule = lambda request: fault if request.path == "/api/v1/configmaps" else None
    with pytest.raises(ClusterError, match="/api/v1/configmaps"):
        direct.through(proxy).run(namespace(direct.name), maps[0])


def test_a_list_whose_place_expired_begins_again(direct: Direct, proxy: Proxy, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "LIST_LIMIT", 2)
    maps = [config_map(direct.name, f"c{number}", a="1") for number in range(5)]
    direct.run(namespace(direct.name), *maps)
    gone = iter([Fault(status=410, message="the provided continue parameter is too old")])
    proxy.rule = lambda request: next(gone, None) if "continue=" in request.query else None
    assert fates(direct.through(proxy).run(namespace(direct.name), *maps)) == {"unchanged": 7}
    lists = [request.query for request, _fault in proxy.requests if request.path == "/api/v1/configmaps"]
    assert sum("continue=" not in query for query in lists) == 2


def test_an_answer_that_is_no_list_is_no_empty_list(direct: Direct, api: Cluster, proxy: Proxy) -> None:
    direct.run(namespace(direct.name), config_map(direct.name, "settings", a="1"))
    strange = Fault(status=200, body={"kind": "Status", "status": "Success"})
    proxy.rule = lambda request: strange if request.path in LISTS else None
    with pytest.raises(ApiError, match="not a list of objects"):
        direct.through(proxy).run(namespace(direct.name))
    assert api.find("v1", "ConfigMap", "settings", direct.name) is not None


@pytest.mark.usefixtures("short_lease")
def test_a_server_that_goes_away_stops_the_run_with_what_was_done(direct: Direct, proxy: Proxy) -> None:
    """A thousand objects do not each wait for a server that is gone."""
    maps = [config_map(direct.name, f"c{number:03}", a="1") for number in range(60)]
    proxy.rule = lambda request: LOST_BEFORE if len(done(proxy)) > 12 else None
    with pytest.raises(Incomplete, match="cannot be reached") as caught:
        direct.through(proxy).run(namespace(direct.name), *maps)
    assert f"ConfigMap {direct.name}/c" in str(caught.value)
    # Those on their way try to the end, the others not at all: 60 objects with 8 attempts each would be 480.
    assert proxy.count(lambda request: request.is_write) < 240
    created = {change.key.name for change in caught.value.outcome.changes}
    proxy.rule = no_fault
    again = direct.run(namespace(direct.name), *maps)
    assert again.counts()["unchanged"] >= len(created)
    assert fates(direct.run(namespace(direct.name), *maps)) == {"unchanged": 62}


def done(proxy: Proxy) -> list[Request]:
    return [request for request, fault in proxy.requests if request.method == "PATCH" and fault is None]


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_server_that_accepts_and_never_answers_is_left_out_soon(
    scheme: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One attempt of a first contact, and no request before it: kubernetes.core's own would take minutes."""
    monkeypatch.setattr(transport, "FIRST_CONTACT", replace(retry.FIRST_CONTACT, connect=0.3, read=0.3))
    with socket.create_server(("127.0.0.1", 0)) as silent:
        path = tmp_path / "kubeconfig"
        server = {"server": f"{scheme}://127.0.0.1:{silent.getsockname()[1]}", "insecure-skip-tls-verify": True}
        path.write_text(
            json.dumps(
                {
                    "clusters": [{"name": "silent", "cluster": server}],
                    "contexts": [{"name": "silent", "context": {"cluster": "silent", "user": "me"}}],
                    "users": [{"name": "me", "user": {"token": "x"}}],
                }
            )
        )
        cluster = client.connect({"kubeconfig": str(path), "context": "silent"})
        with pytest.raises(Unreachable, match="cannot be reached"):
            cluster.find("/api/v1/namespaces/kube-system")
        accepted = 0
        silent.settimeout(0)
        while True:
            try:
                silent.accept()[0].close()
            except BlockingIOError:
                break
            accepted += 1
        assert accepted == 1


def test_connecting_asks_nothing(direct: Direct, proxy: Proxy) -> None:
    direct.through(proxy).connect()
    assert proxy.requests == []


def test_refused_credentials_are_told_and_not_repeated(direct: Direct, proxy: Proxy) -> None:
    proxy.rule = lambda _request: Fault(status=401, message="Unauthorized")
    with pytest.raises(Unreachable, match="refused the credentials"):
        direct.through(proxy).run(namespace(direct.name))
    assert len(proxy.requests) == 1


POLICY: JsonObject = {
    "apiVersion": "admissionregistration.k8s.io/v1",
    "kind": "ValidatingAdmissionPolicy",
    "metadata": {"name": "one-in-a-hundred"},
    "spec": {
        "failurePolicy": "Fail",
        "matchConstraints": {
            "resourceRules": [
                {
                    "apiGroups": [""],
                    "apiVersions": ["v1"],
                    "operations": ["CREATE", "UPDATE"],
                    "resources": ["configmaps"],
                }
            ]
        },
        "validations": [
            {"expression": "object.metadata.name != 'c042'", "message": "no ConfigMap is called c042 in this house"}
        ],
    },
}
BINDING: JsonObject = {
    "apiVersion": "admissionregistration.k8s.io/v1",
    "kind": "ValidatingAdmissionPolicyBinding",
    "metadata": {"name": "one-in-a-hundred"},
    "spec": {"policyName": "one-in-a-hundred", "validationActions": ["Deny"]},
}


@pytest.fixture
def policy(api: Cluster) -> Iterator[None]:
    """An admission rule of somebody else, in force."""

    def is_in_force() -> bool:
        try:
            api.request(
                "POST",
                "/api/v1/namespaces/default/configmaps",
                query={"dryRun": "All"},
                body=config_map("default", "c042"),
            )
        except Exception as error:  # noqa: BLE001 - whatever refuses it
            return "in this house" in str(error)
        return False

    api.apply(POLICY)
    api.apply(BINDING)
    api.wait_until(is_in_force, "the policy is in force")
    yield
    for obj in (BINDING, POLICY):
        api.delete(obj["apiVersion"], obj["kind"], obj["metadata"]["name"])


@pytest.mark.usefixtures("policy")
def test_one_refused_object_in_a_hundred_is_told_and_the_others_are_applied(direct: Direct, api: Cluster) -> None:
    maps = [config_map(direct.name, f"c{number:03}", a="1") for number in range(100)]
    with pytest.raises(Incomplete) as caught:
        direct.run(namespace(direct.name), *maps)
    assert str(caught.value).startswith(f"1 objects could not be applied: ConfigMap {direct.name}/c042: ")
    assert "no ConfigMap is called c042 in this house" in str(caught.value)
    assert fates(caught.value.outcome) == {"created": 101}
    assert len(states(api, direct.label)) == 100
    api.delete(BINDING["apiVersion"], BINDING["kind"], "one-in-a-hundred")

    def passes() -> bool:
        try:
            return told(direct.run(namespace(direct.name), *maps)) == [f"created ConfigMap {direct.name}/c042"]
        except Incomplete:
            return False  # the API server takes a moment to forget a binding

    api.wait_until(passes, "the binding is forgotten")
    assert fates(direct.run(namespace(direct.name), *maps)) == {"unchanged": 102}
