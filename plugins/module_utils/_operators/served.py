# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What stops with an operator beside the reconciling.

Its admission webhooks and the conversion of AlertmanagerConfigs, where its own pods serve them
(Documentation/platform/webhook.md of prometheus-operator/prometheus-operator), and the Service of the kubelets, which
it keeps if it has the flag for it (cmd/operator/main.go there).
"""

from __future__ import annotations

import re
import typing as t

from ansible_collections.promfleet.monitoring.plugins.module_utils._api.client import Cluster, Resource
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.kinds import guess_plural, key_of, url_path
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.webhooks import API as ADMISSION_API
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.webhooks import GROUP as ADMISSION
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.webhooks import service_of
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.marks import MONITORING_GROUP, MOVING_GUIDE
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.text import first_of
from ansible_collections.promfleet.monitoring.plugins.module_utils._operators.scope import containers_of
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.access.rights import Right
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.leaving import CRD_API, CRD_PLURAL

JsonObject = dict[str, t.Any]


_WEBHOOKS = ("ValidatingWebhookConfiguration", "MutatingWebhookConfiguration")
# The only kind of the operator that has two versions (example/prometheus-operator-crd-full).
_CONVERTED = f"alertmanagerconfigs.{MONITORING_GROUP}"
_KUBELET = re.compile(r"--?kubelet-(?:service|object)[= ](\S+)")

# What looking for it takes, beside the Services of the operator's namespace.
SERVED_RIGHTS = (
    *(Right(group=ADMISSION, resource=guess_plural(kind), verb="list") for kind in _WEBHOOKS),
    Right(group=CRD_API.partition("/")[0], resource=CRD_PLURAL, verb="get", name=_CONVERTED),
)


def served(cluster: Cluster, workload: JsonObject) -> tuple[list[str], list[str]]:
    """What the pods of an operator serve to the API server: problems that refuse a replacement, and warnings."""
    selected = _services(cluster, workload)
    problems: list[str] = []
    ignored: list[str] = []
    for kind in _WEBHOOKS:
        resource = cluster.resource(ADMISSION_API, kind)
        for config in cluster.list_objects(resource) if resource is not None else ():
            own = [hook for hook in config.get("webhooks") or () if service_of(hook) in selected]
            name = config["metadata"]["name"]
            if any(hook.get("failurePolicy") != "Ignore" for hook in own):
                problems.append(
                    f"the pods of {key_of(workload)} serve the {kind} {name} with failurePolicy Fail: without them the "
                    "API server refuses every write that it is asked about. Delete it first "
                    f"(kubectl delete {kind.lower()} {name}), or set its failurePolicy to Ignore"
                )
            elif own:
                ignored.append(f"{kind} {name}")
    crd = cluster.find(url_path(CRD_API, CRD_PLURAL, name=_CONVERTED)) or {}
    webhook = ((crd.get("spec") or {}).get("conversion") or {}).get("webhook") or {}
    if service_of(webhook) in selected:
        problems.append(
            f"the pods of {key_of(workload)} convert the versions of {_CONVERTED}: without them these objects cannot "
            f"be read. Run the admission webhook as a Deployment of its own first ({MOVING_GUIDE}, Admission webhooks)"
        )
    text = (
        f"the pods of {key_of(workload)} serve {first_of(ignored)} with failurePolicy Ignore: rules and "
        f"AlertmanagerConfigs are no longer checked when they are written. Delete these "
        f"({MOVING_GUIDE}, Admission webhooks)"
    )
    return problems, [text] if ignored else []


def _services(cluster: Cluster, workload: JsonObject) -> set[str]:
    """The Services that select the pods of *workload*, as ``namespace/name``."""
    namespace = workload["metadata"]["namespace"]
    labels = ((workload["spec"]["template"].get("metadata") or {}).get("labels") or {}).items()
    resource = Resource(api_version="v1", kind="Service", plural="services", namespaced=True, verbs=frozenset())
    found = cluster.list_objects(resource, namespace=namespace)
    selectors = {one["metadata"]["name"]: one["spec"].get("selector") or {} for one in found}
    return {f"{namespace}/{name}" for name, selector in selectors.items() if selector and selector.items() <= labels}


def kubelets(workload: JsonObject) -> list[str]:
    """A warning if an operator keeps the Service of the kubelets up to date. Pure."""
    words = [
        str(word)
        for container in containers_of(workload["spec"]["template"])
        for word in (*(container.get("command") or ()), *(container.get("args") or ()))
    ]
    found = _KUBELET.search(" ".join(words))
    if found is None:
        return []
    text = (
        f"{key_of(workload)} wrote the addresses of the nodes into the Service {found[1]}; from now on no operator "
        f"does, so the kubelets of new nodes are not scraped through it ({MOVING_GUIDE}, The kubelets)"
    )
    return [text]
