# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The state of a cluster as a file: the objects of a fleet's sets, as runs applied them.

It is read from the cluster itself: an object's managedFields say what our manager applied. So no inventory of that time
is needed to compare a cluster with it, or to apply it again.
"""

from __future__ import annotations

import json
import typing as t
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from ansible_collections.promfleet.monitoring.plugins.module_utils._api.client import Cluster
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.kinds import Key, key_of, url_path
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.marks import (
    ADOPTED_ANNOTATION,
    BEFORE_ANNOTATION,
    MADE_BY_ANNOTATION,
    SET_LABEL,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.progress import Progress
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.errors import InputError
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets import record
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.members import list_members
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.plan import Decision, SetId, Unchanged, is_ours
from ansible_collections.promfleet.monitoring.plugins.module_utils._state.compare import our_part, with_values

JsonObject = dict[str, t.Any]

FORMAT = 1
_KEYS = ("crds", "fleet", "format", "made_by", "sets", "uid")
MADE_BY = "promfleet.monitoring state_record"
# Runs set these themselves.
_MARKS = {"labels": (SET_LABEL,), "annotations": (ADOPTED_ANNOTATION, BEFORE_ANNOTATION, MADE_BY_ANNOTATION)}


@dataclass(frozen=True, kw_only=True)
class State:
    """What a fleet has in a cluster.

    *uid* is that of the namespace kube-system, by which a cluster is known. *sets* has the objects of each capability,
    as they were applied; *crds* the release of the operator that each of its CRDs says it is of.
    """

    uid: str
    fleet: str
    sets: Mapping[str, tuple[JsonObject, ...]] = field(default_factory=dict)
    crds: Mapping[str, str] = field(default_factory=dict)

    @property
    def objects(self) -> list[JsonObject]:
        """The objects of all sets."""
        return [obj for objects in self.sets.values() for obj in objects]


@dataclass(frozen=True, kw_only=True)
class LiveSet:
    """A set as it is in a cluster: the *members* that are ours, whole, by their keys."""

    owner: SetId
    members: Mapping[Key, JsonObject]

    def applied(self) -> tuple[JsonObject, ...]:
        """The objects as they were applied, sorted by their keys."""
        return tuple(as_applied(live) for _key, live in sorted(self.members.items()))


def state_text(state: State) -> str:
    """The file of a *state*; the same state gives the same bytes."""
    whole = {
        "format": FORMAT,
        "made_by": MADE_BY,
        "uid": state.uid,
        "fleet": state.fleet,
        "crds": dict(state.crds),
        "sets": {name: list(objects) for name, objects in state.sets.items()},
    }
    return json.dumps(whole, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def parse_state(data: bytes, *, path: str) -> State:
    """The state in a file; raises InputError, with *path* as its place, for what `state_text` did not make."""
    try:
        whole = json.loads(data)
    except ValueError as error:
        raise InputError(path, f"cannot be read as JSON: {error}") from error
    if not isinstance(whole, dict) or whole.get("made_by") != MADE_BY:
        raise InputError(path, "is not the state of a cluster, as the playbook record writes it")
    if whole.get("format") != FORMAT:
        raise InputError(path, f"has the format {whole.get('format')!r}; this release reads {FORMAT}")
    if sorted(whole) != sorted(_KEYS):
        raise InputError(path, f"must have {', '.join(_KEYS)}, and has {', '.join(sorted(whole))}")
    texts = all(isinstance(whole[name], str) and whole[name] for name in ("uid", "fleet"))
    crds, sets = whole["crds"], whole["sets"]
    if not (texts and _is_texts(crds) and isinstance(sets, dict)):
        raise InputError(path, "uid and fleet must be texts, crds and sets mappings")
    found = {str(name): _objects(objects, path=f"{path}: sets.{name}") for name, objects in sets.items()}
    return State(uid=whole["uid"], fleet=whole["fleet"], crds=crds, sets=found)


def _is_texts(value: object) -> bool:
    return isinstance(value, dict) and all(isinstance(text, str) for text in value.values())


def _objects(value: object, *, path: str) -> tuple[JsonObject, ...]:
    if not isinstance(value, list):
        raise InputError(path, "must be a list of objects")
    keys: dict[Key, int] = {}
    for number, obj in enumerate(value):
        place = f"{path}[{number}]"
        if not _is_object(obj):
            raise InputError(place, "must be a Kubernetes object with apiVersion, kind and metadata.name")
        if keys.setdefault(key_of(obj), number) != number:
            raise InputError(place, f"{key_of(obj)} is in the list already")
    return tuple(value)


def _is_object(obj: object) -> bool:
    if not isinstance(obj, dict) or not isinstance(obj.get("metadata"), dict):
        return False
    named = (obj.get("apiVersion"), obj.get("kind"), obj["metadata"].get("name"))
    return all(isinstance(text, str) and text for text in named)


def as_applied(live: JsonObject) -> JsonObject:
    """What our manager applied of a *live* object, without the marks that a run sets itself."""
    return _identified(our_part(live), live)


def now_of(live: JsonObject, recorded: JsonObject) -> JsonObject:
    """The part of *live* to compare with what is *recorded* of it: what is ours, and what it has in those fields."""
    return _identified(with_values(our_part(live), live, recorded), live)


def _identified(part: JsonObject, live: JsonObject) -> JsonObject:
    given, metadata = live["metadata"], dict(part.get("metadata") or {})
    for name, marks in _MARKS.items():
        left = {key: value for key, value in (metadata.get(name) or {}).items() if key not in marks}
        metadata.pop(name, None)
        if left:
            metadata[name] = left
    identity = {name: given[name] for name in ("name", "namespace") if given.get(name)}
    body = {name: value for name, value in part.items() if name != "metadata"}
    return {"apiVersion": live["apiVersion"], "kind": live["kind"], "metadata": {**identity, **metadata}, **body}


def _undecided(_wanted: JsonObject, _live: JsonObject) -> Decision:
    return Unchanged()


def live_set(
    cluster: Cluster,
    owner: SetId,
    *,
    kinds: Sequence[tuple[str, str]],
    namespace: str,
    progress: Progress,
) -> LiveSet | None:
    """The set of *owner* in a cluster, None if it has none; *namespace* holds the records, *kinds* it can have."""
    recorded = record.read(cluster, owner=owner, namespace=namespace)
    if recorded.live is None:
        return None
    found = list_members(
        cluster,
        label=owner.label,
        kinds=sorted({*kinds, *recorded.kinds}),
        recorded=recorded,
        secrets_in=recorded.secret_namespaces,
        wanted={},
        desired_kinds=(),
        decide=_undecided,
        progress=progress,
    )
    members = {
        key: live
        for key, live in found.live.items()
        if is_ours(live) and not record.is_record(live) and "deletionTimestamp" not in live["metadata"]
    }
    return LiveSet(owner=owner, members=members)


def cluster_uid(cluster: Cluster) -> str:
    """What tells a cluster from others: the uid of its namespace kube-system; empty where it may not be read."""
    found = cluster.find(url_path("v1", "namespaces", name="kube-system")) or {}
    return str((found.get("metadata") or {}).get("uid") or "")


def kinds_of(objects: Iterable[JsonObject]) -> set[tuple[str, str]]:
    """The pairs of apiVersion and kind of *objects*."""
    return {(obj["apiVersion"], obj["kind"]) for obj in objects}
