# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Stops operators and starts them again, and restarts them.

To stop an operator is to scale it to zero. A ConfigMap notes the stopped ones with their replicas before the first is
scaled: after an interrupted run the next one starts them again.
"""

from __future__ import annotations

import json
import time
import typing as t
from datetime import UTC, datetime

from ansible_collections.promfleet.monitoring.plugins.module_utils._api.client import Cluster
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.errors import ClusterError
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.kinds import Key, guess_plural, key_of, url_path
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.selecting import selector_text
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.marks import (
    FIELD_MANAGER,
    KNOWN_AFTER_APPLY,
    SERVED_KINDS_ANNOTATION,
    common_labels,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._operators.judge import replicas_of
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.access.rights import Right
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.outcome import Change
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.place import keep
from ansible_collections.promfleet.monitoring.plugins.module_utils._state.fields import extract, own_fields

JsonObject = dict[str, t.Any]

# This ConfigMap exists while operators are stopped; it names them with their replicas. An earlier commit may have made
# it, so the name stays.
STOPPED_NOTE = "promfleet-held-operators"
RESTARTED = "kubectl.kubernetes.io/restartedAt"
MERGE_PATCH = "application/merge-patch+json"
APPS = "apps/v1"
INTERVAL = 0.5


def needed_rights(workloads: t.Iterable[Key]) -> list[Right]:
    """What it takes to stop, start or restart *workloads*, without the note. Pure."""
    found = []
    for key in workloads:
        plural = guess_plural(key.kind)
        for verb in ("get", "patch"):
            found.append(Right(group="apps", resource=plural, verb=verb, namespace=key.namespace, name=key.name))
        # Whether operators that are scaled to zero have ended.
        found.append(Right(group="", resource="pods", verb="list", namespace=key.namespace))
    return found


# -- the note -----------------------------------------------------------------------------------------------------


def stopped(cluster: Cluster, *, namespace: str) -> list[JsonObject]:
    """The operators that this run or an interrupted one stopped, as the note in *namespace* has them.

    Each has a name, a namespace, its replicas, and a kind if it is not a Deployment.
    """
    return read_note(cluster, STOPPED_NOTE, namespace=namespace)


def entry_key(entry: JsonObject) -> Key:
    """The identity of the workload that an entry of the note is about. Pure."""
    return Key("apps", entry.get("kind", "Deployment"), entry["namespace"], entry["name"])


def _entry(workload: JsonObject) -> JsonObject:
    key = key_of(workload)
    kind = {} if key.kind == "Deployment" else {"kind": key.kind}
    return {"namespace": key.namespace, "name": key.name, "replicas": replicas_of(workload), **kind}


def read_note(cluster: Cluster, note: str, *, namespace: str) -> list[JsonObject]:
    """The entries of the ConfigMap *note*, none where it does not exist; raises ValueError if it holds no JSON."""
    found = cluster.find(_note_path(note, namespace)) or {}
    return list(json.loads((found.get("data") or {}).get("operators") or "[]"))


def note_data(entries: t.Sequence[JsonObject]) -> JsonObject:
    """The data of a note with these entries. Pure."""
    return {"operators": json.dumps(entries, sort_keys=True)}


def write_note(cluster: Cluster, note: str, entries: t.Sequence[JsonObject], *, namespace: str) -> None:
    """Make the ConfigMap *note* hold *entries*; delete it if there are none."""
    if entries:
        metadata = {"name": note, "namespace": namespace, "labels": common_labels("promfleet")}
        keep(cluster, {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": note_data(entries)})
        return
    resource = cluster.resource("v1", "ConfigMap")
    live = cluster.find(_note_path(note, namespace))
    if resource is not None and live is not None:
        cluster.delete(live, resource=resource, dry_run=False)


def _note_path(note: str, namespace: str) -> str:
    return url_path("v1", "configmaps", namespace=namespace, name=note)


# -- stopping -----------------------------------------------------------------------------------------------------


def stop(
    cluster: Cluster,
    workloads: t.Iterable[JsonObject],
    *,
    namespace: str,
    timeout: float,
    otherwise: str = "",
) -> list[str]:
    """Note the running ones of *workloads* in *namespace*, scale them to zero, and wait until their pods are gone.

    *workloads* are live Deployments or StatefulSets. Returns their names. Raises ClusterError after *timeout* seconds,
    with the sentence *otherwise* about what the caller does then: they are still noted, and `start` starts them again.
    """
    running = [workload for workload in workloads if replicas_of(workload) > 0]
    entries = {entry_key(entry): entry for entry in stopped(cluster, namespace=namespace)}
    for workload in running:
        entries.setdefault(key_of(workload), _entry(workload))
    if not entries:
        return []
    write_note(cluster, STOPPED_NOTE, list(entries.values()), namespace=namespace)
    for workload in running:
        scale(cluster, workload, replicas=0)
    wait_stopped(cluster, running, timeout=timeout, otherwise=otherwise)
    return sorted(str(key_of(workload)) for workload in running)


def start(cluster: Cluster, *, namespace: str) -> None:
    """Give the operators that are noted as stopped in *namespace* their replicas back, and delete the note."""
    entries = stopped(cluster, namespace=namespace)
    for entry in entries:
        live = find_workload(cluster, entry_key(entry))
        if live and replicas_of(live) == 0:
            scale(cluster, live, replicas=entry["replicas"])
    if entries:
        write_note(cluster, STOPPED_NOTE, (), namespace=namespace)


def scale(cluster: Cluster, workload: JsonObject, *, replicas: int) -> None:
    """Set the replicas: in our own workload with the fields that we apply, so that no other manager owns them."""
    key = key_of(workload)
    resource = cluster.resource(APPS, key.kind)
    if resource is None:
        raise ClusterError(f"the cluster does not serve the kind {key.kind}")
    owned = own_fields(workload)
    if not owned:
        _patch(cluster, key, {"spec": {"replicas": replicas}})
        return
    ours = extract(workload, owned)
    body = {
        **ours,
        "apiVersion": APPS,
        "kind": key.kind,
        "metadata": {**ours.get("metadata", {}), "namespace": key.namespace, "name": key.name},
        "spec": {**ours.get("spec", {}), "replicas": replicas},
    }
    cluster.apply(body, resource=resource, dry_run=False, force=True)


def _patch(cluster: Cluster, key: Key, patch: JsonObject) -> None:
    query = {"fieldManager": FIELD_MANAGER}
    cluster.request("PATCH", _path(key), query=query, body=patch, content_type=MERGE_PATCH)


def find_workload(cluster: Cluster, key: Key) -> JsonObject | None:
    """The live Deployment or StatefulSet, None if there is none."""
    live = cluster.find(_path(key))
    return None if live is None else {**live, "apiVersion": APPS, "kind": key.kind}


def _path(key: Key) -> str:
    return url_path(APPS, guess_plural(key.kind), namespace=key.namespace, name=key.name)


def wait_stopped(cluster: Cluster, workloads: t.Sequence[JsonObject], *, timeout: float, otherwise: str = "") -> None:
    """Wait until *workloads*, which are scaled to zero, have no pods; raises ClusterError after *timeout* seconds."""
    deadline = time.monotonic() + timeout
    while running := [text for workload in workloads if (text := _still_running(cluster, key_of(workload)))]:
        if time.monotonic() > deadline:
            raise ClusterError(f"not stopped after {timeout:.0f} s: {'; '.join(running)}. {otherwise}".rstrip(". "))
        time.sleep(INTERVAL)


def _still_running(cluster: Cluster, key: Key) -> str | None:
    """Why an operator may still write: its controller has not seen the change, or a pod is still ending."""
    live = cluster.find(_path(key))
    if live is None:
        return None
    status = live.get("status") or {}
    if status.get("observedGeneration", 0) < live["metadata"]["generation"] or status.get("replicas", 0):
        return f"{key} has {status.get('replicas', 0)} replicas"
    path = url_path("v1", "pods", namespace=key.namespace)
    query = {"labelSelector": selector_text(live["spec"]["selector"])}
    pods = cluster.request("GET", path, query=query)[1].get("items") or []
    return f"{key} has {len(pods)} ending pods" if pods else None


# -- restarting ---------------------------------------------------------------------------------------------------


def restartable(workloads: t.Iterable[JsonObject]) -> list[JsonObject]:
    """Running operators that must restart to see a new kind. Pure.

    Those of the module prometheus_operator have the served kinds noted at their pods: it restarts them by itself.
    """
    return [
        workload
        for workload in workloads
        if replicas_of(workload) > 0
        and SERVED_KINDS_ANNOTATION
        not in ((workload["spec"]["template"].get("metadata") or {}).get("annotations") or {})
    ]


def restart(cluster: Cluster, workloads: t.Sequence[JsonObject]) -> None:
    """Restart workloads as ``kubectl rollout restart`` does."""
    now = datetime.now(tz=UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    for workload in workloads:
        _patch(cluster, key_of(workload), _restarted_at(now))


def _restarted_at(when: str | None) -> JsonObject:
    return {"spec": {"template": {"metadata": {"annotations": {RESTARTED: when}}}}}


def restart_change(workload: JsonObject) -> Change:
    """The change that a restart is. Pure."""
    old = ((workload["spec"]["template"].get("metadata") or {}).get("annotations") or {}).get(RESTARTED)
    before, after = _restarted_at(old), _restarted_at(KNOWN_AFTER_APPLY)
    return Change(action="updated", key=key_of(workload), before=before, after=after)


def stop_change(workload: JsonObject) -> Change:
    """The change that stopping a workload is. Pure."""
    before, after = {"spec": {"replicas": replicas_of(workload)}}, {"spec": {"replicas": 0}}
    return Change(action="updated", key=key_of(workload), before=before, after=after)


def start_change(entry: JsonObject) -> Change:
    """The change of a stopped operator, with its *entry* of the note, that is started again. Pure."""
    before, after = {"spec": {"replicas": 0}}, {"spec": {"replicas": entry["replicas"]}}
    return Change(action="updated", key=entry_key(entry), before=before, after=after)
