# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where the audit trail of a fleet is kept in a cluster: a ring of ConfigMaps, and one that says where its end is.

Entries are appended to the newest ConfigMap; when it is full the oldest is emptied and becomes the newest. Each step is
a write with the resourceVersion that was read, so that two runs never write at the same place.
"""

from __future__ import annotations

import base64
import binascii
import typing as t
from dataclasses import dataclass, field, replace

from ansible_collections.promfleet.monitoring.plugins.module_utils._api.client import Cluster, Resource
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.errors import ApiError, ClusterError
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.kinds import url_path
from ansible_collections.promfleet.monitoring.plugins.module_utils._audit.entry import (
    BEGINNING,
    Author,
    Work,
    digest_of,
    entry_of,
    packed,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.marks import INSTANCE_LABEL, common_labels
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.access.rights import Right

JsonObject = dict[str, t.Any]

COMPONENT = "promfleet-audit"
PREFIX = f"{COMPONENT}-"
# Decimal digits of an entry's number, so that names sort as numbers do.
DIGITS = 12
# Bytes of compressed entries in one ConfigMap; the API server takes 1 MiB with all keys, in base64 less than 1.5 MiB.
FULL = 700_000
ATTEMPTS = 8
SLOTS_MIN, SLOTS_MAX, SLOTS = 2, 20, 8


@dataclass(frozen=True, kw_only=True)
class Ring:
    """The trail of one *fleet*: *slots* ConfigMaps in *namespace*."""

    fleet: str
    namespace: str
    slots: int = SLOTS

    @property
    def head(self) -> str:
        """The name of the ConfigMap that says where the end is."""
        return f"{PREFIX}{self.fleet}"

    def slot(self, number: int) -> str:
        """The name of one ConfigMap of the ring."""
        return f"{self.head}.{number}"

    def path(self, name: str = "") -> str:
        """The URL path of one ConfigMap, or of all of the namespace."""
        return url_path("v1", "configmaps", namespace=self.namespace, name=name)


@dataclass(frozen=True, kw_only=True)
class End:
    """The end of the trail: its *slot*, *number* and *digest* of its last entry, and the *first* one that is kept."""

    slot: int
    number: int
    digest: str
    first: int


@dataclass(frozen=True, kw_only=True)
class Appended:
    """An entry that was written: its *number*, its bytes, and their *digest*, by which the next one names it."""

    number: int
    digest: str
    data: bytes = field(repr=False)


def rights(ring: Ring) -> tuple[Right, ...]:
    """What appending an entry takes. A POST has no name to be judged by. Pure."""
    create = Right(group="", resource="configmaps", verb="create", namespace=ring.namespace)
    names = (ring.head, *(ring.slot(number) for number in range(ring.slots)))
    event = Right(group="", resource="events", verb="create", namespace=ring.namespace)
    return (create, event, *(replace(create, verb=verb, name=name) for name in names for verb in ("get", "update")))


def append(cluster: Cluster, ring: Ring, work: Work, author: Author) -> Appended:
    """Append an entry to the trail. Raises ClusterError if that failed, also where others were faster each time."""
    for _attempt in range(ATTEMPTS):
        appended = _try(cluster, ring, work, author)
        if appended is not None:
            return appended
    raise ClusterError(
        f"the audit trail {ring.namespace}/{ring.head} could not be written: other runs were faster {ATTEMPTS} times"
    )


def _try(cluster: Cluster, ring: Ring, work: Work, author: Author) -> Appended | None:
    """One attempt; None if another run was faster."""
    head = cluster.find(ring.path(ring.head))
    end = _end_of(head)
    # After the ring was made smaller the end may be at a place that it no longer has.
    slot, live = _newest(cluster, ring, end.slot % ring.slots)
    held = entries_in(live)
    number = max(held, default=end.number) + 1
    data, small = packed(entry_of(work, author, number=number, previous=_digest(live) or end.digest))
    digest = digest_of(data)
    first = end.first
    if held and sum(map(len, held.values())) + len(small) > FULL:
        slot = (slot + 1) % ring.slots
        live = cluster.find(ring.path(ring.slot(slot)))
        first = max(first, max(entries_in(live), default=0) + 1)
        held = {}
        # Before they go, so that a run that ends here leaves no gap that looks like entries that somebody deleted.
        emptied = replace(end, first=first)
        if head is not None and first != end.first and not _write(cluster, ring, _head(ring, emptied, live=head)):
            return None
        head = cluster.find(ring.path(ring.head))
    if not _write(cluster, ring, _slot(ring, slot, {**held, number: small}, digest=digest, live=live)):
        return None
    # Where a run ends here, the next one finds the end in the ring itself.
    _write(cluster, ring, _head(ring, End(slot=slot, number=number, digest=digest, first=first), live=head))
    return Appended(number=number, digest=digest, data=data)


def _newest(cluster: Cluster, ring: Ring, slot: int) -> tuple[int, JsonObject | None]:
    """The slot with the newest entry, and its ConfigMap: the one that the head names, or the next if that is newer."""
    live = cluster.find(ring.path(ring.slot(slot)))
    following = (slot + 1) % ring.slots
    # The next one is newer only where a run filled this one and ended before it wrote the head.
    if live is None or sum(map(len, entries_in(live).values())) * 2 < FULL:
        return slot, live
    other = cluster.find(ring.path(ring.slot(following)))
    if other and max(entries_in(other), default=0) > max(entries_in(live), default=0):
        return following, other
    return slot, live


def _write(cluster: Cluster, ring: Ring, body: JsonObject) -> bool:
    """Write a ConfigMap as it was read, or create it; False if another run was faster."""
    metadata = body["metadata"]
    try:
        if "resourceVersion" in metadata:
            cluster.request("PUT", ring.path(metadata["name"]), body=body)
        else:
            cluster.request("POST", ring.path(), body=body)
    except ApiError as error:
        if error.status == 409:
            return False
        raise
    return True


def _object(name: str, ring: Ring, *, live: JsonObject | None) -> JsonObject:
    version = {"resourceVersion": live["metadata"]["resourceVersion"]} if live else {}
    metadata = {"name": name, "namespace": ring.namespace, "labels": labels_of(ring.fleet), **version}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata}


def labels_of(fleet: str) -> dict[str, str]:
    """The labels of the ConfigMaps of a fleet's trail. Pure."""
    return {**common_labels(COMPONENT), INSTANCE_LABEL: fleet}


