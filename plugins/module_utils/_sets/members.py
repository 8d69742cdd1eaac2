# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The live objects of a set: one LIST for each kind, each object judged as it comes in, and little of it kept.

A fleet of a thousand teams is 40 MB of JSON, ten times that as Python objects: only what the plan still needs stays.
"""

from __future__ import annotations

import typing as t
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from ansible_collections.promfleet.monitoring.plugins.module_utils._api.client import Cluster, Resource
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.errors import ApiError
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.kinds import Key, key_of, url_path
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.marks import SET_LABEL
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.parallel import side_by_side
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.progress import Progress
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.plan import Decision, Unchanged
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.record import Recorded

JsonObject = dict[str, t.Any]
# A live object, as much of it as is kept, and what was decided about it.
Judged = tuple[Key, JsonObject, "Decision | None"]

# Lists that are asked for and parsed at the same time: the server works on one while we parse another.
LISTERS = 3
SECRET = ("v1", "Secret")


@dataclass(kw_only=True)
class Members:
    """What carries the set's label, and what was decided about those that are desired.

    *live* has whole objects, but of those that are unchanged only what identifies them.
    """

    live: dict[Key, JsonObject] = field(default_factory=dict)
    decisions: dict[Key, Decision] = field(default_factory=dict)


def secret_namespaces(objects: t.Iterable[JsonObject]) -> set[str]:
    """The namespaces of the Secrets among *objects*. Pure."""
    return {obj["metadata"]["namespace"] for obj in objects if (obj["apiVersion"], obj["kind"]) == SECRET}


def list_members(
    cluster: Cluster,
    *,
    label: str,
    kinds: t.Sequence[tuple[str, str]],
    recorded: Recorded,
    secrets_in: t.Iterable[str],
    wanted: t.Mapping[Key, JsonObject],
    desired_kinds: t.Collection[tuple[str, str]],
    decide: t.Callable[[JsonObject, JsonObject], Decision],
    progress: Progress,
) -> Members:
    """List all objects of *kinds* with the set's *label*; *decide* judges a *wanted* object and its live state.

    *desired_kinds* are theirs. A kind that the set had in several versions is read in the desired one: states are
    compared within a version. Secrets are looked for in the namespaces *secrets_in* only: no run takes the right to
    read those of others.
    """
    selector = f"{SET_LABEL}={label}"

    def judged(live: JsonObject) -> Judged:
        key = key_of(live)
        obj = wanted.get(key)
        decision = decide(obj, live) if obj is not None and obj["apiVersion"] == live["apiVersion"] else None
        return key, _identity(live) if isinstance(decision, Unchanged) else live, decision

    def look(place: tuple[Resource, str | None]) -> Members:
        found = Members()
        for key, live, decision in _list(cluster, *place, judged, selector=selector):
            if decision is not None:
                found.decisions[key] = decision
            found.live[key] = live
        return found

    progress.step("reading which kinds are served")
    side_by_side(cluster.resources, sorted({version for version, _kind in kinds}), workers=LISTERS)
    resources = _readings(cluster, kinds=kinds, desired=desired_kinds)
    places: list[tuple[Resource, str | None]] = []
    for resource in resources:
        is_secret = (resource.api_version, resource.kind) == SECRET
        places += [(resource, name) for name in (sorted(secrets_in) if is_secret else [None])]
    progress.step("listing", total=len(places), unit="lists")
    members = Members()
    with ThreadPoolExecutor(max_workers=LISTERS) as pool:
        for found in pool.map(progress.counting(look), places):
            # Of a kind that was read in two versions the desired one came first.
            for key in found.live.keys() & members.decisions.keys():
                del found.live[key]
            members.live |= found.live
            members.decisions |= found.decisions
    # The record was read by its name, so that no run needs to list the ConfigMaps of others.
    record = recorded.live
    if record is not None and (record["metadata"].get("labels") or {}).get(SET_LABEL) == label:
        members.live[key_of(record)] = record
    return members


def _list(
    cluster: Cluster,
    resource: Resource,
    namespace: str | None,
    judged: t.Callable[[JsonObject], Judged],
    *,
    selector: str,
) -> list[Judged]:
    try:
        return cluster.list_each(resource, judged, namespace=namespace, selector=selector)
    except ApiError as error:
        # A right that was given in one namespace went with it.
        if error.status == 403 and namespace and cluster.find(url_path("v1", "namespaces", name=namespace)) is None:
            return []
        raise


def _readings(
    cluster: Cluster, *, kinds: t.Sequence[tuple[str, str]], desired: t.Collection[tuple[str, str]]
) -> list[Resource]:
    """The served resources to list: a kind in each desired version, in any other only where there is none."""
    served: dict[tuple[str, str], list[Resource]] = {}
    for kind in sorted(kinds, key=lambda kind: (kind not in desired, kind)):
        resource = cluster.resource(*kind)
        readings = served.setdefault((kind[0].rpartition("/")[0], kind[1]), [])
        if resource is not None and (kind in desired or not readings):
            readings.append(resource)
    return [resource for readings in served.values() for resource in readings]


def _identity(live: JsonObject) -> JsonObject:
    given = live["metadata"]
    metadata = {name: given[name] for name in ("name", "namespace", "uid", "deletionTimestamp") if name in given}
    return {"apiVersion": live["apiVersion"], "kind": live["kind"], "metadata": metadata}
