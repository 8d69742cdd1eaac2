# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Feature flags of Prometheus that a team's instance may have. Pure.

All that release 3.13 knows (docs/feature_flags.md of prometheus/prometheus) are in one of the two tables.
"""

from __future__ import annotations

# What a flag does, for those that change only how the instance itself works.
FEATURES: dict[str, str] = {
    "concurrent-rule-eval": "rules without dependencies are evaluated at the same time",
    "created-timestamp-zero-ingestion": "a counter gets a sample of 0 at the time of its creation",
    "delayed-compaction": "replicas compact at different times",
    "exemplar-storage": "exemplars are kept in memory",
    "extra-scrape-metrics": "three more series for each target: its limits and time-out",
    "memory-snapshot-on-shutdown": "a restart reads a snapshot instead of the whole WAL",
    "metadata-wal-records": "metadata is in the WAL, for remote_write",
    "promql-binop-fill-modifiers": "PromQL knows the modifier fill",
    "promql-delayed-name-removal": "PromQL keeps the metric's name until the end of a query",
    "promql-duration-expr": "PromQL calculates durations",
    "promql-experimental-functions": "PromQL knows functions that can still change",
    "promql-extended-range-selectors": "PromQL knows the modifiers anchored and smoothed",
    "promql-per-step-stats": "statistics of a query for each of its steps",
    "search-api": "an API that searches names and values of labels",
    "type-and-unit-labels": "series have labels with the metric's type and unit",
    "use-uncached-io": "compaction does not fill the page cache",
}
_NO_OTLP = "instances take no OTLP: a sender could forge the labels cluster, team and namespace"
# Why not, for all others.
REFUSED_FEATURES: dict[str, str] = {
    "old-ui": "the old pages are no longer maintained",
    "otlp-deltatocumulative": _NO_OTLP,
    "otlp-native-delta-ingestion": _NO_OTLP,
    "st-storage": "it changes the format of the data on disk: without the flag Prometheus cannot read it any more",
    "st-synthesis": "it needs st-storage, which changes the format of the data on disk",
    "use-start-timestamps": "it needs st-storage, which changes the format of the data on disk",
    "xor2-encoding": "it changes the format of the data on disk: without the flag Prometheus cannot read it any more",
}
# An agent has no queries, no rules and no blocks.
AGENT_FEATURES = frozenset(
    {"created-timestamp-zero-ingestion", "extra-scrape-metrics", "metadata-wal-records", "type-and-unit-labels"}
)


def feature(text: str) -> str | None:
    """Check the name of a feature flag."""
    if text in FEATURES:
        return None
    if text in REFUSED_FEATURES:
        return f"{text!r} is refused: {REFUSED_FEATURES[text]}"
    return f"{text!r} is not one of the features that are allowed: {', '.join(sorted(FEATURES))}"
