"""Requests that policies judge, for what compares the engines: by hand, and systematically changed.

Each row of the shipped table has objects that violate it here. They are combined with operations, subresources,
accounts, exemptions and labels of namespaces.
"""

from __future__ import annotations

import copy
import typing as t
from collections.abc import Iterator
from dataclasses import dataclass

from ansible_collections.promfleet.monitoring.plugins.module_utils._base.marks import TEAM_LABEL

JsonObject = dict[str, t.Any]

V1, ALPHA = "monitoring.coreos.com/v1", "monitoring.coreos.com/v1alpha1"
PERSON = "pay-person"
PLATFORM = "platform-person"
CONTROLLER = "system:serviceaccount:kube-system:endpointslice-controller"
ACCOUNTS = (PERSON, PLATFORM, CONTROLLER)
# Namespaces, each with its labels: of a team, of nobody, of the platform's own team.
NAMESPACES: dict[str, dict[str, str]] = {
    "corpus-pay": {TEAM_LABEL: "pay"},
    "corpus-foreign": {},
    "corpus-platform": {TEAM_LABEL: "platform"},
}
TEAM = "corpus-pay"
EXEMPT = "exempt"
# Each shipped row lets objects pass whose names begin so.
EXEMPTED = {"teams": f"hub/*/{TEAM}/{EXEMPT}*", "cluster": f"hub/*/{EXEMPT}*"}


@dataclass(frozen=True, kw_only=True)
class Case:
    """One request: *new* as it is sent, *old* as it was sent before, by *account*; *row* is what it was made for."""

    row: str
    operation: str
    new: JsonObject | None
    old: JsonObject | None
    account: str
    subresource: str = ""


def obj(kind: str, spec: JsonObject, *, api_version: str = V1, **more: t.Any) -> JsonObject:
    metadata = {"name": "plain", "namespace": TEAM, **more.pop("metadata", {})}
    return {"apiVersion": api_version, "kind": kind, "metadata": metadata, **({"spec": spec} if spec else {}), **more}


MONITOR: JsonObject = {"selector": {"matchLabels": {"app": "a"}}, "endpoints": [{"port": "web", "interval": "30s"}]}
POD_MONITOR: JsonObject = {"selector": {}, "podMetricsEndpoints": [{"port": "web"}]}
PROBE: JsonObject = {
    "prober": {"url": f"blackbox.{TEAM}.svc:9115"},
    "targets": {"staticConfig": {"static": ["a.example"]}},
}
SCRAPE: JsonObject = {"staticConfigs": [{"targets": [f"web.{TEAM}.svc:80"]}]}
RULE: JsonObject = {
    "alert": "Down",
    "expr": "up == 0",
    "for": "5m",
    "labels": {"severity": "critical"},
    "annotations": {"runbook_url": "https://runbooks.example/down"},
}
ROUTES: JsonObject = {
    "route": {"receiver": "chat"},
    "receivers": [{"name": "chat", "slackConfigs": [{"apiURL": {"name": "slack", "key": "url"}}]}],
}
INSTANCE: JsonObject = {"version": "3.13.5", "image": "quay.io/prometheus/prometheus:v3.13.5", "replicas": 1}


def monitor(**endpoint: t.Any) -> JsonObject:
    return obj("ServiceMonitor", {**MONITOR, "endpoints": [{**MONITOR["endpoints"][0], **endpoint}]})


def monitor_with(**spec: t.Any) -> JsonObject:
    return obj("ServiceMonitor", {**MONITOR, **spec})


def relabeled(*relabelings: JsonObject, kind: str = "ServiceMonitor", metric: bool = False) -> JsonObject:
    field = "metricRelabelings" if metric else "relabelings"
    if kind == "ServiceMonitor":
        return monitor(**{field: list(relabelings)})
    if kind == "PodMonitor":
        return obj(kind, {**POD_MONITOR, "podMetricsEndpoints": [{"port": "web", field: list(relabelings)}]})
    if kind == "ScrapeConfig":
        return obj(kind, {**SCRAPE, field: list(relabelings)}, api_version=ALPHA)
    static = {**PROBE["targets"]["staticConfig"], "relabelingConfigs": list(relabelings)}
    return obj("Probe", {**PROBE, "targets": {"staticConfig": static}})


def rules(*group: JsonObject, **more: t.Any) -> JsonObject:
    return obj("PrometheusRule", {"groups": [{"name": "group", "rules": list(group), **more}]})


