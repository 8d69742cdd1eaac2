# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Judges rules before anything is applied: by promtool where there is one, else by promql-parser.

promtool is Prometheus' own program: it knows all of PromQL, and the templates of labels and annotations. promql-parser
knows expressions alone, and not the newest.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import tempfile
import typing as t
from pathlib import Path

from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.capability import Capability, Model
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.errors import Errors
from ansible_collections.promfleet.monitoring.plugins.module_utils._prometheus import promql
from ansible_collections.promfleet.monitoring.plugins.module_utils._prometheus.rules import (
    RuleText,
    parser_faults,
    promtool_faults,
)

PARSER = "promql-parser"
PROMTOOL = "promtool"
# A file of 500 kB takes less than a second.
_SECONDS = 120
# What promtool says of PromQL that Prometheus understands only with a feature flag.
_FLAG = "--enable-feature"
_NO_FEATURES = (
    "; enable_features has no effect on rules: where the operator enforces the label namespace it parses them without "
    "features, and leaves out the whole PrometheusRule with neither a message nor an Event"
)
_VERSION = re.compile(r"version (\S+)")


def examine(
    capability: Capability[Model], model: Model, params: t.Mapping[str, t.Any], *, errors: Errors
) -> str | None:
    """Note in *errors* what only a run can know of a *model*: what it lacks, and what is wrong with its rules.

    A capability that has rules has the option ``promtool``.

    Returns the name of what judged the rules, None where there are none.
    """
    capability.require(model, params, errors)
    texts = [text for text in capability.rules(model) if errors.is_good(text.path)]
    return judge(texts, promtool=params["promtool"], errors=errors) if texts else None


def judge(texts: t.Sequence[RuleText], *, promtool: str | None, errors: Errors) -> str:
    """Note in *errors* what is wrong with rules, and return the name of what judged them.

    *promtool* is the path of the program; None searches it in PATH.
    """
    program = promtool or shutil.which(PROMTOOL)
    if promtool and not os.access(promtool, os.X_OK):
        errors.add("promtool", f"{promtool!r} is not a program that can be run")
        return PROMTOOL
    if program:
        name, faults = _by_promtool(program, texts)
        advice = f"judged by {name}"
    else:
        name, advice = PARSER, f"judged by {PARSER}, because there is no promtool; set promtool for Prometheus' own"
        if promql.IMPORT_ERROR:
            errors.add(texts[0].path, f"cannot be judged: neither promtool nor the Python library {PARSER} is there")
            return name
        faults = [fault for text in texts for fault in parser_faults(text)]
    by_place: dict[str, list[str]] = {}
    for place, reason in faults:
        by_place.setdefault(place, []).append(f"{reason}{_NO_FEATURES}" if _FLAG in reason else reason)
    for place, reasons in by_place.items():
        errors.add(place, f"{'; '.join(reasons)} ({advice})")
    return name


def _by_promtool(program: str, texts: t.Sequence[RuleText]) -> tuple[str, list[tuple[str, str]]]:
    """The name of promtool with its version, and what it says: the place of each fault, and its reason."""
    version = _VERSION.search(_run(program, "--version", cwd="/")[1])
    name = f"{PROMTOOL} {version[1]}" if version else PROMTOOL
    with tempfile.TemporaryDirectory(prefix="promfleet-rules-") as folder:
        files = {f"{number}.json": text for number, text in enumerate(texts)}
        for file, text in files.items():
            Path(folder, file).write_text(json.dumps({"groups": _numbered(text)}), encoding="utf-8")
        # Without feature flags, as the operator's own parser (pkg/namespacelabeler/labeler.go).
        status, said = _run(program, "check", "rules", "--lint=none", *files, cwd=folder)
    found = promtool_faults(said, files)
    if status and not found:
        found = [(texts[0].path, f"promtool failed with status {status}: {' '.join(said.split())[:500]}")]
    return name, found


def _numbered(text: RuleText) -> list[dict[str, t.Any]]:
    """Groups under numbers, so that what is said of one can be read from any name."""
    return [{**group, "name": str(number)} for number, group in enumerate(text.groups)]


def _run(program: str, *arguments: str, cwd: str) -> tuple[int, str]:
    try:
        done = subprocess.run(  # pylint: disable=ansible-bad-function
            [program, *arguments],
            capture_output=True,
            text=True,
            errors="replace",
            cwd=cwd,
            timeout=_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return 1, str(error)
    return done.returncode, done.stderr + done.stdout
