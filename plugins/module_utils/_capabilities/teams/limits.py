# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What one Prometheus takes and answers at most: limits of scrapes and of queries. Pure."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field

from ansible_collections.promfleet.monitoring.plugins.module_utils._input import grammar
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.errors import Errors
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.validate import Values, require

JsonObject = dict[str, t.Any]

LIMITS_OPTION: dict[str, t.Any] = {
    "type": "dict",
    "options": {
        "samples": {"type": "int"},
        "targets": {"type": "int"},
        "labels": {"type": "int"},
        "label_name_length": {"type": "int"},
        "label_value_length": {"type": "int"},
        "dropped_targets": {"type": "int"},
        "body_size": {"type": "str"},
    },
}
QUERY_OPTION: dict[str, t.Any] = {
    "type": "dict",
    "options": {
        "max_concurrency": {"type": "int"},
        "max_samples": {"type": "int"},
        "timeout": {"type": "str"},
        "lookback_delta": {"type": "str"},
    },
}
# The operator lets no monitor have more than these (AddLimitsToYAML in pkg/prometheus/promcfg.go).
_ENFORCED = {
    "samples": "enforcedSampleLimit",
    "targets": "enforcedTargetLimit",
    "labels": "enforcedLabelLimit",
    "label_name_length": "enforcedLabelNameLengthLimit",
    "label_value_length": "enforcedLabelValueLengthLimit",
    "dropped_targets": "enforcedKeepDroppedTargets",
}
_QUERY = {
    "max_concurrency": "maxConcurrency",
    "max_samples": "maxSamples",
    "timeout": "timeout",
    "lookback_delta": "lookbackDelta",
}
_LARGEST_INT32 = 2**31 - 1


@dataclass(frozen=True, kw_only=True)
class ScrapeLimits:
    """The largest figures that a monitor may have; None, and what is not in *counts*, is not limited."""

    counts: t.Mapping[str, int] = field(default_factory=dict)
    body_size: str | None = None

    def fields(self) -> JsonObject:
        """The fields of a Prometheus."""
        fields: JsonObject = {_ENFORCED[name]: number for name, number in self.counts.items()}
        return fields if self.body_size is None else {**fields, "enforcedBodySizeLimit": self.body_size}


NO_LIMITS = ScrapeLimits()


def parse_limits(values: Values | None, *, path: str, errors: Errors) -> ScrapeLimits:
    """The limits that validated *values* of LIMITS_OPTION describe."""
    if values is None:
        return NO_LIMITS
    for name in _ENFORCED:
        _positive(values[name], path=f"{path}.{name}", errors=errors)
    if values["body_size"] is not None:
        require(grammar.body_size, values["body_size"], path=f"{path}.body_size", errors=errors)
    counts = {name: values[name] for name in _ENFORCED if values[name] is not None}
    return ScrapeLimits(counts=counts, body_size=values["body_size"])


def parse_query(values: Values | None, *, path: str, errors: Errors) -> JsonObject:
    """The field ``query`` of a Prometheus from validated *values* of QUERY_OPTION; empty where nothing is given."""
    if values is None:
        return {}
    for name in ("max_concurrency", "max_samples"):
        _positive(values[name], path=f"{path}.{name}", largest=_LARGEST_INT32, errors=errors)
    for name in ("timeout", "lookback_delta"):
        if values[name] is not None:
            require(grammar.duration, values[name], path=f"{path}.{name}", errors=errors)
    return {key: values[name] for name, key in _QUERY.items() if values[name] is not None}


def _positive(value: int | None, *, path: str, errors: Errors, largest: int | None = None) -> None:
    if value is not None and value < 1:
        errors.add(path, f"must be at least 1, found {value}; leave it out for no limit")
    elif value is not None and largest is not None and value > largest:
        errors.add(path, f"must be at most {largest}, found {value}")
