# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a cluster has of the operator's CRDs, what a release would change, and what that would cost. Reads only."""

from __future__ import annotations

import typing as t

from ansible_collections.promfleet.monitoring.plugins.module_utils._api.client import Cluster
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.kinds import key_of
from ansible_collections.promfleet.monitoring.plugins.module_utils._crds import operators
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

JsonObject = dict[str, t.Any]

# A result holds this many objects of each sort; the counts are whole.
SHOWN = 1000


def report(cluster: Cluster, wanted: t.Sequence[JsonObject], *, source: str) -> JsonObject:
    """The result of crds_info: *wanted* are the CRDs of the source whose digest is *source*."""
    live = live_crds(cluster, names={crd["metadata"]["name"] for crd in wanted})
    plan = make_plan(wanted=wanted, live=live, source=source)
    running = operators.find_operators(cluster)
    lost, invalid = _breaking(cluster, plan, live=live)
    return {
        "release": release_text(live),
        "wanted": release_text(wanted),
        "installed": [_described(crd) for crd in live],
        "differs": sorted(write.desired["metadata"]["name"] for write in plan.writes),
        "downgrades": list(plan.downgrades),
        "dropped_versions": [*plan.stored, *plan.served],
        "leftovers": [crd["metadata"]["name"] for crd in plan.leftovers],
        "breaks": {"losing": len(lost), "invalid": len(invalid)},
        "losing": lost[:SHOWN],
        "invalid": invalid[:SHOWN],
        "operators": [_operator(deployment) for deployment in running],
        "skew": skew(live, running),
        "held": [f"Deployment {entry['namespace']}/{entry['name']}" for entry in operators.held(cluster)],
        "snapshots": [
            {"name": found["metadata"]["name"], **(found.get("data") or {})}
            for found in crd_snapshot.snapshots(cluster)
        ],
    }


def _described(crd: JsonObject) -> JsonObject:
    managers = {
        str(entry.get("manager"))
        for entry in crd["metadata"].get("managedFields") or ()
        if not entry.get("subresource")
    }
    return {
        "name": crd["metadata"]["name"],
        "release": release_text([crd]),
        "served": sorted(version["name"] for version in crd["spec"]["versions"] if version.get("served")),
        "storage": storage_version(crd),
        "stored": sorted((crd.get("status") or {}).get("storedVersions") or ()),
        "established": is_established(crd),
        "conversion": ((crd["spec"].get("conversion") or {}).get("strategy")) or "None",
        "managers": sorted(managers),
    }


def _operator(deployment: JsonObject) -> JsonObject:
    metadata = deployment["metadata"]
    return {
        "namespace": metadata["namespace"],
        "name": metadata["name"],
        "version": operators.operator_version(deployment) or "unknown",
        "replicas": operators.replicas_of(deployment),
    }


def skew(live: t.Sequence[JsonObject], running: t.Sequence[JsonObject]) -> list[str]:
    """Where operators and CRDs are not of one release, in words. Pure."""
    release = release_text(live)
    found = []
    if release.startswith("mixed"):
        found.append(f"the CRDs are of more than one release ({release})")
    for deployment in running:
        version = operators.operator_version(deployment)
        if version and not release.startswith(("mixed", "unknown", "none")) and version != release:
            found.append(f"{key_of(deployment)} is of release {version}, the CRDs are of {release}")
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
            lost += [
                {"kind": loss.kind, "namespace": loss.namespace, "name": loss.name, "fields": list(loss.fields)}
                for loss in losses([obj], schema=then)
            ]
            unknown = {
                f"{path}: is not known to the CRD" for loss in losses([obj], schema=then) for path in loss.fields
            }
            reasons = sorted({*problems(obj, then)} - {*problems(obj, now)} - unknown)
            if reasons:
                key = key_of(obj)
                invalid.append({"kind": key.kind, "namespace": key.namespace, "name": key.name, "reasons": reasons})
    return lost, invalid
