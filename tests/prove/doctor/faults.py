"""Faults of a federation: how each is made on real clusters, and the code that the doctor must name as its root."""

from __future__ import annotations

import itertools
import typing as t
from dataclasses import dataclass

from ansible_collections.promfleet.monitoring.plugins.module_utils._base.marks import federation_name

from tests.prove.doctor.fleet import EDGE, MONITORING, NAMESPACE, SOURCE, Fleet, JsonObject, Undo

Make = t.Callable[[Fleet], Undo]

NAME = federation_name(cluster=EDGE, team="platform")
SLICE = f"{NAME}-0"
EXPOSING = "prometheus-platform-federation-0"
POLICY = "prometheus-platform-federation"
DISCOVERY = "discovery.k8s.io/v1"
MONITOR = (MONITORING, "ServiceMonitor", NAME, NAMESPACE)
INSTANCE = (MONITORING, "Prometheus", "platform", NAMESPACE)
EXPOSED = ("v1", "Service", EXPOSING, NAMESPACE)
ADMITTED = ("networking.k8s.io/v1", "NetworkPolicy", POLICY, NAMESPACE)
OPERATOR = ("apps/v1", "Deployment", "prometheus-operator", "prometheus-operator")
MARK = "promfleet-fault"


@dataclass(frozen=True, kw_only=True)
class Fault:
    """One fault. *mechanism*: faults of one mechanism count as one. *seconds*: how long it may take to show."""

    name: str
    code: str
    mechanism: str
    make: Make
    seconds: float = 60.0


def _hub(kind: str, patch: JsonObject, *, name: str = NAME) -> Make:
    version = {"Service": "v1", "EndpointSlice": DISCOVERY}.get(kind, MONITORING)
    return lambda fleet: fleet.edit(fleet.hub, (version, kind, name, NAMESPACE), patch)


def _slice_ports(**fields: t.Any) -> Make:
    """Change fields of the slice's port."""

    def make(fleet: Fleet) -> Undo:
        obj = (DISCOVERY, "EndpointSlice", SLICE, NAMESPACE)
        ports = [{**fleet.hub.get(*obj)["ports"][0], **fields}]
        return fleet.edit(fleet.hub, obj, {"ports": ports})

    return make


def _endpoint(**fields: t.Any) -> Make:
    """Change fields of the monitor's endpoint: the list is one value."""

    def make(fleet: Fleet) -> Undo:
        first, *rest = fleet.hub.get(*MONITOR)["spec"]["endpoints"]
        return fleet.edit(fleet.hub, MONITOR, {"spec": {"endpoints": [{**first, **fields}, *rest]}})

    return make


def _relabelled(**step: t.Any) -> Make:
    """Add a step to the relabeling of targets."""

    def make(fleet: Fleet) -> Undo:
        first, *rest = fleet.hub.get(*MONITOR)["spec"]["endpoints"]
        changed = {**first, "relabelings": [*first["relabelings"], step]}
        return fleet.edit(fleet.hub, MONITOR, {"spec": {"endpoints": [changed, *rest]}})

    return make


def _instance(cluster: str, **spec: t.Any) -> Make:
    return lambda fleet: fleet.edit(getattr(fleet, cluster), INSTANCE, {"spec": spec})


def _deleted(cluster: str, version: str, kind: str, name: str) -> Make:
    return lambda fleet: fleet.delete(getattr(fleet, cluster), (version, kind, name, NAMESPACE))


def _exposing(patch: JsonObject) -> Make:
    return lambda fleet: fleet.edit(fleet.edge, EXPOSED, patch)


def _port(**fields: t.Any) -> Make:
    """Change the port of the Service that exposes the replica."""

    def make(fleet: Fleet) -> Undo:
        live = fleet.edge.get(*EXPOSED)
        ports = [{**live["spec"]["ports"][0], **fields}]
        return fleet.edit(fleet.edge, EXPOSED, {"spec": {"ports": ports}})

    return make


def _policy(spec: JsonObject) -> Make:
    return lambda fleet: fleet.edit(fleet.edge, ADMITTED, {"spec": spec})


def _described(**options: t.Any) -> Make:
    """Describe the source otherwise, and let runs apply that: the input itself is the fault."""

    def make(fleet: Fleet) -> Undo:
        fleet.source = {**fleet.source, **options}
        fleet.restore()

        def back() -> None:
            fleet.source = SOURCE

        return back

    return make


