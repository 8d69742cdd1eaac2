# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The operator's CRDs in a cluster: brought to a release and looked at, with nothing lost that nobody gave up.

The order of a change: plan and refusals first; where live objects lose fields the operators are held, then their
objects and the CRDs are saved; the CRDs are written, compared with what was wanted, and waited for.
"""

from __future__ import annotations

import time
import typing as t
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from ansible_collections.promfleet.monitoring.plugins.module_utils._cluster import crd_snapshot, operators
from ansible_collections.promfleet.monitoring.plugins.module_utils._cluster.client import Cluster, Resource
from ansible_collections.promfleet.monitoring.plugins.module_utils._cluster.compare import changed_paths, for_display
from ansible_collections.promfleet.monitoring.plugins.module_utils._cluster.crd_owners import taken_over
from ansible_collections.promfleet.monitoring.plugins.module_utils._cluster.crd_plan import (
    CRD_API,
    CRD_KIND,
    CrdPlan,
    CrdWrite,
    Loss,
    Words,
    content,
    is_established,
    is_recorded,
    losses,
    make_plan,
    require_words,
    storage_version,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._cluster.engine import NAMED, WORKERS, Options
from ansible_collections.promfleet.monitoring.plugins.module_utils._cluster.errors import (
    ApiError,
    ClusterError,
    Refused,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._cluster.kinds import key_of
from ansible_collections.promfleet.monitoring.plugins.module_utils._cluster.outcome import (
    Change,
    Incomplete,
    Outcome,
    removed,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._cluster.plan import Plan, Write
from ansible_collections.promfleet.monitoring.plugins.module_utils._cluster.preflight import explaining, require_rights
from ansible_collections.promfleet.monitoring.plugins.module_utils._cluster.record import NAMESPACE
from ansible_collections.promfleet.monitoring.plugins.module_utils._cluster.rights import Right
from ansible_collections.promfleet.monitoring.plugins.module_utils._cluster.wait import wait_gone
from ansible_collections.promfleet.monitoring.plugins.module_utils._progress import Progress

JsonObject = dict[str, t.Any]

GROUP = "monitoring.coreos.com"
CATEGORY = "prometheus-operator"
MERGE_PATCH = "application/merge-patch+json"
INTERVAL = 0.2
# Another manager may write between our reading and our taking over its fields; then we read again.
ATTEMPTS = 5
# Without an own time limit: how long operators may take to end, and CRDs to be served, at most.
PATIENCE = 300.0
# What every look at the CRDs takes.
TO_READ = (
    Right(group="apiextensions.k8s.io", resource="customresourcedefinitions", verb="get"),
    Right(group="", resource="configmaps", verb="get", namespace=NAMESPACE, name=operators.HELD),
    Right(group="apps", resource="deployments", verb="list"),
)


@dataclass(kw_only=True)
class CrdOutcome:
    """What a run did, or would do."""

    outcome: Outcome
    crds_differ: bool = False
    snapshot: str | None = None
    objects_file: Path | None = None
    held: list[str] = field(default_factory=list)
    restarted: list[str] = field(default_factory=list)

    def result(self) -> JsonObject:
        """The part of the module's result that is not about objects."""
        saved = {"crds": self.snapshot, "objects": str(self.objects_file) if self.objects_file else None}
        return {
            "snapshot": {name: value for name, value in saved.items() if value},
            "held": self.held,
            "restarted": self.restarted,
        }


# -- what is there ------------------------------------------------------------------------------------------------


def crd_resource(cluster: Cluster) -> Resource:
    """Where CRDs live."""
    resource = cluster.resource(CRD_API, CRD_KIND)
    if resource is None:
        raise ClusterError(f"the cluster does not serve {CRD_API}: Kubernetes 1.25 or newer is needed")
    return resource


def live_crds(cluster: Cluster, *, names: t.Collection[str] = ()) -> list[JsonObject]:
    """The operator's CRDs in the cluster, and those of *names*, sorted by name.

    The names come from what the group serves: a LIST of every CRD of a cluster can be a hundred megabytes.
    """
    group = cluster.find(f"/apis/{GROUP}") or {}
    versions = [item["groupVersion"] for item in group.get("versions") or ()]
    plurals = {
        kind.plural for version in versions for kind in (cluster.resources(version, refresh=True) or {}).values()
    }
    sought = sorted({*names, *(f"{plural}.{GROUP}" for plural in plurals)})
    resource = crd_resource(cluster)
    with ThreadPoolExecutor(max_workers=WORKERS) as pool:
        found = list(pool.map(lambda name: cluster.find(resource.path(name=name)), sought))
    return [
        {"apiVersion": CRD_API, "kind": CRD_KIND, **crd}
        for name, crd in zip(sought, found, strict=True)
        if crd is not None and (name in names or CATEGORY in (crd["spec"]["names"].get("categories") or ()))
    ]


