# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Checks of one source on the central cluster, from its objects to what Prometheus has of it. Pure.

What is to be there are the objects that a run of federation would apply. The second half of the chain, from
targets to samples, is in targets.py.
"""

from __future__ import annotations

import functools
import ipaddress
import re
import typing as t
from dataclasses import dataclass

from ansible_collections.promfleet.monitoring.plugins.module_utils._base.marks import KNOWN_AFTER_APPLY
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.federation.endpoints import (
    FederationTargetSet,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.federation.scraped import (
    endpoint_objects,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._doctor.admission import selects
from ansible_collections.promfleet.monitoring.plugins.module_utils._doctor.checks import Check, Fact, Facts, known
from ansible_collections.promfleet.monitoring.plugins.module_utils._doctor.drift import drift, in_short
from ansible_collections.promfleet.monitoring.plugins.module_utils._doctor.loaded import job_names, loaded_drift
from ansible_collections.promfleet.monitoring.plugins.module_utils._findings.finding import Finding, Subject, found

JsonObject = dict[str, t.Any]

SERVICE_NAME = "kubernetes.io/service-name"
MONITOR_KINDS = ("ServiceMonitor", "ScrapeConfig")


@dataclass(frozen=True, kw_only=True)
class FederatedFacts(Facts):
    """One source on the central cluster. The live objects are those of the central instance's namespace that matter.

    *instance* is the scope of the central instance, *namespace* and *team* are its own. *slices*: by their names or by
    the Service that they belong to. *jobs*: what Prometheus has loaded, by the names of the jobs.
    """

    cluster: str
    instance: tuple[str, ...]
    namespace: str
    team: str
    wanted: FederationTargetSet
    services: Fact[t.Sequence[JsonObject]]
    slices: Fact[t.Sequence[JsonObject]]
    monitors: Fact[t.Sequence[JsonObject]]
    prometheus: Fact[JsonObject | None]
    jobs: Fact[t.Mapping[str, JsonObject]]
    # Names of the Services beside its own that its monitor selects.
    selected_too: Fact[t.Sequence[str]] = ()

    @property
    def scope(self) -> tuple[str, ...]:
        """The source, in the central instance."""
        return (*self.instance, f"source {self.source}")

    @property
    def source(self) -> str:
        """The source as people call it."""
        return f"{self.wanted.cluster}/{self.wanted.team}"

    @property
    def object(self) -> Subject:
        """The source's monitor."""
        return self.subject(self.wanted.monitor_kind, self.wanted.name)

    @property
    def checks(self) -> tuple[Check[t.Any], ...]:
        """What is asked of it."""
        return FEDERATED_CHECKS

    @functools.cached_property
    def desired(self) -> tuple[JsonObject, ...]:
        """The objects that a run applies."""
        return tuple(endpoint_objects(self.wanted, namespace=self.namespace, team=self.team))

    def of_kind(self, *kinds: str) -> list[JsonObject]:
        """The desired objects of these kinds."""
        return [obj for obj in self.desired if obj["kind"] in kinds]

    def subject(self, kind: str, name: str) -> Subject:
        """An object of the central instance's namespace."""
        return Subject(cluster=self.cluster, kind=kind, namespace=self.namespace, name=name)


def live_of(desired: JsonObject, live: t.Sequence[JsonObject]) -> JsonObject | None:
    """The live object of a desired one."""
    wanted = (desired["kind"], desired["metadata"]["name"])
    return next((obj for obj in live if (obj["kind"], obj["metadata"]["name"]) == wanted), None)


def _missing(facts: FederatedFacts, live: t.Sequence[JsonObject], *kinds: str) -> list[Finding]:
    return [
        found("PF301", facts.subject(obj["kind"], obj["metadata"]["name"]), source=facts.source)
        for obj in facts.of_kind(*kinds)
        if live_of(obj, live) is None
    ]


# -- Service and EndpointSlices ---------------------------------------------------------------------------------------


