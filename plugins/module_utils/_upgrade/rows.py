# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the rows of the table of risks are made of. Pure."""

from __future__ import annotations

from ansible_collections.promfleet.monitoring.plugins.module_utils._upgrade.model import OPERATOR, Check, Risk
from ansible_collections.promfleet.monitoring.plugins.module_utils._upgrade.versions import parse_range

OPERATOR_PULL = "https://github.com/prometheus-operator/prometheus-operator/pull"
PROMETHEUS_PULL = "https://github.com/prometheus/prometheus/pull"
ALERTMANAGER_PULL = "https://github.com/prometheus/alertmanager/pull"

SERVERS = ("Prometheus", "PrometheusAgent")
MONITORS = ("PodMonitor", "Probe", "ScrapeConfig", "ServiceMonitor")
# Their limits for a scrape; an instance has enforced ones beside them.
LIMITS = (
    "keepDroppedTargets",
    "labelLimit",
    "labelNameLengthLimit",
    "labelValueLengthLimit",
    "sampleLimit",
    "targetLimit",
)
_SHOWN = 120


def enforced(limit: str) -> str:
    """The field of an instance that enforces a limit."""
    return f"enforced{limit[0].upper()}{limit[1:]}"


def shown(value: object) -> str:
    """A value as evidence, not longer than a line."""
    text = "" if value is None else " ".join(str(value).split())
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."


def row(
    id_: str,
    *,
    since: str,
    title: str,
    breaks: str,
    exposure: str,
    fix: str,
    reference: str,
    proof: str,
    check: Check,
    reads: tuple[str, ...],
    component: str = OPERATOR,
    before: str = "",
    after: str = "",
) -> Risk:
    """A row, by default about what crosses the release *since*; *before* and *after* narrow that."""
    return Risk(
        id=id_,
        component=component,
        before=parse_range(before or f"<{since}"),
        after=parse_range(after or f">={since}"),
        title=title,
        breaks=breaks,
        exposure=exposure,
        fix=fix,
        reference=reference,
        proof=proof,
        reads=reads,
        check=check,
    )
