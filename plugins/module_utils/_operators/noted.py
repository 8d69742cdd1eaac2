# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Notes the operators whose place ours took, as they were before, and gives them their replicas back."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from ansible_collections.promfleet.monitoring.plugins.module_utils._api.client import Cluster
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.errors import ClusterError
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.kinds import Key
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.marks import FIELD_MANAGER
from ansible_collections.promfleet.monitoring.plugins.module_utils._operators import stop
from ansible_collections.promfleet.monitoring.plugins.module_utils._operators.judge import replicas_of
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.access.rights import Right
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.outcome import Change
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.takeover import rewrite
from ansible_collections.promfleet.monitoring.plugins.module_utils._state.fields import Fields, entries_of

JsonObject = dict[str, t.Any]

# The ConfigMap exists while ours has their place.
NOTE = "promfleet-replaced-operators"


@dataclass(frozen=True, kw_only=True)
class Noted:
    """An operator as it was before: its *uid*, *replicas*, and which managers owned these (as managedFields do)."""

    namespace: str
    name: str
    uid: str
    replicas: int
    owners: tuple[JsonObject, ...] = ()

    @property
    def key(self) -> Key:
        """The identity of its Deployment."""
        return Key("apps", "Deployment", self.namespace, self.name)

    def data(self) -> JsonObject:
        """The entry of the note."""
        owners = {"owners": list(self.owners)} if self.owners else {}
        return {
            "namespace": self.namespace,
            "name": self.name,
            "uid": self.uid,
            "replicas": self.replicas,
            **owners,
        }


def note_rights(place: str, *verbs: str, note: str = NOTE) -> tuple[Right, ...]:
    """Rights on a *note* in *place*; a POST has no name to be judged by. Pure."""
    names = {"create": ""}
    return tuple(
        Right(group="", resource="configmaps", verb=verb, namespace=place, name=names.get(verb, note)) for verb in verbs
    )


# -- the note -----------------------------------------------------------------------------------------------------


def noted(cluster: Cluster, *, place: str) -> dict[Key, Noted]:
    """The operators whose place ours took, as the note in *place* has them; raises ClusterError if it is unreadable."""
    try:
        entries = stop.read_note(cluster, NOTE, namespace=place)
        read = [Noted(**{**entry, "owners": tuple(entry.get("owners") or ())}) for entry in entries]
    except (TypeError, ValueError) as error:
        raise ClusterError(
            f"ConfigMap {place}/{NOTE}: the note about replaced operators (data.operators) cannot be read ({error}). "
            "Somebody changed it. Delete the ConfigMap, and scale these operators by hand when ours is removed"
        ) from error
    return {one.key: one for one in read}


def _note_key(place: str) -> Key:
    return Key("", "ConfigMap", place, NOTE)


def _entries(noted_ones: t.Iterable[Noted]) -> list[JsonObject]:
    return [one.data() for one in sorted(noted_ones, key=lambda one: one.key)]


def write_note(cluster: Cluster, entries: t.Mapping[Key, Noted], *, place: str) -> None:
    """Make the note in *place* say *entries*; delete it if there are none."""
    stop.write_note(cluster, NOTE, _entries(entries.values()), namespace=place)


def note_change(before: t.Mapping[Key, Noted], after: t.Mapping[Key, Noted], *, place: str) -> tuple[Change, ...]:
    """What becomes of the note, as a change. Pure."""
    old, new = ({"data": stop.note_data(_entries(found.values()))} if found else {} for found in (before, after))
    if old == new:
        return ()
    action = "updated" if old and new else "created" if new else "deleted"
    return (Change(action=action, key=_note_key(place), before=old, after=new),)


# -- as it was before -------------------------------------------------------------------------------------------------


def as_before(live: JsonObject, known: Noted | None) -> Noted:
    """How to note a running Deployment: as it was noted first, if it is still the same one. Pure."""
    metadata = live["metadata"]
    if known is not None and known.uid == metadata["uid"]:
        return known
    return Noted(
        namespace=metadata["namespace"],
        name=metadata["name"],
        uid=metadata["uid"],
        replicas=replicas_of(live),
        owners=tuple(_owners(live)),
    )


def give_back(cluster: Cluster, one: Noted) -> None:
    """Give a Deployment its replicas back, and its managers the field, unless it is another one or was started."""
    live = stop.find_workload(cluster, one.key)
    if live is None or live["metadata"]["uid"] != one.uid:
        return
    if replicas_of(live) == 0:
        stop.scale(cluster, live, replicas=one.replicas)
        live = stop.find_workload(cluster, one.key)
    resource = cluster.resource(stop.APPS, one.key.kind)
    if live is None or resource is None or not any(_is_ours(entry) for entry in entries_of(live)):
        return
    rewrite(cluster, live, change=lambda state: returned(state, owners=one.owners), resource=resource)


# -- who owns the replicas ----------------------------------------------------------------------------------------

_IDENTITY = ("manager", "operation", "subresource")


def _owned(entry: JsonObject) -> Fields | None:
    """The field of the replicas, if an entry of managedFields has it. Pure."""
    found: Fields | None = (entry.get("fieldsV1") or {}).get("f:spec", {}).get("f:replicas")
    return found


def _owners(live: JsonObject) -> list[JsonObject]:
    """Which entries of managedFields have the replicas, by what tells entries apart. Pure."""
    return [
        {name: entry[name] for name in (*_IDENTITY, "apiVersion") if name in entry}
        for entry in entries_of(live)
        if _owned(entry) is not None
    ]


def _is_ours(entry: JsonObject) -> bool:
    """Whether this is what `scale` left: our Update of the replicas. Pure."""
    is_update = entry.get("manager") == FIELD_MANAGER and entry.get("operation") == "Update"
    return is_update and not entry.get("subresource") and _owned(entry) is not None


def returned(live: JsonObject, *, owners: t.Sequence[JsonObject]) -> JsonObject:
    """*live* with its replicas owned by *owners* instead of us. Pure."""

    def same(entry: JsonObject, owner: JsonObject) -> bool:
        return all(entry.get(name) == owner.get(name) for name in _IDENTITY)

    entries: list[JsonObject] = []
    time_of_ours = ""
    for entry in entries_of(live):
        fields = dict(entry.get("fieldsV1") or {})
        if _is_ours(entry):
            time_of_ours = str(entry.get("time") or "")
            spec = {name: value for name, value in fields["f:spec"].items() if name != "f:replicas"}
            rest = {name: value for name, value in {**fields, "f:spec": spec}.items() if value}
            entries += [{**entry, "fieldsV1": rest}] if rest else []
        elif any(same(entry, owner) for owner in owners):
            spec = {**(fields.get("f:spec") or {}), "f:replicas": {}}
            entries.append({**entry, "fieldsV1": {**fields, "f:spec": spec}})
        else:
            entries.append(entry)
    for owner in owners:
        # One that owned nothing else went when it lost the replicas.
        if not any(same(entry, owner) for entry in entries):
            made = {**owner, "fieldsType": "FieldsV1", "fieldsV1": {"f:spec": {"f:replicas": {}}}}
            entries.append({**made, "time": time_of_ours} if time_of_ours else made)
    return {**live, "metadata": {**live["metadata"], "managedFields": entries or [{}]}}
