# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Checks of what lets objects in: CRDs that are being deleted, and webhooks that cannot be called. Pure."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from ansible_collections.promfleet.monitoring.plugins.module_utils._api.managers import whose
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.webhooks import (
    rule_matches,
    service_of,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.marks import MONITORING_GROUP
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.text import first_of
from ansible_collections.promfleet.monitoring.plugins.module_utils._doctor.checks import (
    Check,
    ClusterFacts,
    Fact,
    known,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._findings.finding import Finding, Subject, found
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.leaving import LeavingCrd

JsonObject = dict[str, t.Any]
Labels = t.Mapping[str, str]

# What runs of ours, the operator and controllers write for an instance.
_OPERATIONS = ("CREATE", "UPDATE")
_WRITTEN = {
    MONITORING_GROUP: (
        "alertmanagerconfigs", "alertmanagers", "podmonitors", "probes", "prometheuses", "prometheusrules",
        "scrapeconfigs", "servicemonitors",
    ),
    "apps": ("deployments", "statefulsets"),
    "": ("configmaps", "namespaces", "persistentvolumeclaims", "pods", "secrets", "services"),
}  # fmt: skip
_CLUSTER_WIDE = ("namespaces",)


@dataclass(frozen=True, kw_only=True)
class BrokenWebhook:
    """A webhook that refuses writes for our instances: its configuration object, its name, and what is wrong."""

    kind: str
    configuration: str
    name: str
    service: str
    reason: str
    matches: tuple[str, ...]
    owner: str


@dataclass(frozen=True, kw_only=True)
class NotAllowed:
    """Webhook configurations may not be listed, in the API server's words."""

    reason: str


@dataclass(frozen=True, kw_only=True)
class AdmissionFacts(ClusterFacts):
    """What is in the way of objects in the whole cluster."""

    leaving: Fact[tuple[LeavingCrd, ...]]
    webhooks: Fact[tuple[BrokenWebhook, ...] | NotAllowed]

    @property
    def checks(self) -> tuple[Check[t.Any], ...]:
        """What is asked of it."""
        return ADMISSION_CHECKS


def _crds(facts: AdmissionFacts) -> list[Finding]:
    return [
        found(
            "PF110",
            Subject(cluster=facts.cluster, kind="CustomResourceDefinition", name=crd.name),
            since=crd.since,
            held=crd.held_by,
            steps=crd.fix,
        )
        for crd in known(facts.leaving)
    ]


def _webhooks(facts: AdmissionFacts) -> list[Finding]:
    webhooks = t.cast("tuple[BrokenWebhook, ...] | NotAllowed", known(facts.webhooks))
    if isinstance(webhooks, NotAllowed):
        every = Subject(cluster=facts.cluster, kind="ValidatingWebhookConfiguration", name="*")
        return [found("PF112", every, reason=webhooks.reason)]
    return [
        found(
            "PF111",
            Subject(cluster=facts.cluster, kind=webhook.kind, name=webhook.configuration),
            webhook=webhook.name,
            service=webhook.service,
            reason=webhook.reason,
            matches=webhook.matches,
            owner=webhook.owner or "unknown",
        )
        for webhook in webhooks
    ]


ADMISSION_CHECKS: tuple[Check[AdmissionFacts], ...] = (
    Check(name="crds_lasting", reads=("leaving",), judge=_crds),
    Check(name="webhooks", reads=("webhooks",), judge=_webhooks),
)


# -- which webhooks concern us ----------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A webhook that writes for our instances must pass: with failurePolicy Fail, and a Service that it calls."""

    kind: str
    configuration: str
    name: str
    service: str
    matches: tuple[str, ...]
    owner: str

    def broken(self, reason: str) -> BrokenWebhook:
        """The same, with what is wrong with its Service."""
        return BrokenWebhook(**vars(self), reason=reason)


def asked_webhooks(
    configurations: t.Iterable[JsonObject], *, namespaces: t.Collection[Labels], objects: t.Collection[Labels]
) -> list[Asked]:
    """The webhooks that are called for what is written for our instances.

    *namespaces* are the labels of their namespaces, *objects* those of objects in them. What conditions in CEL
    (``matchConditions``) spare is not known here.
    """
    result = []
    for configuration in configurations:
        for webhook in configuration.get("webhooks") or ():
            matches = tuple(_matched(webhook, namespaces=namespaces, objects=objects))
            if matches and webhook.get("failurePolicy", "Fail") == "Fail" and service_of(webhook):
                result.append(
                    Asked(
                        kind=configuration["kind"],
                        configuration=configuration["metadata"]["name"],
                        name=webhook["name"],
                        service=service_of(webhook),
                        matches=(first_of(matches, 6),),
                        owner=whose(configuration),
                    )
                )
    return result


def _matched(
    webhook: JsonObject, *, namespaces: t.Collection[Labels], objects: t.Collection[Labels]
) -> t.Iterator[str]:
    """The resources, of those that are written for us, that *webhook* is called for."""
    if not any(selects(webhook.get("namespaceSelector"), labels) for labels in namespaces):
        return
    if not any(selects(webhook.get("objectSelector"), labels) for labels in objects):
        return
    for group, plurals in _WRITTEN.items():
        for plural in plurals:
            scope = "Cluster" if plural in _CLUSTER_WIDE else "Namespaced"
            for rule in webhook.get("rules") or ():
                if rule.get("scope", "*") in ("*", scope) and rule_matches(rule, group, plural, operations=_OPERATIONS):
                    yield plural
                    break


def selects(selector: JsonObject | None, labels: Labels) -> bool:
    """Whether a label selector selects *labels*; an empty one selects everything. Pure."""
    given = selector or {}
    if not (given.get("matchLabels") or {}).items() <= dict(labels).items():
        return False
    for expression in given.get("matchExpressions") or ():
        key, values = expression["key"], expression.get("values") or ()
        holds = {
            "In": labels.get(key) in values,
            "NotIn": key not in labels or labels[key] not in values,
            "Exists": key in labels,
            "DoesNotExist": key not in labels,
        }
        if not holds[expression["operator"]]:
            return False
    return True


def why_broken(service: JsonObject | None, slices: t.Iterable[JsonObject]) -> str:
    """What is wrong with the Service of a webhook, whose EndpointSlices are *slices*; empty if it can be called. Pure.

    Ready is what is not said to be unready, as the API server and kube-proxy take it.
    """
    if service is None:
        return "does not exist"
    if (service.get("spec") or {}).get("type") == "ExternalName":
        return ""
    endpoints = [endpoint for one in slices for endpoint in one.get("endpoints") or ()]
    ready = any((endpoint.get("conditions") or {}).get("ready") is not False for endpoint in endpoints)
    return "" if ready else "has no endpoint that is ready"
