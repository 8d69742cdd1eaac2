# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The running operators, whoever installed them: found, held while CRDs lose fields, restarted where a kind is new.

An operator writes status all the time, and each write drops for good what the CRDs in the cluster no longer know. That
operators are held is written down first, so that an interrupted run never leaves one asleep: the next run wakes it.
"""

from __future__ import annotations

import json
import time
import typing as t
from datetime import UTC, datetime

from ansible_collections.promfleet.monitoring.plugins.module_utils._api.client import Cluster
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.errors import ClusterError
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.kinds import Key, key_of
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.marks import (
    FIELD_MANAGER,
    KNOWN_AFTER_APPLY,
    OPERATOR_NAME,
    SERVED_KINDS_ANNOTATION,
    common_labels,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.outcome import Change
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.record import NAMESPACE
from ansible_collections.promfleet.monitoring.plugins.module_utils._state.fields import extract, own_fields

JsonObject = dict[str, t.Any]

# There while operators are held; it names them with their replicas.
HELD = "promfleet-held-operators"
RESTARTED = "kubectl.kubernetes.io/restartedAt"
MERGE_PATCH = "application/merge-patch+json"
INTERVAL = 0.5


def find_operators(cluster: Cluster) -> list[JsonObject]:
    """The Deployments of all operators in the cluster."""
    resource = cluster.resource("apps/v1", "Deployment")
    found = cluster.list_objects(resource) if resource is not None else []
    return [deployment for deployment in found if is_operator(deployment)]


def is_operator(deployment: JsonObject) -> bool:
    """Whether a Deployment runs the operator, told by its image: names and labels differ from chart to chart. Pure."""
    return _image(deployment) is not None


def operator_version(deployment: JsonObject) -> str | None:
    """The release that an operator's Deployment runs, by its image's tag or its version label. Pure."""
    tag = (_image(deployment) or "").split("@", 1)[0].rpartition("/")[2].partition(":")[2]
    labels = deployment["metadata"].get("labels") or {}
    text = tag or str(labels.get("app.kubernetes.io/version") or "")
    return text.removeprefix("v") or None


def _image(deployment: JsonObject) -> str | None:
    for container in deployment["spec"]["template"]["spec"].get("containers") or ():
        image = str(container.get("image") or "")
        if image.split("@", 1)[0].rpartition("/")[2].partition(":")[0] == OPERATOR_NAME:
            return image
    return None


def replicas_of(deployment: JsonObject) -> int:
    """How many replicas a Deployment wants. Pure."""
    return int(deployment["spec"].get("replicas", 1))


# -- holding ------------------------------------------------------------------------------------------------------


def held(cluster: Cluster) -> list[JsonObject]:
    """The operators that this run or an interrupted one holds: name, namespace and replicas."""
    found = cluster.find(_held_path()) or {}
    return list(json.loads((found.get("data") or {}).get("operators") or "[]"))


def _held_path() -> str:
    return f"/api/v1/namespaces/{NAMESPACE}/configmaps/{HELD}"


def hold(cluster: Cluster, *, timeout: float) -> list[str]:
    """Scale every running operator to zero, and wait until none of their pods is left; returns whom it was."""
    running = [deployment for deployment in find_operators(cluster) if replicas_of(deployment) > 0]
    entries = {(entry["namespace"], entry["name"]): entry for entry in held(cluster)}
    for deployment in running:
        metadata = deployment["metadata"]
        entry = {name: metadata[name] for name in ("namespace", "name")} | {"replicas": replicas_of(deployment)}
        entries.setdefault((metadata["namespace"], metadata["name"]), entry)
    if not entries:
        return []
    _write_held(cluster, list(entries.values()))
    for deployment in running:
        _scale(cluster, deployment, replicas=0)
    _wait_asleep(cluster, running, timeout=timeout)
    return sorted(str(key_of(deployment)) for deployment in running)


def wake(cluster: Cluster) -> None:
    """Give the operators that are held their replicas back."""
    entries = held(cluster)
    resource = cluster.resource("apps/v1", "Deployment")
    for entry in entries:
        live = resource and cluster.find(resource.path(namespace=entry["namespace"], name=entry["name"]))
        if live and replicas_of(live) == 0:
            deployment = {"apiVersion": "apps/v1", "kind": "Deployment", **live}
            _scale(cluster, deployment, replicas=entry["replicas"])
    if entries:
        _forget_held(cluster)


def _write_held(cluster: Cluster, entries: list[JsonObject]) -> None:
    resource = cluster.resource("v1", "ConfigMap")
    if resource is None:
        raise ClusterError("the cluster does not serve ConfigMaps")
    manifest = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": HELD, "namespace": NAMESPACE, "labels": common_labels("promfleet")},
        "data": {"operators": json.dumps(entries, sort_keys=True)},
    }
    cluster.apply(manifest, resource=resource, dry_run=False, force=True)


def _forget_held(cluster: Cluster) -> None:
    resource = cluster.resource("v1", "ConfigMap")
    live = cluster.find(_held_path())
    if resource is not None and live is not None:
        cluster.delete(live, resource=resource, dry_run=False)


def _scale(cluster: Cluster, deployment: JsonObject, *, replicas: int) -> None:
    """Set the replicas: in our own Deployment among the fields that we apply, so that nobody else comes to own them."""
    resource = cluster.resource("apps/v1", "Deployment")
    if resource is None:
        raise ClusterError("the cluster does not serve Deployments")
    owned = own_fields(deployment)
    if owned:
        ours = extract(deployment, owned)
        identity = {name: deployment["metadata"][name] for name in ("namespace", "name")}
        body = {
            **ours,
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {**ours.get("metadata", {}), **identity},
            "spec": {**ours.get("spec", {}), "replicas": replicas},
        }
        cluster.apply(body, resource=resource, dry_run=False, force=True)
        return
    _patch(cluster, deployment, {"spec": {"replicas": replicas}})


def _patch(cluster: Cluster, deployment: JsonObject, patch: JsonObject) -> None:
    metadata = deployment["metadata"]
    path = f"/apis/apps/v1/namespaces/{metadata['namespace']}/deployments/{metadata['name']}"
    cluster.request("PATCH", path, query={"fieldManager": FIELD_MANAGER}, body=patch, content_type=MERGE_PATCH)


def _wait_asleep(cluster: Cluster, deployments: t.Sequence[JsonObject], *, timeout: float) -> None:
    deadline = time.monotonic() + timeout
    while awake := [text for deployment in deployments if (text := _still_awake(cluster, deployment))]:
        if time.monotonic() > deadline:
            raise ClusterError(
                f"not scaled to zero after {timeout:.0f} s: {'; '.join(awake)}. The CRDs are unchanged, "
                "and the operators have their replicas back"
            )
        time.sleep(INTERVAL)


def _still_awake(cluster: Cluster, deployment: JsonObject) -> str | None:
    """Why an operator may still write: its controller has not seen the change, or a pod is still ending."""
    metadata = deployment["metadata"]
    place = f"/api/v1/namespaces/{metadata['namespace']}"
    live = cluster.find(f"/apis/apps/v1/namespaces/{metadata['namespace']}/deployments/{metadata['name']}")
    if live is None:
        return None
    status = live.get("status") or {}
    if status.get("observedGeneration", 0) < live["metadata"]["generation"] or status.get("replicas", 0):
        return f"{key_of(deployment)} has {status.get('replicas', 0)} replicas"
    labels = live["spec"]["selector"].get("matchLabels") or {}
    selector = ",".join(f"{name}={value}" for name, value in sorted(labels.items()))
    pods = cluster.request("GET", f"{place}/pods", query={"labelSelector": selector})[1].get("items") or []
    return f"{key_of(deployment)} has {len(pods)} ending pods" if pods else None


# -- restarting ---------------------------------------------------------------------------------------------------


def restartable(deployments: t.Iterable[JsonObject]) -> list[JsonObject]:
    """Running operators that only a restart tells of a new kind. Pure.

    Those of the module prometheus_operator have the served kinds noted at their pods: it restarts them by itself.
    """
    return [
        deployment
        for deployment in deployments
        if replicas_of(deployment) > 0
        and SERVED_KINDS_ANNOTATION not in (deployment["spec"]["template"]["metadata"].get("annotations") or {})
    ]


def restart(cluster: Cluster, deployments: t.Sequence[JsonObject]) -> None:
    """Restart Deployments as ``kubectl rollout restart`` does."""
    now = datetime.now(tz=UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    for deployment in deployments:
        _patch(cluster, deployment, _restarted_at(now))


def _restarted_at(when: str | None) -> JsonObject:
    return {"spec": {"template": {"metadata": {"annotations": {RESTARTED: when}}}}}


def restart_change(deployment: JsonObject) -> Change:
    """The change that a restart is. Pure."""
    old = (deployment["spec"]["template"]["metadata"].get("annotations") or {}).get(RESTARTED)
    before, after = _restarted_at(old), _restarted_at(KNOWN_AFTER_APPLY)
    return Change(action="updated", key=key_of(deployment), before=before, after=after)


def wake_change(entry: JsonObject) -> Change:
    """The change of an operator that an interrupted run left asleep. Pure."""
    key = Key("apps", "Deployment", entry["namespace"], entry["name"])
    before, after = {"spec": {"replicas": 0}}, {"spec": {"replicas": entry["replicas"]}}
    return Change(action="updated", key=key, before=before, after=after)
