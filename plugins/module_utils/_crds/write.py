# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Writing planned CRDs: taken over from other installers, compared with what was wanted, waited for until served."""

from __future__ import annotations

import time
import typing as t
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from ansible_collections.promfleet.monitoring.plugins.module_utils._api.client import Cluster, Resource
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.errors import ApiError, ClusterError
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.kinds import key_of
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.progress import SILENT, Progress
from ansible_collections.promfleet.monitoring.plugins.module_utils._crds.owners import taken_over
from ansible_collections.promfleet.monitoring.plugins.module_utils._crds.plan import (
    CRD_API,
    CRD_KIND,
    CrdPlan,
    CrdWrite,
    content,
    is_established,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.options import WORKERS
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.outcome import (
    Change,
    Incomplete,
    Outcome,
    listed,
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
    resource = crd_resource(cluster)
    with ThreadPoolExecutor(max_workers=WORKERS) as pool:
        errors = list(pool.map(lambda write: _attempt(cluster, write, resource=resource, dry_run=True)[1], plan.writes))
    _raise_first(errors, outcome=Outcome())


def write_all(cluster: Cluster, plan: CrdPlan, *, outcome: Outcome, progress: Progress) -> None:
    """Write what is planned into *outcome*; raises Incomplete where a CRD could not be written, or is not as wanted."""
    resource = crd_resource(cluster)

    def attempt(write: CrdWrite) -> tuple[Change | None, str | None]:
        return _attempt(cluster, write, resource=resource, dry_run=False)

    progress.step("applying", total=len(plan.writes), unit="CRDs")
    with ThreadPoolExecutor(max_workers=WORKERS) as pool:
        results = list(pool.map(progress.counting(attempt), plan.writes))
    outcome.changes = [change for change, _error in results if change is not None]
    _raise_first([error for _change, error in results], outcome=outcome)


def _raise_first(errors: Sequence[str | None], *, outcome: Outcome) -> None:
    found = [error for error in errors if error]
    if found:
        raise Incomplete(
            f"{len(found)} CRDs could not be applied: {listed(found)}. Operators that were scaled to zero "
            "stay so until a run succeeds",
            outcome=outcome,
        )


def _attempt(
    cluster: Cluster, write: CrdWrite, *, resource: Resource, dry_run: bool
) -> tuple[Change | None, str | None]:
    name = write.desired["metadata"]["name"]
    try:
        if not dry_run:
            _take_over(cluster, write, resource=resource)
        after = cluster.apply(write.desired, resource=resource, dry_run=dry_run, force=True)[1]
    except ApiError as error:
        return None, f"{name}: {error.server_message}"
    found = content(after, like=write.desired)
    left = [] if dry_run else changed_paths(found, write.after)
    if left:
        return change_of(write, after=found), f"{name} is not what was applied: {', '.join(left)} (a webhook's work?)"
    return change_of(write, after=found), None


def _take_over(cluster: Cluster, write: CrdWrite, *, resource: Resource) -> None:
    """Own what other installers own of the CRD, so that our apply removes what it does not have."""

    def change(live: JsonObject) -> JsonObject:
        entries = taken_over(live, desired=write.desired)
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
        with ThreadPoolExecutor(max_workers=WORKERS) as pool:
            live = list(pool.map(lambda crd: cluster.find(resource.path(name=crd["metadata"]["name"])), waiting))
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
