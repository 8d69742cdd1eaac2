# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Common objects: what controllers put into every namespace. They belong to no user, and keep no namespace of ours.

Three ways lead to that, and each takes strong evidence: an object that is wrongly taken for a common one is deleted.

- a table of what Kubernetes and well-known controllers put into namespaces, by kind and name or by their own marks;
- the same kind, name and content elsewhere: then nothing is lost. Only kinds that hold no data of workloads count, and
  no Secrets, whose values are not read;
- patterns that the user gave.
"""

from __future__ import annotations

import fnmatch
import re
import typing as t
from datetime import datetime

from ansible_collections.promfleet.monitoring.plugins.module_utils._api.client import Cluster
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.errors import ApiError
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.kinds import Key, key_of
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.marks import SET_LABEL
from ansible_collections.promfleet.monitoring.plugins.module_utils._state.fields import entries_of

JsonObject = dict[str, t.Any]

# -- the table ----------------------------------------------------------------------------------------------------

_BINDINGS = ("system:deployers", "system:image-builders", "system:image-pullers")
# (group, kind, name) of what has one name in all namespaces.
KNOWN = frozenset(
    {
        # Kubernetes: its service account and root CA controllers.
        ("", "ServiceAccount", "default"),
        ("", "ConfigMap", "kube-root-ca.crt"),
        # Istio: pilot/pkg/serviceregistry/kube/controller/namespacecontroller.go.
        ("", "ConfigMap", "istio-ca-root-cert"),
        ("", "ConfigMap", "istio-ca-crl"),
        # Linkerd until 2.2: pkg/k8s/labels.go, TLSTrustAnchorConfigMapName.
        ("", "ConfigMap", "linkerd-ca-bundle"),
        # OpenShift: service-ca-operator, and openshift-controller-manager (its guide, "Default service accounts and
        # roles").
        ("", "ConfigMap", "openshift-service-ca.crt"),
        *(
            (group, "RoleBinding", name)
            # The second group is an older view of the same objects.
            for group in ("rbac.authorization.k8s.io", "authorization.openshift.io")
            for name in _BINDINGS
        ),
    }
)
# Elsewhere people give their accounts these names.
KNOWN_ON_OPENSHIFT = frozenset({("", "ServiceAccount", "builder"), ("", "ServiceAccount", "deployer")})
_OPENSHIFT = frozenset({("ConfigMap", "openshift-service-ca.crt"), *(("RoleBinding", name) for name in _BINDINGS)})
# Reports about objects in the namespace, which their controllers write again, with an owner or without one:
# https://github.com/kubernetes-sigs/wg-policy-prototypes, https://github.com/openreports/reports-api,
# https://kyverno.io/docs/policy-reports/ and https://aquasecurity.github.io/trivy-operator.
REPORT_GROUPS = frozenset(
    {"aquasecurity.github.io", "kyverno.io", "openreports.io", "reports.kyverno.io", "wgpolicyk8s.io"}
)
_REPORT_KINDS = re.compile(r"\w*Report")
_EVENT_GROUPS = ("", "events.k8s.io")
# The token controller notes whose a token is; of a Secret's type metadata tells nothing.
_ACCOUNT_UID = "kubernetes.io/service-account.uid"
# OpenShift's pull secrets since 4.16 (openshift-controller-manager, pkg/internalregistry/controllers); older ones have
# the annotations of the account's token.
_PULL_SECRET_OF = "openshift.io/internal-registry-auth-token.service-account"  # noqa: S105 - the name of an annotation
_PULL_SECRET = re.compile(r".+-dockercfg-[a-z0-9]{5,}")
# OLM copies the ClusterServiceVersion of an operator for all namespaces into each (operator-lifecycle-manager,
# pkg/api/apis/operators/v1alpha1, CopiedLabelKey).
_COPIED_FROM = "olm.copiedFrom"
_OLM = "operators.coreos.com"
# Kyverno marks what a rule generated, and for what (https://kyverno.io/docs/policy-types/cluster-policy/generate/).
_KYVERNO_TRIGGER = "generate.kyverno.io/trigger-kind"
_KYVERNO_POLICY = "generate.kyverno.io/policy-name"
_MANAGED_BY = "app.kubernetes.io/managed-by"
# trust-manager: the Bundle that a target is made of (pkg/apis/trust/v1alpha1/types_bundle.go, BundleLabelKey).
_BUNDLE = "trust.cert-manager.io/bundle"
# Volume claims hold data, and workloads have users, also where a controller made them.
NEVER = frozenset(
    {
        "CronJob",
        "DaemonSet",
        "Deployment",
        "Job",
        "PersistentVolumeClaim",
        "Pod",
        "ReplicaSet",
        "ReplicationController",
        "StatefulSet",
    }
)


def is_openshift(objects: t.Iterable[JsonObject]) -> bool:
    """Whether *objects*, those of one namespace, show that OpenShift's controllers fill namespaces here. Pure."""
    return any((obj["kind"], obj["metadata"]["name"]) in _OPENSHIFT for obj in objects)


