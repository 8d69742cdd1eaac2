# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The components that have versions: where their images are, and which versions images have. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ansible_collections.promfleet.monitoring.plugins.module_utils._base import versions
from ansible_collections.promfleet.monitoring.plugins.module_utils._images.upstream import upstream_of

COLLECTION, CRDS = "collection", "crds"
# The image of each component, where it is published.
IMAGES: Mapping[str, str] = {
    "operator": f"{versions.UPSTREAM_REGISTRY}/{versions.OPERATOR_REPOSITORY}",
    "config-reloader": f"{versions.UPSTREAM_REGISTRY}/{versions.RELOADER_REPOSITORY}",
    "admission-webhook": f"{versions.UPSTREAM_REGISTRY}/{versions.ADMISSION_WEBHOOK_REPOSITORY}",
    "prometheus": f"{versions.UPSTREAM_REGISTRY}/{versions.PROMETHEUS_REPOSITORY}",
    "alertmanager": f"{versions.UPSTREAM_REGISTRY}/{versions.ALERTMANAGER_REPOSITORY}",
    "thanos": f"{versions.UPSTREAM_REGISTRY}/{versions.THANOS_REPOSITORY}",
    "kube-rbac-proxy": f"{versions.UPSTREAM_REGISTRY}/{versions.KUBE_RBAC_PROXY_REPOSITORY}",
    "node-exporter": "/".join(versions.NODE_EXPORTER_IMAGE),
    "kube-state-metrics": "/".join(versions.KUBE_STATE_METRICS_IMAGE),
    "grafana": "/".join(versions.GRAFANA_IMAGE),
}
# In the order in which rows are listed.
COMPONENTS = (COLLECTION, CRDS, *IMAGES)
_BY_IMAGE = {image: name for name, image in IMAGES.items()}
# Of an image by its digest alone nothing says which version it is.
NO_TAG = "no tag"


def component_of(image: str) -> tuple[str, str] | None:
    """The component whose image this is, and the version that its tag says; None for an image of something else."""
    try:
        reference = upstream_of(image)
    except ValueError:
        return None
    name = _BY_IMAGE.get(reference.name)
    return None if name is None else (name, reference.tag.removeprefix("v") or NO_TAG)


def versions_of(images: Iterable[str]) -> dict[str, list[str]]:
    """The versions of each component among *images*, each once, in the order of their first image."""
    found: dict[str, list[str]] = {}
    for image in images:
        named = component_of(image)
        if named is not None and named[1] not in found.setdefault(named[0], []):
            found[named[0]].append(named[1])
    return found
