"""Objects that are exposed to a risk of an upgrade, and such that are not: a case for each row of the table."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

JsonObject = dict[str, t.Any]

V1, ALPHA = "monitoring.coreos.com/v1", "monitoring.coreos.com/v1alpha1"
_ALPHAS = {"AlertmanagerConfig", "PrometheusAgent", "ScrapeConfig"}
# The releases whose CRDs a cluster has when the objects of a case are made.
OLD, NEW = "0.72.0", "0.93.1"
SECRET: JsonObject = {"name": "any", "key": "any"}


@dataclass(frozen=True, kw_only=True)
class Case:
    """The objects of one risk; *crds* has the fields that they use, *target* is the release that is said to refuse it.

    *path* and *value* are parts of the expected evidence.
    """

    id: str
    exposed: tuple[JsonObject, ...]
    spared: tuple[JsonObject, ...]
    path: str
    value: str
    crds: str = OLD
    target: str = NEW


def an(kind: str, **spec: t.Any) -> JsonObject:
    """An object of the operator, in a namespace that the test gives it."""
    api_version = ALPHA if kind in _ALPHAS else V1
    return {"apiVersion": api_version, "kind": kind, "metadata": {"name": "one"}, "spec": spec}


def prometheus(**spec: t.Any) -> JsonObject:
    """A Prometheus with a version, which selects everything in its own namespace."""
    names = ("podMonitor", "probe", "rule", "scrapeConfig", "serviceMonitor")
    every: JsonObject = {f"{name}Selector": {} for name in names}
    return an("Prometheus", version="2.50.0", **{**every, **spec})


def rule(expr: str) -> JsonObject:
    """A rule with one expression."""
    return an("PrometheusRule", groups=[{"name": "one", "rules": [{"record": "one:one", "expr": expr}]}])


def monitor(**spec: t.Any) -> JsonObject:
    """A ServiceMonitor."""
    return an("ServiceMonitor", **{"selector": {}, "endpoints": [{"port": "web"}], **spec})


def receiver(sort: str, **fields: t.Any) -> JsonObject:
    """An AlertmanagerConfig with one receiver."""
    return an("AlertmanagerConfig", route={"receiver": "one"}, receivers=[{"name": "one", f"{sort}Configs": [fields]}])


def writes(**entry: t.Any) -> JsonObject:
    """A Prometheus with remote write."""
    return prometheus(remoteWrite=[{"url": "https://example.com/write", **entry}])


def stateful_set(labels: dict[str, str]) -> JsonObject:
    """A StatefulSet as the operator makes it for an Alertmanager, with its pods left out.

    Who makes it gives the owner's uid: the garbage collector removes what belongs to an object that is not there.
    """
    own = {"app.kubernetes.io/name": "alertmanager"}
    template = {"metadata": {"labels": own}, "spec": {"containers": [{"name": "alertmanager", "image": "any"}]}}
    owner = {"apiVersion": V1, "kind": "Alertmanager", "name": "one"}
    metadata = {"name": "alertmanager-one", "labels": labels, "ownerReferences": [owner]}
    spec = {"replicas": 0, "serviceName": "any", "selector": {"matchLabels": own}, "template": template}
    return {"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": metadata, "spec": spec}


def _token(url: str) -> JsonObject:
    return {"clientId": {"secret": SECRET}, "clientSecret": SECRET, "tokenUrl": url}


_OPENSTACK = {"region": "one", "identityEndpoint": "https://example.com"}
_OPERATOR = (
    Case(
        id="po-prometheus-3",
        exposed=(an("Prometheus", replicas=1),),
        spared=(prometheus(), an("PrometheusAgent", image="example.com/prometheus:v2.55.1")),
        path="spec.version",
        value="is not given",
    ),
    Case(
        id="po-global-limits",
        exposed=(prometheus(sampleLimit=10, enforcedSampleLimit=20),),
        spared=(prometheus(sampleLimit=20, enforcedSampleLimit=20, labelLimit=5),),
        path="spec.sampleLimit",
        value="10, below the enforced limit 20",
    ),
    Case(
        id="po-metadata-records",
        exposed=(writes(messageVersion="V2.0"),),
        spared=(writes(messageVersion="V1.0"),),
        path="spec.remoteWrite[0].messageVersion",
        value="V2.0",
        crds=NEW,
    ),
    Case(
        id="po-statefulset-labels",
        exposed=(an("Alertmanager"), stateful_set({"app.kubernetes.io/name": "alertmanager"})),
        spared=(
            an("Alertmanager"),
            stateful_set(
                {"app.kubernetes.io/name": "alertmanager", "app.kubernetes.io/managed-by": "prometheus-operator"}
            ),
        ),
        path="metadata.labels.app.kubernetes.io/managed-by",
        value="is not there",
    ),
    Case(
        id="po-aws-discovery",
        exposed=(an("ScrapeConfig", ec2SDConfigs=[{"region": "one"}]),),
        spared=(an("ScrapeConfig", staticConfigs=[{"targets": ["one:80"]}]),),
        path="spec.ec2SDConfigs",
        value="is given",
    ),
    Case(
        id="po-thanos-compaction",
        exposed=(prometheus(thanos={"objectStorageConfig": SECRET}),),
        spared=(prometheus(thanos={"objectStorageConfig": SECRET}, disableCompaction=True),),
        path="spec.thanos.objectStorageConfig",
        value="is set",
    ),
    Case(
        id="po-remote-write-metadata",
        exposed=(writes(messageVersion="V2.0", metadataConfig={"send": True}),),
        spared=(writes(messageVersion="V2.0", metadataConfig={"send": False}),),
        path="spec.remoteWrite[0].metadataConfig.send",
        value="V2.0",
        crds=NEW,
    ),
)
_CRDS = (
    Case(
        id="po-proxy-headers",
        exposed=(an("ScrapeConfig", proxyUrl="http://one", proxyConnectHeader={"Proxy-Key": SECRET}),),
        spared=(an("ScrapeConfig", proxyUrl="http://one"),),
        path="spec.proxyConnectHeader.Proxy-Key",
        value="any",
    ),
    Case(
        id="po-repeated-features",
        exposed=(prometheus(enableFeatures=["exemplar-storage", "exemplar-storage"]),),
        spared=(prometheus(enableFeatures=["exemplar-storage"]),),
        path="spec.enableFeatures",
        value="exemplar-storage",
    ),
    Case(
        id="po-repeated-secrets",
        exposed=(an("PrometheusAgent", version="2.50.0", secrets=["one", "one"]),),
        spared=(an("PrometheusAgent", version="2.50.0", secrets=["one", "two"]),),
        path="spec.secrets",
        value="one",
    ),
    Case(
        id="po-remote-proxy",
        exposed=(writes(proxyUrl="proxy.example.com:3128"),),
        spared=(writes(proxyUrl="http://proxy.example.com:3128"),),
        path="spec.remoteWrite[0].proxyUrl",
        value="proxy.example.com:3128",
    ),
    Case(
        id="po-discovery-roles",
        exposed=(an("ScrapeConfig", kubernetesSDConfigs=[{"role": "pod"}]),),
        spared=(an("ScrapeConfig", kubernetesSDConfigs=[{"role": "Pod"}]),),
        path="spec.kubernetesSDConfigs[0].role",
        value="pod",
    ),
    Case(
        id="po-static-targets",
        exposed=(an("ScrapeConfig", staticConfigs=[{"labels": {"one": "two"}}]),),
        spared=(an("ScrapeConfig", staticConfigs=[{"targets": ["one:80"]}]),),
        path="spec.staticConfigs[0].targets",
        value="is not given",
    ),
    Case(
        id="po-openstack-roles",
        exposed=(an("ScrapeConfig", openstackSDConfigs=[{"role": "instance", **_OPENSTACK}]),),
        spared=(an("ScrapeConfig", openstackSDConfigs=[{"role": "Instance", **_OPENSTACK}]),),
        path="spec.openstackSDConfigs[0].role",
        value="instance",
    ),
    Case(
        id="po-monitor-proxy",
        exposed=(monitor(endpoints=[{"port": "web", "proxyUrl": "$(PROXY)"}]),),
        spared=(monitor(endpoints=[{"port": "web", "proxyUrl": "socks5://one"}]),),
        path="spec.endpoints[0].proxyUrl",
        value="$(PROXY)",
    ),
    Case(
        id="po-templated-addresses",
        exposed=(receiver("webhook", url="{{ .CommonAnnotations.hook }}"),),
        spared=(receiver("webhook", url="https://example.com/hook"),),
        path="spec.receivers[0].webhookConfigs[0].url",
        value="{{ .CommonAnnotations.hook }}",
        target="0.88.0",
    ),
    Case(
        id="po-receiver-addresses",
        exposed=(receiver("opsgenie", apiKey=SECRET, apiURL="api.example.com"),),
        spared=(receiver("opsgenie", apiKey=SECRET, apiURL="https://api.example.com"),),
        path="spec.receivers[0].opsgenieConfigs[0].apiURL",
        value="api.example.com",
    ),
    Case(
        id="po-receiver-texts",
        exposed=(receiver("slack", apiURL=SECRET, channel=""),),
        spared=(receiver("slack", apiURL=SECRET, channel="one"),),
        path="spec.receivers[0].slackConfigs[0].channel",
        value="",
    ),
    Case(
        id="po-more-receiver-texts",
        exposed=(receiver("email", to="a@example.com", hello=""),),
        spared=(receiver("email", to="a@example.com"),),
        path="spec.receivers[0].emailConfigs[0].hello",
        value="",
    ),
    Case(
        id="po-route-durations",
        exposed=(
            an("AlertmanagerConfig", route={"receiver": "one", "groupWait": "soon"}, receivers=[{"name": "one"}]),
        ),
        spared=(an("AlertmanagerConfig", route={"receiver": "one", "groupWait": "30s"}, receivers=[{"name": "one"}]),),
        path="spec.route.groupWait",
        value="soon",
    ),
    Case(
        id="po-remote-write-address",
        exposed=(writes(url="$(RECEIVER)"),),
        spared=(writes(),),
        path="spec.remoteWrite[0].url",
        value="$(RECEIVER)",
    ),
    Case(
        id="po-one-credential",
        exposed=(an("ScrapeConfig", basicAuth={"username": SECRET}, authorization={"credentials": SECRET}),),
        spared=(an("ScrapeConfig", basicAuth={"username": SECRET}),),
        path="spec",
        value="has basicAuth, authorization",
    ),
    Case(
        id="po-discovery-texts",
        exposed=(
            an("ScrapeConfig", openstackSDConfigs=[{"role": "Instance", **_OPENSTACK, "applicationCredentialId": ""}]),
        ),
        spared=(an("ScrapeConfig", openstackSDConfigs=[{"role": "Instance", **_OPENSTACK}]),),
        path="spec.openstackSDConfigs[0].applicationCredentialId",
        value="",
    ),
    Case(
        id="po-token-address",
        exposed=(monitor(endpoints=[{"port": "web", "oauth2": _token("id.example.com/token")}]),),
        spared=(monitor(endpoints=[{"port": "web", "oauth2": _token("https://id.example.com/token")}]),),
        path="spec.endpoints[0].oauth2.tokenUrl",
        value="id.example.com/token",
    ),
    Case(
        id="po-remote-read-address",
        exposed=(prometheus(remoteRead=[{"url": "read.example.com"}]),),
        spared=(prometheus(remoteRead=[{"url": "http://read.example.com"}]),),
        path="spec.remoteRead[0].url",
        value="read.example.com",
    ),
    Case(
        id="po-negative-numbers",
        exposed=(monitor(sampleLimit=-1),),
        spared=(monitor(sampleLimit=0),),
        path="spec.sampleLimit",
        value="-1",
    ),
)
_PROMETHEUS = (
    Case(
        id="prom-removed-flags",
        exposed=(prometheus(additionalArgs=[{"name": "alertmanager.timeout", "value": "10s"}]),),
        spared=(prometheus(additionalArgs=[{"name": "query.max-samples", "value": "1000"}]),),
        path="spec.additionalArgs[0].name",
        value="alertmanager.timeout",
    ),
    Case(
        id="prom-receivers",
        exposed=(prometheus(enableFeatures=["remote-write-receiver"]),),
        spared=(prometheus(enableFeatures=["remote-write-receiver"], enableRemoteWriteReceiver=True),),
        path="spec.enableFeatures",
        value="without spec.enableRemoteWriteReceiver",
    ),
    Case(
        id="prom-external-labels",
        exposed=(prometheus(externalLabels={"price": "5$"}),),
        spared=(prometheus(externalLabels={"price": "5$"}, enableFeatures=["expand-external-labels"]),),
        path="spec.externalLabels.price",
        value="5$",
    ),
    Case(
        id="prom-target-ports",
        exposed=(prometheus(), an("ScrapeConfig", staticConfigs=[{"targets": ["one.example.com"]}])),
        spared=(prometheus(), an("ScrapeConfig", staticConfigs=[{"targets": ["one.example.com:80"]}])),
        path="spec.staticConfigs[0].targets",
        value="one.example.com",
    ),
    Case(
        id="prom-holt-winters",
        exposed=(prometheus(), rule("holt_winters(one[5m], 0.5, 0.5)")),
        spared=(prometheus(), rule("double_exponential_smoothing(one[5m], 0.5, 0.5)")),
        path="spec.groups[0].rules[0].expr",
        value="holt_winters(",
    ),
    Case(
        id="prom-short-subqueries",
        exposed=(prometheus(), rule("max_over_time(rate(one[5m])[1m:1m])")),
        spared=(prometheus(), rule("max_over_time(rate(one[5m])[10m:])")),
        path="spec.groups[0].rules[0].expr",
        value="[1m:1m]",
    ),
    Case(
        id="prom-whole-bounds",
        exposed=(prometheus(), rule('rate(one_bucket{le="1"}[5m])')),
        # The rule is in no namespace that the instance selects from, and the other one asks for both.
        spared=(prometheus(ruleSelector={"matchLabels": {"a": "b"}}), rule('one_bucket{le="1"}')),
        path="spec.groups[0].rules[0].expr",
        value='le="1"',
    ),
    Case(
        id="prom-content-type",
        exposed=(prometheus(), monitor()),
        spared=(prometheus(), monitor(fallbackScrapeProtocol="PrometheusText0.0.4")),
        path="spec.fallbackScrapeProtocol",
        value="is not given",
        crds=NEW,
    ),
    Case(
        id="prom-raw-configuration",
        exposed=(prometheus(additionalAlertManagerConfigs=SECRET),),
        spared=(prometheus(),),
        path="spec.additionalAlertManagerConfigs",
        value="in a Secret",
    ),
    Case(
        id="prom-old-blocks",
        exposed=(
            prometheus(storage={"volumeClaimTemplate": {"spec": {"resources": {"requests": {"storage": "1Gi"}}}}}),
        ),
        spared=(prometheus(storage={"emptyDir": {}}),),
        path="spec.storage.volumeClaimTemplate",
        value="keeps its data",
    ),
    Case(
        id="prom-native-histograms",
        exposed=(prometheus(enableFeatures=["native-histograms"]),),
        spared=(prometheus(enableFeatures=["native-histograms"], scrapeNativeHistograms=True),),
        path="spec.enableFeatures",
        value="without spec.scrapeNativeHistograms",
        crds=NEW,
    ),
    Case(
        id="prom-queue-length",
        exposed=(
            prometheus(),
            rule("prometheus_notifications_queue_length > 0.9 * prometheus_notifications_queue_capacity"),
        ),
        spared=(prometheus(), rule("prometheus_notifications_queue_length > 100")),
        path="spec.groups[0].rules[0].expr",
        value="queue_capacity",
    ),
    Case(
        id="am-api-v1",
        exposed=(
            an(
                "Prometheus",
                version="2.50.0",
                alerting={"alertmanagers": [{"namespace": "one", "name": "one", "port": "web", "apiVersion": "v1"}]},
            ),
            an("Alertmanager", version="0.26.0"),
        ),
        spared=(
            an(
                "Prometheus",
                version="2.50.0",
                alerting={"alertmanagers": [{"namespace": "one", "name": "one", "port": "web", "apiVersion": "v2"}]},
            ),
            an("Alertmanager", version="0.26.0"),
        ),
        path="spec.alerting.alertmanagers[0].apiVersion",
        value="v1",
    ),
    Case(
        id="am-gomaxprocs",
        exposed=(an("Alertmanager", version="0.32.0", enableFeatures=["auto-gomaxprocs"]),),
        spared=(an("Alertmanager", version="0.32.0", enableFeatures=["auto-gomemlimit"]),),
        path="spec.enableFeatures",
        value="auto-gomaxprocs",
        crds=NEW,
    ),
    Case(
        id="am-marked-alerts",
        exposed=(rule('sum(alertmanager_marked_alerts{state="active"})'), an("Alertmanager", version="0.26.0")),
        spared=(rule("sum(alertmanager_alerts)"), an("Alertmanager", version="0.26.0")),
        path="spec.groups[0].rules[0].expr",
        value="alertmanager_marked_alerts",
    ),
)
CASES = {case.id: case for case in (*_OPERATOR, *_CRDS, *_PROMETHEUS)}
