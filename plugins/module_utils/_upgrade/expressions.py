# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What expressions of rules, and selectors of federation, ask for. Pure."""

from __future__ import annotations

import typing as t
from collections.abc import Iterator
from dataclasses import dataclass

from ansible_collections.promfleet.monitoring.plugins.module_utils._api.kinds import key_of
from ansible_collections.promfleet.monitoring.plugins.module_utils._prometheus.promql import (
    METRIC_NAME,
    Selector,
    selectors_in,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._upgrade.fields import values_at
from ansible_collections.promfleet.monitoring.plugins.module_utils._upgrade.model import Case, Evidence, JsonObject


@dataclass(frozen=True, kw_only=True)
class Expression:
    """A PromQL text, and where it is."""

    object: JsonObject
    path: str
    text: str

    def evidence(self, *, certain: bool = True, value: str = "") -> Evidence:
        """This expression as evidence, or a part of it."""
        text = " ".join((value or self.text).split())
        shown = text if len(text) <= 200 else f"{text[:200]}..."
        return Evidence(object=key_of(self.object), path=self.path, value=shown, certain=certain)


def rules_of(case: Case) -> Iterator[Expression]:
    """The expressions of all rules that the changed instances select."""
    for rule in case.selected("PrometheusRule"):
        yield from expressions_of(rule)


def expressions_of(rule: JsonObject) -> Iterator[Expression]:
    """The expressions of one PrometheusRule."""
    for place, text in values_at(rule, "spec.groups[].rules[].expr"):
        if isinstance(text, str | int):
            yield Expression(object=rule, path=place, text=str(text))


def federated(case: Case) -> Iterator[Expression]:
    """The selectors of ``match[]``, by whichever instance they are sent: they are for series of another one."""
    for kind, list_path in (("ScrapeConfig", "spec.params"), ("ServiceMonitor", "spec.endpoints[].params")):
        for obj in case.live.of(kind):
            for place, params in values_at(obj, list_path):
                for number, text in enumerate((params.get("match[]") or ()) if isinstance(params, dict) else ()):
                    yield Expression(object=obj, path=f"{place}.match[][{number}]", text=str(text))


def judged(
    expressions: t.Iterable[Expression], *, about: t.Callable[[str], bool], wrong: t.Callable[[Expression], str]
) -> Iterator[Evidence]:
    """Evidence of those *expressions* in which something is *wrong* (the part, empty if nothing is).

    Only texts that may be *about* the matter are parsed. What cannot be parsed is not known.
    """
    for one in expressions:
        if not about(one.text):
            continue
        try:
            part = wrong(one)
        except ValueError as error:
            yield one.evidence(certain=False, value=f"is not understood as PromQL: {error}")
            continue
        if part:
            yield one.evidence(value=part)


def metrics_of(selectors: t.Iterable[Selector]) -> set[str]:
    """The names of metrics that selectors name."""
    return {
        matcher.value
        for selector in selectors
        for matcher in selector.matchers
        if matcher.label == METRIC_NAME and matcher.operator == "="
    }


def uses(*metrics: str) -> t.Callable[[Expression], str]:
    """Finds expressions that use all these *metrics*."""

    def wrong(one: Expression) -> str:
        return one.text if set(metrics) <= metrics_of(selectors_in(one.text)) else ""

    return wrong
