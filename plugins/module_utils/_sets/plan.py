# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The plan: desired objects and what the cluster has, as actions. Pure; nothing is decided anywhere else."""

from __future__ import annotations

import functools
import typing as t
from dataclasses import dataclass, field

from ansible_collections.promfleet.monitoring.plugins.module_utils._api.kinds import Key, key_of
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.marks import (
    ADOPTED,
    ADOPTED_ANNOTATION,
    KNOWN_AFTER_APPLY,
    RESTORED,
    SET_LABEL,
    TAKEN_OVER,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.text import first_of
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.claims import (
    claimed_from,
    made_by,
    put_back_by,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._state.canonical import canonical
from ansible_collections.promfleet.monitoring.plugins.module_utils._state.fields import (
    Owner,
    own_entry,
    owns_label,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._state.grants import (
    left_behind,
    takes_rights,
    to_be_left,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._state.ownership import (
    former_owners,
    is_marked,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._state.proof import is_unchanged
from ansible_collections.promfleet.monitoring.plugins.module_utils._state.ready import not_ready

JsonObject = dict[str, t.Any]


@dataclass(frozen=True, kw_only=True)
class SetId:
    """One set of objects that belong together in one cluster: what one fleet made for one capability.

    *part*, a DNS label, tells several sets of one capability apart; the first set has none. The cluster is not named:
    the set's record, its Lease and its objects are all in it.
    """

    fleet: str
    capability: str
    part: str = ""

    @functools.cached_property
    def label(self) -> str:
        """The value of the set's label, and the end of the names of its record and its Lease.

        Two sets never share one: a fleet's name may have dots, but a capability's and a part have none, and no
        capability's name has two dashes in a row, but for those of sets that users name, which have no parts.
        """
        return f"{self.fleet}.{self.capability}" + (f"--{self.part}" if self.part else "")


@dataclass(frozen=True, kw_only=True)
class Write:
    """An object that is to be applied; *live* is None if it is to be created.

    *takes*: managers whose fields become ours before, so that fields which we do not want are removed. *claims*: they
    put it back, and it is ours as if we had made it. *put_back_by*: they put it back, and it is adopted.
    """

    desired: JsonObject
    live: JsonObject | None
    adopts: bool = False
    takes: frozenset[Owner] = frozenset()
    claims: bool = False
    put_back_by: frozenset[str] = frozenset()


@dataclass(frozen=True, kw_only=True)
class Unchanged:
    """An object that is provably as desired. *unready*: why it is not ready, None if it is."""

    unready: str | None = None


@dataclass(frozen=True, kw_only=True)
class Conflict:
    """An object that belongs to another set, or a role or binding of another tool."""

    message: str


# Nearly all objects of nearly all runs.
_READY = Unchanged()
_CLAIM_LATER = "If it restored a backup, list {name} in claim_managers, now or later, to make them the set's again"

Decision: t.TypeAlias = "Write | Unchanged | Conflict"


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What a run would do to one set; *leaving* are members whose deletion has begun and not ended.

    *held* should be deleted and cannot be, for the reason *held_because*.
    """

    writes: tuple[Write, ...] = ()
    unchanged: t.Mapping[Key, Unchanged] = field(default_factory=dict)
    deletes: tuple[JsonObject, ...] = ()
    releases: tuple[JsonObject, ...] = ()
    leaving: tuple[JsonObject, ...] = ()
    held: tuple[JsonObject, ...] = ()
    held_because: str = ""
    conflicts: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    kept: int = 0
    members: int = 0

    def is_ready(self, key: Key) -> bool:
        """Whether the object was seen ready, and this plan leaves it alone."""
        seen = self.unchanged.get(key)
        return seen is not None and seen.unready is None


def decide(
    obj: JsonObject,
    live: JsonObject | None,
    *,
    owner: SetId,
    adopt_managers: t.Collection[str] = (),
    claim_managers: t.Collection[str] = (),
) -> Decision:
    """What is to be done about one desired object; *live* is None if there is none yet.

    *adopt_managers* are named by the user: what they own in desired objects becomes ours. *claim_managers* too: what
    these put back with the label of the set is the set's as before.
    """
    if live is None:
        return Write(desired=canonical(with_marks(obj, owner=owner, adopted=None)), live=None)
    other = (live["metadata"].get("labels") or {}).get(SET_LABEL)
    if other not in (None, owner.label) and owns_label(live, SET_LABEL):
        return Conflict(message=f"{key_of(obj)} belongs to the set {other!r}; this run is for {owner.label!r}")
    claimed = claimed_from(live, label=owner.label, managers=claim_managers) if claim_managers else frozenset()
    # What is claimed was ours before the restore.
    if not claimed and (reason := takes_rights(obj, live)):
        return Conflict(message=reason)
    put_back = frozenset() if claimed else put_back_by(live, label=owner.label)
    adopts = not claimed and (own_entry(live) is None or made_by(live) not in (None, owner.label))
    takes = former_owners(live, named=adopt_managers) | claimed
    adopted = (TAKEN_OVER if takes else RESTORED if put_back else ADOPTED) if adopts else adoption(live)
    # What the backup had as adopted stays that; what came back as ours is ours.
    if claimed and adopted == RESTORED:
        adopted = None
    elif put_back:
        adopted = adoption(live) or adopted
    marked = with_marks(obj, owner=owner, adopted=adopted)
    # Most are unchanged as they are; what is written another way than the server writes it needs a second look.
    sent = marked if not takes and is_unchanged(marked, live) else canonical(marked)
    if not takes and (sent is marked or is_unchanged(sent, live)):
        unready = not_ready(live)
        return Unchanged(unready=unready) if unready else _READY
    names = frozenset(name for name, _operation in put_back)
    return Write(desired=sent, live=live, adopts=adopts, takes=takes, claims=bool(claimed), put_back_by=names)


def make_plan(
    *,
    wanted: t.Mapping[Key, JsonObject],
    members: t.Mapping[Key, JsonObject],
    decisions: t.Mapping[Key, Decision],
    keep: t.Callable[[JsonObject], bool],
) -> Plan:
    """What is to be done about the whole set.

    *members* are the live objects that carry the set's label, *decisions* has one for each *wanted* object. *keep*
    tells which members stay although they are not wanted. What was deleted already is not deleted again.
    """
    decided = {key: decisions[key] for key in wanted}
    unwanted = [live for key, live in members.items() if key not in wanted]
    doomed = [live for live in unwanted if "deletionTimestamp" not in live["metadata"]]
    ours = [live for live in doomed if is_ours(live)]
    kept = [live for live in ours if keep(live)]
    going = [live for live in ours if not keep(live)]
    # Deleting a namespace would delete the desired objects in it.
    inhabited = {key.namespace for key in wanted} | {key_of(live).namespace for live in kept}
    needed = {key_of(live) for live in going if live["kind"] == "Namespace" and live["metadata"]["name"] in inhabited}
    released = {key_of(live) for live in going if adoption(live)} | needed
    released |= to_be_left(going, released=released)
    accounts = {key for key in (*wanted, *map(key_of, going)) if key.kind == "ServiceAccount" and key not in released}
    left = (left_behind(live, accounts=accounts) for live in going if key_of(live) in released)
    return Plan(
        writes=tuple(decision for decision in decided.values() if isinstance(decision, Write)),
        unchanged={key: decision for key, decision in decided.items() if isinstance(decision, Unchanged)},
        deletes=tuple(live for live in going if key_of(live) not in released),
        releases=tuple(live for live in going if key_of(live) in released),
        leaving=tuple(live for live in unwanted if "deletionTimestamp" in live["metadata"] and is_ours(live)),
        conflicts=tuple(sorted(decision.message for decision in decided.values() if isinstance(decision, Conflict))),
        warnings=tuple(
            sorted(
                [
                    f"{key_of(live)} carries the label of this set, but was not made by it: it stays as it is"
                    for live in doomed
                    if not is_ours(live) and not _is_derived(live)
                ]
                + _adopted_again(decided)
                + [f"{key} stays: it contains objects that are still desired" for key in needed]
                + [warning for warning in left if warning]
            )
        ),
        kept=len(kept),
        members=len(members),
    )


def _adopted_again(decided: t.Mapping[Key, Decision]) -> list[str]:
    """A warning about desired objects that other tools put back, for each of these tools."""
    found: dict[str, list[Key]] = {}
    for key, decision in decided.items():
        for name in decision.put_back_by if isinstance(decision, Write) else ():
            found.setdefault(name, []).append(key)
    return [
        f"{name} put back {len(keys)} objects of this set ({first_of(sorted(keys), 3)}): they are adopted, and will be "
        f"released instead of deleted. {_CLAIM_LATER.format(name=name)}"
        for name, keys in found.items()
    ]


def with_marks(obj: JsonObject, *, owner: SetId, adopted: str | None) -> JsonObject:
    """*obj* with the label of its set and, where it existed before us, the mark that says so."""
    metadata = dict(obj["metadata"])
    metadata["labels"] = {**(metadata.get("labels") or {}), SET_LABEL: owner.label}
    if adopted:
        metadata["annotations"] = {**(metadata.get("annotations") or {}), ADOPTED_ANNOTATION: adopted}
    return {**obj, "metadata": metadata}


def adoption(live: JsonObject | None) -> str | None:
    """How a live object became ours, where it existed before us: ADOPTED, TAKEN_OVER or RESTORED."""
    if live is None:
        return None
    mark = (live["metadata"].get("annotations") or {}).get(ADOPTED_ANNOTATION)
    if mark in (ADOPTED, TAKEN_OVER, RESTORED):
        return str(mark)
    return TAKEN_OVER if is_marked(live) else None


def is_ours(live: JsonObject) -> bool:
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
