# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Writing one object: server-side apply, with a takeover before and a replacement after it where these are needed.

Check mode sends the same apply as a dry run. Where a dry run cannot tell, because it comes without the request before
it, the prediction is ours and marked local.
"""

from __future__ import annotations

import functools
import hashlib
import typing as t

from ansible_collections.promfleet.monitoring.plugins.module_utils._api.client import Cluster, Resource
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.errors import ApiError, ClusterError, Conflict
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.kinds import key_of, replaceable
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.marks import MOVING_GUIDE
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets import record
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.outcome import (
    Change,
    Failure,
    predicted,
    written,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.place import way_out
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.plan import Write, adoption
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.takeover import (
    apply_noted,
    foreseen_layers,
    rewrite,
    take_over,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.wait import wait_gone
from ansible_collections.promfleet.monitoring.plugins.module_utils._state import former
from ansible_collections.promfleet.monitoring.plugins.module_utils._state.compare import is_changed
from ansible_collections.promfleet.monitoring.plugins.module_utils._state.grants import (
    as_seen,
    may_force,
    may_offer_force,
    origin,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._state.ownership import claimed, foreseen, taken_over
from ansible_collections.promfleet.monitoring.plugins.module_utils._state.secrecy import without_secrets

JsonObject = dict[str, t.Any]

NAME_MAX = 63
REPLACE_TIMEOUT = 60.0


class Mode(t.Protocol):
    """The part of the engine's options that matters to one write."""

    @property
    def check(self) -> bool:
        """Whether nothing is to be written."""

    @property
    def force_conflicts(self) -> bool:
        """Whether fields of others are taken over."""

    @property
    def wait_timeout(self) -> float | None:
        """Seconds to wait, None for nothing."""


def write_one(cluster: Cluster, write: Write, *, resource: Resource, options: Mode) -> Change | None:
    """Apply one object (in check mode as a dry run): its change, or None if the answer is what was there.

    Raises ApiError if the server refuses it.
    """
    before = live = write.live
    noted = live is not None and former.is_kept(live, adopts=write.adopts)
    if before is not None and live is not None and write.claims:
        claim = functools.partial(claimed, owners=write.takes, desired=write.desired)
        before = live = claim(before) if options.check else rewrite(cluster, before, change=claim, resource=resource)
    elif before is not None and live is not None and write.takes:
        if not options.check:
            owners, desired = write.takes, write.desired
            live = take_over(cluster, live, owners=owners, resource=resource, desired=desired, noted=noted)
        before = taken_over(before, owners=write.takes)
    try:
        if live is not None and noted:
            after = _apply_noted(cluster, write, live, resource=resource, options=options)
        else:
            after = _apply(cluster, write, live, resource=resource, options=options, check=options.check)
        if before is not None and write.takes and options.check:
            after = foreseen(after, before=before, owners=write.takes)
    except ApiError as error:
        if before is None or error.status != 422:
            raise
        return _otherwise(cluster, write, before=before, error=error, resource=resource, options=options)
    if before is None:
        return written(action="created", before=None, after=after)
    if write.takes or is_changed(before, after):
        return written(action="updated", before=before, after=after)
    return None


def _otherwise(
    cluster: Cluster, write: Write, *, before: JsonObject, error: ApiError, resource: Resource, options: Mode
) -> Change:
    """The change of an object whose apply the server refused as invalid (422); raises the *error* if there is none."""
    if options.check and write.takes:
        # A dry run still sees fields that will be removed, and these may make the rest invalid.
        causes = [cause for cause in error.causes if replaceable(resource.kind, [cause], before)]
        if not causes:
            return predicted(action="updated", before=before, desired=write.desired)
        error.causes = tuple(causes)
    if replaceable(resource.kind, error.causes, before):
        return _replace(cluster, write, before=before, error=error, resource=resource, options=options)
    raise error


def _apply(
    cluster: Cluster, write: Write, live: JsonObject | None, *, resource: Resource, options: Mode, check: bool
) -> JsonObject:
    """Send the apply for the *live* object, with *check* as a dry run, and return the answer."""
    force = options.force_conflicts and may_force(write.desired, live)
    desired = as_seen(write.desired, live) if force else write.desired
    try:
        return cluster.apply(desired, resource=resource, dry_run=check, force=force)[1]
    except ApiError as error:
        former_managers = {manager for manager, _operation in write.takes}
        if not options.check or not error.conflicts:
            raise
        if any(found.manager not in former_managers for found in error.conflicts):
            raise
        # A dry run cannot know that these fields are ours by then.
        return cluster.apply(desired, resource=resource, dry_run=True, force=True)[1]


