"""Whether an instance watches what it should: a program for molecule's verify step.

For each workload: its targets are up, have the expected metrics and stay within the budget, its rules are evaluated
without an error, and the queries of its panels return data.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.workloads.catalogue import (
    Entry,
    Part,
    parse_catalogue,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.errors import Collecting

from tests.integration.support.cluster import ApiError, Cluster
from tests.integration.support.prometheus import Prometheus
from tests.tools.dashboards import definitions
from tests.tools.workloads import catalogue

SECONDS = 75.0
# Where a query of Grafana has a range.
RANGE = "30s"


def asked(query: str) -> str:
    """A panel's query with every value of its variables, and a range that is full soon after the start."""
    return re.sub(r'"\$\w+"', '".*"', query.replace("$__rate_interval", RANGE))


def problems(prometheus: Prometheus, entry: Entry) -> Iterator[str]:
    """What is not as it should be, each as a line."""
    for part in entry.parts:
        up = prometheus.query(f'up{{job="{part.job}"}}')
        if not up:
            yield f"{part.job}: no target"
        for one in up:
            if one["value"][1] == "1":
                yield from target_problems(prometheus, part, one["metric"]["instance"])
            else:
                yield f"{part.job}: {one['metric']['instance']} is down"
    yield from rule_problems(prometheus, entry)


def target_problems(prometheus: Prometheus, part: Part, instance: str) -> Iterator[str]:
    """Metrics that a target lacks, and whether it has too many series."""
    own = f'job="{part.job}", instance="{instance}"'
    # The monitor of another role may have a config reloader under the same job.
    where = f'job="{part.job}"' if part.made_by else own
    for name in part.expected:
        if not prometheus.query(f"{name}{{{where}}}"):
            yield f"{part.job}: {instance} has no {name}"
    (samples,) = prometheus.query(f"scrape_samples_post_metric_relabeling{{{own}}}")
    if float(samples["value"][1]) > part.budget:
        yield f"{part.job}: {instance} has {samples['value'][1]} series, the budget is {part.budget}"


def panel_problems(prometheus: Prometheus, name: str) -> Iterator[str]:
    """Panels of a dashboard that have no data, with every value of its variables."""
    for panel in definitions()[name]["panels"]:
        for query in panel["queries"]:
            if not prometheus.query(asked(query["expr"])) and not panel.get("may_be_absent"):
                yield f"{name}: the panel {panel['title']!r} has no data"


def rule_problems(prometheus: Prometheus, entry: Entry) -> Iterator[str]:
    """Groups of the entry that are missing, and rules that are not healthy."""
    groups = {group["name"]: group for group in prometheus.rules() if group["name"].startswith(f"{entry.id}.")}
    if f"{entry.id}.targets" not in groups:
        yield f"{entry.id}: no group of rules {entry.id}.targets"
    for group in groups.values():
        for rule in group["rules"]:
            if rule["health"] != "ok":
                yield f"{entry.id}: the rule {rule['name']} is {rule['health']}: {rule.get('lastError', '')}"


def series(prometheus: Prometheus, entry: Entry) -> str:
    """How many series a target of each part has, before and after metricRelabelings."""
    parts = []
    for part in entry.parts:
        counts = [
            max((float(one["value"][1]) for one in prometheus.query(f'{name}{{job="{part.job}"}}')), default=0)
            for name in ("scrape_samples_scraped", "scrape_samples_post_metric_relabeling")
        ]
        parts.append(f"{part.job}: {counts[0]:.0f} series scraped, {counts[1]:.0f} kept, budget {part.budget}")
    return "; ".join(parts)


def main() -> int:
    """Waits until all is well, or tells what is not."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--kubeconfig", type=Path, required=True)
    parser.add_argument("--context", required=True)
    parser.add_argument("--catalogue", type=Path, help="a folder with entries of the user")
    parser.add_argument("workloads", nargs="+")
    arguments = parser.parse_args()
    with Collecting(None) as errors:
        files = arguments.catalogue.glob("*.yml") if arguments.catalogue else ()
        texts = {path.name: path.read_text(encoding="utf-8") for path in files}
        own = parse_catalogue(texts, path="own", shipped=False, errors=errors)
    entries = [{**catalogue(), **own}[name] for name in arguments.workloads]
    prometheus = Prometheus(Cluster(kubeconfig=arguments.kubeconfig, context=arguments.context), team="platform")
    deadline = time.monotonic() + SECONDS
    while True:
        try:
            wrong = [line for entry in entries for line in problems(prometheus, entry)]
            shown = [entry.id for entry in entries if entry.shipped] + ["team-overview"]
            wrong += [line for name in shown for line in panel_problems(prometheus, name)]
        except (ApiError, json.JSONDecodeError) as error:
            wrong = [f"Prometheus: {error}"]
        if not wrong:
            break
        if time.monotonic() > deadline:
            print("\n".join(wrong))
            return 1
        time.sleep(1)
    for entry in entries:
        print(series(prometheus, entry))
    return 0


if __name__ == "__main__":
    sys.exit(main())
