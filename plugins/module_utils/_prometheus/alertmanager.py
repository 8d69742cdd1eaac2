# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Alertmanager's HTTP API, reached through the API server's service proxy."""

from __future__ import annotations

import json
import typing as t
from urllib.parse import quote

from ansible_collections.promfleet.monitoring.plugins.module_utils._api.client import Cluster
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.retry import BRIEF, Patience
from ansible_collections.promfleet.monitoring.plugins.module_utils._prometheus.api import (
    PORT_NAME,
    TEXT_BYTES,
    PrometheusError,
)

JsonObject = dict[str, t.Any]


class Alertmanager:
    """One Alertmanager behind a Service of a cluster."""

    def __init__(self, cluster: Cluster, *, namespace: str, service: str, patience: Patience = BRIEF) -> None:
        self._cluster = cluster
        self._patience = patience
        self._root = f"/api/v1/namespaces/{quote(namespace)}/services/{quote(service)}:{PORT_NAME}/proxy"

    def alerts(self, name: str) -> list[JsonObject]:
        """The active alerts called *name*; raises PrometheusError where the answer is not a list of alerts."""
        query = {"filter": f'alertname="{name}"'}
        path = f"{self._root}/api/v2/alerts"
        status, data = self._cluster.send("GET", path, query=query, patience=self._patience)
        try:
            found = json.loads(data)
        except ValueError:
            found = None
        if status >= 300 or not isinstance(found, list):
            text = " ".join(data[:TEXT_BYTES].decode(errors="replace").split())
            raise PrometheusError(f"HTTP {status}: {text}")
        return found
