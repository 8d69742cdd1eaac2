"""A team is switched off and on again and again: the operator goes on, and objects of other teams stay as they are."""

from __future__ import annotations

import typing as t
from collections.abc import Iterator
from functools import partial

import pytest

from promlab.controlplane import ControlPlane
from tests.integration.support.cluster import Cluster, JsonObject, key_of
from tests.integration.support.inprocess import run_module
from tests.integration.support.operator_process import operator
from tests.integration.support.prometheus_process import lab_program
from tests.suite.in_full import in_full

FLIPS = 100 if in_full() else 20
# So many equal looks, half a second apart, mean that nothing is written any more.
STEADY = 10
MONITORING = "monitoring.coreos.com/v1"
OTHERS = ("flips-stay", "flips-also")
FLIPPED = "flips-flip"
# What a write to an object changes, even one that changes nothing else in it; its status is the operator's.
WATCHED = ("uid", "generation", "labels", "annotations")


def team(name: str, *, enabled: bool = True) -> JsonObject:
    return {"name": name, "namespaces": [name], "groups": [f"{name}-people"], "enabled": enabled}


@pytest.fixture
def run(plane: ControlPlane, api: Cluster) -> Iterator[t.Callable[..., JsonObject]]:
    """Runs the module with all teams, the flipped one on or off."""
    platform = {"prometheus": {"enabled": False}, "alertmanager": {"enabled": False}}

    def run(*, on: bool, state: str = "present") -> JsonObject:
        teams = [*map(team, OTHERS), team(FLIPPED, enabled=on)]
        return run_module(
            "team_monitoring", kubeconfig=plane.kubeconfig, context=plane.context, cluster="hub", clusters=["hub"],
            teams=teams, platform=platform, wait=False, fleet="flips", state=state,
        )  # fmt: skip

    yield run
    run(on=True, state="absent")
    api.delete_namespaces(*(place for name in (*OTHERS, FLIPPED) for place in (name, f"monitoring-{name}")))


def seen(api: Cluster, *teams: str) -> dict[tuple[str, str, str], JsonObject]:
    """What is watched of every object in the namespaces of *teams*, and of these namespaces."""
    places = {place for name in teams for place in (name, f"monitoring-{name}")}
    found = api.list_all(without={"Event", "ConfigMap", "Secret", "ControllerRevision", "EndpointSlice", "Endpoints"})
    return {
        key_of(obj): {name: obj["metadata"].get(name) for name in WATCHED}
        for obj in found
        if obj["metadata"].get("namespace") in places or (obj["kind"], obj["metadata"]["name"]) in _namespaces(places)
    }


def settled(api: Cluster, *teams: str) -> dict[tuple[str, str, str], JsonObject]:
    """The same, once the operator has nothing more to write: it was the same in several looks."""
    looks = [seen(api, *teams)]

    def is_steady() -> bool:
        looks.append(seen(api, *teams))
        return len(looks) > STEADY and all(one == looks[-1] for one in looks[-STEADY:])

    api.wait_until(is_steady, "the operator has written everything")
    return looks[-1]


def _namespaces(places: t.Collection[str]) -> set[tuple[str, str]]:
    return {("Namespace", name) for name in places}


def has_stateful_set(api: Cluster, name: str) -> bool:
    return api.find("apps/v1", "StatefulSet", f"prometheus-{name}", f"monitoring-{name}") is not None


def test_flips_touch_neither_the_operator_nor_other_teams(
    request: pytest.FixtureRequest, plane: ControlPlane, api: Cluster, run: t.Callable[..., JsonObject]
) -> None:
    with operator(plane, lab_program(request, "operator")) as process:
        run(on=True)
        for name in (*OTHERS, FLIPPED):
            api.wait_until(partial(has_stateful_set, api, name), f"the operator reconciled {name}")
        before = settled(api, *OTHERS)
        assert {"Prometheus", "StatefulSet", "ServiceMonitor", "Role", "Namespace"} <= {
            kind for kind, _place, _name in before
        }
        for number in range(FLIPS):
            outcome = run(on=bool(number % 2))["outcome"]
            changed = {change.key.namespace for change in outcome.changes}
            assert changed == {f"monitoring-{FLIPPED}", FLIPPED}, f"flip {number}"
        assert seen(api, *OTHERS) == before
        # The operator of before still runs, and reconciles what came back.
        api.wait_until(lambda: has_stateful_set(api, FLIPPED), "the operator still reconciles")
        assert process.poll() is None
