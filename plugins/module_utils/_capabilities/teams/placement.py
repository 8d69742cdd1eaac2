# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""In which clusters a team is, or an override counts: by name, by a group of the inventory, or by labels. Pure."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field

from ansible_collections.promfleet.monitoring.plugins.module_utils._input.errors import Errors
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.validate import Values, nearest

SELECTION_OPTIONS: dict[str, dict[str, t.Any]] = {
    "clusters": {"type": "list", "elements": "str", "default": []},
    "cluster_groups": {"type": "list", "elements": "str", "default": []},
    "cluster_labels": {"type": "dict", "default": {}},
}
CLUSTER_FACTS_OPTION: dict[str, t.Any] = {
    "type": "dict",
    "default": {},
    "options": {
        "groups": {"type": "dict", "default": {}},
        "labels": {"type": "dict", "default": {}},
    },
}


@dataclass(frozen=True, kw_only=True)
class ClusterFacts:
    """What the inventory says of its clusters: the clusters of each group, and the labels of each cluster."""

    of_group: t.Mapping[str, frozenset[str]] = field(default_factory=dict)
    labels: t.Mapping[str, t.Mapping[str, str]] = field(default_factory=dict)


NO_FACTS = ClusterFacts()


def parse_cluster_facts(
    values: Values | None, *, clusters: t.Collection[str], path: str, errors: Errors
) -> ClusterFacts:
    """The facts from values of CLUSTER_FACTS_OPTION, whose two mappings have the names of *clusters* as keys."""
    if not values or not (values["groups"] or values["labels"]):
        return NO_FACTS
    known = frozenset(clusters)
    of_group: dict[str, set[str]] = {}
    for cluster, groups in (values["groups"] or {}).items():
        if not isinstance(groups, (list, tuple)):
            errors.add(f"{path}.groups.{cluster}", "must be a list of the groups that the cluster is in")
            continue
        for group in groups if cluster in known else ():
            of_group.setdefault(str(group), set()).add(cluster)
    labels: dict[str, dict[str, str]] = {}
    for cluster, given in (values["labels"] or {}).items():
        if not isinstance(given, t.Mapping):
            errors.add(f"{path}.labels.{cluster}", "must be a mapping of the cluster's labels")
        elif cluster in known:
            labels[cluster] = {str(name): _text(value) for name, value in given.items()}
    return ClusterFacts(of_group={group: frozenset(names) for group, names in of_group.items()}, labels=labels)


def selected(
    values: Values, *, clusters: t.Sequence[str], facts: ClusterFacts, path: str, errors: Errors
) -> frozenset[str] | None:
    """The clusters that values of SELECTION_OPTIONS select, None where they select by nothing.

    A cluster is selected by its name, by one of the groups, or by the labels, of which it must have all.
    """
    names, groups, labels = values["clusters"], values["cluster_groups"], values["cluster_labels"]
    if not (names or groups or labels):
        return None
    found: set[str] = set()
    for index, name in enumerate(names):
        if name not in clusters:
            errors.add(f"{path}.clusters[{index}]", f"unknown cluster {name!r}; {nearest(name, clusters)}")
        found.add(name)
    for index, group in enumerate(groups):
        if group not in facts.of_group:
            problem = f"no cluster of the fleet is in a group {group!r}; {nearest(group, facts.of_group)}"
            errors.add(f"{path}.cluster_groups[{index}]", problem)
        found |= facts.of_group.get(group, frozenset())
    if labels:
        wanted = {str(name): _text(value) for name, value in labels.items()}
        matching = {cluster for cluster, has in facts.labels.items() if wanted.items() <= has.items()}
        if not matching:
            errors.add(f"{path}.cluster_labels", "no cluster of the fleet has all of these labels")
        found |= matching
    return frozenset(found)


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
