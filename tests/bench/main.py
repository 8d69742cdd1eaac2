"""`make bench`: measures, prints a table, writes build/bench.json. README.md beside this file tells how to read it."""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
import typing as t
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]
# The environment that runs this brings kubernetes.core and the link to this checkout.
sys.path[:0] = [str(CHECKOUT), str(CHECKOUT / "tests/lab"), str(Path(sys.prefix) / "collections")]

from promlab import pins  # noqa: E402 - the line above makes it importable
from tests.bench import report, speed  # noqa: E402

STARTED = time.monotonic()
JsonObject = dict[str, t.Any]


def say(text: str) -> None:
    """One line of progress."""
    print(f"[{time.monotonic() - STARTED:5.0f}s] {text}", flush=True)


def versions() -> JsonObject:
    """What was measured, on what."""
    core = subprocess.run(
        [Path(sys.prefix) / "bin/ansible", "--version"], capture_output=True, text=True, check=True
    ).stdout.splitlines()[0]
    commit = subprocess.run(
        ["git", "describe", "--always", "--dirty"], cwd=CHECKOUT, capture_output=True, text=True, check=False
    ).stdout.strip()
    return {
        "ansible": core,
        "commit": commit,
        "cpus": os.cpu_count(),
        "kubernetes": pins.KUBERNETES,
        "load_before": os.getloadavg()[0],
        "python": platform.python_version(),
    }


def measure_speed(folder: Path, *, teams: int, times: int, clusters: bool) -> tuple[JsonObject, list[report.Row]]:
    """Everything about speed and memory."""
    sizes = {
        number: speed.measure_fleet(speed.Fleet(folder, number=number), times=times, say=say)
        for number in sorted({speed.LOOP_TEAMS, teams // 10, teams})
    }
    core = speed.measure_core(folder, times=times, say=say)
    rows = report.fleet_rows(sizes[teams]) + report.growth_rows(sizes[teams // 10], sizes[teams])
    rows += report.core_rows(core, sizes)
    facts: JsonObject = {"sizes": list(sizes.values()), "kubernetes_core": core}
    if clusters:
        facts["many_clusters"] = speed.measure_clusters(speed.Fleet(folder / "many", number=teams), say=say)
    return facts, rows


def main() -> int:
    """Measure; 1 where a goal was missed."""
    parser = argparse.ArgumentParser(prog="bench")
    parser.add_argument(
        "--teams", type=int, default=1000, help="size of the large fleet; a tenth of it is the small one"
    )
    parser.add_argument("--times", type=int, default=3, help="how often each fast row is measured; the median counts")
    parser.add_argument("--no-clusters", action="store_true", help="leave out the run on many clusters")
    parser.add_argument("--output", type=Path, default=CHECKOUT / "build/bench.json")
    arguments = parser.parse_args()
    found: JsonObject = {"versions": versions()}
    with tempfile.TemporaryDirectory(prefix="promfleet-bench-") as name:
        facts, rows = measure_speed(
            Path(name), teams=arguments.teams, times=arguments.times, clusters=not arguments.no_clusters
        )
    found |= {"speed": facts, "rows": [row.as_json() for row in rows]}
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    arguments.output.write_text(json.dumps(found, indent=2) + "\n")
    print(report.table(rows))
    say(f"all figures: {arguments.output}")
    return 0 if all(row.met for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
