"""What two replicas do to sums on the central cluster: the queries of the guide, evaluated by Prometheus' own promtool.

Series are as the central Prometheus has them: with the external labels that the operator gives to each replica.
"""

from __future__ import annotations

import json
import re
import subprocess
import typing as t
from pathlib import Path

import pytest

from tests.integration.support.prometheus_process import lab_program

JsonObject = dict[str, t.Any]

CHECKOUT = Path(__file__).resolve().parents[2]
GUIDE = CHECKOUT / "docs/federation.md"
IDENTITY = 'cluster="{cluster}",team="platform",prometheus="monitoring-platform/platform"'
# Two replicas on edge, one on core; a value that all of them agree about, and one that differs between the replicas.
REPLICAS = {"edge": ("prometheus-platform-0", "prometheus-platform-1"), "core": ("prometheus-platform-0",)}
COUNT = {"edge": 40, "core": 7}


@pytest.fixture(scope="module")
def promtool(request: pytest.FixtureRequest) -> Path:
    return lab_program(request, "promtool")


def queries() -> list[str]:
    """The queries of the guide, in their order: the right sum, the doubled sum, the right number of alerts."""
    section = GUIDE.read_text().split("## Sources with several replicas")[1].split("\n## ")[0]
    found = re.findall(r"^```promql\n(.*?)\n```$", section, flags=re.MULTILINE | re.DOTALL)
    assert len(found) == 3
    return found


def series(name: str, value: t.Callable[[str, int], str], **labels: str) -> list[JsonObject]:
    """One series for each replica of each cluster, as it arrives on the central cluster."""
    more = "".join(f',{label}="{text}"' for label, text in labels.items())
    return [
        {
            "series": f'{name}{{{IDENTITY.format(cluster=cluster)},prometheus_replica="{replica}"{more}}}',
            "values": value(cluster, number),
        }
        for cluster, replicas in REPLICAS.items()
        for number, replica in enumerate(replicas)
    ]


def evaluate(promtool: Path, folder: Path, *, given: list[JsonObject], expected: dict[str, dict[str, float]]) -> None:
    """Let promtool compare each query with what is *expected* of it, by the labels of the result."""
    tests = [
        {
            "expr": query,
            "eval_time": "10m",
            "exp_samples": [{"labels": labels, "value": value} for labels, value in samples.items()],
        }
        for query, samples in expected.items()
    ]
    path = folder / "replicas.yml"
    # JSON is YAML.
    path.write_text(json.dumps({"tests": [{"interval": "1m", "input_series": given, "promql_expr_test": tests}]}))
    done = subprocess.run([str(promtool), "test", "rules", str(path)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_sums_double_and_the_guides_query_is_right(promtool: Path, tmp_path: Path) -> None:
    right, doubled, _alerts = queries()
    evaluate(
        promtool,
        tmp_path,
        given=series("team:up:count", lambda cluster, _number: f"{COUNT[cluster]}x20"),
        expected={
            right: {'{cluster="core"}': 7, '{cluster="edge"}': 40},
            doubled: {'{cluster="core"}': 7, '{cluster="edge"}': 80},
        },
    )


def test_a_replica_that_is_down_changes_nothing(promtool: Path, tmp_path: Path) -> None:
    right, _doubled, _alerts = queries()

    def value(cluster: str, number: int) -> str:
        # The second replica of edge went stale after five minutes.
        return f"{COUNT[cluster]}x4 stale" if number else f"{COUNT[cluster]}x20"

    evaluate(
        promtool,
        tmp_path,
        given=series("team:up:count", value),
        expected={right: {'{cluster="core"}': 7, '{cluster="edge"}': 40}},
    )


def test_each_firing_alert_counts_once(promtool: Path, tmp_path: Path) -> None:
    _right, _doubled, alerts = queries()
    given = [
        *series("ALERTS", lambda _cluster, _number: "1x20", alertname="TargetDown", alertstate="firing", instance="a"),
        *series("ALERTS", lambda _cluster, _number: "1x20", alertname="TargetDown", alertstate="firing", instance="b"),
    ]
    evaluate(
        promtool,
        tmp_path,
        given=given,
        expected={
            alerts: {'{alertname="TargetDown", cluster="core"}': 2, '{alertname="TargetDown", cluster="edge"}': 2},
            'count by (cluster) (ALERTS{alertstate="firing"})': {'{cluster="core"}': 2, '{cluster="edge"}': 4},
        },
    )
