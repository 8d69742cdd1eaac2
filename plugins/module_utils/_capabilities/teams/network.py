# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The network policies of an instance: who may reach its pods, and what these may connect to. Pure.

Policies add up: a pod may do what any policy that selects it allows, and where none selects it, everything. So one
policy without a rule closes the whole namespace, and each of the others opens what one part needs. Where the namespace
belongs to others too, the first is left out (`in_shared`), and the others select pods of the instance only.

What cannot be closed: discovery needs the API server. What a policy sees: a Service's address is replaced by that of a
pod before most network plugins look at a packet, so rules name pods; the API server's own addresses are those of the
EndpointSlice ``default/kubernetes``.
"""

from __future__ import annotations

import functools
import ipaddress
import typing as t
import urllib.parse
from dataclasses import dataclass, field

from ansible_collections.promfleet.monitoring.plugins.module_utils._base.marks import (
    INSTANCE_LABEL,
    KNOWN_AFTER_APPLY,
    MANAGED_BY_LABEL,
    NAME_LABEL,
    OPERATOR_NAME,
    alertmanager_name,
    common_labels,
    prometheus_name,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.common.objects import (
    NETWORKING,
    JsonObject,
    make,
    tcp_ports,
    team_namespaces,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.teams.api_server import (
    API_SERVER_OPTIONS,
    ApiServerSource,
    parse_peer,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._input import grammar
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.errors import Errors
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.validate import (
    Values,
    require_each,
    validate_mapping,
)

Network: t.TypeAlias = "ipaddress.IPv4Network | ipaddress.IPv6Network"

DNS_PORT = 53
# Where Alertmanagers of one instance find each other (--cluster.listen-address of the operator's StatefulSet).
_GOSSIP_PORT = 9094
# kubernetes/kubernetes, pkg/apis/networking/validation: an IPBlock's exceptions are inside of its range.
EVERYTHING = {4: "0.0.0.0/0", 6: "::/0"}
# What is routed on the Internet: all of IPv4 without what IANA reserves (iana-ipv4-special-registry), and the one block
# of IPv6 that is given out, without the parts that embed an IPv4 address (Teredo, 6to4).
_RESERVED = (
    "0.0.0.0/8",
    "10.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.0.0.0/24",
    "192.168.0.0/16",
    "198.18.0.0/15",
    "224.0.0.0/4",
    "240.0.0.0/4",
)
_PUBLIC_IPV6 = "2000::/3"
_EMBEDDING = ("2001::/32", "2002::/16")
# What private networks use, nodes among them.
PRIVATE = ("10.0.0.0/8", "100.64.0.0/10", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7")
# Where clouds give away the credentials of a node.
_METADATA = ("169.254.169.254", "fd00:ec2::254")
_LINK_LOCAL = ("169.254.0.0/16", "fe80::/10")

DESTINATION_OPTIONS: dict[str, dict[str, t.Any]] = {
    **API_SERVER_OPTIONS,
    "ports": {"type": "list", "elements": "int", "default": []},
}
DESTINATIONS_OPTION: JsonObject = {"type": "list", "elements": "dict", "default": [], "options": DESTINATION_OPTIONS}
# Not given, where the default is neither nothing nor everything.
_OR_DEFAULT: JsonObject = {"type": "list", "elements": "dict", "options": DESTINATION_OPTIONS}
# What the instance of one team may connect to, beside what every instance may.
EGRESS_OPTION: dict[str, t.Any] = {
    "type": "dict",
    "default": {},
    "options": {
        "prometheus": DESTINATIONS_OPTION,
        "alertmanager": DESTINATIONS_OPTION,
        "public": {"type": "bool", "default": True},
    },
}
# The same for the instances of all teams, and what is the cluster's.
CLUSTER_EGRESS_OPTION: dict[str, t.Any] = {
    "type": "dict",
    "default": {},
    "options": {
        "prometheus": DESTINATIONS_OPTION,
        "alertmanager": DESTINATIONS_OPTION,
        "api_server": _OR_DEFAULT,
        "dns": _OR_DEFAULT,
        "nodes": {"type": "list", "elements": "str"},
        "ranges": {"type": "list", "elements": "str", "default": []},
    },
}


@dataclass(frozen=True, kw_only=True)
class Destination:
    """What a pod may connect to: a *peer*, at these TCP *ports* (all of them where there are none)."""

    peer: ApiServerSource
    ports: tuple[int, ...] = ()

    @property
    def order(self) -> tuple[t.Any, ...]:
        """By this destinations are sorted."""
        return *self.peer.order, self.ports

    def rule(self) -> JsonObject:
        """The destination as an egress rule."""
        return _rule([self.peer.peer()], ports=tcp_ports(*self.ports) or _ANY_TCP)


@dataclass(frozen=True, kw_only=True)
class Egress:
    """What one team's instance may connect to; *public*: whether Alertmanager may reach the Internet."""

    prometheus: tuple[Destination, ...] = ()
    alertmanager: tuple[Destination, ...] = ()
    public: bool = True