def objects_of(cluster: Cluster, crd: JsonObject, *, version: str | None = None) -> list[JsonObject]:
    """All custom resources of a CRD, in one of its versions."""
    spec = crd["spec"]
    resource = cluster.resource(f"{spec['group']}/{version or storage_version(crd)}", spec["names"]["kind"])
    return cluster.list_objects(resource) if resource is not None else []


def find_losses(cluster: Cluster, plan: CrdPlan) -> tuple[list[Loss], list[JsonObject]]:
    """The live objects that would lose fields, and every object of their kinds."""
    lost: list[Loss] = []
    objects: list[JsonObject] = []
    for losing in plan.losing:
        found = objects_of(cluster, losing.crd, version=losing.version)
        would = losses(found, schema=losing.schema)
        lost += would
        objects += found if would else []
    return lost, objects


# -- applying -----------------------------------------------------------------------------------------------------


def apply_crds(
    cluster: Cluster,
    *,
    source: str,
    load: Callable[[], list[JsonObject]],
    words: Words,
    options: Options,
) -> CrdOutcome:
    """Bring the CRDs to what *load* returns, whose digest is *source*; nothing is loaded where they are that already.

    Raises Refused before any write where the plan needs a word that was not given, Incomplete after a partial change.
    """
    with explaining(cluster, kinds=(), desired=(), needs=TO_READ):
        live = live_crds(cluster)
        asleep = operators.held(cluster)
    if not asleep and is_recorded(live, source=source):
        return CrdOutcome(outcome=Outcome(unchanged=len(live)))
    wanted = load()
    with explaining(cluster, kinds=(), desired=wanted, needs=TO_READ):
        live = live_crds(cluster, names={crd["metadata"]["name"] for crd in wanted})
        plan = make_plan(wanted=wanted, live=live, source=source)
        lost, _objects = find_losses(cluster, plan)
    require_words(plan, lost, words=words)
    outcome = Outcome(unchanged=plan.unchanged)
    going = _removable(cluster, plan, words=words, outcome=outcome)
    result = CrdOutcome(outcome=outcome, crds_differ=bool(plan.writes))
    running = operators.find_operators(cluster) if plan.new_kinds or lost else []
    unaware = operators.restartable(running) if plan.new_kinds else []
    touched = [*unaware, *(running if lost and words.snapshot_dir else ())]
    _require_rights(cluster, plan, live=live, going=going, touched=touched, asleep=asleep, options=options)
    if options.check:
        _ask_server(cluster, plan)
        outcome.changes = [_change(write, after=write.after) for write in plan.writes]
        outcome.changes += [removed(action="deleted", live=crd) for crd in going]
    else:
        if plan.writes or going:
            _save(cluster, plan, live=live, lost=bool(lost), words=words, options=options, result=result)
            _write_all(cluster, plan, outcome=outcome, progress=options.progress)
            wait_served(cluster, wanted, timeout=_seconds(options))
            _remove(cluster, going, outcome=outcome, options=options)
        operators.wake(cluster)
        operators.restart(cluster, unaware)
    outcome.changes += [operators.wake_change(entry) for entry in asleep]
    outcome.changes += [operators.restart_change(deployment) for deployment in unaware]
    result.restarted = sorted(str(key_of(deployment)) for deployment in unaware)
    return result


def _require_rights(
    cluster: Cluster,
    plan: CrdPlan,
    *,
    live: Sequence[JsonObject],
    going: Sequence[JsonObject],
    touched: Sequence[JsonObject],
    asleep: Sequence[JsonObject],
    options: Options,
) -> None:
    """Everything that this takes, with the snapshot before and the operators around it."""
    deployments = {(obj["metadata"]["namespace"], obj["metadata"]["name"]) for obj in touched}
    deployments |= {(entry["namespace"], entry["name"]) for entry in asleep}
    needs = [
        Right(group="apps", resource="deployments", verb=verb, namespace=namespace, name=name)
        for namespace, name in deployments
        for verb in ("get", "patch")
    ]
    if live and (plan.writes or going):
        # Their names hold the time.
        needs += [_config_maps(verb) for verb in ("create", "delete", "list", "patch")]
    if asleep or (deployments and live):
        needs += [_config_maps(verb, name=operators.HELD) for verb in ("create", "delete", "get", "patch")]
    writes = tuple(Write(desired=write.desired, live=write.live) for write in plan.writes)
    require_rights(
        cluster,
        Plan(writes=writes, deletes=tuple(going)),
        needs=needs,
        always=bool(deployments),
        waits=options.wait_timeout is not None,
    )


