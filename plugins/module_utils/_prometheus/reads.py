# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which metrics expressions of PromQL read. Pure."""

from __future__ import annotations

import re
import typing as t
from dataclasses import dataclass

from ansible_collections.promfleet.monitoring.plugins.module_utils._prometheus.promql import (
    METRIC_NAME,
    Selector,
    selectors_in,
)

# Series of each target that Prometheus makes itself, after metricRelabelings: these cannot drop them.
OF_EVERY_TARGET = frozenset(
    (
        "up",
        "scrape_duration_seconds",
        "scrape_samples_scraped",
        "scrape_samples_post_metric_relabeling",
        "scrape_series_added",
        "scrape_timeout_seconds",
        "scrape_sample_limit",
        "scrape_body_size_bytes",
    )
)
# What Grafana replaces in a panel's query, and something that has the same place in PromQL.
_GRAFANA = re.compile(r"\$(?:__rate_interval|__interval|__range)\b")


@dataclass(frozen=True, kw_only=True)
class Reads:
    """The *names* of metrics that expressions read, *patterns* for names, and selectors that read *any* metric."""

    names: frozenset[str]
    patterns: tuple[str, ...] = ()
    any: tuple[str, ...] = ()

    def keep(self) -> str:
        """A regular expression of Prometheus, anchored by it, for exactly these names; empty if it is any name."""
        return "" if self.any else "|".join((*sorted(self.names), *self.patterns))

    def has(self, name: str) -> bool:
        """Whether the expressions read the metric *name*."""
        return bool(self.any) or name in self.names or any(re.fullmatch(one, name) for one in self.patterns)


def without_variables(text: str) -> str:
    """A panel's query without what Grafana replaces in places where PromQL wants a duration."""
    return _GRAFANA.sub("5m", text)


def reads(expressions: t.Iterable[str], *, recorded: t.Container[str] = ()) -> Reads:
    """What *expressions* read of targets: not what rules have *recorded*, and not what every target has.

    Raises ValueError for an expression that promql-parser does not understand.
    """
    names: set[str] = set()
    patterns: set[str] = set()
    unbounded: set[str] = set()
    for text in expressions:
        for selector in selectors_in(without_variables(text)):
            name, pattern = _name(selector)
            if name is not None:
                names.add(name)
            elif pattern is not None:
                patterns.add(pattern)
            else:
                unbounded.add(selector.text)
    kept = {name for name in names if name not in recorded and name not in OF_EVERY_TARGET}
    return Reads(names=frozenset(kept), patterns=tuple(sorted(patterns)), any=tuple(sorted(unbounded)))


def _name(selector: Selector) -> tuple[str | None, str | None]:
    """The metric's name that a selector asks for, or a pattern for it."""
    named = {one.operator: one.value for one in selector.matchers if one.label == METRIC_NAME}
    return named.get("="), named.get("=~")