def rule(**changes: t.Any) -> JsonObject:
    return {name: value for name, value in {**RULE, **changes}.items() if value is not None}


def routes(*receivers: JsonObject, **spec: t.Any) -> JsonObject:
    given = {"receivers": [*ROUTES["receivers"], *receivers]} if receivers else {}
    return obj("AlertmanagerConfig", {**ROUTES, **given, **spec}, api_version=ALPHA)


def receiver(**configs: t.Any) -> JsonObject:
    return {"name": "other", **configs}


def slice_of(**changes: t.Any) -> JsonObject:
    endpoints = [{"addresses": ["10.0.0.1"]}]
    made = obj("EndpointSlice", {}, api_version="discovery.k8s.io/v1", addressType="IPv4", endpoints=endpoints)
    return {**made, "ports": [{"port": 80, "name": "web"}], **changes}


def endpoints() -> JsonObject:
    subsets = [{"addresses": [{"ip": "10.0.0.1"}], "ports": [{"port": 80}]}]
    return obj("Endpoints", {}, api_version="v1", subsets=subsets)


def service(**spec: t.Any) -> JsonObject:
    return obj("Service", {"ports": [{"port": 80, "name": "web"}], **spec}, api_version="v1")


def namespace(labels: dict[str, str]) -> JsonObject:
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "corpus-new", "labels": labels}}


def instance(kind: str = "Prometheus", **spec: t.Any) -> JsonObject:
    version = ALPHA if kind == "PrometheusAgent" else V1
    given = {**INSTANCE, **spec}
    if kind == "ThanosRuler":
        given = {"image": INSTANCE["image"], "queryEndpoints": ["http://a"], **spec}
    return obj(kind, {name: value for name, value in given.items() if value is not None}, api_version=version)


