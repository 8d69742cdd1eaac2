# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A report of findings as a module's result: bounded, whole in files on request, and as the message of a failure."""

from __future__ import annotations

from pathlib import Path

from ansible_collections.promfleet.monitoring.plugins.module_utils._findings.render import (
    FILES,
    as_data,
    headline,
    table,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._findings.report import Report
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.files import write_private
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.result import RESULT_BYTES, Room


def write_report(report: Report, folder: str | None) -> list[str]:
    """Write the report's files where a folder is given; returns what went wrong with that, for a warning."""
    try:
        for name, render in FILES.items() if folder else ():
            write_private(Path(str(folder)) / name, render(report))
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


def failure(report: Report) -> str | None:
    """The message of a failed module; None if no finding makes it fail."""
    return f"{headline(report)}\n{table(report)}" if report.failing else None
