# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Prometheus' HTTP API, reached through the API server's service proxy: the same credentials, no extra network path."""

from __future__ import annotations

import json
import typing as t
from urllib.parse import quote

from ansible_collections.promfleet.monitoring.plugins.module_utils._api.client import Cluster
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.errors import ClusterError
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.retry import BRIEF

JsonObject = dict[str, t.Any]

PORT_NAME = "web"


class PrometheusError(ClusterError):
    """Prometheus did not answer, or answered with an error."""


class Prometheus:
    """One Prometheus behind a Service of a cluster."""

    def __init__(self, cluster: Cluster, *, namespace: str, service: str) -> None:
        self._cluster = cluster
        self._root = f"/api/v1/namespaces/{quote(namespace)}/services/{quote(service)}:{PORT_NAME}/proxy"

    def _get(self, path: str, query: t.Mapping[str, str] | None = None) -> t.Any:
        status, data = self._cluster.send("GET", self._root + path, query=query, patience=BRIEF)
        try:
            answer = json.loads(data)
        except ValueError:
            raise PrometheusError(f"HTTP {status}: {data[:200].decode(errors='replace').strip()}") from None
        if answer.get("status") != "success":
            raise PrometheusError(f"HTTP {status}: {answer.get('error') or answer.get('message') or answer}")
        return answer["data"]

    def query(self, expression: str) -> list[JsonObject]:
        """The result of an instant query: ``{"metric": …, "value": [time, text]}`` each; raises PrometheusError."""
        return list(self._get("/api/v1/query", {"query": expression})["result"])

    def active_targets(self) -> list[JsonObject]:
        """The active targets, with ``labels``, ``health``, ``lastError`` and ``scrapeUrl``."""
        return list(self._get("/api/v1/targets", {"state": "active"})["activeTargets"])

    def runtime_info(self) -> JsonObject:
        """``/api/v1/status/runtimeinfo``: among others ``reloadConfigSuccess``."""
        return dict(self._get("/api/v1/status/runtimeinfo"))
