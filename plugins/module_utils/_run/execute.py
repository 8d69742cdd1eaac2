# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The one function that runs a module's work, whichever way the module was called."""

from __future__ import annotations

import sys
import time
import typing as t
from dataclasses import dataclass
from pathlib import Path

from ansible_collections.promfleet.monitoring.plugins.module_utils._api import connection
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.errors import ClusterError, Refused
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.errors import InputError
from ansible_collections.promfleet.monitoring.plugins.module_utils._prometheus import promql
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.auditing import (
    audit,
    check_options,
    is_audited,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.definition import Definition
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.result import (
    refusal,
    report,
    shortened,
    write_whole,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.run import JsonObject, Run
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.outcome import Incomplete, Outcome


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What a module returns: its *result*, with ``failed`` and ``msg`` where it failed, and its *warnings*."""

    result: JsonObject
    warnings: tuple[str, ...] = ()


def execute(definition: Definition, params: JsonObject, *, check: bool, diff: bool) -> Answer:
    """Run the work of a module with its checked parameters and return its result and warnings.

    Known errors become a failure with a message for users; any other exception is a bug of ours and is not caught.
    *check* and *diff* are Ansible's modes. Nothing of the process is changed: not its environment, not its output.
    """
    missing = _missing_library(definition)
    if missing:
        return _failed(
            f"the Python library {missing} is missing where modules run ({sys.executable}); install it there with: "
            f"{sys.executable} -m pip install {missing}"
        )
    warnings: list[str] = []
    run = Run(params=params, check=check)
    reporter = _Reporter(run=run, name=definition.name, diff=diff, warnings=warnings, started=time.time())
    try:
        check_options(params)
        result = definition.work(run)
    except Refused as error:
        return _failed(str(error), **refusal(error.objects))
    except Incomplete as error:
        told, unaudited = reporter.report(error.outcome, failure=str(error))
        return _failed(_with(str(error), unaudited), warnings=warnings, **told)
    except (InputError, ClusterError) as error:
        return _failed(str(error))
    outcome = result.pop("outcome", None)
    failure = result.pop("failure", None) or ""
    shown = result.pop("diff", None)
    if diff and shown is not None:
        result["diff"] = shown()
    warnings.extend(result.pop("warnings", ()))
    if isinstance(outcome, Outcome):
        told, unaudited = reporter.report(outcome, failure=failure)
        result, failure = {**told, **result}, _with(failure, unaudited)
    if failure:
        return _failed(failure, warnings=warnings, **result)
    return Answer(result={"changed": False, **result}, warnings=tuple(warnings))


@dataclass(frozen=True, kw_only=True)
class _Reporter:
    """Makes the result of an outcome, writes it to the user's file and to the audit trail; notes *warnings*."""

    run: Run
    name: str
    diff: bool
    warnings: list[str]
    started: float

    def report(self, outcome: Outcome, *, failure: str) -> tuple[JsonObject, str]:
        """The result, and why what was changed is not in the audit trail: empty if it is, or need not be there."""
        self.warnings.extend(shortened(outcome.warnings))
        self.warnings.extend(_written(outcome, path=self.run.params.get("result_file"), name=self.name))
        result = report(outcome, diff=self.diff)
        if not outcome.changes or not is_audited(self.run):
            return result, ""
        try:
            noted, unsent = audit(self.run, outcome, module=self.name, started=self.started, failure=failure)
        except ClusterError as error:
            return result, f"what was changed is not in the audit trail: {error}"
        self.warnings.extend(unsent)
        return {**result, **noted}, ""


def _with(message: str, other: str) -> str:
    return "; ".join(text for text in (message, other) if text)


def _failed(message: str, *, warnings: t.Sequence[str] = (), **more: t.Any) -> Answer:
    return Answer(result={**more, "failed": True, "msg": message}, warnings=tuple(warnings))


def _missing_library(definition: Definition) -> str | None:
    """The distribution that the module needs and this Python lacks."""
    if definition.needs_cluster and connection.IMPORT_ERROR:
        return "kubernetes"
    return "promql-parser" if definition.needs_promql and promql.IMPORT_ERROR else None


def _written(outcome: Outcome, *, path: str | None, name: str) -> list[str]:
    """Write the whole outcome to the file that the user named, and return a warning where that failed."""
    if not path:
        return []
    target = Path(path) / f"{name}.json" if path.endswith("/") else Path(path)
    try:
        write_whole(target, outcome)
    except OSError as error:
        return [f"result_file: {target} could not be written: {error}"]
    return []
