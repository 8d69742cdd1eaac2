# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""An entry of the audit trail: what one run changed in one set of one cluster, by whom, and when. Pure.

Entries form a chain: each names the digest of the one before it, so that one that is changed, left out or moved shows.
"""

from __future__ import annotations

import hashlib
import json
import typing as t
import zlib
from dataclasses import dataclass, field

from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.outcome import (
    Change,
    Outcome,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._state.fields import same

JsonObject = dict[str, t.Any]

VERSION = 1
# The digest before the first entry.
BEGINNING = "0" * 64
# An entry that is larger when compressed keeps its objects, and loses their values.
LARGEST = 600_000
VERBS = {
    "created": "create",
    "updated": "update",
    "replaced": "replace",
    "deleted": "delete",
    "released": "release",
}


@dataclass(frozen=True, kw_only=True)
class Author:
    """Who changed something. *account* is the user that the API server authenticated; the rest is what the run claims.

    *run* tells the runs of one fleet apart; *job*, *user* and *template* are those of AWX where it started the run.
    """

    account: str
    run: str = ""
    job: str = ""
    user: str = ""
    template: str = ""


@dataclass(frozen=True, kw_only=True)
class Work:
    """What was done; *started* and *ended* in seconds since 1970, *failure* is why it ended early, else empty."""

    fleet: str
    cluster: str
    module: str
    started: float
    ended: float
    failure: str = ""
    changes: t.Sequence[Change] = field(default_factory=tuple)
    counts: t.Mapping[str, int] = field(default_factory=dict)


def work_of(
    outcome: Outcome, *, fleet: str, cluster: str, module: str, times: tuple[float, float], failure: str
) -> Work:
    """The work that an *outcome* reports; *times* are its start and its end."""
    return Work(
        fleet=fleet,
        cluster=cluster,
        module=module,
        started=times[0],
        ended=times[1],
        failure=failure,
        changes=outcome.sorted_changes(),
        counts={action: number for action, number in outcome.counts().items() if number and action in VERBS},
    )


def entry_of(work: Work, author: Author, *, number: int, previous: str) -> JsonObject:
    """The entry with this *number*, behind one with the digest *previous*. Values of secrets are hidden in changes."""
    claims = {name: getattr(author, name) for name in ("run", "job", "user", "template")}
    entry: JsonObject = {
        "version": VERSION,
        "number": number,
        "previous": previous,
        "fleet": work.fleet,
        "cluster": work.cluster,
        "module": work.module,
        "started": round(work.started, 3),
        "ended": round(work.ended, 3),
        "outcome": "failed" if work.failure else "done",
        "account": author.account,
        "claimed": {name: value for name, value in claims.items() if value},
        "counts": dict(work.counts),
        "objects": [_object(change) for change in work.changes],
    }
    if work.failure:
        entry["message"] = work.failure[:2000]
    return entry


def _object(change: Change) -> JsonObject:
    before, after = differences(change.before, change.after)
    found: JsonObject = {
        "verb": VERBS[change.action],
        "kind": change.key.kind,
        "namespace": change.key.namespace,
        "name": change.key.name,
        "group": change.key.group,
        "uid": change.uid,
        "before": before,
        "after": after,
    }
    return {name: value for name, value in found.items() if value not in ("", {})}


def differences(before: JsonObject, after: JsonObject) -> tuple[JsonObject, JsonObject]:
    """What differs between two states: of each only the fields whose values are not the same, lists as a whole."""
    old, new = dict(before), dict(after)
    for name in before.keys() & after.keys():
        one, other = before[name], after[name]
        if same(one, other):
            del old[name], new[name]
        elif isinstance(one, dict) and isinstance(other, dict):
            old[name], new[name] = differences(one, other)
    return old, new


# -- bytes ------------------------------------------------------------------------------------------------------------


def canonical(entry: JsonObject) -> bytes:
    """The bytes of an entry: the same for the same content."""
    return json.dumps(entry, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def digest_of(data: bytes) -> str:
    """The digest of an entry's bytes, by which the next entry names it."""
    return hashlib.sha256(data).hexdigest()


def packed(entry: JsonObject) -> tuple[bytes, bytes]:
    """The bytes of an *entry*, and the same compressed; one that is too large loses the values of its objects."""
    data = canonical(entry)
    small = zlib.compress(data)
    if len(small) <= LARGEST:
        return data, small
    bare = [{name: obj[name] for name in obj if name not in ("before", "after")} for obj in entry["objects"]]
    data = canonical({**entry, "objects": bare, "shortened": "values"})
    small = zlib.compress(data)
    if len(small) <= LARGEST:
        return data, small
    data = canonical({**entry, "objects": [], "shortened": "objects"})
    return data, zlib.compress(data)


def unpacked(small: bytes) -> bytes:
    """The bytes of an entry; raises ValueError if they cannot be had."""
    try:
        return zlib.decompress(small)
    except zlib.error as error:
        raise ValueError(str(error)) from error
