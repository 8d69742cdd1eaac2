# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Writing planned CRDs: taken over from other installers, compared with what was wanted, waited for until served."""

from __future__ import annotations

import time
import typing as t
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from ansible_collections.promfleet.monitoring.plugins.module_utils._api.client import Cluster, Resource
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.errors import ApiError, ClusterError
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.kinds import key_of
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.parallel import side_by_side
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.progress import SILENT, Progress
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.text import first_of
from ansible_collections.promfleet.monitoring.plugins.module_utils._crds.owners import of_release
from ansible_collections.promfleet.monitoring.plugins.module_utils._crds.plan import (
    CRD_API,
    CRD_KIND,
    CrdPlan,
    CrdWrite,
    content,
    is_established,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.blocked import (
    CREATE,
    UPDATE,
    Blocked,
    Untried,
    told_once,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.options import WORKERS
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.outcome import (
    Change,
    Failure,
    Incomplete,
    Outcome,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.takeover import rewrite
from ansible_collections.promfleet.monitoring.plugins.module_utils._state.compare import changed_paths, for_display

JsonObject = dict[str, t.Any]

INTERVAL = 0.2


def crd_resource(cluster: Cluster) -> Resource:
    """Where CRDs live."""
    resource = cluster.resource(CRD_API, CRD_KIND)
    if resource is None:
        raise ClusterError(f"the cluster does not serve {CRD_API}: Kubernetes 1.25 or newer is needed")
    return resource


def ask_server(cluster: Cluster, plan: CrdPlan) -> None:
    """Let the server refuse in check mode what it would refuse in the run."""
    _send(cluster, plan, outcome=Outcome(), dry_run=True)


def write_all(cluster: Cluster, plan: CrdPlan, *, outcome: Outcome, progress: Progress) -> None:
    """Write what is planned into *outcome*; raises Incomplete if a CRD could not be written, or is not as wanted."""
    progress.step("applying", total=len(plan.writes), unit="CRDs")
    _send(cluster, plan, outcome=outcome, dry_run=False, progress=progress)


def _send(cluster: Cluster, plan: CrdPlan, *, outcome: Outcome, dry_run: bool, progress: Progress = SILENT) -> None:
    """Apply every CRD of *plan*; where a webhook cannot be called, one of them is enough to know that."""
    resource = crd_resource(cluster)
    blocked = Blocked(cluster)

    def one(write: CrdWrite) -> _Answer | Failure | Untried:
        return blocked.tried(
            write.desired,
            CREATE if write.live is None else UPDATE,
            attempt=lambda: _attempt(cluster, write, resource=resource, dry_run=dry_run),
        )

    with ThreadPoolExecutor(max_workers=WORKERS) as pool:
        results = list(pool.map(progress.counting(one), plan.writes))
    answers = [result for result in results if isinstance(result, _Answer)]
    failed = [result for result in results if isinstance(result, Failure)]
    untried = [result for result in results if isinstance(result, Untried)]
    outcome.changes = [answer.change for answer in answers]
    problems = [answer.problem for answer in answers if answer.problem]
    number = len(problems) + len(failed) + len(untried)
    problems += [f"{failure.key.name}: {failure.message}" for failure in told_once(failed, untried)]
    if problems:
        raise Incomplete(
            f"{number} CRDs could not be applied: {first_of(problems, separator='; ')}. "
            "Operators that were stopped (scaled to zero) stay stopped until a run succeeds",
            outcome=outcome,
        )


@dataclass(frozen=True, kw_only=True)
class _Answer:
    """What the server made of a CRD, and in words where that is not what was wanted."""

    change: Change
    problem: str = ""


def _attempt(cluster: Cluster, write: CrdWrite, *, resource: Resource, dry_run: bool) -> _Answer | Failure:
    name = write.desired["metadata"]["name"]
    try:
        if not dry_run:
            _take_over(cluster, write, resource=resource)
        after = cluster.apply(write.desired, resource=resource, dry_run=dry_run, force=True)[1]
    except ApiError as error:
        return Failure(key=key_of(write.desired), message=error.server_message, webhook=error.webhook)
    found = content(after, like=write.desired)
    left = [] if dry_run else changed_paths(found, write.after)
    problem = f"{name} is not what was applied: {', '.join(left)} (a webhook's work?)" if left else ""
    return _Answer(change=change_of(write, after=found), problem=problem)


def _take_over(cluster: Cluster, write: CrdWrite, *, resource: Resource) -> None:
    """Own what other installers own of the CRD, so that our apply removes what it does not have."""

    def change(live: JsonObject) -> JsonObject:
        entries = of_release(live, desired=write.desired)
        return live if entries is None else {**live, "metadata": {**live["metadata"], "managedFields": entries}}

    if write.live is not None and change(write.live) is not write.live:
        rewrite(cluster, write.live, change=change, resource=resource)


def change_of(write: CrdWrite, *, after: JsonObject) -> Change:
    """The change of a CRD, with its schemas as fingerprints."""
    before, shown = for_display(CRD_KIND, write.before, after)
    action = "created" if write.live is None else "updated"
    return Change(action=action, key=key_of(write.desired), before=before, after=shown)


def wait_served(cluster: Cluster, crds: Sequence[JsonObject], *, timeout: float, progress: Progress = SILENT) -> None:
    """Wait until each CRD is established, and each of its versions is among what the server says that it serves."""
    resource = crd_resource(cluster)
    deadline = time.monotonic() + timeout
    waiting = list(crds)
    while waiting:
        live = side_by_side(
            lambda crd: cluster.find(resource.path(name=crd["metadata"]["name"])), waiting, workers=WORKERS
        )
        groups = {f"{crd['spec']['group']}/{version}" for crd in waiting for version in _served_versions(crd)}
        for group in groups:
            cluster.resources(group, refresh=True)
        waiting = [
            crd
            for crd, found in zip(waiting, live, strict=True)
            if found is None or not is_established(found) or not _is_served(cluster, crd)
        ]
        if waiting and time.monotonic() > deadline:
            names = ", ".join(crd["metadata"]["name"] for crd in waiting)
            raise ClusterError(f"not established and served after {timeout:.0f} s: {names}")
        if waiting:
            first = waiting[0]["metadata"]["name"]
            progress.step(f"waiting until {len(waiting)} of {len(crds)} CRDs are established and served: {first}")
            time.sleep(INTERVAL)


def _served_versions(crd: JsonObject) -> list[str]:
    return [version["name"] for version in crd["spec"]["versions"] if version.get("served")]


def _is_served(cluster: Cluster, crd: JsonObject) -> bool:
    spec = crd["spec"]
    return all(
        cluster.resource(f"{spec['group']}/{version}", spec["names"]["kind"]) is not None
        for version in _served_versions(crd)
    )
