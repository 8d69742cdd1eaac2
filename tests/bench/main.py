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
import traceback
import typing as t
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]
# The environment that runs this brings kubernetes.core and the link to this checkout.
sys.path[:0] = [str(CHECKOUT), str(CHECKOUT / "tests/lab"), str(Path(sys.prefix) / "collections")]

from promlab import pins  # noqa: E402 - the line above makes it importable
from promlab.controlplane import control_plane  # noqa: E402
from tests.bench import (  # noqa: E402
    audit,
    capacity,
    concurrency,
    crd_releases,
    doctor,
    federation,
    fleet,
    foreign,
    interrupt,
    policy,
    proxy,
    render,
    report,
    rights,
    sizing,
    speed,
    thanos,
    truth,
)

# Their control planes note every request.
AUDITED = ("fleet",)
STARTED = time.monotonic()
JsonObject = dict[str, t.Any]
# What is told in rounds: each topic on a control plane of its own, with the number of rounds that counts as done.
TOPICS: dict[str, tuple[t.Callable[..., t.Mapping[str, t.Any]], int]] = {
    "truth": (truth.measure, 500),
    "interrupt": (interrupt.measure, 200),
    "concurrency": (concurrency.measure, 50),
    "foreign": (foreign.measure, 5),
    "rights": (rights.measure, 1000),
    "crd_releases": (crd_releases.measure, 40),
    "proxy": (proxy.measure, 5),
    "thanos": (thanos.measure, 7),
    "doctor": (doctor.measure, 3),
    "federation": (federation.measure, 1000),
    "policy": (policy.measure, 200),
    "capacity": (capacity.measure, 5),
    "fleet": (fleet.measure, 200),
    "render": (render.measure, 5),
    "sizing": (sizing.measure, 6),
    "audit": (audit.measure, 20),
}


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
        rows.append(report.clusters_row(facts["many_clusters"]))
    return facts, rows


def measure_topic(name: str, *, rounds: int | None) -> JsonObject:
    """One topic; what it says of a violated rule is in `violated`, for the other topics are worth their time too."""
    measure, enough = TOPICS[name]
    number = enough if rounds is None else rounds
    say(f"{name}: up to {number} rounds")
    with control_plane(f"bench-{name.replace('_', '-')}", audit=name in AUDITED) as plane:
        try:
            facts = dict(measure(plane, rounds=number))
        except AssertionError as error:
            # From its end: there is the failed assertion, and what hypothesis notes of the example.
            facts = {"violated": "".join(traceback.format_exception(error))[-4000:]}
    say(f"{name}: {json.dumps(facts)[:2000]}")
    return {"rounds": number, **facts}


def main() -> int:
    """Measure; 1 where a goal was missed or a rule violated."""
    parser = argparse.ArgumentParser(prog="bench")
    parser.add_argument(
        "--teams", type=int, default=1000, help="size of the large fleet; a tenth of it is the small one"
    )
    parser.add_argument("--times", type=int, default=3, help="how often each fast row is measured; the median counts")
    parser.add_argument("--no-clusters", action="store_true", help="leave out the run on many clusters")
    parser.add_argument("--rounds", type=int, help="rounds of each topic, instead of what counts as done")
    parser.add_argument("--output", type=Path, default=CHECKOUT / "build/bench.json")
    parser.add_argument("topics", nargs="*", help=f"of speed, {', '.join(TOPICS)}; all where none is named")
    arguments = parser.parse_args()
    topics = arguments.topics or ["speed", *TOPICS]
    if unknown := sorted(set(topics) - {"speed", *TOPICS}):
        parser.error(f"no such topic: {', '.join(unknown)}")
    found: JsonObject = {"versions": versions()}
    rows: list[report.Row] = []
    if "speed" in topics:
        with tempfile.TemporaryDirectory(prefix="promfleet-bench-") as name:
            found["speed"], rows = measure_speed(
                Path(name), teams=arguments.teams, times=arguments.times, clusters=not arguments.no_clusters
            )
    rounds = [name for name in topics if name != "speed"]
    found |= {name: measure_topic(name, rounds=arguments.rounds) for name in rounds}
    found["rows"] = [row.as_json() for row in rows]
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    arguments.output.write_text(json.dumps(found, indent=2) + "\n")
    if rows:
        print(report.table(rows))
    say(f"all figures: {arguments.output}")
    violated = any("violated" in found[name] for name in rounds)
    return 0 if all(row.met for row in rows) and not violated else 1


if __name__ == "__main__":
    sys.exit(main())
