# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Objects of a set that another tool put back, and namespaces of a set that were released: whose they are. Pure.

A restore from a backup writes objects in its own name. Our label is on them then, and our ownership of it is not.
Velero makes Namespaces from their labels and annotations only (pkg/restore/restore.go, getNamespace); before 1.11 it
put back no object's managedFields. Its manager is ``velero-server``, after the client's User-Agent.
"""

from __future__ import annotations

import typing as t

from ansible_collections.promfleet.monitoring.plugins.module_utils._api.kinds import key_of
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.marks import (
    ADOPTED_ANNOTATION,
    FIELD_MANAGER,
    MADE_BY_ANNOTATION,
    MANAGED_BY_LABEL,
    OPERATOR_NAME,
    RESTORED,
    SET_LABEL,
    TAKEN_OVER,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.text import first_of
from ansible_collections.promfleet.monitoring.plugins.module_utils._state.fields import (
    Fields,
    Owner,
    entries_of,
    is_of,
    moved,
    owns_label,
)

JsonObject = dict[str, t.Any]

_ADOPTED_FIELD = f"f:{ADOPTED_ANNOTATION}"
_RESTORE_LABEL = "velero.io/restore-name"
_VELERO = "velero"
# Controllers copy labels from a Service to what they make of it, and a restore leaves out who owns that.
_COPIES = ("endpoints.kubernetes.io/managed-by", "endpointslice.kubernetes.io/managed-by")


def put_back_by(live: JsonObject, *, label: str) -> frozenset[Owner]:
    """The managers that gave *live* the set's *label*, where it has exactly that and not from us; empty if not."""
    metadata = live["metadata"]
    labels = metadata.get("labels") or {}
    if labels.get(SET_LABEL) != label or owns_label(live, SET_LABEL) or _is_copied(labels):
        return frozenset()
    if any(owner.get("controller") for owner in metadata.get("ownerReferences") or ()):
        return frozenset()
    return frozenset(
        (str(entry.get("manager")), str(entry.get("operation")))
        for entry in entries_of(live)
        if not entry.get("subresource")
        and f"f:{SET_LABEL}" in ((entry.get("fieldsV1") or {}).get("f:metadata") or {}).get("f:labels", {})
    )


def _is_copied(labels: t.Mapping[str, str]) -> bool:
    if labels.get(MANAGED_BY_LABEL) == OPERATOR_NAME:
        return True
    return any(labels.get(name) not in (None, FIELD_MANAGER) for name in _COPIES)


def claimed_from(live: JsonObject, *, label: str, managers: t.Collection[str]) -> frozenset[Owner]:
    """The owners from whom *live* is claimed for the set, all of them among the *managers* that the user named.

    Either they put it back and no run claimed it yet, or an earlier run without the option adopted it.
    """
    owners = put_back_by(live, label=label)
    if owners and all(name in managers for name, _operation in owners):
        return owners
    if not is_restored(live) or not owns_label(live, SET_LABEL):
        return frozenset()
    return frozenset(
        (entry["manager"], entry["operation"])
        for entry in entries_of(live)
        if not entry.get("subresource") and entry.get("manager") in managers
    )


def is_restored(live: JsonObject) -> bool:
    """Whether a run adopted *live* although it had the label of its set."""
    return (live["metadata"].get("annotations") or {}).get(ADOPTED_ANNOTATION) == RESTORED


def as_ours(live: JsonObject, *, owners: t.Collection[Owner]) -> JsonObject:
    """*live*, which is claimed from *owners* and no longer desired, as if it had always been ours.

    So it is deleted, but for what was adopted before the backup: that is released with its content.
    """
    metadata = live["metadata"]
    annotations = dict(metadata.get("annotations") or {})
    if annotations.get(ADOPTED_ANNOTATION) == RESTORED:
        del annotations[ADOPTED_ANNOTATION]
    elif ADOPTED_ANNOTATION in annotations:
        annotations[ADOPTED_ANNOTATION] = TAKEN_OVER

    def share(entry: JsonObject) -> tuple[Fields, Fields]:
        fields = dict(entry.get("fieldsV1") or {})
        return (fields, {}) if is_of(entry, owners) else ({}, fields)

    entries = moved(live, share=share, version=live["apiVersion"]) or entries_of(live)
    if ADOPTED_ANNOTATION not in annotations:
        # Owning it is itself a mark of adoption.
        entries = [_without_mark(entry) for entry in entries]
    return {**live, "metadata": {**metadata, "annotations": annotations, "managedFields": entries}}


def _without_mark(entry: JsonObject) -> JsonObject:
    fields = dict(entry.get("fieldsV1") or {})
    inside = dict(fields.get("f:metadata") or {})
    marks = {name: item for name, item in (inside.get("f:annotations") or {}).items() if name != _ADOPTED_FIELD}
    return {**entry, "fieldsV1": {**fields, "f:metadata": {**inside, "f:annotations": marks}}}


def notes_about_restored(members: t.Iterable[JsonObject], *, label: str) -> list[str]:
    """A warning about *members* that a restore put back, for each tool that did; they are no longer desired."""
    found: dict[str, list[str]] = {}
    for live in members:
        is_labelled = _RESTORE_LABEL in (live["metadata"].get("labels") or {})
        for name, _operation in put_back_by(live, label=label):
            if is_labelled or name.startswith(_VELERO):
                found.setdefault(name, []).append(str(key_of(live)))
    return [
        f"{name} put back {len(keys)} objects of this set that are no longer desired ({first_of(sorted(keys), 3)}). If "
        f"it restored a backup, list {name} in claim_managers to make them the set's again: then they are deleted"
        for name, keys in sorted(found.items())
    ]


def made_by(live: JsonObject) -> str | None:
    """The label of the set that made *live* and released it; None for anything else."""
    found = (live["metadata"].get("annotations") or {}).get(MADE_BY_ANNOTATION)
    return str(found) if found and not owns_label(live, SET_LABEL) else None


def memory_of(live: JsonObject) -> JsonObject:
    """The metadata that stays ours in a Namespace that a run made and releases; empty for what is adopted."""
    metadata = live["metadata"]
    if live["kind"] != "Namespace" or ADOPTED_ANNOTATION in (metadata.get("annotations") or {}):
        return {}
    label = (metadata.get("labels") or {}).get(SET_LABEL)
    return {"annotations": {MADE_BY_ANNOTATION: label}} if label and owns_label(live, SET_LABEL) else {}
