# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Measures what the gates of an upgrade compare: asks each Prometheus of a fleet's teams. Writes nothing."""

from __future__ import annotations

import datetime as dt
import typing as t
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from ansible_collections.promfleet.monitoring.plugins.module_utils._api.client import Cluster, Resource
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.errors import ClusterError
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.marks import (
    MONITORING,
    PAUSED,
    SET_LABEL,
    STATE_LABEL,
    TEAM_LABEL,
    instance_pods,
    prometheus_name,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.parallel import side_by_side
from ansible_collections.promfleet.monitoring.plugins.module_utils._prometheus.api import Prometheus
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.plan import SetId
from ansible_collections.promfleet.monitoring.plugins.module_utils._state.ready import not_ready
from ansible_collections.promfleet.monitoring.plugins.module_utils._upgrade.gates import (
    ALERTS,
    CONTINUITY,
    RULES,
    SERIES,
    TARGETS,
    Gap,
    Instance,
    Seen,
    Sli,
    alerts_of,
    gaps_of,
    intervals_of,
    rules_of,
    targets_of,
)

JsonObject = dict[str, t.Any]
Part = t.TypeVar("Part")

# At so many instances at the same time.
ASKERS = 4
_NAMES = 'count by (__name__) ({__name__!=""})'
_READ = (
    Resource(
        api_version=MONITORING, kind="Prometheus", plural="prometheuses", namespaced=True, verbs=frozenset({"list"})
    ),
    Resource(
        api_version=MONITORING, kind="Alertmanager", plural="alertmanagers", namespaced=True, verbs=frozenset({"list"})
    ),
)
_PODS = Resource(api_version="v1", kind="Pod", plural="pods", namespaced=True, verbs=frozenset({"list"}))
_DEPLOYMENTS = Resource(
    api_version="apps/v1", kind="Deployment", plural="deployments", namespaced=True, verbs=frozenset({"list"})
)


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What is measured: the instances of the *fleet*, *slis*, and by which labels targets are not known."""

    fleet: str
    slis: Sequence[Sli] = ()
    volatile: Collection[str] = ()


def measure(
    cluster: Cluster, asked: Asked, *, before: Seen | None = None, findings: Mapping[str, str] | None = None
) -> Seen:
    """What the gates compare, as it is now; *before* is what was seen before the upgrade, where there was one.

    *findings*: messages by fingerprint, which others found. Raises ClusterError where the API server gives no answer.
    """
    teams = SetId(fleet=asked.fleet, capability="teams")
    operator = SetId(fleet=asked.fleet, capability="operator")
    crs = [obj for kind in _READ for obj in _members(cluster, kind, teams)]
    deployments = _members(cluster, _DEPLOYMENTS, operator)
    runs = [obj for obj in crs if obj["kind"] == "Prometheus" and _is_run(obj)]
    found = dict(zip(map(_place, runs), side_by_side(_asking(cluster, asked), runs, workers=ASKERS), strict=True))
    gaps = {}
    if before is not None:
        for obj in runs:
            place = _place(obj)
            old = before.instances.get(place)
            # What could not be read at all has said so already.
            if old is None or found[place].unread.get(TARGETS):
                continue
            answer = _gaps(cluster, obj, old, now=found[place].at, volatile=asked.volatile)
            if isinstance(answer, str):
                new = found[place]
                found[place] = replace(new, unread={**new.unread, CONTINUITY: answer})
            else:
                gaps[place] = answer
    return Seen(
        instances=found,
        slis={sli.name: _sli(cluster, runs, sli) for sli in asked.slis},
        unready={_named(obj): reason for obj in (*crs, *deployments) if (reason := not_ready(obj)) is not None},
        findings=dict(findings or {}),
        gaps=gaps,
    )


def _members(cluster: Cluster, resource: Resource, owner: SetId) -> list[JsonObject]:
    """The objects of a kind that are the set's; none where the kind is not served."""
    if cluster.resource(resource.api_version, resource.kind) is None:
        return []
    return cluster.list_objects(resource, selector=f"{SET_LABEL}={owner.label}")


def _is_run(obj: JsonObject) -> bool:
    """Whether the instance has pods: one that is paused or archived answers nothing."""
    labels, spec = obj["metadata"].get("labels") or {}, obj["spec"]
    return labels.get(STATE_LABEL) in (None, PAUSED) and spec.get("replicas", 1) != 0 and spec.get("shards", 1) != 0


def _place(obj: JsonObject) -> str:
    return f"{obj['metadata']['namespace']}/{obj['metadata']['name']}"


def _named(obj: JsonObject) -> str:
    return f"{obj['kind']} {_place(obj)}"


def _prometheus(cluster: Cluster, obj: JsonObject) -> Prometheus:
    """The Prometheus behind the Service that a team's instance has; its custom resource need not have that name."""
    prefix = str(obj["spec"].get("routePrefix") or "").rstrip("/")
    return Prometheus(
        cluster, namespace=obj["metadata"]["namespace"], service=prometheus_name(_team(obj)), prefix=prefix
    )


def _team(obj: JsonObject) -> str:
    """Whose instance it is."""
    return str((obj["metadata"].get("labels") or {}).get(TEAM_LABEL) or obj["metadata"]["name"])


class _Parts:
    """What one Prometheus answers, part by part; *unread* has by gate why one could not be read."""

    def __init__(self) -> None:
        self.unread: dict[str, str] = {}

    def read(self, gate: str, ask: Callable[[], Part], empty: Part) -> Part:
        """What *ask* gives; *empty* where that could not be read."""
        try:
            return ask()
        except ClusterError as error:
            self.unread.setdefault(gate, str(error))
        except (KeyError, TypeError, ValueError) as error:
            self.unread.setdefault(gate, f"unexpected answer: {error!r}")
        return empty


def _asking(cluster: Cluster, asked: Asked) -> Callable[[JsonObject], Instance]:
    volatile = asked.volatile

    def ask(obj: JsonObject) -> Instance:
        prometheus, parts = _prometheus(cluster, obj), _Parts()
        now = parts.read(TARGETS, lambda: _now(prometheus), 0.0)
        if parts.unread:
            # One reason is enough where nothing answers.
            return Instance(unread=parts.unread)
        nothing: list[JsonObject] = []
        targets = parts.read(TARGETS, prometheus.active_targets, nothing)
        groups = parts.read(RULES, prometheus.rule_groups, nothing)
        if RULES in parts.unread:
            parts.unread[ALERTS] = parts.unread[RULES]
        none = dict[str, int]()
        pairs = dict[str, tuple[int, int]]()
        return Instance(
            at=now,
            intervals=parts.read(TARGETS, lambda: intervals_of(targets, volatile=volatile), dict[str, float]()),
            targets=parts.read(TARGETS, lambda: targets_of(targets, volatile=volatile), pairs),
            rules=parts.read(RULES, lambda: rules_of(groups), pairs),
            series=parts.read(SERIES, lambda: _names(prometheus), ()),
            firing=parts.read(ALERTS, lambda: alerts_of(groups, state="firing", volatile=volatile), none),
            pending=parts.read(ALERTS, lambda: alerts_of(groups, state="pending", volatile=volatile), none),
            unread=parts.unread,
        )

    return ask


def _names(prometheus: Prometheus) -> tuple[str, ...]:
    """The names of all series that have a sample now."""
    return tuple(sorted(str(row["metric"]["__name__"]) for row in prometheus.query(_NAMES)))


def _now(prometheus: Prometheus) -> float:
    """The time by the clock of a Prometheus, in seconds."""
    ((row),) = prometheus.query("vector(time())")
    return float(row["value"][1])


def _gaps(
    cluster: Cluster, obj: JsonObject, old: Instance, *, now: float, volatile: Collection[str]
) -> Sequence[Gap] | str:
    """The longest gaps of an instance's targets since *old* was seen, or why they are not known."""
    longest = max(old.intervals.values(), default=0.0)
    window = max(1, round(now - old.at + 2 * longest) + 1)
    try:
        rows = _prometheus(cluster, obj).query(f"up[{window}s]")
        first = min((float(row["values"][0][0]) for row in rows), default=now)
        restarted = None
        # An instance without a volume lost its samples with its pod: it counts from the new pod on.
        if first > old.at + 2 * longest:
            restarted = _created(cluster, obj, since=old.at)
            if restarted is None:
                return "its samples of the time before are lost, and no pod of it is newer than that"
        return gaps_of(rows, began=old.at, now=now, intervals=old.intervals, volatile=volatile, restarted=restarted)
    except ClusterError as error:
        return str(error)
    except (KeyError, TypeError, ValueError, IndexError) as error:
        return f"unexpected answer: {error!r}"


def _created(cluster: Cluster, obj: JsonObject, *, since: float) -> float | None:
    """When the newest pod of an instance was created, in seconds; None if none is newer than *since*."""
    labels = instance_pods("prometheus", name=obj["metadata"]["name"])
    selector = ",".join(f"{name}={value}" for name, value in labels.items())
    pods = cluster.list_objects(_PODS, namespace=obj["metadata"]["namespace"], selector=selector)
    times = [dt.datetime.fromisoformat(pod["metadata"]["creationTimestamp"]).timestamp() for pod in pods]
    newest = max(times, default=0.0)
    return newest if newest > since else None


def _sli(cluster: Cluster, runs: Sequence[JsonObject], sli: Sli) -> float | str:
    """The value of an SLI, or why there is none: a query must give one series."""
    obj = next((one for one in runs if _team(one) == sli.team), None)
    if obj is None:
        return f"no Prometheus of the team {sli.team} runs"
    try:
        rows = _prometheus(cluster, obj).query(sli.expression)
        if len(rows) != 1:
            return f"the query gave {len(rows)} series; one is needed"
        value = float(rows[0]["value"][1])
    except ClusterError as error:
        return str(error)
    except (KeyError, TypeError, ValueError, IndexError) as error:
        return f"unexpected answer: {error!r}"
    # A file of JSON has no other numbers.
    return value if value - value == 0 else f"the query gave {value}"