@dataclass(frozen=True, kw_only=True)
class ClusterEgress:
    """What the instances of a cluster may connect to.

    *api_server*: the API server's addresses, None to read them. *nodes*: the ranges that the platform's instance may
    reach. *ranges*: those of the cluster (pods, Services, nodes) that are not private, which no Alertmanager may reach.
    """

    prometheus: tuple[Destination, ...] = ()
    alertmanager: tuple[Destination, ...] = ()
    api_server: tuple[Destination, ...] | None = None
    dns: tuple[Destination, ...] = ()
    nodes: tuple[str, ...] = PRIVATE
    ranges: tuple[str, ...] = ()

    # Rules that are the same for all teams are made once, and their policies share them: a quarter of all mappings and
    # lists of a fleet. Nothing changes an object that is desired.

    @functools.cached_property
    def dns_rules(self) -> tuple[JsonObject, ...]:
        """What opens the way to the servers of names."""
        return tuple(_dns_rule(one) for one in self.dns or DEFAULT_DNS)

    @functools.cached_property
    def api_server_rules(self) -> tuple[JsonObject, ...]:
        """What opens the way to the API server."""
        return tuple(one.rule() for one in (_UNKNOWN_API_SERVER if self.api_server is None else self.api_server))

    @functools.cached_property
    def public_rule(self) -> JsonObject:
        """What opens the way to the Internet."""
        return _rule(public_blocks(self.ranges), ports=_ANY_TCP)


# What a cluster without options of its own has.
EVERYWHERE = ClusterEgress()
_ANY_TCP: list[JsonObject] = [{"protocol": "TCP"}]
# kubeadm, and what descends from it; and the address at which NodeLocal DNSCache listens on each node.
DEFAULT_DNS = (
    Destination(
        peer=ApiServerSource(namespace="kube-system", pod_labels={"k8s-app": "kube-dns"}),
        ports=(DNS_PORT,),
    ),
    Destination(peer=ApiServerSource(cidr="169.254.20.10/32"), ports=(DNS_PORT,)),
)
# To be replaced by the addresses that the cluster tells.
_UNKNOWN_API_SERVER = (Destination(peer=ApiServerSource(cidr=KNOWN_AFTER_APPLY)),)


# -- input --------------------------------------------------------------------------------------------------------


def parse_egress(values: Values, *, path: str, errors: Errors) -> Egress:
    """What validated *values* (EGRESS_OPTION) say of one team."""
    return Egress(
        prometheus=parse_destinations(values["prometheus"], path=f"{path}.prometheus", errors=errors),
        alertmanager=parse_destinations(values["alertmanager"], path=f"{path}.alertmanager", errors=errors),
        public=values["public"],
    )


