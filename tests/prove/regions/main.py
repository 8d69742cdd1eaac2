"""Proves the hierarchy worker, region, global on three clusters, with a region that is broken and one that ends.

Recorded series of a worker are read by its region, and from there by the global cluster. Each has the identity of its
own cluster there, once, and nothing of a cluster that the region does not have gets in. A broken link is named by the
doctor and no other. When the region ends, the global cluster reads the worker itself.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
import tempfile
import time
import typing as t
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from ansible_collections.promfleet.monitoring.plugins.module_utils._base.marks import source_service_name

from tests.integration.support import lab
from tests.integration.support.inventory import fleet
from tests.integration.support.playbook import Run, run_playbook
from tests.integration.support.prometheus import LabelSet, Prometheus
from tests.prove.claims import Row, report
from tests.prove.kubelets import nudge

JsonObject = dict[str, t.Any]

# Clusters of their own: no others are three.
WORLD, REGION, LEAF = CLUSTERS = ("layer-world", "layer-eu", "layer-eu-1")
NAMESPACE, MONITORING = "monitoring-platform", "monitoring.coreos.com/v1"
SECONDS = "5s"
INTERVAL = float(SECONDS.removesuffix("s"))
SERVICE = source_service_name("platform", 0)
# The clusters that series of a rule name, on the worker and on its region, each with the series' label `claim`. The
# region is trusted with its worker's name, so it does not use that itself.
CLAIMED = {
    LEAF: {"of_itself": LEAF, "of_its_region": REGION, "of_the_world": WORLD, "of_nowhere": "nowhere"},
    REGION: {"of_itself": REGION, "of_the_world": WORLD, "of_nowhere": "nowhere"},
}
CLAIM = "layers:one:sum"
# What one look of the doctor says without a policy engine in the lab, and without receivers.
SAID = ("PF113", "PF009")
# What instances record, but for what a central side records about its sources: that goes on where a source is gone.
OF_RULES = '__name__=~"[^:]+:.+",__name__!~"cluster_team:federation_.+"'
READY = 300.0
CHANGED = 240.0
# Samples that come with their own time get no mark of an end: Prometheus finds them for its lookback of five minutes.
ENDED = 420.0
# What may lie between two samples on the global cluster: two intervals for each of two steps, the evaluation of the
# rule, and the moment that a scrape takes.
GAP = 5 * INTERVAL + 2.0


class Layers:
    """The three clusters."""

    def __init__(self) -> None:
        lab.up(*CLUSTERS)
        lab.provide_account(*CLUSTERS)
        self.clusters = {name: lab.cluster(name) for name in CLUSTERS}
        self.prometheus = {name: Prometheus(cluster, team="platform") for name, cluster in self.clusters.items()}

    def play(self, playbook: str | Sequence[JsonObject], *, region: bool = True) -> Run:
        """A run of a playbook, or of plays, with or without the region."""
        small = {"scrape_interval": SECONDS, "evaluation_interval": SECONDS}
        inventory = fleet(
            central=WORLD,
            workers=[REGION, LEAF],
            team_monitoring_platform={"alertmanager": {"enabled": False}, "prometheus": small},
            prometheus_federation_sources=[{"expose": "NodePort", "interval": SECONDS, "timeout": "4s"}],
            # What a stopped proof changed by hand is taken back.
            promfleet_force_conflicts=True,
        )
        if region:
            groups = {"promfleet_region_eu": LEAF, "promfleet_region_eu_central": REGION}
            inventory["all"]["children"].update({name: {"hosts": {host: {}}} for name, host in groups.items()})
        with tempfile.TemporaryDirectory(prefix="promfleet-layers-") as folder:
            return run_playbook(playbook, inventory=inventory, folder=Path(folder))

    def nudge(self) -> None:
        """Let kubelets look at the configuration of Prometheus now, instead of within a minute or two."""
        for cluster in self.clusters.values():
            nudge(cluster, NAMESPACE, "prometheus-platform-0")

    def until(self, condition: Callable[[], bool], what: str, *, timeout: float = CHANGED) -> None:
        """Wait for what a change brings."""
        self.clusters[WORLD].wait_until(condition, what, timeout=timeout)

    def roots(self, *, region: bool = True) -> list[str]:
        """What the doctor names as roots, as `code cluster/kind/name`; without what the lab does not have."""
        run = self.play("doctor", region=region)
        found: dict[str, str] = {}
        for result in run.of("federation_doctor"):
            for one in result.data["findings"]:
                if one["caused_by"] or one["severity"] == "info" or one["code"] in SAID:
                    continue
                place = one["object"]
                found[one["fingerprint"]] = f"{one['code']} {place['cluster']}/{place['kind']}/{place['name']}"
        return sorted(set(found.values()))

    def read(self, name: str) -> list[str]:
        """The clusters that one reads, by the jobs of targets that are up."""
        jobs = (dict(labels)["job"] for labels in self.series(name, 'up{job=~"federation/.+"} == 1'))
        return sorted({job.split("/")[1] for job in jobs})

    def series(self, name: str, selector: str) -> Counter[LabelSet]:
        """Label sets of a selector on a cluster."""
        return self.prometheus[name].label_sets(selector)

    def recorded(self, name: str, *, of: str) -> set[str]:
        """The names of recorded series of a cluster that another has."""
        found = self.series(name, f'{{cluster="{of}",team="platform",{OF_RULES}}}')
        return {dict(labels)["__name__"] for labels in found}


def claims(name: str) -> JsonObject:
    """A rule of a cluster with series that name clusters."""
    rules = [
        {"record": CLAIM, "expr": "vector(1)", "labels": {"cluster": cluster, "claim": claim}}
        for claim, cluster in CLAIMED[name].items()
    ]
    return {
        "apiVersion": MONITORING,
        "kind": "PrometheusRule",
        "metadata": {"name": "claims", "namespace": NAMESPACE},
        "spec": {"groups": [{"name": "claims", "rules": rules}]},
    }


def install() -> Layers:
    """Bring the clusters up, and to the state that everything starts from."""
    layers = Layers()
    layers.play("site").require_success()
    layers.until(
        lambda: bool(layers.recorded(WORLD, of=LEAF)) and bool(layers.recorded(WORLD, of=REGION)),
        "the global cluster has series of the region and of its worker",
        timeout=READY,
    )
    return layers


# -- what is proved -----------------------------------------------------------------------------------------------


def prove(layers: Layers) -> Iterator[Row]:
    """All claims, in an order in which each needs what was before it."""
    yield _in_two_steps(layers)
    with _claiming(layers):
        yield _of_its_own(layers)
        yield _claimed(layers)
    yield _silent(layers, "the doctor finds nothing on three clusters that are well")
    yield _unchanged(layers)
    yield _broken(layers, LEAF, read_by=REGION)
    yield _broken(layers, REGION, read_by=WORLD)
    yield _restarted(layers)
    yield _ended(layers)
    yield _left(layers)
    yield _silent(layers, "the doctor finds nothing after the region's end", region=False)


def _in_two_steps(layers: Layers) -> Row:
    """The worker's series are on the global cluster, once each, under the worker's identity; nobody reads it but eu."""
    read = {name: layers.read(name) for name in CLUSTERS}
    missing: list[str] = []

    def is_complete() -> bool:
        missing[:] = sorted(layers.recorded(REGION, of=LEAF) - layers.recorded(WORLD, of=LEAF))
        return not missing

    layers.until(is_complete, "all of the worker's series that the region has are on the global cluster")
    arrived = list(layers.series(WORLD, f'{{cluster="{LEAF}", team="platform"}}'))
    # On its way a series gets labels that say where it is from, and loses none.
    times = [sum(one <= other for other in arrived) for one in layers.series(LEAF, f"{{{OF_RULES}}}")]
    return Row(
        claim="the worker is read by its region, and all of its series get on to the global cluster, once each",
        held=read == {WORLD: [REGION], REGION: [LEAF], LEAF: []} and not missing and set(times) == {1},
        seen=json.dumps({"read": read, "series of the worker": len(times), "times each": sorted(set(times))}),
    )


def _of_its_own(layers: Layers) -> Row:
    """Whatever cluster a worker's series name, they are the worker's; the region's are its own or its worker's."""
    found: dict[str, list[str]] = {}

    def has_all() -> bool:
        found.clear()
        for labels in map(dict, layers.series(WORLD, CLAIM)):
            found.setdefault(labels["cluster"], []).append(labels["claim"])
        return {REGION, LEAF} <= set(found)

    layers.until(has_all, "the global cluster has what both say of clusters")
    told = {name: sorted(names) for name, names in found.items()}
    # The worker's are overridden where the region reads them; of the region's only its own is let in.
    held = told == {LEAF: sorted(CLAIMED[LEAF]), REGION: ["of_itself"]}
    return Row(
        claim="series that name a cluster which the region does not have do not get in; a worker's are its own",
        held=held,
        seen=json.dumps(found),
    )


def _claimed(layers: Layers) -> Row:
    """The doctor names the worker whose series claim to be of another cluster."""
    roots: list[str] = []

    def is_named() -> bool:
        roots[:] = layers.roots()
        return bool(roots)

    layers.until(is_named, "the doctor names the source that claims to be another")
    held = len(roots) == 1 and roots[0].startswith("PF386") and LEAF in roots[0]
    return Row(claim="the doctor names the source that claims to be another", held=held, seen=json.dumps(roots))


@contextmanager
def _claiming(layers: Layers) -> Iterator[None]:
    """While the worker and its region have series that name other clusters."""
    for name in CLAIMED:
        layers.clusters[name].apply(claims(name), force=True)
    layers.nudge()
    yield
    for name in CLAIMED:
        layers.clusters[name].delete(MONITORING, "PrometheusRule", "claims", NAMESPACE)
    layers.nudge()


def _silent(layers: Layers, claim: str, *, region: bool = True) -> Row:
    roots: list[str] = []

    def is_silent() -> bool:
        roots[:] = layers.roots(region=region)
        return not roots

    with contextlib.suppress(AssertionError):
        layers.until(is_silent, claim, timeout=READY)
    return Row(claim=claim, held=not roots, seen=json.dumps(roots))


def _unchanged(layers: Layers) -> Row:
    run = layers.play("federation").require_success()
    return Row(claim="a second run changes nothing", held=not run.objects(), seen=json.dumps(run.objects()))


def _broken(layers: Layers, worker: str, *, read_by: str) -> Row:
    """One link breaks: the doctor names that one, the other stays whole, and series end only behind the broken link."""
    other = next(name for name in (REGION, LEAF) if name != worker)
    cluster = layers.clusters[worker]
    before = cluster.get("v1", "Service", SERVICE, NAMESPACE)["spec"]["selector"]
    wrong = {"spec": {"selector": {**before, "example.com/none": "there"}}}
    cluster.edit("v1", "Service", SERVICE, wrong, namespace=NAMESPACE)
    roots: list[str] = []
    query = f'{{cluster="{worker}",team="platform",{OF_RULES}}}'

    def is_named() -> bool:
        roots[:] = layers.roots()
        return bool(roots) and all(one.partition(" ")[2].startswith(f"{worker}/") for one in roots)

    layers.until(is_named, f"the doctor names the link from {worker} to {read_by}")
    ended = f"the series of {worker} end on the global cluster"
    layers.until(lambda: not layers.series(WORLD, query), ended, timeout=ENDED)
    behind = bool(layers.recorded(WORLD, of=other))
    inside = bool(layers.recorded(REGION, of=LEAF))
    right = (behind, inside) == ((True, False) if worker == LEAF else (False, True))
    cluster.edit(
        "v1", "Service", SERVICE, {"spec": {"selector": {**before, "example.com/none": None}}}, namespace=NAMESPACE
    )
    layers.until(lambda: bool(layers.recorded(WORLD, of=worker)), f"the series of {worker} are back")
    layers.until(lambda: not layers.roots(), "the doctor is silent again")
    seen = {"roots": roots, f"series of {other} on the global cluster": behind, "the region reads its worker": inside}
    return Row(
        claim=f"the link from {worker} to {read_by} breaks: the doctor names it alone, and the other goes on",
        held=len(roots) == 1 and right,
        seen=json.dumps(seen),
    )


def _restarted(layers: Layers) -> Row:
    """The region's instance is replaced: no series comes twice, and all are back on the global cluster."""
    before = layers.series(WORLD, f'{{cluster="{LEAF}",team="platform",{OF_RULES}}}')
    cluster = layers.clusters[REGION]
    old = cluster.get("v1", "Pod", "prometheus-platform-0", NAMESPACE)["metadata"]["uid"]
    cluster.delete("v1", "Pod", "prometheus-platform-0", NAMESPACE)

    def is_replaced() -> bool:
        pod = cluster.find("v1", "Pod", "prometheus-platform-0", NAMESPACE)
        return pod is not None and pod["metadata"]["uid"] != old and layers.recorded(REGION, of=LEAF) != set()

    layers.until(is_replaced, "the region's instance reads its worker again")
    after: Counter[LabelSet] = Counter()

    def is_back() -> bool:
        after.clear()
        after.update(layers.series(WORLD, f'{{cluster="{LEAF}",team="platform",{OF_RULES}}}'))
        return set(before) <= set(after)

    layers.until(is_back, "all series of the worker are back on the global cluster")
    return Row(
        claim="the region's instance is replaced: the worker's series are the same ones on the global cluster",
        held=set(after) == set(before) and max(after.values()) == 1,
        seen=json.dumps({"before": len(before), "after": len(after)}),
    )


