# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What of a source is federated: presets and own selectors, and what is wrong with them. Pure."""

from __future__ import annotations

import typing as t

from ansible_collections.promfleet.monitoring.plugins.module_utils._base.marks import federation_job
from ansible_collections.promfleet.monitoring.plugins.module_utils._findings.catalogue import CODES
from ansible_collections.promfleet.monitoring.plugins.module_utils._findings.finding import Finding, Subject, found
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.errors import Errors
from ansible_collections.promfleet.monitoring.plugins.module_utils._prometheus.selectors import Remark, lint

# Whether the source's Prometheus works: load, rules, notifications, storage.
_HEALTH = (
    "prometheus_config_last_reload_successful",
    "prometheus_notifications_dropped_total",
    "prometheus_notifications_errors_total",
    "prometheus_rule_evaluation_failures_total",
    "prometheus_rule_group_iterations_missed_total",
    "prometheus_tsdb_head_series",
    "prometheus_tsdb_wal_corruptions_total",
)
_VERSIONS = (
    "alertmanager_build_info",
    "kubernetes_build_info",
    "prometheus_build_info",
    "prometheus_operator_build_info",
)


def _named(names: t.Iterable[str]) -> str:
    return f'{{__name__=~"{"|".join(names)}"}}'


# Selectors that many want, by name. They are disjoint: any of them can be combined.
PRESETS: dict[str, str] = {
    # What rules have recorded: a colon in the name is Prometheus' own convention for that.
    "recorded": '{__name__=~"[^:]+:.+"}',
    "alerts": 'ALERTS{alertstate="firing"}',
    # Without the source's own federation, which the central side would take for its own.
    "up": f'up{{job!~"{federation_job(cluster=".+", team=".+")}"}}',
    "prometheus": _named(_HEALTH),
    "versions": _named(_VERSIONS),
}
DEFAULT_PRESETS = ("recorded", "alerts")

# The options of a source that say what is federated; without either of the first two it is DEFAULT_PRESETS.
SELECTION_OPTIONS: dict[str, dict[str, t.Any]] = {
    "match": {"type": "list", "elements": "str"},
    "match_presets": {"type": "list", "elements": "str", "choices": list(PRESETS)},
    "match_everything": {"type": "bool", "default": False},
}
# What its opt-in allows.
_EVERYTHING = "PF335"
# What `check_selector` says about a text that is not a selector is said already.
_NOT_READ = frozenset({"PF330", "PF331", "PF332", "PF333", "PF334"})


def preset_selectors(names: t.Iterable[str]) -> list[str]:
    """The selectors of presets, in the order of the table."""
    wanted = set(names)
    return [selector for name, selector in PRESETS.items() if name in wanted]


def selected(values: t.Mapping[str, t.Any]) -> list[str]:
    """What a source's validated options (SELECTION_OPTIONS) select: its own selectors first, then those of presets."""
    own, presets = values["match"], values["match_presets"]
    names = DEFAULT_PRESETS if own is None and presets is None else presets or ()
    return [*(own or ()), *(selector for selector in preset_selectors(names) if selector not in (own or ()))]


def check_selection(
    match: t.Sequence[str],
    *,
    everything: bool,
    labels: t.Collection[str],
    path: str,
    errors: Errors,
    federates: bool = False,
) -> None:
    """Note in *errors* each selector of a source that can never work, or that selects everything without its opt-in.

    *labels* are what the central side adds to the series of the source. *path* is the place of the list. *federates*:
    whether the source has series of other clusters, with their labels.
    """
    for remark in _remarks(match, labels=labels, federates=federates):
        place = f"{path}[{remark.index}]"
        if remark.code == _EVERYTHING and everything:
            continue
        if CODES[remark.code].severity == "error" and errors.is_good(place):
            finding = _finding(remark, Subject(cluster="", kind="Selector", name=match[remark.index]))
            hint = "; match_everything allows it" if remark.code == _EVERYTHING else ""
            errors.add(place, f"{_without_head(finding)}; {finding.fix}{hint} ({finding.code})")


def selection_warnings(match: t.Sequence[str], *, labels: t.Collection[str], federates: bool = False) -> list[str]:
    """What is doubtful about selectors that can work; *labels* are the external labels of the source."""
    subject = Subject(cluster="", kind="Selector", name="match[]")
    findings = [_finding(remark, subject) for remark in _remarks(match, labels=labels, federates=federates)]
    return [
        f"{finding.message}; {finding.fix} ({finding.code})" for finding in findings if finding.severity == "warning"
    ]


def _remarks(match: t.Sequence[str], *, labels: t.Collection[str], federates: bool) -> list[Remark]:
    remarks = lint(match, external_labels={"team", *labels}, federates=federates)
    return [remark for remark in remarks if remark.code not in _NOT_READ]


def _finding(remark: Remark, subject: Subject) -> Finding:
    return found(remark.code, subject, **remark.evidence)


def _without_head(finding: Finding) -> str:
    return finding.message.removeprefix("match[] ")
