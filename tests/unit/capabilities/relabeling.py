"""Relabelings, done as Prometheus does them (model/relabel/relabel.go), for those actions that we write."""

from __future__ import annotations

import re
import typing as t
from collections.abc import Iterable, Mapping

JsonObject = dict[str, t.Any]


def relabeled(labels: Mapping[str, str], steps: Iterable[JsonObject]) -> dict[str, str] | None:
    """The labels after all steps, None if the series is dropped."""
    found = dict(labels)
    for step in steps:
        value = ";".join(found.get(name, "") for name in step.get("sourceLabels", ()))
        pattern = re.compile(step.get("regex", "(.*)"), flags=re.DOTALL)
        match = pattern.fullmatch(value)
        if step["action"] == "replace":
            if match is not None:
                found[step["targetLabel"]] = match.expand(step.get("replacement", "$1").replace("$1", r"\1"))
        elif step["action"] == "labeldrop":
            found = {name: text for name, text in found.items() if not pattern.fullmatch(name)}
        else:
            assert step["action"] in ("keep", "drop"), step
            if (match is not None) is not (step["action"] == "keep"):
                return None
        # A label without a value is not a label.
        found = {name: text for name, text in found.items() if text}
    return found
