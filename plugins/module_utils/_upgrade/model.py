# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a risk of an upgrade is, and what is known of the cluster that it is judged for. Pure."""

from __future__ import annotations

import functools
import typing as t
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from ansible_collections.promfleet.monitoring.plugins.module_utils._api.kinds import Key, key_of
from ansible_collections.promfleet.monitoring.plugins.module_utils._doctor.admission import selects
from ansible_collections.promfleet.monitoring.plugins.module_utils._upgrade.versions import Range, Version

JsonObject = dict[str, t.Any]

OPERATOR, PROMETHEUS, ALERTMANAGER = "operator", "prometheus", "alertmanager"
# The kinds of the operator that run each of the other components.
INSTANCES = {PROMETHEUS: ("Prometheus", "PrometheusAgent"), ALERTMANAGER: ("Alertmanager",)}

EXPOSED, NOT_EXPOSED, UNKNOWN = "exposed", "not exposed", "unknown"

# How a risk was proved. The API server itself, with the CRDs of the later release, refuses the exposed object of the
# test; the program of the later release does what the row says; or the sources of the releases before and after say it.
BY_SERVER, BY_PROGRAM, BY_SOURCE = "API server", "program", "source"


@dataclass(frozen=True, kw_only=True)
class Change:
    """One component that gets another version: the operator, or an instance of it.

    *subject* is the object that runs it. A version that is not known is None.
    """

    component: str
    subject: Key
    before: Version | None
    after: Version | None


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """A value that makes an object exposed; where *certain* is False, what keeps this from being known."""

    object: Key
    path: str
    value: str
    certain: bool = True

    def __str__(self) -> str:
        place = f"{self.object}: {self.path}" if self.path else str(self.object)
        return f"{place}: {self.value}" if self.value else place

    def result(self) -> JsonObject:
        """The evidence as plain data."""
        return {"object": str(self.object), "path": self.path, "value": self.value}


@dataclass(kw_only=True)
class Live:
    """What was read of a cluster: objects by kind, and why a kind could not be read."""

    objects: Mapping[str, tuple[JsonObject, ...]] = field(default_factory=dict)
    unread: Mapping[str, str] = field(default_factory=dict)

    def of(self, *kinds: str) -> Iterator[JsonObject]:
        """The objects of these kinds."""
        for kind in kinds:
            yield from self.objects.get(kind, ())

    @functools.cached_property
    def namespaces(self) -> Mapping[str, Mapping[str, str]]:
        """The labels of each namespace."""
        return {one["metadata"]["name"]: one["metadata"].get("labels") or {} for one in self.of("Namespace")}

    @functools.cached_property
    def by_namespace(self) -> Mapping[tuple[str, str], tuple[JsonObject, ...]]:
        """The objects of a kind in a namespace: of a fleet with a thousand teams each selects a few."""
        found: dict[tuple[str, str], list[JsonObject]] = {}
        for kind, objects in self.objects.items():
            for obj in objects:
                found.setdefault((kind, obj["metadata"].get("namespace", "")), []).append(obj)
        return {place: tuple(objects) for place, objects in found.items()}


@dataclass(frozen=True, kw_only=True)
class Case:
    """For what a risk is judged: the *changes* that it is about, among *all_changes*, and what is *live*."""

    live: Live
    changes: tuple[Change, ...]
    all_changes: tuple[Change, ...] = ()

    def subjects(self, *kinds: str) -> Iterator[JsonObject]:
        """The instances of the changes, as they live."""
        keys = {change.subject for change in self.changes}
        yield from (one for one in self.live.of(*kinds) if key_of(one) in keys)

    def change_of(self, obj: JsonObject) -> Change | None:
        """The change of an instance, None if it keeps its version."""
        key = key_of(obj)
        return next((change for change in self.all_changes if change.subject == key), None)

    def selected(self, kind: str) -> Iterator[JsonObject]:
        """The objects of *kind* that any of the changed instances selects, each once, in the order of their names."""
        found: dict[Key, JsonObject] = {}
        for instance in self.subjects("Prometheus", "PrometheusAgent"):
            found |= {key_of(obj): obj for obj in selected_by(instance, kind=kind, live=self.live)}
        yield from (found[key] for key in sorted(found))