def parse_cluster_egress(raw: object, *, path: str = "egress", errors: Errors) -> ClusterEgress:
    """The same for all teams of a cluster, from a mapping (CLUSTER_EGRESS_OPTION)."""
    values = validate_mapping(raw or {}, CLUSTER_EGRESS_OPTION["options"], path=path, errors=errors)
    api_server, dns, nodes = values["api_server"], values["dns"], values["nodes"]
    return ClusterEgress(
        prometheus=parse_destinations(values["prometheus"], path=f"{path}.prometheus", errors=errors),
        alertmanager=parse_destinations(values["alertmanager"], path=f"{path}.alertmanager", errors=errors),
        api_server=None if not api_server else _api_server(api_server, path=f"{path}.api_server", errors=errors),
        dns=DEFAULT_DNS if not dns else _dns(dns, path=f"{path}.dns", errors=errors),
        nodes=PRIVATE if nodes is None else _ranges(nodes, path=f"{path}.nodes", errors=errors),
        ranges=_ranges(values["ranges"], path=f"{path}.ranges", errors=errors),
    )


def parse_destinations(
    items: t.Sequence[Values], *, path: str, errors: Errors, check: grammar.Check | None = None
) -> tuple[Destination, ...]:
    """Destinations from validated *items* (DESTINATIONS_OPTION), sorted; *check* judges ranges of addresses."""
    found: dict[tuple[t.Any, ...], Destination] = {}
    for index, values in enumerate(items):
        place = f"{path}[{index}]"
        peer = parse_peer(values, check_cidr=check or _destination_range, path=place, errors=errors)
        for number, port in enumerate(values["ports"]):
            problem = grammar.port(port)
            if problem is not None:
                errors.add(f"{place}.ports[{number}]", problem)
        one = Destination(peer=peer, ports=tuple(sorted(set(values["ports"]))))
        found[one.order] = one
    return tuple(found[order] for order in sorted(found))


def _api_server(items: t.Sequence[Values], *, path: str, errors: Errors) -> tuple[Destination, ...]:
    for index, values in enumerate(items):
        if not values["ports"]:
            errors.add(f"{path}[{index}].ports", "is required: the ports of the API server, such as 6443")
    return parse_destinations(items, path=path, errors=errors)


def _dns(items: t.Sequence[Values], *, path: str, errors: Errors) -> tuple[Destination, ...]:
    found = parse_destinations(items, path=path, errors=errors, check=_dns_range)
    return tuple(Destination(peer=one.peer, ports=one.ports or (DNS_PORT,)) for one in found)


def _ranges(items: t.Sequence[str], *, path: str, errors: Errors) -> tuple[str, ...]:
    given = require_each(_cluster_range, items, path=path, errors=errors)
    return tuple(sorted(set(map(grammar.canonical_network, given))))


def _destination_range(text: str) -> str | None:
    return _dns_range(text) or _overlaps(
        text, _LINK_LOCAL, "contains link-local addresses, at which nodes have services for themselves; give others"
    )


def _dns_range(text: str) -> str | None:
    problem = grammar.network(text)
    if problem is None and not grammar.can_be_a_client(text):
        return f"{text!r} is not where a pod can connect to"
    return problem or _overlaps(
        text,
        _METADATA,
        "contains {one}, where clouds give away the credentials of a node; give narrower ranges",
    )


def _cluster_range(text: str) -> str | None:
    if grammar.network(text) is None and ipaddress.ip_network(text).prefixlen == 0:
        return f"{text!r} is every address; give the ranges of pods, Services and nodes"
    return grammar.network(text)


def _overlaps(text: str, others: t.Iterable[str], why: str) -> str | None:
    found = ipaddress.ip_network(text)
    for one in others:
        if found.overlaps(ipaddress.ip_network(one)):
            return f"{text!r} {why.format(one=one)}"
    return None


# -- objects ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Instance:
    """What of a team decides its policies.

    *team*, *platform*, *namespace*, *prometheus* and *alertmanager* are names, the last two empty where there is no
    such part. *urls*: where its Prometheus writes to.
    """

    team: str
    platform: str
    namespace: str
    prometheus: str
    alertmanager: str
    egress: Egress = field(default_factory=Egress)
    urls: tuple[str, ...] = ()


