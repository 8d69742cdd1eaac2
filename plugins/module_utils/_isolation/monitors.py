# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Attacks through monitors: where Prometheus is made to send its requests, and as whose its series are stored. Pure."""

from __future__ import annotations

import typing as t

from ansible_collections.promfleet.monitoring.plugins.module_utils._base.marks import MONITORING, MONITORING_ALPHA
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.common.objects import CORE, DISCOVERY
from ansible_collections.promfleet.monitoring.plugins.module_utils._isolation.model import (
    AIMED,
    INSTANCE_ACCOUNT,
    OWNER,
    PEOPLE,
    REACHED,
    SERIES,
    STORED,
    TEAM_PEOPLE,
    Attack,
    Effect,
    JsonObject,
    Put,
)

# The team's application, and the port that shows its metrics.
APP = {"matchLabels": {"app": "app"}}
PORT = "web"
# Every series and target that an attack brings has this label: no guard has a reason to forbid it.
MARK = "attack"

EGRESS = "network:prometheus-egress"
INGRESS = "network:instance-ingress"
_CLOSED = (EGRESS, INGRESS)
RELABELINGS, FORGED = "policy:relabelings", "policy:forged-labels"

# A metric of every Prometheus that names its jobs: an instance that has it of the victim has read the victim.
OF_THE_VICTIM = 'prometheus_sd_discovered_targets{attack="<<id>>",config=~".*<<victim>>.*"}'
READ_VICTIM = Effect(kind=SERIES, what=OF_THE_VICTIM)
_SPIKE = "seen on real clusters: facts of the project, Tenancy"
_UPSTREAM = "https://prometheus-operator.dev/docs/api-reference/api/"
_LABEL_PROXY = "prom-label-proxy, README: relabeling and honor_labels let a tenant pollute others"
_OPERATOR_5719 = "prometheus-operator/prometheus-operator#5719 and its multi-tenancy notes"


def mark(value: str = "<<id>>") -> JsonObject:
    """The relabeling that marks what an attack brings."""
    return {"action": "replace", "targetLabel": MARK, "replacement": value}


def _object(api_version: str, kind: str, spec: JsonObject, **metadata: t.Any) -> JsonObject:
    return {"apiVersion": api_version, "kind": kind, "metadata": {"name": "<<id>>", **metadata}, "spec": spec}


def service_monitor(*relabelings: JsonObject, spec: JsonObject | None = None, **endpoint: t.Any) -> JsonObject:
    """A ServiceMonitor of the team's application."""
    first = {"port": PORT, "relabelings": [mark(), *relabelings], **endpoint}
    return _object(MONITORING, "ServiceMonitor", {"selector": APP, "endpoints": [first], **(spec or {})})


def pod_monitor(*relabelings: JsonObject, spec: JsonObject | None = None, **endpoint: t.Any) -> JsonObject:
    """A PodMonitor of the team's application."""
    first = {"port": PORT, "relabelings": [mark(), *relabelings], **endpoint}
    return _object(MONITORING, "PodMonitor", {"selector": APP, "podMetricsEndpoints": [first], **(spec or {})})


def probe(*relabelings: JsonObject, prober: JsonObject, targets: JsonObject | None = None) -> JsonObject:
    """A Probe; its prober answers at /metrics, so that what it says becomes series."""
    static = {"staticConfig": {"static": ["app"], "relabelingConfigs": [mark(), *relabelings]}}
    spec = {"jobName": "<<id>>", "prober": {"path": "/metrics", **prober}, "targets": targets or static}
    return _object(MONITORING, "Probe", spec)


def scrape_config(**spec: t.Any) -> JsonObject:
    """A ScrapeConfig."""
    return _object(MONITORING_ALPHA, "ScrapeConfig", {"relabelings": [mark()], **spec})


def to(label: str, value: str, **fields: t.Any) -> JsonObject:
    """The relabeling that sets a label."""
    return {"action": "replace", "targetLabel": label, "replacement": value, **fields}


