# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Checks of what the central Prometheus gets from one source: its targets, their samples, their series. Pure."""

from __future__ import annotations

import dataclasses
import re
import typing as t
from dataclasses import dataclass

from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.federation.endpoints import (
    FederationTargetSet,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._doctor.changing import pods_limit
from ansible_collections.promfleet.monitoring.plugins.module_utils._doctor.checks import (
    Check,
    Fact,
    Facts,
    known,
    scrape_error,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._doctor.federated import place
from ansible_collections.promfleet.monitoring.plugins.module_utils._findings.finding import Finding, Subject, found
from ansible_collections.promfleet.monitoring.plugins.module_utils._input import grammar

JsonObject = dict[str, t.Any]

# Rules of a source are evaluated at most this often by default, and their results are as old as that.
_EVALUATION = 30.0
# What the way of a sample may take beside that.
_WAY = 30.0
# It goes down, and up again.
_ONE_OUTAGE = 2
_PORTS = {"http": "80", "https": "443"}
# How long a query looks back for a sample, by default (query.lookbackDelta).
LOOKBACK = 300.0

# Why a scrape fails, in the words of Prometheus and of Go's net/http and crypto/tls; the first that fits counts.
_ERRORS: tuple[tuple[str, re.Pattern[str]], ...] = tuple(
    (code, re.compile(words, re.IGNORECASE))
    for code, words in (
        ("PF370", r"sample[_ ]limit|label[_ ]limit|label (name|value) length|too many (samples|labels)"),
        ("PF371", r"body[_ ]size[_ ]limit|response body exceeds|body too large|body size"),
        ("PF363", r"unknown authority|self[- ]signed|certificate signed by"),
        ("PF364", r"certificate is (not )?valid for|doesn't contain any IP SANs|cannot validate certificate for"),
        ("PF365", r"certificate has expired|not yet valid"),
        ("PF366", r"HTTP response to HTTPS client|malformed HTTP response|first record does not look like a TLS"),
        ("PF366", r"HTTP status 400 Bad Request: .*HTTP request was sent to HTTPS|tls: |remote error: tls"),
        ("PF367", r"HTTP status 40[137]"),
        ("PF368", r"HTTP status (404|405|3\d\d)"),
        ("PF369", r"HTTP status 400"),
        ("PF372", r"HTTP status 5\d\d"),
        ("PF362", r"no such host|server misbehaving|no route to host|network is unreachable|host is down"),
        ("PF360", r"connection refused|connection reset|EOF"),
        ("PF361", r"deadline exceeded|time[d -]*out|Client\.Timeout"),
        ("PF374", r"unsupported (character|content|media)|invalid (metric|UTF)|expected .* got|parse|Content-Type"),
    )
)


@dataclass(frozen=True, kw_only=True)
class Scraped:
    """What the last scrapes of a source's targets gave, before and after relabeling of metrics."""

    samples: int
    kept: int


@dataclass(frozen=True, kw_only=True)
class Stored:
    """The series with one cluster's label, without those of the targets themselves.

    *fresh*: how many have a sample that is not older than *within* seconds, both clocks being right.
    *claims*: what series of the source call themselves beside that, each with their number.
    """

    series: int
    fresh: int
    within: float
    claims: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class TargetFacts(Facts):
    """What the Prometheus of *instance* gets from one source.

    *targets*: all that it scrapes at the source's addresses, and all that belongs to the source's monitor. *pools*: the
    scrape pools that a run makes for the source. *strangers*: clusters that series name, and the inventory does not.
    """

    instance: tuple[str, ...]
    monitor: Subject
    wanted: FederationTargetSet
    pools: tuple[str, ...]
    targets: Fact[t.Sequence[JsonObject]]
    discovered: Fact[t.Mapping[str, int]]
    scraped: Fact[Scraped]
    stored: Fact[Stored]
    strangers: Fact[t.Sequence[str]]
    # By its label instance how often each target went up or down lately.
    flips: Fact[t.Mapping[str, int]] = dataclasses.field(default_factory=dict)

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
        return self.monitor

    @property
    def checks(self) -> tuple[Check[t.Any], ...]:
        """What is asked of it."""
        return TARGET_CHECKS


def _own(facts: TargetFacts) -> list[JsonObject]:
    """The targets of the source's own monitor, or with its job."""
    return [
        target
        for target in known(facts.targets)
        if target.get("scrapePool") in facts.pools or (target.get("labels") or {}).get("job") in facts.wanted.job_labels
    ]


def _scraped(facts: TargetFacts) -> list[Finding]:
    expected = len(facts.wanted.targets) * len(facts.pools)
    there = len(_own(facts))
    if there >= expected:
        return []
    return [found("PF303", facts.object, source=facts.source, found=there, expected=expected, job=facts.wanted.job)]


def _discovered(facts: TargetFacts) -> list[Finding] | None:
    """Why a pool has no target: none is found, or all that are found are dropped. A target that is there was not."""
    discovered = known(facts.discovered)
    active = {target.get("scrapePool") for target in known(facts.targets)}
    lost = {pool: discovered[pool] for pool in facts.pools if pool not in active and pool in discovered}
    if not lost and not active & set(facts.pools):
        return None
    return [
        found("PF382", facts.object, source=facts.source, pool=pool, found=lost[pool])
        if lost[pool]
        else found("PF383", facts.object, source=facts.source, pool=pool)
        for pool in sorted(lost)
    ]


def _targets_up(facts: TargetFacts) -> list[Finding] | None:
    own = _own(facts)
    if not own:
        return None
    findings = []
    for target in own:
        # A target that was not scraped yet is neither; one at another address says nothing of the source.
        if target.get("health") == "down" and not _is_elsewhere(facts, target):
            error = scrape_error(target)
            address = str(target.get("scrapeUrl") or "")
            findings.append(found(code_of(error), facts.object, source=facts.source, address=address, error=error))
    return findings


def code_of(error: str) -> str:
    """The code for the reason why a scrape failed."""
    return next((code for code, words in _ERRORS if words.search(error)), "PF304")


def _steady(facts: TargetFacts) -> list[Finding] | None:
    """Whether targets that are up stay up. One outage that is over makes two changes, and no finding."""
    own, flips = _own(facts), known(facts.flips)
    if not any(target.get("health") == "up" for target in own):
        return None
    # What is down now says why itself.
    down = {(target.get("labels") or {}).get("instance") for target in own if target.get("health") == "down"}
    many = {name: number for name, number in flips.items() if number > _ONE_OUTAGE and name not in down}
    if not many:
        return []
    return [
        found(
            "PF389",
            facts.object,
            source=facts.source,
            targets=tuple(sorted(many)),
            changes=max(many.values()),
            seconds=f"{watched_within(facts.wanted):.0f}",
        )
    ]


def watched_within(source: FederationTargetSet) -> float:
    """For how many seconds targets of a source must have been steady: as long as a pod of it counts as new."""
    return pods_limit(seconds_of_interval(source.scrape.interval))


def _elsewhere(facts: TargetFacts) -> list[Finding] | None:
    """Whether the source's own monitor reads addresses that are not the source's: what they give is taken for it."""
    own = _own(facts)
    if not own:
        return None
    wrong = [target for target in own if _is_elsewhere(facts, target)]
    if not wrong:
        return []
    addresses = tuple(sorted({_host(target) for target in wrong}))
    return [found("PF387", facts.object, source=facts.source, addresses=addresses)]


def _is_elsewhere(facts: TargetFacts, target: JsonObject) -> bool:
    """Whether a target is at none of the source's addresses, as far as these are known."""
    if any(target.pending for target in facts.wanted.targets):
        return False
    return _host(target) not in {place(one.address, one.port) for one in facts.wanted.targets}


def _host(target: JsonObject) -> str:
    """The address and port of a target; a port that its scheme has by default may be left out."""
    scheme, _separator, rest = str(target.get("scrapeUrl") or "").partition("://")
    host = rest.partition("/")[0]
    return host if re.search(r":\d+$", host) else f"{host}:{_PORTS.get(scheme, '')}"


def _twice(facts: TargetFacts) -> list[Finding]:
    """Whether another monitor scrapes /federate at one of the source's addresses."""
    places = {place(target.address, target.port) for target in facts.wanted.targets if not target.pending}
    others: dict[str, set[str]] = {}
    for target in known(facts.targets):
        url = str(target.get("scrapeUrl") or "")
        address, *rest = url.partition("://")[2].split("/", 1)
        is_same = address in places and "".join(rest).partition("?")[0].endswith("federate")
        if is_same and target.get("scrapePool") not in facts.pools:
            others.setdefault(str(target.get("scrapePool")), set()).add(address)
    return [
        found("PF377", facts.object, source=facts.source, pool=pool, addresses=tuple(sorted(others[pool])))
        for pool in sorted(others)
    ]


def _labelled(facts: TargetFacts) -> list[Finding] | None:
    """Whether targets of the source's monitor have its job and cluster: `up` and alerts go by them."""
    own = _own(facts)
    if not own:
        return None
    wanted = {"cluster": (facts.wanted.cluster,), "job": facts.wanted.job_labels}
    wrong = {
        f"{name}={(target.get('labels') or {}).get(name, '')!r}, not {' or '.join(map(repr, values))}"
        for target in own
        for name, values in wanted.items()
        if (target.get("labels") or {}).get(name) not in values
    }
    return [found("PF378", facts.object, source=facts.source, labels="; ".join(sorted(wrong)))] if wrong else []


def _interval(facts: TargetFacts) -> list[Finding] | None:
    """Whether a series would be gone between two scrapes."""
    own = _own(facts)
    if not own:
        return None
    lengths = {
        str(target.get("scrapeInterval") or ""): seconds_of_interval(target.get("scrapeInterval")) for target in own
    }
    long = sorted(text for text, length in lengths.items() if length >= LOOKBACK)
    return [found("PF376", facts.object, source=facts.source, interval=text) for text in long]


def seconds_of_interval(text: object) -> float:
    """The length of a scrape interval such as 30s in seconds; 0 for none."""
    return (grammar.milliseconds(str(text or "0")) or 0) / 1000


def _answers(facts: TargetFacts) -> list[Finding] | None:
    scraped = known(facts.scraped)
    if facts.wanted.may_be_empty or not any(target.get("health") == "up" for target in _own(facts)):
        return None
    if not scraped.samples:
        return [found("PF305", facts.object, source=facts.source)]
    return [] if scraped.kept else [found("PF373", facts.object, source=facts.source, samples=scraped.samples)]


def _data(facts: TargetFacts) -> list[Finding]:
    stored, scraped = known(facts.stored), known(facts.scraped)
    if stored.series or facts.wanted.may_be_empty:
        return []
    others = ", ".join(known(facts.strangers)) or "none"
    label = facts.wanted.cluster
    return [found("PF306", facts.object, source=facts.source, label=label, samples=scraped.kept, others=others)]


def _claims(facts: TargetFacts) -> list[Finding]:
    """Whether series of the source name another cluster or team, which the central side does not let them."""
    claims = known(facts.stored).claims
    return [found("PF386", facts.object, source=facts.source, claims=claims)] if claims else []


def fresh_within(sources: t.Iterable[FederationTargetSet]) -> float:
    """How old, in seconds, the newest sample of any of these sources may be."""
    longest = max((seconds_of_interval(source.scrape.interval) for source in sources), default=0.0)
    return 2 * max(longest, _EVALUATION) + _WAY


def _fresh(facts: TargetFacts) -> list[Finding] | None:
    """Whether samples are of now, where the source is read."""
    stored = known(facts.stored)
    up = [target for target in _own(facts) if target.get("health") == "up"]
    if not stored.series or not up:
        return None
    if stored.fresh:
        return []
    return [found("PF375", facts.object, source=facts.source, series=stored.series, limit=f"{stored.within:.0f}")]


TARGET_CHECKS: tuple[Check[TargetFacts], ...] = (
    Check(name="federation_target", reads=("targets",), judge=_scraped),
    Check(name="federation_discovery", reads=("targets", "discovered"), judge=_discovered),
    Check(name="federation_target_up", reads=("targets",), judge=_targets_up),
    Check(name="federation_steady", reads=("targets", "flips"), judge=_steady),
    Check(name="federation_elsewhere", reads=("targets",), judge=_elsewhere),
    Check(name="federation_once", reads=("targets",), judge=_twice),
    Check(name="federation_labels", reads=("targets",), judge=_labelled),
    Check(name="federation_interval", reads=("targets",), judge=_interval),
    Check(name="federation_answer", reads=("targets", "scraped"), judge=_answers),
    Check(name="federation_data", reads=("stored", "scraped", "strangers"), judge=_data),
    Check(name="federation_claims", reads=("stored",), judge=_claims),
    Check(name="federation_fresh", reads=("targets", "stored"), judge=_fresh),
)
