# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The objects by which an instance watches workloads: monitors, rights to find their targets, and rules. Pure."""

from __future__ import annotations

import json
import typing as t

from ansible_collections.promfleet.monitoring.plugins.module_utils._api.selecting import selector_text
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.marks import (
    KUBELET_CLASS,
    MONITORING,
    MONITORING_ALPHA,
    common_labels,
    prometheus_name,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.common.objects import (
    JsonObject,
    account_subject,
    discovery_rules,
    make,
    role,
    role_binding,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.teams.model import Team
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.workloads.catalogue import (
    Entry,
    Part,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.workloads.model import (
    Workload,
    Workloads,
    group_name,
)

RUNBOOKS = "https://github.com/promfleet/ansible-collection-monitoring/blob/main/docs/runbooks.md"


def workload_objects(model: Workloads) -> list[JsonObject]:
    """All objects of the workloads of one cluster."""
    objects: list[JsonObject] = []
    for one in model.found:
        objects += [monitor for part in one.parts for monitor in monitors_of(one, part)]
        groups = rule_groups(one, common=model.common)
        if groups and one.team.prometheus.serves:
            spec = {"groups": groups}
            objects.append(
                make(
                    MONITORING,
                    "PrometheusRule",
                    rules_name(one.entry),
                    namespace=one.team.namespace,
                    labels=_labels(one),
                )
                | {"spec": spec}
            )
    return objects + _rights(model)


def _name(entry: Entry, part: str = "") -> str:
    return f"workload-{entry.id}-{part}" if part else f"workload-{entry.id}"


def _labels(one: Workload) -> dict[str, str]:
    return {**one.labels, **common_labels("workload-monitors", team=one.team.name)}


def rules_name(entry: Entry) -> str:
    """The name of the PrometheusRule of an entry, and of the monitor of its only part."""
    return _name(entry)


def monitors_of(one: Workload, part: Part) -> list[JsonObject]:
    """The monitor of a part beside the instance; for a team one in each of its namespaces, as its instance demands.

    None where another role makes it.
    """
    if part.made_by:
        return []
    if part.is_of_nodes:
        return [_of_nodes(one, part)]
    is_of_pods = part.kind == "PodMonitor"
    spec: JsonObject = {
        "selector": dict(part.selector),
        "podMetricsEndpoints" if is_of_pods else "endpoints": [_endpoint(one, part)],
    }
    if one.sample_limit is not None:
        spec["sampleLimit"] = one.sample_limit
    own = one.team.prometheus.enforce_tenancy
    if not own:
        spec["namespaceSelector"] = {"matchNames": list(one.namespaces)}
    name, labels = _name(one.entry, part.name), _labels(one)
    return [
        make(MONITORING, part.kind, name, namespace=namespace, labels=labels, spec=spec)
        for namespace in (one.namespaces if own else (one.team.namespace,))
    ]


def _of_nodes(one: Workload, part: Part) -> JsonObject:
    """A ScrapeConfig that finds the nodes itself, beside the platform's instance; others have no such part."""
    discovery: JsonObject = {"role": "Node"}
    if part.selector:
        discovery["selectors"] = [{"role": "Node", "label": selector_text(part.selector)}]
    name = {"action": "replace", "sourceLabels": ["__meta_kubernetes_node_name"], "targetLabel": "node"}
    spec: JsonObject = {
        "jobName": part.job,
        "kubernetesSDConfigs": [discovery],
        "metricsPath": part.path,
        # Older releases of the CRD know only capitals here.
        "scheme": part.scheme.upper(),
        "scrapeInterval": one.interval,
        "scrapeTimeout": one.scrape_timeout,
        "scrapeClass": KUBELET_CLASS,
        "relabelings": [name, *_labels_of_targets(part, "node")],
        # cAdvisor says when it looked at a container: without this a pod that is gone keeps its series for minutes.
        "trackTimestampsStaleness": True,
        **_metrics(one, part),
        **one.credentials,
    }
    if one.sample_limit is not None:
        spec["sampleLimit"] = one.sample_limit
    if part.honor_labels:
        spec["honorLabels"] = True
    labels = _labels(one)
    called = _name(one.entry, part.name)
    return make(MONITORING_ALPHA, part.kind, called, namespace=one.team.namespace, labels=labels, spec=spec)


def _labels_of_targets(part: Part, kind: str) -> list[JsonObject]:
    """The steps that give targets the labels of the part, from those of their pod, Service or node."""
    return [
        {
            "action": "replace",
            "sourceLabels": [f"__meta_kubernetes_{kind}_label_{_meta(source)}"],
            "targetLabel": label,
        }
        for label, source in part.labels.items()
    ]


def _endpoint(one: Workload, part: Part) -> JsonObject:
    kind = "pod" if part.kind == "PodMonitor" else "service"
    steps: list[JsonObject] = [{"action": "replace", "replacement": part.job, "targetLabel": "job"}]
    steps += _labels_of_targets(part, kind)
    endpoint: JsonObject = {
        "port": part.port,
        "path": part.path,
        "scheme": part.scheme,
        "interval": one.interval,
        "scrapeTimeout": one.scrape_timeout,
        "relabelings": steps,
        **_metrics(one, part),
        **one.credentials,
    }
    if part.honor_labels:
        endpoint["honorLabels"] = True
    return endpoint


def _metrics(one: Workload, part: Part) -> JsonObject:
    """Which metrics of a target are kept; nothing for all of them."""
    metrics = [
        {"action": "drop", "regex": pattern, "sourceLabels": ["__name__"]}
        for pattern in sorted({*part.drop, *one.drop})
    ]
    if one.keep:
        metrics.append({"action": "keep", "regex": one.keep, "sourceLabels": ["__name__"]})
    return {"metricRelabelings": metrics} if metrics else {}


def _meta(label: str) -> str:
    """A label of an object as service discovery has it: all that is not a letter, a digit or _ becomes _."""
    return "".join(one if one.isascii() and (one.isalnum() or one == "_") else "_" for one in label)


def rule_groups(one: Workload, *, common: t.Sequence[JsonObject]) -> list[JsonObject]:
    """The groups of rules of a workload: what it records, its alerts, and those that every part has."""
    entry = one.entry
    groups: list[JsonObject] = []
    if one.rules and entry.rules:
        rules = [{name: value for name, value in rule.items() if value} for rule in entry.rules]
        groups.append({"name": group_name(entry, "rules"), "rules": rules})
    if one.alerts and entry.alerts:
        groups.append({"name": group_name(entry, "alerts"), "rules": [_alert(entry, alert) for alert in entry.alerts]})
    shared = [rule for part in one.parts for rule in _common(entry, part, common)] if one.alerts else []
    if shared:
        groups.append({"name": group_name(entry, "targets"), "rules": shared})
    return groups


def _alert(entry: Entry, alert: t.Mapping[str, t.Any]) -> JsonObject:
    """An alert of an entry as a rule. A user's own has its runbook with it, where it gives no address of a page."""
    annotations = {"summary": alert["summary"].strip(), "description": alert["description"].strip()}
    if alert["runbook_url"]:
        annotations["runbook_url"] = alert["runbook_url"]
    elif entry.shipped:
        annotations["runbook_url"] = f"{RUNBOOKS}#{alert['alert'].lower()}"
    else:
        annotations["runbook"] = "\n".join(f"{name}: {text.strip()}" for name, text in alert["runbook"].items())
    return {
        "alert": alert["alert"],
        "expr": alert["expr"].strip(),
        "for": alert["for"],
        "labels": {"severity": alert["severity"], "workload": entry.id},
        "annotations": annotations,
    }


def _common(entry: Entry, part: Part, common: t.Sequence[JsonObject]) -> t.Iterator[JsonObject]:
    for alert in common:
        if part.may_be_absent and alert["if_required"]:
            continue
        filled = json.loads(
            json.dumps({name: alert[name] for name in ("alert", "expr", "for", "severity", "summary", "description")})
            .replace("<job>", part.job)
            .replace("<budget>", str(part.budget))
            .replace("<title>", json.dumps(entry.title)[1:-1])
        )
        rule = _alert(entry, {**filled, "runbook_url": f"{RUNBOOKS}#{alert['alert'].lower()}"})
        # Two rules of one name and the same labels are one to Prometheus' lint.
        yield {**rule, "labels": {**rule["labels"], "job": part.job}}


def _rights(model: Workloads) -> list[JsonObject]:
    """What an instance needs to find targets outside of its team's namespaces, once for each namespace."""
    needed: dict[tuple[str, str], Team] = {}
    for one in model.found:
        own = {one.team.namespace, *one.team.namespaces}
        needed.update({(one.team.name, name): one.team for name in one.namespaces if name not in own})
    objects: list[JsonObject] = []
    for (name, namespace), team in sorted(needed.items()):
        account = account_subject(prometheus_name(name), namespace=team.namespace)
        called = f"{prometheus_name(name)}-workloads"
        labels = common_labels("workload-monitors", team=name)
        objects += [
            role(called, namespace=namespace, labels=labels, rules=discovery_rules()),
            role_binding(called, namespace=namespace, labels=labels, subjects=[account]),
        ]
    return objects
