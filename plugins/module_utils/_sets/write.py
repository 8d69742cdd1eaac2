# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Writing one object: server-side apply, with a takeover before and a replacement after it where these are needed.

Check mode sends the same apply as a dry run. Where a dry run cannot tell, because it comes without the request before
it, the prediction is ours and marked local.
"""

from __future__ import annotations

import hashlib
import typing as t

from ansible_collections.promfleet.monitoring.plugins.module_utils._api.client import Cluster, Resource
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.errors import ApiError, Conflict
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.kinds import key_of, replaceable
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.outcome import (
    Change,
    Failure,
    predicted,
    written,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.plan import Write
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.takeover import take_over
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.wait import wait_gone
from ansible_collections.promfleet.monitoring.plugins.module_utils._state.compare import is_changed
from ansible_collections.promfleet.monitoring.plugins.module_utils._state.ownership import foreseen, taken_over
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
    """Apply one object (in check mode as a dry run): its change, or None where the answer is what was there.

    Raises ApiError where the server refuses it.
    """
    before = write.live
    if before is not None and write.takes:
        before = (
            taken_over(before, owners=write.takes)
            if options.check
            else take_over(cluster, before, owners=write.takes, resource=resource)
        )
    try:
        after = _apply(cluster, write, resource=resource, options=options)
        if before is not None and write.takes and options.check:
            after = foreseen(after, before=before, owners=write.takes)
    except ApiError as error:
        if before is None or error.status != 422:
            raise
        if replaceable(resource.kind, error.causes, before):
            return _replace(cluster, write, before=before, resource=resource, options=options)
        if options.check and write.takes:
            # What is to go is still there in the eyes of a dry run, and can be what makes the rest invalid.
            return predicted(action="updated", before=before, desired=write.desired)
        raise
    if before is None:
        return written(action="created", before=None, after=after)
    if write.takes or is_changed(before, after):
        return written(action="updated", before=before, after=after)
    return None


def _apply(cluster: Cluster, write: Write, *, resource: Resource, options: Mode) -> JsonObject:
    force = options.force_conflicts
    try:
        return cluster.apply(write.desired, resource=resource, dry_run=options.check, force=force)[1]
    except ApiError as error:
        former = {manager for manager, _operation in write.takes}
        if not options.check or not error.conflicts or any(found.manager not in former for found in error.conflicts):
            raise
        # A dry run cannot know that these fields are ours by then.
        return cluster.apply(write.desired, resource=resource, dry_run=True, force=True)[1]


def _replace(cluster: Cluster, write: Write, *, before: JsonObject, resource: Resource, options: Mode) -> Change:
    if options.check:
        return _predict_replacement(cluster, write, before=before, resource=resource)
    cluster.delete(before, resource=resource, dry_run=False)
    wait_gone(cluster, objects=[before], timeout=options.wait_timeout or REPLACE_TIMEOUT)
    after = cluster.apply(write.desired, resource=resource, dry_run=False, force=options.force_conflicts)[1]
    return written(action="replaced", before=before, after=after)


def _predict_replacement(cluster: Cluster, write: Write, *, before: JsonObject, resource: Resource) -> Change:
    """Ask for the same object under a name that is free: the server's answer holds its defaults."""
    metadata = write.desired["metadata"]
    digest = hashlib.sha256(metadata["name"].encode()).hexdigest()[:8]
    name = f"{metadata['name'][: NAME_MAX - len(digest) - 1].rstrip('-.')}-{digest}"
    probe = {**write.desired, "metadata": {**metadata, "name": name}}
    try:
        after = cluster.apply(probe, resource=resource, dry_run=True, force=False)[1]
    except ApiError:
        # A quota that the old object fills, a node port that it holds: no reason to refuse the real one.
        return predicted(action="replaced", before=before, desired=write.desired)
    after["metadata"]["name"] = metadata["name"]
    return written(action="replaced", before=before, after=after)


def refusal(write: Write, error: ApiError) -> Failure:
    """Why the server did not take an object, for people: the fields and managers of conflicts, or its own reason."""
    key = key_of(write.desired)
    former = {manager for manager, _operation in write.takes}
    conflicts = tuple(conflict for conflict in error.conflicts if conflict.manager not in former)
    if conflicts:
        return Failure(key=key, message=_conflict_message(conflicts), conflicts=conflicts)
    message = without_secrets(error.server_message, write.desired)
    if error.status == 403:
        message += " (the account that this cluster's connection uses lacks this right)"
    return Failure(key=key, message=message)


def _conflict_message(conflicts: t.Sequence[Conflict]) -> str:
    listed = ", ".join(str(conflict) for conflict in conflicts)
    return (
        f"other managers own fields of it: {listed}. "
        "Set force_conflicts to take them over, or leave these fields to them"
    )