def _service(facts: FederatedFacts) -> list[Finding] | None:
    if not facts.of_kind("Service"):
        return None
    live = known(facts.services)
    selector: dict[str, str] = {}
    for obj in facts.of_kind("Service"):
        one = live_of(obj, live) or {}
        selector = (one.get("spec") or {}).get("selector") or {}
    findings = _missing(facts, live, "Service")
    if selector:
        text = ", ".join(f"{name}={value}" for name, value in sorted(selector.items()))
        findings.append(found("PF311", facts.subject("Service", facts.wanted.name), source=facts.source, selector=text))
    return findings


def _slices(facts: FederatedFacts) -> list[Finding] | None:
    if not facts.of_kind("EndpointSlice"):
        return None
    live = known(facts.slices)
    findings = _missing(facts, live, "EndpointSlice")
    for obj in facts.of_kind("EndpointSlice"):
        one = live_of(obj, live)
        if one is not None:
            findings += _slice(facts, one, wanted=obj)
    return [*findings, *_foreign_slices(facts, live)]


def _foreign_slices(facts: FederatedFacts, live: t.Sequence[JsonObject]) -> t.Iterator[Finding]:
    """Slices of others that give the Service more addresses: each of them is scraped as the source.

    Kubernetes leaves those that it made for a selector, and Endpoints that it mirrors, when that is taken away.
    """
    own = {obj["metadata"]["name"] for obj in facts.of_kind("EndpointSlice")}
    for one in live:
        labels = one["metadata"].get("labels") or {}
        if one["metadata"]["name"] not in own and labels.get(SERVICE_NAME) == facts.wanted.name:
            has = ", ".join(sorted(places(one))) or "no address"
            subject = facts.subject("EndpointSlice", one["metadata"]["name"])
            yield found("PF316", subject, source=facts.source, service=facts.wanted.name, places=has)


def _slice(facts: FederatedFacts, live: JsonObject, *, wanted: JsonObject) -> t.Iterator[Finding]:
    subject = facts.subject("EndpointSlice", live["metadata"]["name"])
    owner = (live["metadata"].get("labels") or {}).get(SERVICE_NAME)
    if owner != facts.wanted.name:
        has = f"the Service {owner!r}" if owner else "no Service"
        yield found("PF312", subject, source=facts.source, service=facts.wanted.name, has=has)
    expected, has_places = places(wanted), places(live)
    if not facts.wanted.pending and has_places != expected:
        yield found(
            "PF314",
            subject,
            source=facts.source,
            expected=", ".join(sorted(expected)),
            found=", ".join(sorted(has_places)) or "no address",
        )
    family = str(live.get("addressType"))
    wrong = sorted(one for one in addresses(live) if one != KNOWN_AFTER_APPLY and _family(one) != family)
    if wrong:
        yield found("PF319", subject, source=facts.source, family=family, addresses=tuple(wrong))


def addresses(one: JsonObject) -> set[str]:
    """The addresses of an EndpointSlice."""
    return {str(address) for endpoint in one.get("endpoints") or () for address in endpoint.get("addresses") or ()}


def places(one: JsonObject) -> set[str]:
    """The addresses of an EndpointSlice, each with each of its ports."""
    ports = [port.get("port") for port in one.get("ports") or ()]
    return {place(address, port) for address in addresses(one) for port in ports}


def place(address: str, port: object) -> str:
    """An address with a port, as in an address of a target."""
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def _family(address: str) -> str:
    try:
        return f"IPv{ipaddress.ip_address(address).version}"
    except ValueError:
        return "FQDN"


# -- the monitor ------------------------------------------------------------------------------------------------------


def _monitor(facts: FederatedFacts) -> list[Finding]:
    return _missing(facts, known(facts.monitors), *MONITOR_KINDS)


def _live_monitors(facts: FederatedFacts) -> list[JsonObject]:
    found_ones = (live_of(obj, known(facts.monitors)) for obj in facts.of_kind(*MONITOR_KINDS))
    return [one for one in found_ones if one is not None]


