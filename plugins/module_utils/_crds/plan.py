# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The plan of a change of CRDs: which are written and deleted, and which data that loses. Pure.

A CRD is compared as a whole, not by who owns which field: what an older or newer release left behind is a difference.
Only ``spec.conversion`` belongs to the tool that runs the conversion webhook, and is not part of it.
"""

from __future__ import annotations

import hashlib
import json
import re
import typing as t
from dataclasses import dataclass

from ansible_collections.promfleet.monitoring.plugins.module_utils._api.errors import Refused
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.kinds import Key, key_of
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.managers import is_managed, without_marks
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.json_values import without_nulls
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.marks import FIELD_MANAGER
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.text import first_of
from ansible_collections.promfleet.monitoring.plugins.module_utils._crds.schema import (
    Schema,
    dotted,
    dropped,
    lost_fields,
    schema_of,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.contents import is_leaving
from ansible_collections.promfleet.monitoring.plugins.module_utils._state.fields import US, entries_of, is_of, same

JsonObject = dict[str, t.Any]

CRD_API = "apiextensions.k8s.io/v1"
CRD_PLURAL = "customresourcedefinitions"
CRD_KIND = "CustomResourceDefinition"
# The operator's mark on its CRDs; releases up to 0.68 have none.
VERSION_ANNOTATION = "operator.prometheus.io/version"
# Our own mark: which source this CRD is from, how many CRDs that source has, and the digest of what was applied.
SOURCE_ANNOTATION = f"{FIELD_MANAGER}/crds"
# Annotations that come with a release; every other one belongs to the manager that set it.
RELEASE_ANNOTATIONS = frozenset({VERSION_ANNOTATION, "controller-gen.kubebuilder.io/version", SOURCE_ANNOTATION})

# A message names this many objects in full; the list of the refusal has them all.
NAMED = 10


@dataclass(frozen=True, kw_only=True)
class OptIns:
    """The user's opt-ins, and the folder for a snapshot.

    They allow an older release, the loss of fields or served versions, and the change of CRDs that others manage.
    """

    allow_downgrade: bool = False
    allow_data_loss: bool = False
    take_managed: bool = False
    snapshot_dir: str | None = None


@dataclass(frozen=True, kw_only=True)
class CrdWrite:
    """A CRD that is to be applied; *live* is None if it is to be created. *before* and *after* are its content."""

    desired: JsonObject
    live: JsonObject | None
    before: JsonObject
    after: JsonObject


@dataclass(frozen=True, kw_only=True)
class Losing:
    """A kind whose schema loses fields: its live objects of *version* must be looked at with the wanted *schema*."""

    crd: JsonObject
    version: str
    schema: Schema
    fields: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Loss:
    """A live object that would lose fields."""

    key: Key
    fields: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.key}: {', '.join(self.fields)}"


@dataclass(frozen=True, kw_only=True)
class CrdPlan:
    """What a change would do. *leftovers* are live CRDs of a newer release that the wanted one does not have."""

    writes: tuple[CrdWrite, ...] = ()
    unchanged: int = 0
    leftovers: tuple[JsonObject, ...] = ()
    downgrades: tuple[str, ...] = ()
    stored: tuple[str, ...] = ()
    served: tuple[str, ...] = ()
    losing: tuple[Losing, ...] = ()

    @property
    def changed(self) -> list[JsonObject]:
        """The live CRDs that would change."""
        return [write.live for write in self.writes if write.live is not None]

    @property
    def new_kinds(self) -> list[str]:
        """The kinds that the cluster does not have yet."""
        return sorted(write.desired["spec"]["names"]["kind"] for write in self.writes if write.live is None)


def release_of(crd: t.Mapping[str, t.Any]) -> tuple[int, ...] | None:
    """The operator release that a CRD says it is from, as numbers; None for those from before the annotation."""
    text = (crd.get("metadata", {}).get("annotations") or {}).get(VERSION_ANNOTATION) or ""
    return tuple(int(part) for part in text.split(".")) if re.fullmatch(r"\d+(\.\d+)*", text) else None


def release_text(crds: t.Iterable[t.Mapping[str, t.Any]]) -> str:
    """The release of a set of CRDs for people: ``0.93.1``, ``unknown`` for old ones, ``mixed: ...``, or ``none``."""
    found = {release_of(crd) for crd in crds}
    texts = [_text(release) for release in sorted(found, key=lambda release: release or ())]
    return texts[0] if len(texts) == 1 else f"mixed: {', '.join(texts)}" if texts else "none"


def _text(release: tuple[int, ...] | None) -> str:
    return "unknown" if release is None else ".".join(map(str, release))


# -- content ------------------------------------------------------------------------------------------------------


def wanted_spec(crd: t.Mapping[str, t.Any]) -> JsonObject:
    """The spec of a CRD from a source, in the form in which a server returns it."""
    spec = without_nulls(crd["spec"])
    names = spec["names"]
    kind = names["kind"]
    spec["names"] = {"listKind": f"{kind}List", "singular": kind.lower(), **names}
    if (spec.get("conversion") or {}).get("strategy", "None") == "None":
        spec.pop("conversion", None)
    return _without_defaults(spec)


def live_spec(live: t.Mapping[str, t.Any], *, conversion: bool = False) -> JsonObject:
    """The spec of a live CRD as it is compared: *conversion* only where the source speaks of it."""
    spec = dict(live["spec"])
    if not conversion:
        spec.pop("conversion", None)
    return _without_defaults(spec)


def _without_defaults(spec: JsonObject) -> JsonObject:
    return {name: value for name, value in spec.items() if not (name == "preserveUnknownFields" and value is False)}


def digest(value: t.Any) -> str:
    """A fingerprint of a JSON value."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def desired_crd(crd: JsonObject, *, source: str, number: int) -> JsonObject:
    """What is applied for *crd*, one of *number* of the source with the digest *source*: with our mark, no status."""
    spec = wanted_spec(crd)
    metadata = without_marks(without_nulls(crd["metadata"]))
    mark = json.dumps({"digest": digest(spec), "of": number, "source": source}, sort_keys=True)
    wanted: JsonObject = {
        "name": metadata["name"],
        "annotations": {**(metadata.get("annotations") or {}), SOURCE_ANNOTATION: mark},
    }
    if metadata.get("labels"):
        wanted["labels"] = metadata["labels"]
    return {"apiVersion": CRD_API, "kind": CRD_KIND, "metadata": wanted, "spec": spec}


