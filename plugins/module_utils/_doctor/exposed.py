# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Checks of a source on its worker: what exposes each replica, who gets in, and what the replica has to give. Pure."""

from __future__ import annotations

import ipaddress
import typing as t
from dataclasses import dataclass

from ansible_collections.promfleet.monitoring.plugins.module_utils._base.text import first_of
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.common.objects import (
    GRPC_PORT_NAME,
    PROMETHEUS_PORT,
    THANOS_PORT,
    WEB_PORT_NAME,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._doctor.admission import selects
from ansible_collections.promfleet.monitoring.plugins.module_utils._doctor.checks import (
    Check,
    Fact,
    Facts,
    Unobserved,
    known,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._doctor.federated import described
from ansible_collections.promfleet.monitoring.plugins.module_utils._findings.finding import Finding, Subject, found
from ansible_collections.promfleet.monitoring.plugins.module_utils._prometheus.alerts import split_alerts

JsonObject = dict[str, t.Any]

# A rule that failed in so many seconds counts: at least two evaluations with the interval that most have.
RULES_WITHIN = 120.0
# A finding names so many groups of rules.
_NAMED = 5


@dataclass(frozen=True, kw_only=True)
class _OfSource(Facts):
    """Something of one source of a worker. *place* is where it belongs, which differs for the worker and a central."""

    place: tuple[str, ...]
    cluster: str
    team: str
    namespace: str

    @property
    def scope(self) -> tuple[str, ...]:
        """Where the source is looked at from."""
        return self.place

    @property
    def source(self) -> str:
        """The source as people call it."""
        return f"{self.cluster}/{self.team}"

    def subject(self, kind: str, name: str) -> Subject:
        """An object of the instance's namespace."""
        return Subject(cluster=self.cluster, kind=kind, namespace=self.namespace, name=name)


@dataclass(frozen=True, kw_only=True)
class ReplicaFacts(_OfSource):
    """One replica of a source: its Service, what that selects, and what the replica answers through it.

    *desired* is the Service that a run applies, None where nothing is made (``expose: Existing``). *counts*: how many
    series each selector of match[] finds. *labels*: the external labels that it runs with. *offset*: seconds that its
    clock is ahead of the one of this run, which the other side compares with its own.
    """

    name: str
    replica: int
    desired: JsonObject | None
    service: Fact[JsonObject | None]
    pod: Fact[JsonObject | None]
    slices: Fact[t.Sequence[JsonObject]]
    counts: Fact[t.Mapping[str, int]]
    labels: Fact[t.Mapping[str, str]]
    # No check of the replica's own reads it.
    offset: float | Unobserved = 0.0
    # The groups of rules that failed lately.
    failing: Fact[t.Sequence[str]] = ()

    @property
    def object(self) -> Subject:
        """The Service that exposes it."""
        return self.subject("Service", self.name)

    @property
    def checks(self) -> tuple[Check[t.Any], ...]:
        """What is asked of it."""
        return REPLICA_CHECKS if self.desired else REPLICA_CHECKS[-4:]


def _service(facts: ReplicaFacts) -> list[Finding]:
    return [] if known(facts.service) else [found("PF320", facts.object, source=facts.source)]


def _selects(facts: ReplicaFacts) -> list[Finding] | None:
    """Whether the Service selects the replica's pod, and a port that it has."""
    service, pod = known(facts.service), known(facts.pod)
    if service is None or pod is None:
        return None
    spec = service.get("spec") or {}
    name = pod["metadata"]["name"]
    selector = spec.get("selector") or {}
    if not selector or not selects({"matchLabels": selector}, pod["metadata"].get("labels") or {}):
        text = ", ".join(f"{key}={value}" for key, value in sorted(selector.items())) or "nothing"
        return [found("PF321", facts.object, source=facts.source, pod=name, selector=text)]
    has = {
        str(text)
        for container in (pod.get("spec") or {}).get("containers") or ()
        for port in container.get("ports") or ()
        for text in (port.get("name"), port.get("containerPort"))
        if text
    }
    wanted = {str(port.get("targetPort", port.get("port"))) for port in spec.get("ports") or ()}
    web = _answering(facts.desired) & has
    if not wanted & web:
        evidence = {"port": ", ".join(sorted(wanted)), "has": ", ".join(sorted(web)) or "none"}
        return [found("PF322", facts.object, source=facts.source, pod=name, **evidence)]
    return []


def _answering(desired: JsonObject | None) -> set[str]:
    """The port of the replica that answers, by number and name: that of a sidecar where *desired* leads to it."""
    ports = ((desired or {}).get("spec") or {}).get("ports") or ()
    if any(port.get("targetPort") == GRPC_PORT_NAME for port in ports):
        return {str(THANOS_PORT), GRPC_PORT_NAME}
    return {str(PROMETHEUS_PORT), WEB_PORT_NAME}


def _endpoint(facts: ReplicaFacts) -> list[Finding] | None:
    if known(facts.service) is None:
        return None
    ready = [
        endpoint
        for one in known(facts.slices)
        for endpoint in one.get("endpoints") or ()
        if (endpoint.get("conditions") or {}).get("ready") is not False
    ]
    return [] if ready else [found("PF323", facts.object, source=facts.source)]


def _reachable(facts: ReplicaFacts) -> list[Finding] | None:
    """Whether the Service has what makes it reachable from outside: a node port, or a load balancer's address."""
    service = known(facts.service)
    if service is None:
        return None
    spec = service.get("spec") or {}
    wanted = ((facts.desired or {}).get("spec") or {}).get("type")
    if spec.get("type") != wanted:
        return [found("PF328", facts.object, source=facts.source, wanted=str(wanted), has=str(spec.get("type")))]
    ingress = ((service.get("status") or {}).get("loadBalancer") or {}).get("ingress")
    if wanted == "LoadBalancer" and not ingress:
        return [found("PF329", facts.object, source=facts.source)]
    return []


def _as_described(facts: ReplicaFacts) -> list[Finding] | None:
    service = known(facts.service)
    if service is None or facts.desired is None:
        return None
    told = {one.object for judge in (_selects, _reachable) for one in judge(facts) or ()}
    return described(facts.object, facts.desired, service, source=facts.source, told=told)


def _gives(facts: ReplicaFacts) -> list[Finding]:
    """Whether the source has anything for the central side, asked with its selectors on the replica itself."""
    counts = known(facts.counts)
    # Without a selector nothing is asked for: it is queried.
    if not counts or any(counts.values()):
        return []
    return [found("PF327", facts.object, source=facts.source, match=tuple(counts))]


def _each_gives(facts: ReplicaFacts) -> list[Finding]:
    """Whether each selector finds something. That no alert is firing is not a fault."""
    counts = known(facts.counts)
    others, _alerts = split_alerts(sorted(counts))
    empty = tuple(one for one in others if not counts[one])
    if not empty or not any(counts.values()):
        return []
    return [found("PF388", facts.object, source=facts.source, match=empty)]


def _rules_evaluated(facts: ReplicaFacts) -> list[Finding]:
    """Whether the replica's rules are evaluated: what one that fails records is not there to be federated."""
    failing = tuple(known(facts.failing))
    if not failing:
        return []
    groups = first_of(sorted(failing), _NAMED)
    return [found("PF396", facts.object, source=facts.source, groups=groups, seconds=f"{RULES_WITHIN:.0f}")]


def _identity(facts: ReplicaFacts) -> list[Finding]:
    labels = known(facts.labels)
    wanted = {"cluster": facts.cluster, "team": facts.team}
    wrong = [
        f"{name} is {labels[name]!r}, not {value!r}" if name in labels else f"{name} is missing"
        for name, value in wanted.items()
        if labels.get(name) != value
    ]
    return [found("PF325", facts.object, source=facts.source, labels="; ".join(wrong))] if wrong else []


REPLICA_CHECKS: tuple[Check[ReplicaFacts], ...] = (
    Check(name="exposed_service", reads=("service",), judge=_service),
    Check(name="exposed_selection", reads=("service", "pod"), judge=_selects),
    Check(name="exposed_endpoint", reads=("service", "slices"), judge=_endpoint),
    Check(name="exposed_outside", reads=("service",), judge=_reachable),
    Check(name="exposed_as_described", reads=("service", "pod"), judge=_as_described),
    Check(name="exposed_series", reads=("counts",), judge=_gives),
    Check(name="exposed_each_selector", reads=("counts",), judge=_each_gives),
    Check(name="exposed_rules", reads=("failing",), judge=_rules_evaluated),
    Check(name="exposed_identity", reads=("labels",), judge=_identity),
)


# -- who gets in ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class AccessFacts(_OfSource):
    """Who may reach the pods of a source: *policies* are those of its namespace, *allowed* are the networks wanted."""

    name: str
    allowed: tuple[str, ...]
    pods: Fact[t.Sequence[JsonObject]]
    desired: JsonObject
    policies: Fact[t.Sequence[JsonObject]]

    @property
    def object(self) -> Subject:
        """The policy that lets the central side in."""
        return self.subject("NetworkPolicy", self.name)

    @property
    def checks(self) -> tuple[Check[t.Any], ...]:
        """What is asked of it."""
        return ACCESS_CHECKS


def _lets_in(facts: AccessFacts) -> list[Finding]:
    policies = known(facts.policies)
    closed = [network for network in facts.allowed if not _is_open(facts, policies, network)]
    return [found("PF326", facts.object, source=facts.source, networks=tuple(closed))] if closed else []


def _is_open(facts: AccessFacts, policies: t.Sequence[JsonObject], network: str) -> bool:
    """Whether each pod can be reached from a *network*: policies add up, and a pod without any is open."""
    # Where no pod runs, policies are judged for the pods that are to come.
    to_come = labels_of(facts.desired["spec"]["podSelector"])
    ports = _ports_of(facts.desired)
    for labels in [pod["metadata"].get("labels") or {} for pod in known(facts.pods)] or to_come:
        about = [
            policy["spec"]
            for policy in policies
            if "Ingress" in (policy["spec"].get("policyTypes") or ["Ingress"])
            and selects(policy["spec"].get("podSelector"), labels)
        ]
        rules = [rule for spec in about for rule in spec.get("ingress") or ()]
        if about and not any(_admits(rule, network, ports=ports) for rule in rules):
            return False
    return True


def labels_of(selector: JsonObject) -> list[dict[str, str]]:
    """The labels of the pods that *selector* selects: one for each of the values that its expressions list."""
    found = [dict(selector.get("matchLabels") or {})]
    for expression in selector.get("matchExpressions") or ():
        if expression["operator"] == "In":
            found = [{**labels, expression["key"]: value} for labels in found for value in expression["values"]]
    return found


def _ports_of(policy: JsonObject) -> frozenset[int | str]:
    """The ports that a *policy* of ours opens; the web port by its number and its name."""
    rules = policy["spec"].get("ingress") or ()
    found = {port["port"] for rule in rules for port in rule.get("ports") or () if "port" in port}
    web = {PROMETHEUS_PORT, WEB_PORT_NAME}
    return frozenset(found | web if found & web or not found else found)


def _admits(rule: JsonObject, network: str, *, ports: t.Collection[int | str]) -> bool:
    given = rule.get("ports")
    if given and not any(opens_port(port, ports) for port in given):
        return False
    peers = rule.get("from")
    return not peers or any(_holds(peer.get("ipBlock"), network) for peer in peers)


def opens_port(port: JsonObject, wanted: t.Collection[int | str]) -> bool:
    """Whether a rule's *port*, which may be a range or a name, is one of the *wanted*."""
    number, last = port.get("port"), port.get("endPort")
    if port.get("protocol", "TCP") != "TCP":
        return False
    if number is None or number in wanted:
        return True
    numbers = [one for one in wanted if isinstance(one, int)]
    return isinstance(number, int) and any(number <= one <= int(last or number) for one in numbers)


def _holds(block: JsonObject | None, network: str) -> bool:
    """Whether any address of *network* is let in."""
    if not block:
        return False
    outer, wanted = ipaddress.ip_network(block["cidr"], strict=False), ipaddress.ip_network(network)
    excepted = [ipaddress.ip_network(one, strict=False) for one in block.get("except") or ()]
    if outer.version != wanted.version or not outer.overlaps(wanted):
        return False
    return not any(one.version == wanted.version and _covers(one, wanted) for one in excepted)


def _covers(outer: t.Any, inner: t.Any) -> bool:
    return bool(inner.subnet_of(outer))


def _policy_as_described(facts: AccessFacts) -> list[Finding]:
    live = next((one for one in known(facts.policies) if one["metadata"]["name"] == facts.name), None)
    if live is None:
        # Without it the pods may be open or closed, which the other check says.
        return [found("PF301", facts.object, source=facts.source)]
    told = {one.object for one in _lets_in(facts)}
    return described(facts.object, facts.desired, live, source=facts.source, told=told)


ACCESS_CHECKS: tuple[Check[AccessFacts], ...] = (
    Check(name="exposed_policy", reads=("policies", "pods"), judge=_lets_in),
    Check(name="exposed_policy_as_described", reads=("policies", "pods"), judge=_policy_as_described),
)
