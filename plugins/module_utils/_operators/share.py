# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which of several operators reconciles which team. Pure: the same teams and weights always give the same shares.

Rendezvous hashing with bounded load, made in steps. One operator has all teams. Each further operator takes those teams
for which its hash is the highest of all hashes so far, and from each operator that is then still above the bound as
much as that has too much. So it is the only one that gains, and taking it away again gives back exactly what it took.
"""

from __future__ import annotations

import hashlib
import re
import typing as t
from fractions import Fraction

from ansible_collections.promfleet.monitoring.plugins.module_utils._base.marks import OPERATOR_LABEL, OPERATOR_NAME
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.errors import Errors
from ansible_collections.promfleet.monitoring.plugins.module_utils._operators.scope import CONTROLLER_ID

# The metadata by which an operator knows its instances: `labels` and `annotations`, each left out where it is empty.
Marks = dict[str, dict[str, str]]
_MARKS = {"labels": OPERATOR_LABEL, "annotations": CONTROLLER_ID}

# The number of an operator has one digit: names that an account may write are listed in docs/rights.
OPERATORS_MAX = 9
WEIGHT_MAX = 1000
# 0 for a single operator, which has the instances without an id.
OPERATORS_OPTION: dict[str, dict[str, t.Any]] = {"operators": {"type": "int", "default": 0}}
# How much an operator may have, as a multiple of the mean. Less than the 1.10 that is promised: the mean is rounded up,
# and teams cannot be cut.
_BOUND = Fraction(108, 100)
# The total is rounded up by at most 1 part in 2 to this power, so that most changes of a team leave the bound as it is.
_DIGITS = 6


def part_of(number: int) -> str:
    """What tells the objects of one of several operators apart; *number* counts from 1."""
    return str(number)


def controller_id(number: int) -> str:
    """The id that one of several operators is started with, and that its instances have in their annotation."""
    return f"{OPERATOR_NAME}-{part_of(number)}"


def flags_of(controller: str) -> list[str]:
    """What one of several operators is started with: its instances have the id in an annotation and in a label.

    Two operators never have one instance, even where its annotation and its label differ. The label is there because a
    watch can be restricted by it: so an operator does not look through the instances of the others. No instance of
    ours is a ThanosRuler, so those of others need the annotation alone.
    """
    families = ("prometheus", "alertmanager")
    selectors = [f"--{family}-instance-selector={OPERATOR_LABEL}={controller}" for family in families]
    return [*selectors, f"--controller-id={controller}"]


def marks_for(controller: str) -> Marks:
    """What an instance has for the operator with this id; nothing for the single one, whose id is empty."""
    return {place: {name: controller} for place, name in _MARKS.items()} if controller else {}


def marks_on(metadata: t.Mapping[str, t.Any]) -> Marks:
    """What the *metadata* of an object has of all that `marks_for` gives; an empty value counts as none."""
    found = {}
    for place, name in _MARKS.items():
        if value := (metadata.get(place) or {}).get(name):
            found[place] = {name: str(value)}
    return found


def with_marks(metadata: t.Mapping[str, t.Any], marks: Marks) -> dict[str, t.Any]:
    """*metadata* with these marks and no others; labels and annotations are left out where none remain."""
    found = {key: value for key, value in metadata.items() if key not in _MARKS}
    for place, name in _MARKS.items():
        kept = {key: value for key, value in metadata.get(place, {}).items() if key != name}
        if values := {**kept, **marks.get(place, {})}:
            found[place] = values
    return found


def operator_parts(operators: int) -> tuple[str, ...]:
    """What tells the objects of *operators* apart; nothing, as one empty part, for a single one (0)."""
    return tuple(map(part_of, range(1, operators + 1))) or ("",)


def controller_ids(operators: int) -> tuple[str, ...]:
    """The ids of all *operators*; none for a single one, which reconciles the instances without an id."""
    return tuple(controller_id(number) for number in range(1, operators + 1))


def checked_operators(value: int, *, errors: Errors, path: str = "operators") -> int:
    """How many operators share the instances, from 0 to 9; what is wrong is noted in *errors*."""
    if 0 <= value <= OPERATORS_MAX:
        return value
    errors.add(path, f"must be from 0 to {OPERATORS_MAX}, found {value}")
    return 0


def checked_weight(value: object, *, path: str, errors: Errors) -> int:
    """The weight of a team, a whole number from 1 to 1000; what is wrong is noted in *errors*."""
    text = str(value)
    if not isinstance(value, bool) and re.fullmatch("[0-9]{1,9}", text) and 1 <= int(text) <= WEIGHT_MAX:
        return int(text)
    errors.add(path, f"must be a whole number from 1 to {WEIGHT_MAX}, found {value!r}")
    return 1


def shared_out(weights: t.Mapping[str, int], *, operators: int) -> dict[str, int]:
    """The number of the operator, from 1 to *operators*, of each team, by the *weights* of all teams.

    No operator has more than 1.10 times the mean, unless a single team weighs more than 8 % of the mean; then none has
    more than the mean and one such team.
    """
    if not weights:
        return {}
    total, heaviest = sum(weights.values()), max(weights.values())
    held = dict.fromkeys(weights, 1)
    highest = {name: _hash(name, 1) for name in weights}
    for number in range(2, operators + 1):
        limit = max(Fraction(_rounded(total), number) * _BOUND, Fraction(total, number) + heaviest)
        hashes = {name: _hash(name, number) for name in weights}
        # Names come last: no two teams are alike, so that the order of the input never counts.
        order = sorted(weights, key=lambda name: (-hashes[name], name))
        for name in _taken(
            order,
            held,
            weights,
            limit=limit,
            wins={name for name in weights if hashes[name] > highest[name]},
        ):
            held[name] = number
        highest = {name: max(highest[name], hashes[name]) for name in weights}
    return held


def _taken(
    order: t.Sequence[str],
    held: t.Mapping[str, int],
    weights: t.Mapping[str, int],
    *,
    limit: Fraction,
    wins: t.Collection[str],
) -> set[str]:
    """What a further operator takes of what is *held*: what it *wins*, and what others then have above *limit*."""
    loads: dict[int, int] = {}
    for name, number in held.items():
        loads[number] = loads.get(number, 0) + (0 if name in wins else weights[name])
    taken = set(wins)
    for number in sorted(loads):
        left = [name for name in order if held[name] == number and name not in wins]
        surplus = _surplus(left, weights, surplus=loads[number] - limit)
        taken.update(surplus)
        loads[number] -= sum(weights[name] for name in surplus)
    own = sum(weights[name] for name in taken)
    # What it won and has no room for stays where it is, if there is room.
    for name in reversed(order):
        if own <= limit:
            break
        if name in taken and loads[held[name]] + weights[name] <= limit:
            taken.discard(name)
            loads[held[name]] += weights[name]
            own -= weights[name]
    return taken


def _surplus(order: t.Sequence[str], weights: t.Mapping[str, int], *, surplus: Fraction) -> list[str]:
    """Teams that together weigh the *surplus* or little more, the first of *order* before others; none below zero."""
    taken: list[str] = []
    rest: list[str] = []
    for name in order:
        if weights[name] <= surplus:
            taken.append(name)
            surplus -= weights[name]
        elif surplus > 0:
            rest.append(name)
    if surplus > 0:
        taken.append(min(rest, key=lambda name: weights[name]))
    return taken


def _rounded(total: int) -> int:
    step = 1 << max(0, total.bit_length() - _DIGITS - 1)
    return -(-total // step) * step


def _hash(name: str, number: int) -> int:
    return int.from_bytes(hashlib.sha256(f"{number}/{name}".encode()).digest()[:8], "big")
