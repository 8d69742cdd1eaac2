# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Fields of the specs of Prometheus, PrometheusAgent and Alertmanager: which ``extra_spec`` may set. Pure.

A field is in exactly one of three tables: what we set ourselves, what ``extra_spec`` may set, and what is refused. A
test compares them with the CRDs of the pinned release, so that a field which a release adds is decided before it is
there.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from ansible_collections.promfleet.monitoring.plugins.module_utils._base.json_values import tidy
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.errors import Errors
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.validate import nearest

JsonObject = dict[str, t.Any]

PROMETHEUS, AGENT, ALERTMANAGER = "Prometheus", "PrometheusAgent", "Alertmanager"
_ALL = frozenset({PROMETHEUS, AGENT, ALERTMANAGER})
_SCRAPES = frozenset({PROMETHEUS, AGENT})
_SERVER = frozenset({PROMETHEUS})
_STORES = frozenset({PROMETHEUS, ALERTMANAGER})
_ALERTS = frozenset({ALERTMANAGER})

_TYPES: dict[str, tuple[type, str]] = {
    "boolean": (bool, "true or false"),
    "integer": (int, "a whole number"),
    "string": (str, "text"),
    "array": (list, "a list"),
    "object": (dict, "a mapping"),
}


@dataclass(frozen=True, kw_only=True)
class Owned:
    """A field that we set: *by* names the option, or says what decides it."""

    by: str
    kinds: frozenset[str] = _ALL


@dataclass(frozen=True, kw_only=True)
class Allowed:
    """A field that ``extra_spec`` may set: its *type* in the CRD, and *why* that harms nothing.

    Where *keys* are given, only these may be inside it.
    """

    type: str
    why: str
    kinds: frozenset[str] = _ALL
    keys: tuple[str, ...] = ()
    choices: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Refused:
    """A field that stays as the operator has it by default, and *why*."""

    why: str
    kinds: frozenset[str] = _ALL


