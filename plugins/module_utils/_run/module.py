# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The only file that ends a module: common options, the connection, results and errors in one shape for all modules."""

from __future__ import annotations

import copy
import gc
import json
import os
import tempfile
import typing as t
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule, missing_required_lib
from ansible_collections.promfleet.monitoring.plugins.module_utils._api import transport
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.client import Cluster, connect
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.errors import ClusterError, Refused
from ansible_collections.promfleet.monitoring.plugins.module_utils._base import versions
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.progress import ENVIRONMENT, Progress
from ansible_collections.promfleet.monitoring.plugins.module_utils._crds.source import open_source
from ansible_collections.promfleet.monitoring.plugins.module_utils._crds.to_come import CrdsToCome, to_come
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.connection import (
    environment_options,
    require_explicit,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.errors import InputError
from ansible_collections.promfleet.monitoring.plugins.module_utils._prometheus import promql
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.arguments import without_long
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.options import Options
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.outcome import Change, Incomplete, Outcome

JsonObject = dict[str, t.Any]
Spec = dict[str, t.Any]

# AWX cuts an event at 700,000 bytes; counts are always whole, the lists stop here.
RESULT_BYTES = 400_000
WARNINGS = 50

CONNECTION_OPTIONS: Spec = {"in_cluster": {"type": "bool", "default": False}}
WRITE_OPTIONS: Spec = {
    "fleet": {"type": "str", "default": "default"},
    "force_conflicts": {"type": "bool", "default": False},
    "adopt_managers": {"type": "list", "elements": "str", "default": []},
    "result_file": {"type": "path"},
    "wait": {"type": "bool", "default": True},
    "wait_timeout": {"type": "int", "default": 300},
    "crds_to_come": {
        "type": "dict",
        "options": {"version": {"type": "str"}, "source": {"type": "str"}, "checksum": {"type": "str"}},
    },
    "lock_timeout": {"type": "int", "default": 60},
}
STATE_OPTION: Spec = {"state": {"type": "str", "default": "present", "choices": ["present", "absent"]}}


class Run:
    """What a module's work gets: its parameters, the mode of the run, and the connection, made on first use."""

    def __init__(self, module: AnsibleModule) -> None:
        self.params: JsonObject = module.params
        self.check: bool = module.check_mode
        self.progress = Progress(path=os.environ.get(ENVIRONMENT))
        self._cluster: Cluster | None = None

    @property
    def cluster(self) -> Cluster:
        """The cluster that the options name; raises InputError where they name none."""
        if self._cluster is None:
            require_explicit(self.params, from_environment=self.environment_auth())
            self.progress.step("connecting")
            self._cluster = connect({name: self.params.get(name) for name in transport.AUTH_ARG_SPEC})
        return self._cluster

    def environment_auth(self) -> set[str]:
        """Connection options that come from the environment."""
        return environment_options(os.environ)

    def options(self) -> Options:
        """How the engine is to work, from the common options."""
        timeout = float(self.params["wait_timeout"]) if self.params["wait"] else None
        return Options(
            check=self.check,
            force_conflicts=self.params["force_conflicts"],
            adopt_managers=tuple(self.params["adopt_managers"]),
            wait_timeout=timeout,
            progress=self.progress,
            to_come=self._crds_to_come(),
            lock_timeout=float(self.params["lock_timeout"]),
        )

    def _crds_to_come(self) -> CrdsToCome:
        given = self.params.get("crds_to_come")
        if not self.check or not given:
            return CrdsToCome()
        return to_come(open_source(**{**given, "version": given["version"] or versions.PROMETHEUS_OPERATOR}).load())


def cluster_spec(own: Spec, *, writes: bool = False) -> Spec:
    """The argument spec of a module that talks to a cluster: its own options, authentication, for writers the rest."""
    common = {**WRITE_OPTIONS, **STATE_OPTION} if writes else {}
    return copy.deepcopy({**transport.AUTH_ARG_SPEC, **CONNECTION_OPTIONS, **common, **own})


def run_module(
    spec: Spec,
    work: t.Callable[[Run], JsonObject],
    *,
    needs_cluster: bool = True,
    needs_promql: bool = False,
    **module_arguments: t.Any,
) -> None:
    """Run *work* and end the module with its result; known errors become a failure with a message for people."""
    # Large inputs and lists are trees that reference counting frees; looking for cycles in them, again and again while
    # they grow, takes as long as all the rest of an unchanged run. The process ends with its one task.
    gc.disable()
    module = AnsibleModule(argument_spec=spec, supports_check_mode=True, **module_arguments)
    # Ansible would put all arguments into each result, which a thousand teams make larger than AWX keeps.
    told = {"module_args": without_long(module.params)}

    def fail(msg: str, **more: t.Any) -> t.NoReturn:
        module.fail_json(msg=msg, invocation=told, **more)

    if needs_cluster and transport.IMPORT_ERROR:
        fail(msg=missing_required_lib("kubernetes"), exception=transport.IMPORT_ERROR)
    if needs_promql and promql.IMPORT_ERROR:
        fail(msg=missing_required_lib("promql-parser"), exception=promql.IMPORT_ERROR)
    try:
        result = work(Run(module))
    except Refused as error:
        fail(msg=str(error), **refusal(error.objects))
    except Incomplete as error:
        fail(msg=str(error), **_reported(module, error.outcome))
    except (InputError, ClusterError) as error:
        fail(msg=str(error))
    outcome = result.pop("outcome", None)
    failure = result.pop("failure", None)
    if isinstance(outcome, Outcome):
        for warning in shortened(outcome.warnings):
            module.warn(warning)
        result = {**_reported(module, outcome), **result}
    if failure:
        fail(msg=failure, **result)
    module.exit_json(**{"changed": False, **result, "invocation": told})


def _reported(module: AnsibleModule, outcome: Outcome) -> JsonObject:
    """The result of an outcome; the whole of it goes into the file that the user named."""
    name = module.params.get("result_file")
    if name:
        path = Path(name) / f"{module._name.rpartition('.')[2]}.json" if name.endswith("/") else Path(name)
        try:
            write_whole(path, outcome)
        except OSError as error:
            module.warn(f"result_file: {path} could not be written: {error}")
    return report(outcome, diff=module._diff)


def write_whole(path: Path, outcome: Outcome) -> None:
    """Write all of an outcome as JSON, readable by its owner only. Nobody sees half a file. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    changes = outcome.sorted_changes()
    whole = {
        "changed": bool(changes),
        "counts": outcome.counts(),
        "objects": [change.result() for change in changes],
        "diff": [_shown(change) for change in changes],
        "failures": [failure.result() for failure in outcome.failures],
        "warnings": outcome.warnings,
    }
    # mkstemp makes the file with mode 0600.
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump(whole, file, indent=2)
        Path(temporary).replace(path)
    except OSError:
        Path(temporary).unlink(missing_ok=True)
        raise


def shortened(warnings: t.Sequence[str]) -> list[str]:
    """The first warnings, and how many more there are. Pure."""
    more = len(warnings) - WARNINGS
    return [*warnings[:WARNINGS], *([f"and {more} more warnings"] if more > 0 else [])]


def refusal(objects: t.Sequence[str]) -> JsonObject:
    """The result of a refused run: how many objects it was about, and their names up to a size. Pure."""
    shown: list[str] = []
    size = 0
    for name in objects:
        size += len(json.dumps(name)) + 2
        if size > RESULT_BYTES:
            break
        shown.append(name)
    left = len(objects) - len(shown)
    return {"refused": shown, "refused_count": len(objects), **({"truncated": left} if left else {})}


def report(outcome: Outcome, *, diff: bool) -> JsonObject:
    """The result of an outcome: counts whole; what failed, what changed, then diffs, each while there is room. Pure."""
    changes = outcome.sorted_changes()
    room = _Room(RESULT_BYTES)
    failures = room.take(failure.result() for failure in outcome.failures)
    objects = room.take(change.result() for change in changes)
    result: JsonObject = {"changed": bool(changes), "counts": outcome.counts(), "objects": objects}
    if outcome.failures:
        result["failures"] = failures
    missing = len(changes) - len(objects)
    if missing:
        result["truncated"] = missing
    if diff:
        diffs = room.take(_shown(change) for change in changes)
        if len(diffs) < len(changes):
            left_out = len(changes) - len(diffs)
            diffs.append(
                {"prepared": f"{left_out} more diffs are left out to keep the result small, see result_file\n"}
            )
        result["diff"] = diffs
    return result


class _Room:
    """Bytes that a result may still have."""

    def __init__(self, size: int) -> None:
        self._left = size

    def take(self, entries: t.Iterable[JsonObject]) -> list[JsonObject]:
        """Those of *entries* that there is room for; a large one does not keep out the small ones after it."""
        taken = []
        for entry in entries:
            size = len(json.dumps(entry)) + len(", ")
            if size <= self._left:
                self._left -= size
                taken.append(entry)
        return taken


def _shown(change: Change) -> JsonObject:
    """The diff of one object as Ansible shows it."""
    header = f"{change.key} ({change.action})"
    return {
        "before_header": header,
        "after_header": header,
        "before": _text(change.before),
        "after": _text(change.after),
    }


def _text(value: JsonObject) -> str:
    return json.dumps(value, indent=2, sort_keys=True) + "\n" if value else ""
