"""Proves the doctor's codes on two kind clusters: faults are made, their codes are the roots, and then it is silent.

One fault at a time, or two at once. A fault that cannot be made or taken back ends the proof: what follows would say
nothing.
"""

from __future__ import annotations

import argparse
import re
import sys
import time
import typing as t
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from ansible_collections.promfleet.monitoring.plugins.module_utils._doctor.changing import LOADING
from ansible_collections.promfleet.monitoring.plugins.module_utils._findings.catalogue import CODES

from tests.prove import kept
from tests.prove.doctor.faults import GROUPS, Fault
from tests.prove.doctor.fleet import Fleet, install

# How long the clusters may take until nothing is found.
QUIET = 240.0
# For how long after its first sight a root must stay the only one, while consequences come up.
SETTLE = 15.0
# What excuses others, and for how long at most.
CHANGES = {code for code, entry in CODES.items() if entry.excuse}
EXCUSED = LOADING + 60.0


@dataclass(frozen=True, kw_only=True)
class Row:
    """How it went with some faults: the seconds until their codes were the roots, and until nothing was found again."""

    fault: str
    code: str
    mechanism: str
    proved: bool
    shown: float
    silent: float
    told: str


def prove(fleet: Fleet, faults: Sequence[Fault], *, settle: float) -> Row:
    """Make faults, one after the other, and take them back."""
    codes = [fault.code for fault in faults]
    undo = []
    try:
        for fault in faults:
            undo.append(fault.make(fleet))
        # A change of before that is not over excuses for a while what it may explain.
        excused = any(CHANGES & {*CODES[code].explained_by} for code in codes)
        limit = sum(fault.seconds for fault in faults) + (EXCUSED if excused else 0.0)
        look, shown = fleet.wait_for(codes, seconds=limit)
        began = time.monotonic()
        good = look.has(codes)
        while good and time.monotonic() - began < settle:
            look = fleet.look()
            good = look.has(codes) and look.findings[0]["code"] in codes
    finally:
        for back in reversed(undo):
            back()
        fleet.restore()
    told = look.told
    quiet, silent = fleet.wait_for([], seconds=QUIET)
    if quiet.findings:
        told = f"{told} || not silent: {quiet.told}"
    return Row(
        fault=name_of(faults),
        code=" and ".join(codes),
        mechanism=" and ".join(fault.mechanism for fault in faults),
        proved=good and not quiet.findings,
        shown=round(shown, 1),
        silent=round(silent, 1),
        told=told,
    )


def name_of(faults: Sequence[Fault]) -> str:
    """What a row calls some faults that are made at once."""
    return " and ".join(fault.name for fault in faults)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the proof; 1 where a fault is not named, or stays."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("group", choices=[*GROUPS], help="which faults")
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
    if base.findings:
        return 1
    rows: list[dict[str, t.Any]] = kept.read(options.output, otherwise=[])
    done = {row["fault"] for row in rows if row["proved"]}
    groups = GROUPS[options.group]
    for faults in groups:
        name, codes = name_of(faults), " ".join(fault.code for fault in faults)
        if name in done or not re.search(options.only, f"{name} {codes}"):
            continue
        row = prove(fleet, faults, settle=options.settle)
        rows = [*(one for one in rows if one["fault"] != name), asdict(row)]
        kept.write(rows, options.output)
        mark = "proved" if row.proved else "NOT PROVED"
        print(f"{mark} {row.code} {row.fault}: root after {row.shown} s, silent after {row.silent} s", flush=True)
        if not row.proved:
            print(f"    {row.told}", flush=True)
    proved = [row for row in rows if row["proved"]]
    codes_proved, mechanisms = {row["code"] for row in proved}, {row["mechanism"] for row in proved}
    print(f"{len(proved)} of {len(groups)}, {len(codes_proved)} codes, {len(mechanisms)} mechanisms", flush=True)
    return 0 if len(proved) == len(groups) else 1


if __name__ == "__main__":
    sys.exit(main())
