# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Removing what a plan no longer wants: deletions, and giving up what was there before us."""

from __future__ import annotations

import time
import typing as t
from concurrent.futures import ThreadPoolExecutor

from ansible_collections.promfleet.monitoring.plugins.module_utils._api.client import Cluster, Resource
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.errors import ApiError, ClusterError
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.kinds import key_of, phase_of
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.progress import Progress
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.text import first_of
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets import record
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.blocked import (
    DELETE,
    UPDATE,
    Blocked,
    Untried,
    told_once,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.options import WORKERS, Options
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.outcome import (
    Change,
    Failure,
    Incomplete,
    Outcome,
    given_back,
    removed,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.plan import Plan
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.takeover import Gone, give_up
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.wait import wait_gone
from ansible_collections.promfleet.monitoring.plugins.module_utils._state import former
from ansible_collections.promfleet.monitoring.plugins.module_utils._state.grants import is_grant

JsonObject = dict[str, t.Any]

# Each API server learns of roles and bindings by watching them, a moment after they are written; no request tells when
# all have (k8s.io/kubernetes, pkg/kubeapiserver/authorizer: RBAC reads from shared informers).
GRANTS_SETTLE = 2.0


def remove_all(
    cluster: Cluster, plan: Plan, outcome: Outcome, *, extra: t.Sequence[JsonObject], options: Options
) -> None:
    """Delete objects in the reverse order of apply, then release others, then delete the record.

    After an interruption the next run finds the rest by labels and record, so these are deleted last. Raises Incomplete
    if an object stays, before deleting what it may need; in check mode, too, for what is known to stay.
    """
    going = [*plan.deletes, *extra]

    def release(cluster: Cluster, live: JsonObject) -> Change:
        return _release(cluster, live, check=options.check)

    records = [live for live in going if record.is_record(live)]
    rest = [live for live in going if not record.is_record(live)]
    if options.check:
        outcome.changes.extend(removed(action="deleted", live=live) for live in rest)
        _remove(cluster, plan.releases, outcome, action="released", remove=release, progress=options.progress)
        if not plan.held:
            outcome.changes.extend(removed(action="deleted", live=live) for live in records)
        _require_none_held(plan, outcome)
        return
    if _must_settle(rest, outcome):
        options.progress.step("waiting until the API servers know the new bindings")
        time.sleep(GRANTS_SETTLE)
    for phase in sorted({phase_of(live["kind"]) for live in (*rest, *plan.leaving)}, reverse=True):
        batch = [live for live in rest if phase_of(live["kind"]) == phase]
        options.progress.step("deleting", total=len(batch))
        _remove(cluster, batch, outcome, action="deleted", remove=_delete, progress=options.progress)
        if options.wait_timeout is not None:
            batch += [live for live in plan.leaving if phase_of(live["kind"]) == phase]
            wait_gone(cluster, objects=batch, timeout=options.wait_timeout, progress=options.progress)
    _remove(cluster, plan.releases, outcome, action="released", remove=release, progress=options.progress)
    _require_none_held(plan, outcome)
    _remove(cluster, records, outcome, action="deleted", remove=_delete, progress=options.progress)


def _must_settle(going: t.Sequence[JsonObject], outcome: Outcome) -> bool:
    """Whether roles or bindings are to be deleted where this run has made some: a new name for the same rights. Pure.

    An account has its rights by the old binding until all API servers know the new one, and then by both.
    """
    made = {change.key.namespace for change in outcome.changes if change.action == "created" and is_grant(change.key)}
    return any(is_grant(key) and key.namespace in made for key in map(key_of, going))


def _require_none_held(plan: Plan, outcome: Outcome) -> None:
    if plan.held:
        names = [key_of(live) for live in plan.held]
        outcome.failures.extend(Failure(key=key, message=plan.held_because) for key in names)
        raise Incomplete(
            f"{len(names)} objects cannot be deleted: {first_of(names)}: {plan.held_because}", outcome=outcome
        )


def _remove(
    cluster: Cluster,
    batch: t.Sequence[JsonObject],
    outcome: Outcome,
    *,
    action: str,
    remove: t.Callable[[Cluster, JsonObject], Change],
    progress: Progress,
) -> None:
    blocked = Blocked(cluster)
    operation = DELETE if action == "deleted" else UPDATE

    def attempt(live: JsonObject) -> Change | Failure:
        try:
            return remove(cluster, live)
        except ApiError as error:
            return Failure(key=key_of(live), message=error.server_message, webhook=error.webhook)
        except ClusterError as error:
            return Failure(key=key_of(live), message=str(error))

    def one(live: JsonObject) -> Change | Failure | Untried:
        return blocked.tried(live, operation, attempt=lambda: attempt(live))

    with ThreadPoolExecutor(max_workers=WORKERS) as pool:
        results = list(pool.map(progress.counting(one), batch))
    outcome.changes.extend(result for result in results if isinstance(result, Change))
    untried = [result for result in results if isinstance(result, Untried)]
    failed = [result for result in results if isinstance(result, Failure)]
    failures = told_once(failed, untried)
    outcome.failures.extend(failures)
    if failures:
        raise Incomplete(
            f"{len(failed) + len(untried)} objects could not be {action}: {first_of(failures, separator='; ')}",
            outcome=outcome,
        )


def _delete(cluster: Cluster, live: JsonObject) -> Change:
    cluster.delete(live, resource=_served(cluster, live), dry_run=False)
    return removed(action="deleted", live=live)


def _release(cluster: Cluster, live: JsonObject, *, check: bool) -> Change:
    after = None
    try:
        after = give_up(cluster, live, resource=_served(cluster, live), check=check)
    except Gone:
        pass  # it was deleted already, and another one with its name may exist
    except ApiError as error:
        if error.status != 404 and (error.status != 409 or "uid" not in error.server_message.lower()):
            raise
    if after is None:
        return removed(action="released", live=live)
    return given_back(live=live, after=after, fields=former.touched(former.layers_of(live)))


def _served(cluster: Cluster, live: JsonObject) -> Resource:
    resource = cluster.resource(live["apiVersion"], live["kind"])
    if resource is None:
        raise ClusterError("the cluster no longer serves its kind")
    return resource
