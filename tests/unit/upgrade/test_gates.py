"""What fails a gate of an upgrade, and what does not."""

from __future__ import annotations

import dataclasses
import json
import re
import typing as t

import pytest
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.errors import Errors
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.validate import validate_mapping
from ansible_collections.promfleet.monitoring.plugins.module_utils._upgrade.gates import (
    KNOWN_OPTIONS,
    SLI_OPTIONS,
    Gap,
    Instance,
    Known,
    Seen,
    Sli,
    alerts_of,
    faults_of,
    gaps_of,
    intervals_of,
    known_of,
    rules_of,
    seen_of,
    slis_of,
    targets_of,
    unmeasured,
)
from hypothesis import given
from hypothesis import strategies as st

JsonObject = dict[str, t.Any]

VOLATILE = ("instance", "pod")
PLACE = "monitoring-pay/pay"
TARGET = 'serviceMonitor/pay/app/0{job="app"}'
OLD = Instance(
    at=1000.0,
    intervals={'{job="app"}': 10.0},
    targets={TARGET: (2, 2)},
    rules={"pay/rate": (1, 1), "pay/broken": (0, 1)},
    series=("app_requests_total", "prometheus_build_info"),
    firing={'{alertname="Watchdog"}': 1},
)
SLI = Sli(name="scraped", query="sum(up)", team="platform", tolerance=0.1)


def seen(instance: Instance = OLD, **others: t.Any) -> Seen:
    return Seen(instances={PLACE: instance}, slis=others.pop("slis", {"scraped": 10.0}), **others)


def compared(after: Seen, **options: t.Any) -> list[tuple[str, str, str, str]]:
    found = faults_of(seen(unready={"Prometheus a/b": "paused"}, findings={"f1": "old"}), after, slis=[SLI], **options)
    return [(one.gate, one.item, one.before, one.after) for one in found]


def test_the_same_passes_all_gates() -> None:
    assert compared(seen()) == []


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"targets": {TARGET: (1, 2)}}, ("targets", TARGET, "2 of 2 up", "1 of 2 up")),
        ({"targets": {TARGET: (1, 1)}}, ("targets", TARGET, "2 of 2 up", "1 of 1 up")),
        ({"targets": {}}, ("targets", TARGET, "2 of 2 up", "gone")),
        ({"rules": {"pay/broken": (0, 1)}}, ("rules", "pay/rate", "1 of 1 healthy", "gone")),
        (
            {"rules": {"pay/rate": (0, 1), "pay/broken": (0, 1)}},
            ("rules", "pay/rate", "1 of 1 healthy", "0 of 1 healthy"),
        ),
        ({"series": ("prometheus_build_info",)}, ("series", "app_requests_total", "there", "gone")),
        ({"firing": {}}, ("alerts", '{alertname="Watchdog"}', "1 firing", "0 firing")),
        (
            {"firing": {**OLD.firing, '{alertname="New"}': 1}},
            ("alerts", '{alertname="New"}', "0 firing", "1 firing"),
        ),
        ({"unread": {"series": "HTTP 503: none"}}, ("series", "series", "read", "no data: HTTP 503: none")),
        ({"unread": {"continuity": "lost"}}, ("continuity", "continuity", "read", "no data: lost")),
    ],
)
def test_what_fails_a_gate(changes: JsonObject, fault: tuple[str, str, str, str]) -> None:
    assert compared(seen(dataclasses.replace(OLD, **changes))) == [fault]


@pytest.mark.parametrize(
    "changes",
    [
        # What is new, what only the replaced programs have, and an alert that waits for its time again.
        {"targets": {TARGET: (3, 3), 'more{job="more"}': (0, 1)}},
        {"rules": {**OLD.rules, "pay/new": (1, 1)}},
        {"series": ("app_new_total", "app_requests_total")},
        {"firing": {}, "pending": {'{alertname="Watchdog"}': 1}},
    ],
)
def test_what_fails_none(changes: JsonObject) -> None:
    assert compared(seen(dataclasses.replace(OLD, **changes))) == []


def test_an_instance_that_is_gone_fails_one_gate() -> None:
    assert compared(Seen(slis={"scraped": 10.0})) == [("targets", "instance", "there", "gone")]


@pytest.mark.parametrize(
    ("value", "fails"),
    [(10.0, False), (9.0, False), (8.9, True), (11.0, False), (11.1, True), ("the query gave 0 series", True)],
)
def test_an_sli_stays_within_its_tolerance(value: float | str, fails: bool) -> None:
    found = compared(seen(slis={"scraped": value}))
    assert [one[:2] for one in found] == [("slis", "scraped")] * fails


