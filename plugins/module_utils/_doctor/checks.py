# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Is everything that was asked for there, and does it work? Facts in, findings out. Pure.

Each chain follows the way that the data takes; it stops at its first broken link, because what comes after can only
fail for the same reason.
"""

from __future__ import annotations

import typing as t
from dataclasses import asdict, dataclass, field

from ansible_collections.promfleet.monitoring.plugins.module_utils._state.ready import not_ready

JsonObject = dict[str, t.Any]


@dataclass(frozen=True, kw_only=True)
class Check:
    """One link of a chain: *ok*, or what is broken and what to do."""

    check: str
    subject: str
    ok: bool
    message: str
    hint: str = ""

    def result(self) -> JsonObject:
        """The entry in the module's ``checks``."""
        return asdict(self)


@dataclass(frozen=True, kw_only=True)
class OperatorFacts:
    """*missing_kinds*: custom resources that the API server does not serve; *deployment*: None where there is none."""

    namespace: str
    missing_kinds: tuple[str, ...]
    deployment: JsonObject | None


@dataclass(frozen=True, kw_only=True)
class InstanceFacts:
    """What is known of one team's instance. *error*: why its Prometheus did not answer."""

    team: str
    namespace: str
    prometheus: JsonObject | None
    alertmanager: JsonObject | None
    wants_prometheus: bool
    wants_alertmanager: bool
    error: str = ""
    reload_ok: bool = False
    targets: tuple[JsonObject, ...] = ()


@dataclass(frozen=True, kw_only=True)
class SourceFacts:
    """One federated instance as the central side sees it. *objects*: kinds of its objects that are there."""

    cluster: str
    team: str
    job: str
    addresses: tuple[str, ...]
    missing_objects: tuple[str, ...]
    selector: t.Mapping[str, str] = field(default_factory=dict)
    service_labels: t.Mapping[str, str] = field(default_factory=dict)
    targets: tuple[JsonObject, ...] = ()
    series: int = 0
    samples_scraped: float = 0


def operator_checks(facts: OperatorFacts) -> list[Check]:
    """The operator: its CRDs are served, its Deployment runs the wanted generation."""
    subject = f"operator in namespace {facts.namespace}"
    if facts.missing_kinds:
        return [
            Check(
                check="crds",
                subject=subject,
                ok=False,
                message=f"the API server does not serve {', '.join(facts.missing_kinds)}",
                hint="run the playbook promfleet.monitoring.operator: it installs the CRDs",
            )
        ]
    checks = [Check(check="crds", subject=subject, ok=True, message="all custom resources are served")]
    if facts.deployment is None:
        reason: str | None = "the Deployment prometheus-operator does not exist"
    else:
        reason = not_ready(facts.deployment)
    checks.append(
        Check(
            check="operator",
            subject=subject,
            ok=reason is None,
            message=reason or "the Deployment is available in its current generation",
            hint=f"look at its pods and events: kubectl -n {facts.namespace} describe pods" if reason else "",
        )
    )
    return checks


def instance_checks(facts: InstanceFacts) -> list[Check]:
    """One team's instance: its custom resources are available, Prometheus answers, has configuration and targets."""
    checks: list[Check] = []
    if facts.wants_alertmanager:
        checks.append(_resource_check("Alertmanager", facts.alertmanager, facts))
    if not facts.wants_prometheus:
        return checks
    available = _resource_check("Prometheus", facts.prometheus, facts)
    checks.append(available)
    if not available.ok:
        return checks
    subject = f"Prometheus {facts.namespace}/{facts.team}"
    checks.append(
        Check(
            check="prometheus_answers",
            subject=subject,
            ok=not facts.error,
            message=facts.error or "Prometheus answers through the API server",
            hint="is the Service there, and may this account use services/proxy?" if facts.error else "",
        )
    )
    if facts.error:
        return checks
    checks.append(
        Check(
            check="configuration_loaded",
            subject=subject,
            ok=facts.reload_ok,
            message="the last reload succeeded" if facts.reload_ok else "the last reload of the configuration failed",
            hint=""
            if facts.reload_ok
            else f"kubectl -n {facts.namespace} logs prometheus-{facts.team}-0 -c prometheus",
        )
    )
    own = [target for target in facts.targets if target.get("labels", {}).get("namespace") == facts.namespace]
    healthy = any(target.get("health") == "up" for target in own)
    checks.append(
        Check(
            check="own_target_up",
            subject=subject,
            ok=healthy,
            message="it scrapes itself" if healthy else f"none of its {len(own)} own targets is up",
            hint="" if healthy else "is its ServiceMonitor selected, and its Service labelled as the monitor expects?",
        )
    )
    return checks


