# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Checks of one team's instance: its objects, its configuration, its own target. Facts in, findings out. Pure."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from ansible_collections.promfleet.monitoring.plugins.module_utils._doctor.checks import (
    Check,
    Fact,
    Facts,
    Unobserved,
    known,
    scrape_error,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._doctor.drift import Difference, drift, in_short
from ansible_collections.promfleet.monitoring.plugins.module_utils._doctor.shown import shown_target
from ansible_collections.promfleet.monitoring.plugins.module_utils._findings.finding import Finding, Subject, found
from ansible_collections.promfleet.monitoring.plugins.module_utils._state.ready import not_ready

JsonObject = dict[str, t.Any]


@dataclass(frozen=True, kw_only=True)
class InstanceFacts(Facts):
    """What is known of one team's instance. *prometheus*, *alertmanager*: None if the object does not exist.

    *prometheus_kind* is the kind of the first, which can be an agent. *prometheus_name*, *alertmanager_name* are the
    names of these objects, by default the team's. *desired* is the Prometheus that a run applies, None where that is
    not known. *place*: where it is looked at from, by default the cluster itself. *routed*: the namespaces of the team
    that have an AlertmanagerConfig. *is_paused*, *is_archived*: what the inventory says.
    """

    cluster: str
    team: str
    namespace: str
    wants_prometheus: bool
    wants_alertmanager: bool
    prometheus: Fact[JsonObject | None]
    alertmanager: Fact[JsonObject | None]
    reload_ok: Fact[bool]
    targets: Fact[tuple[JsonObject, ...]]
    prometheus_kind: str = "Prometheus"
    prometheus_name: str = ""
    alertmanager_name: str = ""
    desired: JsonObject | None = None
    place: tuple[str, ...] = ()
    is_paused: bool = False
    is_archived: bool = False
    routed: Fact[t.Collection[str]] = ()

    @property
    def scope(self) -> tuple[str, ...]:
        """The instance, in the cluster."""
        return self.place or (f"instance {self.namespace}/{self.team}",)

    @property
    def object(self) -> Subject:
        """The team's Prometheus, or its agent."""
        return self._named(self.prometheus_kind, self.prometheus_name)

    @property
    def alertmanager_object(self) -> Subject:
        """The team's Alertmanager."""
        return self._named("Alertmanager", self.alertmanager_name)

    def _named(self, kind: str, name: str) -> Subject:
        return Subject(cluster=self.cluster, kind=kind, namespace=self.namespace, name=name or self.team)

    @property
    def checks(self) -> tuple[Check[t.Any], ...]:
        """What is asked of the parts that are wanted."""
        alertmanager = ALERTMANAGER_CHECKS if self.wants_alertmanager else ()
        both = (*alertmanager, *(PROMETHEUS_CHECKS if self.wants_prometheus else ()))
        # Without pods there is an object, and nothing that answers.
        return tuple(check for check in both if check.name in OF_OBJECTS) if self.is_archived else both

    def subject_of(self, check: Check[t.Any]) -> Subject:
        """The part that a check is about."""
        return self.alertmanager_object if check.kind else self.object

    def scope_for(self, check: Check[t.Any]) -> tuple[str, ...]:
        """The instance; the Alertmanager is a part of it, since nothing else of it needs an Alertmanager."""
        return (*self.scope, check.kind) if check.kind else self.scope


def _available(live: JsonObject | None, obj: Subject) -> list[Finding]:
    if live is None:
        return [found("PF201", obj)]
    reason = not_ready(live)
    return [found("PF202", obj, reason=reason)] if reason else []


def _prometheus_available(facts: InstanceFacts) -> list[Finding]:
    return _available(known(facts.prometheus), facts.object)


def _alertmanager_available(facts: InstanceFacts) -> list[Finding]:
    return _available(known(facts.alertmanager), facts.alertmanager_object)


def _notifies(facts: InstanceFacts) -> list[Finding]:
    routed = known(facts.routed)
    if facts.namespace in routed:
        return []
    which = "alerts without a label namespace, such as Watchdog," if routed else "all alerts"
    return [found("PF236", facts.alertmanager_object, which=which)]


def _configuration_loaded(facts: InstanceFacts) -> list[Finding]:
    return [] if known(facts.reload_ok) else [found("PF203", facts.object)]


