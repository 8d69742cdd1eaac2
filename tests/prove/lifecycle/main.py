"""Proves on a cluster that a team's instance is paused, archived and restored without losing a sample or a claim.

Prometheus has a volume of two replicas, and is scraped. While it is paused nothing of its StatefulSet and its pods
changes. Archived, it has no pods, its volume claims are the same ones, and `verify` fails for nothing. Restored, it
answers with the oldest sample that it had.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
import typing as t
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from ansible_collections.promfleet.monitoring.plugins.module_utils._crds import kinds

from tests.integration.support import lab
from tests.integration.support.cluster import Cluster
from tests.integration.support.inprocess import run_module
from tests.integration.support.operator_process import serve_crds
from tests.integration.support.wipe import wipe
from tests.prove import kept

JsonObject = dict[str, t.Any]

HUB = "test-hub"
NAMESPACE = "monitoring-pay"
MONITORING = "monitoring.coreos.com/v1"
INTERVAL = 5.0
READY = 300
# Scraped before it is archived.
SCRAPED = 60.0
TEAM: JsonObject = {
    "name": "pay",
    "alertmanager": {"enabled": False},
    "prometheus": {
        "replicas": 2,
        "scrape_interval": f"{INTERVAL:.0f}s",
        "evaluation_interval": f"{INTERVAL:.0f}s",
        "storage": {"size": "1Gi"},
        "resources": {"cpu": "20m", "memory": "200Mi"},
    },
}
OLDEST = "min(min_over_time(timestamp(prometheus_build_info)[1h:5s]))"


@dataclass(frozen=True, kw_only=True)
class Row:
    """What became of the instance: each must be as its name says; times in seconds since 1970."""

    paused_as_it_was: bool
    archived_without_pods: bool
    same_claims: bool
    second_run_changes: int
    findings_paused: list[str]
    findings_archived: list[str]
    oldest_before: float
    oldest_after: float
    findings_restored: list[str]

    @property
    def held(self) -> bool:
        """Whether all of it is as it has to be."""
        return (
            self.paused_as_it_was
            and self.archived_without_pods
            and self.same_claims
            and not self.second_run_changes
            and self.findings_paused == ["PF237"]
            and self.findings_archived == ["PF238"]
            and not self.findings_restored
            and self.oldest_after <= self.oldest_before
        )


class Instance:
    """The cluster, and one team's instance in it."""

    def __init__(self) -> None:
        kinds.register()
        lab.up(HUB)
        self.api: Cluster = lab.cluster(HUB)

    def module(self, name: str, **options: t.Any) -> JsonObject:
        """Run a module on the cluster."""
        return run_module(name, kubeconfig=self.api.kubeconfig, context=self.api.context, **options)

    def fleet(self, state: str) -> JsonObject:
        """The fleet with the team in a state."""
        return {
            "cluster": HUB,
            "clusters": [HUB],
            "platform": {"prometheus": {"enabled": False}, "alertmanager": {"enabled": False}},
            "teams": [{**TEAM, "state": state}],
        }

    def install(self) -> None:
        """The CRDs and the operator."""
        serve_crds(self.api)
        self.module("prometheus_operator", wait_timeout=READY)

    def bring(self, state: str) -> int:
        """Bring the instance to a state, wait for it, and return how many changes that took."""
        outcome = self.module("team_monitoring", **self.fleet(state), wait=True, wait_timeout=READY)["outcome"]
        return len(outcome.sorted_changes())

    def verify(self, state: str) -> list[str]:
        """The codes of what verify finds of the team's instance."""
        result = self.module("monitoring_verify", **self.fleet(state), wait=True, wait_timeout=60, fail_on="error")
        return sorted(one["code"] for one in result["findings"] if one["object"]["namespace"] == NAMESPACE)

    def objects(self, api_version: str, kind: str) -> list[JsonObject]:
        """The objects of a kind in the instance's namespace."""
        found = self.api.list_kind(self.api.kind(api_version, kind))
        return [one for one in found if one["metadata"]["namespace"] == NAMESPACE]

    def uids(self, api_version: str, kind: str) -> dict[str, str]:
        """The uids of the same by their names."""
        return {one["metadata"]["name"]: one["metadata"]["uid"] for one in self.objects(api_version, kind)}

    def oldest(self) -> float:
        """The time of the oldest sample."""
        place = f"/api/v1/namespaces/{NAMESPACE}/services/prometheus-pay:web/proxy/api/v1/query"
        rows = self.api.request("GET", place, query={"query": OLDEST})["data"]["result"]
        return float(rows[0]["value"][1]) if rows else time.time()


def prove(instance: Instance) -> Row:
    """Pause, archive and restore the instance."""
    instance.bring("active")
    time.sleep(SCRAPED)
    claims, pods = instance.uids("v1", "PersistentVolumeClaim"), instance.uids("v1", "Pod")
    generation = instance.objects("apps/v1", "StatefulSet")[0]["metadata"]["generation"]
    instance.bring("paused")
    paused = instance.verify("paused")
    as_it_was = (
        instance.uids("v1", "Pod") == pods
        and instance.objects("apps/v1", "StatefulSet")[0]["metadata"]["generation"] == generation
    )
    oldest = instance.oldest()
    instance.bring("archived")
    instance.api.wait_until(lambda: not instance.uids("v1", "Pod"), "no pod is left", timeout=READY)
    archived = instance.verify("archived")
    again = instance.bring("archived")
    kept_claims = instance.uids("v1", "PersistentVolumeClaim")
    gone = not instance.uids("v1", "Pod")
    instance.bring("active")
    instance.api.wait_until(lambda: instance.oldest() <= oldest, "the old samples are there", timeout=30)
    return Row(
        paused_as_it_was=as_it_was,
        archived_without_pods=gone,
        same_claims=claims == kept_claims == instance.uids("v1", "PersistentVolumeClaim"),
        second_run_changes=again,
        findings_paused=paused,
        findings_archived=archived,
        oldest_before=oldest,
        oldest_after=instance.oldest(),
        findings_restored=instance.verify("active"),
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the proof; 1 where something was not as it has to be."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, help="where the row is kept")
    options = parser.parse_args(arguments)
    instance = Instance()
    wipe(instance.api)
    instance.install()
    row = prove(instance)
    rows = [{**asdict(row), "held": row.held}]
    print(json.dumps(rows[0]), flush=True)
    kept.write(rows, options.output)
    if row.held:
        wipe(instance.api)
        return 0
    return 1


if __name__ == "__main__":
    sys.exit(main())