def test_an_sli_that_was_zero_has_an_absolute_tolerance() -> None:
    before, after = seen(slis={"errors": 0.0}), seen(slis={"errors": 0.5})
    sli = Sli(name="errors", query="sum(rate(errors_total[5m]))", team="platform", absolute=0.5)
    assert faults_of(before, after, slis=[sli]) == []
    assert len(faults_of(before, after, slis=[dataclasses.replace(sli, absolute=0.4)])) == 1


def test_new_findings_and_what_is_no_longer_ready_fail() -> None:
    after = seen(
        unready={"Prometheus a/b": "still paused", "Prometheus a/c": "not Reconciled"},
        findings={"f1": "old", "f2": "a target is down"},
    )
    assert compared(after) == [
        ("ready", "Prometheus a/c", "ready, or not there", "not Reconciled"),
        ("findings", "a target is down", "not found", "found"),
    ]


def test_a_known_change_fails_nothing_and_covers_nothing_else() -> None:
    after = seen(dataclasses.replace(OLD, series=(), targets={}))
    known = Known(gate="series", match=re.compile("^app_"), place=re.compile("pay$"))
    assert [one[0] for one in compared(after, known=[known])] == ["targets"]
    elsewhere = dataclasses.replace(known, place=re.compile("^other"))
    assert [one[0] for one in compared(after, known=[elsewhere])] == ["targets", "series"]


def test_what_cannot_be_measured_before_is_said() -> None:
    before = seen(dataclasses.replace(OLD, unread={"rules": "HTTP 403"}), slis={"scraped": "the query gave 2 series"})
    assert [(one.gate, one.before) for one in unmeasured(before)] == [
        ("rules", "no data: HTTP 403"),
        ("slis", "no data: the query gave 2 series"),
    ]
    assert unmeasured(seen()) == []


NAMES = st.text(min_size=1, max_size=5)
COUNTS = st.dictionaries(NAMES, st.tuples(st.integers(0, 3), st.integers(0, 3)), max_size=3)
INSTANCES = st.builds(
    Instance,
    at=st.floats(0, 1e9),
    intervals=st.dictionaries(NAMES, st.floats(0, 100), max_size=2),
    targets=COUNTS,
    rules=COUNTS,
    series=st.lists(NAMES, max_size=3).map(tuple),
    firing=st.dictionaries(NAMES, st.integers(1, 3), max_size=2),
    pending=st.dictionaries(NAMES, st.integers(1, 3), max_size=2),
    unread=st.dictionaries(NAMES, NAMES, max_size=1),
)


@given(
    found=st.builds(
        Seen,
        instances=st.dictionaries(NAMES, INSTANCES, max_size=2),
        slis=st.dictionaries(NAMES, st.one_of(st.floats(-1e9, 1e9), NAMES), max_size=2),
        unready=st.dictionaries(NAMES, NAMES, max_size=2),
        findings=st.dictionaries(NAMES, NAMES, max_size=2),
    )
)
def test_a_record_gives_back_what_was_seen(found: Seen) -> None:
    assert seen_of(json.loads(json.dumps(found.result()))) == found


@pytest.mark.parametrize("data", [{}, {"format": 0}, {**Seen().result(), "instances": {"a/b": {}}}])
def test_other_data_is_no_record(data: JsonObject) -> None:
    with pytest.raises((KeyError, ValueError, TypeError)):
        seen_of(data)


# -- answers -------------------------------------------------------------------------------------------------------


def target(health: str, pod: str, interval: str = "30s", **labels: str) -> JsonObject:
    labels = {"job": "app", "pod": pod, "instance": f"{pod}:1", **labels}
    return {"scrapePool": "sm/pay/app/0", "health": health, "labels": labels, "scrapeInterval": interval}


def test_targets_are_known_without_what_a_new_pod_changes() -> None:
    found = [target("up", "a"), target("down", "b", "1m"), target("up", "c", zone="x")]
    assert targets_of(found, volatile=VOLATILE) == {
        'sm/pay/app/0{job="app", zone="x"}': (1, 1),
        'sm/pay/app/0{job="app"}': (1, 2),
    }
    assert intervals_of(found, volatile=VOLATILE) == {'{job="app", zone="x"}': 30.0, '{job="app"}': 60.0}


