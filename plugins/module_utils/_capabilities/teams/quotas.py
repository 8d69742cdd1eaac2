# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Limits of namespaces that do not follow a team's size: defaults of containers, and numbers of objects. Pure.

One operator reads the objects of all teams: a team with very many, or very large ones, takes its memory from all
others. Only numbers can be limited by a quota. In the namespace of an instance only the platform and the operator
write, so there it limits pods and what they ask for, and no objects.
"""

from __future__ import annotations

import typing as t

from ansible_collections.promfleet.monitoring.plugins.module_utils._base.marks import MONITORING_GROUP, common_labels
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.common.objects import (
    CORE,
    JsonObject,
    counted,
    make,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.errors import Errors
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.validate import Values

# The namespace may have quotas of others, under names of theirs.
OBJECTS_QUOTA = "promfleet-objects"

# By kind how many objects each of a team's own namespaces may hold.
DEFAULT_LIMITS = {
    "alertmanagerconfigs": 20,
    "podmonitors": 100,
    "probes": 100,
    "prometheusrules": 100,
    "scrapeconfigs": 20,
    "servicemonitors": 100,
}
OBJECT_LIMITS_OPTION: dict[str, t.Any] = {
    "type": "dict",
    "default": {},
    "options": {name: {"type": "int", "default": number} for name, number in DEFAULT_LIMITS.items()},
}
# For containers that say nothing themselves: the quota of the namespace refuses these otherwise. None of ours is one,
# and no limit of CPU is among them, which would slow down scrapes and rules.
_DEFAULTS = {
    "type": "Container",
    "default": {"memory": "256Mi"},
    "defaultRequest": {"cpu": "10m", "memory": "64Mi"},
}


def parse_object_limits(values: Values, *, path: str, errors: Errors) -> dict[str, int]:
    """By resource the largest number of objects, from validated *values*."""
    for name, number in values.items():
        if number < 0:
            errors.add(f"{path}.{name}", f"must not be negative, found {number}")
    return dict(sorted(values.items()))


def limit_range(team: str, *, namespace: str) -> JsonObject:
    """What containers in the namespace of an instance ask for if they do not say it."""
    labels = common_labels("team-monitoring", team=team)
    return make(CORE, "LimitRange", team, namespace=namespace, labels=labels, spec={"limits": [dict(_DEFAULTS)]})


def objects_quota(team: str, *, namespace: str, limits: t.Mapping[str, int]) -> JsonObject:
    """How many objects of each kind the team may have in one of its own namespaces."""
    hard = {f"count/{name}.{MONITORING_GROUP}": counted(number) for name, number in sorted(limits.items())}
    labels = common_labels("team-monitoring", team=team)
    return make(CORE, "ResourceQuota", OBJECTS_QUOTA, namespace=namespace, labels=labels, spec={"hard": hard})
