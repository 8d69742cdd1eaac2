# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Load balancers by name: what makes each an internal one, and where its health checks come from. Data only."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True)
class LoadBalancer:
    """One kind of load balancer.

    *annotations* of a Service make it an internal one, which keeps the client's address. *health_checks* are the ranges
    that its health checks come from, where they are the same everywhere. *sources* are the pages that say so.
    """

    annotations: t.Mapping[str, str] = field(default_factory=dict)
    health_checks: tuple[str, ...] = ()
    sources: tuple[str, ...]


LOAD_BALANCERS: dict[str, LoadBalancer] = {
    # The internal load balancer of Azure. Each probe comes from one address, which Azure has in every network.
    "aks": LoadBalancer(
        annotations={"service.beta.kubernetes.io/azure-load-balancer-internal": "true"},
        health_checks=("168.63.129.16/32",),
        sources=(
            "https://learn.microsoft.com/azure/aks/internal-lb",
            "https://learn.microsoft.com/azure/load-balancer/load-balancer-custom-probe-overview",
        ),
    ),
    # A Network Load Balancer of the AWS Load Balancer Controller. With targets by instance the client's address stays,
    # and only nodes that run the replica pass the health check; with targets by IP address neither is so by default.
    # Health checks come from the balancer's own subnets, which only their owner knows.
    "eks": LoadBalancer(
        annotations={
            "service.beta.kubernetes.io/aws-load-balancer-nlb-target-type": "instance",
            "service.beta.kubernetes.io/aws-load-balancer-scheme": "internal",
            "service.beta.kubernetes.io/aws-load-balancer-type": "external",
        },
        sources=("https://kubernetes-sigs.github.io/aws-load-balancer-controller/latest/guide/service/annotations/",),
    ),
    # An internal passthrough Network Load Balancer of Google Cloud.
    "gke": LoadBalancer(
        annotations={"networking.gke.io/load-balancer-type": "Internal"},
        health_checks=("130.211.0.0/22", "2600:2d00:1:b029::/64", "35.191.0.0/16"),
        sources=(
            "https://cloud.google.com/kubernetes-engine/docs/how-to/internal-load-balancing",
            "https://cloud.google.com/load-balancing/docs/firewall-rules",
        ),
    ),
    # Its addresses are those of its pools, which decide whether they are internal. It makes no health checks.
    "metallb": LoadBalancer(sources=("https://metallb.io/usage/",)),
}
