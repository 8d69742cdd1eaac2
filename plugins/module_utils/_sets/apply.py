# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Applying what differs, in phases and in parallel; in check mode asking the server what that would do."""

from __future__ import annotations

import typing as t
from concurrent.futures import ThreadPoolExecutor

from ansible_collections.promfleet.monitoring.plugins.module_utils._api.client import Cluster
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.errors import ApiError, ClusterError
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.kinds import Key, key_of, phase_of
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.text import first_of
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets import record
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.access.rights import bound_role
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.blocked import (
    CREATE,
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
    predicted,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.plan import Plan, Write, mentions_unknown
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.write import refusal, write_one
from ansible_collections.promfleet.monitoring.plugins.module_utils._state.grants import ROLES


def apply_all(
    cluster: Cluster, plan: Plan, outcome: Outcome, *, absent_namespaces: frozenset[str], options: Options
) -> None:
    """Write what the plan says into *outcome*; raises Incomplete if an object could not be applied.

    Where a webhook cannot be called, one object of its sort is tried, and no others.
    """
    options.progress.step("predicting" if options.check else "applying", total=len(plan.writes))
    roles = {key_of(write.desired) for write in plan.writes if write.desired["kind"] in ROLES}
    blocked = Blocked(cluster)
    untried: list[Untried] = []

    def one(write: Write) -> Change | Failure | Untried | None:
        return blocked.tried(
            write.desired,
            CREATE if write.live is None else UPDATE,
            attempt=lambda: attempt(cluster, write, absent_namespaces=absent_namespaces, roles=roles, options=options),
        )

    for batch in _batches(plan.writes):
        with ThreadPoolExecutor(max_workers=WORKERS) as pool:
            results = list(pool.map(options.progress.counting(one), batch))
        for result in results:
            if isinstance(result, Change):
                outcome.changes.append(result)
            elif isinstance(result, Failure):
                outcome.failures.append(result)
            elif isinstance(result, Untried):
                untried.append(result)
            else:
                outcome.unchanged += 1
        if outcome.failures and record.is_record(batch[0].desired):
            break  # what no later run could find is not made
    if outcome.failures:
        number = len(outcome.failures) + len(untried)
        outcome.failures = told_once(outcome.failures, untried)
        raise Incomplete(
            f"{number} objects could not be applied: {first_of(outcome.failures, separator='; ')}",
            outcome=outcome,
        )


def _batches(writes: t.Sequence[Write]) -> list[list[Write]]:
    """The order of writes. The record is first, so that the next run finds everything after an interruption."""
    ordered = sorted(writes, key=lambda write: key_of(write.desired))
    batches = [[write for write in ordered if record.is_record(write.desired)]]
    rest = [write for write in ordered if not record.is_record(write.desired)]
    for phase in sorted({phase_of(write.desired["kind"]) for write in rest}):
        batches.append([write for write in rest if phase_of(write.desired["kind"]) == phase])
    return [batch for batch in batches if batch]


def attempt(
    cluster: Cluster,
    write: Write,
    *,
    absent_namespaces: frozenset[str],
    roles: t.Container[Key] = (),
    options: Options,
) -> Change | Failure | None:
    """Write one object: its change, None if the server saw no difference, or why it could not be.

    *roles* are written by the same run: about what binds them the server has no answer before they are there.
    """
    key = key_of(write.desired)
    resource = cluster.resource(write.desired["apiVersion"], write.desired["kind"])
    local = resource is None or key.namespace in absent_namespaces or mentions_unknown(write.desired)
    local = local or bound_role(write.desired) in roles
    if options.check and local:
        return _predicted(write, options=options)
    if resource is None:
        return Failure(
            key=key,
            message=f"the cluster does not serve {write.desired['apiVersion']} {key.kind}; "
            "install the CRDs first (role promfleet.monitoring.prometheus_operator)",
        )
    try:
        return write_one(cluster, write, resource=resource, options=options)
    except ApiError as error:
        judged_by_old_crd = error.status != 403 and not error.conflicts and error.webhook is None
        if options.check and judged_by_old_crd and options.to_come.problems(write.desired) is not None:
            return _predicted(write, options=options)
        return refusal(write, error)
    except ClusterError as error:
        return Failure(key=key, message=str(error))


def _predicted(write: Write, *, options: Options) -> Change | Failure:
    """Our own prediction, if the run itself first changes what the server's answer depends on."""
    refused = None if mentions_unknown(write.desired) else options.to_come.problems(write.desired)
    if refused:
        message = f"the CRDs of this run would refuse it: {'; '.join(refused)}"
        return Failure(key=key_of(write.desired), message=message)
    return predicted(action="created" if write.live is None else "updated", before=write.live, desired=write.desired)
