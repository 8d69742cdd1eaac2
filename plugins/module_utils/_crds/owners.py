# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Who owns what of a CRD, and of a custom resource that was restored: ``managedFields`` rewritten. Pure."""

from __future__ import annotations

import typing as t

from ansible_collections.promfleet.monitoring.plugins.module_utils._base.marks import FIELD_MANAGER
from ansible_collections.promfleet.monitoring.plugins.module_utils._crds.plan import RELEASE_ANNOTATIONS
from ansible_collections.promfleet.monitoring.plugins.module_utils._state.fields import Fields
from ansible_collections.promfleet.monitoring.plugins.module_utils._state.ownership import LAST_APPLIED, united

JsonObject = dict[str, t.Any]

# With what client-side apply leaves: of another release it only misleads the next one.
_TAKEN_ANNOTATIONS = RELEASE_ANNOTATIONS | {LAST_APPLIED}


def _is_ours(entry: t.Mapping[str, t.Any]) -> bool:
    return entry.get("manager") == FIELD_MANAGER and entry.get("operation") == "Apply" and not entry.get("subresource")


def taken_over(live: JsonObject, *, desired: JsonObject) -> list[JsonObject] | None:
    """The managedFields of a live CRD after everything of a release became ours; None where nothing is others'.

    What server-side apply does not own it does not remove; so fields that kubectl, Helm or an older tool left would
    stay. ``spec.conversion`` and whatever else people and controllers noted at the CRD stays with its owners.
    """
    entries = live["metadata"].get("managedFields") or []
    annotations = _TAKEN_ANNOTATIONS | set(desired["metadata"].get("annotations") or {})
    kept: list[JsonObject] = []
    ours: Fields = {}
    taken = False
    for entry in entries:
        fields = dict(entry.get("fieldsV1") or {})
        if entry.get("subresource"):
            kept.append(entry)
        elif _is_ours(entry):
            ours = _union(ours, fields)
        else:
            mine, theirs = _split(fields, annotations)
            taken = taken or bool(mine)
            ours = _union(ours, mine)
            if theirs:
                kept.append({**entry, "fieldsV1": theirs})
    if not taken:
        return None
    own = {
        "manager": FIELD_MANAGER,
        "operation": "Apply",
        "apiVersion": live["apiVersion"],
        "fieldsType": "FieldsV1",
        "fieldsV1": ours,
    }
    times = [entry["time"] for entry in entries if entry.get("time")]
    return [*kept, {**own, "time": max(times)} if times else own]


def _split(fields: Fields, annotations: t.Collection[str]) -> tuple[Fields, Fields]:
    """What of a CRD's fields comes with a release, and the rest."""
    mine: Fields = {}
    theirs: Fields = {name: sub for name, sub in fields.items() if name not in ("f:spec", "f:metadata")}
    spec = fields.get("f:spec") or {}
    _share(mine, theirs, "f:spec", {name: sub for name, sub in spec.items() if name != "f:conversion"}, spec)
    metadata = dict(fields.get("f:metadata") or {})
    noted = metadata.pop("f:annotations", None) or {}
    own = {name: sub for name, sub in noted.items() if name[2:] in annotations}
    left = {name: sub for name, sub in noted.items() if name not in own and name != "."}
    if own:
        mine["f:metadata"] = {"f:annotations": own}
    if left:
        metadata["f:annotations"] = left
    if metadata:
        theirs["f:metadata"] = metadata
    return mine, theirs


def _share(mine: Fields, theirs: Fields, name: str, own: Fields, whole: Fields) -> None:
    taken = {key: sub for key, sub in own.items() if key != "."}
    left = {key: sub for key, sub in whole.items() if key not in own}
    if taken:
        mine[name] = taken
    if left:
        theirs[name] = left


def _union(one: Fields, other: Fields) -> Fields:
    return united(one, other) if one and other else one or other


def handed_back(live: JsonObject, *, snapshot: JsonObject) -> list[JsonObject] | None:
    """The managedFields of a restored object after what we restored belongs again to those who had it in *snapshot*.

    A field that we went on owning would stay when its owner drops it. None where nobody had any of it.
    """
    entries = live["metadata"].get("managedFields") or []
    restored: Fields = {}
    for entry in entries:
        if _is_restore(entry):
            restored = dict(entry.get("fieldsV1") or {})
    heirs = [
        (entry, both)
        for entry in snapshot["metadata"].get("managedFields") or []
        if not entry.get("subresource") and (both := common(restored, dict(entry.get("fieldsV1") or {})))
    ]
    if not heirs:
        return None
    result = {_identity(entry): entry for entry in entries if not _is_restore(entry)}
    for old, both in heirs:
        now = result.get(_identity(old), {**old, "fieldsV1": {}})
        result[_identity(old)] = {**now, "fieldsV1": _union(dict(now["fieldsV1"]), both)}
    return list(result.values())


def _is_restore(entry: JsonObject) -> bool:
    return entry.get("manager") == FIELD_MANAGER and entry.get("operation") == "Update" and not entry.get("subresource")


def _identity(entry: JsonObject) -> tuple[str, ...]:
    return tuple(str(entry.get(name) or "") for name in ("manager", "operation", "apiVersion", "subresource"))


def common(one: Fields, other: Fields) -> Fields:
    """What both trees have. A node that is a whole in one of them is what the other has below it."""
    result: Fields = {}
    for name in one:
        if name not in other:
            continue
        left, right = one[name], other[name]
        if not left or not right:
            result[name] = left or right
        elif below := common(left, right):
            result[name] = below
    return result
