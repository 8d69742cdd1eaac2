# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a run did, or would do: the one shape of every module's result. Pure."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field

from ansible_collections.promfleet.monitoring.plugins.module_utils._api.errors import ClusterError, Conflict
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.kinds import Key, key_of
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.webhooks import FailingWebhook
from ansible_collections.promfleet.monitoring.plugins.module_utils._state.compare import (
    changed_paths,
    for_display,
    our_part,
    with_values,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._state.fields import (
    Fields,
    extract,
    own_fields,
    union,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._state.proof import applied_part

JsonObject = dict[str, t.Any]

ACTIONS = ("created", "updated", "replaced", "deleted", "released", "unchanged")


@dataclass(frozen=True, kw_only=True)
class Change:
    """One changed object. *local*: in check mode the server could not be asked, the prediction is ours.

    *uid* is the object's, empty where it is not known.
    """

    action: str
    key: Key
    before: JsonObject = field(default_factory=dict)
    after: JsonObject = field(default_factory=dict)
    local: bool = False
    uid: str = ""

    def result(self) -> JsonObject:
        """The entry in the module's ``objects``."""
        entry: JsonObject = {"action": self.action, "kind": self.key.kind, "name": self.key.name}
        if self.key.namespace:
            entry["namespace"] = self.key.namespace
        if self.action in ("updated", "replaced") or (self.action == "released" and self.after):
            entry["fields"] = changed_paths(self.before, self.after)
        if self.local:
            entry["local"] = True
        return entry


@dataclass(frozen=True, kw_only=True)
class Failure:
    """One object that could not be applied. *message* holds no secret values; *conflicts* name fields and managers.

    *webhook*: the admission webhook that the API server could not call, if that is the reason.
    """

    key: Key
    message: str
    conflicts: tuple[Conflict, ...] = ()
    webhook: FailingWebhook | None = None

    def __str__(self) -> str:
        return f"{self.key}: {self.message}"

    def result(self) -> JsonObject:
        """The entry in the module's ``failures``."""
        entry: JsonObject = {"kind": self.key.kind, "name": self.key.name, "message": self.message}
        if self.key.namespace:
            entry["namespace"] = self.key.namespace
        if self.conflicts:
            entry["conflicts"] = [conflict._asdict() for conflict in self.conflicts]
        return entry


@dataclass(kw_only=True)
class Outcome:
    """All that one set's run reports. *place*: the namespace of its record, empty where that was not looked for."""

    changes: list[Change] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    unchanged: int = 0
    warnings: list[str] = field(default_factory=list)
    place: str = ""

    def counts(self) -> dict[str, int]:
        """The number of objects for each action, and of those unchanged; always complete."""
        counts = dict.fromkeys(ACTIONS, 0)
        for change in self.changes:
            counts[change.action] += 1
        counts["unchanged"] = self.unchanged
        return counts

    def sorted_changes(self) -> list[Change]:
        """The changes in a stable order."""
        return sorted(self.changes, key=lambda change: (change.key.namespace, change.key.kind, change.key.name))


class Incomplete(ClusterError):
    """Some objects could not be applied; *outcome* says what was still done."""

    def __init__(self, message: str, *, outcome: Outcome) -> None:
        super().__init__(message)
        self.outcome = outcome


def written(*, action: str, before: JsonObject | None, after: JsonObject) -> Change:
    """The change of an object that was (or would be) written: the fields that we own, before and in the answer."""
    key = key_of(after)
    old = our_part(before, after) if before else {}
    old, new = for_display(key.kind, old, our_part(after))
    return Change(action=action, key=key, before=old, after=new, uid=_uid(after))


def predicted(*, action: str, before: JsonObject | None, desired: JsonObject) -> Change:
    """The change of an object about which the server cannot be asked: what we own now, and what is desired."""
    new = applied_part(desired)
    old = with_values(our_part(before), before, new) if before else {}
    old, new = for_display(desired["kind"], old, new)
    return Change(action=action, key=key_of(desired), before=old, after=new, local=True)


def removed(*, action: str, live: JsonObject) -> Change:
    """The change of an object that is deleted, or that loses our fields (``released``)."""
    key = key_of(live)
    old, new = for_display(key.kind, our_part(live), {})
    return Change(action=action, key=key, before=old, after=new, uid=_uid(live))


def given_back(*, live: JsonObject, after: JsonObject, fields: Fields) -> Change:
    """The change of an object that is released with what it had before us: in our fields, and in these *fields*."""
    key = key_of(live)
    shown = union(own_fields(live), fields)
    old, new = for_display(key.kind, extract(live, shown), extract(after, shown))
    return Change(action="released", key=key, before=old, after=new, uid=_uid(live))


def _uid(obj: JsonObject) -> str:
    return str(obj["metadata"].get("uid") or "")
