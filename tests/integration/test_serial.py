"""Plays of users that take one cluster at a time: what is asked and told about the fleet holds for the whole run."""

from __future__ import annotations

import typing as t
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from promlab.controlplane import ControlPlane, control_plane
from tests.integration.support.inventory import fleet
from tests.integration.support.playbook import Run

JsonObject = dict[str, t.Any]
Playbook = Callable[..., Run]

ROLE = "promfleet.monitoring.prometheus_operator"
RECAP = {
    "name": "Tell what became of each cluster",
    "ansible.builtin.include_role": {"name": "promfleet.monitoring.promfleet", "tasks_from": "recap"},
}
ONE_BY_ONE: JsonObject = {"hosts": "all", "gather_facts": False, "serial": 1}


@pytest.fixture(scope="module")
def planes() -> Iterator[tuple[ControlPlane, ControlPlane]]:
    with ExitStack() as stack:
        one, two = (stack.enter_context(control_plane(name, controllers=False)) for name in ("one", "two"))
        yield one, two


def inventory(**hosts: ControlPlane) -> JsonObject:
    """A fleet of these hosts, the first of them central."""
    first, *others = hosts
    connections = {
        name: {"promfleet_kubeconfig": str(plane.kubeconfig), "promfleet_context": plane.context}
        for name, plane in hosts.items()
    }
    return fleet(central=first, workers=others, hosts=connections, promfleet_kubeconfig="none", promfleet_wait=False)


def recaps(run: Run) -> list[list[str]]:
    """What each recap of a run says."""
    told = [result for result in run.results if result.task.startswith("Recap | ") and result.status != "skipped"]
    return [result.data["msg"] for result in told]


def test_a_recap_is_told_once_for_all_clusters(playbook: Playbook, planes: tuple[ControlPlane, ControlPlane]) -> None:
    one, two = planes
    play = {**ONE_BY_ONE, "roles": [ROLE], "post_tasks": [RECAP]}
    run = playbook([play], inventory=inventory(one=one, two=two)).require_success()
    assert [result.host for result in run.of("prometheus_operator")] == ["one", "two"]
    changed = {name: len(run.objects(host=name)) for name in ("one", "two")}
    assert min(changed.values()) > 0
    assert recaps(run) == [[f"{name}: ok, {count} objects changed" for name, count in changed.items()]]
    again = playbook([play], inventory=inventory(one=one, two=two)).require_success()
    assert recaps(again) == [["one: ok, 0 objects changed", "two: ok, 0 objects changed"]]


def test_one_cluster_under_two_names_is_refused_in_a_later_batch(
    playbook: Playbook, planes: tuple[ControlPlane, ControlPlane]
) -> None:
    one, _two = planes
    play = {**ONE_BY_ONE, "roles": [ROLE]}
    run = playbook([play], inventory=inventory(one=one, twin=one)).require_failure()
    (failure,) = run.failures
    assert failure.host == "twin"
    assert "one and the same cluster" in failure.message
    assert "one and twin" in failure.message
    assert run.of("prometheus_operator", host="twin") == []


def test_the_check_of_all_input_refuses_it_before_the_first_batch(
    playbook: Playbook, planes: tuple[ControlPlane, ControlPlane]
) -> None:
    one, _two = planes
    plays = [
        {"name": "Check all input", "import_playbook": "promfleet.monitoring.check_input"},
        {**ONE_BY_ONE, "roles": [ROLE]},
    ]
    run = playbook(plays, inventory=inventory(one=one, twin=one)).require_failure()
    assert {"one and the same cluster" in failure.message for failure in run.failures} == {True}
    assert run.of("prometheus_operator") == []


def test_a_cluster_that_cannot_be_used_does_not_end_the_run(
    playbook: Playbook, planes: tuple[ControlPlane, ControlPlane]
) -> None:
    one, two = planes
    broken = inventory(one=one, gone=two, two=two)
    broken["all"]["children"]["promfleet_workers"]["hosts"]["gone"]["promfleet_kubeconfig"] = "/nowhere/kubeconfig"
    plays = [
        {"name": "Check all input", "import_playbook": "promfleet.monitoring.check_input"},
        {**ONE_BY_ONE, "roles": [ROLE], "post_tasks": [RECAP]},
    ]
    run = playbook(plays, inventory=broken).require_failure()
    assert [result.host for result in run.of("prometheus_operator")] == ["one", "two"]
    ((first, left_out, last),) = recaps(run)
    assert (first, last) == ("one: ok, 0 objects changed", "two: ok, 0 objects changed")
    assert left_out.startswith("gone: LEFT OUT: ")
