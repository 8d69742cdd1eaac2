# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether network policies let an instance connect to a source that it reads. Facts in, findings out. Pure.

Policies add up: a pod that none selects for egress may connect to everything, and any other one to what one of those
that select it allows. They say nothing where nothing enforces them, so what Prometheus sees of the target counts more.
"""

from __future__ import annotations

import ipaddress
import typing as t
from dataclasses import dataclass

from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.common.objects import (
    PROMETHEUS_PORT,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.federation.endpoints import (
    FederationTargetSet,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._doctor.admission import selects
from ansible_collections.promfleet.monitoring.plugins.module_utils._doctor.checks import (
    Check,
    Fact,
    Facts,
    Unobserved,
    known,
    scrape_error,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._doctor.exposed import opens_port
from ansible_collections.promfleet.monitoring.plugins.module_utils._doctor.federated import place
from ansible_collections.promfleet.monitoring.plugins.module_utils._doctor.targets import code_of
from ansible_collections.promfleet.monitoring.plugins.module_utils._findings.finding import Finding, Subject, found

JsonObject = dict[str, t.Any]

# How a rule or all rules judge a connection. INSIDE: only pods of the own cluster are allowed, which another cluster's
# source is, unless something forwards to it.
OPEN, UNKNOWN, INSIDE, CLOSED = range(4)
# What a scrape says that found no way to its target; any other error was an answer.
_NO_WAY = frozenset({"PF360", "PF361", "PF362"})


@dataclass(frozen=True, kw_only=True)
class WayFacts(Facts):
    """The way from the Prometheus *name* to one source: *policies* are those of its namespace.

    *labels* are those of its pods. *answered*, *failed*: places of the source where it got an answer and where it found
    no way, as far as that was observed.
    """

    cluster: str
    instance: tuple[str, ...]
    namespace: str
    name: str
    wanted: FederationTargetSet
    labels: t.Mapping[str, str]
    policies: Fact[t.Sequence[JsonObject]]
    answered: t.Collection[str] = ()
    failed: t.Collection[str] = ()

    @property
    def scope(self) -> tuple[str, ...]:
        """The source, in the instance."""
        return (*self.instance, f"source {self.source}")

    @property
    def source(self) -> str:
        """The source as people call it."""
        return f"{self.wanted.cluster}/{self.wanted.team}"

    @property
    def object(self) -> Subject:
        """The Prometheus that reads it."""
        return Subject(cluster=self.cluster, kind="Prometheus", namespace=self.namespace, name=self.name)

    @property
    def checks(self) -> tuple[Check[t.Any], ...]:
        """What is asked of it."""
        return WAY_CHECKS


def _let_out(facts: WayFacts) -> list[Finding]:
    about = [policy for policy in known(facts.policies) if _closes(policy, facts.labels)]
    if not about:
        return []
    is_near = facts.wanted.cluster == facts.cluster
    rules = [rule for policy in about for rule in policy["spec"].get("egress") or ()]
    closed = set()
    for target in facts.wanted.targets:
        if target.pending:
            continue
        where = place(target.address, target.port)
        port = target.port or PROMETHEUS_PORT
        judged = min((_judged(rule, target.address, port, is_near=is_near) for rule in rules), default=CLOSED)
        if (judged == CLOSED and where not in facts.answered) or (judged == INSIDE and where in facts.failed):
            closed.add(where)
    if not closed:
        return []
    names = tuple(sorted(str(policy["metadata"]["name"]) for policy in about))
    return [found("PF307", facts.object, source=facts.source, places=tuple(sorted(closed)), policies=names)]


def _closes(policy: JsonObject, labels: t.Mapping[str, str]) -> bool:
    """Whether a policy closes pods with *labels* for what it does not allow. The API server writes policyTypes."""
    spec = policy["spec"]
    kinds = spec.get("policyTypes") or (["Ingress", "Egress"] if spec.get("egress") else ["Ingress"])
    return "Egress" in kinds and selects(spec.get("podSelector"), labels)


def _judged(rule: JsonObject, address: str, port: int, *, is_near: bool) -> int:
    """What a rule says of connections to an address; in the own cluster it sees the pod and port behind that."""
    ports = rule.get("ports")
    if ports and not is_near and not any(opens_port(one, {port}) for one in ports):
        return CLOSED
    peers = rule.get("to")
    if not peers:
        return OPEN
    if is_near:
        return UNKNOWN
    return min(_peer(peer, address) for peer in peers)


def _peer(peer: JsonObject, address: str) -> int:
    block = peer.get("ipBlock")
    if not block:
        return INSIDE
    try:
        inner = ipaddress.ip_address(address)
        outer = ipaddress.ip_network(block["cidr"], strict=False)
        excepted = [ipaddress.ip_network(one, strict=False) for one in block.get("except") or ()]
    except ValueError:
        # A name can be any address, and a range that is known only after a run can be any, too.
        return UNKNOWN
    # An address is in no network of the other family.
    return OPEN if inner in outer and not any(inner in one for one in excepted) else CLOSED


def answered(targets: Fact[t.Sequence[JsonObject]]) -> frozenset[str]:
    """The places of *targets* where something answered, be it with an error."""
    return frozenset(_places(targets, of=lambda code: code not in _NO_WAY))


def failed(targets: Fact[t.Sequence[JsonObject]]) -> frozenset[str]:
    """The places of *targets* to which no connection was made."""
    return frozenset(_places(targets, of=lambda code: code in _NO_WAY))


def _places(targets: Fact[t.Sequence[JsonObject]], *, of: t.Callable[[str], bool]) -> t.Iterator[str]:
    for target in () if isinstance(targets, Unobserved) else targets:
        code = code_of(scrape_error(target)) if target.get("health") == "down" else ""
        if target.get("health") in ("up", "down") and of(code):
            yield str(target.get("scrapeUrl") or "").partition("://")[2].partition("/")[0]


WAY_CHECKS: tuple[Check[WayFacts], ...] = (Check(name="federation_way", reads=("policies",), judge=_let_out),)
