"""The templates that the collection keeps in AWX, as jobs of AWX on two clusters.

No test file by its name: molecule's scenario `awx` runs these one by one, each after what it needs (molecule/awx).
"""

from __future__ import annotations

import functools
import re
from collections import Counter
from collections.abc import Callable

from tests.integration.support.awx_fleet import AwxFleet
from tests.integration.support.cluster import Cluster, JsonObject
from tests.integration.support.managed import managed
from tests.integration.support.playbook import Run
from tests.integration.support.prometheus import Prometheus
from tests.integration.support.site import EDGE, HUB, awx, edge, expected, hub, inventory

# Fixtures.
__all__ = ["awx", "edge", "hub"]

NOTHING = {HUB: 0, EDGE: 0}
# As people answer: text, but for a number.
ANSWERS: JsonObject = {"promfleet_wait": "true", "promfleet_wait_timeout": 300}
PROGRESS = re.compile(rf"(?:{HUB}|{EDGE}): [a-z_]+: .+, \d+ s")


def test_check_shows_every_object_and_writes_nothing(awx: AwxFleet, hub: Cluster, edge: Cluster) -> None:
    before = [hub.snapshot(), edge.snapshot()]
    run = awx.launch("check").run.require_success()
    assert [hub.snapshot(), edge.snapshot()] == before
    assert run.warnings == []
    for name in (HUB, EDGE):
        crds = [entry for entry in run.objects(host=name) if entry.startswith("created CustomResourceDefinition ")]
        assert Counter(run.objects(host=name)) - Counter(crds) == Counter(f"created {one}" for one in expected(name))
    assert "(created)" in run.output


def test_site_makes_every_object_and_shows_how_far_it_is(awx: AwxFleet, hub: Cluster, edge: Cluster) -> None:
    job = awx.launch("site", ANSWERS)
    run = job.run.require_success()
    assert (managed(hub), managed(edge)) == (expected(HUB), expected(EDGE))
    assert run.warnings == []
    assert {line.partition(":")[0] for line in job.lines if PROGRESS.fullmatch(line)} == {HUB, EDGE}
    # What a schedule starts has no answers.
    assert awx.launch("site").run.require_success().changed() == NOTHING


def test_verify_and_doctor_find_the_worker_federated(awx: AwxFleet, hub: Cluster) -> None:
    central = Prometheus(hub, team="platform")
    hub.wait_until(
        lambda: bool(central.label_sets(f'up{{cluster="{EDGE}",team="platform"}}')), "the hub has the worker's series"
    )
    for name, answers in (("verify", {}), ("doctor", {"promfleet_doctor_mode": "live"})):
        run = awx.launch(name, {"promfleet_fail_on": "error", **answers}).run.require_success()
        assert run.changed() == NOTHING
        assert run.warnings == []


def without_limits(cluster: Cluster, *teams: str) -> None:
    """Delete one object of each of these teams by hand."""
    for team in teams:
        cluster.delete("v1", "LimitRange", team, f"monitoring-{team}")


def test_a_job_of_a_team_works_for_this_team_alone(awx: AwxFleet, edge: Cluster) -> None:
    without_limits(edge, "payments", "search")
    attack = {"team_monitoring_only": "search", "team_monitoring_prune": "true", "promfleet_fleet": "other"}
    run = awx.launch("team payments", attack, limit=HUB, job_type="check").run.require_success()
    assert run.objects() == ["created LimitRange monitoring-payments/payments"]
    assert run.changed() == {HUB: 0, EDGE: 1}
    # Whoever may start the template of all teams is asked which.
    answers = {"team_monitoring_only": "search", "team_monitoring_prune": "false", **ANSWERS}
    run = awx.launch("teams", answers).run.require_success()
    assert run.objects() == ["created LimitRange monitoring-search/search"]
    assert awx.launch("teams", {"team_monitoring_only": ""}).run.require_success().changed() == NOTHING


def test_federation_brings_back_what_was_deleted(awx: AwxFleet, hub: Cluster) -> None:
    slice_name = f"federation-{EDGE}-platform-0"
    hub.delete("discovery.k8s.io/v1", "EndpointSlice", slice_name, "monitoring-platform")
    run = awx.launch("federation", ANSWERS).run.require_success()
    assert run.objects() == [f"created EndpointSlice monitoring-platform/{slice_name}"]


def test_a_slice_without_the_worker_is_refused(awx: AwxFleet, hub: Cluster, edge: Cluster) -> None:
    before = [hub.snapshot(), edge.snapshot()]
    job = awx.launch("federation", part=2)
    job.run.require_failure()
    assert "promfleet_expected_workers: the inventory should have 1 hosts" in " ".join(job.lines)
    assert [hub.snapshot(), edge.snapshot()] == before


def test_a_laptop_finds_nothing_to_do(playbook: Callable[..., Run]) -> None:
    run = playbook("site", inventory=inventory(), arguments=["--check"]).require_success()
    assert run.objects() == []
    assert run.changed() == NOTHING


def test_uninstall_wants_the_name_of_the_fleet(awx: AwxFleet, hub: Cluster, edge: Cluster) -> None:
    before = [hub.snapshot(), edge.snapshot()]
    confirmed = "promfleet_confirmed_fleet"
    assert confirmed in awx.refused("Monitoring: uninstall", {})
    awx.launch("uninstall", {confirmed: "none"}).run.require_failure()
    assert [hub.snapshot(), edge.snapshot()] == before
    awx.launch("uninstall", {confirmed: "default"}).run.require_success()
    for cluster in (hub, edge):
        cluster.wait_until(functools.partial(_is_empty, cluster), "nothing is left of the fleet")


def _is_empty(cluster: Cluster) -> bool:
    return managed(cluster) == []
