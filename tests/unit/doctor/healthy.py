"""Facts of one federated source that is well, on both sides; tests change what they are about."""

from __future__ import annotations

import copy
import typing as t

from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.federation.endpoints import (
    FederationTargetSet,
    parse_endpoints,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.federation.exposed import (
    source_objects,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.federation.scraped import (
    endpoint_objects,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.federation.sources import parse_sources
from ansible_collections.promfleet.monitoring.plugins.module_utils._doctor.exposed import AccessFacts, ReplicaFacts
from ansible_collections.promfleet.monitoring.plugins.module_utils._doctor.federated import FederatedFacts
from ansible_collections.promfleet.monitoring.plugins.module_utils._doctor.fleet import ObservedFacts
from ansible_collections.promfleet.monitoring.plugins.module_utils._doctor.loaded import job_names
from ansible_collections.promfleet.monitoring.plugins.module_utils._doctor.peers import PeerFacts
from ansible_collections.promfleet.monitoring.plugins.module_utils._doctor.targets import Scraped, Stored, TargetFacts
from ansible_collections.promfleet.monitoring.plugins.module_utils._doctor.ways import WayFacts

JsonObject = dict[str, t.Any]

CENTRAL = ("instance monitoring-platform/platform",)
HERE = (*CENTRAL, "source edge/pay")
NAMESPACE = "monitoring-platform"


def target_set(address: str = "192.0.2.1", **more: t.Any) -> FederationTargetSet:
    """The source as the worker's run describes it."""
    source = {
        "cluster": "edge",
        "team": "pay",
        "targets": [{"address": address, "port": 31090}],
        # One job: alerts would get another one.
        "match": ['{__name__=~"[^:]+:.+"}'],
    }
    (found,) = parse_endpoints([{**source, **more}], check_match=lambda _text: None, check=True)
    return found


WANTED = target_set()
_OBJECTS = endpoint_objects(WANTED, namespace=NAMESPACE, team="platform")
SERVICE, SLICE, MONITOR = _OBJECTS
((POOL, ENDPOINT),) = job_names(MONITOR)
JOB = {
    "honor_labels": True,
    "honor_timestamps": True,
    "metrics_path": ENDPOINT["path"],
    "params": ENDPOINT["params"],
    "scheme": "http",
    "scrape_interval": "30s",
    "scrape_timeout": "25s",
}
PROMETHEUS = {"metadata": {"name": "platform"}, "spec": {"serviceMonitorSelector": {}, "scrapeConfigSelector": {}}}


def changed(obj: JsonObject, path: str, /, value: t.Any) -> JsonObject:
    """A copy of *obj* with another value at a dotted path (slashes in names are kept); None takes it away."""
    result = copy.deepcopy(obj)
    *above, last = [int(part) if part.isdigit() else part for part in path.split("|")]
    holder: t.Any = result
    for part in above:
        holder = holder[part]
    if value is None:
        del holder[last]
    else:
        holder[last] = value
    return result


def target(health: str = "up", **more: t.Any) -> JsonObject:
    """A target of the central Prometheus."""
    return {
        "scrapePool": POOL,
        "scrapeUrl": "http://192.0.2.1:31090/federate?match%5B%5D=x",
        "labels": {"job": WANTED.job, "cluster": "edge"},
        "health": health,
        "lastError": "" if health == "up" else "connection refused",
        "scrapeInterval": "30s",
        **more,
    }


FEDERATED = FederatedFacts(
    cluster="hub",
    instance=CENTRAL,
    namespace=NAMESPACE,
    team="platform",
    wanted=WANTED,
    services=(SERVICE,),
    slices=(SLICE,),
    monitors=(MONITOR,),
    prometheus=PROMETHEUS,
    jobs={POOL: JOB},
)
TARGETS = TargetFacts(
    instance=CENTRAL,
    monitor=FEDERATED.object,
    wanted=WANTED,
    pools=(POOL,),
    targets=(target(),),
    discovered={POOL: 4},
    scraped=Scraped(samples=20, kept=20),
    stored=Stored(series=20, fresh=20, within=90.0),
    strangers=(),
    flips={"192.0.2.1:31090": 0},
)

WAY_POLICY = {
    "kind": "NetworkPolicy",
    "metadata": {"name": "prometheus-platform-sources"},
    "spec": {
        "podSelector": {"matchLabels": {"app.kubernetes.io/instance": "platform"}},
        "policyTypes": ["Egress"],
        "egress": [
            {"to": [{"ipBlock": {"cidr": "192.0.2.1/32"}}], "ports": [{"protocol": "TCP", "port": 31090}]},
        ],
    },
}
WAY = WayFacts(
    cluster="hub",
    instance=CENTRAL,
    namespace=NAMESPACE,
    name="platform",
    wanted=WANTED,
    labels={"app.kubernetes.io/instance": "platform"},
    policies=(WAY_POLICY,),
)

(SOURCE,) = parse_sources([{"team": "pay", "expose": "NodePort"}], check_match=lambda _text: None)
EXPOSING, POLICY = source_objects(SOURCE, cluster="edge", namespace="monitoring-pay", replicas=1)
POD = {
    "metadata": {
        "name": "prometheus-pay-0",
        "namespace": "monitoring-pay",
        "labels": {
            "app.kubernetes.io/name": "prometheus",
            "app.kubernetes.io/instance": "pay",
            "app.kubernetes.io/managed-by": "prometheus-operator",
            "statefulset.kubernetes.io/pod-name": "prometheus-pay-0",
        },
    },
    "spec": {"nodeName": "edge", "containers": [{"ports": [{"name": "web", "containerPort": 9090}]}]},
}
READY = {"metadata": {"name": "x"}, "endpoints": [{"addresses": ["10.0.0.1"], "conditions": {"ready": True}}]}
REPLICA = ReplicaFacts(
    place=HERE,
    cluster="edge",
    team="pay",
    namespace="monitoring-pay",
    name=EXPOSING["metadata"]["name"],
    replica=0,
    desired=EXPOSING,
    service=EXPOSING,
    pod=POD,
    slices=(READY,),
    counts={"a": 3, "b": 1},
    labels={"cluster": "edge", "team": "pay", "prometheus_replica": "prometheus-pay-0"},
)
ACCESS = AccessFacts(
    place=HERE,
    cluster="edge",
    team="pay",
    namespace="monitoring-pay",
    name=POLICY["metadata"]["name"],
    allowed=("10.0.0.0/8", "fc00::/7"),
    pods=(POD,),
    desired=POLICY,
    policies=(POLICY,),
)
PEER = PeerFacts(
    place=HERE,
    object_name=FEDERATED.object,
    source="edge/pay",
    offset=0.2,
    offsets=(0.1,),
    labels=({"cluster": "edge", "team": "pay", "prometheus_replica": "0"},),
    others={"core/pay": ({"cluster": "core", "team": "pay"},)},
)
OBSERVED = ObservedFacts(cluster="edge", observed=True)
