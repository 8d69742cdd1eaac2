# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What Prometheus servers say, each asked once for everything that is wanted of it."""

from __future__ import annotations

import re
import time
import typing as t
from dataclasses import dataclass

from ansible_collections.promfleet.monitoring.plugins.module_utils._api.client import Cluster
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.errors import NOT_REACHED, ClusterError
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.retry import BRIEF, within
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.federation.queried import (
    QUERY_PORT_NAME,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.federation.scrape import CLAIMED
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.federation.watched import (
    ALERTED,
    RECORDED,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.federation.writes import HEARTBEATS
from ansible_collections.promfleet.monitoring.plugins.module_utils._doctor.asking import Limit
from ansible_collections.promfleet.monitoring.plugins.module_utils._doctor.checks import UNEXPECTED, Fact, Unobserved
from ansible_collections.promfleet.monitoring.plugins.module_utils._doctor.exposed import RULES_WITHIN
from ansible_collections.promfleet.monitoring.plugins.module_utils._doctor.loaded import external_labels, loaded_jobs
from ansible_collections.promfleet.monitoring.plugins.module_utils._findings.finding import Subject
from ansible_collections.promfleet.monitoring.plugins.module_utils._prometheus.api import (
    PORT_NAME,
    Prometheus,
    PrometheusError,
)

JsonObject = dict[str, t.Any]
Value = t.TypeVar("Value")

# Says in a row of a result which question it answers: one request asks several.
_MARK = "promfleet_asked"
# The rows that say of how many replicas of each source series arrive, read or written.
WRITTEN = "written"
_NOW = f'label_replace(vector(time()), "{_MARK}", "now", "", "")'
# The rows that say which groups of rules failed lately.
_FAILED = "failing"
# Two queries for all sources. What the targets themselves leave behind does not count as data of a source.
_SCRAPES = (
    '{__name__=~"scrape_samples_scraped|scrape_samples_post_metric_relabeling",job=~"federation/.+"}'
    ' or prometheus_sd_discovered_targets{name="scrape"}'
)


def scrapes_query(seconds: t.Iterable[float]) -> str:
    """Asks for what the last scrapes gave, and how often each target went up or down in each of these times."""
    flips = (
        f'label_replace(changes(up{{job=~"federation/.+"}}[{one:.0f}s]), "{_MARK}", "{flips_mark(one)}", "", "")'
        for one in sorted(set(seconds))
    )
    return " or ".join([_SCRAPES, *flips])


def flips_mark(seconds: float) -> str:
    """What marks the rows about one of the times of `scrapes_query`."""
    return f"flips in {seconds:.0f} s"


def series_query(fresh: float) -> str:
    """Asks for the series of each cluster, and for those with a sample of the last *fresh* seconds.

    last_over_time keeps the names of metrics; without them series of one cluster would be alike. What the central side
    records about its sources is not their data.
    """
    given = f'cluster!="",__name__!~"{RECORDED}.+",alertname!~"{ALERTED}.+"'
    own = f'{given},job!~"federation/.+"'
    parts = [
        f'label_replace(count by (cluster, job) ({{{given}}}), "{_MARK}", "series", "", "")',
        f'label_replace(count by (cluster) (last_over_time({{{own}}}[{fresh:.0f}s])), "{_MARK}", "fresh", "", "")',
        _written(fresh),
        *(
            f"label_replace(count by (cluster, team, {claimed}) "
            f'(last_over_time({{{claimed}!=""}}[{fresh:.0f}s])), "{_MARK}", "{claimed}", "", "")'
            for claimed in CLAIMED.values()
        ),
        _NOW,
    ]
    return " or ".join(parts)


def _written(fresh: float) -> str:
    """Asks of how many replicas of each source the series that each replica sends have come."""
    sent = f'{{__name__=~"{"|".join(HEARTBEATS)}",cluster!="",prometheus_replica!=""}}'
    replicas = f"count by (cluster, team, prometheus_replica) (last_over_time({sent}[{fresh:.0f}s]))"
    return f'label_replace(count by (cluster, team) ({replicas}), "{_MARK}", "{WRITTEN}", "", "")'


@dataclass(frozen=True, kw_only=True)
class Answers:
    """What one Prometheus says of itself; beside the first two only what one that federates is asked.

    *series* has the rows of `series_query`, *scrapes* those of `scrapes_query`. *offset*: seconds that its clock is
    ahead of ours.
    """

    reload_ok: Fact[bool]
    targets: Fact[t.Sequence[JsonObject]]
    jobs: Fact[t.Mapping[str, JsonObject]]
    scrapes: Fact[t.Sequence[JsonObject]]
    series: Fact[t.Sequence[JsonObject]]
    offset: Fact[float]


@dataclass(frozen=True, kw_only=True)
class ReplicaAnswers:
    """What one replica of a source says through the Service that exposes it."""

    counts: Fact[t.Mapping[str, int]]
    labels: Fact[t.Mapping[str, str]]
    offset: Fact[float]
    # The groups of rules that failed lately.
    failing: Fact[t.Sequence[str]] = ()


def nothing(fact: Unobserved) -> Answers:
    """The one reason why nothing is known of a Prometheus."""
    return Answers(reload_ok=fact, targets=fact, jobs=fact, scrapes=fact, series=fact, offset=fact)


def no_replica(fact: Unobserved) -> ReplicaAnswers:
    """The one reason why nothing is known of a replica."""
    return ReplicaAnswers(counts=fact, labels=fact, offset=fact, failing=fact)


def ask_prometheus(
    cluster: Cluster,
    limit: Limit,
    *,
    namespace: str,
    service: str,
    subject: Subject,
    pools: t.Collection[str],
    fresh: float,
    watched: t.Collection[float] = (),
    federates: bool = False,
    prefix: str = "",
) -> Answers:
    """All that is asked of one Prometheus, or for all of it the one reason why it is not known.

    *pools*: the jobs that its federation has. Without any, and where it does not have sources that write either
    (*federates*), it is asked less. *fresh*: how old a sample may be, in seconds. *watched*: for how long targets must
    have been steady. *prefix*: as for `Prometheus`.
    """

    def ask(prometheus: Prometheus) -> Answers:
        reload_ok = bool(prometheus.runtime_info()["reloadConfigSuccess"])
        targets = prometheus.active_targets()
        if not pools and not federates:
            return Answers(reload_ok=reload_ok, targets=targets, jobs={}, scrapes=(), series=(), offset=0.0)
        began = time.time()
        series = prometheus.query(series_query(fresh))
        return Answers(
            reload_ok=reload_ok,
            targets=targets,
            series=series,
            offset=_offset(series, began=began),
            scrapes=prometheus.query(scrapes_query(watched)),
            jobs=loaded_jobs(prometheus.configuration(), wanted=lambda name: name in pools),
        )

    found = asked(cluster, limit, namespace=namespace, service=service, prefix=prefix, subject=subject, ask=ask)
    return nothing(found) if isinstance(found, Unobserved) else found


def ask_replica(
    cluster: Cluster,
    limit: Limit,
    *,
    namespace: str,
    service: str,
    subject: Subject,
    match: t.Sequence[str],
    prefix: str = "",
) -> ReplicaAnswers:
    """How many series each selector of *match* finds on a replica, and the labels that it runs with."""
    parts = [f'label_replace(count({one}), "{_MARK}", "{number}", "", "")' for number, one in enumerate(match)]
    expression = " or ".join([*parts, _failing(namespace), _NOW])

    def ask(prometheus: Prometheus) -> ReplicaAnswers:
        began = time.time()
        rows = prometheus.query(expression)
        offset = _offset(rows, began=began)
        counts = marked(rows)
        return ReplicaAnswers(
            counts={one: int(counts.get(str(number), 0)) for number, one in enumerate(match)},
            labels=external_labels(prometheus.configuration()),
            offset=offset,
            failing=tuple(sorted({_group_of(labels) for labels, _number in rows_of(rows, _FAILED)})),
        )

    found = asked(cluster, limit, namespace=namespace, service=service, prefix=prefix, subject=subject, ask=ask)
    return no_replica(found) if isinstance(found, Unobserved) else found


def ask_query(
    cluster: Cluster, limit: Limit, *, namespace: str, service: str, subject: Subject
) -> t.Sequence[JsonObject] | Unobserved:
    """What a Thanos Query says of the sidecars that it asks."""
    return asked(
        cluster,
        limit,
        namespace=namespace,
        service=service,
        prefix="",
        port=QUERY_PORT_NAME,
        subject=subject,
        ask=lambda query: query.stores(),
    )


def asked(
    cluster: Cluster,
    limit: Limit,
    *,
    namespace: str,
    service: str,
    prefix: str,
    subject: Subject,
    ask: t.Callable[[Prometheus], Value],
    port: str = PORT_NAME,
) -> Value | Unobserved:
    """What *ask* gets from one Prometheus, or why it got nothing; *prefix* and *port*: as for `Prometheus`."""
    prometheus = Prometheus(
        cluster,
        namespace=namespace,
        service=service,
        prefix=prefix,
        port=port,
        patience=lambda: within(BRIEF, limit.left),
    )
    try:
        return ask(prometheus)
    except PrometheusError as error:
        if error.refused:
            # One right that is missing for all, not a fault of each instance.
            every = Subject(cluster=subject.cluster, kind="Service", name="*")
            return Unobserved(code="PF002", object=every, evidence={"reason": _of_all(str(error))})
        code, reason = "PF006" if error.reached else "PF003", str(error)
    except ClusterError as error:
        # Whether the API server itself is down shows where it is asked for objects.
        code, reason = "PF003", str(error).replace(NOT_REACHED, "no answer")
    except UNEXPECTED as error:
        code, reason = "PF006", f"unexpected answer: {error!r}"
    return Unobserved(code=code, object=subject, evidence={"reason": reason})


def _of_all(reason: str) -> str:
    """The API server's refusal without the name of the one Service that was asked for."""
    return re.sub(r'services "[^"]*" is forbidden', "services are forbidden", reason)


def _failing(namespace: str) -> str:
    """Asks for the groups of rules of which an evaluation failed lately, as the Prometheus counts it itself."""
    own = f'prometheus_rule_evaluation_failures_total{{namespace="{namespace}"}}[{RULES_WITHIN:.0f}s]'
    return f'label_replace(sum by (rule_group) (increase({own})) > 0, "{_MARK}", "{_FAILED}", "", "")'


def _group_of(labels: t.Mapping[str, str]) -> str:
    """The name of a group of rules, without the file that it is in."""
    return str(labels.get("rule_group", "")).rpartition(";")[2]


def _offset(rows: t.Sequence[JsonObject], *, began: float) -> float:
    """How far its clock is ahead; half of what the request took is the way there."""
    return round(marked(rows)["now"] - (began + time.time()) / 2, 3)


def marked(rows: t.Sequence[JsonObject]) -> dict[str, float]:
    """The values of rows by what was asked; of what has many rows the last one."""
    return {str(row["metric"].get(_MARK, "")): float(row["value"][1]) for row in rows}


def rows_of(rows: t.Sequence[JsonObject], asked: str) -> list[tuple[t.Mapping[str, str], float]]:
    """The rows of one question: labels and value."""
    return [(row["metric"], float(row["value"][1])) for row in rows if row["metric"].get(_MARK) == asked]
