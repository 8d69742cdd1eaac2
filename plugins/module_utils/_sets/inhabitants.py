# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Before the first write: which pods of others a plan would harm, in namespaces that exist already.

A Pod Security level and a ResourceQuota are valid for a whole namespace, and no running pod notices them: it is refused
when it starts again, perhaps months later. So the API server is asked by a dry run which pods a new level would refuse,
and a new quota must find no pods of others. Where a plan has neither, nothing is asked.
"""

from __future__ import annotations

import re
import typing as t
from dataclasses import dataclass

from ansible_collections.promfleet.monitoring.plugins.module_utils._api.client import Cluster
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.errors import ApiError, Refused
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.kinds import Key, key_of
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.transport import Warned
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.parallel import side_by_side
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.text import first_of
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.access.rights import Right
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.options import WORKERS, Options
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.plan import Plan, Write
from ansible_collections.promfleet.monitoring.plugins.module_utils._state.fields import (
    entries_of,
    own_entry,
    owns_label,
    same,
)

JsonObject = dict[str, t.Any]

# https://kubernetes.io/docs/concepts/security/pod-security-admission/#pod-security-admission-labels-for-namespaces
ENFORCE = "pod-security.kubernetes.io/enforce"
ENFORCE_LABELS = (ENFORCE, "pod-security.kubernetes.io/enforce-version")
# How admission words it: one warning for the namespace, then one for each group of pods that fail for one reason
# (k8s.io/pod-security-admission/admission/admission.go, EvaluatePodsInNamespace and decoratePodWarnings).
_VIOLATION = re.compile(r'existing pods in namespace "[^"]*" violate the new PodSecurity enforce level "([^"]*)"')
_OF_PODS = re.compile(r"[a-z0-9][a-z0-9.-]*( \(and \d+ other pods?\))?: ")
# What a quota can say of pods: https://kubernetes.io/docs/concepts/policy/resource-quotas/#compute-resource-quota
_OF_QUOTAS = re.compile(r"(count/)?pods|cpu|memory|ephemeral-storage|(requests|limits)\.(?!storage$).+|hugepages-.+")
_WORKLOADS = ("DaemonSet", "Deployment", "ReplicaSet", "StatefulSet")
_ENDED = ("Failed", "Succeeded")
NAMED = 10

# The labels of the pods of a kind that Kubernetes itself does not have, by an object of it.
PODS: dict[str, t.Callable[[JsonObject], t.Mapping[str, str]]] = {}


def register_pods(kind: str, labels: t.Callable[[JsonObject], t.Mapping[str, str]]) -> None:
    """Say by which labels the pods of an object of *kind* are known, for kinds that Kubernetes does not have."""
    PODS[kind] = labels


@dataclass(frozen=True, kw_only=True)
class _Harm:
    """What would happen to pods of others in a *namespace*, in words."""

    namespace: str
    words: str


def needed_rights(plan: Plan, *, options: Options, absent_namespaces: t.Container[str]) -> list[Right]:
    """The rights that `require_harmless` takes beside those for writing the plan."""
    quotas = _new_quotas(plan, options=options, absent=absent_namespaces)
    namespaces = sorted({write.desired["metadata"]["namespace"] for write in quotas})
    return [Right(group="", resource="pods", verb="list", namespace=name) for name in namespaces]


def require_harmless(
    cluster: Cluster,
    plan: Plan,
    *,
    wanted: t.Mapping[Key, JsonObject],
    absent_namespaces: t.Container[str],
    options: Options,
) -> None:
    """Raise Refused if pods of others would be refused after *plan*, with the namespaces, the pods and the ways out.

    *wanted* are the desired objects: their own pods are not those of others.
    """
    levels = _new_levels(plan, options=options)
    quotas = _new_quotas(plan, options=options, absent=absent_namespaces)
    if not levels and not quotas:
        return
    options.progress.step("trying Pod Security levels and quotas,", total=len(levels) + len(quotas))
    tried = side_by_side(
        options.progress.counting(lambda write: _harm_of_level(cluster, write, options=options)),
        levels,
        workers=WORKERS,
    )
    counted = side_by_side(
        options.progress.counting(lambda write: _harm_of_quota(cluster, write, wanted=wanted)), quotas, workers=WORKERS
    )
    found = [harm for harm in (*tried, *counted) if harm is not None]
    if found:
        names = sorted({harm.namespace for harm in found})
        told = [harm.words for harm in found]
        raise Refused(
            f"{first_of(told, NAMED, separator='; ')}. Choose another namespace for what this run makes (namespace), "
            f"or list {first_of(names)} in shared_namespaces: then it keeps its own Pod Security labels, and gets no "
            "ResourceQuota of ours (docs/apply-engine.md, Namespaces that exist). Nothing was written",
            objects=told,
        )


# -- Pod Security -------------------------------------------------------------------------------------------------


def _new_levels(plan: Plan, *, options: Options) -> list[Write]:
    """The writes that give an existing namespace another level than it has. Pure."""
    shared = options.shared_namespaces
    return [
        write
        for write in plan.writes
        if write.live is not None
        and write.desired["kind"] == "Namespace"
        and write.desired["metadata"]["name"] not in shared
        and any(
            write.desired["metadata"]["labels"].get(label) not in (None, _labels(write.live).get(label))
            for label in ENFORCE_LABELS
        )
    ]


def _harm_of_level(cluster: Cluster, write: Write, *, options: Options) -> _Harm | None:
    name = write.desired["metadata"]["name"]
    live = write.live or {}
    present, wanted = _labels(live).get(ENFORCE), write.desired["metadata"]["labels"].get(ENFORCE)
    if present not in (None, wanted) and not owns_label(live, ENFORCE) and not options.force_conflicts:
        owners = [f'"{entry.get("manager")}"' for entry in entries_of(live) if _has_label(entry, ENFORCE)]
        return _Harm(
            namespace=name,
            words=(
                f"namespace {name} has the Pod Security level {present} (owned by "
                f"{', '.join(owners) or 'no manager'}), and would get {wanted}; force_conflicts takes the label over"
            ),
        )
    found = violations(_warnings_of(cluster, write))
    if found is None:
        return None
    level, pods = found
    return _Harm(
        namespace=name,
        words=(
            f"namespace {name} exists, and its new Pod Security level {level} would refuse pods that run there at "
            f"their next start, as the API server says: {first_of(pods, NAMED, separator='; ')}"
        ),
    )


def _warnings_of(cluster: Cluster, write: Write) -> list[str]:
    """What the server warns of when asked by a dry run; nothing if it refuses, which the write itself will tell."""
    resource = cluster.resource("v1", "Namespace")
    heard: list[str] = []

    def note(warned: Warned) -> None:
        # Other namespaces are tried at the same time.
        if warned.about == str(key_of(write.desired)):
            heard.extend(warned.texts)

    if resource is not None:
        try:
            with cluster.listening(note):
                # About fields of others the write itself will report: here only the level is tried.
                cluster.apply(write.desired, resource=resource, dry_run=True, force=True)
        except ApiError:
            return []
    return heard


def violations(warnings: t.Sequence[str]) -> tuple[str, list[str]] | None:
    """The new level and what it would refuse, from the *warnings* about a Namespace; None if it refuses nothing. Pure.

    The API server looks at running pods only, at most 3,000, for a second.
    """
    for number, text in enumerate(warnings):
        match = _VIOLATION.search(text)
        if match:
            return match[1], [line for line in warnings[number + 1 :] if _OF_PODS.match(line)] or [text]
    return None


def _has_label(entry: t.Mapping[str, t.Any], label: str) -> bool:
    return f"f:{label}" in ((entry.get("fieldsV1") or {}).get("f:metadata") or {}).get("f:labels", {})


# -- quotas -------------------------------------------------------------------------------------------------------


def _new_quotas(plan: Plan, *, options: Options, absent: t.Container[str]) -> list[Write]:
    """The writes that begin to count the pods of an existing namespace. Pure.

    A quota that another tool applied with the same limits counts them already.
    """
    shared = options.shared_namespaces
    return [
        write
        for write in plan.writes
        if (write.desired["apiVersion"], write.desired["kind"]) == ("v1", "ResourceQuota")
        and (
            write.live is None
            or (own_entry(write.live) is None and not same(write.live.get("spec"), write.desired.get("spec")))
        )
        and write.desired["metadata"]["namespace"] not in absent
        and write.desired["metadata"]["namespace"] not in shared
        and any(_OF_QUOTAS.fullmatch(name) for name in (write.desired.get("spec") or {}).get("hard") or ())
    ]


def _harm_of_quota(cluster: Cluster, write: Write, *, wanted: t.Mapping[Key, JsonObject]) -> _Harm | None:
    key = key_of(write.desired)
    resource = cluster.resource("v1", "Pod")
    pods = cluster.list_objects(resource, namespace=key.namespace) if resource is not None else []
    here = [obj for place, obj in wanted.items() if place.namespace == key.namespace]
    others = sorted(
        pod["metadata"]["name"]
        for pod in pods
        if is_counted(pod, write.desired["spec"]) and not any(is_pod_of(pod, obj) for obj in here)
    )
    if not others:
        return None
    return _Harm(
        namespace=key.namespace,
        words=(
            f"{key} would count {len(others)} pods of others in an existing namespace ({first_of(others, NAMED)}), so "
            "that they or ours could be refused at their next start"
        ),
    )


def is_counted(pod: JsonObject, quota: JsonObject) -> bool:
    """Whether a live *pod* counts in a quota with the spec *quota*. Pure; scopes that are not known here do not limit.

    Source: https://kubernetes.io/docs/concepts/policy/resource-quotas/#quota-scopes
    """
    if (pod.get("status") or {}).get("phase") in _ENDED:
        return False
    terms = (quota.get("scopeSelector") or {}).get("matchExpressions") or ()
    return all(_is_in_scope(pod, term) for term in terms)


def _is_in_scope(pod: JsonObject, term: t.Mapping[str, t.Any]) -> bool:
    if term.get("scopeName") != "PriorityClass":
        return True
    priority = (pod.get("spec") or {}).get("priorityClassName") or ""
    values = term.get("values") or ()
    known = {
        "In": priority in values,
        "NotIn": priority not in values,
        "Exists": bool(priority),
        "DoesNotExist": not priority,
    }
    return known.get(str(term.get("operator")), True)


def is_pod_of(pod: JsonObject, obj: JsonObject) -> bool:
    """Whether *pod* is one of those that the workload or instance *obj*, of the same namespace, has or would have."""
    if obj["kind"] in PODS:
        wanted = PODS[obj["kind"]](obj)
    elif obj["kind"] in _WORKLOADS:
        wanted = ((obj.get("spec") or {}).get("selector") or {}).get("matchLabels") or {}
    else:
        return bool(obj["kind"] == "Pod" and obj["metadata"]["name"] == pod["metadata"]["name"])
    return bool(wanted) and wanted.items() <= _labels(pod).items()


def _labels(obj: t.Mapping[str, t.Any]) -> t.Mapping[str, str]:
    return (obj.get("metadata") or {}).get("labels") or {}
