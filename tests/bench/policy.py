"""What policies cost: each in the API server, per request, and all of them offline, over many objects."""

from __future__ import annotations

import gc
import json
import re
import tempfile
import time
import typing as t
from pathlib import Path

import yaml
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.versions import PROMETHEUS_OPERATOR
from ansible_collections.promfleet.monitoring.plugins.module_utils._crds.source import load_crds
from ansible_collections.promfleet.monitoring.plugins.module_utils._policy.admission import admission_objects
from ansible_collections.promfleet.monitoring.plugins.module_utils._policy.policies import PolicySet, parse_policies
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.policing import LINT_OPTIONS, lint
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.run import Run

from promlab.controlplane import ControlPlane
from tests.integration.support import policy_corpus as corpus
from tests.integration.support.cluster import Cluster
from tests.integration.support.policy_engines import server_verdict

JsonObject = dict[str, t.Any]
CHECKOUT = Path(__file__).resolve().parents[2]
ROWS: list[JsonObject] = yaml.safe_load((CHECKOUT / "roles/policy/files/policies.yml").read_text(encoding="utf-8"))
METRIC = "apiserver_validating_admission_policy_check_duration_seconds"
# The goals: seconds that a policy takes on average, and at most; seconds for the objects of a large repository.
MEAN_SECONDS = 0.0003
WORST_SECONDS = 0.01
OBJECTS = 12_000
LINT_SECONDS = 2.0
# Requests before the first that counts: expressions are compiled, and policies become known.
WARM = 20


def policies() -> PolicySet:
    """The shipped policies, all in warn."""
    given = {name: option.get("default") for name, option in LINT_OPTIONS.items()}
    return parse_policies({**given, "shipped": ROWS, "enforcement": "warn", "platform_accounts": [{"user": "admin"}]})


def measure(plane: ControlPlane, *, rounds: int) -> dict[str, object]:
    """*rounds* creates of each kind in the API server, and one lint; raises AssertionError where a goal is missed."""
    figures = {**_server(plane, rounds=rounds), **_lint()}
    missed = [
        f"{name}: {seconds * 1000:.2f} ms a check"
        for name, seconds in t.cast("dict[str, float]", figures["mean_seconds"]).items()
        if seconds > MEAN_SECONDS
    ]
    if figures["checks_above_10_ms"]:
        missed.append(f"{figures['checks_above_10_ms']} checks took more than 10 ms")
    if t.cast("float", figures["lint_seconds"]) > LINT_SECONDS:
        missed.append(f"the lint of {OBJECTS} objects took {figures['lint_seconds']} s")
    assert not missed, f"{'; '.join(missed)}; figures: {json.dumps(figures)}"
    return figures


def _server(plane: ControlPlane, *, rounds: int) -> dict[str, object]:
    cluster = Cluster(kubeconfig=plane.kubeconfig, context=plane.context)
    for crd in load_crds(version=PROMETHEUS_OPERATOR):
        cluster.apply(crd, force=True)
    cluster.wait_until(lambda: any(kind.kind == "ServiceMonitor" for kind in cluster.kinds()), "the CRDs are served")
    for name, labels in corpus.NAMESPACES.items():
        metadata = {"name": name, "labels": labels}
        cluster.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": metadata}, force=True)
    subject = {"kind": "User", "name": corpus.PERSON, "apiGroup": "rbac.authorization.k8s.io"}
    role = {"kind": "ClusterRole", "name": "cluster-admin", "apiGroup": "rbac.authorization.k8s.io"}
    binding = {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding"}
    cluster.apply({**binding, "metadata": {"name": "bench"}, "roleRef": role, "subjects": [subject]}, force=True)
    for policy in policies().policies:
        for obj in admission_objects(policy):
            cluster.apply(obj, force=True)
    # The API server measures a check that ends in a warning or a denial, and no other.
    cases = [corpus.created(row, bad[0]) for row, bad in corpus.BAD.items()]
    cluster.wait_until(lambda: _warm(cluster, cases), "each policy has something against an object")
    before = _metrics(cluster)
    for _round in range(rounds):
        _ask(cluster, cases)
    after = _metrics(cluster)
    means, slow = {}, 0
    for (name, kind), value in after.items():
        if kind == "sum":
            count = after[name, "count"] - before.get((name, "count"), 0.0)
            if count:
                means[name] = round((value - before.get((name, "sum"), 0.0)) / count, 7)
        if kind == "count":
            quick = after.get((name, "quick"), 0.0) - before.get((name, "quick"), 0.0)
            slow += int(value - before.get((name, "count"), 0.0) - quick)
    return {"mean_seconds": means, "checks_above_10_ms": slow, "rounds": rounds}


def _warm(cluster: Cluster, cases: t.Sequence[corpus.Case]) -> bool:
    """Ask until expressions are compiled; whether every policy was measured."""
    for _round in range(WARM):
        _ask(cluster, cases)
    return len({name for name, kind in _metrics(cluster) if kind == "count"}) >= len(cases)


def _ask(cluster: Cluster, cases: t.Sequence[corpus.Case]) -> None:
    """Write each object in a dry run, as a person of the team."""
    for case in cases:
        server_verdict(cluster, case, body=case.new)


def _metrics(cluster: Cluster) -> dict[tuple[str, str], float]:
    """Of each policy the sum and the count of its checks, and how many took 10 ms at most."""
    found: dict[tuple[str, str], float] = {}
    text = cluster.send("GET", "/metrics").decode()
    for suffix, labels, value in re.findall(rf"^{METRIC}_(\w+)\{{(.*?)\}} (\S+)$", text, flags=re.MULTILINE):
        name = dict(re.findall(r'(\w+)="([^"]*)"', labels))
        kind = "quick" if suffix == "bucket" and float(name["le"]) == WORST_SECONDS else suffix
        if kind != "bucket":
            key = (name["policy"], kind)
            found[key] = found.get(key, 0.0) + float(value)
    return found


def _lint() -> dict[str, object]:
    """The lint of many objects in JSON files, without what reading the CRDs takes."""
    objects = [corpus.monitor_with(sampleLimit=1000, targetLimit=100), corpus.obj("PodMonitor", corpus.POD_MONITOR)]
    objects += [corpus.rules(corpus.RULE), corpus.routes()]
    with tempfile.TemporaryDirectory() as folder:
        for number in range(12):
            items = [
                corpus.changed(objects[index % len(objects)], name=f"n-{number}-{index}")
                for index in range(OBJECTS // 12)
            ]
            text = json.dumps({"apiVersion": "v1", "kind": "List", "items": items})
            (Path(folder) / f"{number}.json").write_text(text, encoding="utf-8")
        given = {name: option.get("default") for name, option in LINT_OPTIONS.items()}
        params = {**given, "shipped": ROWS, "files": [folder], "namespaces": {corpus.TEAM: "pay"}}
        small = {**params, "files": [], "suppressions": []}
        # As the module does (plugins/module_utils/_run/module.py).
        gc.disable()
        began = time.monotonic()
        lint(Run(params=small, check=False))
        fixed = time.monotonic() - began
        began = time.monotonic()
        result = lint(Run(params={**params, "suppressions": []}, check=False))
        seconds = time.monotonic() - began
        gc.enable()
    assert result["objects"] == OBJECTS, result["objects"]
    # An object that could not be judged takes no time.
    assert not result["summary"]["not_observed"], result["failure"]
    return {"lint_seconds": round(seconds - fixed, 2), "lint_fixed_seconds": round(fixed, 2), "objects": OBJECTS}