def content(crd: JsonObject, *, like: JsonObject) -> JsonObject:
    """The content of *crd* that a release decides; *like* is what we apply: its labels and annotations count too."""
    metadata: JsonObject = {}
    for name, always in (("annotations", RELEASE_ANNOTATIONS), ("labels", frozenset[str]())):
        counted = always | set(like["metadata"].get(name) or {})
        found = {key: value for key, value in (crd["metadata"].get(name) or {}).items() if key in counted}
        if found:
            metadata[name] = found
    return {"metadata": metadata, "spec": live_spec(crd, conversion="conversion" in like["spec"])}


def is_recorded(live: t.Sequence[JsonObject], *, source: str) -> bool:
    """Whether *live*, the operator's CRDs in a cluster, are by our marks exactly those of *source*, all established.

    So nothing has to be fetched or read to know that nothing is to be done.
    """
    marks = [_mark(crd) for crd in live]
    return bool(marks) and all(
        mark is not None
        and mark.get("source") == source
        and mark.get("of") == len(live)
        and mark.get("digest") == digest(live_spec(crd, conversion=_declares_conversion(crd)))
        and is_established(crd)
        and not is_leaving(crd)
        for mark, crd in zip(marks, live, strict=True)
    )


def _mark(crd: JsonObject) -> JsonObject | None:
    try:
        mark = json.loads((crd["metadata"].get("annotations") or {}).get(SOURCE_ANNOTATION, ""))
    except ValueError:
        return None
    return mark if isinstance(mark, dict) else None


def _declares_conversion(crd: JsonObject) -> bool:
    """Whether we applied ``spec.conversion`` ourselves, because the source has one."""
    return any(
        is_of(entry, (US,)) and "f:conversion" in (entry.get("fieldsV1") or {}).get("f:spec", {})
        for entry in entries_of(crd)
    )


def is_established(crd: JsonObject) -> bool:
    """Whether the server serves this CRD under its names."""
    conditions = {item["type"]: item["status"] for item in (crd.get("status") or {}).get("conditions") or ()}
    return conditions.get("Established") == "True" and conditions.get("NamesAccepted") == "True"


# -- planning -----------------------------------------------------------------------------------------------------


def make_plan(*, wanted: t.Sequence[JsonObject], live: t.Sequence[JsonObject], source: str) -> CrdPlan:
    """Compare the CRDs of a source with the *live* ones of the same groups."""
    present = {crd["metadata"]["name"]: crd for crd in live}
    pairs = [
        (desired_crd(crd, source=source, number=len(wanted)), present.get(crd["metadata"]["name"])) for crd in wanted
    ]
    writes = [write for write in (_write(desired, found) for desired, found in pairs) if write is not None]
    both = [(desired, found) for desired, found in pairs if found is not None]
    names = {crd["metadata"]["name"] for crd in wanted}
    newest = max((release for crd in wanted if (release := release_of(crd))), default=None)
    downgrades = _downgrades(both)

    def is_newer(crd: JsonObject) -> bool:
        release = release_of(crd)
        # Neither release has a mark: the direction of the others is that of this one, too.
        return bool(downgrades) if release is None and newest is None else (release or ()) > (newest or (0,))

    return CrdPlan(
        writes=tuple(writes),
        unchanged=len(pairs) - len(writes),
        leftovers=tuple(crd for crd in live if crd["metadata"]["name"] not in names and is_newer(crd)),
        downgrades=tuple(downgrades),
        stored=tuple(line for desired, found in both for line in _dropped_stored(desired, found)),
        served=tuple(line for desired, found in both for line in _dropped_served(desired, found)),
        losing=tuple(losing for desired, found in both for losing in _losing(desired, found)),
    )