def _config_maps(verb: str, *, name: str = "") -> Right:
    return Right(group="", resource="configmaps", verb=verb, namespace=NAMESPACE, name=name)


def _seconds(options: Options) -> float:
    return PATIENCE if options.wait_timeout is None else options.wait_timeout


def _removable(cluster: Cluster, plan: CrdPlan, *, words: Words, outcome: Outcome) -> list[JsonObject]:
    """CRDs of a newer release that the wanted one does not have go with a downgrade, where nothing is in them."""
    going = []
    for crd in plan.leftovers:
        name = crd["metadata"]["name"]
        number = len(objects_of(cluster, crd))
        if words.allow_downgrade and not number:
            going.append(crd)
        else:
            held = f"{number} objects use it" if number else "allow_downgrade would remove it"
            outcome.warnings.append(f"{name} is of a newer release than the others, and stays: {held}")
    return going


def _save(
    cluster: Cluster,
    plan: CrdPlan,
    *,
    live: Sequence[JsonObject],
    lost: bool,
    words: Words,
    options: Options,
    result: CrdOutcome,
) -> None:
    """Everything that must be safe before the first write: operators asleep, objects in a file, CRDs in the cluster."""
    if not live:
        return
    taken = crd_snapshot.now()
    if lost and words.snapshot_dir:
        options.progress.step("scaling operators to zero")
        result.held = operators.hold(cluster, timeout=_seconds(options))
        # Read again: now nobody of ours writes any more.
        _lost, objects = find_losses(cluster, plan)
        result.objects_file = crd_snapshot.save_objects(
            Path(words.snapshot_dir).expanduser(),
            cluster_uid=cluster_uid(cluster),
            taken=taken,
            live=live,
            changed_to=[write.desired for write in plan.writes],
            objects=objects,
        )
    result.snapshot = crd_snapshot.save_crds(cluster, live, taken=taken)


def cluster_uid(cluster: Cluster) -> str:
    """The cluster's identity: the UID of its namespace kube-system."""
    return str((cluster.find("/api/v1/namespaces/kube-system") or {}).get("metadata", {}).get("uid", ""))


def _ask_server(cluster: Cluster, plan: CrdPlan) -> None:
    """Let the server refuse in check mode what it would refuse in the run."""
    resource = crd_resource(cluster)
    with ThreadPoolExecutor(max_workers=WORKERS) as pool:
        errors = list(pool.map(lambda write: _attempt(cluster, write, resource=resource, dry_run=True)[1], plan.writes))
    _raise_first(errors, outcome=Outcome())


def _write_all(cluster: Cluster, plan: CrdPlan, *, outcome: Outcome, progress: Progress) -> None:
    resource = crd_resource(cluster)

    def attempt(write: CrdWrite) -> tuple[Change | None, str | None]:
        return _attempt(cluster, write, resource=resource, dry_run=False)

    progress.step("applying", total=len(plan.writes), unit="CRDs")
    with ThreadPoolExecutor(max_workers=WORKERS) as pool:
        results = list(pool.map(progress.counting(attempt), plan.writes))
    outcome.changes = [change for change, _error in results if change is not None]
    _raise_first([error for _change, error in results], outcome=outcome)


def _raise_first(errors: Sequence[str | None], *, outcome: Outcome) -> None:
    found = [error for error in errors if error]
    if found:
        raise Incomplete(
            f"{len(found)} CRDs could not be applied: {'; '.join(found[:NAMED])}. Operators that were scaled to zero "
            "stay so until a run succeeds",
            outcome=outcome,
        )


def _attempt(
    cluster: Cluster, write: CrdWrite, *, resource: Resource, dry_run: bool
) -> tuple[Change | None, str | None]:
    name = write.desired["metadata"]["name"]
    try:
        if not dry_run:
            _take_over(cluster, write, resource=resource)
        after = cluster.apply(write.desired, resource=resource, dry_run=dry_run, force=True)[1]
    except ApiError as error:
        return None, f"{name}: {error.server_message}"
    found = content(after, like=write.desired)
    left = [] if dry_run else changed_paths(found, write.after)
    if left:
        return _change(write, after=found), f"{name} is not what was applied: {', '.join(left)} (a webhook's work?)"
    return _change(write, after=found), None


