#!/usr/bin/python
# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: federation_selectors
short_description: Check the selectors of a federation, and measure what they cost on the source
version_added: 1.0.0
author:
  - promfleet.monitoring contributors (@promfleet)
description:
  - Checks the selectors (C(match[])) of a source as M(promfleet.monitoring.federation_source) does, and returns
    everything that is wrong with them as findings; M(promfleet.monitoring.findings_info) explains the codes.
  - With O(measure) it asks the running Prometheus of the source what the selectors cost, and compares that with a
    budget. Without it no cluster is asked.
  - Series are counted first. If there are more than O(max_series), nothing else is fetched.
  - Prometheus is reached through the API server's service proxy, so the seconds include that way.
options:
  match:
    description: The selectors, beside those of O(match_presets).
    type: list
    elements: str
  match_presets:
    description:
      - Selectors by name, as in O(promfleet.monitoring.federation_source#module:sources[].match_presets). If neither
        this nor O(match) is given, it is V(recorded) and V(alerts).
    type: list
    elements: str
    choices: [recorded, alerts, up, prometheus, versions]
  match_everything:
    description: Whether O(match) may select every series of the source.
    type: bool
    default: false
  cluster:
    description: The name of the source's cluster, which findings and suppressions name.
    type: str
    default: source
  external_labels:
    description: Names of further labels that the source adds to all of its series, beside C(cluster) and C(team).
    type: list
    elements: str
    default: []
  federates:
    description:
      - Whether the source federates other clusters itself, as the central cluster of a region does. It has their series
        with C(cluster) and C(team), so that selectors may ask for these.
    type: bool
    default: false
  scrape_interval:
    description: How often the central side scrapes.
    type: str
    default: 30s
  scrape_timeout:
    description: How long a scrape may take; not longer than O(scrape_interval).
    type: str
    default: 25s
  measure:
    description: Whether to ask the Prometheus of the source.
    type: bool
    default: false
  team:
    description: The team whose Prometheus is the source.
    type: str
    default: platform
  namespace:
    description: The namespace of that Prometheus, by default C(monitoring-) and the team's name.
    type: str
  max_series:
    description: How many series all selectors together may have.
    type: int
    default: 50000
  max_bytes:
    description: How many bytes one answer may have, as text before it is compressed.
    type: int
    default: 20000000
  max_seconds:
    description: How long the source may take for one answer, by default O(scrape_timeout).
    type: float
  bytes_per_series:
    description:
      - How much memory the central Prometheus takes for a series. It is V(process_resident_memory_bytes) divided by
        V(prometheus_tsdb_head_series) of the central Prometheus.
      - By default it is what the source itself takes, as an estimate. That is too high for a Prometheus with few
        series, whose memory is mostly its program.
    type: int
  top:
    description: How many of the metrics with the most series are returned.
    type: int
    default: 10
extends_documentation_fragment:
  - kubernetes.core.k8s_auth_options
  - promfleet.monitoring.auth
  - promfleet.monitoring.attributes.info
  - promfleet.monitoring.findings
"""

EXAMPLES = r"""
---
- name: Check selectors without asking a cluster
  promfleet.monitoring.federation_selectors:
    match_presets: [recorded, alerts]
    match:
      - kube_node_status_condition{condition="Ready"}

- name: Measure what they would cost on the edge
  promfleet.monitoring.federation_selectors:
    kubeconfig: ~/.kube/config
    context: kind-edge
    cluster: edge
    measure: true
    match_presets: [recorded, alerts, up]
    max_series: 10000
"""

RETURN = r"""
---
findings:
  description:
    - The faults, root causes first and the worst of them first, each followed by what it causes.
    - The form is that of C(docs/findings.schema.json).
  returned: always
  type: list
  elements: dict
  contains:
    code:
      description: The code, which M(promfleet.monitoring.findings_info) explains.
      type: str
      sample: PF304
    severity:
      description: V(info), V(warning) or V(error).
      type: str
      sample: error
    observed:
      description: Whether a fault was seen; V(false) where something could not be observed.
      type: bool
      sample: true
    title:
      description: What the code means.
      type: str
      sample: A federated target is down
    object:
      description: The object, with C(cluster), C(kind), C(namespace) and C(name).
      type: dict
      sample: {cluster: hub, kind: ServiceMonitor, namespace: monitoring-platform, name: federation-edge-platform}
    message:
      description: What was found, as one sentence.
      type: str
      sample: "federation of edge/platform: http://192.0.2.7:31090/federate: connection refused"
    evidence:
      description: What was seen, as data.
      type: dict
      sample: {source: edge/platform, address: "http://192.0.2.7:31090/federate", error: connection refused}
    cause:
      description: Why this happens.
      type: str
      sample: The central Prometheus knows the source's address, and scraping it fails.
    fix:
      description: What to do.
      type: str
      sample: is the worker's exposed address reachable from this cluster, and its network policy open for it?
    fingerprint:
      description: The same in each run for the same fault of the same object.
      type: str
      sample: 0b8a3c1f5d2e7a94
    caused_by:
      description: The fingerprints of the findings that this one follows from.
      type: list
      elements: str
      sample: []
    documentation:
      description: Where the code is explained.
      type: str
      sample: https://github.com/promfleet/ansible-collection-monitoring/blob/main/docs/findings.md#pf304
suppressed:
  description:
    - The findings that are suppressed, of the same form, and in C(suppression) the C(reason), C(owner) and C(until).
  returned: always
  type: list
  elements: dict
  sample: []
checks:
  description: All that was checked, with C(check), C(object), C(ok), and its finding's C(code) and C(fingerprint).
  returned: always
  type: list
  elements: dict
  sample:
    - check: operator
      object: hub/Deployment/prometheus-operator/prometheus-operator
      ok: true
      code: ""
      fingerprint: ""
summary:
  description: The numbers of checks and findings, complete even if the lists are cut off.
  returned: always
  type: dict
  sample: {checks: 12, ok: 11, error: 1, warning: 0, info: 0, not_observed: 0, suppressed: 0}
truncated:
  description: How many entries of all lists are left out to keep the result small; O(result_folder) gets them all.
  returned: when some are
  type: int
  sample: 120
comparison:
  description:
    - How the findings compare with those of O(compare_with). A finding is known by its fingerprint.
    - C(summary) counts, C(headline) says the same in words. C(new), C(gone), C(still) and C(unknown) list findings with
      C(code), C(severity), C(observed), C(object), C(message), C(fingerprint) and C(suppressed).
    - C(checked_before) of a new finding says whether its check was made then, too. C(changed) of one that is still
      there has what differs, each with C(before) and C(after). Those in C(unknown) were found then, and this run did
      not make their checks.
  returned: when O(compare_with) is given
  type: dict
  sample:
    headline: 1 new, 0 gone, 3 still there
    summary: {new: 1, gone: 0, still: 3, changed: 0, unknown: 0}
    new:
      - code: PF304
        severity: error
        observed: true
        object: {cluster: hub, kind: ServiceMonitor, namespace: monitoring-platform, name: federation-edge-platform}
        message: "federation of edge/platform: http://192.0.2.7:31090/federate: connection refused"
        fingerprint: 0b8a3c1f5d2e7a94
        suppressed: false
        checked_before: true
    gone: []
    still: []
    unknown: []
selectors:
  description:
    - The selectors. Where the source was asked each has its C(series), the C(missing) names that no series has, and
      where bodies were fetched the C(bytes), C(compressed_bytes) and C(seconds) of an answer for it alone.
  returned: always
  type: list
  elements: dict
  sample:
    - selector: '{__name__=~"[^:]+:.+"}'
      series: 10
      bytes: 1480
      compressed_bytes: 310
      seconds: 0.008
      missing: []
total:
  description:
    - All selectors together. C(series), C(bytes), C(compressed_bytes) and C(seconds) are those of one answer for all of
      them, C(bytes_per_second) is the compressed load of the network.
    - C(central_memory_bytes) is an estimate of the memory that the central Prometheus needs, C(bytes_per_series) for
      each series.
    - C(largest) are the metrics with the most series.
  returned: when the source was asked
  type: dict
  sample:
    series: 11
    bytes: 1600
    compressed_bytes: 340
    seconds: 0.01
    bytes_per_second: 11
    bytes_per_series: 9000
    central_memory_bytes: 99000
    largest:
      - {name: "namespace_job:up:ratio", series: 4}
"""

import datetime as dt
import typing as t

from ansible_collections.promfleet.monitoring.plugins.module_utils._api.errors import ClusterError
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.marks import (
    NAMESPACE_PREFIX,
    prometheus_name,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.federation.selection import (
    SELECTION_OPTIONS,
    selected,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._doctor.selectors import (
    Budget,
    as_result,
    cost_findings,
    judged,
    links_of,
    lint_findings,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._findings.finding import Finding, Subject, found
from ansible_collections.promfleet.monitoring.plugins.module_utils._findings.report import (
    FINDING_OPTIONS,
    make_report,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._findings.suppress import parse_suppressions
from ansible_collections.promfleet.monitoring.plugins.module_utils._input import grammar
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.errors import Collecting
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.validate import require, require_each
from ansible_collections.promfleet.monitoring.plugins.module_utils._prometheus.api import Prometheus, PrometheusError
from ansible_collections.promfleet.monitoring.plugins.module_utils._prometheus.cost import Costs, measure
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.comparing import earlier_result
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.definition import Definition
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.module import run_module
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.options import cluster_options
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.reporting import tell
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.run import Run

OPTIONS = {
    **SELECTION_OPTIONS,
    "cluster": {"type": "str", "default": "source"},
    "external_labels": {"type": "list", "elements": "str", "default": []},
    "federates": {"type": "bool", "default": False},
    "scrape_interval": {"type": "str", "default": "30s"},
    "scrape_timeout": {"type": "str", "default": "25s"},
    "measure": {"type": "bool", "default": False},
    "team": {"type": "str", "default": "platform"},
    "namespace": {"type": "str"},
    "max_series": {"type": "int", "default": 50000},
    "max_bytes": {"type": "int", "default": 20000000},
    "max_seconds": {"type": "float"},
    "bytes_per_series": {"type": "int"},
    "top": {"type": "int", "default": 10},
}
# What is not known where the source gives no answer.
_CHECKS = ("series", "bytes", "seconds", "memory")


def work(run: Run) -> dict[str, object]:
    """Do what the module is for."""
    params = run.params
    budget, interval = _checked(params)
    suppressions = parse_suppressions(params["suppressions"])
    earlier = earlier_result(params["compare_with"], cluster=params["cluster"])
    match = selected(params)
    measured = bool(params["measure"])
    namespace = (params["namespace"] or f"{NAMESPACE_PREFIX}{params['team']}") if measured else ""
    source = Subject(cluster=params["cluster"], kind="Prometheus", namespace=namespace, name=params["team"])
    findings = lint_findings(
        match,
        external_labels={"team", *params["external_labels"]},
        everything=params["match_everything"],
        source=source,
        federates=params["federates"],
    )
    costs: Costs | None = None
    if measured:
        costs, unseen = _measured(run, match, budget=budget, source=source)
        about = unseen if costs is None else cost_findings(costs, budget=budget, source=source)
        findings = [*judged(findings, costs), *about]
    report = make_report(
        cluster=params["cluster"],
        links=links_of(match, findings, source=source, measured=measured),
        findings=findings,
        suppressions=suppressions,
        today=dt.datetime.now(dt.UTC).date(),
        whole_fleet=True,
        fail_on=params["fail_on"],
        show_from=params["show_from"],
    )
    return {
        **as_result(match, costs, top=params["top"], interval=interval, bytes_per_series=params["bytes_per_series"]),
        **tell(report, params=params, earlier=earlier),
    }


def _checked(params: t.Mapping[str, t.Any]) -> tuple[Budget, float]:
    """The budget, and the interval of a scrape in seconds; raises InputError for what cannot be."""
    interval = (grammar.milliseconds(params["scrape_interval"]) or 0) / 1000
    timeout = (grammar.milliseconds(params["scrape_timeout"]) or 0) / 1000
    with Collecting(None) as errors:
        require_each(grammar.prometheus_label, params["external_labels"], path="external_labels", errors=errors)
        require(grammar.dns_label, params["team"], path="team", errors=errors)
        if params["namespace"] is not None:
            require(grammar.dns_label, params["namespace"], path="namespace", errors=errors)
        for name in ("scrape_interval", "scrape_timeout"):
            require(grammar.duration, params[name], path=name, errors=errors)
        for name in ("max_series", "max_bytes", "max_seconds", "bytes_per_series", "top"):
            if params[name] is not None and params[name] <= 0:
                errors.add(name, f"must be more than 0, found {params[name]:g}")
        if errors.is_good("scrape_interval") and errors.is_good("scrape_timeout") and not 0 < timeout <= interval:
            errors.add(
                "scrape_timeout",
                f"{params['scrape_timeout']!r} must be more than 0 and not longer than the interval, "
                f"{params['scrape_interval']!r}",
            )
    seconds = params["max_seconds"] or timeout
    return Budget(series=params["max_series"], size=params["max_bytes"], seconds=seconds), interval


def _measured(
    run: Run, match: t.Sequence[str], *, budget: Budget, source: Subject
) -> tuple[Costs | None, list[Finding]]:
    """What the source says; without an answer None, and what could not be observed."""
    prometheus = Prometheus(run.cluster, namespace=source.namespace, service=prometheus_name(source.name))
    run.progress.step("asking", total=len(match), unit="selectors")
    try:
        # An answer that takes longer than the budget is still waited for, to say how long it takes.
        return measure(
            prometheus,
            match,
            most=budget.series,
            seconds=2 * budget.seconds + 5,
            step=lambda _selector: run.progress.advance(),
        ), []
    except PrometheusError as error:
        code, reason = "PF006" if error.reached else "PF003", str(error)
    except ClusterError as error:
        code, reason = "PF003", str(error)
    return None, [found(code, source, reason=reason, checks=_CHECKS)]


DEFINITION = Definition(
    name="federation_selectors",
    options=cluster_options({**FINDING_OPTIONS, **OPTIONS}),
    work=work,
    needs_promql=True,
)


def main() -> None:
    """Run the module."""
    run_module(DEFINITION)


if __name__ == "__main__":
    main()
