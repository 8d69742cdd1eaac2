# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether the operator has the memory for what teams may store by their limits of objects. Pure.

Each operator of a cluster keeps the monitors and rules of all teams, so a quota that it has no memory for lets one team
stop the monitoring of all. A quota limits numbers and no bytes, so sizes are assumed, which the fleet can set.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.teams.model import Team
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.teams.quotas import DEFAULT_LIMITS
from ansible_collections.promfleet.monitoring.plugins.module_utils._input import grammar
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.errors import Errors, Place
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.quantities import value_of
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.validate import require, validate_mapping
from ansible_collections.promfleet.monitoring.plugins.module_utils._operators.capacity import (
    MIB,
    needed_mib,
    room_for_rules_mib,
)

# Which limits count. GIVEN: those that differ from the defaults, of the one team that may store the most. ONE: all
# limits of that team. ALL: all limits of all teams.
GIVEN, ONE, ALL = "given", "one", "all"
# What objects are taken to have where nothing is said: more than most of people have.
RULE_SIZE, MONITOR_SIZE = "16Ki", "1Ki"
# How the role calls the settings, behind its name.
COUNTED, SIZES = "capacity", {"rule_size": "capacity_rule_size", "monitor_size": "capacity_monitor_size"}
RULES = "prometheusrules"
CAPACITY_OPTIONS: dict[str, dict[str, t.Any]] = {
    "memory": {"type": "str", "required": True},
    "setting": {"type": "str", "default": "prometheus_operator_resources.memory"},
    "counted": {"type": "str", "choices": [GIVEN, ONE, ALL], "default": GIVEN},
    "rule_size": {"type": "str", "default": RULE_SIZE},
    "monitor_size": {"type": "str", "default": MONITOR_SIZE},
}


@dataclass(frozen=True, kw_only=True)
class _Sizes:
    """How large objects are taken to be, in MiB, and as they were given."""

    rule: float
    monitor: float
    given: t.Mapping[str, str]

    def needed_mib(self, rules: int, others: int) -> int:
        """The memory for so many objects. What other objects hold costs as much as the same size of rules."""
        return needed_mib(monitors=others, rules_mib=rules * self.rule + others * self.monitor)

    def rules_beside(self, others: int, *, memory: float) -> int:
        """How many PrometheusRules fit into *memory* MiB beside so many other objects."""
        room = room_for_rules_mib(memory, monitors=others) - others * self.monitor
        return max(0, int(room / self.rule))

    def counted(self, rules: int, others: int) -> str:
        """The objects in words."""
        texts = [f"{rules} PrometheusRules of {self.given['rule_size']}"] if rules else []
        texts += [f"{others} monitors and other objects of {self.given['monitor_size']}"] if others else []
        return " and ".join(texts)


@dataclass(frozen=True, kw_only=True)
class _Filled:
    """What a team may store by the limits that count: how many of its objects are rules, and how many are others."""

    team: Team
    namespaces: int
    rules: int
    others: int


def check_capacity(teams: t.Sequence[Team], given: t.Mapping[str, t.Any], *, cluster: str, errors: Errors) -> None:
    """Note in *errors* where the limits of *teams* allow more in a *cluster* than an operator has memory for.

    *given* are CAPACITY_OPTIONS: the *memory* of each operator, and the *setting* that says it, for messages; which
    limits are *counted*; and the sizes that objects are taken to have.
    """
    values = validate_mapping(given, CAPACITY_OPTIONS, path=COUNTED, errors=errors)
    if not errors.is_good(COUNTED):
        return
    for name, path in SIZES.items():
        require(grammar.byte_quantity, values[name], path=path, errors=errors)
    # What is wrong with the memory the check of the operator says.
    if not all(map(errors.is_good, SIZES.values())) or grammar.byte_quantity(values["memory"]) is not None:
        return
    counted = values["counted"]
    here = [team for team in teams if team.name != team.platform and team.enabled and team.active_on(cluster)]
    if counted != GIVEN:
        for team in here:
            if not team.quota and _namespaces(team):
                errors.add(
                    f"{team.path}.quota",
                    "must be true: without a quota the team may store more than any operator has memory for. With ",
                    Place(COUNTED),
                    f": {GIVEN} it is allowed",
                )
    filled = [_filled(team, counted=counted) for team in here if team.quota and _namespaces(team)]
    memory = _mib(values["memory"])
    sizes = _Sizes(rule=_mib(values["rule_size"]), monitor=_mib(values["monitor_size"]), given=values)
    if counted == ALL:
        _check_all(filled, values, sizes=sizes, errors=errors)
        return
    for one in filled:
        needed = sizes.needed_mib(one.rules, one.others)
        if needed > memory:
            errors.add(
                f"{one.team.path}.object_limits",
                f"{sizes.counted(one.rules, one.others)} in {_in_namespaces(one.namespaces)} need an operator with "
                f"{needed}Mi of memory, and it has {values['memory']}. Raise {values['setting']}"
                f"{_lower(one, memory=memory, sizes=sizes)}{_NO_MORE}",
            )


def _mib(quantity: str) -> float:
    return float(value_of(quantity)) / MIB


_NO_MORE = "; more operators do not help, because each keeps the objects of all (docs/tiers.md)"


def _check_all(filled: t.Sequence[_Filled], values: t.Mapping[str, t.Any], *, sizes: _Sizes, errors: Errors) -> None:
    rules, others = sum(one.rules for one in filled), sum(one.others for one in filled)
    needed = sizes.needed_mib(rules, others)
    if needed <= _mib(values["memory"]):
        return
    largest = max(filled, key=lambda one: sizes.needed_mib(one.rules, one.others))
    errors.add(
        COUNTED,
        f"{sizes.counted(rules, others)}, which {len(filled)} teams may store together, need an operator with "
        f"{needed}Mi of memory, and it has {values['memory']}. Raise {values['setting']}, or lower object_limits of "
        f"teams, of which {largest.team.name!r} may store the most{_NO_MORE}",
    )


def _filled(team: Team, *, counted: str) -> _Filled:
    namespaces = _namespaces(team)
    limits = {
        name: number
        for name, number in team.tenancy.object_limits.items()
        if counted != GIVEN or number != DEFAULT_LIMITS[name]
    }
    # Without the right to write them there are none.
    if not team.tenancy.scrape_configs:
        limits.pop("scrapeconfigs", None)
    rules = limits.pop(RULES, 0)
    return _Filled(team=team, namespaces=namespaces, rules=namespaces * rules, others=namespaces * sum(limits.values()))


def _namespaces(team: Team) -> int:
    """How many namespaces of its own the team has; those that labels select count as one, because none is known."""
    return len(team.namespaces) + bool(team.tenancy.selector)


def _in_namespaces(count: int) -> str:
    return "1 namespace" if count == 1 else f"{count} namespaces"


def _lower(one: _Filled, *, memory: float, sizes: _Sizes) -> str:
    """How far the limit of rules would have to be lowered, where that helps alone."""
    most = sizes.rules_beside(one.others, memory=memory) // one.namespaces
    if one.rules and most > 0:
        return f", or lower {RULES} to at most {most}"
    return ", or lower the limits of its monitors" if one.others else f", or lower {RULES}"
