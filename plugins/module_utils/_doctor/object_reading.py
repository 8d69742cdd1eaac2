# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reading the objects of instances, and of both sides of the federation."""

from __future__ import annotations

import dataclasses
import functools
import typing as t
from dataclasses import dataclass

from ansible_collections.promfleet.monitoring.plugins.module_utils._api.client import (
    Resource,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.marks import (
    ARCHIVED_LABEL,
    MANAGED_BY_LABEL,
    MONITORING,
    MONITORING_ALPHA,
    OPERATOR_NAME,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.common.objects import (
    CORE,
    DISCOVERY,
    NETWORKING,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.teams.model import (
    Team,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._doctor.asking import (
    Question,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._doctor.chain import (
    inside,
    mapped,
    pods_of,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._doctor.changing import named_times
from ansible_collections.promfleet.monitoring.plugins.module_utils._doctor.checks import (
    Fact,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._doctor.reading import (
    Reader,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._doctor.wanted import (
    Wanted,
    parts_of,
    reference,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._findings.finding import (
    Subject,
)

JsonObject = dict[str, t.Any]

# Instances of so many teams are read one by one; those of more by one LIST.
SINGLY = 8


def _kind(api_version: str, kind: str, plural: str) -> Resource:
    return Resource(api_version=api_version, kind=kind, plural=plural, namespaced=True, verbs=frozenset({"list"}))


_SERVICES, _SLICES = _kind(CORE, "Service", "services"), _kind(DISCOVERY, "EndpointSlice", "endpointslices")
_POLICIES = _kind(NETWORKING, "NetworkPolicy", "networkpolicies")
CENTRAL_KINDS = (
    _SERVICES,
    _SLICES,
    _kind(MONITORING, "ServiceMonitor", "servicemonitors"),
    _kind(MONITORING_ALPHA, "ScrapeConfig", "scrapeconfigs"),
    _POLICIES,
)
WORKER_KINDS = (_SERVICES, _SLICES, _POLICIES)
_INSTANCES = {
    kind: _kind(version, kind, plural)
    for version, kind, plural in (
        (MONITORING, "Prometheus", "prometheuses"),
        (MONITORING_ALPHA, "PrometheusAgent", "prometheusagents"),
        (MONITORING, "Alertmanager", "alertmanagers"),
    )
}
_PODS = _kind(CORE, "Pod", "pods")
_CLAIMS = _kind(CORE, "PersistentVolumeClaim", "persistentvolumeclaims")
_ARCHIVED = ("claims", "archived")
_ROUTES = _kind(MONITORING_ALPHA, "AlertmanagerConfig", "alertmanagerconfigs")
_OPERATED = f"{MANAGED_BY_LABEL}={OPERATOR_NAME}"


@dataclass(frozen=True, kw_only=True)
class Resources:
    """The custom resources of an instance; *routed*: the namespaces of its team that have an AlertmanagerConfig."""

    prometheus: Fact[JsonObject | None]
    alertmanager: Fact[JsonObject | None]
    routed: Fact[t.Collection[str]] = ()


@dataclass(frozen=True, kw_only=True)
class Objects:
    """What was read. *instances*: of each team that is looked at. *central*, *worker*: by kind, of either side.

    *others*: the Prometheus of teams that federate and are not looked at, by the team's name. *archived*: the volume
    claims of archived instances, their metadata only.
    """

    instances: tuple[Resources, ...]
    central: t.Mapping[str, Fact[t.Sequence[JsonObject]]]
    worker: t.Mapping[str, Fact[t.Sequence[JsonObject]]]
    others: t.Mapping[str, Fact[JsonObject | None]]
    archived: Fact[t.Sequence[JsonObject]] = ()

    def prometheus(self, wanted: Wanted, team: Team) -> Fact[JsonObject | None]:
        """The Prometheus of a team that federates."""
        for one, found in zip(wanted.teams, self.instances, strict=True):
            if one.name == team.name:
                return found.prometheus
        return self.others[team.name]


def read_objects(wanted: Wanted, *, reader: Reader) -> Objects:
    """The custom resources of each team's instance, and by kind the objects of both sides of the federation."""
    asked = {
        **_of_instances(wanted, reader),
        **_of_routes(wanted, reader),
        **_of_sides(wanted, reader),
        **_of_others(wanted, reader),
        **_of_archived(wanted, reader),
    }
    reader.progress.step("looking at", total=len(asked), unit="objects")
    found = reader.ask_about({key: question for key, (_subject, question) in asked.items()}, lambda key: asked[key][0])
    if len(wanted.teams) > SINGLY:
        for team in wanted.teams:
            for kind in parts_of(team):
                found[kind, team.name] = _named(found["every", kind], team.namespace, team.resource_name(kind))
    resources = [
        Resources(
            prometheus=found.get((team.prometheus.kind, team.name)),
            alertmanager=found.get(("Alertmanager", team.name)),
            routed=mapped(found.get(("routes", "AlertmanagerConfig"), ()), functools.partial(_routed, team=team)),
        )
        for team in wanted.teams
    ]
    others = {team.name: found.get(("Prometheus of", team.name)) for team, _sources in wanted.federating}
    sides: dict[str, dict[str, Fact[t.Sequence[JsonObject]]]] = {"central": {}, "worker": {}}
    for name, side in _sides(wanted).items():
        sides[name] = {resource.kind: found["side", resource.kind] for resource in side.kinds}
    if sides["worker"]:
        sides["worker"][_PODS.kind] = found["exposed", _PODS.kind]
    return Objects(
        instances=tuple(resources),
        central=sides["central"],
        worker=sides["worker"],
        others=others,
        archived=found.get(_ARCHIVED, ()),
    )


def _of_instances(wanted: Wanted, reader: Reader) -> dict[t.Hashable, tuple[Subject, Question[t.Any]]]:
    """Questions for the custom resources, by what is asked for, each with who needs the answer."""
    if len(wanted.teams) > SINGLY:
        namespaces = {team.namespace for team in wanted.teams}
        return {
            ("every", kind): (
                Subject(cluster=wanted.cluster, kind=kind, name="*"),
                reader.listing(resource, namespaces),
            )
            for kind, resource in _INSTANCES.items()
            if any(kind in parts_of(team) for team in wanted.teams)
        }
    asked: dict[t.Hashable, tuple[Subject, Question[t.Any]]] = {}
    for team in wanted.teams:
        for kind in parts_of(team):
            name = team.resource_name(kind)
            subject = dataclasses.replace(wanted.subject(team), kind=kind, name=name)
            asked[kind, team.name] = (
                subject,
                reader.finding(reference(_INSTANCES[kind].api_version, kind, team.namespace, name)),
            )
    return asked


def _of_routes(wanted: Wanted, reader: Reader) -> dict[t.Hashable, tuple[Subject, Question[t.Any]]]:
    """A question for the names of what routes alerts, where there is an Alertmanager."""
    teams = [team for team in wanted.teams if team.alertmanager.enabled]
    if not teams:
        return {}
    namespaces = {name for team in teams for name in (team.namespace, *team.namespaces)}
    subject = Subject(cluster=wanted.cluster, kind="AlertmanagerConfig", name="*")
    return {("routes", "AlertmanagerConfig"): (subject, reader.listing(_ROUTES, namespaces, metadata_only=True))}


def _routed(objects: t.Sequence[JsonObject], *, team: Team) -> tuple[str, ...]:
    """The namespaces of a team that have one of *objects*."""
    own = {team.namespace, *team.namespaces}
    return tuple(sorted(own & {obj["metadata"]["namespace"] for obj in objects}))


@dataclass(frozen=True, kw_only=True)
class _Side:
    """One side of the federation on this cluster: its instances, what is said of reads for it, and the kinds it has."""

    subject: Subject
    teams: tuple[Team, ...]
    kinds: tuple[Resource, ...]


def _sides(wanted: Wanted) -> dict[str, _Side]:
    """The sides on which this cluster is."""
    federating = tuple(team for team, _sources in wanted.federating)
    exposed = tuple(team for _source, team in wanted.exposed)
    return {
        name: _Side(subject=wanted.subject(teams[0]), teams=teams, kinds=kinds)
        for name, teams, kinds in (("central", federating, CENTRAL_KINDS), ("worker", exposed, WORKER_KINDS))
        if teams
    }


def _of_sides(wanted: Wanted, reader: Reader) -> dict[t.Hashable, tuple[Subject, Question[t.Any]]]:
    """Questions for the objects by which instances federate, and for what exposes this cluster's sources.

    An instance may be on both sides: what both of them read is asked for once.
    """
    sides = _sides(wanted)
    asked: dict[t.Hashable, tuple[Subject, Question[t.Any]]] = {}
    for side in sides.values():
        for resource in side.kinds:
            namespaces = {team.namespace for one in sides.values() if resource in one.kinds for team in one.teams}
            asked.setdefault(("side", resource.kind), (side.subject, reader.listing(resource, namespaces)))
    if "worker" in sides:
        exposed = {team.namespace for team in sides["worker"].teams}
        pods = reader.listing(_PODS, exposed, selector=_OPERATED)
        asked["exposed", _PODS.kind] = sides["worker"].subject, pods
    return asked


def _of_others(wanted: Wanted, reader: Reader) -> dict[t.Hashable, tuple[Subject, Question[t.Any]]]:
    """Questions for the instances that federate and are not looked at."""
    looked_at = {one.name for one in wanted.teams}
    asked: dict[t.Hashable, tuple[Subject, Question[t.Any]]] = {}
    for team in (team for team, _sources in wanted.federating if team.name not in looked_at):
        subject = wanted.subject(team)
        named = reference(MONITORING, "Prometheus", team.namespace, subject.name)
        asked["Prometheus of", team.name] = subject, reader.finding(named)
    return asked


def _of_archived(wanted: Wanted, reader: Reader) -> dict[t.Hashable, tuple[Subject, Question[t.Any]]]:
    """A question for the volume claims that are kept of archived instances, where there is one."""
    namespaces = {team.namespace for team in wanted.teams if team.lifecycle.is_archived}
    if not namespaces:
        return {}
    subject = Subject(cluster=wanted.cluster, kind="PersistentVolumeClaim", name="*")
    return {_ARCHIVED: (subject, reader.listing(_CLAIMS, namespaces, selector=ARCHIVED_LABEL, metadata_only=True))}


def pod_times(wanted: Wanted, teams: t.Sequence[Team], *, reader: Reader) -> list[Fact[t.Sequence[JsonObject]]]:
    """Names and times of the pods of each team's Prometheus."""
    if not teams:
        return []
    subject, namespaces = wanted.subject(teams[0]), {team.namespace for team in teams}
    question = {"new pods": reader.listing(_PODS, namespaces, selector=_OPERATED, metadata_only=True)}
    pods = reader.ask_about(t.cast("t.Any", question), lambda _key: subject)["new pods"]

    def times(team: Team) -> Fact[t.Sequence[JsonObject]]:
        return mapped(inside(pods, team), lambda found: named_times(pods_of(found, team)))

    return [times(team) for team in teams]


def _named(objects: Fact[t.Sequence[JsonObject]], namespace: str, name: str) -> Fact[JsonObject | None]:
    """One of the objects of a list."""
    key = (namespace, name)
    return mapped(
        objects,
        lambda found: next(
            (one for one in found if (one["metadata"]["namespace"], one["metadata"]["name"]) == key), None
        ),
    )
