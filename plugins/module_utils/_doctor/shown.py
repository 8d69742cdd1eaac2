# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What may be shown of live objects and of Prometheus' answers: an allow-list. Pure.

Facts are made of what these functions let through, so that neither findings nor observations nor support bundles hold
anything else. A field that is not on the list keeps its name: checks see that it is there, and readers that it has a
value. A text that the inventory describes may be shown at any place: it holds references to secrets only.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from ansible_collections.promfleet.monitoring.plugins.module_utils._state.secrecy import safe_text

JsonObject = dict[str, t.Any]
Path: t.TypeAlias = "tuple[str, ...]"

NOT_SHOWN = "(not shown)"

# Paths of text fields by kind; of a list its items' fields. Numbers and truth values beside them are shown, too.
# A path that ends with * has all that is below it.
_METADATA = (
    "apiVersion kind metadata.name metadata.namespace metadata.uid metadata.creationTimestamp "
    "metadata.deletionTimestamp metadata.finalizers metadata.ownerReferences.* status.phase status.conditions.*"
)
_SELECTORS = " ".join(
    f"spec.{kind}{suffix}.*"
    for kind in ("serviceMonitor", "podMonitor", "probe", "rule", "scrapeConfig", "alertmanagerConfig")
    for suffix in ("Selector", "NamespaceSelector")
)
_PEERS = [
    "ipBlock.cidr",
    "ipBlock.except",
    "podSelector.matchLabels.*",
    "podSelector.matchExpressions.*",
    "namespaceSelector.matchLabels.*",
    "namespaceSelector.matchExpressions.*",
]
_INSTANCE = (
    f"{_SELECTORS} spec.version spec.image spec.retention spec.retentionSize spec.scrapeInterval spec.scrapeTimeout "
    "spec.evaluationInterval spec.serviceAccountName spec.serviceDiscoveryRole spec.enforcedNamespaceLabel "
    "spec.excludedFromEnforcement.* spec.replicaExternalLabelName spec.prometheusExternalLabelName "
    "spec.resources.* spec.storage.volumeClaimTemplate.spec.* status.shardStatuses.*"
)
_SCRAPED = [
    "port",
    "targetPort",
    "path",
    "metricsPath",
    "scheme",
    "interval",
    "scrapeInterval",
    "scrapeTimeout",
    "params.match[]",
    "jobName",
]
_STEPS = ("action", "sourceLabels", "targetLabel", "separator")
_ALLOWED: dict[str, str] = {
    "Alertmanager": _INSTANCE,
    "Deployment": "spec.template.spec.containers.name spec.template.spec.containers.image spec.selector.*",
    "EndpointSlice": (
        "addressType endpoints.addresses endpoints.conditions.* endpoints.nodeName endpoints.zone "
        "endpoints.targetRef.* ports.name ports.protocol ports.appProtocol"
    ),
    "Namespace": "spec.finalizers",
    "NetworkPolicy": " ".join(
        (
            "spec.policyTypes spec.podSelector.*",
            *(f"spec.{way}.{side}.{peer}" for way, side in (("ingress", "from"), ("egress", "to")) for peer in _PEERS),
            *(f"spec.{way}.ports.{name}" for way in ("ingress", "egress") for name in ("port", "protocol")),
        )
    ),
    "PersistentVolumeClaim": (
        "spec.storageClassName spec.accessModes spec.volumeName spec.resources.* status.capacity.*"
    ),
    "Pod": "spec.nodeName spec.containers.name spec.containers.ports.name spec.containers.ports.protocol",
    "Prometheus": _INSTANCE,
    "PrometheusAgent": _INSTANCE,
    "ScrapeConfig": " ".join(
        (
            *(f"spec.{name}" for name in _SCRAPED),
            *(f"spec.{name}.{field}" for name in ("relabelings", "metricRelabelings") for field in _STEPS),
            "spec.staticConfigs.targets",
        )
    ),
    "Service": (
        "spec.type spec.clusterIP spec.clusterIPs spec.ipFamilies spec.ipFamilyPolicy spec.externalTrafficPolicy "
        "spec.internalTrafficPolicy spec.sessionAffinity spec.loadBalancerSourceRanges spec.loadBalancerIP "
        "spec.loadBalancerClass spec.externalIPs spec.selector.* spec.ports.name spec.ports.protocol "
        "spec.ports.targetPort spec.ports.appProtocol status.loadBalancer.*"
    ),
    "ServiceMonitor": " ".join(
        (
            "spec.selector.* spec.namespaceSelector.matchNames spec.jobLabel",
            *(f"spec.endpoints.{name}" for name in _SCRAPED),
            *(f"spec.endpoints.{name}.{field}" for name in ("relabelings", "metricRelabelings") for field in _STEPS),
        )
    ),
}
# Of managedFields what says who set which field; names of annotations are left out with the annotations.
_ENTRY = ("manager", "operation", "apiVersion", "time", "subresource", "fieldsType")
_OWNED = ("f:addressType", "f:endpoints", "f:ports", "f:spec")
# Labels of these domains, and of the operator's objects, say what an object is.
_LABEL_DOMAINS = ("kubernetes.io/", "k8s.io/", "promfleet.monitoring/", "monitoring.coreos.com/", "prometheus.io/")
_LABELS = frozenset({"alertmanager", "operator.prometheus.io/name", "prometheus", "team"})
# What Prometheus adds to all that leaves it, beside what the inventory describes.
_IDENTITY = frozenset({"cluster", "environment", "prometheus", "prometheus_replica", "region", "replica", "team"})
_TARGET_LABELS = frozenset({"cluster", "endpoint", "instance", "job", "namespace", "pod", "service", "team"})
_TARGET = ("health", "lastError", "scrapeInterval", "scrapePool", "scrapeTimeout", "scrapeUrl")
_JOB = (
    "honor_labels", "honor_timestamps", "metrics_path", "scheme", "scrape_interval", "scrape_timeout"
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class _Rule:
    """The paths of text fields that are shown (*exact*, and all *below* some), and those that lead to them."""

    exact: frozenset[Path]
    below: frozenset[Path]
    open: frozenset[Path]

    def covers(self, path: Path) -> bool:
        """Whether a text at *path* is shown."""
        return path in self.exact or any(path[:end] in self.below for end in range(1, len(path) + 1))


def _rule(text: str) -> _Rule:
    paths = [tuple(word.split(".")) for word in text.split()]
    below = frozenset(path[:-1] for path in paths if path[-1] == "*")
    return _Rule(
        exact=frozenset(path for path in paths if path[-1] != "*"),
        below=below,
        open=frozenset(path[:end] for path in paths for end in range(1, len(path))) | below,
    )


_RULES = {kind: _rule(f"{_METADATA} {text}") for kind, text in _ALLOWED.items()}
_OTHERS = _rule(_METADATA)


def shown(
    live: JsonObject, *, desired: t.Sequence[JsonObject] = (), labels: t.Collection[str] = frozenset()
) -> JsonObject:
    """A live object with what may be shown of it.

    *desired*: objects as a run applies them, the texts of which are shown. *labels*: names of labels that selectors
    look at (`selector_labels`); others than these and well-known ones are left out.
    """
    described: set[str] = set()
    places: set[Path] = set()
    for obj in desired:
        _describe(obj, (), texts=described, places=places)
    rule = _RULES.get(str(live.get("kind")), _OTHERS)
    kept = _Keeping(rule=rule, described=described, places=places).mapping(
        {name: value for name, value in live.items() if name != "metadata"}, ()
    )
    metadata = dict(live.get("metadata") or {})
    own = metadata.pop("labels", None)
    managed = metadata.pop("managedFields", None) or ()
    metadata.pop("annotations", None)
    shown_metadata = _Keeping(rule=rule, described=described, places=places).mapping(metadata, ("metadata",))
    wanted = {name for obj in desired for name in (obj.get("metadata") or {}).get("labels") or {}}
    if own is not None:
        shown_metadata["labels"] = {
            name: value for name, value in own.items() if name in wanted or name in labels or _is_known(name)
        }
    if managed:
        shown_metadata["managedFields"] = [_entry(entry) for entry in managed]
    return {**kept, "metadata": shown_metadata}


def selector_labels(objects: t.Iterable[t.Any]) -> frozenset[str]:
    """The names of labels that selectors in *objects* look at: also a Service's, which is a plain map."""
    found: set[str] = set()
    for obj in objects:
        if isinstance(obj, dict):
            if obj.get("kind") == "Service":
                found |= ((obj.get("spec") or {}).get("selector") or {}).keys()
            for name, value in obj.items():
                if name == "matchLabels" and isinstance(value, dict):
                    found |= value.keys()
                elif name == "matchExpressions" and isinstance(value, list):
                    found |= {str(item["key"]) for item in value if isinstance(item, dict) and "key" in item}
                else:
                    found |= selector_labels([value])
        elif isinstance(obj, (list, tuple)):
            found |= selector_labels(obj)
    return frozenset(found)


def shown_target(target: t.Mapping[str, t.Any]) -> JsonObject:
    """What is shown of an active target; what was discovered before relabeling is not."""
    kept: JsonObject = {name: safe_text(str(target[name])) for name in _TARGET if name in target}
    labels = target.get("labels") or {}
    kept["labels"] = {name: safe_text(str(labels[name])) for name in sorted(labels.keys() & _TARGET_LABELS)}
    return kept


def shown_job(job: t.Mapping[str, t.Any], *, described: t.Mapping[str, t.Any]) -> JsonObject:
    """What is shown of a loaded scrape configuration: what `loaded_drift` reads. *described*: our parameters."""
    params = job.get("params") or {}
    kept = {name: job[name] for name in _JOB if name in job}
    shown_params = {
        name: value if described.get(name) == value or name == "match[]" else [NOT_SHOWN]
        for name, value in params.items()
    }
    return {**kept, **({"params": shown_params} if params else {})}


def shown_labels(labels: t.Mapping[str, str], *, described: t.Collection[str]) -> dict[str, str]:
    """External labels: those that identify, and those that are *described*; of others only the names."""
    return {
        name: value if name in _IDENTITY or name in described else NOT_SHOWN for name, value in sorted(labels.items())
    }


def _is_known(label: str) -> bool:
    domain = label.partition("/")[0] + "/"
    return label in _LABELS or any(domain == known or domain.endswith(f".{known}") for known in _LABEL_DOMAINS)


def _describe(value: t.Any, path: Path, *, texts: set[str], places: set[Path]) -> None:
    """Collect the *texts* of a desired object, and the *places* that have something in it."""
    if isinstance(value, dict):
        places.add(path)
        for name, item in value.items():
            _describe(item, (*path, name), texts=texts, places=places)
    elif isinstance(value, list):
        places.add(path)
        for item in value:
            _describe(item, path, texts=texts, places=places)
    elif isinstance(value, str):
        texts.add(value)


@dataclass(frozen=True, kw_only=True)
class _Keeping:
    """Copies what a rule allows."""

    rule: _Rule
    described: t.Collection[str]
    places: t.Collection[Path]

    def mapping(self, values: t.Mapping[str, t.Any], path: Path) -> JsonObject:
        """A mapping with all of its names, and the values that are shown."""
        return {name: self._value(value, (*path, name)) for name, value in values.items()}

    def _value(self, value: t.Any, path: Path) -> t.Any:
        if isinstance(value, str):
            if value in self.described:
                return value
            return safe_text(value) if self.rule.covers(path) else NOT_SHOWN
        if isinstance(value, (dict, list)):
            if not self._leads_on(path) and _has_text(value):
                return NOT_SHOWN
            if isinstance(value, dict):
                return self.mapping(value, path)
            return [self._value(item, path) for item in value]
        return value

    def _leads_on(self, path: Path) -> bool:
        return path in self.rule.open or path in self.places or self.rule.covers(path)


def _has_text(value: t.Any) -> bool:
    """Whether there is a text anywhere in a mapping or list; numbers and truth values alone are shown."""
    if isinstance(value, (dict, list)):
        return any(map(_has_text, value.values() if isinstance(value, dict) else value))
    return isinstance(value, str)


def _entry(entry: t.Mapping[str, t.Any]) -> JsonObject:
    fields = entry.get("fieldsV1") or {}
    owned = {name: fields[name] for name in _OWNED if name in fields}
    labels = (fields.get("f:metadata") or {}).get("f:labels")
    return {
        **{name: entry[name] for name in _ENTRY if name in entry},
        "fieldsV1": {**owned, **({"f:metadata": {"f:labels": labels}} if labels else {})},
    }
