# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The apply engine: brings one set of objects in one cluster to its desired state, or predicts the changes.

It lists by the set's label and compares (look.py, plan.py), then applies what differs by server-side apply (apply.py),
prunes what a former run made and is no longer desired (remove.py), and waits until all is ready (wait.py). Check mode
does the same with ``dryRun=All``.
"""

from __future__ import annotations

import contextlib
import typing as t
from dataclasses import replace

from ansible_collections.promfleet.monitoring.plugins.module_utils._api.client import Cluster
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.errors import (
    ClusterError,
    Refused,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.kinds import key_of, phase_of
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.marks import SET_LABEL
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.text import first_of
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets import inhabitants, lease, record
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.access.preflight import (
    explaining,
    require_rights,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.access.rights import Right
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.apply import apply_all
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.look import Work, look
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.options import Options
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.outcome import Incomplete, Outcome
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.place import (
    TO_READ,
    Elsewhere,
    following,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.plan import Write
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.remove import remove_all
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.request import Request
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.server_warnings import told_to
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.step import NOTHING_BESIDE
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.wait import wait_ready

# The first phase of the order of writes that starts pods.
WORKLOADS = phase_of("Deployment")


def converge(cluster: Cluster, request: Request, *, options: Options) -> Outcome:
    """Bring the set to its desired state; raises Refused before any write, Incomplete after a partial one."""
    try:
        return _converge(cluster, request, options=options)
    except Elsewhere as found:
        place = found.namespace
    return _converge(cluster, request, options=replace(options, records_namespace=place))


def _converge(cluster: Cluster, request: Request, *, options: Options) -> Outcome:
    """The same in one place for record and Lease; raises Elsewhere if that is another one."""
    lock = _lock(request, options=options)
    # Read before the objects: a run that takes the Lease at this version knows that no other run wrote since.
    with _explaining(cluster, request, options=options), following(cluster, options.records_namespace):
        seen = lease.Seen(live=None) if options.check else lease.look(cluster, lock)
    work = permitted(cluster, request, options=options)
    # A removed set needs no Lease either; one is left if a run was killed at its very end.
    if options.check or (work.is_empty and not (work.ends and seen.live)):
        outcome = _do(cluster, work, request, options=options)
    else:
        options.progress.step(f"taking the Lease {lock.name}")
        with lease.hold(cluster, lock, seen=seen, timeout=options.lock_timeout) as kept:
            # Without a record another run may have begun in another namespace: now its Lease or its mark is seen.
            if not (kept.fresh and work.recorded):
                work = permitted(cluster, request, options=options)
            outcome = _do(cluster, work, request, options=options)
            kept.remove = work.ends
    if options.wait_timeout is not None and not options.check and request.desired:
        with _reporting(outcome, hint=work.step.hint):
            wait_ready(
                cluster,
                objects=[obj for key, obj in work.wanted.items() if not work.plan.is_ready(key)],
                selector=f"{SET_LABEL}={request.owner.label}",
                timeout=options.wait_timeout,
                progress=options.progress,
            )
    return outcome


def permitted(cluster: Cluster, request: Request, *, options: Options) -> Work:
    """What is to be done, once it is known that the account may do all of it, and that it harms no pods of others.

    Raises Forbidden or Refused if that is not so.
    """
    with _explaining(cluster, request, options=options), following(cluster, options.records_namespace):
        work = look(cluster, request, options=options)
    require_rights(
        cluster,
        work.plan,
        extra_deletes=work.extra,
        needs=(
            *_needs(request, options=options),
            *inhabitants.needed_rights(work.plan, options=options, absent_namespaces=work.absent_namespaces),
            *work.step.needs,
        ),
        always=not work.step.is_empty,
        refused=work.refused,
        absent_namespaces=work.absent_namespaces,
        waits=options.wait_timeout is not None,
    )
    inhabitants.require_harmless(
        cluster, work.plan, wanted=work.wanted, absent_namespaces=work.absent_namespaces, options=options
    )
    return work


def _explaining(cluster: Cluster, request: Request, *, options: Options) -> contextlib.AbstractContextManager[None]:
    its_record = record.manifest(owner=request.owner, namespace=options.place, kinds=())
    needs = (*_needs(request, options=options), *request.reads, TO_READ)
    return explaining(cluster, kinds=request.kinds, desired=[*request.desired, its_record], needs=needs)


def _needs(request: Request, *, options: Options) -> tuple[Right, ...]:
    return (*request.needs, *options.needs, *lease.needed_rights(_lock(request, options=options)))


def _lock(request: Request, *, options: Options) -> lease.Lock:
    return lease.Lock(namespace=options.place, name=lease.name_of(request.owner.label))


def _do(cluster: Cluster, work: Work, request: Request, *, options: Options) -> Outcome:
    warnings = [*work.plan.warnings, *work.step.warnings]
    outcome = Outcome(unchanged=len(work.plan.unchanged), warnings=warnings, place=options.place)
    with _reporting(outcome), told_to(cluster, outcome.warnings):
        late = [] if options.check else [write for write in work.plan.writes if _registers(write, request)]
        _apply(cluster, work, outcome, late=late, options=options)
        try:
            remove_all(cluster, work.plan, outcome, extra=work.extra, options=options)
        except ClusterError:
            # The first error is the one to report; what this run cannot do now, the next one does.
            with contextlib.suppress(ClusterError):
                _end(cluster, work, outcome, options=options)
            raise
        _end(cluster, work, outcome, options=options)
        _register(cluster, work, request, outcome, late=late, options=options)
    return outcome


def _registers(write: Write, request: Request) -> bool:
    return write.live is None and write.desired["kind"] in request.registrations


def _register(
    cluster: Cluster, work: Work, request: Request, outcome: Outcome, *, late: t.Sequence[Write], options: Options
) -> None:
    """Create what lets the API server call workloads of the set, once all else of the set is ready.

    Without waiting it is left out, with a warning, where something is not: writes of others would be refused.
    """
    if not late:
        return
    waiting = {key_of(write.desired) for write in late}
    names = first_of(sorted(map(str, waiting)))
    try:
        wait_ready(
            cluster,
            objects=[obj for key, obj in work.wanted.items() if key not in waiting and not work.plan.is_ready(key)],
            selector=f"{SET_LABEL}={request.owner.label}",
            timeout=options.wait_timeout or 0.0,
            progress=options.progress,
        )
    except ClusterError as error:
        if options.wait_timeout is not None:
            raise ClusterError(f"{names} is not created before all else is ready: {error}") from error
        outcome.warnings.append(f"{names} is left out until all else is ready; run again ({error})")
        return
    plan = replace(work.plan, writes=tuple(late))
    apply_all(cluster, plan, outcome, absent_namespaces=work.absent_namespaces, options=options)


def _apply(cluster: Cluster, work: Work, outcome: Outcome, *, late: t.Sequence[Write], options: Options) -> None:
    """Write what the plan says but for *late*, with the step before the workloads."""
    step = work.step
    writes = [write for write in work.plan.writes if write not in late]

    def some(part: t.Iterable[Write]) -> None:
        plan = replace(work.plan, writes=tuple(part))
        apply_all(cluster, plan, outcome, absent_namespaces=work.absent_namespaces, options=options)

    if options.check or step is NOTHING_BESIDE:
        some(writes)
        outcome.changes.extend(step.first)
        return
    some(write for write in writes if not _is_late(write))
    try:
        step.before(cluster, options)
        some(write for write in writes if _is_late(write))
    except ClusterError as error:
        raise Incomplete(f"{error}{step.undo(cluster, options)}", outcome=outcome) from error
    outcome.changes.extend(step.first)


def _is_late(write: Write) -> bool:
    return phase_of(write.desired["kind"]) >= WORKLOADS


def _end(cluster: Cluster, work: Work, outcome: Outcome, *, options: Options) -> None:
    if not options.check:
        work.step.after(cluster, options)
    outcome.changes.extend(work.step.last)


@contextlib.contextmanager
def _reporting(outcome: Outcome, *, hint: str = "") -> t.Iterator[None]:
    """If an error stops the work, report what was done until then; *hint* ends its message."""
    try:
        yield
    except (Incomplete, Refused):
        raise
    except ClusterError as error:
        raise Incomplete(f"{error}{hint}", outcome=outcome) from error