def _selection(facts: FederatedFacts) -> list[Finding] | None:
    """Whether the monitor selects its Service: by labels, and in this namespace."""
    services = [one for one in (live_of(obj, known(facts.services)) for obj in facts.of_kind("Service")) if one]
    monitors = [one for one in _live_monitors(facts) if one["kind"] == "ServiceMonitor"]
    if not services or not monitors:
        return None
    findings = []
    labels = services[0]["metadata"].get("labels") or {}
    meant = facts.of_kind("ServiceMonitor")[0]["spec"]["selector"]
    for monitor in monitors:
        spec = monitor.get("spec") or {}
        subject = facts.subject("ServiceMonitor", monitor["metadata"]["name"])
        if not selects(spec.get("selector"), labels):
            wanted = tuple(_unmet(spec.get("selector") or {}, labels))
            # Of the two the one has changed that is not as described.
            culprit = subject if selects(meant, labels) else facts.subject("Service", facts.wanted.name)
            findings.append(found("PF302", culprit, source=facts.source, wanted=wanted))
        where = spec.get("namespaceSelector") or {}
        names = where.get("matchNames") or []
        if names and not where.get("any") and facts.namespace not in names:
            findings.append(found("PF384", subject, source=facts.source, namespaces=tuple(names)))
    return findings


def _selected_once(facts: FederatedFacts) -> list[Finding] | None:
    """Whether the monitor selects its own Service alone: it takes the addresses of every other one for the source."""
    if not facts.of_kind("Service"):
        return None
    return [found("PF317", facts.subject("Service", name), source=facts.source) for name in known(facts.selected_too)]


def selected_too(
    source: FederationTargetSet, services: t.Sequence[JsonObject], monitors: t.Sequence[JsonObject]
) -> tuple[str, ...]:
    """The names of *services*, all of a namespace, that the source's monitor selects beside its own."""
    selectors = [(one.get("spec") or {}).get("selector") for one in monitors if one["metadata"]["name"] == source.name]
    return tuple(
        sorted(
            str(one["metadata"]["name"])
            for one in services
            if one["metadata"]["name"] != source.name
            and any(selects(selector, one["metadata"].get("labels") or {}) for selector in selectors)
        )
    )


def _unmet(selector: JsonObject, labels: t.Mapping[str, str]) -> t.Iterator[str]:
    for name, value in sorted((selector.get("matchLabels") or {}).items()):
        if labels.get(name) != value:
            yield f"{name}={value}"
    for expression in selector.get("matchExpressions") or ():
        if not selects({"matchExpressions": [expression]}, labels):
            yield " ".join([expression["key"], expression["operator"], *(expression.get("values") or ())])


def _ports(facts: FederatedFacts) -> list[Finding] | None:
    """Whether the ports that the monitor scrapes are among those of the slices, which is where they are looked up."""
    pairs = [(obj, live_of(obj, known(facts.slices))) for obj in facts.of_kind("EndpointSlice")]
    slices = [(obj, one) for obj, one in pairs if one is not None]
    monitors = _live_monitors(facts)
    wanted = sorted({name for monitor in monitors for name in _scraped_ports(monitor)})
    if not slices or not wanted:
        return None
    findings = []
    for obj, one in slices:
        names, meant = _port_names(one), _port_names(obj)
        lacks = tuple(name for name in wanted if name not in names)
        if lacks:
            # Of the two the one has changed that is not as described.
            culprit = one if names != meant else monitors[0]
            subject = facts.subject(culprit["kind"], culprit["metadata"]["name"])
            has = ", ".join(sorted(names)) or "none"
            findings.append(found("PF313", subject, source=facts.source, ports=lacks, has=has))
    return findings


def _scraped_ports(monitor: JsonObject) -> list[str]:
    endpoints = (monitor.get("spec") or {}).get("endpoints") or ()
    return [str(endpoint["port"]) for endpoint in endpoints if endpoint.get("port")]


def _port_names(one: JsonObject) -> set[str]:
    return {str(port.get("name") or "") for port in one.get("ports") or ()}


def _selected(facts: FederatedFacts) -> list[Finding] | None:
    """Whether the central Prometheus selects the monitor as it is, where it selects it as it is meant to be."""
    live = known(facts.prometheus)
    monitors = _live_monitors(facts)
    if live is None or not monitors:
        return None
    findings = []
    for monitor in monitors:
        has = monitor["metadata"].get("labels") or {}
        selector = (live.get("spec") or {}).get(_selector_name(monitor["kind"]))
        if selector is not None and not selects(selector, has):
            subject = facts.subject(monitor["kind"], monitor["metadata"]["name"])
            wanted = tuple(_unmet(selector, has))
            findings.append(
                found("PF315", subject, source=facts.source, prometheus=live["metadata"]["name"], wanted=wanted)
            )
    return findings


