# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Takes over fields that client-side tools own in an object, so that those no longer desired are removed. Pure.

Server-side apply removes a field only where the applier owned it before. The fields of an object that ``kubectl apply``
or kubernetes.core made belong to that tool, as an ``Update``, and would stay for ever. As kubectl does when it migrates
(client-go's csaupgrade), their entries in managedFields become ours first; then one apply does the rest.
"""

from __future__ import annotations

import typing as t

from ansible_collections.promfleet.monitoring.plugins.module_utils._base.marks import (
    ADOPTED_ANNOTATION,
    ADOPTION_MANAGER,
    FIELD_MANAGER,
    MADE_BY_ANNOTATION,
    SET_LABEL,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._state.fields import (
    US,
    Fields,
    Owner,
    entries_of,
    is_of,
    moved,
    own_entry,
    own_fields,
    union,
    without,
)

JsonObject = dict[str, t.Any]

LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
# Our own marks, which a restore put back too.
_MARKS = {"labels": (SET_LABEL,), "annotations": (ADOPTED_ANNOTATION, MADE_BY_ANNOTATION)}
# What a release writes with. An interrupted one leaves such an entry.
GIVING_BACK: Owner = (ADOPTION_MANAGER, "Update")
_ADOPTED: Fields = {"f:metadata": {"f:annotations": {f"f:{ADOPTED_ANNOTATION}": {}}}}


def former_owners(live: t.Mapping[str, t.Any], *, named: t.Collection[str] = ()) -> frozenset[Owner]:
    """The managers whose fields in *live* are to become ours.

    Those that set the annotation of client-side apply, where we never applied the object before: later such edits are
    another manager's and survive. Those that a user *named*, whenever they are there. And what a release of ours wrote
    that was interrupted.
    """
    first_time = own_entry(live) is None
    if not first_time and not named and not any(is_of(entry, (GIVING_BACK,)) for entry in entries_of(live)):
        return frozenset()
    return frozenset(
        (entry["manager"], entry["operation"])
        for entry in entries_of(live)
        if not entry.get("subresource")
        and entry.get("manager") not in (None, FIELD_MANAGER)
        and (
            entry["manager"] in named
            or is_of(entry, (GIVING_BACK,))
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
    found = [entry for entry in (own_entry(live), *entries_of(live)) if entry and is_of(entry, {US, *owners})]
    if not found:
        return live
    version = found[0]["apiVersion"]

    def share(entry: JsonObject) -> tuple[Fields, Fields]:
        fields = dict(entry.get("fieldsV1") or {})
        if not is_of(entry, owners):
            return {}, fields
        # As upstream: paths of another version need not mean the same field.
        return (fields if entry.get("apiVersion") == version else {}), {}

    entries = moved(live, share=share, version=version, mark=_ADOPTED)
    return live if entries is None else {**live, "metadata": {**live["metadata"], "managedFields": entries}}


def claimed(live: JsonObject, *, owners: t.Collection[Owner], desired: JsonObject) -> JsonObject:
    """*live* with the fields of *owners*, who put it back, as ours; nothing but its managedFields differs.

    A restore owns the whole object, also fields that others had set. The content is ours then. Of labels and
    annotations only those of *desired*: others belong to people and tools that know nothing of the restore.
    """
    metadata = desired["metadata"]
    kept = {
        f"f:{part}": {f"f:{name}" for name in (*(metadata.get(part) or ()), *_MARKS.get(part, ()))}
        for part in ("labels", "annotations")
    }

    def share(entry: JsonObject) -> tuple[Fields, Fields]:
        fields = dict(entry.get("fieldsV1") or {})
        if not is_of(entry, owners):
            return {}, fields
        inside = dict(fields.get("f:metadata") or {})
        mine: Fields = {name: sub for name, sub in fields.items() if name != "f:metadata"}
        ours: Fields = {}
        theirs: Fields = {}
        for part, sub in inside.items():
            names = kept.get(part)
            own = {name: item for name, item in sub.items() if name in names} if names is not None else {}
            rest = {name: item for name, item in sub.items() if name not in own and name != "."}
            ours |= {part: own} if own else {}
            theirs |= {part: rest} if rest else {}
        mine |= {"f:metadata": ours} if ours else {}
        return mine, {"f:metadata": theirs} if theirs else {}

    entries = moved(live, share=share, version=desired["apiVersion"])
    return live if entries is None else {**live, "metadata": {**live["metadata"], "managedFields": entries}}


def without_us(live: JsonObject) -> JsonObject:
    """*live* without our entry in managedFields and without our marks; then no manager owns its content."""
    metadata = dict(live["metadata"])
    # An empty list would be taken for a wish to forget all managers.
    metadata["managedFields"] = [entry for entry in metadata["managedFields"] if not is_of(entry, (US,))] or [{}]
    for part, own in (("labels", SET_LABEL), ("annotations", ADOPTED_ANNOTATION)):
        if own in (metadata.get(part) or {}):
            metadata[part] = {name: value for name, value in metadata[part].items() if name != own}
    return {**live, "metadata": metadata}


def after_takeover(live: JsonObject, *, owners: t.Collection[Owner]) -> JsonObject:
    """*live* as it is once the fields of *owners* became ours and none of them is desired; status is not looked at."""
    theirs: Fields = {}
    kept: Fields = {}
    for entry in entries_of(live):
        fields = dict(entry.get("fieldsV1") or {})
        if is_of(entry, owners):
            theirs = union(theirs, fields)
        else:
            kept = union(kept, fields)
    return t.cast(JsonObject, without(live, theirs, kept) or {}) if theirs else live


def foreseen(answer: JsonObject, *, before: JsonObject, owners: t.Collection[Owner]) -> JsonObject:
    """The *answer* of a dry run that came without the takeover, as it will be after it.

    *before* is the object with the fields of *owners* as ours: a field that is ours there, and that no manager owns in
    the answer, is removed.
    """
    entries = [entry for entry in entries_of(answer) if not is_of(entry, owners)]
    kept: Fields = {}
    for entry in entries:
        kept = union(kept, dict(entry.get("fieldsV1") or {}))
    rest: JsonObject = without(answer, own_fields(before), kept)
    return {**rest, "metadata": {**rest["metadata"], "managedFields": entries}}
