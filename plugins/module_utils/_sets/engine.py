# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The apply engine: brings one set of objects in one cluster to its desired state, or tells what that would take.

LIST by the set's label and compare (look.py, plan.py), then server-side apply of what differs (apply.py); prune what a
former run made and nobody wants any more (remove.py); wait until all is ready (wait.py). Check mode goes the same way
with ``dryRun=All``.
"""

from __future__ import annotations

import contextlib
import typing as t

from ansible_collections.promfleet.monitoring.plugins.module_utils._api.client import Cluster
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.errors import ClusterError, Refused
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.marks import SET_LABEL
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets import lease, record
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.access.preflight import (
    explaining,
    require_rights,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.access.rights import Right
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.apply import apply_all
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.look import Work, look
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.options import Options
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.outcome import Incomplete, Outcome
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.remove import remove_all
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.request import Request
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.wait import wait_ready


def converge(cluster: Cluster, request: Request, *, options: Options) -> Outcome:
    """Bring the set to its desired state; raises Refused before any write, Incomplete after a partial one."""
    lock = lease.name_of(request.owner.label)
    # Looked at before the objects: whoever takes it at this version knows that nobody wrote since.
    with _explaining(cluster, request):
        seen = lease.Seen(live=None) if options.check else lease.look(cluster, lock)
    work = _permitted(cluster, request, options=options)
    # A set that is gone needs no Lease either; one is left where a run was killed at its very end.
    if options.check or (work.is_empty and not (work.ends and seen.live)):
        outcome = _do(cluster, work, options=options)
    else:
        options.progress.step(f"taking the Lease {lock}")
        with lease.hold(cluster, lock, seen=seen, timeout=options.lock_timeout) as held:
            if not held.fresh:
                work = _permitted(cluster, request, options=options)
            outcome = _do(cluster, work, options=options)
            held.remove = work.ends
    if options.wait_timeout is not None and not options.check and request.desired:
        with _reporting(outcome):
            wait_ready(
                cluster,
                objects=[obj for key, obj in work.wanted.items() if not work.plan.is_ready(key)],
                selector=f"{SET_LABEL}={request.owner.label}",
                timeout=options.wait_timeout,
                progress=options.progress,
            )
    return outcome


def _permitted(cluster: Cluster, request: Request, *, options: Options) -> Work:
    """What is to be done, once it is known that the account may do all of it; raises Forbidden where it may not."""
    with _explaining(cluster, request):
        work = look(cluster, request, options=options)
    require_rights(
        cluster,
        work.plan,
        extra_deletes=work.extra,
        needs=_needs(request),
        refused=work.refused,
        absent_namespaces=work.absent_namespaces,
        waits=options.wait_timeout is not None,
    )
    return work


def _explaining(cluster: Cluster, request: Request) -> contextlib.AbstractContextManager[None]:
    desired = [*request.desired, record.manifest(owner=request.owner, kinds=())]
    return explaining(cluster, kinds=request.kinds, desired=desired, needs=_needs(request))


def _needs(request: Request) -> tuple[Right, ...]:
    return (*request.needs, *lease.needed_rights(lease.name_of(request.owner.label)))


def _do(cluster: Cluster, work: Work, *, options: Options) -> Outcome:
    outcome = Outcome(unchanged=len(work.plan.unchanged), warnings=list(work.plan.warnings))
    with _reporting(outcome):
        apply_all(cluster, work.plan, outcome, absent_namespaces=work.absent_namespaces, options=options)
        remove_all(cluster, work.plan, outcome, extra=work.extra, options=options)
    return outcome


@contextlib.contextmanager
def _reporting(outcome: Outcome) -> t.Iterator[None]:
    """Whatever stops the work, what was done until then is told."""
    try:
        yield
    except (Incomplete, Refused):
        raise
    except ClusterError as error:
        raise Incomplete(str(error), outcome=outcome) from error