ADDRESS = {"targetLabel": "__address__", "replacement": "other:9090"}
# What passes all policies that deny.
GOOD: tuple[JsonObject, ...] = (
    monitor(),
    monitor(relabelings=[{"sourceLabels": ["__meta_a"], "targetLabel": "app"}, {"targetLabel": "__tmp_x"}]),
    monitor(relabelings=[{"action": "labeldrop", "regex": "pod|container.+"}]),
    monitor(metricRelabelings=[{"action": "labelmap", "regex": "a_(.+)", "replacement": "a_$1"}]),
    monitor_with(sampleLimit=100, targetLimit=10, labelLimit=10),
    monitor_with(namespaceSelector={"matchNames": [TEAM]}),
    monitor_with(endpoints=[]),
    obj("PodMonitor", POD_MONITOR),
    obj("Probe", PROBE),
    rules(RULE),
    rules({"record": "a:b", "expr": 1}),
    rules(rule(labels={"severity": "info", "team": "pay"}), interval="1m"),
    rules(),
    obj("PrometheusRule", {"groups": []}),
    routes(),
    routes(receiver(webhookConfigs=[{"url": f"http://hook.{TEAM}.svc:8080/alerts"}])),
    routes(receiver(webhookConfigs=[{"url": "https://hooks.slack.com/services/a"}])),
    routes(receiver(webhookConfigs=[{"urlSecret": {"name": "a", "key": "b"}}])),
    service(selector={"app": "a"}),
    namespace({"mine": "yes"}),
)
# By row: what violates it, and what is close to that.
BAD: dict[str, tuple[JsonObject, ...]] = {
    "relabelings": (
        relabeled(ADDRESS),
        relabeled(ADDRESS, kind="PodMonitor"),
        relabeled(ADDRESS, kind="Probe"),
        relabeled(ADDRESS, kind="ScrapeConfig"),
        relabeled({"targetLabel": "__${1}__", "regex": "(address)"}),
        relabeled({"action": "Lowercase", "sourceLabels": ["a"], "targetLabel": "__scheme__"}),
        relabeled({"action": "labelmap", "regex": "(.+)"}),
        relabeled({"action": "LabelMap", "regex": "__meta_kubernetes_pod_annotation_x(.+)", "replacement": "$1"}),
        relabeled({"action": "labelmap", "regex": "__meta_kubernetes_pod_label_(.+)", "replacement": "__$1"}),
        relabeled({"action": "labeldrop", "regex": "_.*"}),
        relabeled({"action": "labelkeep", "regex": "app"}),
        relabeled({"targetLabel": "ünïcode"}),
        relabeled({"targetLabel": "a" * 201}),
        relabeled(*[{"targetLabel": f"a{number}"} for number in range(51)]),
        relabeled({"action": "labeldrop"}),
        relabeled({"targetLabel": "__tmp_"}),
    ),
    "forged-labels": (
        relabeled({"targetLabel": "team", "replacement": "other"}),
        relabeled({"targetLabel": "cluster", "replacement": "other"}, metric=True),
        relabeled({"action": "labelmap", "regex": "x_(.+)"}, metric=True),
        relabeled({"targetLabel": "te${1}m", "regex": "(a)"}, metric=True),
        relabeled({"targetLabel": "namespace", "replacement": "other"}, kind="PodMonitor"),
        monitor_with(targetLabels=["team"]),
        monitor_with(podTargetLabels=["app", "cluster"]),
        obj("PodMonitor", {**POD_MONITOR, "podTargetLabels": ["team"]}),
        obj("Probe", {**PROBE, "targets": {"staticConfig": {"static": ["a"], "labels": {"team": "other"}}}}),
        obj("Probe", {**PROBE, "targets": {"staticConfig": {"static": ["a"], "labels": {"__param_x": "y"}}}}),
    ),
    "rule-labels": (
        rules(rule(labels={"severity": "critical", "namespace": "other"})),
        rules(rule(labels={"severity": "critical", "team": "other"})),
        rules(RULE, labels={"cluster": "other"}),
        rules({"record": "a:b", "expr": "up", "labels": {"team": "other"}}),
    ),
    "monitor-proxy": (
        monitor(proxyUrl="http://proxy.example:3128"),
        monitor(proxyFromEnvironment=True),
        obj("PodMonitor", {**POD_MONITOR, "podMetricsEndpoints": [{"port": "a", "proxyUrl": "http://p.example"}]}),
        obj("Probe", {**PROBE, "prober": {**PROBE["prober"], "proxyUrl": "http://p.example"}}),
        obj("ScrapeConfig", {**SCRAPE, "proxyUrl": "http://p.example"}, api_version=ALPHA),
    ),
    "monitor-oauth2": (
        monitor(
            oauth2={
                "clientId": {"secret": {"name": "a", "key": "b"}},
                "clientSecret": {"name": "a", "key": "b"},
                "tokenUrl": "http://10.96.0.1/token",
            }
        ),
    ),
    "monitor-namespaces": (
        monitor_with(namespaceSelector={"any": True}),
        monitor_with(namespaceSelector={"matchNames": [TEAM, "other"]}),
        obj("PodMonitor", {**POD_MONITOR, "namespaceSelector": {"matchNames": ["other"]}}),
        obj(
            "Probe",
            {**PROBE, "targets": {"ingress": {"selector": {}, "namespaceSelector": {"any": True}}}},
        ),
    ),
    "probe-targets": (
        obj("Probe", {**PROBE, "prober": {"url": "prometheus.monitoring-other.svc:9090", "path": "/federate"}}),
        obj("Probe", {**PROBE, "prober": {"url": "10.0.0.1:80"}}),
        obj("Probe", {"prober": {"url": "prober.corpus-foreign.svc"}, "targets": {"ingress": {"selector": {}}}}),
        obj("Probe", {"targets": {"staticConfig": {"static": ["a"]}}}),
        obj("Probe", {**PROBE, "prober": {"url": "b.x.svc"}, "params": [{"name": "target", "values": ["a"]}]}),
    ),
    "scrape-configs": (
        obj("ScrapeConfig", SCRAPE, api_version=ALPHA),
        obj("ScrapeConfig", {"httpSDConfigs": [{"url": "http://a.example"}]}, api_version=ALPHA),
        obj("ScrapeConfig", {"staticConfigs": [{"targets": ["10.0.0.1:80"]}]}, api_version=ALPHA),
    ),
    "scrape-class": (monitor_with(scrapeClass="platform"), obj("Probe", {**PROBE, "scrapeClass": "platform"})),
    "file-access": (
        monitor(bearerTokenFile="/var/run/secrets/kubernetes.io/serviceaccount/token"),
        monitor(tlsConfig={"caFile": "/etc/ca.crt"}),
        monitor(tlsConfig={"keyFile": "/etc/a", "certFile": "/etc/b"}),
    ),
    "federation-paths": (monitor(path="/federate"), monitor(path="/FEDERATE/"), monitor(path="/fe%64erate")),
    "alertmanager-urls": (
        routes(receiver(webhookConfigs=[{"url": "http://10.0.0.1:9090/-/reload"}])),
        routes(receiver(webhookConfigs=[{"url": "http://prometheus.monitoring-other.svc:9090/"}])),
        routes(receiver(webhookConfigs=[{"url": "https://user@hooks.slack.com.evil/x"}])),
        routes(receiver(opsgenieConfigs=[{"apiURL": "http://169.254.169.254/latest"}])),
        routes(receiver(pagerdutyConfigs=[{"url": "http://kubernetes.default.svc"}])),
        routes(receiver(emailConfigs=[{"to": "a@example", "smarthost": "10.0.0.1:25"}])),
        routes(receiver(webhookConfigs=[{"url": ""}])),
    ),
    "alertmanager-proxy": (
        routes(receiver(slackConfigs=[{"httpConfig": {"proxyUrl": "http://p.example"}}])),
        routes(receiver(webhookConfigs=[{"httpConfig": {"proxyFromEnvironment": True}}])),
        routes(
            receiver(
                webhookConfigs=[
                    {
                        "httpConfig": {
                            "oauth2": {
                                "clientId": {"secret": {"name": "a", "key": "b"}},
                                "clientSecret": {"name": "a", "key": "b"},
                                "tokenUrl": "http://10.96.0.1/token",
                            }
                        }
                    }
                ]
            )
        ),
    ),
    "endpoint-writers": (slice_of(), endpoints()),
    "selectorless-services": (
        service(),
        service(type="ExternalName", externalName="other.example"),
        service(clusterIP="None"),
        service(selector={}),
    ),
    "operator-kinds": (instance(), instance("PrometheusAgent"), instance("Alertmanager"), instance("ThanosRuler")),
    "team-label": (
        namespace({TEAM_LABEL: "pay"}),
        namespace({TEAM_LABEL: ""}),
        namespace({"promfleet.monitoring/instance-namespace": "true"}),
    ),
    "monitor-sizes": (
        monitor_with(endpoints=[{"port": f"p{number}"} for number in range(21)]),
        monitor(metricRelabelings=[{"targetLabel": "a", "regex": "a" * 2001}]),
        monitor_with(targetLabels=[f"l{number}" for number in range(51)]),
    ),
    "rule-sizes": (
        rules(rule(expr="up + " * 1000 + "up")),
        rules(*[rule(alert=f"A{number}") for number in range(101)]),
        rules(rule(annotations={"runbook_url": "https://a", "text": "a" * 5001})),
        rules(rule(labels={"severity": "critical", **{f"l{number}": "x" for number in range(20)}})),
    ),
    "alertmanager-sizes": (
        routes(route={"receiver": "chat", "routes": [{"receiver": "chat"} for _number in range(51)]}),
        routes(*[receiver(name=f"r{number}", webhookConfigs=[{}]) for number in range(51)]),
    ),
    "metadata-sizes": (
        {**monitor(), "metadata": {"name": "plain", "namespace": TEAM, "annotations": {"a": "b" * 100_001}}},
        {
            **rules(RULE),
            "metadata": {"name": "plain", "namespace": TEAM, "labels": {f"l{number}": "x" for number in range(51)}},
        },
    ),
    "monitor-limits": (
        monitor_with(sampleLimit=0),
        monitor_with(sampleLimit=50_001),
        monitor_with(targetLimit=501),
        monitor(interval="1s"),
        monitor(interval="500ms"),
        monitor(interval="1m2s"),
        obj("Probe", {**PROBE, "interval": "4s"}),
    ),
    "monitor-limits-set": (monitor_with(sampleLimit=10),),
    "instance-images": (
        instance(image="docker.io/prom/prometheus:v3"),
        instance(image="quay.io/prometheus/prometheus:latest"),
        instance(image="quay.io/prometheus/prometheus"),
        instance(image="quay.io:5000/prometheus/prometheus"),
        instance(containers=[{"name": "extra", "image": "evil.example/a:1"}]),
        instance(containers=[{"name": "prometheus"}], initContainers=[{"name": "a", "image": "quay.io/a/b:1"}]),
        instance(image=f"quay.io/prometheus/prometheus@sha256:{'a' * 64}"),
        instance(image=None),
    ),
    "instance-versions": (
        instance(version=None),
        instance(version="latest"),
        instance("Alertmanager", version="v0.33"),
        instance(),
    ),
    "federation-selectors": (
        monitor(path="/federate"),
        monitor(path="/federate", honorLabels=True, params={"match[]": ['{__name__=~".+"}']}),
        monitor(path="/federate", honorLabels=False, params={"match[]": ["up"]}),
    ),
    "rule-severity": (rules(rule(labels=None)), rules(rule(labels={"severity": "panic"}))),
    "rule-for": (rules(rule(**{"for": None})), rules(rule(**{"for": "0s"}))),
    "rule-runbook": (rules(rule(annotations=None)), rules(rule(annotations={"runbook_url": "see wiki"}))),
    "alertmanager-receivers": (
        routes(route={"receiver": "nowhere"}),
        routes(route={"receiver": "chat", "routes": [{"receiver": "nowhere"}]}),
        routes({"name": "empty"}),
    ),
}


