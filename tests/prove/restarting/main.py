"""Proves that a rolling restart of a source with two replicas leaves no gap, with and without volumes.

The pods of the worker's Prometheus are replaced one after the other, each when the one before is ready again. On the
central side at least one replica's newest sample is never older than two scrape intervals beside the time that rules
take, and nothing was out of order or twice, but for alerts after a restart with a volume (docs/federation.md).
"""

from __future__ import annotations

import argparse
import json
import sys
import time
import typing as t
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from tests.integration.support.cluster import Cluster
from tests.prove import kept
from tests.prove.doctor.fleet import EDGE, NAMESPACE, SECONDS, TEAM, Fleet, install

REPLICAS = 2
INTERVAL = float(SECONDS.removesuffix("s"))
# A recorded series is as old as the evaluation of its rule when it is read.
EVALUATION = INTERVAL
# The query looks at samples second by second; a scrape takes a moment.
SLACK = 2.0
READY = 240.0
SETTLED = 30.0
ROUNDS = 2
RECORDED = f'{{cluster="{EDGE}",__name__=~"[^:]+:.+"}}'
REFUSED = ("sample_out_of_order", "sample_duplicate_timestamp", "sample_out_of_bounds")


def described(*, volume: bool) -> dict[str, t.Any]:
    """The worker's instance: the one of the other proofs with two replicas."""
    prometheus = {**TEAM["prometheus"], "replicas": REPLICAS}
    return {**TEAM, "prometheus": {**prometheus, **({"storage": {"size": "1Gi"}} if volume else {})}}


@dataclass(frozen=True, kw_only=True)
class Row:
    """One run of restarts: the longest time without a fresh sample of any replica, and samples that were refused."""

    volume: bool
    restarts: int
    seconds: int
    gap: float
    allowed: float
    refused: dict[str, float]
    held: bool


def prove(*, volume: bool) -> Row:
    """Restart all replicas, a few times."""
    worker = described(volume=volume)
    install(worker)
    fleet = Fleet(worker)
    fleet.restore()
    look, _took = fleet.wait_for([], seconds=READY)
    if look.findings:
        raise SystemExit(f"the clusters are not well: {look.told}")
    before, began = _refused(fleet), time.time()
    for number in range(ROUNDS * REPLICAS):
        _restart(fleet.edge, f"prometheus-platform-{number % REPLICAS}")
        # The other one must be read again before this one goes, as a disruption budget and a drain see to it.
        time.sleep(2 * INTERVAL)
    time.sleep(SETTLED)
    ended = time.time()
    gap = _longest_gap(fleet, began, ended)
    refused = {name: count - before[name] for name, count in _refused(fleet).items()}
    allowed = 2 * INTERVAL + EVALUATION + SLACK
    # With a volume an alert's samples from before the restart come behind the end of its series.
    counted = {name: count for name, count in refused.items() if not (volume and name == REFUSED[0])}
    return Row(
        volume=volume,
        restarts=ROUNDS * REPLICAS,
        seconds=int(ended - began),
        gap=round(gap, 1),
        allowed=allowed,
        refused=refused,
        held=gap <= allowed and not any(counted.values()),
    )


def _restart(api: Cluster, pod: str) -> None:
    """Replace a pod and wait until the new one is ready."""
    old = api.get("v1", "Pod", pod, NAMESPACE)["metadata"]["uid"]
    api.delete("v1", "Pod", pod, NAMESPACE)

    def is_back() -> bool:
        live = api.find("v1", "Pod", pod, NAMESPACE)
        if live is None or live["metadata"]["uid"] == old:
            return False
        conditions = live["status"].get("conditions") or ()
        return any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)

    api.wait_until(is_back, f"{pod} is ready again", timeout=READY)


def _refused(fleet: Fleet) -> dict[str, float]:
    """How many samples the central Prometheus refused so far, by the reason."""
    found = {}
    for name in REFUSED:
        rows = fleet.query(fleet.hub, query=f"sum(prometheus_target_scrapes_{name}_total)")
        found[name] = float(rows[0]["value"][1])
    return found


def _longest_gap(fleet: Fleet, start: float, end: float) -> float:
    """The greatest age, in seconds, that the newest sample of all replicas had at any second."""
    query = f"time() - max(timestamp({RECORDED}))"
    (row,) = fleet.query(fleet.hub, "query_range", query=query, start=f"{start:.0f}", end=f"{end:.0f}", step="1")
    return max(float(value) for _time, value in row["values"])


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the proof; 1 where there was a gap, or samples were refused."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, help="where the rows are kept")
    options = parser.parse_args(arguments)
    rows = []
    for volume in (False, True):
        row = prove(volume=volume)
        rows.append(asdict(row))
        print(json.dumps(rows[-1]), flush=True)
    kept.write(rows, options.output)
    return 0 if all(row["held"] for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
