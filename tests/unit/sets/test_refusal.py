"""A refused run lists what it was about, whole as far as a result may be large, and always how many there are."""

from __future__ import annotations

import json

from ansible_collections.promfleet.monitoring.plugins.module_utils._run.result import RESULT_BYTES, refusal


def test_all_of_a_fleet_is_listed() -> None:
    names = [f"Prometheus monitoring-team-{number:04}/team-{number:04}" for number in range(5000)]
    assert refusal(names) == {"refused": names, "refused_count": 5000}


def test_more_than_a_result_may_hold_is_counted() -> None:
    names = [f"ConfigMap {'x' * 200}/{number:05}" for number in range(10_000)]
    result = refusal(names)
    assert result["refused_count"] == 10_000
    assert result["truncated"] == 10_000 - len(result["refused"]) > 0
    assert len(json.dumps(result)) < RESULT_BYTES + 1000