_TENANCY = "enforce_tenancy"
_LABEL = "the label of the team's namespaces"
OWNED: dict[str, Owned] = {
    "affinity": Owned(by="scheduling.affinity"),
    "alerting": Owned(by="alertmanager.enabled", kinds=_SERVER),
    "alertmanagerConfigNamespaceSelector": Owned(by=_LABEL, kinds=_ALERTS),
    "alertmanagerConfigSelector": Owned(by=_LABEL, kinds=_ALERTS),
    "arbitraryFSAccessThroughSMs": Owned(by=_TENANCY, kinds=_SCRAPES),
    "automountServiceAccountToken": Owned(by="what needs the API server: Prometheus does, Alertmanager does not"),
    "enableFeatures": Owned(by="enable_features, for Prometheus"),
    "enableRemoteWriteReceiver": Owned(by="prometheus_federation_receivers", kinds=_SCRAPES),
    "enforcedBodySizeLimit": Owned(by="limits.body_size", kinds=_SCRAPES),
    "enforcedKeepDroppedTargets": Owned(by="limits.dropped_targets", kinds=_SCRAPES),
    "enforcedLabelLimit": Owned(by="limits.labels", kinds=_SCRAPES),
    "enforcedLabelNameLengthLimit": Owned(by="limits.label_name_length", kinds=_SCRAPES),
    "enforcedLabelValueLengthLimit": Owned(by="limits.label_value_length", kinds=_SCRAPES),
    "enforcedNamespaceLabel": Owned(by=_TENANCY, kinds=_SCRAPES),
    "enforcedSampleLimit": Owned(by="limits.samples", kinds=_SCRAPES),
    "enforcedTargetLimit": Owned(by="limits.targets", kinds=_SCRAPES),
    "evaluationInterval": Owned(by="evaluation_interval", kinds=_SERVER),
    "excludedFromEnforcement": Owned(by=_TENANCY, kinds=_SCRAPES),
    "externalLabels": Owned(by="the team's labels", kinds=_SCRAPES),
    "externalUrl": Owned(by="web.external_url"),
    "ignoreNamespaceSelectors": Owned(by=_TENANCY, kinds=_SCRAPES),
    "image": Owned(by="the team's image_registry"),
    "imagePullSecrets": Owned(by="the team's image_pull_secrets"),
    "nodeSelector": Owned(by="scheduling.node_selector"),
    "paused": Owned(by="the team's state"),
    "podMonitorNamespaceSelector": Owned(by=_LABEL, kinds=_SCRAPES),
    "podMonitorSelector": Owned(by=_LABEL, kinds=_SCRAPES),
    "priorityClassName": Owned(by="scheduling.priority_class"),
    "probeNamespaceSelector": Owned(by=_LABEL, kinds=_SCRAPES),
    "probeSelector": Owned(by=_LABEL, kinds=_SCRAPES),
    "query": Owned(by="query", kinds=_SERVER),
    "remoteWrite": Owned(by="remote_write", kinds=_SCRAPES),
    "replicas": Owned(by="replicas, and the team's state"),
    "resources": Owned(by="resources"),
    "retention": Owned(by="retention", kinds=_STORES),
    "retentionSize": Owned(by="retention_size", kinds=_SERVER),
    "routePrefix": Owned(by="web.route_prefix"),
    "ruleNamespaceSelector": Owned(by=_LABEL, kinds=_SERVER),
    "ruleSelector": Owned(by=_LABEL, kinds=_SERVER),
    "scrapeClasses": Owned(
        by="what reads kubelets; each monitor can choose a class, and sends its credentials to a target of its own",
        kinds=_SCRAPES,
    ),
    "scrapeConfigNamespaceSelector": Owned(by=_LABEL, kinds=_SCRAPES),
    "scrapeConfigSelector": Owned(by=_LABEL, kinds=_SCRAPES),
    "scrapeInterval": Owned(by="scrape_interval", kinds=_SCRAPES),
    "securityContext": Owned(by="the team's run_as"),
    "serviceAccountName": Owned(by="the instance's own account, whose rights are the team's namespaces"),
    "serviceDiscoveryRole": Owned(by="what those rights let it read", kinds=_SCRAPES),
    "serviceMonitorNamespaceSelector": Owned(by=_LABEL, kinds=_SCRAPES),
    "serviceMonitorSelector": Owned(by=_LABEL, kinds=_SCRAPES),
    "shards": Owned(by="shards", kinds=_SCRAPES),
    "storage": Owned(by="storage"),
    "terminationGracePeriodSeconds": Owned(by="scheduling.termination_grace_seconds"),
    "thanos": Owned(by="thanos", kinds=_SERVER),
    "tolerations": Owned(by="scheduling.tolerations"),
    "topologySpreadConstraints": Owned(by="scheduling.topology_spread"),
    "version": Owned(by="version"),
    "walCompression": Owned(by="wal_compression", kinds=_SCRAPES),
}