def egress_policies(instance: Instance, cluster: ClusterEgress) -> list[JsonObject]:
    """What closes the namespace of an instance, and what opens it for the connections of its parts."""
    found = [_policy(instance, f"{instance.team}-default-deny", pods={}, ingress=[], egress=[])]
    if instance.prometheus:
        rules = [*cluster.dns_rules, *_of_prometheus(instance, cluster)]
        name = f"{prometheus_name(instance.team)}-egress"
        found.append(_policy(instance, name, pods=_pods(instance, *_PROMETHEUS), egress=rules))
    if instance.alertmanager:
        rules = [*cluster.dns_rules, *_of_alertmanager(instance, cluster)]
        name = f"{alertmanager_name(instance.team)}-egress"
        found.append(_policy(instance, name, pods=_pods(instance, "alertmanager"), egress=rules))
    return found


# The operator calls pods of a PrometheusAgent so (pkg/prometheus/agent/statefulset.go).
_PROMETHEUS = ("prometheus", "prometheus-agent")


def _policy(
    instance: Instance,
    name: str,
    *,
    pods: JsonObject,
    egress: t.Sequence[JsonObject],
    ingress: t.Sequence[JsonObject] | None = None,
) -> JsonObject:
    spec: JsonObject = {"podSelector": pods, "policyTypes": ["Egress"]}
    if ingress is not None:
        spec["policyTypes"] = ["Ingress", "Egress"]
    if egress:
        spec["egress"] = list(egress)
    labels = common_labels("team-monitoring", team=instance.team)
    return make(NETWORKING, "NetworkPolicy", name, namespace=instance.namespace, labels=labels, spec=spec)


def _pods(instance: Instance, *applications: str) -> JsonObject:
    """Pods of one part of this instance: the namespace may hold another one's."""
    if len(applications) == 1:
        return {
            "matchLabels": {
                NAME_LABEL: applications[0],
                INSTANCE_LABEL: instance.alertmanager,
                MANAGED_BY_LABEL: OPERATOR_NAME,
            }
        }
    return {
        "matchLabels": {INSTANCE_LABEL: instance.prometheus, MANAGED_BY_LABEL: OPERATOR_NAME},
        "matchExpressions": [{"key": NAME_LABEL, "operator": "In", "values": sorted(applications)}],
    }


def _of_prometheus(instance: Instance, cluster: ClusterEgress) -> list[JsonObject]:
    """All pods of the team's namespaces, Alertmanager among them, at any port; the API server; what it writes to."""
    rules = [_rule([{"namespaceSelector": team_namespaces(instance.team)}])]
    rules += cluster.api_server_rules
    if instance.team == instance.platform and cluster.nodes:
        rules.append(_rule([_block(one) for one in cluster.nodes], ports=_ANY_TCP))
    rules += writing_rules(instance.urls, ranges=cluster.ranges)
    return [*rules, *_extra(cluster.prometheus, instance.egress.prometheus)]


def _of_alertmanager(instance: Instance, cluster: ClusterEgress) -> list[JsonObject]:
    """The other replicas, and the Internet."""
    gossip = [{"port": _GOSSIP_PORT, "protocol": protocol} for protocol in ("TCP", "UDP")]
    rules = [_rule([{"podSelector": _pods(instance, "alertmanager")}], ports=gossip)]
    if instance.egress.public:
        rules.append(cluster.public_rule)
    return [*rules, *_extra(cluster.alertmanager, instance.egress.alertmanager)]


def _extra(*lists: t.Sequence[Destination]) -> list[JsonObject]:
    found = {one.order: one for destinations in lists for one in destinations}
    return [found[order].rule() for order in sorted(found)]


def _dns_rule(one: Destination) -> JsonObject:
    ports = [{"port": port, "protocol": protocol} for port in one.ports for protocol in ("TCP", "UDP")]
    return _rule([one.peer.peer()], ports=ports)


def _rule(to: t.Sequence[JsonObject], *, ports: t.Sequence[JsonObject] = ()) -> JsonObject:
    return {"to": list(to), "ports": list(ports)} if ports else {"to": list(to)}


def _block(cidr: str, *, without: t.Iterable[Network] = ()) -> JsonObject:
    left_out = [str(one) for one in without]
    return {"ipBlock": {"cidr": cidr, "except": left_out} if left_out else {"cidr": cidr}}


