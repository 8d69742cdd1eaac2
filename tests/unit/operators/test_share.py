"""Which of several operators has which team: the promised bounds, for every fleet that hypothesis thinks of."""

from __future__ import annotations

from collections.abc import Mapping
from random import Random

import pytest
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.marks import OPERATOR_LABEL
from ansible_collections.promfleet.monitoring.plugins.module_utils._operators.scope import (
    CONTROLLER_ID,
    Instance,
    scope_of,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._operators.share import (
    OPERATORS_MAX,
    controller_ids,
    flags_of,
    marks_for,
    marks_on,
    shared_out,
    with_marks,
)
from hypothesis import given, settings
from hypothesis import strategies as st

TEAMS = 1000
DICE = st.randoms(use_true_random=True)
OPERATORS = st.integers(min_value=1, max_value=OPERATORS_MAX)


def fleet(dice: Random, *, teams: int = TEAMS) -> dict[str, int]:
    """Teams with names and weights as inventories have them; no team is more than 8 % of the mean of 9 operators."""
    heaviest = dice.choice((1, 2, 8))
    return {f"team-{dice.getrandbits(40):x}": dice.randint(1, heaviest) for _number in range(teams)}


def loads(weights: dict[str, int], held: dict[str, int], operators: int) -> list[int]:
    return [sum(weights[name] for name in held if held[name] == number) for number in range(1, operators + 1)]


@settings(max_examples=20, deadline=None)
@given(DICE, OPERATORS)
def test_no_operator_has_more_than_a_tenth_above_the_mean(dice: Random, operators: int) -> None:
    weights = fleet(dice)
    held = shared_out(weights, operators=operators)
    assert held.keys() == weights.keys()
    assert max(loads(weights, held, operators)) <= 1.10 * sum(weights.values()) / operators


@settings(max_examples=20, deadline=None)
@given(DICE, st.integers(min_value=1, max_value=OPERATORS_MAX - 1))
def test_one_operator_more_takes_little_and_nothing_moves_between_the_others(dice: Random, operators: int) -> None:
    weights = fleet(dice)
    before, after = (shared_out(weights, operators=number) for number in (operators, operators + 1))
    moved = {name for name in weights if before[name] != after[name]}
    assert {after[name] for name in moved} <= {operators + 1}
    share = sum(weights[name] for name in moved) / sum(weights.values())
    assert share <= 1 / (operators + 1) + 0.05


@settings(max_examples=20, deadline=None)
@given(DICE, OPERATORS)
def test_the_order_of_the_input_does_not_count(dice: Random, operators: int) -> None:
    weights = fleet(dice, teams=100)
    shuffled = list(weights.items())
    dice.shuffle(shuffled)
    assert shared_out(dict(shuffled), operators=operators) == shared_out(weights, operators=operators)


@settings(max_examples=50, deadline=None)
@given(st.dictionaries(st.text("ab", min_size=1), st.integers(min_value=1, max_value=1000), max_size=30), OPERATORS)
def test_in_every_fleet_an_operator_has_at_most_the_mean_and_one_team(weights: dict[str, int], operators: int) -> None:
    held = shared_out(weights, operators=operators)
    assert held.keys() == weights.keys()
    if weights:
        heaviest, mean = max(weights.values()), sum(weights.values()) / operators
        assert max(loads(weights, held, operators)) <= max(1.10 * mean, mean + heaviest)


@pytest.mark.parametrize(("operators", "most"), [(2, 0.001), (3, 0.005), (9, 0.04)])
def test_a_new_team_moves_few_others(operators: int, most: float) -> None:
    """A new team changes the mean, so others can move; by names alone none would, and the bound would not hold.

    In a single fleet they can be many, so the mean of the same 60 fleets counts.
    """
    moved = 0
    fleets = [fleet(Random(seed), teams=200) for seed in range(60)]  # noqa: S311 - the same each time
    for weights in fleets:
        before, after = (shared_out(found, operators=operators) for found in (weights, {**weights, "new": 1}))
        moved += sum(before[name] != after[name] for name in weights)
    assert moved / len(fleets) <= most * 200


def test_a_single_operator_serves_what_has_no_id() -> None:
    assert controller_ids(0) == ()
    assert controller_ids(2) == ("prometheus-operator-1", "prometheus-operator-2")


@pytest.mark.parametrize("operators", [1, 2, 3])
def test_shares_never_change(operators: int) -> None:
    """Another result would move running instances of every fleet: that must be meant."""
    weights = {"payments": 3, "search": 1, "shop": 1, "platform": 1}
    expected = {
        1: {"payments": 1, "search": 1, "shop": 1, "platform": 1},
        2: {"payments": 2, "search": 1, "shop": 2, "platform": 2},
        3: {"payments": 2, "search": 1, "shop": 3, "platform": 3},
    }
    assert shared_out(weights, operators=operators) == expected[operators]


# -- whose an instance is -----------------------------------------------------------------------------------------


def owners(kind: str, marks: Mapping[str, Mapping[str, str]]) -> list[str]:
    """Which of three operators, and of the single one (""), would reconcile an instance with these marks."""
    instance = Instance(
        kind=kind,
        namespace="monitoring-pay",
        name="pay",
        labels={"app": "pay", **marks.get("labels", {})},
        annotations=marks.get("annotations", {}),
    )
    found = []
    for one in ("", *controller_ids(3)):
        template = {"spec": {"containers": [{"name": "operator", "args": flags_of(one) if one else []}]}}
        if scope_of(template, namespace="prometheus-operator").reconciles(instance):
            found.append(one)
    return found


@pytest.mark.parametrize("kind", ["Prometheus", "PrometheusAgent", "Alertmanager"])
@pytest.mark.parametrize("wanted", ["", *controller_ids(3)])
def test_an_instance_is_that_of_the_operator_for_which_it_is_marked(kind: str, wanted: str) -> None:
    assert owners(kind, marks_for(wanted)) == [wanted]


@pytest.mark.parametrize("kind", ["Prometheus", "PrometheusAgent", "Alertmanager"])
@given(st.sampled_from(["", *controller_ids(3)]), st.sampled_from(["", *controller_ids(3)]))
def test_an_instance_whose_marks_differ_has_no_two_operators(kind: str, label: str, annotation: str) -> None:
    found = owners(kind, {"labels": {OPERATOR_LABEL: label}, "annotations": {CONTROLLER_ID: annotation}})
    assert found == ([annotation] if annotation in ("", label) else [])


def test_an_instance_of_others_without_a_selector_of_its_kind_needs_the_annotation_alone() -> None:
    assert owners("ThanosRuler", {"annotations": {CONTROLLER_ID: controller_ids(3)[1]}}) == [controller_ids(3)[1]]


@pytest.mark.parametrize("one", ["", "prometheus-operator-2"])
def test_the_marks_of_an_object_are_those_that_it_got(one: str) -> None:
    marks = marks_for(one)
    metadata = {"name": "pay", **{place: {"other": "x", **found} for place, found in marks.items()}}
    assert marks_on(metadata) == marks


@pytest.mark.parametrize("before", ["", "prometheus-operator-1"])
@pytest.mark.parametrize("after", ["", "prometheus-operator-2"])
@pytest.mark.parametrize("kept", [{}, {"other": "x"}])
def test_new_marks_take_the_place_of_the_old_ones_and_nothing_else(
    before: str, after: str, kept: dict[str, str]
) -> None:
    def metadata(one: str) -> dict[str, object]:
        marks = marks_for(one)
        found = {place: {**kept, **marks.get(place, {})} for place in ("labels", "annotations")}
        return {"name": "pay", **{place: values for place, values in found.items() if values}}

    assert with_marks(metadata(before), marks_for(after)) == metadata(after)