_DEFAULT_LIMIT = "a limit for monitors that have none of their own; the enforced limits stay"
_HOW_SCRAPED = "how targets are scraped, not which"
ALLOWED: dict[str, Allowed] = {
    "bodySizeLimit": Allowed(type="string", why=_DEFAULT_LIMIT, kinds=_SCRAPES),
    "clusterAdvertiseAddress": Allowed(
        type="string", why="for pod networks outside of the private ranges", kinds=_ALERTS
    ),
    "clusterGossipInterval": Allowed(type="string", why="how the replicas talk to each other", kinds=_ALERTS),
    "clusterLabel": Allowed(type="string", why="replicas with another label are not taken in", kinds=_ALERTS),
    "clusterPeerTimeout": Allowed(type="string", why="how the replicas talk to each other", kinds=_ALERTS),
    "clusterPushpullInterval": Allowed(type="string", why="how the replicas talk to each other", kinds=_ALERTS),
    "convertClassicHistogramsToNHCB": Allowed(type="boolean", why=_HOW_SCRAPED, kinds=_SCRAPES),
    "dnsConfig": Allowed(type="object", why="how names are resolved; network policies judge addresses"),
    "dnsPolicy": Allowed(
        type="string",
        why="how names are resolved; network policies judge addresses",
        choices=("ClusterFirst", "ClusterFirstWithHostNet", "Default", "None"),
    ),
    "enableServiceLinks": Allowed(type="boolean", why="variables of the environment that nothing reads"),
    "exemplars": Allowed(type="object", why="how many are kept; needs the feature exemplar-storage", kinds=_SERVER),
    "forceEnableClusterMode": Allowed(type="boolean", why="a single replica listens for others", kinds=_ALERTS),
    "hostAliases": Allowed(type="array", why="names for addresses; network policies judge addresses"),
    "hostUsers": Allowed(type="boolean", why="false gives the pods users of their own"),
    "imagePullPolicy": Allowed(
        type="string", why="when images are fetched", choices=("", "Always", "IfNotPresent", "Never")
    ),
    "keepDroppedTargets": Allowed(type="integer", why=_DEFAULT_LIMIT, kinds=_SCRAPES),
    "labelLimit": Allowed(type="integer", why=_DEFAULT_LIMIT, kinds=_SCRAPES),
    "labelNameLengthLimit": Allowed(type="integer", why=_DEFAULT_LIMIT, kinds=_SCRAPES),
    "labelValueLengthLimit": Allowed(type="integer", why=_DEFAULT_LIMIT, kinds=_SCRAPES),
    "limits": Allowed(type="object", why="how many silences there may be, and how large", kinds=_ALERTS),
    "logFormat": Allowed(type="string", why="what is logged", choices=("", "json", "logfmt")),
    "logLevel": Allowed(type="string", why="what is logged", choices=("", "debug", "error", "info", "warn")),
    "maximumStartupDurationSeconds": Allowed(type="integer", why="how long a WAL may be replayed", kinds=_SCRAPES),
    "minReadySeconds": Allowed(type="integer", why="how long a new pod must be well"),
    "nameEscapingScheme": Allowed(
        type="string", why=_HOW_SCRAPED, kinds=_SCRAPES, choices=("AllowUTF8", "Dots", "Underscores", "Values")
    ),
    "nameValidationScheme": Allowed(type="string", why=_HOW_SCRAPED, kinds=_SCRAPES, choices=("Legacy", "UTF8")),
    "podMetadata": Allowed(
        type="object", why="annotations for other tools; the labels of the pods are ours", keys=("annotations",)
    ),
    "podTargetLabels": Allowed(type="array", why="labels of pods that targets get", kinds=_SCRAPES),
    "remoteWriteReceiverMessageVersions": Allowed(
        type="array", why="what is taken from those that may write", kinds=_SCRAPES
    ),
    "ruleQueryOffset": Allowed(type="string", why="how late rules look at series", kinds=_SERVER),
    "rules": Allowed(type="object", why="when alerts are sent again after a restart", kinds=_SERVER),
    "runtime": Allowed(type="object", why="how often the process collects garbage", kinds=_SCRAPES),
    "sampleLimit": Allowed(type="integer", why=_DEFAULT_LIMIT, kinds=_SCRAPES),
    "schedulerName": Allowed(type="string", why="which scheduler chooses the nodes"),
    "scrapeClassicHistograms": Allowed(type="boolean", why=_HOW_SCRAPED, kinds=_SCRAPES),
    "scrapeNativeHistograms": Allowed(type="boolean", why=_HOW_SCRAPED, kinds=_SCRAPES),
    "scrapeProtocols": Allowed(type="array", why=_HOW_SCRAPED, kinds=_SCRAPES),
    "scrapeTimeout": Allowed(type="string", why=_HOW_SCRAPED, kinds=_SCRAPES),
    "shardRetentionPolicy": Allowed(type="object", why="keeps the data of shards that are removed", kinds=_SERVER),
    "shardingStrategy": Allowed(type="object", why="how targets are split among shards", kinds=_SCRAPES),
    "targetLimit": Allowed(type="integer", why=_DEFAULT_LIMIT, kinds=_SCRAPES),
    "tsdb": Allowed(type="object", why="how late samples may come", kinds=_SCRAPES),
    "web": Allowed(
        type="object",
        why="how the pages look, and how many connections there may be",
        # An Alertmanager has other connections to limit.
        keys=("getConcurrency", "httpConfig", "maxConnections", "pageTitle", "timeout"),
    ),
}

