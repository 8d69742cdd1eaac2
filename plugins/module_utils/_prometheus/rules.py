# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Rules that are to be judged, and what promtool says of them. Pure."""

from __future__ import annotations

import re
import typing as t
from dataclasses import dataclass

from ansible_collections.promfleet.monitoring.plugins.module_utils._prometheus.promql import check_expression

JsonObject = dict[str, t.Any]

# ``0.json: 12:9: group "0", rule 1, "name": could not parse expression: ...``, and what is wrong with a whole file
# without a place (checkRules in cmd/promtool/main.go and Error in model/rulefmt/rulefmt.go of Prometheus).
_SAID = re.compile(
    r"(?P<file>[^\s:]+): (?:\d+:\d+: )*"
    r'(?:group "(?P<group>\d+)", rule (?P<rule>\d+), "(?:[^"\\]|\\.)*": )?(?P<reason>.+)'
)


@dataclass(frozen=True, kw_only=True)
class RuleText:
    """The groups of one PrometheusRule, which *owner*'s instance evaluates.

    *path* is its place in the input; *file* the file that it is from, or empty.
    """

    groups: tuple[JsonObject, ...]
    path: str
    file: str
    owner: str


def place_of(text: RuleText, group: int, rule: int) -> str:
    """The place of a rule in the input: a file is one place."""
    return text.path if text.file else f"{text.path}.groups[{group}].rules[{rule}]"


def described(text: RuleText, group: JsonObject, rule: JsonObject) -> str:
    """Which rule it is, for a message: its file, its group and its name."""
    kind = "alert" if rule.get("alert") else "record"
    named = f"group {group['name']!r}, {kind} {rule.get(kind)!r}"
    return f"{text.file}, {named}" if text.file else named


def parser_faults(text: RuleText) -> t.Iterator[tuple[str, str]]:
    """What promql-parser says against the rules of *text*: the place of each, and the reason with the rule's name."""
    for number, group in enumerate(text.groups):
        for index, rule in enumerate(group["rules"]):
            problem = check_expression(rule["expr"])
            if problem is not None:
                yield place_of(text, number, index), f"{described(text, group, rule)}: {problem}"


def promtool_faults(said: str, texts: t.Mapping[str, RuleText]) -> list[tuple[str, str]]:
    """What promtool *said* against files of rules, by the names that the files had, and groups by their numbers."""
    found: list[tuple[str, str]] = []
    for line in said.splitlines():
        match = _SAID.match(line)
        text = texts.get(match["file"]) if match else None
        if match is None or text is None:
            continue
        if match["group"] is not None:
            number, index = int(match["group"]), int(match["rule"]) - 1
            group = text.groups[number]
            reason = f"{described(text, group, group['rules'][index])}: {match['reason']}"
            found.append((place_of(text, number, index), reason))
        else:
            found.append((text.path, f"{text.file}: {match['reason']}" if text.file else match["reason"]))
    return found
