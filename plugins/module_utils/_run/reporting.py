# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A report of findings as a module's result: bounded, whole in files on request, and as the message of a failure."""

from __future__ import annotations

import json
import typing as t
from dataclasses import dataclass
from pathlib import Path

from ansible_collections.promfleet.monitoring.plugins.module_utils._findings.compare import Comparison, Earlier
from ansible_collections.promfleet.monitoring.plugins.module_utils._findings.render import (
    FILES,
    as_data,
    headline,
    table,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._findings.report import Report
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.comparing import as_result, compared_with
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.files import write_private
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.result import RESULT_BYTES, Room

COMPARISON_FILE = "comparison.json"


@dataclass(frozen=True, kw_only=True)
class Told:
    """A report, and how it compares with an earlier result, where one was named."""

    report: Report
    comparison: Comparison | None

    @property
    def result(self) -> dict[str, object]:
        """What every module that judges returns, its files written."""
        compared = {"comparison": as_result(self.comparison)} if self.comparison is not None else {}
        return {**bounded(self.report), **compared, "failure": self.failure}

    @property
    def failure(self) -> str | None:
        """The message of a failed module; None if no finding makes it fail."""
        if not self.report.failing:
            return None
        lines = [headline(self.report), table(self.report)]
        if self.comparison is not None:
            lines.insert(1, f"compared with the earlier result: {self.comparison.headline}")
        return "\n".join(lines)

    def files(self) -> dict[str, str]:
        """The texts of the files in a folder of results, by their names."""
        files = {name: render(self.report) for name, render in FILES.items()}
        if self.comparison is not None:
            told = {"headline": self.comparison.headline, "summary": self.comparison.summary}
            files[COMPARISON_FILE] = json.dumps({**told, **self.comparison.groups}, indent=2) + "\n"
        return files


def tell(report: Report, *, params: t.Mapping[str, t.Any], earlier: Earlier | None) -> dict[str, object]:
    """A report as a module's result, compared with the *earlier* one, and written where a folder is given."""
    comparison = None if earlier is None else compared_with(earlier, as_data(report))
    told = Told(report=report, comparison=comparison)
    folder = params["result_folder"]
    return {**told.result, "warnings": write_files(told.files(), folder) if folder else []}


def write_files(files: t.Mapping[str, str], folder: str) -> list[str]:
    """Write files into the folder of results; returns what went wrong with that, for a warning."""
    try:
        for name, text in files.items():
            write_private(Path(folder) / name, text)
    except OSError as error:
        return [f"result_folder: the findings could not be written: {error}"]
    return []


def bounded(report: Report) -> dict[str, object]:
    """The report as a result: the counts whole, of the lists what there is room for."""
    whole = as_data(report)
    room = Room(RESULT_BYTES)
    lists = {name: room.take(whole[name]) for name in ("findings", "suppressed", "checks")}
    left_out = sum(len(whole[name]) - len(taken) for name, taken in lists.items())
    return {**lists, "summary": whole["summary"], **({"truncated": left_out} if left_out else {})}
