# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Prometheus' HTTP API, reached through the API server's service proxy: the same credentials, no extra network path."""

from __future__ import annotations

import dataclasses
import json
import re
import time
import typing as t
from urllib.parse import quote

from ansible_collections.promfleet.monitoring.plugins.module_utils._api.client import Cluster
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.errors import ClusterError
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.retry import BRIEF, Patience

JsonObject = dict[str, t.Any]

PORT_NAME = "web"
# A line of its own metric that counts requests (web/web.go, prometheus_http_requests_total).
_COUNTED = re.compile(r'^prometheus_http_requests_total\{[^}]*handler="([^"]*)"[^}]*\} (\S+)$', re.MULTILINE)
# So much of an answer that is none of Prometheus' is shown.
TEXT_BYTES = 200

# With 503 and an object of kind Status the API server's proxy says that no pod behind the Service answered; from a
# Prometheus that starts a 503 has other words. 502 and 504 come from what is between us and the API server.
NO_ANSWER = 503
BETWEEN = frozenset({502, 504})
# With an object of kind Status it is the API server's own word.
FORBIDDEN = 403
# Prometheus' answer to a request that it does not understand.
BAD_REQUEST = 400


class PrometheusError(ClusterError):
    """Prometheus gave no usable answer. *reached* is False if the answer is not from a pod behind its Service.

    *refused*: the API server does not let the account use its proxy.
    """

    def __init__(self, message: str, *, reached: bool = True, refused: bool = False) -> None:
        super().__init__(message)
        self.reached = reached
        self.refused = refused