def _relabels(
    number: str,
    title: str,
    *relabelings: JsonObject,
    mechanism: str,
    effect: Effect = READ_VICTIM,
    guards: tuple[str, ...] = (RELABELINGS, *_CLOSED),
    source: str = _SPIKE,
    **endpoint: t.Any,
) -> Attack:
    return Attack(
        id=number,
        title=title,
        door="relabeling",
        mechanism=mechanism,
        credential=PEOPLE,
        action=Put(objects=(service_monitor(*relabelings, **endpoint),)),
        effect=effect,
        guards=guards,
        source=source,
    )


_VICTIM = to("__address__", "<<victim_prometheus>>")
_ANNOTATED = "__meta_kubernetes_service_annotation_victim"

RELABELING: tuple[Attack, ...] = (
    _relabels(
        "relabel-replace",
        "A relabeling sets __address__ to another team's Prometheus",
        _VICTIM,
        mechanism="relabeling sets an address",
    ),
    _relabels(
        "relabel-federate",
        "A relabeling sets address, path and parameters to another team's /federate",
        _VICTIM,
        to("__metrics_path__", "/federate"),
        to("__param_match[]", '{__name__="prometheus_sd_discovered_targets"}'),
        mechanism="relabeling sets an address",
    ),
    _relabels(
        "relabel-expanded",
        "The name of the target label is put together: __${1}__",
        {
            "sourceLabels": ["__meta_kubernetes_service_label_part"],
            "regex": "(.*)",
            "action": "replace",
            "targetLabel": "__${1}__",
            "replacement": "<<victim_prometheus>>",
        },
        mechanism="name of a target label is put together",
        source="facts/corrections 15: the operator accepts $ in targetLabel",
    ),
    _relabels(
        "relabel-labelmap",
        "labelmap makes __address__ of an annotation of the team's Service",
        {"action": "labelmap", "regex": "__meta_kubernetes_service_annotation_(address)", "replacement": "__${1}__"},
        mechanism="labelmap",
        guards=(RELABELINGS, FORGED, *_CLOSED),
        source="facts/corrections 15",
    ),
    _relabels(
        "relabel-lowercase",
        "The action lowercase writes __address__",
        {"action": "lowercase", "sourceLabels": [_ANNOTATED], "targetLabel": "__address__"},
        mechanism="actions that write a label",
        source="facts/corrections 15",
    ),
    _relabels(
        "relabel-uppercase",
        "The action uppercase writes __address__",
        {"action": "uppercase", "sourceLabels": [_ANNOTATED], "targetLabel": "__address__"},
        mechanism="actions that write a label",
        source="facts/corrections 15",
    ),
    _relabels(
        "relabel-hashmod",
        "The action hashmod writes __address__",
        {"action": "hashmod", "sourceLabels": ["__address__"], "modulus": 1, "targetLabel": "__address__"},
        mechanism="actions that write a label",
        effect=Effect(kind=AIMED, what="://0"),
        guards=(RELABELINGS,),
        source="facts/corrections 15",
    ),
    _relabels(
        "relabel-path",
        "A relabeling sets __metrics_path__",
        to("__metrics_path__", "/federate"),
        mechanism="relabeling sets the path",
        effect=Effect(kind=AIMED, what="/federate"),
        guards=(RELABELINGS,),
    ),
    _relabels(
        "relabel-scheme",
        "A relabeling sends requests to the API server, by TLS",
        to("__scheme__", "https"),
        to("__address__", "kubernetes.default.svc:443"),
        mechanism="relabeling sets the scheme",
        effect=Effect(kind=REACHED),
        guards=(RELABELINGS,),
        tlsConfig={"insecureSkipVerify": True},
    ),
    _relabels(
        "relabel-parameter",
        "A relabeling sets a parameter of the request",
        to("__param_target", "forged"),
        mechanism="relabeling sets a parameter",
        effect=Effect(kind=AIMED, what="target=forged"),
        guards=(RELABELINGS,),
    ),
    _relabels(
        "relabel-interval",
        "A relabeling shortens __scrape_interval__ to a second",
        to("__scrape_interval__", "1s"),
        to("__scrape_timeout__", "1s"),
        mechanism="relabeling sets the interval",
        effect=Effect(kind=AIMED, what="1s"),
        guards=(RELABELINGS,),
        source="facts/corrections 15",
    ),
    _relabels(
        "relabel-labeldrop",
        "labeldrop removes labels that begin with __",
        {"action": "labeldrop", "regex": "__scrape_timeout__|__meta_.*"},
        mechanism="labeldrop and labelkeep",
        effect=Effect(kind=STORED),
        guards=(RELABELINGS,),
        source="facts/corrections 15",
    ),
    _relabels(
        "relabel-labelkeep",
        "labelkeep keeps what it names and removes the rest",
        {"action": "labelkeep", "regex": "__address__|__scheme__|__metrics_path__|attack"},
        mechanism="labeldrop and labelkeep",
        effect=Effect(kind=STORED),
        guards=(RELABELINGS,),
        source="facts/corrections 15",
    ),
    _relabels(
        "reach-alertmanager",
        "A relabeling sets __address__ to another team's Alertmanager",
        to("__address__", "<<victim_alertmanager>>"),
        mechanism="address of an Alertmanager",
        effect=Effect(kind=SERIES, what='alertmanager_build_info{attack="<<id>>"}'),
    ),
    _relabels(
        "reach-application",
        "A relabeling sets __address__ to another team's application",
        to("__address__", "<<victim_app>>"),
        mechanism="address of another team's application",
        effect=Effect(kind=SERIES, what='prometheus_build_info{attack="<<id>>"}'),
        guards=(RELABELINGS, EGRESS),
    ),
    _relabels(
        "reach-reloader",
        "A relabeling sets __address__ to the reloader beside another team's Prometheus",
        to("__address__", "<<victim_reloader>>"),
        mechanism="address of a sidecar",
        effect=Effect(kind=SERIES, what='reloader_last_reload_successful{attack="<<id>>"}'),
    ),
    _relabels(
        "reach-operator",
        "A relabeling sets __address__ to the operator",
        to("__address__", "<<operator_address>>"),
        mechanism="address of the operator",
        effect=Effect(kind=SERIES, what='prometheus_operator_build_info{attack="<<id>>"}'),
        guards=(RELABELINGS, EGRESS),
    ),
    _relabels(
        "reach-kubelet",
        "A relabeling sets __address__ to the kubelet of a node",
        to("__address__", "<<node_ip>>:10250"),
        to("__scheme__", "https"),
        mechanism="address of a node",
        effect=Effect(kind=REACHED),
        guards=(RELABELINGS, EGRESS),
        tlsConfig={"insecureSkipVerify": True},
    ),
    _relabels(
        "reach-metadata",
        "A relabeling sets __address__ to the metadata service of the cloud",
        to("__address__", "169.254.169.254:80"),
        mechanism="address of the metadata service",
        effect=Effect(kind=AIMED, what="169.254.169.254"),
        guards=(RELABELINGS,),
        source="facts/corrections 16",
    ),
    Attack(
        id="pod-relabel",
        title="A PodMonitor's relabeling sets __address__ to another team's Prometheus",
        door="relabeling",
        mechanism="relabeling sets an address",
        credential=PEOPLE,
        action=Put(objects=(pod_monitor(_VICTIM),)),
        effect=READ_VICTIM,
        guards=(RELABELINGS, *_CLOSED),
        source=_SPIKE,
    ),
    Attack(
        id="probe-relabel",
        title="A Probe's relabeling sets __address__ to another team's Prometheus",
        door="relabeling",
        mechanism="relabeling sets an address",
        credential=PEOPLE,
        action=Put(objects=(probe(_VICTIM, prober={"url": "<<app>>"}),)),
        effect=READ_VICTIM,
        guards=(RELABELINGS, *_CLOSED),
        source=_SPIKE,
    ),
)


