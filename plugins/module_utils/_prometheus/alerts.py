# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which selectors of ``match[]`` find the series in which Prometheus shows its alerts. Pure."""

from __future__ import annotations

import typing as t

from ansible_collections.promfleet.monitoring.plugins.module_utils._prometheus import languages
from ansible_collections.promfleet.monitoring.plugins.module_utils._prometheus.promql import (
    METRIC_NAME,
    Fault,
    Matcher,
    read_selector,
)

ALERTS = "ALERTS"

_IS_ALERTS = Matcher(label=METRIC_NAME, operator="=", value=ALERTS)


def split_alerts(match: t.Sequence[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The selectors that find other series than ALERTS, and those that find ALERTS alone; *match* are good ones.

    One that may find both is in the first list as it is, and in the second with the name as one more matcher.
    """
    rest: list[str] = []
    alerts: list[str] = []
    for text in match:
        selector = read_selector(text)
        if isinstance(selector, Fault):
            raise ValueError(selector.reason)  # noqa: TRY004 - the text is wrong, not its type
        if _IS_ALERTS in selector.matchers:
            alerts.append(text)
            continue
        rest.append(text)
        if all(_lets_pass(matcher, ALERTS) for matcher in selector.matchers if matcher.label == METRIC_NAME):
            alerts.append(f"{{{','.join(map(str, (_IS_ALERTS, *selector.matchers)))}}}")
    return tuple(rest), tuple(alerts)


def _lets_pass(matcher: Matcher, value: str) -> bool:
    """Whether a value can pass; it can where the regular expression is not understood."""
    wanted = matcher.operator in ("=", "=~")
    if matcher.operator in ("=", "!="):
        return (matcher.value == value) is wanted
    pattern = languages.read(matcher.value)
    return pattern is None or languages.has(pattern.values, value) is wanted