def _apply_noted(cluster: Cluster, write: Write, live: JsonObject, *, resource: Resource, options: Mode) -> JsonObject:
    """Apply an object that existed before us, after what it had was noted."""

    def ask() -> JsonObject:
        return _apply(cluster, write, live, resource=resource, options=options, check=True)

    if options.check:
        answer = ask()
        foreseen_layers(live, answer, owners=write.takes)
        return answer
    force = options.force_conflicts and may_force(write.desired, write.live)
    return apply_noted(cluster, write, live, resource=resource, ask=ask, force=force)


def _replace(
    cluster: Cluster, write: Write, *, before: JsonObject, error: ApiError, resource: Resource, options: Mode
) -> Change:
    if write.adopts or adoption(before):
        fields = ", ".join(sorted({str(cause.get("field")) for cause in error.causes}))
        raise ClusterError(
            f"{fields} cannot be changed, and this object existed before it was adopted: it is not deleted and created "
            "again without your doing, because its uid, and what others set in it, would be lost. Delete it, then run "
            "again; or leave it out"
        )
    if options.check:
        return _predict_replacement(cluster, write, before=before, resource=resource)
    cluster.delete(before, resource=resource, dry_run=False)
    wait_gone(cluster, objects=[before], timeout=options.wait_timeout or REPLACE_TIMEOUT)
    force = options.force_conflicts and may_force(write.desired, None)
    after = cluster.apply(write.desired, resource=resource, dry_run=False, force=force)[1]
    return written(action="replaced", before=before, after=after)


def _predict_replacement(cluster: Cluster, write: Write, *, before: JsonObject, resource: Resource) -> Change:
    """Ask for the same object under a name that is free: the server's answer holds its defaults."""
    metadata = write.desired["metadata"]
    digest = hashlib.sha256(metadata["name"].encode()).hexdigest()[:8]
    name = f"{metadata['name'][: NAME_MAX - len(digest) - 1].rstrip('-.')}-{digest}"
    probe = {**write.desired, "metadata": {**metadata, "name": name}}
    try:
        after = cluster.apply(probe, resource=resource, dry_run=True, force=False, about=key_of(write.desired))[1]
    except ApiError as error:
        if error.webhook is not None:
            raise
        # A quota that the old object fills, a node port that it holds: no reason to refuse the real one.
        return predicted(action="replaced", before=before, desired=write.desired)
    after["metadata"]["name"] = metadata["name"]
    return written(action="replaced", before=before, after=after)


def refusal(write: Write, error: ApiError) -> Failure:
    """Why the server did not take an object, for people: the fields and managers of conflicts, or its own reason."""
    key = key_of(write.desired)
    taken = {manager for manager, _operation in write.takes}
    conflicts = tuple(conflict for conflict in error.conflicts if conflict.manager not in taken)
    if conflicts:
        return Failure(key=key, message=_conflict_message(conflicts, write=write), conflicts=conflicts)
    if error.webhook is not None:
        return Failure(key=key, message=without_secrets(error.server_message, write.desired), webhook=error.webhook)
    message = without_secrets(error.server_message, write.desired)
    if record.is_record(write.desired) and (hint := way_out(error, key.namespace)):
        message += hint
    elif error.status == 403:
        message += " (the account that this cluster's connection uses lacks this right)"
    return Failure(key=key, message=message)


def _conflict_message(conflicts: t.Sequence[Conflict], *, write: Write) -> str:
    """The fields and their managers, and what to do: force_conflicts is offered only where it does no harm."""
    listed = ", ".join(str(conflict) for conflict in conflicts)
    message = f"other managers own fields of it: {listed}. "
    if may_offer_force(write.desired, write.live):
        return message + "Set force_conflicts to take them over, or leave these fields to them"
    made_by = f" ({origin(write.live)})" if write.live is not None else ""
    return (
        f"{message}It was not made by this collection{made_by}, and what runs may depend on it. Leave these fields to "
        f"their managers, give the object of this run another name, or see {MOVING_GUIDE} of the collection"
    )