def _slot(ring: Ring, slot: int, entries: t.Mapping[int, bytes], *, digest: str, live: JsonObject | None) -> JsonObject:
    data = {f"{number:0{DIGITS}d}": base64.b64encode(small).decode() for number, small in sorted(entries.items())}
    return {**_object(ring.slot(slot), ring, live=live), "data": {"digest": digest}, "binaryData": data}


def _head(ring: Ring, end: End, *, live: JsonObject | None) -> JsonObject:
    data = {"slot": str(end.slot), "number": str(end.number), "digest": end.digest, "first": str(end.first)}
    return {**_object(ring.head, ring, live=live), "data": data}


def _end_of(head: JsonObject | None) -> End:
    """What the head says, as far as it can be read. Pure."""
    data = (head or {}).get("data") or {}

    def number(name: str, default: int) -> int:
        text = str(data.get(name, ""))
        return int(text) if text.isdecimal() else default

    digest = data.get("digest") or BEGINNING
    return End(slot=number("slot", 0), number=number("number", 0), digest=digest, first=number("first", 1))


def _digest(live: JsonObject | None) -> str:
    return str(((live or {}).get("data") or {}).get("digest") or "")


def entries_in(live: JsonObject | None) -> dict[int, bytes]:
    """The compressed entries of a ConfigMap by number; what is not an entry is left out. Pure."""
    found = {}
    for name, text in ((live or {}).get("binaryData") or {}).items():
        try:
            found[int(name)] = base64.b64decode(text, validate=True)
        except (ValueError, binascii.Error):
            continue
    return found


@dataclass(frozen=True, kw_only=True)
class Trail:
    """What was read of a trail: compressed *entries* with the ConfigMap of each, and what the head says, None without.

    *marks*: the digest of the last entry that each ConfigMap names, by the number of that entry.
    """

    entries: tuple[tuple[int, str, bytes], ...]
    end: End | None
    marks: t.Mapping[int, str]


def read(cluster: Cluster, *, fleet: str, namespace: str) -> Trail:
    """The whole trail of a fleet in a cluster; raises ApiError."""
    selector = ",".join(f"{name}={value}" for name, value in sorted(labels_of(fleet).items()))
    ring = Ring(fleet=fleet, namespace=namespace)
    resource = Resource(api_version="v1", kind="ConfigMap", plural="configmaps", namespaced=True, verbs=frozenset())
    found = {
        obj["metadata"]["name"]: obj for obj in cluster.list_objects(resource, namespace=namespace, selector=selector)
    }
    return trail_of(found, ring=ring)


def trail_of(found: t.Mapping[str, JsonObject], *, ring: Ring) -> Trail:
    """The trail in ConfigMaps by name. Pure."""
    head = found.get(ring.head)
    slots = {name: obj for name, obj in found.items() if name.startswith(f"{ring.head}.")}
    held = {name: entries_in(obj) for name, obj in slots.items()}
    entries = [(number, name, small) for name, some in held.items() for number, small in some.items()]
    marks = {max(some): _digest(slots[name]) for name, some in held.items() if some}
    return Trail(entries=tuple(sorted(entries)), end=None if head is None else _end_of(head), marks=marks)