def is_known(obj: JsonObject, *, on_openshift: bool) -> bool:
    """Whether *obj*, of which metadata is enough, is in the table. Pure."""
    metadata = obj["metadata"]
    key = key_of(obj)
    labels, annotations = metadata.get("labels") or {}, metadata.get("annotations") or {}
    if (key.group, key.kind, key.name) in KNOWN or (key.group in _EVENT_GROUPS and key.kind == "Event"):
        return True
    if on_openshift and (key.group, key.kind, key.name) in KNOWN_ON_OPENSHIFT:
        return True
    if key.group in REPORT_GROUPS and _REPORT_KINDS.fullmatch(key.kind):
        return True
    if (key.group, key.kind) == ("", "Secret"):
        is_pull_secret = _PULL_SECRET_OF in annotations and _PULL_SECRET.fullmatch(key.name) is not None
        return is_pull_secret or _ACCOUNT_UID in annotations or _is_generated(key, labels)
    if (key.group, key.kind) == (_OLM, "ClusterServiceVersion"):
        return bool(labels.get(_COPIED_FROM)) and labels[_COPIED_FROM] != key.namespace
    return _is_generated(key, labels) or _is_of_namespace(key, metadata)


def _is_generated(key: Key, labels: t.Mapping[str, str]) -> bool:
    if key.kind in NEVER:
        return False
    if key.group == "" and key.kind in ("ConfigMap", "Secret") and labels.get(_BUNDLE):
        return True
    by_kyverno = labels.get(_MANAGED_BY) == "kyverno" and bool(labels.get(_KYVERNO_POLICY))
    return by_kyverno and labels.get(_KYVERNO_TRIGGER) == "Namespace"


def _is_of_namespace(key: Key, metadata: JsonObject) -> bool:
    """Whether its owner is its namespace: it was made to be deleted with that."""
    return key.kind not in NEVER and any(
        owner.get("kind") == "Namespace" and owner.get("apiVersion") == "v1" and owner.get("name") == key.namespace
        for owner in metadata.get("ownerReferences") or ()
    )


# -- the user's patterns ------------------------------------------------------------------------------------------

_PATTERN = re.compile(r"[A-Za-z][A-Za-z0-9]*/[^/\s]+")


def pattern_problem(text: str) -> str | None:
    """What is wrong with a pattern for objects of others that go with a namespace; None if nothing is. Pure."""
    if _PATTERN.fullmatch(text) is None:
        return f"{text!r} must be KIND/NAME, such as ConfigMap/corp-ca; in the name * matches any text"
    kind, _slash, name = text.partition("/")
    if kind in NEVER:
        return f"{text!r}: a {kind} has users or data, and always keeps its namespace; delete it yourself"
    if not name.strip("*?"):
        return f"{text!r} would be every {kind}; name them"
    return None


def is_disposable(obj: JsonObject, patterns: t.Iterable[str]) -> bool:
    """Whether the user gave a pattern for *obj*. Pure."""
    what = f"{obj['kind']}/{obj['metadata']['name']}"
    return any(fnmatch.fnmatchcase(what, pattern) for pattern in patterns)


# -- the same elsewhere -------------------------------------------------------------------------------------------

# What controllers put into namespaces by this rule. None of them holds data of a workload, and their content can be
# read; (group, kind).
COMPARED = frozenset(
    {
        ("", "ConfigMap"),
        ("", "LimitRange"),
        ("", "ResourceQuota"),
        ("", "ServiceAccount"),
        ("networking.k8s.io", "NetworkPolicy"),
        ("rbac.authorization.k8s.io", "Role"),
        ("rbac.authorization.k8s.io", "RoleBinding"),
    }
)
# A service account has hardly any content, so that its copy in one other namespace tells nothing.
_WITHOUT_CONTENT = frozenset({("", "ServiceAccount")})
DEFAULT = "default"
# These hold no workloads of users, and many controllers leave them out.
_SYSTEM = frozenset({"kube-node-lease", "kube-public", "kube-system"})
# So many other namespaces it takes to speak of "every namespace".
FEWEST = 4
# Seconds after its namespace in which a controller makes its object, at the latest.
AT_ONCE = 60.0
# What the server and controllers give each account by itself.
_GIVEN = {"ServiceAccount": ("secrets", "imagePullSecrets")}


