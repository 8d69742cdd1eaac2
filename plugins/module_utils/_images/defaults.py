# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the Prometheus Operator runs where neither a flag nor a field says it, by its release. Pure.

The source of each row is pkg/operator/defaults.go of that release's Go module; a test compares them with it, and with
the flags of the program.
"""

from __future__ import annotations

from dataclasses import dataclass

from ansible_collections.promfleet.monitoring.plugins.module_utils._base.versions import (
    ALERTMANAGER_REPOSITORY,
    PROMETHEUS_REPOSITORY,
    RELOADER_REPOSITORY,
    THANOS_REPOSITORY,
    UPSTREAM_REGISTRY,
)

SOURCE = "pkg/operator/defaults.go"

PROMETHEUS_FLAG = "prometheus-default-base-image"
ALERTMANAGER_FLAG = "alertmanager-default-base-image"
THANOS_FLAG = "thanos-default-base-image"
RELOADER_FLAG = "prometheus-config-reloader"

# The same in all releases of the table. That of the reloader has the operator's own version as its tag.
BASE_IMAGES = {
    PROMETHEUS_FLAG: f"{UPSTREAM_REGISTRY}/{PROMETHEUS_REPOSITORY}",
    ALERTMANAGER_FLAG: f"{UPSTREAM_REGISTRY}/{ALERTMANAGER_REPOSITORY}",
    THANOS_FLAG: f"{UPSTREAM_REGISTRY}/{THANOS_REPOSITORY}",
    RELOADER_FLAG: f"{UPSTREAM_REGISTRY}/{RELOADER_REPOSITORY}",
}


@dataclass(frozen=True, kw_only=True)
class Versions:
    """The versions of a release's own, as the tags of their images have them."""

    prometheus: str
    alertmanager: str
    thanos: str


VERSIONS = {
    "0.87.1": Versions(prometheus="v3.7.3", alertmanager="v0.29.0", thanos="v0.39.2"),
    "0.88.0": Versions(prometheus="v3.9.1", alertmanager="v0.30.0", thanos="v0.40.1"),
    "0.88.1": Versions(prometheus="v3.9.1", alertmanager="v0.30.0", thanos="v0.40.1"),
    "0.89.0": Versions(prometheus="v3.9.1", alertmanager="v0.31.0", thanos="v0.40.1"),
    "0.90.1": Versions(prometheus="v3.10.0", alertmanager="v0.31.1", thanos="v0.41.0"),
    "0.91.0": Versions(prometheus="v3.11.3", alertmanager="v0.32.1", thanos="v0.41.0"),
    "0.92.0": Versions(prometheus="v3.12.0", alertmanager="v0.33.0", thanos="v0.41.0"),
    "0.92.1": Versions(prometheus="v3.12.0", alertmanager="v0.33.0", thanos="v0.41.0"),
    "0.93.0": Versions(prometheus="v3.13.1", alertmanager="v0.33.1", thanos="v0.42.2"),
    "0.93.1": Versions(prometheus="v3.13.1", alertmanager="v0.33.1", thanos="v0.42.2"),
}
