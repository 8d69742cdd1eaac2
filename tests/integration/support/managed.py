"""Compares the objects that the collection manages in a cluster with a list; a program for molecule's verify steps."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from tests.integration.support.cluster import Cluster, JsonObject, described

MANAGER = "promfleet.monitoring"
SET_LABEL = "promfleet.monitoring/set"


def managed(cluster: Cluster) -> list[str]:
    """Every object with the label of a set that was applied by the collection: controllers copy labels."""
    return sorted(described(obj) for obj in cluster.list_all(selector=SET_LABEL) if _is_applied(obj))


def _is_applied(obj: JsonObject) -> bool:
    return any(
        entry["manager"] == MANAGER and entry["operation"] == "Apply"
        for entry in obj["metadata"].get("managedFields") or ()
    )


def read(path: Path) -> list[str]:
    """The objects of a list, one a line."""
    return [line for line in path.read_text(encoding="utf-8").splitlines() if line and not line.startswith("#")]


def differences(found: list[str], expected: list[str]) -> list[str]:
    """What is missing and what nobody expects."""
    return [
        *(f"missing: {name}" for name in expected if name not in found),
        *(f"unexpected: {name}" for name in found if name not in expected),
    ]


def main() -> int:
    """Compares and tells every difference."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--kubeconfig", type=Path, required=True)
    parser.add_argument("--context", required=True)
    parser.add_argument("list", type=Path)
    arguments = parser.parse_args()
    cluster = Cluster(kubeconfig=arguments.kubeconfig.expanduser(), context=arguments.context)
    expected = read(arguments.list)
    wrong = differences(managed(cluster), expected)
    print("\n".join(wrong) if wrong else f"all {len(expected)} managed objects are there, and no others of ours")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