def _unbalanced(fleet: Fleet) -> Undo:
    """Describe the source with a load balancer: the worker's run waits in vain, and the central side stays as it is."""
    fleet.source = {**fleet.source, "expose": "LoadBalancer"}
    fleet.module("federation_source", EDGE, sources=[fleet.source], force_conflicts=True, wait=False)

    def back() -> None:
        fleet.source = SOURCE

    return back


def _blind(fleet: Fleet) -> Undo:
    """Take from the central Prometheus the right to discover targets; it asks anew when its pod starts."""
    binding = ("rbac.authorization.k8s.io/v1", "RoleBinding", "prometheus-platform", NAMESPACE)
    pod = ("v1", "Pod", "prometheus-platform-0", NAMESPACE)
    live = fleet.hub.get(*binding)
    fleet.hub.delete(*binding)
    fleet.hub.delete(*pod)

    def back() -> None:
        metadata = {name: live["metadata"].get(name) for name in ("name", "namespace", "labels")}
        fleet.hub.apply({**live, "metadata": metadata})
        fleet.hub.delete(*pod)

    return back


def _operator(cluster: str) -> Make:
    def make(fleet: Fleet) -> Undo:
        return fleet.edit(getattr(fleet, cluster), OPERATOR, {"spec": {"replicas": 0}})

    return make


def _selecting(fleet: Fleet) -> Undo:
    """A selector on the Service; what Kubernetes makes for it stays when the selector goes, Endpoints and slices."""
    selector = {"spec": {"selector": {"app.kubernetes.io/name": "prometheus"}}}
    opened = fleet.edit(fleet.hub, ("v1", "Service", NAME, NAMESPACE), selector)

    def back() -> None:
        opened()
        # Of these another slice would be made, as a mirror.
        fleet.hub.delete("v1", "Endpoints", NAME, NAMESPACE)
        kind = fleet.hub.kind(DISCOVERY, "EndpointSlice")
        for one in fleet.hub.list_kind(kind, selector=f"kubernetes.io/service-name={NAME}"):
            if one["metadata"]["name"] != SLICE:
                fleet.hub.delete(DISCOVERY, "EndpointSlice", one["metadata"]["name"], NAMESPACE)

    return back


def _foreign_slice(fleet: Fleet) -> Undo:
    """One more slice of the Service, of an address where nothing answers."""
    live = fleet.hub.get(DISCOVERY, "EndpointSlice", SLICE, NAMESPACE)
    metadata = {"name": "foreign", "namespace": NAMESPACE, "labels": {"kubernetes.io/service-name": NAME}}
    body = {name: live[name] for name in ("apiVersion", "kind", "addressType", "ports")}
    fleet.hub.apply({**body, "metadata": metadata, "endpoints": [{"addresses": ["192.0.2.77"]}]})
    return lambda: fleet.hub.delete(DISCOVERY, "EndpointSlice", "foreign", NAMESPACE)


def _second_monitor(fleet: Fleet) -> Undo:
    live = fleet.hub.get(*MONITOR)
    metadata = {"name": "second", "namespace": NAMESPACE}
    fleet.hub.apply({**live, "metadata": metadata})
    fleet.nudge()
    return lambda: fleet.hub.delete(MONITORING, "ServiceMonitor", "second", NAMESPACE)


def _copied(fleet: Fleet) -> Undo:
    """A copy of the Service with its labels, as somebody makes it to try something, for an address of nothing."""
    live, its_slice = (
        fleet.hub.get("v1", "Service", NAME, NAMESPACE),
        fleet.hub.get(DISCOVERY, "EndpointSlice", SLICE, NAMESPACE),
    )
    place = {"name": "copy", "namespace": NAMESPACE}
    spec = {"clusterIP": "None", "ports": live["spec"]["ports"]}
    fleet.hub.apply(
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {**place, "labels": live["metadata"]["labels"]},
            "spec": spec,
        }
    )
    body = {name: its_slice[name] for name in ("apiVersion", "kind", "addressType", "ports")}
    metadata = {**place, "labels": {"kubernetes.io/service-name": "copy"}}
    fleet.hub.apply({**body, "metadata": metadata, "endpoints": [{"addresses": ["192.0.2.77"]}]})

    def back() -> None:
        fleet.hub.delete("v1", "Service", "copy", NAMESPACE)
        fleet.hub.delete(DISCOVERY, "EndpointSlice", "copy", NAMESPACE)

    return back


