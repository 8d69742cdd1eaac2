# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Collecting the facts about what instances stand on: admission, namespaces, refused pods, volume claims.

All of it comes from the API server: a few LISTs for all teams together. Events are read only of instances that are not
ready, volume claims and StorageClasses only if an instance has storage.
"""

from __future__ import annotations

import dataclasses
import typing as t
from dataclasses import dataclass
from functools import partial

from ansible_collections.promfleet.monitoring.plugins.module_utils._api.client import Cluster, Resource
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.errors import ApiError, ClusterError
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.kinds import Key, url_path
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.marks import (
    INSTANCE_LABEL,
    MANAGED_BY_LABEL,
    MONITORING_GROUP,
    NAME_LABEL,
    NAMESPACE_LABEL,
    TEAM_LABEL,
    common_labels,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.teams.model import Team
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.teams.parts import APPLICATIONS
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.teams.policy import OPERATOR_MANAGED
from ansible_collections.promfleet.monitoring.plugins.module_utils._doctor.admission import (
    AdmissionFacts,
    BrokenWebhook,
    Labels,
    NotAllowed,
    asked_webhooks,
    why_broken,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._doctor.chain import mapped
from ansible_collections.promfleet.monitoring.plugins.module_utils._doctor.checks import (
    UNEXPECTED,
    Fact,
    Facts,
    Unobserved,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._doctor.enforcement import (
    EnforcementFacts,
    engines_by_daemon_set,
    engines_by_group,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._doctor.grounds import (
    NamespaceFacts,
    PodFacts,
    StorageFacts,
    wanted_size,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._doctor.pod_states import (
    asks_its_node,
    why_not_running,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._doctor.shown import shown
from ansible_collections.promfleet.monitoring.plugins.module_utils._doctor.wanted import parts_of
from ansible_collections.promfleet.monitoring.plugins.module_utils._findings.finding import Subject
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.contents import is_leaving
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.leaving import (
    CRD_API,
    CRD_PLURAL,
    LeavingCrd,
    leaving_crd,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.refused_pods import (
    last_refusal,
    stateful_set_events,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._state.ready import not_ready
from ansible_collections.promfleet.monitoring.plugins.module_utils._state.secrecy import safe_text

JsonObject = dict[str, t.Any]
Value = t.TypeVar("Value")

# Of so many parts that are not ready the events are read in one look: each of them is a request.
LOOKED_AT = 8
NAMESPACES, _SLICES, _PODS, _CLAIMS, _CLASSES, _DAEMON_SETS = (
    Resource(api_version=version, kind=kind, plural=plural, namespaced=namespaced, verbs=frozenset({"list"}))
    for version, kind, plural, namespaced in (
        ("v1", "Namespace", "namespaces", False),
        ("discovery.k8s.io/v1", "EndpointSlice", "endpointslices", True),
        ("v1", "Pod", "pods", True),
        ("v1", "PersistentVolumeClaim", "persistentvolumeclaims", True),
        ("storage.k8s.io/v1", "StorageClass", "storageclasses", False),
        ("apps/v1", "DaemonSet", "daemonsets", True),
    )
)


class Ask(t.Protocol):
    """Asks the API server for something of a kind; what goes wrong becomes a fact, too."""

    def __call__(self, kind: str, ask: t.Callable[[], Value], /) -> Fact[Value]:
        """What *ask* returns."""


@dataclass(frozen=True, kw_only=True)
class Part:
    """A Prometheus or Alertmanager that is wanted of a team, and its *live* object, None if it does not exist."""

    team: Team
    kind: str
    live: Fact[JsonObject | None]


def surroundings(
    cluster: Cluster,
    parts: t.Sequence[Part],
    *,
    name: str,
    teams: t.Sequence[Team],
    operator_namespace: str,
    kinds: t.Mapping[str, t.Sequence[str]],
    guarded: tuple[str, ...],
    ask: Ask,
) -> list[Facts]:
    """The facts for the cluster *name*: *kinds*, by their API version, are the custom resources that are needed.

    *guarded*: the sources that network policies alone guard.
    """
    namespaces = ask("Namespace", lambda: _namespaces(cluster, teams))
    places = _places(teams, operator_namespace, namespaces)
    return [
        AdmissionFacts(
            cluster=name,
            leaving=ask("CustomResourceDefinition", lambda: _leaving(cluster, kinds)),
            webhooks=ask("ValidatingWebhookConfiguration", lambda: _webhooks(cluster, teams, places)),
        ),
        *_enforcement_facts(cluster, name, guarded, ask=ask),
        *_namespace_facts(name, teams, namespaces),
        *_pod_facts(cluster, name, parts, ask=ask),
        *_storage_facts(cluster, name, parts, ask=ask),
    ]


def described_surroundings(
    name: str,
    teams: t.Sequence[Team],
    namespaces: Fact[t.Sequence[JsonObject]],
    *,
    guarded: tuple[str, ...],
    why: Unobserved,
) -> list[Facts]:
    """The same of files. *why* is not known what only the cluster has, and namespaces that others make."""
    found = mapped(namespaces, lambda some: {obj["metadata"]["name"]: obj for obj in some})
    facts: list[Facts] = [AdmissionFacts(cluster=name, leaving=why, webhooks=why)]
    if guarded:
        facts.append(EnforcementFacts(cluster=name, guarded=guarded, engines=why))
    for one in _namespace_facts(name, teams, found):
        is_elsewhere = one.is_own and one.live is None
        facts.append(dataclasses.replace(one, live=why) if is_elsewhere else one)
    return facts


def _scope(team: Team) -> tuple[str, ...]:
    return (f"instance {team.namespace}/{team.name}",)


def _subject(cluster: str, part: Part) -> Subject:
    name = part.team.resource_name(part.kind)
    return Subject(cluster=cluster, kind=part.kind, namespace=part.team.namespace, name=name)


# -- admission --------------------------------------------------------------------------------------------------------


def _leaving(cluster: Cluster, kinds: t.Mapping[str, t.Sequence[str]]) -> tuple[LeavingCrd, ...]:
    """The CRDs of *kinds* that are being deleted: only what discovery says takes no new objects is looked at."""
    found: dict[str, LeavingCrd] = {}
    for api_version, names in kinds.items():
        for kind in names:
            resource = cluster.resource(api_version, kind)
            if resource is None or "create" in resource.verbs:
                continue
            name = f"{resource.plural}.{resource.group}"
            crd = cluster.find(url_path(CRD_API, CRD_PLURAL, name=name))
            if crd is not None and is_leaving(crd):
                found[name] = leaving_crd(cluster, crd)
    return tuple(found.values())


def _webhooks(
    cluster: Cluster, teams: t.Sequence[Team], places: t.Collection[Labels]
) -> tuple[BrokenWebhook, ...] | NotAllowed:
    try:
        configurations = cluster.webhook_configurations()
    except ApiError as error:
        if error.status != 403:
            raise
        return NotAllowed(reason=error.server_message)
    asked = asked_webhooks(configurations, namespaces=places, objects=_object_labels(teams))
    reasons = {service: _why_broken(cluster, service) for service in sorted({webhook.service for webhook in asked})}
    return tuple(webhook.broken(reasons[webhook.service]) for webhook in asked if reasons[webhook.service])


def _why_broken(cluster: Cluster, service: str) -> str:
    namespace, name = service.split("/")
    live = cluster.find(url_path("v1", "services", namespace=namespace, name=name))
    selector = f"kubernetes.io/service-name={name}"
    slices = [] if live is None else cluster.list_objects(_SLICES, namespace=namespace, selector=selector)
    return why_broken(live, slices)


def _object_labels(teams: t.Sequence[Team]) -> list[Labels]:
    """Labels that objects of instances have: those that we make, and those that the operator makes of them."""
    found: list[Labels] = [{}]
    for team in teams:
        for kind in parts_of(team):
            application, name = APPLICATIONS[kind], team.resource_name(kind)
            operated = {
                NAME_LABEL: application,
                INSTANCE_LABEL: name,
                MANAGED_BY_LABEL: OPERATOR_MANAGED,
                application: name,
            }
            found += [common_labels(application, team=team.name), operated]
    return found


# -- namespaces -------------------------------------------------------------------------------------------------------


def _namespaces(cluster: Cluster, teams: t.Sequence[Team]) -> dict[str, JsonObject]:
    """The namespaces of the teams that exist: metadata of all, and the whole object where one is being deleted."""
    wanted = {name for team in teams for name in (team.namespace, *team.namespaces)}
    found = {obj["metadata"]["name"]: obj for obj in cluster.list_metadata(NAMESPACES)}
    for name in wanted & found.keys():
        if is_leaving(found[name]):
            # By LIST, which the reading account may do. It may be gone since.
            whole = cluster.list_objects(NAMESPACES, fields=f"metadata.name={name}")
            found[name] = whole[0] if whole else found[name]
    return found


def _namespace_facts(
    cluster: str, teams: t.Sequence[Team], namespaces: Fact[dict[str, JsonObject]]
) -> t.Iterator[NamespaceFacts]:
    for team in teams:
        for name in (team.namespace, *team.namespaces):
            yield NamespaceFacts(
                cluster=cluster,
                team=team.name,
                instance=_scope(team),
                name=name,
                is_own=name != team.namespace,
                live=namespaces if isinstance(namespaces, Unobserved) else _shown(namespaces.get(name)),
            )


def _shown(namespace: JsonObject | None) -> JsonObject | None:
    return namespace and shown(namespace, labels=(TEAM_LABEL,))


def _places(teams: t.Sequence[Team], operator_namespace: str, namespaces: Fact[dict[str, JsonObject]]) -> list[Labels]:
    """The labels of the namespaces in which something is written for instances."""
    names = {operator_namespace, *(name for team in teams for name in (team.namespace, *team.namespaces))}
    live = {} if isinstance(namespaces, Unobserved) else namespaces
    # The API server gives each namespace its name as a label; one that does not exist has that one when it is made.
    return [
        {**((live.get(name) or {"metadata": {}})["metadata"].get("labels") or {}), NAMESPACE_LABEL: name}
        for name in sorted(names)
    ]


# -- network policies -------------------------------------------------------------------------------------------------


def _enforcement_facts(
    cluster: Cluster, name: str, guarded: tuple[str, ...], *, ask: Ask
) -> t.Iterator[EnforcementFacts]:
    if guarded:
        yield EnforcementFacts(cluster=name, guarded=guarded, engines=ask("DaemonSet", lambda: _engines(cluster)))


def _engines(cluster: Cluster) -> tuple[str, ...]:
    """The policy engines of the cluster; DaemonSets are listed only where no API group shows one."""
    by_group = engines_by_group(cluster.api_versions())
    if by_group:
        return by_group
    return engines_by_daemon_set(obj["metadata"]["name"] for obj in cluster.list_metadata(_DAEMON_SETS))


# -- pods -------------------------------------------------------------------------------------------------------------


def _pod_facts(cluster: Cluster, name: str, parts: t.Sequence[Part], *, ask: Ask) -> t.Iterator[PodFacts]:
    waiting = [part for part in parts if _is_waiting(part)][:LOOKED_AT]
    namespaces = sorted({part.team.namespace for part in waiting})
    # The parts of an instance share what is read of its namespace.
    events = {one: ask("Event", partial(stateful_set_events, cluster, one)) for one in namespaces}
    pods = {one: ask("Pod", partial(_operated_pods, cluster, one)) for one in namespaces}
    for part in waiting:
        instance = Key(MONITORING_GROUP, part.kind, part.team.namespace, part.team.resource_name(part.kind))
        yield PodFacts(
            cluster=name,
            team=part.team.name,
            namespace=instance.namespace,
            kind=part.kind,
            name=instance.name,
            refusal=_read(ask, "Event", events[instance.namespace], partial(last_refusal, instance=instance)),
            states=_read(ask, "Pod", pods[instance.namespace], partial(_states, cluster, instance)),
        )


def _read(
    ask: Ask, kind: str, objects: Fact[list[JsonObject]], read: t.Callable[[list[JsonObject]], Value]
) -> Fact[Value]:
    """What objects say; one of a strange form costs only what it is asked for."""
    return objects if isinstance(objects, Unobserved) else ask(kind, partial(read, objects))


def _operated_pods(cluster: Cluster, namespace: str) -> list[JsonObject]:
    return cluster.list_objects(_PODS, namespace=namespace, selector=f"{MANAGED_BY_LABEL}={OPERATOR_MANAGED}")


def _states(cluster: Cluster, instance: Key, pods: t.Sequence[JsonObject]) -> tuple[tuple[str, str], ...]:
    """The pods of an instance that are not ready, and why, as far as they or their nodes say it."""
    labels = {NAME_LABEL: APPLICATIONS[instance.kind], INSTANCE_LABEL: instance.name}
    own = (pod for pod in pods if labels.items() <= (pod["metadata"].get("labels") or {}).items())
    reasons = (
        (str(pod["metadata"]["name"]), why_not_running(pod, _node(cluster, pod) if asks_its_node(pod) else None))
        for pod in own
    )
    return tuple((name, safe_text(reason)) for name, reason in reasons if reason)


def _node(cluster: Cluster, pod: JsonObject) -> JsonObject | None:
    try:
        return cluster.find(url_path("v1", "nodes", name=pod["spec"]["nodeName"]))
    except ClusterError:
        # Only an addition: that the pod is not ready is known without it.
        return None


def _is_waiting(part: Part) -> bool:
    if part.live is None or isinstance(part.live, Unobserved):
        return False
    try:
        return not_ready(part.live) is not None
    except UNEXPECTED:
        return False


# -- storage ----------------------------------------------------------------------------------------------------------


def _storage_facts(cluster: Cluster, name: str, parts: t.Sequence[Part], *, ask: Ask) -> t.Iterator[StorageFacts]:
    stored = [(part, part.live) for part in parts if isinstance(part.live, dict) and _has_storage(part.live)]
    if not stored:
        return
    claims = ask("PersistentVolumeClaim", lambda: _claims(cluster))
    classes = ask("StorageClass", lambda: _expandable(cluster.list_objects(_CLASSES)))
    for part, live in stored:
        yield StorageFacts(
            instance=_scope(part.team),
            part=_subject(name, part),
            live=shown(live),
            claims=claims if isinstance(claims, Unobserved) else claims.get(part.team.namespace, ()),
            classes=classes,
        )


def _has_storage(live: JsonObject) -> bool:
    try:
        return bool(wanted_size(live))
    except UNEXPECTED:
        return False


def _claims(cluster: Cluster) -> dict[str, list[JsonObject]]:
    """The volume claims of all instances, by namespace."""
    found: dict[str, list[JsonObject]] = {}
    for claim in cluster.list_objects(_CLAIMS, selector=f"{MANAGED_BY_LABEL}={OPERATOR_MANAGED}"):
        found.setdefault(claim["metadata"]["namespace"], []).append(shown(claim))
    return found


def _expandable(classes: t.Sequence[JsonObject]) -> dict[str, bool]:
    return {one["metadata"]["name"]: bool(one.get("allowVolumeExpansion")) for one in classes}
