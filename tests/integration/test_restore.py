"""Lost fields of custom resources come back, whatever becomes of the requests on their way."""

from __future__ import annotations

import itertools
import typing as t
from collections.abc import Iterator

import pytest
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.client import connect
from ansible_collections.promfleet.monitoring.plugins.module_utils._crds.restore import Restored, restore_objects
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.options import Options

from promlab.controlplane import ControlPlane
from tests.integration.support.cluster import Cluster
from tests.integration.support.proxy import (
    BROKEN,
    CONFLICT,
    CUT_BODY,
    CUT_WIRE,
    LOST_AFTER,
    LOST_BEFORE,
    Fault,
    Proxy,
    Request,
    faulty,
    no_fault,
)
from tests.integration.support.releases import crds_of

JsonObject = dict[str, t.Any]
# Since 0.86: the monitor's own kind of discovery.
OLDER, LOST = "0.80.1", "serviceDiscoveryRole"
V1, KIND, PLACE = "monitoring.coreos.com/v1", "ServiceMonitor", "restored"
NUMBERS = itertools.count()
COUNT = 3
FAULTS = {
    "lost": LOST_AFTER,
    "never came": LOST_BEFORE,
    "cut": CUT_WIRE,
    "half": CUT_BODY,
    "error": BROKEN,
    "conflict": CONFLICT,
}


@pytest.fixture(scope="module")
def proxy(plane: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    with faulty(plane, tmp_path_factory.mktemp("proxy")) as running:
        yield running


@pytest.fixture
def snapshot(api: Cluster) -> Iterator[list[JsonObject]]:
    """Monitors as they were before each lost a field; who applied them owned it."""
    api.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": PLACE}})
    names = [f"web-{number}" for number in itertools.islice(NUMBERS, COUNT)]
    spec = {"selector": {}, "endpoints": [{"port": "web"}], LOST: "EndpointSlice"}
    for name in names:
        monitor = {"apiVersion": V1, "kind": KIND, "metadata": {"name": name, "namespace": PLACE}, "spec": spec}
        api.apply(monitor, manager="gitops")
    saved = [api.get(V1, KIND, name, PLACE) for name in names]
    for name in names:
        api.edit(V1, KIND, name, {"spec": {LOST: None}}, namespace=PLACE)
    yield saved
    for name in names:
        api.delete(V1, KIND, name, PLACE)


def restore(proxy: Proxy, snapshot: list[JsonObject], *, check: bool = False, create: bool = False) -> Restored:
    cluster = connect({"kubeconfig": str(proxy.kubeconfig), "context": proxy.context})
    lossy = list(crds_of(OLDER, only=("servicemonitors",)).values())
    return restore_objects(cluster, snapshot, lossy=lossy, create_missing=create, options=Options(check=check))


def on_monitors(method: str, fault: Fault, *, turn: int = 1) -> t.Callable[[Request], Fault | None]:
    """What goes wrong the first time that a monitor is written in this way."""

    def rule(request: Request) -> Fault | None:
        return (
            fault if request.method == method and "/servicemonitors" in request.path and request.turn == turn else None
        )

    return rule


def fates(restored: Restored) -> dict[str, int]:
    assert restored.outcome.failures == []
    return {fate: count for fate, count in restored.outcome.counts().items() if count}


def require_restored(api: Cluster, snapshot: list[JsonObject]) -> None:
    for saved in snapshot:
        live = api.get(V1, KIND, saved["metadata"]["name"], PLACE)
        assert live["spec"] == saved["spec"]
        owners = [
            entry["manager"]
            for entry in live["metadata"]["managedFields"]
            if f"f:{LOST}" in entry["fieldsV1"]["f:spec"]
        ]
        assert owners == ["gitops"]


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS.keys())
@pytest.mark.parametrize("method", ["PUT", "PATCH"])
def test_a_write_whose_answer_was_lost_is_a_write(
    method: str, fault: Fault, proxy: Proxy, api: Cluster, snapshot: list[JsonObject]
) -> None:
    proxy.turns.clear()
    proxy.rule = on_monitors(method, fault)
    assert fates(restore(proxy, snapshot)) == {"updated": COUNT}
    proxy.rule = no_fault
    require_restored(api, snapshot)
    assert fates(restore(proxy, snapshot)) == {"unchanged": COUNT}


@pytest.mark.parametrize("fault", [LOST_AFTER, LOST_BEFORE, CUT_WIRE], ids=["lost", "never came", "cut"])
def test_an_object_is_made_again_once(fault: Fault, proxy: Proxy, api: Cluster, snapshot: list[JsonObject]) -> None:
    for saved in snapshot:
        api.delete(V1, KIND, saved["metadata"]["name"], PLACE)
    assert restore(proxy, snapshot).missing == [f"{KIND} {PLACE}/{saved['metadata']['name']}" for saved in snapshot]
    proxy.turns.clear()
    # All are made at the path of the collection.
    proxy.rule = lambda request: fault if request.method == "POST" and request.turn in (2, 3) else None
    assert fates(restore(proxy, snapshot, create=True)) == {"created": COUNT}
    proxy.rule = no_fault
    require_restored(api, snapshot)


def test_a_run_that_ended_between_its_two_requests_is_finished_by_the_next(
    proxy: Proxy, api: Cluster, snapshot: list[JsonObject]
) -> None:
    refused = Fault(status=403, message="not now")
    proxy.rule = lambda request: refused if request.method == "PATCH" and "/servicemonitors" in request.path else None
    broken = restore(proxy, snapshot)
    assert [failure.message for failure in broken.outcome.failures] == ["not now"] * COUNT
    proxy.rule = no_fault
    predicted = restore(proxy, snapshot, check=True)
    assert fates(predicted) == fates(restore(proxy, snapshot)) == {"updated": COUNT}
    require_restored(api, snapshot)


def test_one_that_cannot_be_restored_keeps_no_other_from_it(
    proxy: Proxy, api: Cluster, snapshot: list[JsonObject]
) -> None:
    first, *others = snapshot
    name = first["metadata"]["name"]
    refused = Fault(status=422, message="a webhook does not like it")
    proxy.rule = lambda request: refused if request.method == "PUT" and request.path.endswith(name) else None
    done = restore(proxy, snapshot).outcome
    proxy.rule = no_fault
    assert [str(failure) for failure in done.failures] == [f"{KIND} {PLACE}/{name}: a webhook does not like it"]
    assert sorted(change.key.name for change in done.changes) == sorted(saved["metadata"]["name"] for saved in others)
    require_restored(api, others)


def test_somebody_else_may_write_meanwhile(proxy: Proxy, api: Cluster, snapshot: list[JsonObject]) -> None:
    name = snapshot[0]["metadata"]["name"]

    def rule(request: Request) -> Fault | None:
        if request.method == "PUT" and request.path.endswith(name) and request.turn == 1:
            api.edit(V1, KIND, name, {"spec": {"jobLabel": "theirs"}}, namespace=PLACE)
        return None

    proxy.turns.clear()
    proxy.rule = rule
    assert fates(restore(proxy, snapshot)) == {"updated": COUNT}
    proxy.rule = no_fault
    live = api.get(V1, KIND, name, PLACE)["spec"]
    assert live == {**snapshot[0]["spec"], "jobLabel": "theirs"}