def _ended(layers: Layers) -> Row:
    """The region ends: the global cluster reads the worker itself, without a gap."""
    began = time.time()
    run = layers.play("federation", region=False).require_success()
    layers.nudge()
    layers.until(lambda: layers.read(WORLD) == [REGION, LEAF], "the global cluster reads both")
    settled = time.time() + 4 * INTERVAL
    layers.until(lambda: time.time() > settled, "a few intervals")
    age = f'time() - max(timestamp({{cluster="{LEAF}",{OF_RULES}}}))'
    (row,) = layers.prometheus[WORLD].query(f"max_over_time(({age})[{int(time.time() - began)}s:1s])")
    gap = float(row["value"][1])
    return Row(
        claim="the region ends: the global cluster reads the worker itself, and its series have no gap",
        held=gap <= GAP,
        seen=json.dumps({"changed": run.objects(), "gap": round(gap, 1)}),
    )


def _left(layers: Layers) -> Row:
    """The former region still reads the worker until that is removed; meanwhile the doctor names it."""
    roots: list[str] = []

    def is_named() -> bool:
        roots[:] = layers.roots(region=False)
        return bool(roots)

    layers.until(is_named, "the doctor names the former region")
    before = layers.read(REGION)
    role = {"name": "promfleet.monitoring.prometheus_federation", "tasks_from": "central"}
    task = {"ansible.builtin.include_role": role, "vars": {"prometheus_federation_state": "absent"}}
    removed = layers.play([{"hosts": REGION, "gather_facts": False, "tasks": [task]}], region=False).require_success()
    layers.nudge()
    layers.until(lambda: not layers.read(REGION), "the former region reads nothing")
    return Row(
        claim="while the former region still reads the worker, the doctor says that its series claim to be another's",
        held=before == [LEAF] and roots == [f"PF386 {WORLD}/ServiceMonitor/federation-{REGION}-platform"],
        seen=json.dumps({"roots": roots, "removed": removed.objects()}),
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the proof; 1 where a claim does not hold."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, help="where the rows are kept")
    options = parser.parse_args(arguments)
    if not report(prove(install()), options.output):
        return 1
    lab.down(*CLUSTERS)
    return 0


if __name__ == "__main__":
    sys.exit(main())