class Prometheus:
    """One Prometheus behind a Service of a cluster; *patience* says what the next request may take.

    *prefix*: the path below which it answers, empty or without a last slash. *port* is the name of the Service's port.
    """

    def __init__(
        self,
        cluster: Cluster,
        *,
        namespace: str,
        service: str,
        prefix: str = "",
        port: str = PORT_NAME,
        patience: t.Callable[[], Patience] = lambda: BRIEF,
    ) -> None:
        self._cluster = cluster
        self._patience = patience
        self._root = f"/api/v1/namespaces/{quote(namespace)}/services/{quote(service)}:{port}/proxy{prefix}"

    def _get(self, path: str, query: t.Mapping[str, str] | None = None) -> JsonObject:
        status, data = self._cluster.send("GET", self._root + path, query=query, patience=self._patience())
        try:
            answer = json.loads(data)
        except ValueError:
            text = " ".join(data[:TEXT_BYTES].decode(errors="replace").split())
            raise PrometheusError(f"HTTP {status}: {text}", reached=status not in BETWEEN) from None
        if not isinstance(answer, dict) or answer.get("status") != "success":
            said = (answer.get("error") or answer.get("message")) if isinstance(answer, dict) else None
            by_server = isinstance(answer, dict) and answer.get("kind") == "Status"
            reached = not (by_server and status == NO_ANSWER) and status not in BETWEEN
            text = f"HTTP {status}: {said or str(answer)[:TEXT_BYTES]}"
            raise PrometheusError(text, reached=reached, refused=by_server and status == FORBIDDEN)
        found = answer.get("data")
        if not isinstance(found, dict):
            raise PrometheusError(f"HTTP {status}: an answer without data: {str(answer)[:200]}")
        return found

    def _get_list(self, name: str, path: str, query: t.Mapping[str, str]) -> list[JsonObject]:
        found = self._get(path, query).get(name)
        if not isinstance(found, list) or not all(isinstance(item, dict) for item in found):
            raise PrometheusError(f"{path}: {name} is not a list of objects: {str(found)[:200]}")
        return found

    def query(self, expression: str) -> list[JsonObject]:
        """The result of an instant query: ``{"metric": …, "value": [time, text]}`` each; raises PrometheusError."""
        return self._get_list("result", "/api/v1/query", {"query": expression})

    def active_targets(self) -> list[JsonObject]:
        """The active targets, with ``labels``, ``health``, ``lastError`` and ``scrapeUrl``."""
        return self._get_list("activeTargets", "/api/v1/targets", {"state": "active"})

    def stores(self) -> list[JsonObject]:
        """What a Thanos Query asks, with ``name`` (its address), ``lastError`` and ``labelSets``."""
        found = self._get("/api/v1/stores")
        return [one for stores in found.values() for one in stores or () if isinstance(one, dict)]

    def scrape_pools(self) -> list[str]:
        """The names of its jobs: ``podMonitor/<namespace>/<name>/<number>`` of what the operator made of a monitor."""
        found = self._get("/api/v1/scrape_pools").get("scrapePools")
        if not isinstance(found, list):
            raise PrometheusError(f"/api/v1/scrape_pools: not a list: {str(found)[:200]}")
        return [str(name) for name in found]

    def rule_groups(self) -> list[JsonObject]:
        """The groups of rules that are loaded, with ``name`` and ``rules``, each with ``health`` and ``lastError``."""
        return self._get_list("groups", "/api/v1/rules", {})

    def runtime_info(self) -> JsonObject:
        """``/api/v1/status/runtimeinfo``: among others ``reloadConfigSuccess``."""
        return self._get("/api/v1/status/runtimeinfo")

    def largest_metrics(self, number: int) -> tuple[tuple[str, int], ...]:
        """The *number* metrics with the most series in its head, each with their count (``/api/v1/status/tsdb``)."""
        found = self._get_list("seriesCountByMetricName", "/api/v1/status/tsdb", {"limit": str(number)})
        return tuple((str(one["name"]), int(one["value"])) for one in found)

    def configuration(self) -> str:
        """``/api/v1/status/config``: the configuration that it runs with, in YAML, without secrets."""
        return str(self._get("/api/v1/status/config")["yaml"])

    def refusal_of(self, selector: str) -> str:
        """Why this Prometheus does not take *selector* in ``match[]``, in its own words; empty if it takes it.

        ``/api/v1/series`` parses it as ``/federate`` does. It looks at one series of one moment.
        """
        now = f"{time.time():.0f}"
        path = f"{self._root}/api/v1/series"
        query = {"match[]": selector, "start": now, "end": now, "limit": "1"}
        status, data = self._cluster.send("GET", path, query=query, patience=self._patience())
        if status != BAD_REQUEST:
            return ""
        try:
            answer = json.loads(data)
        except ValueError:
            answer = None
        said = answer.get("error") if isinstance(answer, dict) else None
        return str(said or data[:TEXT_BYTES].decode(errors="replace"))

    def federate(self, selectors: t.Sequence[str], *, seconds: float) -> tuple[bytes, float]:
        """The body of ``/federate`` for *selectors*, and the seconds that it took; at most *seconds* are waited."""
        patience = dataclasses.replace(self._patience(), attempts=1, read=seconds, total=seconds)
        began = time.monotonic()
        return self._text("/federate", query={"match[]": list(selectors)}, patience=patience), time.monotonic() - began

    def own_metrics(self, names: t.Collection[str]) -> dict[str, float]:
        """The values of those of its own metrics without labels that have one of *names*, from ``/metrics``."""
        text = self._text("/metrics", query=None, patience=self._patience()).decode(errors="replace")
        pairs = (line.split() for line in text.splitlines() if not line.startswith("#"))
        return {pair[0]: float(pair[1]) for pair in pairs if len(pair) >= 2 and pair[0] in names}

    def counted_requests(self) -> dict[str, float]:
        """How many requests it has answered so far, by their handler (``/api/v1/read``), from ``/metrics``."""
        text = self._text("/metrics", query=None, patience=self._patience()).decode(errors="replace")
        counted: dict[str, float] = {}
        for handler, value in _COUNTED.findall(text):
            counted[handler] = counted.get(handler, 0.0) + float(value)
        return counted

    def _text(self, path: str, *, query: t.Mapping[str, t.Any] | None, patience: Patience) -> bytes:
        status, data = self._cluster.send("GET", self._root + path, query=query, patience=patience)
        if status >= 300:
            text = " ".join(data[:TEXT_BYTES].decode(errors="replace").split())
            raise PrometheusError(f"HTTP {status}: {text}", reached=status not in BETWEEN)
        return data
