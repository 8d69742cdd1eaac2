"""Takes each right of the shipped ClusterRoles away, one by one: every run is refused before its first write."""

from __future__ import annotations

import tempfile
from pathlib import Path

from ansible_collections.promfleet.monitoring.plugins.module_utils._api.kinds import guess_plural

from promlab.controlplane import ControlPlane
from tests.integration.support.rights import (
    ABSENT,
    ACCOUNTS,
    CRDS,
    PRESENT,
    Bench,
    Case,
    cases,
    names_exactly,
    prepared,
    refusal,
    without,
)
from tests.tools.rights import STOOD_ON

# Asked by the playbook verify, which writes nothing, and by runs that go on without.
READS = {
    "services/proxy",
    "deployments",
    "customresourcedefinitions",
    *(guess_plural(kind) for _version, kind in STOOD_ON),
}


def measure(plane: ControlPlane, *, rounds: int) -> dict[str, object]:
    """Up to *rounds* rights, each taken away alone; raises AssertionError where a run is not refused for just that."""
    todo = cases()[:rounds]
    number = len(todo)
    with tempfile.TemporaryDirectory() as folder, prepared(plane, Path(folder)) as bench:
        # What a run takes depends on what it finds: nothing, only the CRDs, or everything.
        left = _left([case for case in todo if case.is_crd], bench, CRDS)
        bench.call("crds", by_admin=True)
        left += _left([case for case in todo if not case.is_crd], bench, PRESENT)
        for name in ("operator", "teams"):
            bench.call(name, by_admin=True)
        bench.run_platform()
        for name in ("source", "endpoints"):
            bench.call(name, by_admin=True)
        todo = _left(left, bench, ABSENT)
    never = [str(case) for case in todo]
    assert {case.right.resource for case in todo} <= READS, never
    return {"rights": number, "refused": number - len(todo), "reads": never}


def _left(todo: list[Case], bench: Bench, runs: dict[str, tuple[str, ...]]) -> list[Case]:
    """The cases that these runs do not take; the others must be refused for the one right."""
    left = []
    for case in todo:
        rules, records = without(ACCOUNTS[case.account], case)
        more = ACCOUNTS["promfleet-remover"].rules if runs is ABSENT else []
        bench.give([*rules, *more], in_kube_system=records)
        error = refusal(bench, runs.get(case.account, ()))
        if error is None:
            left.append(case)
            continue
        assert names_exactly(error, case), f"{case}: {error}"
    return left