def variables(rows: t.Sequence[JsonObject], *, enforcement: str = "warn") -> JsonObject:
    """The variables of the role policy for the corpus; everything is in one *enforcement*."""
    kept = {"policy": "", "reason": "test", "owner": "test", "until": "2099-12-31"}
    return {
        "promfleet_cluster": "hub",
        "promfleet_platform_accounts": [{"user": PLATFORM}, {"user": "admin"}],
        "policy_changes": {row["id"]: {"enforcement": enforcement} for row in rows},
        "policy_exemptions": [
            {**kept, "policy": row["id"], "object": EXEMPTED[row.get("scope", "teams")]} for row in rows
        ],
    }


def changed(given: JsonObject, **metadata: t.Any) -> JsonObject:
    """A copy with other metadata."""
    made = copy.deepcopy(given)
    made["metadata"].update(metadata)
    return made


def placed(given: JsonObject, place: str) -> JsonObject:
    """The same object in another namespace; what is in none stays."""
    return given if given["kind"] == "Namespace" else changed(given, namespace=place)


def with_nulls(given: JsonObject) -> JsonObject:
    """The same object with fields that are null: what the server drops or defaults."""
    made = copy.deepcopy(given)
    spec = made.get("spec")
    if isinstance(spec, dict):
        spec.update({"unknownField": "x", "unknownNull": None})
        for name in ("endpoints", "podMetricsEndpoints", "receivers", "groups"):
            for item in spec.get(name) or ():
                item.update({"relabelings": item.get("relabelings"), "unknownField": {"a": 1}})
    return made


