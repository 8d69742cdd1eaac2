"""What must not change while a cluster is moved over and back; a program for the molecule scenario `adoption`.

It looks at kube-prometheus' instances (published.py) without any code of the collection: `note` writes what is there
into a file, `over` and `back` compare a cluster with that file.
"""

from __future__ import annotations

import argparse
import itertools
import json
import sys
import time
import typing as t
from pathlib import Path

from tests.integration.support.cluster import ApiError, Cluster, JsonObject
from tests.integration.support.published import INSTANCES, MONITORING, NAMESPACE, OPERATOR

POD = "prometheus-k8s-0"
# Of the scenario, with room for slow machines: every sample of these minutes is asked for.
WINDOW = "3h"
# Seconds between two samples while pods restart once; afterwards the instance is scraped every 30 s.
GAP = 180.0
# Samples of one target before the move: a data set that is empty cannot prove that nothing is lost.
ENOUGH = 3


def samples(cluster: Cluster) -> list[float]:
    """The times of all samples that tell whether Prometheus' own pod is up; empty while it does not answer."""
    path = f"/api/v1/namespaces/{NAMESPACE}/pods/{POD}:9090/proxy/api/v1/query"
    try:
        answer = json.loads(cluster.send("GET", path, query={"query": f'up{{pod="{POD}"}}[{WINDOW}]'}))
    except ApiError:
        return []
    series = answer["data"]["result"]
    return sorted({float(when) for one in series for when, _value in one["values"]})


def owned(obj: JsonObject) -> list[t.Any]:
    """Which managers own which fields, without times and what controllers write into the status."""
    entries = [entry for entry in obj["metadata"]["managedFields"] if not entry.get("subresource")]
    return sorted([entry["manager"], entry["operation"], entry["fieldsV1"]] for entry in entries)


def state(cluster: Cluster) -> JsonObject:
    """Everything that is compared."""
    objects = {f"{kind} {name}": cluster.get(MONITORING, kind, name, NAMESPACE) for kind, name in INSTANCES}
    claims = cluster.request("GET", f"/api/v1/namespaces/{NAMESPACE}/persistentvolumeclaims")["items"]
    operator = cluster.get("apps/v1", "Deployment", OPERATOR.partition("/")[2], NAMESPACE)
    return {
        "uids": {name: obj["metadata"]["uid"] for name, obj in objects.items()}
        | {claim["metadata"]["name"]: claim["metadata"]["uid"] for claim in claims},
        "volumes": {claim["metadata"]["name"]: claim["spec"]["volumeName"] for claim in claims},
        "specs": {name: obj["spec"] for name, obj in objects.items()},
        "labels": {name: obj["metadata"].get("labels") for name, obj in objects.items()},
        "managers": {name: owned(obj) for name, obj in {**objects, "operator": operator}.items()},
        "replicas": operator["spec"]["replicas"],
    }


def differences(cluster: Cluster, noted: JsonObject, *, back: bool, since: float) -> list[str]:
    """What is not as it was: identity and data in any case, all the rest after the way back.

    There must be a sample that is newer than *since*.
    """
    now = state(cluster)
    names = ["uids", "volumes", *(("specs", "labels", "managers", "replicas") if back else ())]
    wrong = [
        f"{name}: {json.dumps(noted[name])} is now {json.dumps(now[name])}"
        for name in names
        if now[name] != noted[name]
    ]
    times = samples(cluster)
    if times[:1] != [noted["oldest"]]:
        wrong.append(f"the oldest sample was of {noted['oldest']}, and is of {times[:1]}")
    gaps = [later - earlier for earlier, later in itertools.pairwise(times)]
    if max(gaps, default=0.0) > GAP:
        wrong.append(f"no sample for {max(gaps):.0f} s")
    if times[-1:] <= [since]:
        wrong.append(f"no sample since {since:.0f}")
    if back and not _runs(cluster):
        wrong.append(f"the Deployment {OPERATOR} has no ready pod")
    if not wrong:
        print(f"oldest sample {noted['oldest']:.0f}, {len(times)} samples, longest gap {max(gaps, default=0.0):.0f} s")
    return wrong


def _runs(cluster: Cluster) -> bool:
    live = cluster.get("apps/v1", "Deployment", OPERATOR.partition("/")[2], NAMESPACE)
    return bool((live.get("status") or {}).get("readyReplicas"))


def note(cluster: Cluster, path: Path) -> None:
    """Wait for data, and write down how everything is."""
    cluster.wait_until(lambda: len(samples(cluster)) >= ENOUGH, "Prometheus has data", timeout=240)
    times = samples(cluster)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({**state(cluster), "oldest": times[0]}), encoding="utf-8")


def main() -> int:
    """Notes, or compares and tells every difference."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--kubeconfig", type=Path, required=True)
    parser.add_argument("--context", required=True)
    parser.add_argument("what", choices=("note", "over", "back"))
    parser.add_argument("file", type=Path)
    arguments = parser.parse_args()
    cluster = Cluster(kubeconfig=arguments.kubeconfig.expanduser(), context=arguments.context)
    if arguments.what == "note":
        note(cluster, arguments.file)
        return 0
    noted = json.loads(arguments.file.read_text(encoding="utf-8"))
    # The clusters are on this machine, so their clock is this one.
    since = time.time()
    back = arguments.what == "back"
    # A pod that restarts has no answers for a while, and a new sample takes an interval.
    wrong: list[str] = []

    def is_right() -> bool:
        wrong[:] = differences(cluster, noted, back=back, since=since)
        return not wrong

    try:
        cluster.wait_until(is_right, "everything is as it was", timeout=180)
    except AssertionError:
        print("\n".join(wrong))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
