"""Rendering 1,000 teams to files, and comparing two such folders: the modules as processes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
import typing as t
from pathlib import Path

import yaml
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.made_folder import (
    carry_out,
    make_plan,
    read_index,
)

from promlab.controlplane import ControlPlane

JsonObject = dict[str, t.Any]

CHECKOUT = Path(__file__).resolve().parents[2]
TEAMS = 1000
# Those have 12,000 objects, which is what is compared.
COMPARED = 600
# Goals in seconds: a first rendering, one that changes nothing, and comparisons where 1,000 objects differ and all do.
GOALS = {"render_s": 3.0, "unchanged_s": 3.0, "diff_some_s": 3.0, "diff_all_s": 3.0}


class Ran(t.NamedTuple):
    """One process: seconds by the clock and of CPU, MiB at most, and its result."""

    seconds: float
    cpu: float
    mib: float
    result: JsonObject


def measure(plane: ControlPlane, *, rounds: int) -> JsonObject:
    """The median of *rounds* runs of each sort; AssertionError where a goal is missed. No cluster is asked."""
    del plane
    facts: JsonObject = {"teams": TEAMS}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for number in range(rounds):
            first = _render(folder / f"first-{number}")
            _note(facts, "render", first)
            facts |= {"objects": first.result["objects"], "files": first.result["counts"]["created"]}
        again = [_render(folder / "first-0") for _round in range(rounds)]
        assert not any(run.result["changed"] for run in again)
        for run in again:
            _note(facts, "unchanged", run)
        facts["compared"] = _render(folder / "before", teams=COMPARED).result["objects"]
        _render(folder / "some", teams=COMPARED, size="medium")
        _change_all(folder / "before", folder / "all")
        for sort in ("some", "all"):
            for _round in range(rounds):
                run = _run("render_diff", before=str(folder / "before"), after=str(folder / sort))
                _note(facts, f"diff_{sort}", run)
                facts[f"diff_{sort}"] = run.result["headline"]
    facts = {key: sorted(value)[len(value) // 2] if isinstance(value, list) else value for key, value in facts.items()}
    missed = {name: facts[name] for name, most in GOALS.items() if facts[name] > most}
    assert not missed, f"missed: {missed}; all: {json.dumps(facts)}"
    return facts


def _note(facts: JsonObject, sort: str, run: Ran) -> None:
    figures = {"s": round(run.seconds, 2), "cpu": round(run.cpu, 2), "mib": round(run.mib)}
    for name, value in figures.items():
        facts.setdefault(f"{sort}_{name}", []).append(value)


def _change_all(before: Path, after: Path) -> None:
    """A folder in which a label of each object is another one."""
    about, index = read_index(before / "hub")
    found = {path: (before / "hub" / path).read_bytes().replace(b"part-of: promfleet", b"part-of: x") for path in index}
    carry_out(make_plan(after / "hub", found, about=about, overwrite_edited=False))


def _render(folder: Path, *, teams: int = TEAMS, **options: t.Any) -> Ran:
    rules = yaml.safe_load((CHECKOUT / "roles/team_monitoring/files/base_rules.yml").read_text(encoding="utf-8"))
    given = {
        "cluster": "hub",
        "clusters": ["hub"],
        "base_rules": rules,
        "egress": {"api_server": [{"cidr": "192.0.2.1/32", "ports": [6443]}]},
        "teams": [{"name": f"t{number:04}", "namespaces": [f"t{number:04}-app"], **options} for number in range(teams)],
    }
    return _run("render", folder=str(folder), cluster="hub", capabilities={"teams": given})


def _run(module: str, **options: t.Any) -> Ran:
    """The module in a process of its own."""
    with tempfile.NamedTemporaryFile("w", suffix=".json") as arguments, tempfile.TemporaryFile() as sink:
        json.dump({"ANSIBLE_MODULE_ARGS": options}, arguments)
        arguments.flush()
        command = [sys.executable, str(CHECKOUT / f"plugins/modules/{module}.py"), arguments.name]
        env = {**os.environ, "PYTHONPATH": f"{sys.prefix}/collections"}
        began = time.monotonic()
        process = subprocess.Popen(command, env=env, stdout=sink, stderr=sink)
        _pid, _status, usage = os.wait4(process.pid, 0)
        process.returncode = _status
        seconds = time.monotonic() - began
        sink.seek(0)
        result = json.loads(sink.read())
    assert not result.get("failed"), result
    return Ran(seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, result)