_CODE = "it puts programs or arguments of any kind into the pods, past all that is checked here"
_FILES = "it puts files into the pods that others keep, and their names past what is checked here"
_UNSEEN = "it adds configuration from a Secret that neither the operator nor this collection checks"
_DEPRECATED = "the operator has deprecated it"
_OTLP = "a sender could forge the labels cluster, team and namespace"
_IDENTITY = "federation and verify know the series of a replica by this label"
_LOG_FILE = "the file grows in the pod without a limit; extra_spec.logLevel is for a short look"
REFUSED: dict[str, Refused] = {
    "additionalAlertManagerConfigs": Refused(why=_UNSEEN, kinds=_SERVER),
    "additionalAlertRelabelConfigs": Refused(why=_UNSEEN, kinds=_SERVER),
    "additionalArgs": Refused(why=_CODE),
    "additionalPeers": Refused(
        why="Alertmanagers of others would share silences and notifications with it", kinds=_ALERTS
    ),
    "additionalScrapeConfigs": Refused(why=_UNSEEN + ", and that can read any address", kinds=_SCRAPES),
    "alertmanagerConfigMatcherStrategy": Refused(
        why="without OnNamespace a route in one namespace receives the alerts of all others", kinds=_ALERTS
    ),
    "alertmanagerConfiguration": Refused(why="routes come from the team model and the team's objects", kinds=_ALERTS),
    "allowOverlappingBlocks": Refused(why=_DEPRECATED, kinds=_SERVER),
    "apiserverConfig": Refused(why="the instance would find targets with credentials of others", kinds=_SCRAPES),
    "baseImage": Refused(why=_DEPRECATED, kinds=_STORES),
    "clusterTLS": Refused(
        why="it names files in the pods; what the replicas say stays in the namespace", kinds=_ALERTS
    ),
    "configMaps": Refused(why=_FILES),
    "configSecret": Refused(why="routes come from the team model and the team's objects", kinds=_ALERTS),
    "containers": Refused(why=_CODE),
    "disableCompaction": Refused(why="the operator decides it where a Thanos sidecar uploads blocks", kinds=_SERVER),
    "enableAdminAPI": Refused(why="who reaches the pages could delete all series", kinds=_SERVER),
    "enableOTLPReceiver": Refused(why=_OTLP, kinds=_SCRAPES),
    "hostNetwork": Refused(why="Pod Security and network policies would not hold"),
    "initContainers": Refused(why=_CODE),
    "listenLocal": Refused(why="neither verify nor federation nor Alertmanager would reach it"),
    "mode": Refused(
        why="a DaemonSet needs the operator's feature gate PrometheusAgentDaemonSet", kinds=frozenset({AGENT})
    ),
    "otlp": Refused(why=_OTLP, kinds=_SCRAPES),
    "overrideHonorLabels": Refused(why="federated series would lose their labels", kinds=_SCRAPES),
    "overrideHonorTimestamps": Refused(why="federated samples would get another time", kinds=_SCRAPES),
    "persistentVolumeClaimRetentionPolicy": Refused(why="data would be deleted together with a StatefulSet"),
    "podManagementPolicy": Refused(why="the operator would delete the StatefulSet and create it again"),
    "portName": Refused(why="Services, monitors and network policies know the port by its name"),
    "prometheusExternalLabelName": Refused(why=_IDENTITY, kinds=_SCRAPES),
    "prometheusRulesExcludedFromEnforce": Refused(why=_DEPRECATED, kinds=_SERVER),
    "queryLogFile": Refused(why=_LOG_FILE, kinds=_SERVER),
    "reloadStrategy": Refused(why="signals need a process namespace that all containers share", kinds=_SCRAPES),
    "remoteRead": Refused(why="rules and queries would see series of others as the team's own", kinds=_SERVER),
    "replicaExternalLabelName": Refused(why=_IDENTITY, kinds=_SCRAPES),
    "scrapeFailureLogFile": Refused(why=_LOG_FILE, kinds=_SCRAPES),
    "secrets": Refused(why=_FILES),
    "serviceName": Refused(why="the operator would delete the StatefulSet and create it again"),
    "sha": Refused(why=_DEPRECATED, kinds=_STORES),
    "tag": Refused(why=_DEPRECATED, kinds=_STORES),
    "tracingConfig": Refused(why="it names files in the pods, and an endpoint for what queries say", kinds=_SCRAPES),
    "updateStrategy": Refused(why="with OnDelete no pod would be replaced, and a run would wait without success"),
    "volumeMounts": Refused(why=_FILES),
    "volumes": Refused(why=_FILES),
}
# Inside of fields that are allowed.
REFUSED_INSIDE = {
    "podMetadata.labels": "Services, network policies and budgets find the pods by their labels",
    "podMetadata.name": "pods of a StatefulSet are called after it",
    "web.tlsConfig": "probes, verify, federation and the instance's own monitor use HTTP; a proxy can serve TLS",
}


