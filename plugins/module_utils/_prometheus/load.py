# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a Prometheus takes in and what it takes for that, as it says itself: one query for all, and its TSDB status."""

from __future__ import annotations

import math
import typing as t
from dataclasses import dataclass, field

from ansible_collections.promfleet.monitoring.plugins.module_utils._prometheus.api import Prometheus

# Says in a row of a result which input it is.
_MARK = "promfleet_input"
WORKING_SET = "working_set"
# What metrics.k8s.io says, which knows no peaks; no query asks for it.
WORKING_SET_NOW = "working_set_now"
# Each input with its expression. {of} and {container} select the replicas, {window} is how far back.
# Series with a label cluster were federated, and are of other instances.
_RATE = "(sum by (instance) (rate({counter}{of}[5m])))"
# Of an instance that is younger than a step of the subquery there is only the rate of now.
_MOST = f"max(max_over_time({_RATE}[{{window}}:1m]) or {_RATE})"
INPUTS: dict[str, str] = {
    "series": "max(max_over_time(prometheus_tsdb_head_series{of}[{window}]))",
    "samples": _MOST.replace("{counter}", "prometheus_tsdb_head_samples_appended_total"),
    "cpu": _MOST.replace("{counter}", "process_cpu_seconds_total"),
    "resident": "max(max_over_time(process_resident_memory_bytes{of}[{window}]))",
    WORKING_SET: "max(max_over_time(container_memory_working_set_bytes{container}[{window}]))",
    "replay": "max(max_over_time(prometheus_tsdb_data_replay_duration_seconds{of}[{window}]))",
    # Seconds since the replica that runs longest was started.
    "age": "time() - min(process_start_time_seconds{of})",
    "wal": "max(max_over_time(prometheus_tsdb_wal_storage_size_bytes{of}[{window}]))",
    "bytes_per_sample": "sum(increase(prometheus_tsdb_compaction_chunk_size_bytes_sum{of}[{window}])) / "
    "sum(increase(prometheus_tsdb_compaction_chunk_samples_sum{of}[{window}]))",
}
NOT_THERE = "its Prometheus has no such series in this time"


@dataclass(frozen=True, kw_only=True)
class Observed:
    """What was seen of an instance: *values* by the names of INPUTS, and why others were not (*missing*).

    *metrics*: those with the most series in the head, with their numbers.
    """

    values: t.Mapping[str, float] = field(default_factory=dict)
    missing: t.Mapping[str, str] = field(default_factory=dict)
    metrics: tuple[tuple[str, int], ...] = ()


def observe(prometheus: Prometheus, *, namespace: str, window: str, top: int) -> Observed:
    """Ask the instance in *namespace* about itself; *window* is a duration. Raises ClusterError."""
    own = f'namespace="{namespace}",cluster=""'
    filled = {
        "{of}": f'{{{own},job="prometheus"}}',
        "{container}": f'{{{own},container="prometheus"}}',
        "{window}": window,
    }
    parts = []
    for name, text in INPUTS.items():
        expression = text
        for field_name, value in filled.items():
            expression = expression.replace(field_name, value)
        parts.append(f'label_replace({expression}, "{_MARK}", "{name}", "", "")')
    rows = prometheus.query(" or ".join(parts))
    found = {str(row["metric"].get(_MARK)): float(row["value"][1]) for row in rows}
    values = {name: found[name] for name in INPUTS if math.isfinite(found.get(name, math.nan))}
    return Observed(
        values=values,
        missing={name: NOT_THERE for name in INPUTS if name not in values},
        metrics=prometheus.largest_metrics(top),
    )


def unseen(reason: str) -> Observed:
    """Nothing was seen, for one *reason*."""
    return Observed(missing=dict.fromkeys(INPUTS, reason))
