# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""In which form a central instance has the targets of its sources: discovered in Kubernetes, or static. Pure.

Each job of a ServiceMonitor looks at the targets of all others in its namespace, so that N sources cost N squared. Many
sources become ScrapeConfigs, whose targets are their own. Both forms give the same targets, labels and series.
"""

from __future__ import annotations

import dataclasses
import typing as t
from collections import Counter
from dataclasses import dataclass

from ansible_collections.promfleet.monitoring.plugins.module_utils._base.marks import (
    SOURCE_CLUSTER_LABEL,
    SOURCE_TEAM_LABEL,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.federation.addresses import (
    addresses_in_use,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.federation.endpoints import (
    FederationTargetSet,
    is_name,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.teams.model import Team
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.errors import Errors
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.plan import Plan

JsonObject = dict[str, t.Any]

AUTO, DISCOVERED, STATIC = "auto", "discovered", "static"

FORM_OPTIONS: dict[str, dict[str, t.Any]] = {
    "target_form": {"type": "str", "choices": [AUTO, DISCOVERED, STATIC], "default": AUTO},
    "static_above": {"type": "int", "default": 100},
}


@dataclass(frozen=True, kw_only=True)
class Forms:
    """The rule. With *form* AUTO an instance with more than *above* sources that have addresses has static targets.

    One that has them keeps them until it has no more than half as many: a fleet around the limit does not change its
    objects with each worker that comes or goes.
    """

    form: str = AUTO
    above: int = 100

    def is_static(self, number: int, *, was_static: bool = False) -> bool:
        """Whether an instance with this *number* of sources has static targets; *was_static*: whether it has now."""
        if self.form != AUTO:
            return self.form == STATIC
        return number > (self.above // 2 if was_static else self.above)

    def depends_on_live(self, number: int) -> bool:
        """Whether it counts for this *number* what the instance has now."""
        return self.is_static(number) != self.is_static(number, was_static=True)


@dataclass(frozen=True, kw_only=True)
class LiveForm:
    """What an instance has now: whether any target is static, and its sources by cluster and team."""

    is_static: bool = False
    sources: frozenset[tuple[str, str]] = frozenset()


Read = tuple[FederationTargetSet, Team]


def parse_forms(params: t.Mapping[str, t.Any], *, errors: Errors) -> Forms:
    """The rule from a module's parameters (FORM_OPTIONS)."""
    if params["static_above"] < 1:
        errors.add("static_above", f"must be at least 1, found {params['static_above']}; use target_form: static")
    return Forms(form=params["target_form"], above=params["static_above"])


def in_their_forms(
    read: t.Sequence[Read],
    forms: Forms,
    *,
    live: t.Mapping[str, LiveForm] | None = None,
    stale: t.Collection[str] = (),
) -> tuple[Read, ...]:
    """The sources that instances read, each in the form that its instance has.

    *live*: what the instances have now, by their namespaces. Of the clusters *stale*, which gave no answer in this run,
    the live sources count: an instance does not change its form because many of its workers are not reached.
    """
    of_live = live or {}
    given = Counter(team.namespace for source, team in read if _has_form(source))
    static = {}
    for namespace in {team.namespace for _source, team in read}:
        now = of_live.get(namespace, LiveForm())
        number = given[namespace] + sum(1 for cluster, _team in now.sources if cluster in stale)
        static[namespace] = forms.is_static(number, was_static=now.is_static)
    return tuple((dataclasses.replace(source, static=static[team.namespace]), team) for source, team in read)


def asks_for_live(read: t.Sequence[Read], forms: Forms, *, stale: t.Collection[str]) -> bool:
    """Whether the forms depend on what the instances have now."""
    numbers = Counter(team.namespace for source, team in read if _has_form(source))
    # Without an answer it is not known how many sources a cluster has.
    return forms.form == AUTO and bool(stale or any(map(forms.depends_on_live, numbers.values())))


def _has_form(source: FederationTargetSet) -> bool:
    """Whether the rule is about a source: DNS names have one form only, and what is not scraped has none."""
    return source.is_scraped and not source.by_name


def live_forms(objects: t.Iterable[JsonObject]) -> dict[str, LiveForm]:
    """What live ServiceMonitors and ScrapeConfigs of the set say, by namespace; those for DNS names do not count."""
    found: dict[str, LiveForm] = {}
    for obj in objects:
        labels = obj["metadata"].get("labels") or {}
        is_static = obj["kind"] == "ScrapeConfig"
        if SOURCE_CLUSTER_LABEL not in labels or (is_static and not has_addresses(obj)):
            continue
        before = found.get(obj["metadata"]["namespace"], LiveForm())
        source = (labels[SOURCE_CLUSTER_LABEL], labels.get(SOURCE_TEAM_LABEL, ""))
        found[obj["metadata"]["namespace"]] = LiveForm(
            is_static=before.is_static or is_static, sources=before.sources | {source}
        )
    return found


def has_addresses(config: JsonObject) -> bool:
    """Whether a ScrapeConfig's targets are IP addresses."""
    return not all(is_name(address) for address in addresses_in_use(config))


def told_changes(plan: Plan, forms: Forms) -> list[str]:
    """What to say where sources change their form with this plan: everything but the objects stays."""
    before = Counter(
        (obj["kind"], obj["metadata"]["namespace"])
        for obj in plan.deletes
        if obj["kind"] == "ServiceMonitor" or (obj["kind"] == "ScrapeConfig" and has_addresses(obj))
    )
    after = Counter(
        (write.desired["kind"], write.desired["metadata"]["namespace"])
        for write in plan.writes
        if write.live is None
        and (
            write.desired["kind"] == "ServiceMonitor"
            or (write.desired["kind"] == "ScrapeConfig" and has_addresses(write.desired))
        )
    )
    told = []
    for (kind, namespace), number in sorted(before.items()):
        other = "ScrapeConfig" if kind == "ServiceMonitor" else "ServiceMonitor"
        if not after[other, namespace]:
            continue
        rule = f"target_form is {forms.form}, static_above {forms.above}"
        told.append(
            f"{namespace}: sources change from {kind} to {other} ({number} objects; {rule}). Their targets, labels and "
            "series stay the same"
        )
    return told
