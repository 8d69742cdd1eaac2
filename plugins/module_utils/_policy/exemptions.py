# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Exemptions: objects that a policy lets pass, with the reason, the owner and the last day. Pure.

CEL has no clock: an exemption that is over is left out of what is rendered, and is a finding.
"""

from __future__ import annotations

import datetime as dt
import fnmatch
import re
import typing as t
from dataclasses import dataclass

from ansible_collections.promfleet.monitoring.plugins.module_utils._input.errors import Errors
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.validate import nearest, validate_list
from ansible_collections.promfleet.monitoring.plugins.module_utils._policy.cel import Node, parse

EXEMPTION_OPTIONS: dict[str, dict[str, t.Any]] = {
    "object": {"type": "str", "required": True},
    "policy": {"type": "str", "required": True},
    "reason": {"type": "str", "required": True},
    "owner": {"type": "str", "required": True},
    "until": {"type": "str", "required": True},
}
_SEGMENT = re.compile(r"[a-zA-Z0-9.*?:-]+")


@dataclass(frozen=True, kw_only=True)
class Exemption:
    """One entry. *glob* is cluster/kind/namespace/name, without a namespace for an object that is in none.

    *until* is the last day on which it holds (UTC).
    """

    glob: str
    policy: str
    reason: str
    owner: str
    until: dt.date
    path: str

    def holds(self, today: dt.date) -> bool:
        """Whether it still holds on a day."""
        return today <= self.until

    def is_for(self, cluster: str) -> bool:
        """Whether it means objects of a cluster."""
        return fnmatch.fnmatchcase(cluster, self.glob.split("/")[0])

    def covers(self, *, kind: str, namespace: str, name: str) -> bool:
        """Whether it means this object of a cluster that it is for."""
        globs = self.glob.split("/")[1:]
        found = (kind, namespace, name) if namespace else (kind, name)
        return len(globs) == len(found) and all(map(fnmatch.fnmatchcase, found, globs))

    def condition(self) -> Node:
        """Whether a request is about an object that it means, as CEL."""
        globs = self.glob.split("/")[1:]
        names = ("request.kind.kind", "request.namespace", "request.name")
        fields = names if len(globs) == len(names) else (names[0], names[2])
        tests = [_test(field, glob) for field, glob in zip(fields, globs, strict=True) if glob != "*"]
        if len(globs) < len(names):
            # A request for a Namespace has its own name as the namespace.
            tests.append("(request.?namespace.orValue('') == '' || request.kind.kind == 'Namespace')")
        return parse(" && ".join(tests) or "true")


def _test(field: str, glob: str) -> str:
    # A request for an object whose name the server makes up has none.
    optional = field.replace("request.", "request.?") + ".orValue('')" if field != "request.kind.kind" else field
    if not re.search(r"[*?]", glob):
        return f"{optional} == '{glob}'"
    regex = "".join({"*": ".*", "?": "."}.get(char, re.escape(char)) for char in glob)
    return f"{optional}.matches(r'^{regex}$')"


def parse_exemptions(raw: object, *, policies: t.Collection[str], path: str, errors: Errors) -> tuple[Exemption, ...]:
    """Exemptions from a list of mappings (EXEMPTION_OPTIONS); *policies* are the ids that there are."""
    found = []
    for number, values in enumerate(validate_list(raw, EXEMPTION_OPTIONS, path=path, errors=errors)):
        place = f"{path}[{number}]"
        if not errors.is_good(place):
            continue
        for name in ("reason", "owner"):
            if not values[name].strip():
                errors.add(f"{place}.{name}", "is empty")
        glob = values["object"].strip()
        segments = glob.split("/")
        if len(segments) not in (3, 4) or not all(map(_SEGMENT.fullmatch, segments)):
            errors.add(
                f"{place}.object",
                f"{glob!r} must be cluster/kind/namespace/name, or cluster/kind/name for an object that is in no "
                "namespace; * and ? match any text between two slashes",
            )
        elif len(segments) == 4 and set(segments[1:]) == {"*"}:
            errors.add(f"{place}.object", f"{glob!r} is every object; change the enforcement of the row instead")
        if values["policy"] not in policies:
            errors.add(
                f"{place}.policy", f"no row has the id {values['policy']!r}; {nearest(values['policy'], policies)}"
            )
        until = _day(values["until"], path=f"{place}.until", errors=errors)
        if errors.is_good(place):
            texts = {name: values[name].strip() for name in ("policy", "reason", "owner")}
            found.append(Exemption(glob=glob, until=until, path=place, **texts))
    return tuple(found)


def _day(text: str, *, path: str, errors: Errors) -> dt.date:
    try:
        return dt.date.fromisoformat(text.strip())
    except ValueError:
        errors.add(path, f"{text!r} is not a day; write it as 2027-01-31")
        return dt.date.min