def _resource_check(kind: str, live: JsonObject | None, facts: InstanceFacts) -> Check:
    reason = "it does not exist" if live is None else not_ready(live)
    return Check(
        check="instance_available",
        subject=f"{kind} {facts.namespace}/{facts.team}",
        ok=reason is None,
        message=reason or "available and reconciled in its current generation",
        hint=f"kubectl -n {facts.namespace} describe {kind.lower()} {facts.team}; is the operator running?"
        if reason
        else "",
    )


def source_checks(facts: SourceFacts) -> list[Check]:
    """One federated source: objects, selection, target, health, and at last data."""
    subject = f"federation of {facts.cluster}/{facts.team}"
    links: list[tuple[str, str | None, str, str]] = [
        (
            "objects",
            f"missing: {', '.join(facts.missing_objects)}" if facts.missing_objects else None,
            "its objects are there",
            "run the playbook promfleet.monitoring.federation",
        ),
        (
            "selection",
            _unselected(facts),
            "the monitor selects its Service",
            "the label on the Service was changed by hand; run the playbook promfleet.monitoring.federation",
        ),
        (
            "target",
            _target_reason(facts),
            "Prometheus has a target for each address",
            "does the central Prometheus select monitors of this namespace? see its /service-discovery page",
        ),
        (
            "target_up",
            "; ".join(
                f"{target.get('scrapeUrl')}: {target.get('lastError') or target.get('health')}"
                for target in facts.targets
                if target.get("health") != "up"
            )
            or None,
            "every target is up",
            "is the worker's exposed address reachable from this cluster, and its network policy open for it?",
        ),
        (
            "data",
            None if facts.series else _no_data(facts),
            f"{facts.series} series carry cluster={facts.cluster!r}",
            (
                "open the target's /federate address: do its match[] selectors match anything, and does the worker's "
                "external label `cluster` have this name?"
            ),
        ),
    ]
    checks: list[Check] = []
    for name, reason, fine, hint in links:
        checks.append(
            Check(
                check=f"federation_{name}",
                subject=subject,
                ok=reason is None,
                message=reason or fine,
                hint=hint if reason else "",
            )
        )
        if reason:
            break
    return checks


def _unselected(facts: SourceFacts) -> str | None:
    wrong = {name: value for name, value in facts.selector.items() if facts.service_labels.get(name) != value}
    if not wrong:
        return None
    listed = ", ".join(f"{name}={value}" for name, value in sorted(wrong.items()))
    return (
        f"the ServiceMonitor selects {listed}, which its Service does not carry: the target is dropped without an error"
    )


def _target_reason(facts: SourceFacts) -> str | None:
    if len(facts.targets) >= len(facts.addresses):
        return None
    return f"the central Prometheus has {len(facts.targets)} of {len(facts.addresses)} targets of job {facts.job}"


def _no_data(facts: SourceFacts) -> str:
    if facts.samples_scraped:
        samples = f"{facts.samples_scraped:.0f} samples"
        return f"the target is up with {samples}, but no series carries cluster={facts.cluster!r}"
    return "the target is up, but its answer is empty"