def parse_extra(raw: t.Mapping[str, t.Any] | None, *, kind: str, path: str, errors: Errors) -> JsonObject:
    """The fields of a *kind* that ``extra_spec`` sets; what it may not set is noted in *errors* with the reason."""
    for name, value in (raw or {}).items():
        place = f"{path}.{name}"
        problem = _problem(str(name), value, kind=kind)
        if problem is not None:
            errors.add(place, problem)
            continue
        keys = ALLOWED[name].keys
        for key in value if keys else ():
            inside = f"{name}.{key}"
            if inside in REFUSED_INSIDE:
                errors.add(f"{path}.{inside}", f"is refused: {REFUSED_INSIDE[inside]}")
            elif key not in keys:
                errors.add(f"{path}.{inside}", f"unknown key; {nearest(str(key), keys)}")
    found: JsonObject = tidy(raw or {})
    return found


def _problem(name: str, value: object, *, kind: str) -> str | None:
    if name in OWNED:
        return f"is not for extra_spec: it is decided by {OWNED[name].by}"
    if name in REFUSED:
        return f"is refused: {REFUSED[name].why}"
    if name not in ALLOWED:
        known = [one for one, entry in ALLOWED.items() if kind in entry.kinds]
        return f"is not a field that extra_spec may set; {nearest(name, known)}"
    if kind not in ALLOWED[name].kinds:
        return f"is not a field of a {kind}"
    return _wrong_value(value, ALLOWED[name])


def _wrong_value(value: object, entry: Allowed) -> str | None:
    expected, word = _TYPES[entry.type]
    if not isinstance(value, expected) or (isinstance(value, bool) and entry.type != "boolean"):
        return f"must be {word}"
    if entry.choices and value not in entry.choices:
        return f"must be one of {', '.join(repr(choice) for choice in entry.choices)}, found {value!r}"
    return None


def with_extra(spec: JsonObject, extra: t.Mapping[str, t.Any]) -> JsonObject:
    """*spec* with the fields of *extra* too; where both have a mapping, ours is laid over it."""
    merged = {**extra, **spec}
    for name in extra.keys() & spec.keys():
        merged[name] = {**extra[name], **spec[name]}
    return merged
