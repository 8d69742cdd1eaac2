"""The form in which a central instance has the targets of its sources, and when it changes."""

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.marks import (
    SOURCE_CLUSTER_LABEL,
    SOURCE_TEAM_LABEL,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.federation.capability import (
    FEDERATION,
    desired_federated,
    parse_federated,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.federation.forms import (
    Forms,
    LiveForm,
    asks_for_live,
    has_addresses,
    in_their_forms,
    live_forms,
    told_changes,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.errors import Errors
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.validate import validate_mapping
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.plan import Plan, Write
from hypothesis import given
from hypothesis import strategies as st

JsonObject = dict[str, t.Any]

PLATFORM, PAYMENTS = "monitoring-platform", "monitoring-payments"


def source(number: int, **options: t.Any) -> JsonObject:
    return {
        "cluster": f"c{number}",
        "team": "platform",
        "targets": [{"address": f"192.0.2.{number}", "port": 9090}],
        **options,
    }


def named(number: int, **options: t.Any) -> JsonObject:
    return source(number, targets=[{"address": f"c{number}.example", "port": 9090}], **options)


def model_of(sources: t.Sequence[JsonObject], **options: t.Any) -> t.Any:
    raw = {"cluster": "hub", "clusters": ["hub"], "teams": [{"name": "payments"}], "sources": list(sources), **options}
    errors = Errors()
    model = parse_federated(validate_mapping(raw, FEDERATION.options, path="", errors=errors), errors)
    errors.require_none()
    return model


def kinds(objects: t.Iterable[JsonObject]) -> dict[str, set[str]]:
    """By namespace the kinds of what makes targets."""
    found: dict[str, set[str]] = {}
    for obj in objects:
        if obj["kind"] != "NetworkPolicy":
            found.setdefault(obj["metadata"]["namespace"], set()).add(obj["kind"])
    return found


DISCOVERED, STATIC = {"Service", "EndpointSlice", "ServiceMonitor"}, {"ScrapeConfig"}


@pytest.mark.parametrize(
    ("options", "number", "expected"),
    [
        ({}, 100, DISCOVERED),
        ({}, 101, STATIC),
        ({"static_above": 2}, 2, DISCOVERED),
        ({"static_above": 2}, 3, STATIC),
        ({"target_form": "discovered"}, 120, DISCOVERED),
        ({"target_form": "static"}, 1, STATIC),
    ],
)
def test_above_the_limit_all_sources_have_static_targets(options: JsonObject, number: int, expected: set[str]) -> None:
    model = model_of([source(one) for one in range(number)], **options)
    assert kinds(desired_federated(model)) == {PLATFORM: expected}


def test_sources_with_names_have_static_targets_anyway_and_do_not_count() -> None:
    model = model_of([source(1), source(2), named(3), named(4)], static_above=2)
    assert kinds(desired_federated(model)) == {PLATFORM: DISCOVERED | STATIC}


def test_each_instance_counts_its_own_sources() -> None:
    sources = [source(1), source(2, into=["payments", "platform"]), source(3, into=["payments"])]
    model = model_of([*sources, source(4, into=["payments"])], static_above=2)
    assert kinds(desired_federated(model)) == {PLATFORM: DISCOVERED, PAYMENTS: STATIC}


def test_a_limit_below_one_is_refused() -> None:
    with pytest.raises(ValueError, match="static_above: must be at least 1, found 0; use target_form: static"):
        model_of([], static_above=0)


@given(numbers=st.lists(st.integers(min_value=0, max_value=300), max_size=20), above=st.integers(1, 150))
def test_the_form_changes_only_across_the_whole_band(numbers: list[int], above: int) -> None:
    """Whatever a fleet's size does, between two changes it has crossed from above the limit to half of it, or back."""
    forms, is_static, last = Forms(above=above), False, 0
    for number in numbers:
        now = forms.is_static(number, was_static=is_static)
        if now != is_static:
            assert number > above if now else number <= above // 2
            last = number
        is_static = now
    assert is_static == (last > above)


def live(kind: str, number: int, *, namespace: str = PLATFORM, address: str = "192.0.2.1") -> JsonObject:
    labels = {SOURCE_CLUSTER_LABEL: f"c{number}", SOURCE_TEAM_LABEL: "platform"}
    obj: JsonObject = {
        "kind": kind,
        "metadata": {"name": f"federation-c{number}-platform", "namespace": namespace, "labels": labels},
    }
    return {**obj, "spec": {"staticConfigs": [{"targets": [f"{address}:9090"]}]}} if kind == "ScrapeConfig" else obj


def forms_of(model: t.Any, objects: t.Sequence[JsonObject], *stale: str) -> dict[str, bool]:
    read = in_their_forms(model.read, model.forms, live=live_forms(objects), stale=stale)
    return {team.namespace: one.static for one, team in read}


@pytest.mark.parametrize(
    ("number", "was_static", "expected"),
    [(50, True, False), (51, True, True), (100, True, True), (100, False, False), (101, False, True)],
)
def test_an_instance_around_the_limit_keeps_what_it_has(number: int, was_static: bool, expected: bool) -> None:
    model = model_of([source(one) for one in range(number)])
    objects = [live("ScrapeConfig" if was_static else "ServiceMonitor", 1)]
    assert forms_of(model, objects) == {PLATFORM: expected}


def test_workers_that_were_not_reached_count() -> None:
    """A run with --limit knows a few sources only, and must not turn the fleet around."""
    model = model_of([source(1)], static_above=4)
    stale = [f"c{number}" for number in range(2, 6)]
    objects = [live("ScrapeConfig", number) for number in range(1, 6)]
    assert forms_of(model, objects, *stale) == {PLATFORM: True}
    assert forms_of(model, [live("ServiceMonitor", number) for number in range(1, 6)], *stale) == {PLATFORM: True}
    # What left the inventory does not count.
    assert forms_of(model, objects) == {PLATFORM: False}


def test_live_objects_for_names_and_in_other_namespaces_do_not_count() -> None:
    model = model_of([source(1), source(2)], static_above=2)
    by_name = live("ScrapeConfig", 1, address="c1.example")
    assert forms_of(model, [by_name, live("ScrapeConfig", 2, namespace=PAYMENTS)]) == {PLATFORM: False}
    assert live_forms([{"kind": "ScrapeConfig", "metadata": {"name": "any", "namespace": PLATFORM}}]) == {}


def test_addresses_of_both_families_are_addresses() -> None:
    assert has_addresses(live("ScrapeConfig", 1, address="[2001:db8::1]"))
    assert live_forms([live("ScrapeConfig", 1, address="[2001:db8::1]")])[PLATFORM] == LiveForm(
        is_static=True, sources=frozenset({("c1", "platform")})
    )


@pytest.mark.parametrize(
    ("number", "stale", "options", "asks"),
    [
        (2, [], {}, False),
        (5, [], {}, True),
        (9, [], {}, False),
        (2, ["c9"], {}, True),
        (5, ["c9"], {"target_form": "static"}, False),
    ],
)
def test_the_cluster_is_asked_only_where_it_counts(
    number: int, stale: list[str], options: JsonObject, asks: bool
) -> None:
    model = model_of([source(one) for one in range(number)], **{"static_above": 6, **options})
    assert asks_for_live(model.read, model.forms, stale=stale) is asks


def plan_of(before: t.Sequence[JsonObject], after: t.Sequence[JsonObject]) -> Plan:
    return Plan(deletes=tuple(before), writes=tuple(Write(desired=obj, live=None) for obj in after))


def test_a_change_of_the_form_is_told() -> None:
    monitors = [live("ServiceMonitor", number) for number in (1, 2)]
    configs = [live("ScrapeConfig", number) for number in (1, 2)]
    forms = Forms(above=1)
    (told,) = told_changes(plan_of(monitors, configs), forms)
    assert told == (
        "monitoring-platform: sources change from ServiceMonitor to ScrapeConfig (2 objects; target_form is auto, "
        "static_above 1). Their targets, labels and series stay the same"
    )
    (back,) = told_changes(plan_of(configs, monitors), forms)
    assert "from ScrapeConfig to ServiceMonitor" in back


def test_what_is_no_change_of_the_form_is_not_told() -> None:
    monitor, config = live("ServiceMonitor", 1), live("ScrapeConfig", 2)
    by_name = live("ScrapeConfig", 1, address="c1.example")
    for before, after in ([monitor], []), ([], [config]), ([monitor], [by_name]), ([config], [config]):
        assert told_changes(plan_of(before, after), Forms()) == []


def test_addresses_are_written_as_discovery_writes_them() -> None:
    both = [{"address": "2001:db8::1", "port": 9090}, {"address": "192.0.2.9", "port": 9091, "replica": 1}]
    objects = desired_federated(model_of([source(1, targets=both, match=["up"])], target_form="static"))
    (config,) = [obj for obj in objects if obj["kind"] == "ScrapeConfig"]
    assert config["spec"]["staticConfigs"][0]["targets"] == ["192.0.2.9:9091", "[2001:db8::1]:9090"]
    assert config["spec"]["keepDroppedTargets"] == 1
