# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Who owns what of a CRD, and of a custom resource that was restored: ``managedFields`` rewritten. Pure."""

from __future__ import annotations

import typing as t

from ansible_collections.promfleet.monitoring.plugins.module_utils._base.marks import FIELD_MANAGER
from ansible_collections.promfleet.monitoring.plugins.module_utils._crds.plan import RELEASE_ANNOTATIONS
from ansible_collections.promfleet.monitoring.plugins.module_utils._state.fields import (
    Fields,
    Owner,
    common,
    entries_of,
    given_to,
    is_of,
    moved,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._state.ownership import LAST_APPLIED

JsonObject = dict[str, t.Any]

# With what client-side apply leaves: of another release it only misleads the next one.
_TAKEN_ANNOTATIONS = RELEASE_ANNOTATIONS | {LAST_APPLIED}

# What a restore writes with.
_RESTORE: Owner = (FIELD_MANAGER, "Update")


def of_release(live: JsonObject, *, desired: JsonObject) -> list[JsonObject] | None:
    """The managedFields of a live CRD after everything of a release became ours; None if nothing is others'.

    What server-side apply does not own it does not remove; so fields that kubectl, Helm or an older tool left would
    stay. ``spec.conversion``, and all other fields that people and controllers set, stay with their owners.
    """
    annotations = _TAKEN_ANNOTATIONS | set(desired["metadata"].get("annotations") or {})

    def share(entry: JsonObject) -> tuple[Fields, Fields]:
        fields = dict(entry.get("fieldsV1") or {})
        mine, theirs = _split(fields, annotations)
        return (mine, theirs) if mine else ({}, fields)

    return moved(live, share=share, version=live["apiVersion"])


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


def handed_back(live: JsonObject, *, snapshot: JsonObject) -> list[JsonObject] | None:
    """The managedFields of a restored object after what we restored belongs again to those who had it in *snapshot*.

    A field that we still owned would stay when its owner drops it. None if no manager owned any of it.
    """
    entries = entries_of(live)
    restored: Fields = {}
    for entry in entries:
        if is_of(entry, (_RESTORE,)):
            restored = dict(entry.get("fieldsV1") or {})
    heirs = [
        (entry, both)
        for entry in entries_of(snapshot)
        if not entry.get("subresource") and (both := common(restored, dict(entry.get("fieldsV1") or {})))
    ]
    if not heirs:
        return None
    return given_to([entry for entry in entries if not is_of(entry, (_RESTORE,))], heirs)
