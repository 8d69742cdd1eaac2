"""Proves the doctor's codes on two kind clusters: a fault is made, its code is the root and first, and then silent.

A fault that cannot be made or taken back ends the proof: what follows would say nothing.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import time
import typing as t
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from tests.prove.doctor.faults import FAULTS, Fault
from tests.prove.doctor.fleet import Fleet, install

# How long the clusters may take until nothing is found.
QUIET = 240.0
# For how long after its first sight a root must stay the only one, while consequences come up.
SETTLE = 15.0


@dataclass(frozen=True, kw_only=True)
class Row:
    """How one fault went: the seconds until its code was the root, and until nothing was found after it was mended."""

    fault: str
    code: str
    mechanism: str
    proved: bool
    shown: float
    silent: float
    told: str


def prove(fleet: Fleet, fault: Fault, *, settle: float) -> Row:
    """Make a fault and take it back."""
    undo = fault.make(fleet)
    try:
        look, shown = fleet.wait_for([fault.code], seconds=fault.seconds)
        began = time.monotonic()
        good = set(look.roots) == {fault.code}
        while good and time.monotonic() - began < settle:
            look = fleet.look()
            good = set(look.roots) == {fault.code} and look.findings[0]["code"] == fault.code
    finally:
        undo()
        fleet.restore()
    told = look.told
    quiet, silent = fleet.wait_for([], seconds=QUIET)
    if quiet.roots:
        told = f"{told} || not silent: {quiet.told}"
    return Row(
        fault=fault.name,
        code=fault.code,
        mechanism=fault.mechanism,
        proved=good and not quiet.roots,
        shown=round(shown, 1),
        silent=round(silent, 1),
        told=told,
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the proof; 1 where a fault is not named, or stays."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("side", choices=[*FAULTS], help="which faults")
    parser.add_argument("--output", type=Path, help="where the rows are kept; faults that it has are not made again")
    parser.add_argument("--only", default="", help="only faults whose name and code this fits")
    parser.add_argument("--settle", type=float, default=SETTLE)
    parser.add_argument("--installed", action="store_true", help="the clusters are as they are to be already")
    options = parser.parse_args(arguments)
    if not options.installed:
        install()
    fleet = Fleet()
    fleet.restore()
    base, took = fleet.wait_for([], seconds=QUIET)
    print(f"base state after {took:.0f} s: {base.told or 'nothing is found'}", flush=True)
    if base.roots:
        return 1
    rows = _kept(options.output)
    done = {row["fault"] for row in rows if row["proved"]}
    faults = FAULTS[options.side]
    for fault in faults:
        if fault.name in done or not re.search(options.only, f"{fault.name} {fault.code}"):
            continue
        row = prove(fleet, fault, settle=options.settle)
        rows = [*(one for one in rows if one["fault"] != fault.name), asdict(row)]
        _keep(rows, options.output)
        mark = "proved" if row.proved else "NOT PROVED"
        print(f"{mark} {row.code} {row.fault}: root after {row.shown} s, silent after {row.silent} s", flush=True)
        if not row.proved:
            print(f"    {row.told}", flush=True)
    proved = [row for row in rows if row["proved"]]
    codes, mechanisms = {row["code"] for row in proved}, {row["mechanism"] for row in proved}
    print(f"{len(proved)} of {len(faults)} faults, {len(codes)} codes, {len(mechanisms)} mechanisms", flush=True)
    return 0 if len(proved) == len(faults) else 1


def _kept(path: Path | None) -> list[dict[str, t.Any]]:
    return list(json.loads(path.read_text())) if path is not None and path.exists() else []


def _keep(rows: list[dict[str, t.Any]], path: Path | None) -> None:
    if path is not None:
        path.write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    sys.exit(main())
