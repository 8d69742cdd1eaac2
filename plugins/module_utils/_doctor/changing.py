# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is being changed right now, and so explains for a while what does not work yet. Facts in, findings out. Pure.

A change shows in times that the API server wrote: when a pod was created or its deletion began, when an object was
last written. A container that crashes and starts again in its pod is not one.
"""

from __future__ import annotations

import datetime as dt
import typing as t
from dataclasses import dataclass

from ansible_collections.promfleet.monitoring.plugins.module_utils._doctor.checks import Check, Fact, Facts, known
from ansible_collections.promfleet.monitoring.plugins.module_utils._findings.finding import Finding, Subject, found

JsonObject = dict[str, t.Any]

# For so many scrape intervals the pods of an instance may start, load their data, and be scraped again.
INTERVALS = 10
LEAST = 60.0
# A changed configuration reaches Prometheus once the kubelet has renewed the Secret in the pod: it looks every minute,
# and may use what it read up to a minute before (syncFrequency and its cache of Secrets).
LOADING = 120.0


@dataclass(frozen=True, kw_only=True)
class InstanceChangeFacts(Facts):
    """The pods of one team's Prometheus, of their metadata only names and times.

    *now* is the API server's time, in seconds since 1970; *limit* says for how many seconds a pod counts as new.
    """

    cluster: str
    team: str
    namespace: str
    name: str
    pods: Fact[t.Sequence[JsonObject]]
    now: float
    limit: float
    kind: str = "Prometheus"
    place: tuple[str, ...] = ()

    @property
    def scope(self) -> tuple[str, ...]:
        """The instance, in the cluster."""
        return self.place or (f"instance {self.namespace}/{self.team}",)

    @property
    def object(self) -> Subject:
        """The team's Prometheus."""
        return Subject(cluster=self.cluster, kind=self.kind, namespace=self.namespace, name=self.name)

    @property
    def checks(self) -> tuple[Check[t.Any], ...]:
        """What is asked of it."""
        return INSTANCE_CHANGE_CHECKS


def named_times(pods: t.Iterable[JsonObject]) -> tuple[JsonObject, ...]:
    """What is read of pods."""
    read = ("name", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds")
    return tuple({"metadata": {name: pod["metadata"].get(name) for name in read}} for pod in pods)


def _pods_change(facts: InstanceChangeFacts) -> list[Finding]:
    """One finding for all pods: that of the newest change."""
    newest = min(filter(None, (_pod_change(pod["metadata"], facts) for pod in known(facts.pods))), default=None)
    if newest is None:
        return []
    seconds, text = newest
    # To the central side of a federation the pods of a source are another matter than its own.
    code = "PF208" if facts.place else "PF206"
    return [found(code, facts.object, change=text, seconds=f"{seconds:.0f}", limit=f"{facts.limit:.0f}")]


def _pod_change(metadata: JsonObject, facts: InstanceChangeFacts) -> tuple[float, str] | None:
    """How many seconds ago a pod was created or its deletion began, and what it was; None if that is too long ago."""
    name = str(metadata["name"])
    text = f"its pod {name} was created"
    began = seconds_of(metadata.get("creationTimestamp"))
    if metadata.get("deletionTimestamp"):
        # The time that is written is the one at which the pod is to be gone.
        began = seconds_of(metadata["deletionTimestamp"]) - float(metadata.get("deletionGracePeriodSeconds") or 0)
        text = f"the deletion of its pod {name} began"
    seconds = max(facts.now - began, 0.0)
    return (seconds, text) if seconds <= facts.limit else None


INSTANCE_CHANGE_CHECKS: tuple[Check[InstanceChangeFacts], ...] = (
    Check(name="instance_settled", reads=("pods",), judge=_pods_change),
)


@dataclass(frozen=True, kw_only=True)
class SourceChangeFacts(Facts):
    """The live objects by which a source is read, and the central Prometheus; *now* and *limit* as above."""

    scope_of: tuple[str, ...]
    monitor: Subject
    objects: Fact[t.Sequence[JsonObject]]
    prometheus: Fact[JsonObject | None]
    now: float
    limit: float

    @property
    def scope(self) -> tuple[str, ...]:
        """The source, in the central instance."""
        return self.scope_of

    @property
    def object(self) -> Subject:
        """The source's monitor."""
        return self.monitor

    @property
    def checks(self) -> tuple[Check[t.Any], ...]:
        """What is asked of it."""
        return SOURCE_CHANGE_CHECKS


def _source_change(facts: SourceChangeFacts) -> list[Finding]:
    live = [*known(facts.objects), *filter(None, [known(facts.prometheus)])]
    ages = [(max(facts.now - written_at(obj), 0.0), f"{obj['kind']} {obj['metadata']['name']}") for obj in live]
    recent = sorted((age, name) for age, name in ages if age <= facts.limit)
    if not recent:
        return []
    seconds = f"{recent[0][0]:.0f}"
    changed = tuple(sorted(name for _age, name in recent))
    return [found("PF207", facts.object, objects=changed, seconds=seconds, limit=f"{facts.limit:.0f}")]


SOURCE_CHANGE_CHECKS: tuple[Check[SourceChangeFacts], ...] = (
    Check(name="federation_settled", reads=("objects", "prometheus"), judge=_source_change),
)


def written_at(obj: JsonObject) -> float:
    """When a live object was last written, its status apart, in seconds since 1970; 0 if that is not known."""
    entries = obj["metadata"].get("managedFields") or ()
    times = (seconds_of(entry.get("time")) for entry in entries if entry.get("subresource") != "status")
    return max(times, default=0.0)


def seconds_of(time: object) -> float:
    """A time of the API server, such as 2026-11-29T05:30:00Z, in seconds since 1970; 0 for none."""
    return dt.datetime.fromisoformat(str(time)).timestamp() if time else 0.0


def pods_limit(interval: float) -> float:
    """For how many seconds a pod of an instance that scrapes every *interval* seconds counts as new."""
    return max(INTERVALS * interval, LEAST)
