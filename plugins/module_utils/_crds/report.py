# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a cluster has of the operator's CRDs, what a release would change, and what that would cost. Reads only."""

from __future__ import annotations

import typing as t

from ansible_collections.promfleet.monitoring.plugins.module_utils._api.client import Cluster
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.kinds import Key, key_of
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.managers import managers_of
from ansible_collections.promfleet.monitoring.plugins.module_utils._crds import snapshot as crd_snapshot
from ansible_collections.promfleet.monitoring.plugins.module_utils._crds.engine import live_crds, objects_of
from ansible_collections.promfleet.monitoring.plugins.module_utils._crds.plan import (
    CrdPlan,
    is_established,
    losses,
    make_plan,
    release_text,
    storage_version,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._crds.schema import problems, schema_of
from ansible_collections.promfleet.monitoring.plugins.module_utils._operators import stop as operators
from ansible_collections.promfleet.monitoring.plugins.module_utils._operators.find import OPERATOR_RIGHTS, operators_in
from ansible_collections.promfleet.monitoring.plugins.module_utils._operators.judge import FoundOperator
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.access.preflight import explaining
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.contents import is_leaving
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.leaving import leaving_crd
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.place import find_place, require_all_moved
from ansible_collections.promfleet.monitoring.plugins.module_utils._state.fields import entries_of

JsonObject = dict[str, t.Any]

# A result holds this many objects of each sort; the counts are whole.
SHOWN = 1000


def report(
    cluster: Cluster, wanted: t.Sequence[JsonObject], *, source: str, records_namespace: str | None
) -> JsonObject:
    """The result of crds_info: *wanted* are the CRDs of the source whose digest is *source*.

    *records_namespace* is where snapshots and stopped operators are noted, None if the run was not told. Raises
    Refused if some of them are elsewhere.
    """
    place = find_place(cluster, records_namespace)
    require_all_moved(cluster, place)
    live = live_crds(cluster, names={crd["metadata"]["name"] for crd in wanted})
    plan = make_plan(wanted=wanted, live=live, source=source)
    with explaining(cluster, kinds=(), desired=(), needs=OPERATOR_RIGHTS):
        running = operators_in(cluster)
    lost, invalid = _breaking(cluster, plan, live=live)
    return {
        "release": release_text(live),
        "wanted": release_text(wanted),
        "installed": [_described(crd) for crd in live],
        "differs": sorted(write.desired["metadata"]["name"] for write in plan.writes),
        "downgrades": list(plan.downgrades),
        "dropped_versions": [*plan.stored, *plan.served],
        "terminating": [leaving_crd(cluster, crd).result() for crd in live if is_leaving(crd)],
        "leftovers": [crd["metadata"]["name"] for crd in plan.leftovers],
        "breaks": {"losing": len(lost), "invalid": len(invalid)},
        "losing": lost[:SHOWN],
        "invalid": invalid[:SHOWN],
        "operators": [_operator(operator) for operator in running],
        "skew": skew(live, running),
        "stopped": [str(operators.entry_key(entry)) for entry in operators.stopped(cluster, namespace=place)],
        "snapshots": [
            {"name": found["metadata"]["name"], **(found.get("data") or {})}
            for found in crd_snapshot.snapshots(cluster, namespace=place)
        ],
    }


def _described(crd: JsonObject) -> JsonObject:
    managers = {str(entry.get("manager")) for entry in entries_of(crd) if not entry.get("subresource")}
    return {
        "name": crd["metadata"]["name"],
        "release": release_text([crd]),
        "served": sorted(version["name"] for version in crd["spec"]["versions"] if version.get("served")),
        "storage": storage_version(crd),
        "stored": sorted((crd.get("status") or {}).get("storedVersions") or ()),
        "established": is_established(crd),
        "conversion": ((crd["spec"].get("conversion") or {}).get("strategy")) or "None",
        "managers": sorted(managers),
        "managed_by": [manager.result() for manager in managers_of(crd)],
    }


def _operator(operator: FoundOperator) -> JsonObject:
    return {
        "kind": operator.key.kind,
        "namespace": operator.key.namespace,
        "name": operator.key.name,
        "version": operator.version or "unknown",
        "replicas": operator.replicas,
        "owner": str(operator.owner),
    }


def skew(live: t.Sequence[JsonObject], running: t.Sequence[FoundOperator]) -> list[str]:
    """Where operators and CRDs are not of one release, in words. Pure."""
    release = release_text(live)
    found = []
    if release.startswith("mixed"):
        found.append(f"the CRDs are of more than one release ({release})")
    for operator in running:
        version = operator.version
        if version and not release.startswith(("mixed", "unknown", "none")) and version != release:
            found.append(f"{operator.key} is of release {version}, the CRDs are of {release}")
    return found


def _breaking(
    cluster: Cluster, plan: CrdPlan, *, live: t.Sequence[JsonObject]
) -> tuple[list[JsonObject], list[JsonObject]]:
    """Live objects that would lose fields, and those that the wanted CRDs would refuse with the next write."""
    present = {crd["metadata"]["name"]: crd for crd in live}
    lost: list[JsonObject] = []
    invalid: list[JsonObject] = []
    for write in plan.writes:
        crd = present.get(write.desired["metadata"]["name"])
        if crd is None:
            continue
        version = storage_version(crd)
        now = schema_of(crd, version) or {}
        then = schema_of(write.desired, version) or schema_of(write.desired, storage_version(write.desired)) or {}
        for obj in objects_of(cluster, crd, version=version):
            lost += [{**_named(loss.key), "fields": list(loss.fields)} for loss in losses([obj], schema=then)]
            unknown = {
                f"{path}: is not known to the CRD" for loss in losses([obj], schema=then) for path in loss.fields
            }
            reasons = sorted({*problems(obj, then)} - {*problems(obj, now)} - unknown)
            if reasons:
                invalid.append({**_named(key_of(obj)), "reasons": reasons})
    return lost, invalid


def _named(key: Key) -> JsonObject:
    return {"kind": key.kind, "namespace": key.namespace, "name": key.name}