def test_rules_and_alerts() -> None:
    states = {"x": "firing", "y": "firing", "z": "pending"}
    alerts = [{"labels": {"alertname": "A", "pod": pod}, "state": state} for pod, state in states.items()]
    groups = [{"name": "g", "rules": [{"name": "A", "health": "ok", "alerts": alerts}, {"name": "r", "health": "err"}]}]
    assert rules_of(groups) == {"g/A": (1, 1), "g/r": (0, 1)}
    assert alerts_of(groups, state="firing", volatile=VOLATILE) == {'{alertname="A"}': 2}
    assert alerts_of(groups, state="pending", volatile=VOLATILE) == {'{alertname="A"}': 1}


# -- continuity ----------------------------------------------------------------------------------------------------


def row(*times: float, pod: str = "a") -> JsonObject:
    return {"metric": {"__name__": "up", "job": "app", "pod": pod}, "values": [[one, "1"] for one in times]}


@pytest.mark.parametrize(
    ("rows", "restarted", "seconds", "most"),
    [
        ([row(*range(990, 1101, 10))], None, 10.0, 20.0),
        # The instance was away.
        ([row(990, 1000, 1010, 1045, 1055, 1065, 1075, 1085, 1095)], None, 35.0, 20.0),
        # A pod took the place of another one, and is scraped at another time of the interval.
        ([row(990, 1000, 1010, 1020, pod="a"), row(*range(1040, 1101, 10), pod="b")], None, 20.0, 30.0),
        # One of two pods that stay is enough to see that nothing is missing, and a gap of the other one counts.
        (
            [row(*range(990, 1101, 10), pod="a"), row(990, 1000, 1040, *range(1050, 1101, 10), pod="b")],
            None,
            40.0,
            20.0,
        ),
        # It stopped, or there is nothing.
        ([row(990, 1000, 1010)], None, 90.0, 20.0),
        ([], None, 100.0, 20.0),
        # The samples before are lost with the pod, and the new one was made at 1050.
        ([row(1062, 1072, 1082, 1092)], 1050.0, 12.0, 20.0),
    ],
)
def test_the_longest_gap_of_a_target(
    rows: list[JsonObject], restarted: float | None, seconds: float, most: float
) -> None:
    (gap,) = gaps_of(
        rows, began=1000.0, now=1100.0, intervals={'{job="app"}': 10.0}, volatile=VOLATILE, restarted=restarted
    )
    assert (gap.seconds, gap.most) == (seconds, most)


@pytest.mark.parametrize(("seconds", "fails"), [(20.0, False), (21.0, False), (21.1, True)])
def test_a_gap_is_two_intervals_at_most(seconds: float, fails: bool) -> None:
    found = compared(seen(gaps={PLACE: [Gap(item="x", seconds=seconds, most=20.0)]}))
    assert [one[0] for one in found] == ["continuity"] * fails


@given(times=st.lists(st.floats(1000, 1100), max_size=30))
def test_a_gap_is_never_shorter_than_what_is_missing(times: list[float]) -> None:
    (gap,) = gaps_of(
        [row(*sorted(times))], began=1000.0, now=1100.0, intervals={'{job="app"}': 10.0}, volatile=VOLATILE
    )
    # So many samples cannot cover the time with shorter steps.
    assert gap.seconds >= round(100 / (len(times) + 1), 1) - 0.1


# -- input ---------------------------------------------------------------------------------------------------------


def test_wrong_slis_and_known_changes_are_refused_with_their_place() -> None:
    errors = Errors()
    slis = [{"name": "a", "query": "sum("}, {"name": "a", "query": "up", "window": "long", "tolerance": -1}]
    checked = [validate_mapping(one, SLI_OPTIONS, path="slis") for one in slis]
    slis_of(checked, team="platform", check=lambda text: None if text == "up" else "wrong", path="slis", errors=errors)
    known = [validate_mapping({"gate": "series", "match": "(", "place": "*"}, KNOWN_OPTIONS, path="known_changes[0]")]
    known_of(known, path="known_changes", errors=errors)
    assert {str(error).split(":")[0] for error in errors.sorted()} == {
        "slis[0].query",
        "slis[1].window",
        "slis[1].name",
        "slis[1].tolerance",
        "known_changes[0].match",
        "known_changes[0].place",
    }


def test_an_sli_with_a_window_is_an_average() -> None:
    assert Sli(name="a", query="sum(up)", team="x", window="5m").expression == "avg_over_time((sum(up))[5m:])"
