# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What Prometheus 2.50 to 3.13 and Alertmanager 0.26 to 0.33 break. Pure.

Each row was read in the migration guide or changelog, and in the sources of the releases before and after it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from ansible_collections.promfleet.monitoring.plugins.module_utils._api.kinds import key_of
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.grammar import milliseconds
from ansible_collections.promfleet.monitoring.plugins.module_utils._prometheus.promql import (
    selectors_in,
    subqueries_in,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._upgrade.expressions import (
    Expression,
    expressions_of,
    federated,
    judged,
    rules_of,
    uses,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._upgrade.fields import value_at, values_at
from ansible_collections.promfleet.monitoring.plugins.module_utils._upgrade.model import (
    ALERTMANAGER,
    BY_PROGRAM,
    BY_SOURCE,
    PROMETHEUS,
    Case,
    Evidence,
    JsonObject,
    Risk,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._upgrade.rows import (
    ALERTMANAGER_PULL,
    MONITORS,
    PROMETHEUS_PULL,
    SERVERS,
    row,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._upgrade.versions import parse_version

_GUIDE = "https://prometheus.io/docs/prometheus/latest/migration/"
_RULES = ("Namespace", "Prometheus", "PrometheusRule")
_SCRAPES = ("Namespace", *SERVERS, *MONITORS)


def _features(obj: JsonObject) -> tuple[str, ...]:
    return tuple((obj.get("spec") or {}).get("enableFeatures") or ())


# -- rules ---------------------------------------------------------------------------------------------------------

_HOLT_WINTERS = re.compile(r"\bholt_winters\s*\(")
_BOUNDS = ("le", "quantile")
_WHOLE = re.compile(r"\d+", re.ASCII)
_ALTERNATIVES = re.compile(r"[()|]")
_FULL, _LENGTH = "prometheus_notifications_queue_capacity", "prometheus_notifications_queue_length"
_MARKED = "alertmanager_marked_alerts"


def _holt_winters(case: Case) -> Iterator[Evidence]:
    yield from (one.evidence() for one in rules_of(case) if _HOLT_WINTERS.search(one.text))


def _whole_bound(one: Expression) -> str:
    """The matcher of an expression that asks for a bound without a dot, which Prometheus 3 writes with one."""
    for selector in selectors_in(one.text):
        for matcher in selector.matchers:
            if matcher.label not in _BOUNDS:
                continue
            values = [matcher.value] if matcher.operator in ("=", "!=") else _ALTERNATIVES.split(matcher.value)
            if any(_WHOLE.fullmatch(value) for value in values):
                return f"{matcher} in {one.text}"
    return ""


def _whole_bounds(case: Case) -> Iterator[Evidence]:
    def about(text: str) -> bool:
        return any(bound in text for bound in _BOUNDS)

    yield from judged([*rules_of(case), *federated(case)], about=about, wrong=_whole_bound)


def _short_subqueries(case: Case) -> Iterator[Evidence]:
    # Where several instances evaluate a rule at different intervals, the longest one decides.
    intervals = [
        milliseconds(str(value_at(obj, "spec.evaluationInterval") or "30s")) or 0 for obj in case.subjects("Prometheus")
    ]
    default = max(intervals, default=30_000) / 1000

    def wrong(one: Expression) -> str:
        short = (sub for sub in subqueries_in(one.text) if sub.range <= (default if sub.step is None else sub.step))
        return next((sub.text for sub in short), "")

    yield from judged(rules_of(case), about=lambda text: ":" in text and "[" in text, wrong=wrong)


def _queue_rules(case: Case) -> Iterator[Evidence]:
    yield from judged(rules_of(case), about=lambda text: _LENGTH in text and _FULL in text, wrong=uses(_LENGTH, _FULL))


def _marked_alerts(case: Case) -> Iterator[Evidence]:
    # Any Prometheus may scrape the Alertmanager.
    every = [one for rule in case.live.of("PrometheusRule") for one in expressions_of(rule)]
    yield from judged(every, about=lambda text: _MARKED in text, wrong=uses(_MARKED))


# -- instances -----------------------------------------------------------------------------------------------------

_GONE_FLAGS = ("alertmanager.timeout", "storage.tsdb.allow-overlapping-blocks", "storage.tsdb.retention")
# Features that became fields of the custom resource.
_RECEIVERS = {"remote-write-receiver": "enableRemoteWriteReceiver", "otlp-write-receiver": "enableOTLPReceiver"}
_PORT = re.compile(r":\d+$")
_RAW = ("additionalScrapeConfigs", "additionalAlertManagerConfigs", "additionalAlertRelabelConfigs")


def _gone_flags(case: Case) -> Iterator[Evidence]:
    for obj in case.subjects(*SERVERS):
        for place, argument in values_at(obj, "spec.additionalArgs[]"):
            if argument.get("name") in _GONE_FLAGS:
                yield Evidence(object=key_of(obj), path=f"{place}.name", value=argument["name"])


def _receivers(case: Case) -> Iterator[Evidence]:
    for obj in case.subjects("Prometheus"):
        for feature, field in _RECEIVERS.items():
            if feature in _features(obj) and not obj["spec"].get(field):
                yield Evidence(object=key_of(obj), path="spec.enableFeatures", value=f"{feature}, without spec.{field}")


def _expanded_labels(case: Case) -> Iterator[Evidence]:
    for obj in case.subjects(*SERVERS):
        if "expand-external-labels" in _features(obj):
            continue
        for place, value in values_at(obj, "spec.externalLabels{}"):
            if "$" in str(value):
                yield Evidence(object=key_of(obj), path=place, value=str(value))


def _portless_targets(case: Case) -> Iterator[Evidence]:
    if all("no-default-scrape-port" in _features(obj) for obj in case.subjects(*SERVERS)):
        return
    for obj in case.selected("ScrapeConfig"):
        for place, targets in values_at(obj, "spec.staticConfigs[].targets"):
            for target in targets or ():
                if not _PORT.search(str(target)):
                    yield Evidence(object=key_of(obj), path=place, value=str(target))


def _old_blocks(case: Case) -> Iterator[Evidence]:
    for obj in case.subjects("Prometheus"):
        if value_at(obj, "spec.storage.volumeClaimTemplate"):
            yield Evidence(object=key_of(obj), path="spec.storage.volumeClaimTemplate", value="keeps its data")


def _native_histograms(case: Case) -> Iterator[Evidence]:
    for obj in case.subjects(*SERVERS):
        if "native-histograms" in _features(obj) and not obj["spec"].get("scrapeNativeHistograms"):
            value = "native-histograms, without spec.scrapeNativeHistograms"
            yield Evidence(object=key_of(obj), path="spec.enableFeatures", value=value)


def _without_fallback(case: Case) -> Iterator[Evidence]:
    classes = [
        one.get("fallbackScrapeProtocol")
        for obj in case.subjects(*SERVERS)
        for one in (obj["spec"].get("scrapeClasses") or ())
        if one.get("default")
    ]
    # With several instances the monitors that one of them selects are not told apart.
    if classes and all(classes) and len(classes) == len(list(case.subjects(*SERVERS))):
        return
    for kind in MONITORS:
        for obj in case.selected(kind):
            if not obj["spec"].get("fallbackScrapeProtocol"):
                value = "is not given; whether its targets send a Content-Type is not seen in objects"
                yield Evidence(object=key_of(obj), path="spec.fallbackScrapeProtocol", value=value, certain=False)


def _raw_configuration(case: Case) -> Iterator[Evidence]:
    for obj in case.subjects(*SERVERS):
        for name in _RAW:
            if obj["spec"].get(name):
                value = "is configuration in a Secret, which is not read"
                yield Evidence(object=key_of(obj), path=f"spec.{name}", value=value, certain=False)


def _old_alert_api(case: Case) -> Iterator[Evidence]:
    for obj in case.live.of("Prometheus"):
        change = case.change_of(obj)
        if change is not None and change.after is not None and change.after >= parse_version("3.0.0"):
            # The operator writes no v1 for Prometheus 3.
            continue
        for place, value in values_at(obj, "spec.alerting.alertmanagers[].apiVersion"):
            if str(value).lower() == "v1":
                yield Evidence(object=key_of(obj), path=place, value=str(value))


def _gone_feature(case: Case) -> Iterator[Evidence]:
    for obj in case.subjects("Alertmanager"):
        if "auto-gomaxprocs" in _features(obj):
            yield Evidence(object=key_of(obj), path="spec.enableFeatures", value="auto-gomaxprocs")


RISKS: tuple[Risk, ...] = (
    row(
        "prom-removed-flags",
        component=PROMETHEUS,
        since="3.0.0",
        title="Flags were removed",
        breaks="Prometheus 3 does not start with a flag that it does not know.",
        exposure=f"spec.additionalArgs has one of {', '.join(_GONE_FLAGS)}",
        fix="remove the argument; for the retention set spec.retention",
        reference=f"{PROMETHEUS_PULL}/14640",
        proof=BY_PROGRAM,
        reads=SERVERS,
        check=_gone_flags,
    ),
    row(
        "prom-receivers",
        component=PROMETHEUS,
        since="3.0.0",
        title="Receivers are no longer switched on by features",
        breaks="The receivers of remote write and OTLP answer 404: the features are unknown, and only warned of.",
        exposure="spec.enableFeatures has remote-write-receiver or otlp-write-receiver, without the field for it",
        fix="set spec.enableRemoteWriteReceiver or spec.enableOTLPReceiver",
        reference=_GUIDE + "#flags",
        proof=BY_SOURCE,
        reads=("Prometheus",),
        check=_receivers,
    ),
    row(
        "prom-external-labels",
        component=PROMETHEUS,
        since="3.0.0",
        title="Variables in external labels are replaced",
        breaks="A $ in the value of an external label begins the name of an environment variable. The label changes.",
        exposure="A $ in spec.externalLabels, without the feature expand-external-labels",
        fix="write $$ for each $",
        reference=_GUIDE + "#flags",
        proof=BY_SOURCE,
        reads=SERVERS,
        check=_expanded_labels,
    ),
    row(
        "prom-target-ports",
        component=PROMETHEUS,
        since="3.0.0",
        title="Targets get no port that is not given",
        breaks="The label instance of a target without a port has no :80 or :443 any more: its series are new ones.",
        exposure="A selected ScrapeConfig with a static target without a port",
        fix="write the port of each target",
        reference=_GUIDE + "#flags",
        proof=BY_SOURCE,
        reads=("Namespace", *SERVERS, "ScrapeConfig"),
        check=_portless_targets,
    ),
    row(
        "prom-holt-winters",
        component=PROMETHEUS,
        since="3.0.0",
        title="holt_winters is called double_exponential_smoothing",
        breaks="Prometheus 3 does not load rules that call holt_winters.",
        exposure="A selected rule that calls holt_winters",
        fix="call double_exponential_smoothing, and add promql-experimental-functions to spec.enableFeatures",
        reference=_GUIDE + "#holt_winters-function-renamed",
        proof=BY_PROGRAM,
        reads=_RULES,
        check=_holt_winters,
    ),
    row(
        "prom-short-subqueries",
        component=PROMETHEUS,
        since="3.0.0",
        title="A subquery as long as its step has one sample",
        breaks="Ranges no longer include their left boundary: rate() and others get one sample, and give nothing.",
        exposure="A selected rule with a subquery whose range is not longer than its step",
        fix="make the range at least twice the step",
        reference=_GUIDE + "#range-selectors-and-lookback-exclude-samples-coinciding-with-the-left-boundary",
        proof=BY_PROGRAM,
        reads=_RULES,
        check=_short_subqueries,
    ),
    row(
        "prom-whole-bounds",
        component=PROMETHEUS,
        since="3.0.0",
        title='Values of le and quantile have a dot: le="1.0"',
        breaks='A selector with le="1" finds nothing: the value is written as 1.0 in all formats that targets send.',
        exposure="A selected rule, or a match[] of federation, that asks for a whole number without a dot",
        fix='ask for both, le=~"1|1.0", until the old series are over',
        reference=_GUIDE + "#le-and-quantile-label-values",
        proof=BY_SOURCE,
        reads=(*_RULES, "ScrapeConfig", "ServiceMonitor"),
        check=_whole_bounds,
    ),
    row(
        "prom-content-type",
        component=PROMETHEUS,
        since="3.0.0",
        title="A scrape fails where the target sends no valid Content-Type",
        breaks="Prometheus 2 read such an answer as its text format; Prometheus 3 fails, and the target is down.",
        exposure="A selected monitor without fallbackScrapeProtocol. Never more than unknown: objects do not show it",
        fix="ask the targets for their Content-Type, or set fallbackScrapeProtocol: PrometheusText0.0.4",
        reference=_GUIDE + "#scrape-protocols",
        proof=BY_SOURCE,
        reads=_SCRAPES,
        check=_without_fallback,
    ),
    row(
        "prom-raw-configuration",
        component=PROMETHEUS,
        since="3.0.0",
        title="Raw configuration may hold what Prometheus 3 refuses",
        breaks="Prometheus 3 does not load api_version: v1 of an Alertmanager, and scrape_classic_histograms.",
        exposure="An instance with additionalScrapeConfigs and the like. Never more than unknown",
        fix="check the file with promtool of the new release",
        reference=_GUIDE + "#disallow-configuring-alertmanager-with-the-v1-api",
        proof=BY_PROGRAM,
        reads=SERVERS,
        check=_raw_configuration,
    ),
    row(
        "prom-old-blocks",
        component=PROMETHEUS,
        since="3.0.0",
        before="<2.55.0",
        title="There is no way back to a release before 2.55",
        breaks="Releases before 2.55 cannot read the data that Prometheus 3 writes. A rollback loses the volume.",
        exposure="A Prometheus before 2.55 with a volume claim",
        fix="upgrade to 2.55 first, and roll back to that only",
        reference=_GUIDE + "#tsdb-format-and-downgrade",
        proof=BY_SOURCE,
        reads=("Prometheus",),
        check=_old_blocks,
    ),
    row(
        "prom-native-histograms",
        component=PROMETHEUS,
        since="3.9.0",
        title="The feature native-histograms does nothing",
        breaks="Native histograms are no longer scraped: only scrape_native_histograms asks for them.",
        exposure="spec.enableFeatures has native-histograms, without spec.scrapeNativeHistograms",
        fix="set spec.scrapeNativeHistograms (operator 0.88 or later)",
        reference=f"{PROMETHEUS_PULL}/17528",
        proof=BY_SOURCE,
        reads=SERVERS,
        check=_native_histograms,
    ),
    row(
        "prom-queue-length",
        component=PROMETHEUS,
        since="3.10.0",
        title="The length of the notification queue has the label alertmanager",
        breaks="Its capacity has no such label: an expression that compares both finds no pair, and no alert fires.",
        exposure=f"A selected rule that uses both {_LENGTH} and {_FULL}",
        fix="aggregate the length: max without (alertmanager) (...)",
        reference=f"{PROMETHEUS_PULL}/16355",
        proof=BY_PROGRAM,
        reads=_RULES,
        check=_queue_rules,
    ),
    row(
        "am-api-v1",
        component=ALERTMANAGER,
        since="0.27.0",
        title="The API v1 was removed",
        breaks="Alertmanager answers 410 to alerts that come by /api/v1: no alert of that Prometheus arrives.",
        exposure="A Prometheus before 3.0 with apiVersion v1 in spec.alerting.alertmanagers",
        fix="set apiVersion: v2 in the Prometheus",
        reference=f"{ALERTMANAGER_PULL}/2970",
        proof=BY_SOURCE,
        reads=("Prometheus",),
        check=_old_alert_api,
    ),
    row(
        "am-gomaxprocs",
        component=ALERTMANAGER,
        since="0.33.0",
        title="The feature auto-gomaxprocs was removed",
        breaks="Alertmanager does not start with a feature that it does not know.",
        exposure="spec.enableFeatures has auto-gomaxprocs",
        fix="remove it; it has had no effect since 0.29",
        reference=f"{ALERTMANAGER_PULL}/5090",
        proof=BY_PROGRAM,
        reads=("Alertmanager",),
        check=_gone_feature,
    ),
    row(
        "am-marked-alerts",
        component=ALERTMANAGER,
        since="0.33.0",
        title=f"The metric {_MARKED} was removed",
        breaks="A rule that uses it has no data, and its alert never fires.",
        exposure="A rule that uses it",
        fix="use alertmanager_alerts",
        reference=f"{ALERTMANAGER_PULL}/5047",
        proof=BY_SOURCE,
        reads=("PrometheusRule",),
        check=_marked_alerts,
    ),
)
