# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The positive controls: what a team must be able to do with the credentials that the attacks use. Pure."""

from __future__ import annotations

from ansible_collections.promfleet.monitoring.plugins.module_utils._base.marks import MONITORING, MONITORING_ALPHA
from ansible_collections.promfleet.monitoring.plugins.module_utils._isolation.model import (
    ALERTED,
    ANSWERED,
    OWN_POD,
    PEOPLE,
    POD,
    SERIES,
    STORED,
    Action,
    Ask,
    Configured,
    Control,
    Effect,
    JsonObject,
    Put,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._isolation.monitors import (
    pod_monitor,
    probe,
    service_monitor,
    to,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._isolation.requests import APPLY, MERGE
from ansible_collections.promfleet.monitoring.plugins.module_utils._isolation.sending import (
    alertmanager_config,
    rules,
)


def _control(number: str, title: str, action: Action, effect: Effect) -> Control:
    return Control(id=number, title=title, credential=PEOPLE, action=action, effect=effect)


def _scrapes(number: str, title: str, obj: JsonObject, *, labels: str = "") -> Control:
    found = f'up{{attack="<<id>>"{labels}}} == 1'
    return _control(number, title, Put(objects=(obj,)), Effect(kind=SERIES, what=found))


def _evaluates(number: str, title: str, obj: JsonObject, what: str) -> Control:
    return _control(number, title, Put(objects=(obj,)), Effect(kind=SERIES, what=what))


def _stores(number: str, title: str, obj: JsonObject) -> Control:
    return _control(number, title, Put(objects=(obj,), keeps=False), Effect(kind=STORED))


def _asks(number: str, title: str, action: Ask) -> Control:
    return _control(number, title, action, Effect(kind=ANSWERED))


def _own(plural: str, name: str = "", api_version: str = MONITORING, namespace: str = "<<own>>") -> str:
    return f"/apis/{api_version}/namespaces/{namespace}/{plural}" + (f"/{name}" if name else "")


_ANNOTATED = {"metadata": {"annotations": {"example.com/changed": "true"}}}
_RECORD = {"record": "control:recorded", "expr": "vector(1)", "labels": {"attack": "<<id>>"}}
_ALERT = {
    "alert": "Control",
    "expr": "vector(1)",
    "labels": {"severity": "warning", "attack": "<<id>>"},
    "annotations": {"summary": "A control of the isolation matrix", "runbook_url": "https://example.com/runbook"},
}

CONTROLS: tuple[Control, ...] = (
    _scrapes("may-scrape-service", "Scrape its own application by a ServiceMonitor", service_monitor()),
    _scrapes("may-scrape-pod", "Scrape its own application by a PodMonitor", pod_monitor()),
    _scrapes("may-set-labels", "Set labels of targets by relabeling", service_monitor(to("tier", "backend")),
             labels=',tier="backend"'),
    _scrapes("may-copy-labels", "Copy a label of its pods to targets",
             service_monitor({"action": "replace", "sourceLabels": ["__meta_kubernetes_pod_label_app"],
                              "targetLabel": "application"}), labels=',application="app"'),
    _scrapes("may-use-temporary-labels", "Use temporary labels in relabelings",
             service_monitor(to("__tmp_tier", "backend"),
                             {"action": "replace", "sourceLabels": ["__tmp_tier"], "targetLabel": "tier"}),
             labels=',tier="backend"'),
    _scrapes("may-map-labels", "Map the labels of its pods by labelmap",
             service_monitor({"action": "labelmap", "regex": "__meta_kubernetes_pod_label_(.+)",
                              "replacement": "pod_$1"}), labels=',pod_app="app"'),
    _scrapes("may-keep-targets", "Keep and drop targets",
             service_monitor({"action": "keep", "sourceLabels": ["__meta_kubernetes_pod_label_app"], "regex": "app"})),
    _scrapes("may-drop-metrics", "Drop metrics by relabeling",
             service_monitor(metricRelabelings=[
                 {"action": "drop", "sourceLabels": ["__name__"], "regex": "go_.*"}])),
    _scrapes("may-drop-labels", "Drop labels of metrics",
             service_monitor(metricRelabelings=[{"action": "labeldrop", "regex": "instance_id"}])),
    _scrapes("may-limit", "Set lower limits for its own targets",
             service_monitor(spec={"sampleLimit": 5000, "labelLimit": 50})),
    _scrapes("may-choose-interval", "Choose an interval, a path and parameters",
             service_monitor(interval="10s", scrapeTimeout="5s", path="/metrics", params={"collect[]": ["go"]})),
    _evaluates("may-record", "Record series by a rule", rules(_RECORD), 'control:recorded{attack="<<id>>"}'),
    _evaluates("may-alert", "Raise an alert by a rule", rules(_ALERT),
               'ALERTS{alertname="Control",attack="<<id>>",alertstate="firing"}'),
    _control("may-be-alerted", "Have its alerts in its own Alertmanager",
             Put(objects=(rules({**_ALERT, "alert": "Delivered"}),)),
             Effect(kind=ALERTED, what="Delivered")),
    Control(id="may-run-pods", title="Run applications that show metrics", credential=POD, action=Configured(),
            effect=Effect(kind=SERIES, at=OWN_POD, what='up{job="self"} == 1')),
    _stores("may-probe", "Probe an address of its own",
            probe(prober={"url": "<<app>>"}, targets={"staticConfig": {"static": ["https://example.com"]}})),
    _stores("may-notify-slack", "Notify Slack, with the address in a Secret",
            alertmanager_config(slackConfigs=[{"apiURL": {"name": "<<secret>>", "key": "slack"}, "channel": "#team"}])),
    _stores("may-notify-pagerduty", "Notify PagerDuty",
            alertmanager_config(pagerdutyConfigs=[{"routingKey": {"name": "<<secret>>", "key": "id"}}])),
    _stores("may-notify-webhook", "Notify a webhook of a host that the platform lists",
            alertmanager_config(webhookConfigs=[{"url": "https://hooks.slack.com/services/x"}])),
    _stores("may-notify-own", "Notify a Service of its own namespace",
            alertmanager_config(webhookConfigs=[{"url": "http://<<app>>/alerts"}])),
    _asks("may-list-monitors", "List its monitors", Ask(method="GET", path=_own("servicemonitors"))),
    _asks("may-list-rules", "List its rules", Ask(method="GET", path=_own("prometheusrules"))),
    _asks("may-see-instance", "See the Prometheus of its instance and its status", Ask(
        method="GET", path=_own("prometheuses", "<<attacker>>", namespace="<<instance>>"))),
    _asks("may-see-alertmanager", "See the Alertmanager of its instance", Ask(
        method="GET", path=_own("alertmanagers", "<<attacker>>", namespace="<<instance>>"))),
    _asks("may-see-base-rules", "See the rules that the platform gives it", Ask(
        method="GET", path=_own("prometheusrules", namespace="<<instance>>"))),
    _asks("may-patch", "Change a monitor of its own", Ask(
        method="PATCH", path=_own("servicemonitors", "may-scrape-service"), body=_ANNOTATED, content_type=MERGE)),
    _asks("may-apply", "Apply a rule by server-side apply", Ask(
        method="PATCH", path=_own("prometheusrules", "may-apply"), content_type=APPLY,
        query={"fieldManager": "team", "force": "true"}, body={
            "apiVersion": MONITORING, "kind": "PrometheusRule", "metadata": {"name": "may-apply"},
            "spec": {"groups": [{"name": "may-apply", "rules": [
                {"record": "control:applied", "expr": "vector(1)"}]}]}})),
    _asks("may-delete", "Delete what is its own", Ask(
        method="DELETE", path=_own("prometheusrules"), query={"labelSelector": "example.com/none=true"})),
    _asks("may-list-configs", "List its AlertmanagerConfigs", Ask(
        method="GET", path=_own("alertmanagerconfigs", api_version=MONITORING_ALPHA))),
)  # fmt: skip
