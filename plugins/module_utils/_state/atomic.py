# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which maps the API server merges as a whole, by group and name. Pure."""

from __future__ import annotations

import functools

from ansible_collections.promfleet.monitoring.plugins.module_utils._base.marks import MONITORING_GROUP


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Names under which a group's kinds hold nothing but maps that are merged as a whole (`+mapType=atomic`,
# `+structType=atomic`) or that cannot be empty (a required field), by the OpenAPI of Kubernetes and the CRDs of the
# operator's releases. Others are not trusted: a map that was applied empty and filled by others looks the same in
# managedFields.
_BUILT_IN = _names(
    "claimRef configMapKeyRef fieldRef namespaceSelector nodeSelector objectSelector podSelector resourceFieldRef "
    "roleRef scopeSelector secretKeyRef selector targetRef"
)
_MONITORING = _names(
    "accessKey additionalAlertManagerConfigs additionalAlertRelabelConfigs additionalScrapeConfigs "
    "alertRelabelConfigs alertmanagerConfigNamespaceSelector alertmanagerConfigSelector alertmanagersConfig apiKey "
    "apiSecret apiURL authPassword authSecret bearerTokenSecret botToken clientSecret configMap configMapKeyRef "
    "credentials fieldRef keySecret labelSelector objectStorageConfig opsGenieApiKey opsGenieApiUrl password "
    "podMonitorNamespaceSelector podMonitorSelector probeNamespaceSelector probeSelector resourceFieldRef "
    "routingKey ruleNamespaceSelector ruleSelector scrapeConfigNamespaceSelector scrapeConfigSelector secretKey "
    "secretKeyRef selector serviceKey serviceMonitorNamespaceSelector serviceMonitorSelector slackApiUrl token "
    "urlSecret userKey username webhookURL webhookUrl"
)
_GROUPS = {
    **dict.fromkeys(
        (
            "",
            "apps",
            "batch",
            "discovery.k8s.io",
            "networking.k8s.io",
            "policy",
            "rbac.authorization.k8s.io",
        ),
        _BUILT_IN,
    ),
    MONITORING_GROUP: _MONITORING,
}
# ServiceMonitor and PodMonitor have maps of this name that are merged key by key.
_KINDS = {(MONITORING_GROUP, "ScrapeConfig"): _MONITORING | {"params"}}
_NONE: frozenset[str] = frozenset()


@functools.cache
def atomic_maps(group: str, kind: str) -> frozenset[str]:
    """The names under which objects of this kind hold only maps that the server merges as a whole."""
    return _KINDS.get((group, kind)) or _GROUPS.get(group, _NONE)