def _recorded_otherwise(fleet: Fleet) -> Undo:
    """The worker's rules record under names without a colon: half of what is federated is gone, without an error."""
    kind = fleet.edge.kind(MONITORING, "PrometheusRule")
    (rules,) = [one for one in fleet.edge.list_kind(kind) if one["metadata"]["namespace"] == NAMESPACE]
    groups = [
        {**group, "rules": [{**rule, **_plain_name(rule)} for rule in group["rules"]]}
        for group in rules["spec"]["groups"]
    ]
    place = (MONITORING, "PrometheusRule", rules["metadata"]["name"], NAMESPACE)
    return fleet.edit(fleet.edge, place, {"spec": {"groups": groups}})


def _plain_name(rule: JsonObject) -> JsonObject:
    return {"record": rule["record"].replace(":", "_")} if "record" in rule else {}


def _nft(fleet: Fleet, verdict: str, *, kind: str = "filter") -> Undo:
    """Put a rule before what the node does with packets to the worker's node port."""
    port = fleet.places()[0]["targets"][0]["port"]
    chain = f"add chain ip {MARK} pre {{ type {kind} hook prerouting priority -150 ; }}"
    fleet.node("nft", f"add table ip {MARK} ; {chain} ; add rule ip {MARK} pre tcp dport {port} {verdict}")
    # Prometheus keeps its connection. Without the node's memory of it, its next packet meets the rule.
    forget = f"conntrack --delete --proto tcp --orig-port-dst {port} 2>&1 || true"
    fleet.node("sh", "-c", forget)

    def back() -> None:
        fleet.node("nft", f"delete table ip {MARK}")
        fleet.node("sh", "-c", forget)

    return back


def _on_the_way(verdict: str) -> Make:
    """A firewall before the worker's node port."""
    return lambda fleet: _nft(fleet, verdict)


def _impostor(answer: str) -> Make:
    """Something else answers at the worker's node port."""

    def make(fleet: Fleet) -> Undo:
        server = "socat TCP-LISTEN:9999,fork,reuseaddr SYSTEM:'read line; cat /tmp/answer'"
        start = f"printf '{answer}' > /tmp/answer; setsid {server} > /dev/null 2>&1 & echo $!"
        process = fleet.node("bash", "-c", start).strip()
        opened = _nft(fleet, "redirect to :9999", kind="nat")

        def back() -> None:
            opened()
            fleet.node("kill", process)

        return back

    return make


def _http(status: str, body: str = "", content_type: str = "text/plain") -> str:
    return (
        f"HTTP/1.1 {status}\\r\\nContent-Type: {content_type}\\r\\n"
        f"Content-Length: {len(body)}\\r\\nConnection: close\\r\\n\\r\\n{body}"
    )


DROP_ALL = [{"action": "drop", "regex": ".*", "sourceLabels": ["__name__"]}]

