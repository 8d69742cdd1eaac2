# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether a cluster enforces network policies, where they alone guard a source. Pure.

Kubernetes accepts a NetworkPolicy also where nothing enforces it. What enforces them is recognised by the API groups of
its CRDs, or by the name of its DaemonSet where it has none.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from ansible_collections.promfleet.monitoring.plugins.module_utils._base.text import first_of
from ansible_collections.promfleet.monitoring.plugins.module_utils._doctor.checks import (
    Check,
    ClusterFacts,
    Fact,
    known,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._findings.finding import Finding, found

# By API group. networking.k8s.aws is not among them: EKS serves it whether policies are enforced or not.
ENGINE_GROUPS: t.Mapping[str, str] = {
    "cilium.io": "Cilium",
    "crd.antrea.io": "Antrea",
    "crd.projectcalico.org": "Calico",
    "k3s.cattle.io": "k3s",
    "k8s.ovn.org": "OVN-Kubernetes",
    "projectcalico.org": "Calico",
}
# By the name of a DaemonSet, in any namespace: k3s' own controller runs in its server, without a DaemonSet.
ENGINE_DAEMON_SETS: t.Mapping[str, str] = {
    "azure-npm": "Azure Network Policy Manager",
    "kindnet": "kindnet",
    "kube-network-policies": "kube-network-policies",
    "kube-router": "kube-router",
    "weave-net": "Weave Net",
}
NAMED = 5


def engines_by_group(api_versions: t.Iterable[str]) -> tuple[str, ...]:
    """The policy engines that the served *api_versions* show."""
    groups = {version.partition("/")[0] for version in api_versions}
    return tuple(sorted({ENGINE_GROUPS[group] for group in groups & ENGINE_GROUPS.keys()}))


def engines_by_daemon_set(names: t.Iterable[str]) -> tuple[str, ...]:
    """The policy engines among DaemonSets of these *names*."""
    return tuple(sorted({ENGINE_DAEMON_SETS[name] for name in set(names) & ENGINE_DAEMON_SETS.keys()}))


@dataclass(frozen=True, kw_only=True)
class EnforcementFacts(ClusterFacts):
    """The policy *engines* that were recognised, and the sources (cluster/team) that network policies alone *guard*."""

    guarded: tuple[str, ...]
    engines: Fact[tuple[str, ...]]

    @property
    def checks(self) -> tuple[Check[t.Any], ...]:
        """What is asked of it."""
        return ENFORCEMENT_CHECKS


def _enforced(facts: EnforcementFacts) -> list[Finding]:
    if known(facts.engines):
        return []
    return [found("PF113", facts.object, sources=first_of(sorted(facts.guarded), NAMED))]


ENFORCEMENT_CHECKS: tuple[Check[EnforcementFacts], ...] = (
    Check(name="policies_enforced", reads=("engines",), judge=_enforced),
)
