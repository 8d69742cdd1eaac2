# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Differences for people and programs: text, Markdown for a merge request, JSON. Pure."""

from __future__ import annotations

import itertools
import json
import typing as t
from collections.abc import Iterator

from ansible_collections.promfleet.monitoring.plugins.module_utils._state.differences import (
    ABSENT,
    Differences,
    FieldChange,
    ObjectChange,
    in_words,
)

JsonObject = dict[str, t.Any]

VERSION = 1
# A value is cut here; the JSON has all of it.
LONGEST = 160
# The least that a comment of a merge request may have (GitHub: 65,536 characters).
MARKDOWN = 60_000
_SIGNS = {"created": "+", "updated": "~", "deleted": "-"}


def as_text(differences: Differences) -> str:
    """All differences, for a terminal."""
    lines = [differences.headline]
    for cluster, changes in _by_cluster(differences):
        lines.append(f"{cluster}: {in_words(differences.summary(cluster))}")
        for (_cluster, capability, team), listed in _grouped(changes):
            lines.append(f"  {_place(capability, team)}")
            for change in listed:
                lines.append(f"    {_SIGNS[change.action]} {change.key}")
                lines += [f"        {one.path}: {_sides(one)}" for one in change.fields]
    return "".join(f"{line}\n" for line in lines)


def as_markdown(differences: Differences) -> str:
    """The differences for a merge request: a table of clusters, then each team, as far as there is room."""
    parts = [f"**Objects: {differences.headline}**\n"]
    if not differences.changes:
        return parts[0]
    parts.append("\n| cluster | created | updated | deleted | unchanged |\n|---|---|---|---|---|\n")
    for cluster, _changes in _by_cluster(differences):
        cells = [_cell(cluster), *(f"{number:,}" for number in differences.summary(cluster).values())]
        parts.append(f"| {' | '.join(cells)} |\n")
    room = MARKDOWN - sum(map(len, parts))
    left_out = 0
    for (cluster, capability, team), changes in _grouped(differences.changes):
        listed = list(changes)
        block = _block(f"{cluster}: {_place(capability, team)}", listed)
        if len(block) > room:
            left_out += len(listed)
            continue
        room -= len(block)
        parts.append(block)
    if left_out:
        parts.append(f"\n{left_out:,} more objects differ; the text and the JSON have them.\n")
    return "".join(parts)


def _block(title: str, changes: list[ObjectChange]) -> str:
    lines = [f"\n<details><summary>{_cell(title)}: {len(changes):,} objects</summary>\n\n"]
    for change in changes:
        lines.append(f"- {change.action} {_code(str(change.key))}\n")
        lines += [f"  - {_code(one.path)}: {_code(_sides(one))}\n" for one in change.fields]
    return "".join([*lines, "\n</details>\n"])


def as_json(differences: Differences) -> JsonObject:
    """All differences, for programs."""
    return {
        "version": VERSION,
        "summary": differences.summary(),
        "clusters": {cluster: differences.summary(cluster) for cluster in sorted(differences.unchanged)},
        "differences": [change.result() for change in differences.changes],
    }


def _by_cluster(differences: Differences) -> Iterator[tuple[str, list[ObjectChange]]]:
    for cluster, changes in itertools.groupby(differences.changes, key=lambda change: change.cluster):
        yield cluster, list(changes)


def _grouped(changes: t.Iterable[ObjectChange]) -> Iterator[tuple[tuple[str, str, str], Iterator[ObjectChange]]]:
    return itertools.groupby(changes, key=lambda change: change.place)


def _place(capability: str, team: str) -> str:
    return f"{capability}, team {team}" if team else capability


def _sides(change: FieldChange) -> str:
    if change.before is ABSENT:
        return f"added {_value(change.after)}"
    if change.after is ABSENT:
        return f"removed {_value(change.before)}"
    return f"{_value(change.before)} -> {_value(change.after)}"


def _value(value: t.Any) -> str:
    text = json.dumps(value, ensure_ascii=False, sort_keys=True)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}..."


def _code(text: str) -> str:
    """Text that a page shows as it is: in more backticks than it has itself."""
    longest = max((len(list(run)) for sign, run in itertools.groupby(text) if sign == "`"), default=0)
    fence = "`" * (longest + 1)
    return f"{fence} {text} {fence}" if longest else f"`{text}`"


def _cell(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace("|", "&#124;")
