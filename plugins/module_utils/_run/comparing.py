# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Earlier results of modules that judge: read again from their files, and compared."""

from __future__ import annotations

import json
import typing as t
from pathlib import Path

from ansible_collections.promfleet.monitoring.plugins.module_utils._findings.compare import (
    Comparison,
    Earlier,
    all_new,
    all_unknown,
    compare,
    not_comparable,
    parse_report,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._findings.render import FINDINGS_FILE
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.errors import Collecting, Errors, InputError
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.result import RESULT_BYTES, Room

JsonObject = dict[str, t.Any]

# Beside what a module that judges returns anyway.
COMPARISON_BYTES = RESULT_BYTES // 4


def earlier_result(path: str | None, *, cluster: str) -> Earlier | None:
    """The result for *cluster* that the option ``compare_with`` names, a file or its folder; raises InputError."""
    if not path:
        return None
    place = Path(path) / FINDINGS_FILE if Path(path).is_dir() else Path(path)
    try:
        found = _read(place)
    except InputError as error:
        raise InputError(f"compare_with: {error.path}", *error.parts) from error
    if found.cluster != cluster:
        raise InputError(f"compare_with: {place}", f"is about the cluster {found.cluster!r}, not {cluster!r}")
    return found


def compared_with(earlier: Earlier, data: JsonObject) -> Comparison:
    """What became of an earlier result's findings in *data*; raises InputError if the clusters only share a name."""
    problem = not_comparable(earlier.data, data)
    if problem:
        raise InputError(f"compare_with: {earlier.place}", problem)
    return compare(earlier.data, data)


def compare_folders(before: str, after: str) -> Comparison:
    """Two files, or two folders with the results of whole fleets, compared cluster by cluster; raises InputError."""
    with Collecting(None) as errors:
        old, now = (_results(path, option=name, errors=errors) for name, path in (("before", before), ("after", after)))
        for cluster in sorted(old.keys() & now.keys()):
            problem = not_comparable(old[cluster].data, now[cluster].data)
            if problem:
                errors.add(f"before: {old[cluster].place}", problem)
        if old and now and not old.keys() & now.keys():
            errors.add(
                "after",
                f"{after} is about {', '.join(sorted(now))} and {before} about {', '.join(sorted(old))}: these are "
                "results of other clusters, or of another fleet",
            )
    whole = Comparison()
    for cluster in sorted(old.keys() | now.keys()):
        if cluster not in now:
            part = all_unknown(old[cluster].data)
        elif cluster not in old:
            part = all_new(now[cluster].data)
        else:
            part = compare(old[cluster].data, now[cluster].data)
        whole = whole.together_with(part)
    return whole


def as_result(comparison: Comparison) -> JsonObject:
    """A comparison as a result: the counts whole, of the lists what there is room for."""
    room = Room(COMPARISON_BYTES)
    lists = {name: room.take(found) for name, found in comparison.groups.items()}
    left_out = sum(len(comparison.groups[name]) - len(taken) for name, taken in lists.items())
    told = {"headline": comparison.headline, "summary": comparison.summary}
    return {**told, **lists, **({"truncated": left_out} if left_out else {})}


def _results(path: str, *, option: str, errors: Errors) -> dict[str, Earlier]:
    """The results at *path* by their clusters: of a file, of a folder, or of the folders in that."""
    place = Path(path)
    files = [place]
    if place.is_dir():
        files = sorted({*place.glob(FINDINGS_FILE), *place.glob(f"*/{FINDINGS_FILE}")})
        if not files:
            errors.add(option, f"{path} has no {FINDINGS_FILE}, nor has a folder in it")
    found: dict[str, Earlier] = {}
    for file in files:
        try:
            one = _read(file)
        except InputError as error:
            errors.add(f"{option}: {error.path}", *error.parts)
            continue
        if one.cluster in found:
            other = found[one.cluster].place
            errors.add(f"{option}: {file}", f"is about the cluster {one.cluster!r}, as {other} is")
        found.setdefault(one.cluster, one)
    return found


def _read(place: Path) -> Earlier:
    try:
        raw = json.loads(place.read_bytes())
    except OSError as error:
        raise InputError(str(place), f"cannot be read: {error.strerror or error}") from error
    except ValueError as error:
        raise InputError(str(place), f"is not a report of findings: it is not JSON: {error}") from error
    return parse_report(raw, place=str(place))