def may_be_everywhere(obj: JsonObject) -> bool:
    """Whether *obj* is of a kind that is compared with what is in other namespaces. Pure."""
    key = key_of(obj)
    return (key.group, key.kind) in COMPARED


def content_of(obj: JsonObject) -> t.Any:
    """What two copies of an object in two namespaces have in common: all but identity and state. Pure."""
    metadata = obj["metadata"]
    namespace = metadata.get("namespace") or ""
    body = {name: value for name, value in obj.items() if name not in ("metadata", "status")}
    for name in _GIVEN.get(obj["kind"], ()):
        body.pop(name, None)
    marks = {name: metadata.get(name) or {} for name in ("labels", "annotations")}
    # Subjects, selectors and annotations name their own namespace.
    own = re.compile(rf"(?<![A-Za-z0-9-]){re.escape(namespace)}(?![A-Za-z0-9-])") if namespace else None
    return _replaced({**body, **marks}, own)


def _replaced(value: t.Any, own: re.Pattern[str] | None) -> t.Any:
    if isinstance(value, dict):
        return {_replaced(name, own): _replaced(item, own) for name, item in value.items()}
    if isinstance(value, list):
        return [_replaced(item, own) for item in value]
    return own.sub("NAMESPACE", value) if own is not None and isinstance(value, str) else value


def managers_of(obj: JsonObject) -> frozenset[str]:
    """Who wrote *obj*. Pure."""
    return frozenset(str(entry.get("manager")) for entry in entries_of(obj))


def is_everywhere(
    obj: JsonObject, copies: t.Sequence[JsonObject], *, others: t.Collection[str], namespace_made: str | None
) -> bool:
    """Whether *obj* is what a controller puts into every namespace, by its *copies* of the same kind and name. Pure.

    *others*: the namespaces that are not ours. *namespace_made*: when the namespace of *obj* was made. Only copies
    with the same content count. Either at least half of the others have one, of FEWEST or more; or ``default`` has one
    of the same writers, and *obj* was made at once with its namespace.
    """
    wanted = content_of(obj)
    equal = {
        copy["metadata"]["namespace"]: copy
        for copy in copies
        if copy["metadata"]["namespace"] in others and content_of(copy) == wanted
    }
    counted = set(others) - _SYSTEM
    if len(counted) >= FEWEST and 2 * len(counted & equal.keys()) >= len(counted):
        return True
    key = key_of(obj)
    if DEFAULT not in equal or (key.group, key.kind) in _WITHOUT_CONTENT:
        return False
    return managers_of(equal[DEFAULT]) == managers_of(obj) and _is_at_once(obj, namespace_made)


def _is_at_once(obj: JsonObject, namespace_made: str | None) -> bool:
    try:
        made, begun = (
            datetime.fromisoformat(str(text)) for text in (obj["metadata"].get("creationTimestamp"), namespace_made)
        )
    except ValueError:
        return False
    return 0 <= (made - begun).total_seconds() <= AT_ONCE


class Everywhere:
    """Looks for objects of the same kind and name in other namespaces: one LIST for each of them, and few are asked."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._copies: dict[tuple[str, str, str], list[JsonObject]] = {}
        self._made: dict[str, str] | None = None
        self._others: frozenset[str] = frozenset()

    def has(self, obj: JsonObject) -> bool:
        """Whether *obj* is a common object by that; not if the account may not look, or the API server cannot tell."""
        key = key_of(obj)
        if not may_be_everywhere(obj):
            return False
        try:
            self._look_for_namespaces()
            found = self._copies_of(obj)
        except ApiError:
            return False
        own = next((copy for copy in found if copy["metadata"].get("uid") == obj["metadata"].get("uid")), None)
        made = (self._made or {}).get(key.namespace)
        return own is not None and is_everywhere(own, found, others=self._others, namespace_made=made)

    def _look_for_namespaces(self) -> None:
        resource = self._cluster.resource("v1", "Namespace")
        if self._made is not None or resource is None:
            return
        found = [obj["metadata"] for obj in self._cluster.list_metadata(resource, namespace="")]
        self._made = {metadata["name"]: str(metadata.get("creationTimestamp") or "") for metadata in found}
        self._others = frozenset(
            metadata["name"]
            for metadata in found
            if SET_LABEL not in (metadata.get("labels") or {}) and "deletionTimestamp" not in metadata
        )

    def _copies_of(self, obj: JsonObject) -> list[JsonObject]:
        sought = (obj["apiVersion"], obj["kind"], obj["metadata"]["name"])
        if sought not in self._copies:
            resource = self._cluster.resource(*sought[:2])
            self._copies[sought] = (
                [] if resource is None else self._cluster.list_objects(resource, fields=f"metadata.name={sought[2]}")
            )
        return self._copies[sought]