def _write(desired: JsonObject, live: JsonObject | None) -> CrdWrite | None:
    after = content(desired, like=desired)
    if live is None:
        return CrdWrite(desired=desired, live=None, before={}, after=after)
    before = content(live, like=desired)
    # What others manage is left alone where it is right already: our mark is no reason to write there.
    compared = _without_our_mark if is_managed(live) else _as_it_is
    if same(compared(before), compared(after)):
        return None
    return CrdWrite(desired=desired, live=live, before=before, after=after)


def _as_it_is(of_release: JsonObject) -> JsonObject:
    return of_release


def _without_our_mark(of_release: JsonObject) -> JsonObject:
    metadata = of_release["metadata"]
    annotations = {key: value for key, value in metadata.get("annotations", {}).items() if key != SOURCE_ANNOTATION}
    return {**of_release, "metadata": {**metadata, "annotations": annotations}}


def _downgrades(pairs: t.Sequence[tuple[JsonObject, JsonObject]]) -> list[str]:
    """The CRDs that would be downgraded: by their releases, or, if one has none, by the schemas of all of them.

    A newer release has more fields: a change that loses more fields than it gains is a downgrade.
    """
    found: list[str] = []
    silent: list[str] = []
    lost = gained = 0
    for desired, live in pairs:
        target, present = release_of(desired), release_of(live)
        line = f"{live['metadata']['name']}: {_text(present)} -> {_text(target)}"
        if target is not None and present is not None:
            found += [line] if present > target else []
            continue
        minus, plus = _schema_changes(live, desired), _schema_changes(desired, live)
        lost, gained = lost + len(minus), gained + len(plus)
        silent += [line] if minus else []
    return [*found, *(silent if lost > gained else [])]


def _schema_changes(old: JsonObject, new: JsonObject) -> list[str]:
    """The fields of every version of *old* that *new* does not know in that version."""
    return [
        field
        for version in old["spec"]["versions"]
        for field in lost_fields(
            schema_of(old, version["name"]) or {}, schema_of(new, version["name"]) or {"type": "object"}
        )
    ]


def _dropped_stored(desired: JsonObject, live: JsonObject) -> list[str]:
    stored = set((live.get("status") or {}).get("storedVersions") or ())
    gone = sorted(stored - {version["name"] for version in desired["spec"]["versions"]})
    return [f"{live['metadata']['name']}: stored version {version}" for version in gone]


def _dropped_served(desired: JsonObject, live: JsonObject) -> list[str]:
    gone = sorted(_served(live) - _served(desired))
    return [f"{live['metadata']['name']}: served version {version}" for version in gone]


def _served(crd: JsonObject) -> set[str]:
    return {version["name"] for version in crd["spec"]["versions"] if version.get("served")}


def storage_version(crd: t.Mapping[str, t.Any]) -> str:
    """The version in which a CRD's objects are stored."""
    return str(next(version["name"] for version in crd["spec"]["versions"] if version.get("storage")))


def _losing(desired: JsonObject, live: JsonObject) -> list[Losing]:
    version = storage_version(live)
    if version not in _served(live):
        version = next(iter(sorted(_served(live))), version)
    target = schema_of(desired, version) or schema_of(desired, storage_version(desired)) or {}
    fields = lost_fields(schema_of(live, version) or {}, target)
    return [Losing(crd=live, version=version, schema=target, fields=tuple(fields))] if fields else []


def losses(objects: t.Iterable[JsonObject], *, schema: Schema) -> list[Loss]:
    """Those of *objects* that would lose fields under *schema*, with these fields."""
    found = []
    for obj in objects:
        fields = tuple(dotted(place) for place in dropped(obj, schema))
        if fields:
            found.append(Loss(key=key_of(obj), fields=fields))
    return found


def require_opt_ins(plan: CrdPlan, lost: t.Sequence[Loss], *, opt_ins: OptIns) -> None:
    """Raise Refused with everything that the plan needs an opt-in for, or that no opt-in allows."""
    reasons: list[str] = []
    objects: list[str] = []

    def refuse(lines: t.Sequence[t.Any], text: str) -> None:
        reasons.append(f"{text}: {first_of(lines, NAMED, separator='; ')}")
        objects.extend(str(line) for line in lines)

    if plan.stored:
        refuse(plan.stored, "versions in which objects may be stored would be removed (migrate the storage first)")
    if plan.downgrades and not opt_ins.allow_downgrade:
        refuse(plan.downgrades, "the cluster has newer CRDs (choose their release, or set allow_downgrade)")
    if plan.served and not opt_ins.allow_data_loss:
        refuse(plan.served, "versions that clients may use would be removed (allow_data_loss permits it)")
    if lost and not opt_ins.allow_data_loss:
        refuse(lost, "live objects use fields that would be lost (change them, or set allow_data_loss)")
    if lost and opt_ins.allow_data_loss and not opt_ins.snapshot_dir:
        refuse(lost, "fields of live objects would be lost, and snapshot_dir names no folder to save the objects in")
    if reasons:
        raise Refused("the CRDs stay as they are: " + " | ".join(reasons), objects=objects)
