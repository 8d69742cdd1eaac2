# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Removing what a plan no longer wants: deletions, and giving up what was there before us."""

from __future__ import annotations

import typing as t
from concurrent.futures import ThreadPoolExecutor

from ansible_collections.promfleet.monitoring.plugins.module_utils._api.client import Cluster, Resource
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.errors import ApiError, ClusterError
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.kinds import key_of, phase_of
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.progress import Progress
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets import record
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.options import WORKERS, Options
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.outcome import (
    Change,
    Failure,
    Incomplete,
    Outcome,
    listed,
    removed,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.plan import Plan
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.takeover import give_up
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.wait import wait_gone

JsonObject = dict[str, t.Any]


def remove_all(
    cluster: Cluster, plan: Plan, outcome: Outcome, *, extra: t.Sequence[JsonObject], options: Options
) -> None:
    """Delete what goes, the last of what was applied first, then release, the record at the end.

    An interrupted run finds the rest by its labels and by the record, so these go after all that they lead to. Raises
    Incomplete where something stays, before what it may need goes.
    """
    going = [*plan.deletes, *extra]
    if options.check:
        outcome.changes.extend(removed(action="deleted", live=live) for live in going)
        outcome.changes.extend(removed(action="released", live=live) for live in plan.releases)
        return
    records = [live for live in going if record.is_record(live)]
    rest = [live for live in going if not record.is_record(live)]
    for phase in sorted({phase_of(live["kind"]) for live in (*rest, *plan.leaving)}, reverse=True):
        batch = [live for live in rest if phase_of(live["kind"]) == phase]
        options.progress.step("deleting", total=len(batch))
        _remove(cluster, batch, outcome, action="deleted", remove=_delete, progress=options.progress)
        if options.wait_timeout is not None:
            batch += [live for live in plan.leaving if phase_of(live["kind"]) == phase]
            wait_gone(cluster, objects=batch, timeout=options.wait_timeout, progress=options.progress)
    _remove(cluster, plan.releases, outcome, action="released", remove=_release, progress=options.progress)
    _remove(cluster, records, outcome, action="deleted", remove=_delete, progress=options.progress)


def _remove(
    cluster: Cluster,
    batch: t.Sequence[JsonObject],
    outcome: Outcome,
    *,
    action: str,
    remove: t.Callable[[Cluster, JsonObject], None],
    progress: Progress,
) -> None:
    def attempt(live: JsonObject) -> Change | Failure:
        try:
            remove(cluster, live)
        except ApiError as error:
            return Failure(key=key_of(live), message=error.server_message)
        except ClusterError as error:
            return Failure(key=key_of(live), message=str(error))
        return removed(action=action, live=live)

    with ThreadPoolExecutor(max_workers=WORKERS) as pool:
        results = list(pool.map(progress.counting(attempt), batch))
    outcome.changes.extend(result for result in results if isinstance(result, Change))
    failures = [result for result in results if isinstance(result, Failure)]
    outcome.failures.extend(failures)
    if failures:
        raise Incomplete(f"{len(failures)} objects could not be {action}: {listed(failures)}", outcome=outcome)


def _delete(cluster: Cluster, live: JsonObject) -> None:
    cluster.delete(live, resource=_served(cluster, live), dry_run=False)


def _release(cluster: Cluster, live: JsonObject) -> None:
    try:
        give_up(cluster, live, resource=_served(cluster, live))
    except ApiError as error:
        # It is gone already, or another one of its name is there.
        if error.status != 404 and (error.status != 409 or "uid" not in error.server_message.lower()):
            raise


def _served(cluster: Cluster, live: JsonObject) -> Resource:
    resource = cluster.resource(live["apiVersion"], live["kind"])
    if resource is None:
        raise ClusterError("the cluster no longer serves its kind")
    return resource
