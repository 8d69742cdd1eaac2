"""How truthful the engine is: random histories against the API server, alone and beside a writer that never rests."""

from __future__ import annotations

import contextlib
import json
import threading
import typing as t
from collections.abc import Iterator

from ansible_collections.promfleet.monitoring.plugins.module_utils._base.marks import KNOWN_AFTER_APPLY
from ansible_collections.promfleet.monitoring.plugins.module_utils._crds import kinds as operator_kinds
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.plan import SetId
from hypothesis import HealthCheck, given, seed, settings

from promlab.controlplane import ControlPlane
from tests.bench.peers import install_crds
from tests.integration.support.cluster import MERGE, ApiError, Cluster
from tests.integration.support.fleets import STATUS
from tests.integration.support.transitions import PRESENT, Truth, histories
from tests.unit.capabilities.builders import objects_of_team

JsonObject = dict[str, t.Any]

TEAMS = 20
FALSE_DIFFERS_MAX = 0.01


def measure(plane: ControlPlane, *, rounds: int) -> JsonObject:
    """Random histories, *rounds* in all, a fifth of them beside a restless writer, and the fleet of TEAMS teams.

    Returns counts; raises AssertionError for a false "unchanged", a wrong prediction or a third run that changes.
    """
    # As each module does it that writes objects of the operator's kinds.
    operator_kinds.register()
    api = install_crds(plane)
    beside = rounds // 5
    facts: JsonObject = {"quiet": _live_through(api, rounds=rounds - beside, number=1)}
    with _restless_writer(api) as writes:
        facts["beside_a_writer"] = _live_through(api, rounds=beside, number=2)
    facts["beside_a_writer"]["foreign_writes"] = len(writes)
    facts["fleet"] = _fleet(api)
    return facts


def _live_through(api: Cluster, *, rounds: int, number: int) -> JsonObject:
    truth = Truth(api)

    @seed(number)
    @settings(
        max_examples=rounds,
        database=None,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )
    @given(history=histories())
    def tried(history: t.Any) -> None:
        truth.live_through(history)

    tried()
    return truth.tally.facts()


@contextlib.contextmanager
def _restless_writer(api: Cluster) -> Iterator[list[str]]:
    """Somebody who changes the status of every object in the namespace, all the time."""
    stop = threading.Event()
    written: list[str] = []
    kinds = [kind for kind in api.kinds() if kind.kind in STATUS]

    def write() -> None:
        while not stop.is_set():
            for kind in kinds:
                path = f"{kind.path(PRESENT, 'one')}/status"
                condition = {"type": "Restless", "status": "True", "reason": "R", "message": str(len(written))}
                condition["lastTransitionTime"] = "2026-01-01T00:00:00Z"
                patch = {"status": {"conditions": [condition], "observedGeneration": len(written)}}
                with contextlib.suppress(ApiError):
                    api.request("PATCH", path, query={"fieldManager": "restless"}, body=patch, content_type=MERGE)
                    written.append(path)

    thread = threading.Thread(target=write)
    thread.start()
    try:
        yield written
    finally:
        stop.set()
        thread.join()


def _fleet(api: Cluster) -> JsonObject:
    """The share of needless requests on the collection's own manifests: applied, and applied again."""
    truth = Truth(api)
    owner = SetId(fleet="truth-fleet", capability="objects-truth")
    made = [obj for number in range(TEAMS) for obj in objects_of_team({"name": f"team-{number}"})]
    # What a run learns from the cluster, such as the addresses of its API server.
    desired = tuple(json.loads(json.dumps(made).replace(KNOWN_AFTER_APPLY, "192.0.2.1/32")))
    try:
        truth.run(desired, owner=owner, check=False, force=False)
        again = truth.run(desired, owner=owner, check=False, force=False)
        assert [*again.failures, *again.entries] == [], [*again.failures, *again.entries]
        share = len(again.plan.writes) / len(desired)
        assert share < FALSE_DIFFERS_MAX, [str(write.desired["metadata"]) for write in again.plan.writes]
        return {"objects": len(desired), "false_differs": len(again.plan.writes), "false_differs_share": share}
    finally:
        truth.run((), owner=owner, check=False, force=False)
