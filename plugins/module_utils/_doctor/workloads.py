# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Checks of the workloads that an instance watches, link by link. Facts in, findings out. Pure."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from ansible_collections.promfleet.monitoring.plugins.module_utils._doctor.checks import (
    Check,
    Fact,
    Facts,
    known,
    scrape_error,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._findings.finding import Finding, Subject, found

JsonObject = dict[str, t.Any]

# A finding names so many metrics.
NAMED = 5


@dataclass(frozen=True, kw_only=True)
class PartFacts(Facts):
    """What is known of one sort of targets of a workload.

    *monitors* are those that it has to have, by namespace and name, with whether they exist; none where another role
    makes them. *pools*: the jobs of the Prometheus. *targets*: those of the job. *metrics*: for each expected metric
    how many targets have it. *series*: the most that a target has. *others*: jobs of other monitors that scrape the
    same addresses.
    """

    cluster: str
    team: str
    namespace: str
    workload: str
    job: str
    kind: str
    required: bool
    budget: int
    monitors: t.Mapping[tuple[str, str], Fact[bool]]
    pools: Fact[t.Collection[str]]
    targets: Fact[t.Sequence[JsonObject]]
    metrics: Fact[t.Mapping[str, int]]
    series: Fact[int]
    others: Fact[t.Sequence[str]] = ()
    prometheus_name: str = ""

    @property
    def scope(self) -> tuple[str, ...]:
        """The workload, in the instance."""
        return (f"instance {self.namespace}/{self.team}", f"workload {self.workload}")

    @property
    def object(self) -> Subject:
        """The Prometheus that watches."""
        return Subject(
            cluster=self.cluster, kind="Prometheus", namespace=self.namespace, name=self.prometheus_name or self.team
        )

    @property
    def checks(self) -> tuple[Check[t.Any], ...]:
        """What is asked of each part."""
        return CHECKS

    @property
    def existing(self) -> Fact[tuple[bool, ...]]:
        """Whether each monitor exists; not observed where one is not."""
        values = []
        for fact in self.monitors.values():
            if not isinstance(fact, bool):
                return fact
            values.append(fact)
        return tuple(values)

    def monitor(self, place: tuple[str, str]) -> Subject:
        """One of its monitors."""
        return Subject(cluster=self.cluster, kind=self.kind, namespace=place[0], name=place[1])

    def evidence(self) -> dict[str, str]:
        """What every finding names."""
        return {"workload": self.workload, "team": self.team}


def _exists(facts: PartFacts) -> list[Finding] | None:
    pairs = zip(facts.monitors, known(facts.existing), strict=True)
    if not facts.monitors:
        return None
    return [found("PF501", facts.monitor(place), **facts.evidence()) for place, exists in pairs if not exists]


def _is_loaded(facts: PartFacts) -> list[Finding] | None:
    pools = known(facts.pools)
    places = [place for place, exists in zip(facts.monitors, known(facts.existing), strict=True) if exists]
    if not places:
        return None
    return [
        found("PF502", facts.monitor(place), **facts.evidence())
        for place in places
        if pool_name(facts.kind, *place) not in pools
    ]


def pool_name(kind: str, namespace: str, name: str) -> str:
    """What the operator calls the job of a monitor; one of a PodMonitor or ServiceMonitor has a number, too."""
    number = "" if kind == "ScrapeConfig" else "/0"
    return f"{kind[0].lower()}{kind[1:]}/{namespace}/{name}{number}"


def scraped_too(targets: t.Iterable[JsonObject], *, own: t.Collection[str]) -> tuple[str, ...]:
    """The jobs other than *own* among *targets*, all of a Prometheus, that scrape an address of *own*, too."""
    everywhere = [(str(one.get("scrapePool")), one.get("scrapeUrl")) for one in targets]
    urls = {url for pool, url in everywhere if pool in own}
    return tuple(sorted({pool for pool, url in everywhere if url in urls and pool not in own}))


def _has_targets(facts: PartFacts) -> list[Finding] | None:
    if known(facts.targets):
        return []
    return [found("PF503", facts.object, **facts.evidence(), job=facts.job)] if facts.required else None


