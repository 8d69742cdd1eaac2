# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Attacks on whose a series is, on where alerts are sent, and from the team's pods on the instances of others. Pure."""

from __future__ import annotations

import typing as t

from ansible_collections.promfleet.monitoring.plugins.module_utils._base.marks import MONITORING, MONITORING_ALPHA
from ansible_collections.promfleet.monitoring.plugins.module_utils._isolation.model import (
    ALERTED,
    DELIVERED,
    OWN_POD,
    PEOPLE,
    POD,
    SERIES,
    STORED,
    VICTIM,
    Attack,
    Configured,
    Effect,
    JsonObject,
    Put,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._isolation.monitors import (
    FORGED,
    INGRESS,
    MARK,
    RELABELINGS,
    service_monitor,
    to,
)

RULE_LABELS = "policy:rule-labels"
_ENFORCED = "operator:enforcedNamespaceLabel"
_CENTRAL = "facts/corrections 1: what a source's series carry wins over external labels"


def rules(*entries: JsonObject, name: str = "<<id>>", **group: t.Any) -> JsonObject:
    """A PrometheusRule with one group."""
    spec = {"groups": [{"name": name, "interval": "5s", "rules": list(entries), **group}]}
    return {"apiVersion": MONITORING, "kind": "PrometheusRule", "metadata": {"name": "<<id>>"}, "spec": spec}


def _record(**labels: str) -> JsonObject:
    return rules({"record": "attack:forged", "expr": "vector(1)", "labels": {MARK: "<<id>>", **labels}})


def _forges(
    number: str,
    title: str,
    obj: JsonObject,
    *,
    mechanism: str,
    guards: tuple[str, ...],
    label: str,
    value: str,
    source: str = _CENTRAL,
) -> Attack:
    return Attack(
        id=number,
        title=title,
        door="identity",
        mechanism=mechanism,
        credential=PEOPLE,
        action=Put(objects=(obj,)),
        effect=Effect(kind=SERIES, what=f'{{attack="<<id>>",{label}="{value}"}}'),
        guards=guards,
        source=source,
    )


# What the team's application shows at /federate has these labels already: they are external labels of its program.
_FEDERATES: JsonObject = {"path": "/federate", "honorLabels": True, "params": {"match[]": ['{__name__="app_forged"}']}}

IDENTITY: tuple[Attack, ...] = (
    _forges(
        "namespace-relabeled",
        "A relabeling of targets sets the label namespace to another team's",
        service_monitor(to("namespace", "<<victim_own>>")),
        mechanism="label of targets",
        label="namespace",
        value="<<victim_own>>",
        guards=(FORGED, _ENFORCED),
    ),
    _forges(
        "namespace-metric",
        "A relabeling of metrics sets the label namespace to another team's",
        service_monitor(metricRelabelings=[to("namespace", "<<victim_own>>")]),
        mechanism="label of metrics",
        label="namespace",
        value="<<victim_own>>",
        guards=(FORGED, _ENFORCED),
    ),
    _forges(
        "namespace-rule",
        "A recording rule writes series with another team's namespace",
        _record(namespace="<<victim_own>>"),
        mechanism="label of a rule",
        label="namespace",
        value="<<victim_own>>",
        guards=(RULE_LABELS, _ENFORCED),
    ),
    _forges(
        "namespace-honored",
        "The application says that its series are of another namespace, and honorLabels holds",
        service_monitor(**_FEDERATES),
        mechanism="honorLabels",
        label="namespace",
        value="<<victim_own>>",
        guards=("policy:federation-paths", _ENFORCED),
    ),
    _forges(
        "team-relabeled",
        "A relabeling of targets sets the label team to another team's",
        service_monitor(to("team", "<<victim>>")),
        mechanism="label of targets",
        label="team",
        value="<<victim>>",
        guards=(FORGED,),
    ),
    _forges(
        "team-metric",
        "A relabeling of metrics sets the label team to another team's",
        service_monitor(metricRelabelings=[to("team", "<<victim>>")]),
        mechanism="label of metrics",
        label="team",
        value="<<victim>>",
        guards=(FORGED,),
    ),
    _forges(
        "team-rule",
        "A recording rule writes series with another team's label",
        _record(team="<<victim>>"),
        mechanism="label of a rule",
        label="team",
        value="<<victim>>",
        guards=(RULE_LABELS,),
    ),
    _forges(
        "cluster-relabeled",
        "A relabeling of targets sets the label cluster",
        service_monitor(to("cluster", "forged")),
        mechanism="label of targets",
        label="cluster",
        value="forged",
        guards=(FORGED,),
    ),
    _forges(
        "cluster-metric",
        "A relabeling of metrics sets the label cluster",
        service_monitor(metricRelabelings=[to("cluster", "forged")]),
        mechanism="label of metrics",
        label="cluster",
        value="forged",
        guards=(FORGED,),
    ),
    _forges(
        "cluster-rule",
        "A recording rule writes series of another cluster",
        _record(cluster="forged"),
        mechanism="label of a rule",
        label="cluster",
        value="forged",
        guards=(RULE_LABELS,),
    ),
    _forges(
        "team-labelmap",
        "labelmap makes the label team of a label of the team's Service",
        service_monitor({"action": "labelmap", "regex": "__meta_kubernetes_service_annotation_(team)"}),
        mechanism="labelmap",
        label="team",
        value="<<victim>>",
        guards=(RELABELINGS, FORGED),
    ),
)

AM_EGRESS = "network:alertmanager-egress"
URLS, AM_PROXY = "policy:alertmanager-urls", "policy:alertmanager-proxy"
_SENDS = "seen on real clusters: URLs in AlertmanagerConfig; facts/corrections 16"
# The alert that every team's rule fires at once, so that receivers are tried.
_ROUTE = {"receiver": "attack", "groupWait": "1s", "groupInterval": "1s", "repeatInterval": "1m"}


def alertmanager_config(**receiver: t.Any) -> JsonObject:
    """An AlertmanagerConfig whose only receiver is the attack's."""
    spec = {"route": _ROUTE, "receivers": [{"name": "attack", **receiver}]}
    return {"apiVersion": MONITORING_ALPHA, "kind": "AlertmanagerConfig", "metadata": {"name": "<<id>>"}, "spec": spec}


def _notifies(
    number: str,
    title: str,
    receiver: JsonObject,
    *,
    counted: str,
    mechanism: str,
    guards: tuple[str, ...] = (URLS, AM_EGRESS, INGRESS),
    source: str = _SENDS,
) -> Attack:
    return Attack(
        id=number,
        title=title,
        door="notifications",
        mechanism=mechanism,
        credential=PEOPLE,
        action=Put(objects=(alertmanager_config(**receiver),)),
        effect=Effect(kind=DELIVERED, what=counted) if counted else Effect(kind=STORED),
        guards=guards,
        source=source,
    )


def _at(path: str) -> str:
    return f"http://<<victim_prometheus>>{path}"


def _oauth2(path: str) -> JsonObject:
    return {
        "clientId": {"secret": {"name": "<<secret>>", "key": "id"}},
        "clientSecret": {"name": "<<secret>>", "key": "secret"},
        "tokenUrl": _at(path),
    }


# Each attack asks for another path of the victim's Prometheus, which counts its requests by path.
NOTIFICATIONS: tuple[Attack, ...] = (
    _notifies(
        "webhook-url",
        "A webhook sends to another team's Prometheus",
        {"webhookConfigs": [{"url": _at("/api/v1/read")}]},
        counted="/api/v1/read",
        mechanism="webhook URL",
    ),
    _notifies(
        "webhook-secret",
        "A webhook's URL is in a Secret, which no policy reads",
        {"webhookConfigs": [{"urlSecret": {"name": "<<secret>>", "key": "query_range"}}]},
        counted="/api/v1/query_range",
        mechanism="URL in a Secret",
        guards=(AM_EGRESS, INGRESS),
    ),
    _notifies(
        "slack-secret",
        "The address of Slack, which is always in a Secret, is another team's Prometheus",
        {"slackConfigs": [{"apiURL": {"name": "<<secret>>", "key": "query_exemplars"}, "channel": "x"}]},
        counted="/api/v1/query_exemplars",
        mechanism="URL in a Secret",
        guards=(AM_EGRESS, INGRESS),
    ),
    _notifies(
        "discord-secret",
        "The address of Discord, which is always in a Secret, is another team's Prometheus",
        {"discordConfigs": [{"apiURL": {"name": "<<secret>>", "key": "labels"}}]},
        counted="/api/v1/labels",
        mechanism="URL in a Secret",
        guards=(AM_EGRESS, INGRESS),
    ),
    _notifies(
        "webhook-proxy",
        "A webhook is sent through another team's Prometheus as a proxy",
        {"webhookConfigs": [{"url": "http://example.invalid/api/v1/series", "httpConfig": {"proxyURL": _at("")}}]},
        counted="/api/v1/series",
        mechanism="proxy of a receiver",
        guards=(URLS, AM_PROXY, AM_EGRESS, INGRESS),
    ),
    _notifies(
        "webhook-token-url",
        "A webhook fetches its token from another team's Prometheus",
        {
            "webhookConfigs": [
                {"url": "http://example.invalid/", "httpConfig": {"oauth2": _oauth2("/api/v1/parse_query")}}
            ]
        },
        counted="/api/v1/parse_query",
        mechanism="OAuth2 tokenUrl of a receiver",
        guards=(URLS, AM_PROXY, AM_EGRESS, INGRESS),
    ),
    _notifies(
        "webhook-reload",
        "A webhook, which is a POST, sends to the receiver of another team's Prometheus",
        {"webhookConfigs": [{"url": _at("/api/v1/otlp/v1/metrics")}]},
        counted="/api/v1/otlp/v1/metrics",
        mechanism="webhook URL",
    ),
    _notifies(
        "webhook-alertmanager",
        "A webhook sends to another team's Alertmanager",
        {"webhookConfigs": [{"url": "http://<<victim_alertmanager>>/api/v2/alerts"}]},
        counted="",
        mechanism="webhook URL",
        guards=(URLS,),
    ),
    _notifies(
        "webhook-api-server",
        "A webhook sends to the API server",
        {"webhookConfigs": [{"url": "https://kubernetes.default.svc/api"}]},
        counted="",
        mechanism="webhook URL to the API server",
        guards=(URLS,),
    ),
    _notifies(
        "webhook-metadata",
        "A webhook sends to the metadata service of the cloud",
        {"webhookConfigs": [{"url": "http://169.254.169.254/latest/meta-data/"}]},
        counted="",
        mechanism="webhook URL to link-local addresses",
        guards=(URLS,),
    ),
    _notifies(
        "pagerduty-url",
        "The address of PagerDuty is inside of the cluster",
        {"pagerdutyConfigs": [{"routingKey": {"name": "<<secret>>", "key": "id"}, "url": _at("/api/v1/metadata")}]},
        counted="",
        mechanism="address of a service",
        guards=(URLS,),
    ),
    _notifies(
        "email-smarthost",
        "The mail server is inside of the cluster",
        {
            "emailConfigs": [
                {"to": "a@example.com", "from": "a@example.com", "smarthost": "<<victim_prometheus>>", "hello": "x"}
            ]
        },
        counted="",
        mechanism="mail server",
        guards=(URLS,),
    ),
)


def _from_pod(
    number: str,
    title: str,
    *,
    mechanism: str,
    effect: Effect,
    guards: tuple[str, ...] = (INGRESS,),
    **part: t.Any,
) -> Attack:
    return Attack(
        id=number,
        title=title,
        door="network",
        mechanism=mechanism,
        credential=POD,
        action=Configured(**part),
        effect=effect,
        guards=guards,
        source="facts/anchors 3: what a gateway must not let through, asked from a pod",
    )


def _job(number: str, address: str, path: str = "/metrics", **more: t.Any) -> JsonObject:
    static = [{"targets": [address], "labels": {MARK: number}}]
    return {"job_name": number, "metrics_path": path, "static_configs": static, **more}


NETWORK: tuple[Attack, ...] = (
    _from_pod(
        "pod-federate",
        "A pod of the team reads /federate of another team's Prometheus",
        mechanism="direct read of /federate",
        effect=Effect(kind=SERIES, at=OWN_POD, what='prometheus_sd_discovered_targets{attack="<<id>>"}'),
        jobs=(
            _job(
                "pod-federate",
                "<<victim_prometheus>>",
                "/federate",
                params={"match[]": ['{__name__="prometheus_sd_discovered_targets"}']},
            ),
        ),
    ),
    _from_pod(
        "pod-metrics",
        "A pod of the team reads the metrics of another team's Alertmanager",
        mechanism="direct read of an Alertmanager",
        effect=Effect(kind=SERIES, at=OWN_POD, what='alertmanager_build_info{attack="<<id>>"}'),
        jobs=(_job("pod-metrics", "<<victim_alertmanager>>"),),
    ),
    _from_pod(
        "pod-alert",
        "A pod of the team sends an alert to another team's Alertmanager",
        mechanism="direct alert",
        effect=Effect(kind=ALERTED, what="pod-alert"),
        alertmanagers=("<<victim_alertmanager>>",),
    ),
    _from_pod(
        "pod-write",
        "A pod of the team writes series into another team's Prometheus",
        mechanism="remote write receiver",
        effect=Effect(kind=SERIES, at=VICTIM, what='{attack="pod-write"}'),
        guards=(INGRESS, "operator:enableRemoteWriteReceiver"),
        writes=({"name": "pod-write", "url": "http://<<victim_prometheus>>/api/v1/write"},),
    ),
    _from_pod(
        "pod-reload",
        "A pod of the team sends POST /-/reload to another team's Prometheus",
        mechanism="direct reload",
        effect=Effect(kind=DELIVERED, what="/-/reload"),
        writes=({"name": "pod-reload", "url": "http://<<victim_prometheus>>/-/reload"},),
    ),
)