def public_blocks(ranges: t.Iterable[str]) -> list[JsonObject]:
    """The Internet without what is private, and without the *ranges* of the cluster.

    Addresses of IPv6 are public in pods, too: without a range of the cluster's own nothing would keep pods and nodes
    out. So IPv6 is opened only where there is one.
    """
    return [_block(cidr, without=left_out) for cidr, left_out in _public(tuple(ranges))]


@functools.cache
def _public(ranges: tuple[str, ...]) -> tuple[tuple[str, tuple[Network, ...]], ...]:
    """Each range of the Internet with what is left out of it; the same for all teams of a cluster."""
    own = [ipaddress.ip_network(one) for one in ranges]
    found = [(EVERYTHING[4], _joined([*map(ipaddress.ip_network, _RESERVED), *own], version=4))]
    if any(one.version == 6 for one in own):
        whole = ipaddress.IPv6Network(_PUBLIC_IPV6)
        inside = [one for one in own if isinstance(one, ipaddress.IPv6Network) and one.subnet_of(whole)]
        found.append((_PUBLIC_IPV6, _joined([*map(ipaddress.ip_network, _EMBEDDING), *inside], version=6)))
    return tuple((cidr, tuple(left_out)) for cidr, left_out in found)


def any_blocks(ranges: t.Iterable[str] = ()) -> list[JsonObject]:
    """Every address but link-local ones, and but the *ranges* of the cluster: for names, which policies do not know."""
    own = [ipaddress.ip_network(one) for one in (*_LINK_LOCAL, *ranges)]
    return [_block(EVERYTHING[version], without=_joined(own, version=version)) for version in (4, 6)]


def _joined(networks: t.Iterable[Network], *, version: int) -> list[Network]:
    """Those of one *version*, sorted, without what is inside of another one."""
    of_version: t.Any = [one for one in networks if one.version == version]
    return list(ipaddress.collapse_addresses(of_version))


def address_rule(host: str, port: int, *, ranges: t.Iterable[str] = ()) -> JsonObject:
    """What opens the way to one *host*, an address or a name. A name can be any address outside of the *ranges*."""
    address = grammar.ip_address(host)
    if host == KNOWN_AFTER_APPLY:
        blocks = [_block(host)]
    elif address is None:
        blocks = any_blocks(ranges)
    else:
        blocks = [_block(f"{address}/{address.max_prefixlen}")]
    return _rule(blocks, ports=tcp_ports(port))


def writing_rules(urls: t.Iterable[str], *, ranges: t.Iterable[str] = ()) -> list[JsonObject]:
    """What opens the way to where a Prometheus writes; the URLs were checked."""
    places = set()
    for url in urls:
        parts = urllib.parse.urlsplit(url)
        if parts.hostname:
            places.add((parts.hostname, parts.port or (443 if parts.scheme == "https" else 80)))
    return [address_rule(host, port, ranges=ranges) for host, port in sorted(places)]


def with_api_server(objects: t.Iterable[JsonObject], found: t.Sequence[Destination]) -> list[JsonObject]:
    """*objects* with the API server's addresses where a policy does not know them yet."""
    unknown = [one.rule() for one in _UNKNOWN_API_SERVER]
    known = [one.rule() for one in found]

    def filled(obj: JsonObject) -> JsonObject:
        rules = obj["spec"].get("egress") or ()
        if not any(rule in unknown for rule in rules):
            return obj
        egress = [rule for one in rules for rule in (known if one in unknown else [one])]
        return {**obj, "spec": {**obj["spec"], "egress": egress}}

    return [filled(obj) if obj["kind"] == "NetworkPolicy" else obj for obj in objects]


def asks_for_api_server(objects: t.Iterable[JsonObject]) -> bool:
    """Whether a policy among *objects* needs the API server's addresses."""
    unknown = [one.rule() for one in _UNKNOWN_API_SERVER]
    return any(
        rule in unknown for obj in objects if obj["kind"] == "NetworkPolicy" for rule in obj["spec"].get("egress") or ()
    )
