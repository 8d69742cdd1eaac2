"""Judges the facts of a support bundle again, without a cluster: its argument is the archive.

Prints the findings of each cluster, and whether they are those of the run that made the bundle.
"""

from __future__ import annotations

import importlib
import json
import sys
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ansible_collections.promfleet.monitoring.plugins.module_utils._crds import kinds
from ansible_collections.promfleet.monitoring.plugins.module_utils._doctor.bundle import (
    FACTS_FILE,
    FIELDS,
    IS,
    SCHEMA_VERSION,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._doctor.checks import Unobserved, judge_all
from ansible_collections.promfleet.monitoring.plugins.module_utils._findings.finding import Finding, in_order
from ansible_collections.promfleet.monitoring.plugins.module_utils._findings.render import FINDINGS_FILE

PACKAGE = "ansible_collections.promfleet.monitoring.plugins.module_utils"
JsonObject = dict[str, Any]


def read(archive: Path) -> dict[str, JsonObject]:
    """The files of a bundle by their names."""
    with tarfile.open(archive) as tar:
        members = [member for member in tar.getmembers() if member.isfile()]
        return {member.name: json.loads(tar.extractfile(member).read()) for member in members}  # type: ignore[union-attr]


def judged(data: JsonObject) -> list[Finding]:
    """The findings of the facts of one cluster (facts.json), as the checks of this release see them."""
    if data["schema_version"] != SCHEMA_VERSION:
        raise ValueError(f"schema_version {data['schema_version']}: use the release that made the bundle")
    # When an instance is ready is known to those who know its kind.
    kinds.register()
    return judge_all([_made(one) for one in data["facts"]])[1]


def _made(value: Any) -> Any:
    """A dataclass of ours made again. Of its fields each list was a tuple; below them data stays as it is."""
    if isinstance(value, dict) and value.keys() == {IS, FIELDS}:
        module, _dot, name = value[IS].rpartition(".")
        kind = getattr(importlib.import_module(f"{PACKAGE}.{module}"), name)
        fields = {field: _made(item) for field, item in value[FIELDS].items()}
        if kind is Unobserved:
            told = fields["evidence"].items()
            fields["evidence"] = {key: tuple(item) if isinstance(item, list) else item for key, item in told}
        return kind(**fields)
    if isinstance(value, list):
        return tuple(_made(item) for item in value)
    if isinstance(value, dict):
        return {name: _below(item) for name, item in value.items()}
    return value


def _below(value: Any) -> Any:
    if isinstance(value, dict):
        return _made(value) if value.keys() == {IS, FIELDS} else {name: _below(item) for name, item in value.items()}
    return [_below(item) for item in value] if isinstance(value, list) else value


def differences(files: Mapping[str, JsonObject], cluster: str) -> tuple[list[Finding], list[str]]:
    """The findings of a cluster, and the fingerprints that only the run or only this judgement has.

    What the run did not show, and what it says of suppressions, is left out.
    """
    findings = judged(files[f"{cluster}/{FACTS_FILE}"])
    told = files[f"{cluster}/{FINDINGS_FILE}"]
    known = {one["fingerprint"]: one["message"] for name in ("findings", "suppressed") for one in told[name]}
    of_checks = {one["fingerprint"] for one in told["checks"] if one["fingerprint"] and one["check"] != "suppression"}
    made = {one.fingerprint: one.message for one in findings}
    other = sorted(of_checks ^ made.keys())
    return findings, [*other, *(name for name in sorted(made.keys() & known.keys()) if made[name] != known[name])]


def main() -> int:
    """Judge one bundle; 1 where the verdict is another one."""
    files = read(Path(sys.argv[1]))
    status = 0
    for cluster in sorted({name.partition("/")[0] for name in files if name.endswith(f"/{FACTS_FILE}")}):
        findings, other = differences(files, cluster)
        for one in in_order(findings):
            print(f"{one.code} {one.severity}: {one.object}: {one.message}")
        print(f"{cluster}: {len(findings)} findings, {f'other than in the run: {other}' if other else 'as in the run'}")
        status = 1 if other else status
    return status


if __name__ == "__main__":
    sys.exit(main())