def _selects(number: str, title: str, obj: JsonObject, *, mechanism: str) -> Attack:
    return Attack(
        id=number,
        title=title,
        door="selection",
        mechanism=mechanism,
        credential=PEOPLE,
        action=Put(objects=(obj,)),
        effect=READ_VICTIM,
        guards=(
            "policy:monitor-namespaces",
            "operator:ignoreNamespaceSelectors",
            INSTANCE_ACCOUNT,
            *_CLOSED,
        ),
        source=_UPSTREAM,
    )


_INSTANCE_PODS = {"matchLabels": {"app.kubernetes.io/instance": "<<victim>>", "app.kubernetes.io/name": "prometheus"}}
_INSTANCE_SERVICE = {"matchLabels": {"promfleet.monitoring/team": "<<victim>>"}}

SELECTION: tuple[Attack, ...] = (
    _selects(
        "select-named",
        "A ServiceMonitor names the namespace of another team's instance",
        service_monitor(
            spec={"namespaceSelector": {"matchNames": ["<<victim_instance>>"]}, "selector": _INSTANCE_SERVICE}
        ),
        mechanism="namespaceSelector names a namespace",
    ),
    _selects(
        "select-any",
        "A ServiceMonitor selects from all namespaces",
        service_monitor(spec={"namespaceSelector": {"any": True}, "selector": _INSTANCE_SERVICE}),
        mechanism="namespaceSelector any",
    ),
    _selects(
        "select-pods",
        "A PodMonitor names the namespace of another team's instance",
        pod_monitor(spec={"namespaceSelector": {"matchNames": ["<<victim_instance>>"]}, "selector": _INSTANCE_PODS}),
        mechanism="namespaceSelector names a namespace",
    ),
)