def _own_target_up(facts: InstanceFacts) -> list[Finding]:
    targets = known(facts.targets)
    own = [target for target in targets if (target.get("labels") or {}).get("namespace") == facts.namespace]
    if not own:
        return [found("PF204", facts.object)]
    if any(target.get("health") == "up" for target in own):
        return []
    errors = tuple(sorted({scrape_error(target) for target in own}))
    return [found("PF205", facts.object, targets=len(own), errors=errors)]


def is_well(facts: InstanceFacts) -> bool:
    """Whether a Prometheus is available, answers, and reads itself."""
    live, targets = facts.prometheus, facts.targets
    if isinstance(live, Unobserved) or isinstance(targets, Unobserved):
        return False
    return live is not None and not not_ready(live) and not _own_target_up(facts)


def own_targets(targets: t.Sequence[JsonObject], namespace: str) -> tuple[JsonObject, ...]:
    """Of the targets of a Prometheus those in its own *namespace*, and of these what is shown."""
    return tuple(
        shown_target(target) for target in targets if (target.get("labels") or {}).get("namespace") == namespace
    )


# What a difference of a Prometheus from what the inventory describes means, by the field in its spec.
_MEANINGS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("PF231", ("paused",)),
    ("PF232", ("externalLabels", "prometheusExternalLabelName", "replicaExternalLabelName")),
    ("PF233", ("overrideHonorLabels", "overrideHonorTimestamps")),
    ("PF234", ("enforced", "excludedFromEnforcement", "ignoreNamespaceSelectors")),
    ("PF240", ("externalUrl", "hostNetwork", "listenLocal", "portName", "routePrefix", "web")),
    (
        "PF235",
        tuple(
            f"{kind}{suffix}"
            for kind in ("serviceMonitor", "podMonitor", "probe", "rule", "scrapeConfig")
            for suffix in ("Selector", "NamespaceSelector")
        ),
    ),
    # Behind the selectors, since the names of some of them begin alike.
    (
        "PF241",
        (
            "additional",
            "apiserverConfig",
            "automountServiceAccountToken",
            "bodySizeLimit",
            "containers",
            "dns",
            "hostAliases",
            "initContainers",
            "keepDroppedTargets",
            "label",
            "name",
            "podTargetLabels",
            "sampleLimit",
            "scrape",
            "serviceAccountName",
            "serviceDiscoveryRole",
            "shards",
            "sharding",
            "targetLimit",
        ),
    ),
)


def _meaning(field: str) -> str:
    name = field.removeprefix("spec.")
    return next((code for code, starts in _MEANINGS if name.startswith(starts)), "PF230")


def _as_described(facts: InstanceFacts) -> list[Finding] | None:
    live = known(facts.prometheus)
    if live is None or facts.desired is None:
        return None
    fields: dict[str, list[Difference]] = {}
    for field in drift(facts.desired, live):
        fields.setdefault(_meaning(field.path), []).append(field)
    # Pausing is asked for by name: a field of our own that somebody took over may say it, too.
    if (live.get("spec") or {}).get("paused") and not facts.is_paused:
        fields.setdefault("PF231", [])
    return [
        found(code, facts.object, **({} if code == "PF231" else {"fields": in_short(fields[code])}))
        for code in sorted(fields)
    ]


# What is asked of an archived instance too.
OF_OBJECTS = frozenset({"alertmanager_available", "prometheus_available", "prometheus_as_described"})
ALERTMANAGER_CHECKS: tuple[Check[InstanceFacts], ...] = (
    Check(name="alertmanager_available", reads=("alertmanager",), judge=_alertmanager_available, kind="Alertmanager"),
    Check(name="receivers", reads=("routed",), judge=_notifies, kind="Alertmanager"),
)
PROMETHEUS_CHECKS: tuple[Check[InstanceFacts], ...] = (
    Check(name="prometheus_available", reads=("prometheus",), judge=_prometheus_available),
    Check(name="prometheus_as_described", reads=("prometheus",), judge=_as_described),
    Check(name="configuration_loaded", reads=("reload_ok",), judge=_configuration_loaded),
    Check(name="own_target_up", reads=("targets",), judge=_own_target_up),
)