# On the central cluster's objects.
CENTRAL: tuple[Fault, ...] = (
    Fault(name="service selects pods", code="PF311", mechanism="selector on a Service without one",
          make=_selecting),
    Fault(name="foreign slice", code="PF316", mechanism="foreign slice", make=_foreign_slice),
    Fault(name="copy of the service", code="PF317", mechanism="another Service selected", make=_copied),
    Fault(name="service loses its label", code="PF302", mechanism="monitor and Service do not fit",
          make=_hub("Service", {"metadata": {"labels": {"app.kubernetes.io/instance": "other"}}})),
    Fault(name="monitor selects another label", code="PF302", mechanism="monitor and Service do not fit",
          make=_hub("ServiceMonitor", {"spec": {"selector": {"matchLabels": {"app.kubernetes.io/instance": "x"}}}})),
    Fault(name="service deleted", code="PF301", mechanism="object missing",
          make=_deleted("hub", "v1", "Service", NAME)),
    Fault(name="slice deleted", code="PF301", mechanism="object missing",
          make=_deleted("hub", DISCOVERY, "EndpointSlice", SLICE)),
    Fault(name="monitor deleted", code="PF301", mechanism="object missing",
          make=_deleted("hub", MONITORING, "ServiceMonitor", NAME)),
    Fault(name="slice of another service", code="PF312", mechanism="slice without its Service",
          make=_hub("EndpointSlice", {"metadata": {"labels": {"kubernetes.io/service-name": "x"}}}, name=SLICE)),
    Fault(name="slice without its label", code="PF312", mechanism="slice without its Service",
          make=_hub("EndpointSlice", {"metadata": {"labels": {"kubernetes.io/service-name": None}}}, name=SLICE)),
    Fault(name="slice port renamed", code="PF313", mechanism="port name",
          make=_slice_ports(name="http")),
    Fault(name="monitor port renamed", code="PF313", mechanism="port name", make=_endpoint(port="http")),
    Fault(name="slice port number", code="PF314", mechanism="wrong place",
          make=_slice_ports(port=1)),
    Fault(name="slice address", code="PF314", mechanism="wrong place",
          make=_hub("EndpointSlice", {"endpoints": [{"addresses": ["192.0.2.9"]}]}, name=SLICE)),
    Fault(name="slice without endpoints", code="PF314", mechanism="wrong place",
          make=_hub("EndpointSlice", {"endpoints": []}, name=SLICE)),
    Fault(name="node port moved", code="PF314", mechanism="source moved", make=_port(nodePort=32099)),
    Fault(name="monitor of other namespaces", code="PF384", mechanism="namespaceSelector",
          make=_hub("ServiceMonitor", {"spec": {"namespaceSelector": {"matchNames": ["default"]}}})),
    Fault(name="monitor path", code="PF310", mechanism="changed path", make=_endpoint(path="/nowhere")),
    Fault(name="monitor params", code="PF310", mechanism="changed match[]",
          make=_endpoint(params={"match[]": ['{__name__="nothing_has_this_name"}']})),
    Fault(name="monitor honorLabels", code="PF310", mechanism="honorLabels false", make=_endpoint(honorLabels=False)),
    Fault(name="monitor drops its targets", code="PF310", mechanism="dropped by relabeling",
          make=_relabelled(action="drop", regex=".*", sourceLabels=["__address__"])),
    Fault(name="monitor renames its job", code="PF310", mechanism="labels of targets",
          make=_relabelled(action="replace", replacement="other", targetLabel="job")),
    Fault(name="monitor drops all samples", code="PF310", mechanism="dropped by relabeling of metrics",
          make=_endpoint(metricRelabelings=DROP_ALL)),
    Fault(name="monitor scheme", code="PF310", mechanism="changed scheme", make=_endpoint(scheme="https")),
    Fault(name="monitor interval", code="PF310", mechanism="changed interval",
          make=_endpoint(interval="10m", scrapeTimeout="4s")),
    Fault(name="monitor sample limit", code="PF310", mechanism="sample limit",
          make=_hub("ServiceMonitor", {"spec": {"sampleLimit": 1}})),
    Fault(name="monitor proxy", code="PF310", mechanism="field that is not described",
          make=_endpoint(proxyUrl="http://192.0.2.1:1")),
)  # fmt: skip
# In what the inventory describes, and in what an instance may do.
DESCRIBED: tuple[Fault, ...] = (
    Fault(name="limit of samples", code="PF370", mechanism="sample limit of a source",
          make=_described(limits={"samples": 1}), seconds=180.0),
    Fault(name="limit of the answer's size", code="PF371", mechanism="size limit of a source",
          make=_described(limits={"body_size": "10B"}), seconds=180.0),
    Fault(name="interval beyond the lookback", code="PF376", mechanism="interval",
          make=_described(interval="10m"), seconds=180.0),
    Fault(name="selectors that fit nothing", code="PF327", mechanism="nothing to give",
          make=_described(match=['{__name__="nothing_has_this_name"}']), seconds=180.0),
    Fault(name="load balancer without an address", code="PF329", mechanism="no address given",
          make=_unbalanced, seconds=180.0),
    Fault(name="discovery without its right", code="PF383", mechanism="right to discover", make=_blind, seconds=240.0),
)  # fmt: skip
# On the instances, on the worker, and on the way between the two.
WORKER: tuple[Fault, ...] = (
    Fault(name="central paused", code="PF231", mechanism="paused", make=_instance("hub", paused=True)),
    Fault(name="worker paused", code="PF231", mechanism="paused", make=_instance("edge", paused=True)),
    Fault(name="central overrides honorLabels", code="PF233", mechanism="overrideHonorLabels",
          make=_instance("hub", overrideHonorLabels=True)),
    Fault(name="central enforces a sample limit", code="PF234", mechanism="enforced limit",
          make=_instance("hub", enforcedSampleLimit=1)),
    Fault(name="central enforces a namespace label", code="PF234", mechanism="enforced label",
          make=_instance("hub", enforcedNamespaceLabel="namespace")),
    Fault(name="central selects no monitor", code="PF235", mechanism="instance's selector",
          make=_instance("hub", serviceMonitorSelector={"matchLabels": {"team": "x"}})),
    Fault(name="central selects no namespace", code="PF235", mechanism="instance's namespace selector",
          make=_instance("hub", serviceMonitorNamespaceSelector={"matchLabels": {"team": "x"}})),
    Fault(name="central retention", code="PF230", mechanism="changed instance", make=_instance("hub", retention="3d"),
          seconds=150.0),
    Fault(name="worker without replicas", code="PF230", mechanism="no replicas", make=_instance("edge", replicas=0),
          seconds=150.0),
    Fault(name="worker with other labels", code="PF232", mechanism="identity",
          make=_instance("edge", externalLabels={"cluster": "elsewhere", "team": "platform"}), seconds=150.0),
    Fault(name="worker listens to itself only", code="PF240", mechanism="how it answers",
          make=_instance("edge", listenLocal=True), seconds=150.0),
    Fault(name="worker records under other names", code="PF388", mechanism="half of the selectors",
          make=_recorded_otherwise, seconds=240.0),
    Fault(name="central operator stopped", code="PF107", mechanism="operator stopped", make=_operator("hub")),
    Fault(name="worker operator stopped", code="PF107", mechanism="operator stopped", make=_operator("edge")),
    Fault(name="second monitor", code="PF377", mechanism="double targets", make=_second_monitor, seconds=120.0),
    Fault(name="exposing service deleted", code="PF320", mechanism="nothing exposed",
          make=_deleted("edge", "v1", "Service", EXPOSING)),
    Fault(name="exposing service selects nothing", code="PF321", mechanism="exposing Service's selector",
          make=_exposing({"spec": {"selector": {"app.kubernetes.io/name": "x"}}})),
    Fault(name="exposing service's target port", code="PF322", mechanism="exposing Service's port",
          make=_port(targetPort=1)),
    Fault(name="exposing service of another type", code="PF328", mechanism="exposing Service's type",
          make=_exposing({"spec": {"type": "ClusterIP", "externalTrafficPolicy": None}})),
    Fault(name="exposing service's traffic policy", code="PF310", mechanism="externalTrafficPolicy",
          make=_exposing({"spec": {"externalTrafficPolicy": "Cluster"}})),
    Fault(name="policy lets nothing in", code="PF326", mechanism="closed by policy", make=_policy({"ingress": []})),
    Fault(name="policy for other networks", code="PF326", mechanism="closed by policy",
          make=_policy({"ingress": [{"from": [{"ipBlock": {"cidr": "198.51.100.0/24"}}]}]})),
    Fault(name="policy deleted", code="PF301", mechanism="object missing",
          make=_deleted("edge", "networking.k8s.io/v1", "NetworkPolicy", POLICY)),
    Fault(name="connections refused", code="PF360", mechanism="refused on the way",
          make=_on_the_way("reject with tcp reset")),
    Fault(name="packets dropped", code="PF361", mechanism="dropped on the way", make=_on_the_way("drop")),
    Fault(name="no route", code="PF362", mechanism="no route",
          make=_on_the_way("reject with icmp type net-unreachable")),
    Fault(name="something that refuses", code="PF367", mechanism="credentials", make=_impostor(_http("401 No"))),
    Fault(name="something without the page", code="PF368", mechanism="no such page",
          make=_impostor(_http("404 Not Found"))),
    Fault(name="something that does not understand", code="PF369", mechanism="bad request",
          make=_impostor(_http("400 Bad Request"))),
    Fault(name="something overloaded", code="PF372", mechanism="server error",
          make=_impostor(_http("503 Service Unavailable"))),
    Fault(name="something that is no Prometheus", code="PF374", mechanism="no metrics",
          make=_impostor(_http("200 OK", "<html>hello</html>", "text/html"))),
    Fault(name="something that is empty", code="PF305", mechanism="empty answer", make=_impostor(_http("200 OK"))),
)  # fmt: skip
# One of each kind; each has evidence of its own, wherever another one breaks the chain.
BASE = (
    "slice address",
    "monitor port renamed",
    "service loses its label",
    "service selects pods",
    "monitor sample limit",
    "central overrides honorLabels",
    "central selects no monitor",
    "worker paused",
    "worker operator stopped",
    "exposing service's target port",
    "policy for other networks",
    "worker with other labels",
)


def _pairs() -> list[tuple[Fault, ...]]:
    by_name = {fault.name: fault for fault in (*CENTRAL, *WORKER)}
    return list(itertools.combinations([by_name[name] for name in BASE], 2))


# Faults that are made at once; the pairs in parts that take less than an hour.
GROUPS: dict[str, list[tuple[Fault, ...]]] = {
    "central": [(fault,) for fault in CENTRAL],
    "worker": [(fault,) for fault in WORKER],
    "described": [(fault,) for fault in DESCRIBED],
    **{f"pairs-{number + 1}": _pairs()[number::3] for number in range(3)},
}
