# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What selectors cost: asks a running Prometheus for series first, and for bodies of /federate only where they are few.

Series are counted as /federate would return them now: neither looks further back than the lookback of queries.
"""

from __future__ import annotations

import gzip
import re
import typing as t
from dataclasses import dataclass

from ansible_collections.promfleet.monitoring.plugins.module_utils._prometheus import languages
from ansible_collections.promfleet.monitoring.plugins.module_utils._prometheus.api import Prometheus
from ansible_collections.promfleet.monitoring.plugins.module_utils._prometheus.promql import (
    METRIC_NAME,
    Selector,
    read_selector,
)

# What Prometheus tells about itself: the memory of its process, and the series that it holds in memory.
MEMORY = "process_resident_memory_bytes"
HEAD_SERIES = "prometheus_tsdb_head_series"

_LABEL = re.compile(rb'([a-zA-Z_][a-zA-Z0-9_]*)="(?:[^"\\]|\\.)*"')


@dataclass(frozen=True, kw_only=True)
class Body:
    """One answer of /federate: samples, bytes as text and compressed, seconds that it took, names of its labels.

    *compressed* is what gzip makes of it here: what Prometheus sends differs by a few percent.
    """

    samples: int
    size: int
    compressed: int
    seconds: float
    labels: frozenset[str]


@dataclass(frozen=True, kw_only=True)
class Cost:
    """What one selector costs; *body* is None where it was not fetched, *refusal* why the source does not take it.

    *names*: the series of each metric. *missing*: names that the selector lists and that no series has now.
    """

    selector: str
    names: t.Mapping[str, int]
    missing: tuple[str, ...] = ()
    body: Body | None = None
    refusal: str = ""

    @property
    def series(self) -> int:
        """The number of its series."""
        return sum(self.names.values())


@dataclass(frozen=True, kw_only=True)
class Costs:
    """What all selectors cost together. A series that several select counts for each of them in *series*.

    *together* is the one answer for all of them, as a scrape gets it; None where it was not fetched. *bytes_per_series*
    is the memory of the asked Prometheus for each series that it holds; None if it does not tell.
    """

    selectors: tuple[Cost, ...]
    together: Body | None
    bytes_per_series: int | None

    @property
    def series(self) -> int:
        """The series of all selectors."""
        return sum(cost.series for cost in self.selectors)

    def largest(self, number: int) -> list[tuple[str, int]]:
        """The *number* metrics with the most series, each with their count."""
        names: dict[str, int] = {}
        for cost in self.selectors:
            for name, count in cost.names.items():
                names[name] = names.get(name, 0) + count
        return sorted(names.items(), key=lambda pair: (-pair[1], pair[0]))[:number]


def measure(
    prometheus: Prometheus, texts: t.Sequence[str], *, most: int, seconds: float, step: t.Callable[[str], None]
) -> Costs:
    """Ask *prometheus* what the selectors *texts* cost. Bodies are fetched only if there are at most *most* series.

    *seconds* is how long one body is waited for; *step* is called with each selector. Raises ClusterError.
    """
    costs = []
    for text in texts:
        step(text)
        costs.append(_count(prometheus, text))
    together = None
    accepted = [cost.selector for cost in costs if not cost.refusal]
    if accepted and sum(cost.series for cost in costs) <= most:
        bodies = {text: _body(prometheus, [text], seconds=seconds) for text in accepted}
        costs = [_with(cost, body=bodies.get(cost.selector)) for cost in costs]
        together = bodies[accepted[0]] if len(accepted) == 1 else _body(prometheus, accepted, seconds=seconds)
    return Costs(selectors=tuple(costs), together=together, bytes_per_series=_bytes_per_series(prometheus))


def _count(prometheus: Prometheus, text: str) -> Cost:
    refusal = prometheus.refusal_of(text)
    if refusal:
        return Cost(selector=text, names={}, refusal=refusal)
    found = prometheus.query(f"count by ({METRIC_NAME}) ({text})")
    names = {str(sample["metric"].get(METRIC_NAME, "")): int(float(sample["value"][1])) for sample in found}
    read = read_selector(text)
    listed = names_in(read) if isinstance(read, Selector) else ()
    return Cost(selector=text, names=names, missing=tuple(name for name in listed if name not in names))


def names_in(selector: Selector) -> tuple[str, ...]:
    """The names of metrics that a selector lists one by one, as ``{__name__=~"a|b"}`` does. Pure."""
    for matcher in selector.matchers:
        pattern = languages.read(matcher.value) if (matcher.label, matcher.operator) == (METRIC_NAME, "=~") else None
        if pattern is not None:
            texts = [languages.plain_text(values) for values in pattern.alternatives]
            return tuple(dict.fromkeys(text for text in texts if text))
    return ()


def body_of(data: bytes, *, seconds: float) -> Body:
    """What an answer of /federate consists of. Pure."""
    samples = [line for line in data.splitlines() if line and not line.startswith(b"#")]
    return Body(
        samples=len(samples),
        size=len(data),
        compressed=len(gzip.compress(data, compresslevel=6, mtime=0)),
        seconds=seconds,
        labels=frozenset(match[1].decode() for line in samples for match in _LABEL.finditer(line)),
    )


def _body(prometheus: Prometheus, texts: t.Sequence[str], *, seconds: float) -> Body:
    data, took = prometheus.federate(texts, seconds=seconds)
    return body_of(data, seconds=took)


def _with(cost: Cost, *, body: Body | None) -> Cost:
    return Cost(selector=cost.selector, names=cost.names, missing=cost.missing, body=body, refusal=cost.refusal)


def _bytes_per_series(prometheus: Prometheus) -> int | None:
    own = prometheus.own_metrics((MEMORY, HEAD_SERIES))
    memory, series = own.get(MEMORY), own.get(HEAD_SERIES)
    return round(memory / series) if memory and series else None
