# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The plan: desired objects and what the cluster has, as actions. Pure; nothing is decided anywhere else."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field

from ansible_collections.promfleet.monitoring.plugins.module_utils._cluster.canonical import canonical
from ansible_collections.promfleet.monitoring.plugins.module_utils._cluster.fields import (
    is_unchanged,
    own_entry,
    owns_label,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._cluster.kinds import Key, key_of
from ansible_collections.promfleet.monitoring.plugins.module_utils._cluster.ownership import (
    Owner,
    former_owners,
    is_marked,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._model.names import (
    ADOPTED_ANNOTATION,
    KNOWN_AFTER_APPLY,
    SET_LABEL,
)

JsonObject = dict[str, t.Any]


@dataclass(frozen=True, kw_only=True)
class SetId:
    """One set of objects that belong together in one cluster: what one fleet made for one capability."""

    fleet: str
    capability: str

    @property
    def label(self) -> str:
        """The value of the set's label."""
        return f"{self.fleet}.{self.capability}"


@dataclass(frozen=True, kw_only=True)
class Write:
    """An object that is to be applied; *live* is None where it is to be created.

    *takes*: managers whose fields become ours before, so that what they set and we do not want goes.
    """

    desired: JsonObject
    live: JsonObject | None
    adopts: bool = False
    takes: frozenset[Owner] = frozenset()


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What a run would do to one set."""

    writes: tuple[Write, ...] = ()
    unchanged: tuple[JsonObject, ...] = ()
    deletes: tuple[JsonObject, ...] = ()
    releases: tuple[JsonObject, ...] = ()
    conflicts: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    kept: int = 0
    members: int = field(default=0)


def make_plan(
    *,
    owner: SetId,
    desired: t.Sequence[JsonObject],
    members: t.Mapping[Key, JsonObject],
    strangers: t.Mapping[Key, JsonObject],
    keep: t.Callable[[JsonObject], bool],
    adopt_managers: t.Collection[str] = (),
) -> Plan:
    """Decide for each object.

    *members* are the live objects that carry the set's label, *strangers* those desired objects that exist without it.
    *keep* tells which members stay although they are not desired. *adopt_managers* are named by the user: what they own
    in desired objects becomes ours.
    """
    writes: list[Write] = []
    unchanged: list[JsonObject] = []
    conflicts: list[str] = []
    wanted = {key_of(obj): obj for obj in desired}
    for key, obj in wanted.items():
        live = members.get(key) or strangers.get(key)
        other = (live or {}).get("metadata", {}).get("labels", {}).get(SET_LABEL)
        if live is not None and other not in (None, owner.label) and owns_label(live, SET_LABEL):
            conflicts.append(f"{key} belongs to the set {other!r}; this run is for {owner.label!r}")
            continue
        adopts = live is not None and own_entry(live) is None
        takes = former_owners(live, named=adopt_managers) if live is not None else frozenset()
        marked = with_marks(obj, owner=owner, adopted=adopts or _is_adopted(live))
        if live is not None and not takes and is_unchanged(marked, live):
            unchanged.append(live)
        else:
            writes.append(Write(desired=marked, live=live, adopts=adopts, takes=takes))
    doomed = [live for key, live in members.items() if key not in wanted]
    ours = [live for live in doomed if _is_ours(live)]
    kept = [live for live in ours if keep(live)]
    going = [live for live in ours if not keep(live)]
    # A namespace would take with it what is wanted in it.
    inhabited = {key.namespace for key in wanted} | {key_of(live).namespace for live in kept}
    needed = {key_of(live) for live in going if live["kind"] == "Namespace" and live["metadata"]["name"] in inhabited}
    released = {key_of(live) for live in going if _is_adopted(live)} | needed
    return Plan(
        writes=tuple(writes),
        unchanged=tuple(unchanged),
        deletes=tuple(live for live in going if key_of(live) not in released),
        releases=tuple(live for live in going if key_of(live) in released),
        conflicts=tuple(sorted(conflicts)),
        warnings=tuple(
            sorted(
                [
                    f"{key_of(live)} carries the label of this set, but was not made by it: left alone"
                    for live in doomed
                    if not _is_ours(live) and not _is_derived(live)
                ]
                + [f"{key} stays: objects that are wanted are in it" for key in needed]
            )
        ),
        kept=len(kept),
        members=len(members),
    )


def with_marks(obj: JsonObject, *, owner: SetId, adopted: bool) -> JsonObject:
    """*obj* in its canonical form with the label of its set and, where it existed before us, the mark that says so."""
    marked = canonical(obj)
    metadata = dict(marked["metadata"])
    metadata["labels"] = {**metadata.get("labels", {}), SET_LABEL: owner.label}
    if adopted:
        metadata["annotations"] = {**metadata.get("annotations", {}), ADOPTED_ANNOTATION: "true"}
    return {**marked, "metadata": metadata}


def _is_adopted(live: JsonObject | None) -> bool:
    if live is None:
        return False
    annotations = live["metadata"].get("annotations") or {}
    return annotations.get(ADOPTED_ANNOTATION) == "true" or is_marked(live)


def _is_ours(live: JsonObject) -> bool:
    """Membership is the label AND our ownership of it AND no controller above: controllers copy labels."""
    controlled = any(owner.get("controller") for owner in live["metadata"].get("ownerReferences") or ())
    return owns_label(live, SET_LABEL) and not controlled


def _is_derived(live: JsonObject) -> bool:
    """Made by a controller from one of our objects, labels included."""
    labels = live["metadata"].get("labels") or {}
    return bool(live["metadata"].get("ownerReferences")) or "endpoints.kubernetes.io/managed-by" in labels


def mentions_unknown(value: t.Any) -> bool:
    """Whether a JSON value holds something that only a run can know."""
    if isinstance(value, dict):
        return any(mentions_unknown(item) for item in value.values())
    if isinstance(value, list):
        return any(mentions_unknown(item) for item in value)
    return isinstance(value, str) and KNOWN_AFTER_APPLY in value