def _selector_name(kind: str) -> str:
    return f"{kind[0].lower()}{kind[1:]}Selector"


def _as_described(facts: FederatedFacts) -> list[Finding]:
    live = [*known(facts.services), *known(facts.slices), *known(facts.monitors)]
    told = {one.object for judge in (_service, _slices, _selection, _ports) for one in judge(facts) or ()}
    findings = []
    for obj in facts.desired:
        one = live_of(obj, live)
        subject = facts.subject(obj["kind"], obj["metadata"]["name"])
        findings += described(subject, obj, one, source=facts.source, told=told) if one is not None else []
    return findings


# Fields that checks of their own judge. Where one of these found a fault of an object, it is not told twice.
_JUDGED = {
    "Service": re.compile(r"metadata\.labels\.|spec\.(selector|type|ports|externalTrafficPolicy)\b"),
    "EndpointSlice": re.compile(rf"metadata\.labels\.{re.escape(SERVICE_NAME)}|endpoints|ports|addressType"),
    "NetworkPolicy": re.compile(r"spec\.(ingress|podSelector|policyTypes)\b"),
    "ServiceMonitor": re.compile(r"spec\.(selector|namespaceSelector)\b|spec\.endpoints\[\d+\]\.(port|targetPort)\b"),
}
_LABELS = "metadata.labels."


def described(
    subject: Subject, wanted: JsonObject, live: JsonObject, *, source: str, told: t.Collection[Subject]
) -> list[Finding]:
    """What differs in a live object: what its readers read, and its other labels. *told*: what has a fault already."""
    judged = _JUDGED.get(subject.kind) if subject in told else None
    fields = [field for field in drift(wanted, live) if not (judged and judged.match(field.path))]
    labels = [field for field in fields if field.path.startswith(_LABELS)]
    rest = [field for field in fields if field not in labels]
    return [
        found(code, subject, source=source, fields=in_short(some))
        for code, some in (("PF310", rest), ("PF385", labels))
        if some
    ]


# -- what is loaded ---------------------------------------------------------------------------------------------------


def _loaded(facts: FederatedFacts) -> list[Finding]:
    """Whether Prometheus runs with the jobs that the inventory describes; the objects may say something else."""
    jobs = known(facts.jobs)
    findings = []
    for obj in facts.of_kind(*MONITOR_KINDS):
        for name, endpoint in job_names(obj):
            job = jobs.get(name)
            if job is None:
                findings.append(found("PF380", facts.object, source=facts.source, job=name))
            elif fields := loaded_drift(endpoint, job):
                findings.append(found("PF381", facts.object, source=facts.source, job=name, fields="; ".join(fields)))
    return findings


def _address_known(facts: FederatedFacts) -> list[Finding]:
    pending = [target.replica for target in facts.wanted.targets if target.pending]
    worker = Subject(cluster=facts.wanted.cluster, kind="Cluster", name=facts.wanted.cluster)
    return [found("PF324", worker, source=facts.source, replica=replica) for replica in pending]


FEDERATED_CHECKS: tuple[Check[FederatedFacts], ...] = (
    Check(name="federation_address", reads=(), judge=_address_known),
    Check(name="federation_service", reads=("services",), judge=_service),
    Check(name="federation_slices", reads=("slices",), judge=_slices),
    Check(name="federation_monitor", reads=("monitors",), judge=_monitor),
    Check(name="federation_selection", reads=("services", "monitors"), judge=_selection),
    Check(name="federation_selected_once", reads=("selected_too",), judge=_selected_once),
    Check(name="federation_ports", reads=("slices", "monitors"), judge=_ports),
    Check(name="federation_selected", reads=("monitors", "prometheus"), judge=_selected),
    Check(name="federation_as_described", reads=("services", "slices", "monitors"), judge=_as_described),
    Check(name="federation_loaded", reads=("jobs",), judge=_loaded),
)
