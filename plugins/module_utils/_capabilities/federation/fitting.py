# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether what sources bring fits the limits of the instances that read them. Pure."""

from __future__ import annotations

import typing as t

from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.federation.endpoints import (
    FederationTargetSet,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.teams.model import Team
from ansible_collections.promfleet.monitoring.plugins.module_utils._input import grammar
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.errors import Errors


def check_limits(targets: FederationTargetSet, reader: Team, *, path: str, errors: Errors) -> None:
    """Note in *errors* where the limits of the instance that reads would fail the scrape of a source as a whole.

    The operator lets no scrape have more than the instance's limits, also those of federation: what the source may
    bring must be said, and must fit.
    """
    if not targets.is_scraped:
        return
    most, brought = reader.prometheus.limits, targets.scrape.limits
    samples = most.counts.get("samples")
    if samples is not None and (brought.samples is None or brought.samples > samples):
        errors.add(
            f"{path}.limits.samples",
            f"must be at most {samples}, found {brought.samples or 'nothing'}: team {reader.name!r} reads it, and its "
            "prometheus.limits.samples fails any scrape with more",
        )
    size = most.body_size
    if size is not None and (brought.body_size is None or _bytes(brought.body_size) > _bytes(size)):
        errors.add(
            f"{path}.limits.body_size",
            f"must be at most {size}, found {brought.body_size or 'nothing'}: team {reader.name!r} reads it, and its "
            "prometheus.limits.body_size fails any scrape with more",
        )
    count = most.counts.get("targets")
    if count is not None and len(targets.targets) > count:
        errors.add(
            f"{path}.targets",
            f"are {len(targets.targets)}, and prometheus.limits.targets of team {reader.name!r}, which reads them, is "
            f"{count}",
        )


def place_of(targets: FederationTargetSet, raw: t.Sequence[t.Mapping[str, t.Any]]) -> str:
    """Where the input *raw* has a source."""
    of = (targets.cluster, targets.team)
    numbers = (number for number, one in enumerate(raw) if (one.get("cluster"), one.get("team")) == of)
    return f"sources[{next(numbers, 0)}]"


def _bytes(text: str) -> float:
    return grammar.bytes_of(text) or 0.0
