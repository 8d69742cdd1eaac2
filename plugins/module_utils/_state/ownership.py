# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Taking over what client-side tools own in an object, so that what they set and nobody wants any more goes. Pure.

Server-side apply removes a field only where the applier owned it before. The fields of an object that ``kubectl apply``
or kubernetes.core made belong to that tool, as an ``Update``, and would stay for ever. As kubectl does when it migrates
(client-go's csaupgrade), their entries in managedFields become ours first; then one apply does the rest.
"""

from __future__ import annotations

import typing as t

from ansible_collections.promfleet.monitoring.plugins.module_utils._base.marks import (
    ADOPTED_ANNOTATION,
    FIELD_MANAGER,
    SET_LABEL,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._state.fields import (
    Fields,
    item_name,
    own_entry,
    own_fields,
)

JsonObject = dict[str, t.Any]
# A manager of an object: its name and operation (Apply or Update).
Owner = tuple[str, str]

LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"


def former_owners(live: t.Mapping[str, t.Any], *, named: t.Collection[str] = ()) -> frozenset[Owner]:
    """The managers whose fields in *live* are to become ours.

    Those that set the annotation of client-side apply, where we never applied the object before: later such edits are
    another manager's and survive. And those that a user *named*, whenever they are there.
    """
    first_time = own_entry(live) is None
    if not first_time and not named:
        return frozenset()
    return frozenset(
        (entry["manager"], entry["operation"])
        for entry in live.get("metadata", {}).get("managedFields") or ()
        if not entry.get("subresource")
        and entry.get("manager") not in (None, FIELD_MANAGER)
        and (
            entry["manager"] in named
            or (first_time and entry.get("operation") == "Update" and _owns_annotation(entry, LAST_APPLIED))
        )
    )


def _owns_annotation(entry: t.Mapping[str, t.Any], annotation: str) -> bool:
    annotations = (entry.get("fieldsV1") or {}).get("f:metadata", {}).get("f:annotations", {})
    return f"f:{annotation}" in annotations


def is_marked(live: t.Mapping[str, t.Any]) -> bool:
    """Whether a takeover that was not finished left its mark: the object existed before us."""
    entry = own_entry(live)
    return entry is not None and _owns_annotation(entry, ADOPTED_ANNOTATION)


def taken_over(live: JsonObject, *, owners: t.Collection[Owner]) -> JsonObject:
    """*live* with the fields of *owners* as ours; nothing but its managedFields differs.

    An object that we never applied is marked by our owning the annotation for adopted objects before it is there: a run
    that is interrupted between the two requests leaves an object that still is known to be adopted.
    """
    entries = live["metadata"].get("managedFields") or []
    ours = own_entry(live)
    taken = [entry for entry in entries if _is_of(entry, owners)]
    if not taken:
        return live
    version = (ours or taken[0])["apiVersion"]
    fields: Fields = dict((ours or {}).get("fieldsV1") or {})
    for entry in taken:
        # As upstream: paths of another version need not mean the same field.
        if entry.get("apiVersion") == version:
            fields = united(fields, entry.get("fieldsV1") or {}) if fields else dict(entry.get("fieldsV1") or {})
    if ours is None:
        fields = united(fields, {"f:metadata": {"f:annotations": {f"f:{ADOPTED_ANNOTATION}": {}}}})
    merged = {
        **(ours or taken[0]),
        "manager": FIELD_MANAGER,
        "operation": "Apply",
        "apiVersion": version,
        "fieldsType": "FieldsV1",
        "fieldsV1": fields,
    }
    others = [entry for entry in entries if entry is not ours and not _is_of(entry, owners) and not _is_ours(entry)]
    return {**live, "metadata": {**live["metadata"], "managedFields": [merged, *others]}}


def without_us(live: JsonObject) -> JsonObject:
    """*live* without our entry in managedFields and without our marks; its content is nobody's then."""
    metadata = dict(live["metadata"])
    # An empty list would be taken for a wish to forget all managers.
    metadata["managedFields"] = [entry for entry in metadata["managedFields"] if not _is_ours(entry)] or [{}]
    for part, own in (("labels", SET_LABEL), ("annotations", ADOPTED_ANNOTATION)):
        if own in (metadata.get(part) or {}):
            metadata[part] = {name: value for name, value in metadata[part].items() if name != own}
    return {**live, "metadata": metadata}


def foreseen(answer: JsonObject, *, before: JsonObject, owners: t.Collection[Owner]) -> JsonObject:
    """The *answer* of a dry run that came without the takeover, as it will be after it.

    *before* is the object with the fields of *owners* as ours: what is ours there and nobody's in the answer goes.
    """
    entries = [entry for entry in answer["metadata"].get("managedFields") or [] if not _is_of(entry, owners)]
    kept: Fields = {}
    for entry in entries:
        kept = united(kept, entry.get("fieldsV1") or {}) if kept else dict(entry.get("fieldsV1") or {})
    rest: JsonObject = _without(answer, own_fields(before), kept)
    return {**rest, "metadata": {**rest["metadata"], "managedFields": entries}}


def _without(value: t.Any, fields: Fields, kept: Fields | None) -> t.Any:
    """*value* without what *fields* cover and *kept* does not (None: nothing of it); None where nothing is left."""
    if not any(name != "." for name in fields):
        return None if kept is None else value
    # With children in the one tree the node is no atomic one: without any in the other nothing inside is kept.
    inside = kept or {}
    if isinstance(value, dict):
        names = {name: f"f:{name}" for name in value}
        left: t.Any = {
            name: _without(item, fields[names[name]], inside.get(names[name])) if names[name] in fields else item
            for name, item in value.items()
        }
        left = {name: item for name, item in left.items() if item is not None}
    elif isinstance(value, list):
        parts = [(item, item_name(item, fields)) for item in value]
        left = [item if name is None else _without(item, fields[name], inside.get(name)) for item, name in parts]
        left = [item for item in left if item is not None]
    else:
        return value
    return left if left or not value else None


def _is_of(entry: t.Mapping[str, t.Any], owners: t.Collection[Owner]) -> bool:
    return not entry.get("subresource") and (entry.get("manager"), entry.get("operation")) in owners


def _is_ours(entry: t.Mapping[str, t.Any]) -> bool:
    return _is_of(entry, ((FIELD_MANAGER, "Apply"),))


def united(one: Fields, other: Fields) -> Fields:
    """The union of two sets of fields. A node without children, or with ``.`` among them, is a member itself."""
    result = {
        name: united(one[name], other[name]) if name in one and name in other else one.get(name, other.get(name))
        for name in {**one, **other}
        if name != "."
    }
    is_member = any(not tree or "." in tree for tree in (one, other))
    return {".": {}, **result} if is_member and result else result
