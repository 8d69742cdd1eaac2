# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Installing and removing the operator's CRDs: server-side, not downgraded without a word, waited for until served."""

from __future__ import annotations

import re
import typing as t
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from ansible_collections.promfleet.monitoring.plugins.module_utils._cluster.client import Cluster, Resource
from ansible_collections.promfleet.monitoring.plugins.module_utils._cluster.engine import (
    NAMED,
    WORKERS,
    Options,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._cluster.errors import ClusterError, Refused
from ansible_collections.promfleet.monitoring.plugins.module_utils._cluster.fields import is_unchanged
from ansible_collections.promfleet.monitoring.plugins.module_utils._cluster.kinds import key_of
from ansible_collections.promfleet.monitoring.plugins.module_utils._cluster.outcome import Change, Outcome, removed
from ansible_collections.promfleet.monitoring.plugins.module_utils._cluster.plan import Write
from ansible_collections.promfleet.monitoring.plugins.module_utils._cluster.wait import wait_gone, wait_ready
from ansible_collections.promfleet.monitoring.plugins.module_utils._cluster.write import write_one

JsonObject = dict[str, t.Any]

CRD_API = "apiextensions.k8s.io/v1"
VERSION_ANNOTATION = "operator.prometheus.io/version"


def _crd_resource(cluster: Cluster) -> Resource:
    resource = cluster.resource(CRD_API, "CustomResourceDefinition")
    if resource is None:
        raise ClusterError(f"the cluster does not serve {CRD_API}: Kubernetes 1.25 or newer is needed")
    return resource


def _live(cluster: Cluster, names: t.Sequence[str]) -> list[JsonObject | None]:
    resource = _crd_resource(cluster)
    with ThreadPoolExecutor(max_workers=WORKERS) as pool:
        return list(pool.map(lambda name: cluster.find(resource.path(name=name)), names))


def release_of(crd: t.Mapping[str, t.Any]) -> tuple[int, ...] | None:
    """The operator release that a CRD says it is from, as numbers; None for those from before the annotation (0.61)."""
    text = (crd.get("metadata", {}).get("annotations") or {}).get(VERSION_ANNOTATION) or ""
    return tuple(int(part) for part in text.split(".")) if re.fullmatch(r"\d+(\.\d+)*", text) else None


def newer_in_cluster(pairs: t.Iterable[tuple[JsonObject, JsonObject | None]]) -> list[str]:
    """Of (wanted, live) pairs those whose live CRD is of a newer release, described. Pure."""
    found = []
    for wanted, live in pairs:
        target, present = release_of(wanted), release_of(live or {})
        if target and present and present > target:
            found.append(f"{wanted['metadata']['name']}: {_dotted(present)} -> {_dotted(target)}")
    return found


def _dotted(release: tuple[int, ...]) -> str:
    return ".".join(str(part) for part in release)


def apply_crds(cluster: Cluster, crds: t.Sequence[JsonObject], *, allow_downgrade: bool, options: Options) -> Outcome:
    """Apply *crds* and wait until each is established.

    CRDs are the platform's alone, so fields that another installer owns (Helm, kubectl) are taken over. A downgrade is
    refused, because fields of the newer release would vanish from live objects.
    """
    resource = _crd_resource(cluster)
    live = _live(cluster, [crd["metadata"]["name"] for crd in crds])
    downgrades = newer_in_cluster(zip(crds, live, strict=True))
    if downgrades and not allow_downgrade:
        raise Refused(
            "the cluster has newer CRDs; going back loses fields of live objects: "
            + "; ".join(downgrades[:NAMED])
            + ". Choose the newer operator version, or allow the downgrade",
            objects=downgrades,
        )
    outcome = Outcome()
    writes = []
    for wanted, present in zip(crds, live, strict=True):
        if present is not None and is_unchanged(wanted, present):
            outcome.unchanged += 1
        else:
            writes.append(Write(desired=wanted, live=present))
    forced = replace(options, force_conflicts=True)
    options.progress.step("predicting" if options.check else "applying", total=len(writes), unit="CRDs")

    def apply(write: Write) -> Change | None:
        return write_one(cluster, write, resource=resource, options=forced)

    with ThreadPoolExecutor(max_workers=WORKERS) as pool:
        changes = list(pool.map(options.progress.counting(apply), writes))
    outcome.changes = [change for change in changes if change is not None]
    outcome.unchanged += len(changes) - len(outcome.changes)
    if not options.check and options.wait_timeout is not None:
        wait_ready(cluster, objects=crds, selector="", timeout=options.wait_timeout, progress=options.progress)
    return outcome


def remove_crds(cluster: Cluster, names: t.Sequence[str], *, options: Options) -> Outcome:
    """Delete the CRDs *names*; refused while any of their custom resources exists, because these would go too."""
    resource = _crd_resource(cluster)
    live = [crd for crd in _live(cluster, names) if crd is not None]
    holders = [str(key_of(obj)) for crd in live for obj in _custom_resources(cluster, crd)]
    if holders:
        raise Refused(
            "custom resources of these CRDs exist and would be deleted with them: "
            + ", ".join(sorted(holders)[:NAMED]),
            objects=sorted(holders),
        )
    outcome = Outcome(changes=[removed(action="deleted", live=crd) for crd in live])
    if not options.check:
        for crd in live:
            cluster.delete(crd, resource=resource, dry_run=False)
        if options.wait_timeout is not None:
            wait_gone(cluster, objects=live, timeout=options.wait_timeout, progress=options.progress)
    return outcome


def _custom_resources(cluster: Cluster, crd: JsonObject) -> list[JsonObject]:
    stored = next(version["name"] for version in crd["spec"]["versions"] if version["storage"])
    resource = cluster.resource(f"{crd['spec']['group']}/{stored}", crd["spec"]["names"]["kind"])
    return cluster.list_objects(resource) if resource is not None else []
