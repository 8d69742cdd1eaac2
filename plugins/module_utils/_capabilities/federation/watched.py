# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What lets a central Prometheus watch what it federates: rules about all sources, and what each must have. Pure."""

from __future__ import annotations

import typing as t

from ansible_collections.promfleet.monitoring.plugins.module_utils._base.marks import (
    COMPONENT_LABEL,
    INSTANCE_LABEL,
    MONITORING,
    SOURCE_CLUSTER_LABEL,
    SOURCE_TEAM_LABEL,
    common_labels,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.common.objects import JsonObject, make
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.federation.endpoints import (
    FederationTargetSet,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.federation.scrape import (
    FEDERATION_COMPONENT,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._input import grammar

# How the names begin of all series that the central side records about a source, and of its alerts. They have the
# source's labels and are not the source's data.
RECORDED = "cluster_team:federation_"
ALERTED = "Federation"
# Says how many targets a source must have; roles/prometheus_federation/files compares with it.
EXPECTED = f"{RECORDED}targets:expected"
# Says how long a scrape of it may take.
TIMEOUT = f"{RECORDED}scrape_timeout_seconds:expected"
# Says in place of both how many replicas must write, where the source is not read.
WRITERS = f"{RECORDED}writers:expected"


def watching_objects(
    sources: t.Sequence[FederationTargetSet], *, groups: t.Sequence[JsonObject], namespace: str, team: str
) -> list[JsonObject]:
    """The rules with which the Prometheus of *team*, in *namespace*, watches *sources*: *groups*, and what is expected.

    What is expected of a source is an object of its own, with the labels of the source's other objects: so it stays as
    long as they do where the source's cluster gave no answer.
    """
    labels = {**common_labels("prometheus", team=team), COMPONENT_LABEL: FEDERATION_COMPONENT}
    return [
        _rules(FEDERATION_COMPONENT, groups=groups, namespace=namespace, labels=labels),
        # Of one that is queried the instance has no series: there is nothing to compare.
        *(_expected(source, namespace=namespace, labels=labels) for source in sources if not source.is_queried),
    ]


def is_shipped(obj: t.Mapping[str, t.Any]) -> bool:
    """Whether an object of the central side is the rules that watch all sources of an instance."""
    labels = obj["metadata"].get("labels") or {}
    return obj["kind"] == "PrometheusRule" and SOURCE_CLUSTER_LABEL not in labels


def _expected(source: FederationTargetSet, *, namespace: str, labels: t.Mapping[str, str]) -> JsonObject:
    own = {INSTANCE_LABEL: source.name, SOURCE_CLUSTER_LABEL: source.cluster, SOURCE_TEAM_LABEL: source.team}
    seconds = (grammar.milliseconds(source.scrape.timeout) or 0) / 1000
    read = {EXPECTED: len(source.targets), TIMEOUT: seconds}
    of_source = {"cluster": source.cluster, "team": source.team}
    rules = [
        {"record": record, "expr": f"vector({value:g})", "labels": of_source}
        for record, value in ({WRITERS: source.writers} if source.is_written else read).items()
    ]
    groups = [{"name": "federation.expected", "rules": rules}]
    return _rules(source.name, groups=groups, namespace=namespace, labels={**labels, **own})


def _rules(name: str, *, groups: t.Sequence[JsonObject], namespace: str, labels: t.Mapping[str, str]) -> JsonObject:
    spec = {"groups": list(groups)}
    return make(MONITORING, "PrometheusRule", name, namespace=namespace, labels=labels, spec=spec)