_PORTS = [{"name": PORT, "port": 9090, "protocol": "TCP"}]
_BARE = {
    "apiVersion": CORE,
    "kind": "Service",
    "metadata": {"name": "<<id>>", "labels": {"app": "<<id>>"}},
    "spec": {"ports": [{"name": PORT, "port": 9090, "targetPort": 9090}]},
}
_OF_BARE = service_monitor(spec={"selector": {"matchLabels": {"app": "<<id>>"}}})
_WRITERS = ("policy:endpoint-writers", "policy:selectorless-services", "rights:edit")

ADDRESSES: tuple[Attack, ...] = (
    Attack(
        id="slice-by-hand",
        title="An EndpointSlice, written by hand, has the address of another team's Prometheus",
        door="addresses",
        mechanism="EndpointSlice written by hand",
        credential=OWNER,
        action=Put(
            objects=(
                _BARE,
                {
                    "apiVersion": DISCOVERY,
                    "kind": "EndpointSlice",
                    "addressType": "IPv4",
                    "ports": _PORTS,
                    "metadata": {"name": "<<id>>", "labels": {"kubernetes.io/service-name": "<<id>>", "app": "<<id>>"}},
                    "endpoints": [{"addresses": ["<<victim_ip>>"], "conditions": {"ready": True}}],
                },
                _OF_BARE,
            )
        ),
        effect=READ_VICTIM,
        guards=(*_WRITERS, *_CLOSED),
        live=False,
        source="CVE-2021-25740; facts/corrections 18",
    ),
    Attack(
        id="slice-forged-pod",
        title="An EndpointSlice forges targetRef, so that it looks like a pod's",
        door="addresses",
        mechanism="EndpointSlice written by hand",
        credential=OWNER,
        action=Put(
            objects=(
                _BARE,
                {
                    "apiVersion": DISCOVERY,
                    "kind": "EndpointSlice",
                    "addressType": "IPv4",
                    "ports": _PORTS,
                    "metadata": {
                        "name": "<<id>>",
                        "labels": {
                            "kubernetes.io/service-name": "<<id>>",
                            "app": "<<id>>",
                            "endpointslice.kubernetes.io/managed-by": "endpointslice-controller.k8s.io",
                        },
                    },
                    "endpoints": [
                        {
                            "addresses": ["<<victim_ip>>"],
                            "conditions": {"ready": True},
                            "targetRef": {"kind": "Pod", "name": "app", "namespace": "<<own>>"},
                        }
                    ],
                },
                _OF_BARE,
            )
        ),
        effect=READ_VICTIM,
        guards=(*_WRITERS, *_CLOSED),
        live=False,
        source="facts/corrections 18",
    ),
    Attack(
        id="endpoints-by-hand",
        title="Endpoints, written by hand, have the address of another team's Prometheus",
        door="addresses",
        mechanism="Endpoints written by hand",
        credential=OWNER,
        action=Put(
            objects=(
                _BARE,
                {
                    "apiVersion": CORE,
                    "kind": "Endpoints",
                    "metadata": {"name": "<<id>>", "labels": {"app": "<<id>>"}},
                    "subsets": [{"addresses": [{"ip": "<<victim_ip>>"}], "ports": _PORTS}],
                },
                _OF_BARE,
            )
        ),
        effect=READ_VICTIM,
        guards=(*_WRITERS, *_CLOSED),
        live=False,
        source="CVE-2021-25740; gatekeeper-library, block-endpoint-edit-default-role",
    ),
)