def _is_up(facts: PartFacts) -> list[Finding] | None:
    targets = known(facts.targets)
    down = [target for target in targets if target.get("health") != "up"]
    if not targets:
        return None
    if not down:
        return []
    errors = tuple(sorted({scrape_error(target) for target in down}))
    return [
        found(
            "PF504",
            facts.object,
            **facts.evidence(),
            job=facts.job,
            down=len(down),
            targets=len(targets),
            errors=errors,
        )
    ]


def _is_scraped_once(facts: PartFacts) -> list[Finding] | None:
    others = known(facts.others)
    if not known(facts.targets) or not facts.monitors:
        return None
    if not others:
        return []
    named = (*others[:NAMED], *([f"{len(others) - NAMED} more"] if len(others) > NAMED else []))
    return [found("PF508", facts.object, **facts.evidence(), job=facts.job, others=named)]


def _has_metrics(facts: PartFacts) -> list[Finding] | None:
    targets, metrics = known(facts.targets), known(facts.metrics)
    up = sum(target.get("health") == "up" for target in targets)
    if not up:
        return None
    # The monitor of another role may have more than the workload under one job: a config reloader beside each pod.
    wanted = up if facts.monitors else 1
    missing = sorted(name for name, count in metrics.items() if count < wanted)
    if not missing:
        return []
    named = (*missing[:NAMED], *([f"{len(missing) - NAMED} more"] if len(missing) > NAMED else []))
    return [found("PF505", facts.object, **facts.evidence(), job=facts.job, metrics=named)]


def _is_within_budget(facts: PartFacts) -> list[Finding] | None:
    series = known(facts.series)
    if not series:
        return None
    if series <= facts.budget:
        return []
    return [found("PF507", facts.object, **facts.evidence(), job=facts.job, series=series, budget=facts.budget)]


CHECKS: tuple[Check[PartFacts], ...] = (
    Check(name="workload_monitor", reads=("existing",), judge=_exists),
    Check(name="workload_loaded", reads=("existing", "pools"), judge=_is_loaded),
    Check(name="workload_targets", reads=("targets",), judge=_has_targets),
    Check(name="workload_up", reads=("targets",), judge=_is_up),
    Check(name="workload_metrics", reads=("targets", "metrics"), judge=_has_metrics),
    Check(name="workload_budget", reads=("series",), judge=_is_within_budget),
    Check(name="workload_once", reads=("targets", "others"), judge=_is_scraped_once),
)


@dataclass(frozen=True, kw_only=True)
class RuleFacts(Facts):
    """What is known of the rules of a workload: *wanted* are the names of its groups, *groups* what is loaded."""

    cluster: str
    team: str
    namespace: str
    workload: str
    wanted: tuple[str, ...]
    groups: Fact[t.Sequence[JsonObject]]
    name: str = ""

    @property
    def scope(self) -> tuple[str, ...]:
        """The workload, in the instance."""
        return (f"instance {self.namespace}/{self.team}", f"workload {self.workload}")

    @property
    def object(self) -> Subject:
        """The PrometheusRule."""
        return Subject(cluster=self.cluster, kind="PrometheusRule", namespace=self.namespace, name=self.name)

    @property
    def checks(self) -> tuple[Check[t.Any], ...]:
        """What is asked of the rules."""
        return RULE_CHECKS


def _rules_healthy(facts: RuleFacts) -> list[Finding]:
    loaded = {str(group.get("name")): group for group in known(facts.groups)}
    wrong = [f"group {name} is not loaded" for name in facts.wanted if name not in loaded]
    wrong += [
        f"{rule.get('name')}: {rule.get('lastError') or rule.get('health')}"
        for name in facts.wanted
        for rule in loaded.get(name, {}).get("rules") or ()
        # A rule that was not evaluated yet is unknown.
        if rule.get("health") == "err"
    ]
    if not wrong:
        return []
    evidence = {"workload": facts.workload, "team": facts.team}
    return [found("PF506", facts.object, **evidence, rules=tuple(wrong[:NAMED]))]


RULE_CHECKS: tuple[Check[RuleFacts], ...] = (Check(name="workload_rules", reads=("groups",), judge=_rules_healthy),)