def created(row: str, each: JsonObject, *, account: str = PERSON) -> Case:
    """The creation of an object."""
    return Case(row=row, operation="CREATE", new=each, old=None, account=account)


def cases() -> Iterator[Case]:
    """All requests: what is judged, by whom, with which operation, and where."""
    pairs = [(row, each) for row, objects in BAD.items() for each in objects] + [("", each) for each in GOOD]
    for row, each in pairs:
        builtin = each["kind"] in ("Namespace", "Service", "Endpoints", "EndpointSlice")
        yield created(row, each)
        yield created(row, changed(each, name=f"{EXEMPT}-1"))
        yield created(row, each, account=PLATFORM)
        yield from _updates(row, each)
        yield Case(row=row, operation="DELETE", new=None, old=each, account=PERSON)
        if builtin:
            yield created(row, each, account=CONTROLLER)
        else:
            yield created(row, with_nulls(each))
        if each["kind"] != "Namespace":
            yield from (created(row, placed(each, place)) for place in NAMESPACES if place != TEAM)


def _updates(row: str, each: JsonObject) -> Iterator[Case]:
    good = next((one for one in GOOD if one["kind"] == each["kind"]), None)
    labels = {**each["metadata"].get("labels", {}), "touched": "yes"}
    if good is not None and good is not each and each["kind"] != "Service":
        yield Case(row=row, operation="UPDATE", new=each, old=good, account=PERSON)
        yield Case(row=row, operation="UPDATE", new=good, old=each, account=PERSON)
    # The same again with another label: what violated before is not in the way of a finalizer.
    yield Case(row=row, operation="UPDATE", new=changed(each, labels=labels), old=each, account=PERSON)
    if each["kind"] in ("Namespace", "Service"):
        status = changed(each, labels=labels)
        yield Case(row=row, operation="UPDATE", new=status, old=each, account=PERSON, subresource="status")