def _field(
    number: str,
    title: str,
    obj: JsonObject,
    *,
    mechanism: str,
    guards: tuple[str, ...],
    effect: Effect,
    source: str = _UPSTREAM,
    door: str = "fields",
) -> Attack:
    return Attack(
        id=number,
        title=title,
        door=door,
        mechanism=mechanism,
        credential=PEOPLE,
        action=Put(objects=(obj,)),
        effect=effect,
        guards=guards,
        source=source,
    )


_MOUNTED = "/var/run/secrets/kubernetes.io/serviceaccount"
_FILES = ("policy:file-access", "operator:arbitraryFSAccessThroughSMs")
_SECRET = {"name": "<<secret>>", "key": "secret"}
_OAUTH2 = {
    "clientId": {"secret": {"name": "<<secret>>", "key": "id"}},
    "clientSecret": _SECRET,
    "tokenUrl": "http://<<victim_prometheus>>/api/v1/format_query",
}

FIELDS: tuple[Attack, ...] = (
    _field(
        "proxy-url",
        "proxyUrl sends the request through another team's Prometheus, which answers itself",
        service_monitor(proxyUrl="http://<<victim_prometheus>>"),
        mechanism="proxyUrl",
        guards=("policy:monitor-proxy", *_CLOSED),
        effect=READ_VICTIM,
        source=_SPIKE,
    ),
    _field(
        "proxy-url-pod",
        "A PodMonitor's proxyUrl does the same",
        pod_monitor(proxyUrl="http://<<victim_prometheus>>"),
        mechanism="proxyUrl",
        guards=("policy:monitor-proxy", *_CLOSED),
        effect=READ_VICTIM,
        source=_SPIKE,
    ),
    _field(
        "token-url",
        "tokenUrl of OAuth2 sends a POST with the team's own values to another team's Prometheus",
        service_monitor(oauth2=_OAUTH2),
        mechanism="OAuth2 tokenUrl of a monitor",
        guards=("policy:monitor-oauth2", *_CLOSED),
        effect=Effect(kind="delivered", what="/api/v1/format_query"),
        source=_SPIKE,
    ),
    _field(
        "token-file",
        "bearerTokenFile sends the token of the instance's account to the team's own pod",
        service_monitor(bearerTokenFile=f"{_MOUNTED}/token"),
        mechanism="file as a credential",
        guards=_FILES,
        effect=Effect(kind=AIMED, what="http"),
        source="prometheus-operator, arbitraryFSAccessThroughSMs",
    ),
    _field(
        "ca-file",
        "tlsConfig names a file of the instance",
        service_monitor(tlsConfig={"caFile": f"{_MOUNTED}/ca.crt"}),
        mechanism="file of TLS",
        guards=_FILES,
        effect=Effect(kind=AIMED, what="http"),
        source="prometheus-operator, arbitraryFSAccessThroughSMs",
    ),
    _field(
        "scrape-class",
        "A monitor takes a scrapeClass of the instance, with the credentials in it",
        service_monitor(spec={"scrapeClass": "platform"}),
        mechanism="scrapeClass by name",
        guards=("policy:scrape-class",),
        effect=Effect(kind=STORED),
        source="facts/corrections 15",
    ),
)