def _take_over(cluster: Cluster, write: CrdWrite, *, resource: Resource) -> None:
    """Own what other installers own of the CRD, so that our apply removes what it does not have."""
    live = write.live
    for attempt in range(1, ATTEMPTS + 1):
        if live is None:
            return
        entries = taken_over(live, desired=write.desired)
        if entries is None:
            return
        version = live["metadata"]["resourceVersion"]
        patch = {"metadata": {"resourceVersion": version, "managedFields": entries}}
        path = resource.path(name=live["metadata"]["name"])
        try:
            cluster.request("PATCH", path, body=patch, content_type=MERGE_PATCH)
        except ApiError as error:
            if error.status != 409 or attempt == ATTEMPTS:
                raise
            live = cluster.find(path)
        else:
            return


def _change(write: CrdWrite, *, after: JsonObject) -> Change:
    before, shown = for_display(CRD_KIND, write.before, after)
    action = "created" if write.live is None else "updated"
    return Change(action=action, key=key_of(write.desired), before=before, after=shown)


def wait_served(cluster: Cluster, crds: Sequence[JsonObject], *, timeout: float) -> None:
    """Wait until each CRD is established, and each of its versions is among what the server says that it serves."""
    resource = crd_resource(cluster)
    deadline = time.monotonic() + timeout
    waiting = list(crds)
    while waiting:
        with ThreadPoolExecutor(max_workers=WORKERS) as pool:
            live = list(pool.map(lambda crd: cluster.find(resource.path(name=crd["metadata"]["name"])), waiting))
        groups = {f"{crd['spec']['group']}/{version}" for crd in waiting for version in _served_versions(crd)}
        for group in groups:
            cluster.resources(group, refresh=True)
        waiting = [
            crd
            for crd, found in zip(waiting, live, strict=True)
            if found is None or not is_established(found) or not _is_served(cluster, crd)
        ]
        if waiting and time.monotonic() > deadline:
            names = ", ".join(crd["metadata"]["name"] for crd in waiting)
            raise ClusterError(f"not established and served after {timeout:.0f} s: {names}")
        if waiting:
            time.sleep(INTERVAL)


def _served_versions(crd: JsonObject) -> list[str]:
    return [version["name"] for version in crd["spec"]["versions"] if version.get("served")]


def _is_served(cluster: Cluster, crd: JsonObject) -> bool:
    spec = crd["spec"]
    return all(
        cluster.resource(f"{spec['group']}/{version}", spec["names"]["kind"]) is not None
        for version in _served_versions(crd)
    )


# -- removing -----------------------------------------------------------------------------------------------------


def _remove(cluster: Cluster, going: Sequence[JsonObject], *, outcome: Outcome, options: Options) -> None:
    resource = crd_resource(cluster)
    for crd in going:
        cluster.delete(crd, resource=resource, dry_run=False)
        outcome.changes.append(removed(action="deleted", live=crd))
    if options.wait_timeout is not None:
        wait_gone(cluster, objects=going, timeout=options.wait_timeout, progress=options.progress)


def remove_crds(cluster: Cluster, names: t.Collection[str], *, options: Options) -> Outcome:
    """Delete the CRDs *names* and our snapshots; refused while any custom resource exists, because it would go too."""
    with explaining(cluster, kinds=(), desired=(), needs=TO_READ):
        live = [crd for crd in live_crds(cluster, names=names) if crd["metadata"]["name"] in names]
        holders = sorted(str(key_of(obj)) for crd in live for obj in objects_of(cluster, crd))
    if holders:
        raise Refused(
            "custom resources of these CRDs exist and would be deleted with them: " + ", ".join(holders[:NAMED]),
            objects=holders,
        )
    needs = [_config_maps(verb) for verb in ("delete", "list")]
    require_rights(cluster, Plan(deletes=tuple(live)), needs=needs, waits=options.wait_timeout is not None)
    outcome = Outcome()
    if options.check:
        outcome.changes = [removed(action="deleted", live=crd) for crd in live]
    else:
        _remove(cluster, live, outcome=outcome, options=options)
        crd_snapshot.forget(cluster)
    return outcome
