"""Sizes that are proposed: by what was seen, not smaller than the last start needed, nothing by what was not seen."""

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.teams.advice import (
    MIB,
    Advice,
    advise,
    savings,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.teams.model import parse_teams
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.teams.sizes import SIZES
from ansible_collections.promfleet.monitoring.plugins.module_utils._prometheus.load import Observed
from ansible_collections.promfleet.monitoring.plugins.module_utils._prometheus.memory import MODEL, Load

DAY = 86_400.0
QUIET = {"series": 1_000.0, "samples": 50.0, "cpu": 0.02, "resident": 90.0 * MIB, "age": 4 * 3_600.0, "wal": 50.0 * MIB}
LOAD = Load(series=1_000.0, samples_per_second=50.0)


def advice(values: t.Mapping[str, float], *, objects: int | None = 5, **team: t.Any) -> Advice:
    (parsed,) = parse_teams([{"name": "pay", **team}], clusters=["hub"])
    missing = {name: "why" for name in ("series", "samples", "cpu", "resident") if name not in values}
    return advise(parsed, Observed(values=values, missing=missing), sizes=SIZES, window=DAY, objects=objects)


def with_memory(text: str) -> dict[str, t.Any]:
    return {"prometheus": {"resources": {"memory": text}}}


def test_memory_has_room_for_the_model_and_for_what_was_seen() -> None:
    large = {**QUIET, "series": 1_000_000.0, "samples": 50_000.0}
    found = advice(large)
    assert found.memory is not None
    assert found.memory == MODEL.limit(Load(series=1_000_000.0, samples_per_second=50_000.0))
    seen = advice({**QUIET, "working_set": 2_000.0 * MIB})
    assert seen.memory is not None
    assert 0 <= seen.memory - (MODEL.headroom * 2_000 * MIB + MODEL.program) < 16 * MIB
    # Resident memory has the program's pages already.
    resident = advice({**QUIET, "resident": 2_000.0 * MIB})
    assert resident.memory is not None
    assert 0 <= resident.memory - MODEL.headroom * 2_000 * MIB < 16 * MIB
    assert seen.changes["prometheus"]["resources"]["memory"] == f"{seen.memory // MIB}Mi"
    # The kubelet's figure counts, where there is one.
    assert any("working set was 2,000 MiB" in reason for reason in seen.reasons)


def test_memory_shrinks_where_the_last_start_was_seen() -> None:
    found = advice(QUIET, **with_memory("2Gi"))
    assert found.memory is not None
    assert max(MODEL.peak(LOAD), 90 * MIB) * MODEL.headroom <= found.memory < 2_048 * MIB


@pytest.mark.parametrize(
    "values",
    [
        # The last start was before the window, is not known, or too recent; nothing says how much memory it took.
        {**QUIET, "age": 2 * DAY},
        {**QUIET, "age": 600.0},
        {name: value for name, value in QUIET.items() if name != "age"},
        {name: value for name, value in QUIET.items() if name != "resident"},
        # It was near its limit.
        {**QUIET, "resident": 1_900.0 * MIB},
        {**QUIET, "working_set_now": 1_900.0 * MIB},
    ],
)
def test_memory_does_not_shrink_otherwise(values: dict[str, float]) -> None:
    found = advice(values, **with_memory("2Gi"))
    assert found.memory is not None
    assert found.memory >= 2_048 * MIB


def test_what_is_not_observed_is_named_and_not_zero() -> None:
    found = advice({}, objects=None, prometheus={"storage": {"size": "1Gi"}})
    assert (found.memory, found.cpu, found.storage, found.size, found.weight) == (None, None, None, None, None)
    assert found.changes == {}
    assert found.not_observed == {
        "series": "why",
        "samples": "why",
        "cpu": "why",
        "resident": "why",
        "objects": "monitors and rules could not be listed",
    }


def test_storage_is_for_the_retention_and_never_shrinks() -> None:
    busy = {**QUIET, "samples": 10_000.0, "bytes_per_sample": 1.5}
    found = advice(busy, prometheus={"retention": "10d", "storage": {"size": "5Gi", "class": "fast"}})
    # 10 days x 10,000 x 1.5 bytes and the WAL are 85 % of it.
    assert found.changes["prometheus"]["storage"] == {"size": "15Gi", "class": "fast"}
    assert advice(busy, prometheus={"storage": {"size": "50Gi"}}).storage == 50 * 2**30
    assert any("not observed: the upper figure" in reason for reason in advice({**QUIET}, prometheus={
        "storage": {"size": "5Gi"}}).reasons)  # fmt: skip


@pytest.mark.parametrize(("objects", "weight"), [(0, 1), (10, 1), (11, 2), (250, 25), (50_000, 1000)])
def test_the_weight_follows_the_objects(objects: int, weight: int) -> None:
    assert advice(QUIET, objects=objects).weight == weight


def test_the_named_size_has_room() -> None:
    assert advice(QUIET).size == "small"
    assert advice({**QUIET, "resident": 1_000.0 * MIB}).size == "medium"
    assert advice({**QUIET, "resident": 100_000.0 * MIB}).size is None


def test_dropping_a_metric_saves_its_part() -> None:
    seen = Observed(values=QUIET, metrics=(("a_total", 500), ("b", 1)))
    first, second = savings(seen)
    assert (first["name"], first["series"], first["share"]) == ("a_total", 500, 0.5)
    assert first["memory"] == round(0.5 * (MODEL.per_series * 1_000 + MODEL.per_sample * 50))
    assert second["memory"] < first["memory"]
    assert savings(Observed(metrics=(("a_total", 500),))) == [{"name": "a_total", "series": 500}]