# The fields of an instance that select each kind.
_SELECTORS = {
    "PodMonitor": "podMonitor",
    "Probe": "probe",
    "PrometheusRule": "rule",
    "ScrapeConfig": "scrapeConfig",
    "ServiceMonitor": "serviceMonitor",
}


def selected_by(instance: JsonObject, *, kind: str, live: Live) -> Iterator[JsonObject]:
    """The monitors or rules of a *kind* that an instance selects, as the operator does it.

    No selector selects nothing, an empty one everything; without a selector of namespaces it is the instance's own.
    """
    spec = instance.get("spec") or {}
    selector = spec.get(f"{_SELECTORS[kind]}Selector")
    of_namespaces = spec.get(f"{_SELECTORS[kind]}NamespaceSelector")
    if selector is None:
        return
    namespaces = [instance["metadata"]["namespace"]]
    if of_namespaces is not None:
        namespaces = [name for name, labels in live.namespaces.items() if selects(of_namespaces, labels)]
    for namespace in namespaces:
        for obj in live.by_namespace.get((kind, namespace), ()):
            if selects(selector, obj["metadata"].get("labels") or {}):
                yield obj


Check = t.Callable[[Case], Iterable[Evidence]]


@dataclass(frozen=True, kw_only=True)
class Risk:
    """What one change of a version breaks.

    It is there for a *component* that goes from a version in *before* to one in *after*. *check* gives the evidence of
    exposure from objects of the kinds that it *reads*. *proof* says how the risk was proved, *reference* where upstream
    describes it.
    """

    id: str
    component: str
    before: Range
    after: Range
    title: str
    breaks: str
    exposure: str
    fix: str
    reference: str
    proof: str
    reads: tuple[str, ...]
    check: Check

    def concerns(self, change: Change) -> bool | None:
        """Whether it is about a change; None if a version is not known on which that depends."""
        if change.component != self.component:
            return False
        if (change.before is not None and change.before not in self.before) or (
            change.after is not None and change.after not in self.after
        ):
            return False
        return None if change.before is None or change.after is None else True


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What was found out about one risk: ``exposed``, ``not exposed`` or ``unknown``, with the evidence."""

    risk: Risk
    exposure: str
    evidence: tuple[Evidence, ...] = ()
    reasons: tuple[str, ...] = ()

    def result(self) -> JsonObject:
        """The verdict as plain data."""
        return {
            "id": self.risk.id,
            "component": self.risk.component,
            "title": self.risk.title,
            "exposure": self.exposure,
            "breaks": self.risk.breaks,
            "fix": self.risk.fix,
            "reference": self.risk.reference,
            "evidence": [one.result() for one in self.evidence],
            "reasons": list(self.reasons),
        }


def judge(risks: Iterable[Risk], *, changes: tuple[Change, ...], live: Live) -> list[Verdict]:
    """The verdicts of all risks that *changes* bring or may bring, in the order of *risks*."""
    return [verdict for risk in risks if (verdict := _verdict(risk, changes=changes, live=live)) is not None]


def _verdict(risk: Risk, *, changes: tuple[Change, ...], live: Live) -> Verdict | None:
    """None where no change is one that the risk is about."""
    concerns = {change: risk.concerns(change) for change in changes}
    sure = tuple(change for change in changes if concerns[change])
    perhaps = tuple(change for change in changes if concerns[change] is None)
    if not sure and not perhaps:
        return None
    unread = tuple(f"{kind} could not be read: {live.unread[kind]}" for kind in risk.reads if kind in live.unread)
    evidence = tuple(risk.check(Case(live=live, changes=sure, all_changes=changes))) if sure else ()
    if certain := tuple(one for one in evidence if one.certain):
        return Verdict(risk=risk, exposure=EXPOSED, evidence=certain, reasons=unread)
    # A change that is not known to be one matters only where something would be exposed to it.
    more = tuple(risk.check(Case(live=live, changes=(*sure, *perhaps), all_changes=changes))) if perhaps else ()
    if not evidence and not more and not unread:
        return Verdict(risk=risk, exposure=NOT_EXPOSED)
    reasons = tuple(
        f"the version of {change.subject} {'before' if change.before is None else 'after'} the upgrade is not known"
        for change in (perhaps if more else ())
    )
    return Verdict(
        risk=risk, exposure=UNKNOWN, evidence=tuple(dict.fromkeys((*evidence, *more))), reasons=(*reasons, *unread)
    )
