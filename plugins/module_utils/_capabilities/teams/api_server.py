# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where the API server's requests to pods come from, so that a network policy can let them in. Pure.

No selector of a NetworkPolicy matches the API server: it runs in the network of its host, or outside of the cluster.
Its addresses must be given, or the pods through which it comes. Clusters whose control plane is elsewhere often have
such pods, called konnectivity-agent (AKS labels them ``app``, GKE ``k8s-app``: github.com/tigera/operator/pull/5212).
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field

from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.common.objects import (
    JsonObject,
    pods_in,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._input import grammar
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.errors import Collecting, Errors, Place
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.validate import (
    Values,
    require,
    text_mapping,
    validate_list,
)

API_SERVER_OPTIONS: dict[str, dict[str, t.Any]] = {
    "cidr": {"type": "str"},
    "namespace": {"type": "str"},
    "pod_labels": {"type": "dict", "default": {}},
}


@dataclass(frozen=True, kw_only=True)
class ApiServerSource:
    """One origin of the API server's requests: the range *cidr*, or pods of *namespace*, all or those of *pod_labels*.

    The text that is not given is empty.
    """

    cidr: str = ""
    namespace: str = ""
    pod_labels: t.Mapping[str, str] = field(default_factory=dict)

    @property
    def order(self) -> tuple[str, str, tuple[tuple[str, str], ...]]:
        """By this sources are sorted, so that the order of the input does not matter; equal for equal sources."""
        return self.cidr, self.namespace, tuple(sorted(self.pod_labels.items()))

    def peer(self) -> JsonObject:
        """The source as a peer of a NetworkPolicy."""
        if self.cidr:
            return {"ipBlock": {"cidr": self.cidr}}
        return pods_in(self.namespace, self.pod_labels)


def parse_api_server_sources(
    raw: object, *, path: str = "api_server_sources", errors: Errors | None = None
) -> tuple[ApiServerSource, ...]:
    """Sources from a list of mappings (API_SERVER_OPTIONS), sorted.

    What is wrong is noted in *errors*, or raised as InputError with the path of each fault.
    """
    found: dict[t.Hashable, ApiServerSource] = {}
    places: dict[t.Hashable, str] = {}
    with Collecting(errors) as noted:
        for index, values in enumerate(validate_list(raw, API_SERVER_OPTIONS, path=path, errors=noted)):
            place = f"{path}[{index}]"
            source = parse_peer(values, check_cidr=_reaches_pods, path=place, errors=noted)
            if not noted.is_good(place):
                continue
            if source.order in found:
                noted.add(place, "is in the list already, as ", Place(places[source.order]))
            found[source.order], places[source.order] = source, place
    return tuple(sorted(found.values(), key=lambda source: source.order))


def parse_peer(values: Values, *, check_cidr: grammar.Check, path: str, errors: Errors) -> ApiServerSource:
    """One end of a connection from validated *values* (API_SERVER_OPTIONS); *check_cidr* judges its range."""
    cidr, namespace = values["cidr"] or "", values["namespace"] or ""
    if not cidr and not namespace:
        errors.add(path, "needs cidr, a range of addresses, or namespace, that of pods")
    if cidr and namespace:
        errors.add(path, "has cidr and namespace; write two entries")
    if cidr:
        require(check_cidr, cidr, path=f"{path}.cidr", errors=errors)
    if namespace:
        require(grammar.dns_label, namespace, path=f"{path}.namespace", errors=errors)
    labels = text_mapping(
        values["pod_labels"],
        path=f"{path}.pod_labels",
        check_name=grammar.qualified_name,
        check_value=_label_value,
        errors=errors,
    )
    if labels and not namespace:
        errors.add(f"{path}.pod_labels", "needs namespace, that of the pods")
    return ApiServerSource(cidr=grammar.canonical_network(cidr), namespace=namespace, pod_labels=labels)


def _reaches_pods(text: str) -> str | None:
    problem = grammar.network(text)
    if problem is None and not grammar.can_be_a_client(text):
        return f"{text!r} is not where a request to a pod can come from; see kubectl get endpointslices -n default"
    return problem


def _label_value(text: str) -> str | None:
    return grammar.label_value(text) if text else None