PROBES: tuple[Attack, ...] = (
    _field(
        "probe-prober",
        "A Probe's prober is another team's Prometheus",
        probe(prober={"url": "<<victim_prometheus>>"}),
        mechanism="prober of a Probe",
        guards=("policy:probe-targets", *_CLOSED),
        effect=READ_VICTIM,
        source=_SPIKE,
        door="probes",
    ),
    _field(
        "probe-proxy",
        "A Probe's prober is reached through another team's Prometheus",
        probe(prober={"url": "<<app>>", "proxyUrl": "http://<<victim_prometheus>>"}),
        mechanism="prober's proxyUrl",
        guards=("policy:monitor-proxy", *_CLOSED),
        effect=READ_VICTIM,
        source=_SPIKE,
        door="probes",
    ),
    _field(
        "probe-ingress",
        "A Probe's targets are the Ingresses of all namespaces",
        probe(
            prober={"url": "<<app>>"},
            targets={"ingress": {"selector": {}, "namespaceSelector": {"any": True}, "relabelingConfigs": [mark()]}},
        ),
        mechanism="Ingresses as targets",
        guards=("policy:monitor-namespaces", INSTANCE_ACCOUNT, "operator:ignoreNamespaceSelectors"),
        effect=Effect(kind=AIMED, what="<<victim>>"),
        source="facts/corrections 15",
        door="probes",
    ),
)


def _scrapes(
    number: str,
    title: str,
    *,
    mechanism: str,
    effect: Effect,
    guards: tuple[str, ...] = (TEAM_PEOPLE, "policy:scrape-configs", "operator:scrapeConfigNamespaceSelector"),
    **spec: t.Any,
) -> Attack:
    return Attack(
        id=number,
        title=title,
        door="scrapeconfigs",
        mechanism=mechanism,
        credential=PEOPLE,
        action=Put(objects=(scrape_config(**spec),)),
        effect=effect,
        guards=guards,
        source=_UPSTREAM,
    )


SCRAPECONFIGS: tuple[Attack, ...] = (
    _scrapes(
        "scrapeconfig-static",
        "A ScrapeConfig has another team's Prometheus as a static target",
        mechanism="ScrapeConfig",
        effect=READ_VICTIM,
        staticConfigs=[{"targets": ["<<victim_prometheus>>"]}],
    ),
    _scrapes(
        "scrapeconfig-dns",
        "A ScrapeConfig looks the Service of another team's Prometheus up in DNS",
        mechanism="discovery of a ScrapeConfig",
        effect=READ_VICTIM,
        dnsSDConfigs=[{"names": ["<<victim_dns>>"], "type": "A", "port": 9090}],
    ),
    _scrapes(
        "scrapeconfig-http",
        "A ScrapeConfig asks another team's Prometheus for its targets",
        mechanism="discovery of a ScrapeConfig",
        effect=Effect(kind="delivered", what="/api/v1/alertmanagers"),
        httpSDConfigs=[{"url": "http://<<victim_prometheus>>/api/v1/alertmanagers"}],
    ),
    _scrapes(
        "scrapeconfig-file",
        "A ScrapeConfig reads its targets from a file of the instance",
        mechanism="file of a ScrapeConfig",
        effect=Effect(kind=STORED),
        guards=(TEAM_PEOPLE, "policy:scrape-configs"),
        fileSDConfigs=[{"files": ["/etc/prometheus/secrets/targets.json"]}],
    ),
)
