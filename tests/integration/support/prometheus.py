"""Asks a Prometheus through the API server's service proxy and compares what it says."""

from __future__ import annotations

import json
import typing as t
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from prometheus_client.parser import text_string_to_metric_families

from tests.integration.support.cluster import Cluster

LabelSet = frozenset[tuple[str, str]]
JsonObject = dict[str, t.Any]


class Prometheus:
    """The Prometheus of a team in a cluster."""

    def __init__(self, cluster: Cluster, *, team: str) -> None:
        namespace, service = f"monitoring-{team}", f"prometheus-{team}"
        self._cluster = cluster
        self._root = f"/api/v1/namespaces/{namespace}/services/{service}:web/proxy"

    def _get(self, path: str, query: Mapping[str, t.Any]) -> t.Any:
        return json.loads(self._cluster.send("GET", self._root + path, query=query))["data"]

    def query(self, expression: str) -> list[JsonObject]:
        """The result of an instant query."""
        return list(self._get("/api/v1/query", {"query": expression})["result"])

    def label_sets(self, selector: str) -> Counter[LabelSet]:
        """The label sets that a selector finds now, with the name of the metric among them."""
        return Counter(frozenset(result["metric"].items()) for result in self.query(selector))

    def targets(self, job: str) -> list[JsonObject]:
        """The active targets of a job."""
        found = self._get("/api/v1/targets", {"state": "active"})["activeTargets"]
        return [target for target in found if target["labels"].get("job") == job]

    def config(self) -> str:
        """The configuration that is loaded, without secrets."""
        return str(self._get("/api/v1/status/config", {})["yaml"])

    def rules(self) -> list[JsonObject]:
        """The groups of rules that are loaded."""
        return list(self._get("/api/v1/rules", {})["groups"])

    def federate(self, match: Sequence[str]) -> Counter[LabelSet]:
        """The label sets of /federate, as any reader of the text format gets them."""
        text = self._cluster.send("GET", f"{self._root}/federate", query={"match[]": list(match)}).decode()
        samples = (sample for family in text_string_to_metric_families(text) for sample in family.samples)
        # Prometheus writes instance="" where a series has none, and an empty label is not a label.
        return Counter(
            frozenset(
                {"__name__": sample.name, **{name: value for name, value in sample.labels.items() if value}}.items()
            )
            for sample in samples
        )


def with_labels(label_sets: Iterable[LabelSet], labels: Mapping[str, str]) -> Counter[LabelSet]:
    """Each label set with *labels* where it lacks them."""
    return Counter(frozenset({**labels, **dict(label_set)}.items()) for label_set in label_sets)
