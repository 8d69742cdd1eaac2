# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Sends what the rows of the matrix say, each with the credential of its row."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field

from ansible_collections.promfleet.monitoring.plugins.module_utils._api.client import Cluster
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.errors import ApiError, Unreachable
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.retry import BRIEF
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.marks import MONITORING, MONITORING_ALPHA
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.parallel import side_by_side
from ansible_collections.promfleet.monitoring.plugins.module_utils._isolation.model import (
    Ask,
    Configured,
    Put,
    Review,
    Row,
    filled,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._isolation.outcome import (
    TAKEN,
    Sent,
    sent_by_answer,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.options import WORKERS

JsonObject = dict[str, t.Any]

# On every object that an attack or a control stores, so that the next run finds what a killed one left.
ATTACK_LABEL = "promfleet.monitoring/isolation"
# What people may make; a run removes all of it from their namespaces.
MADE_KINDS = (
    (MONITORING, "ServiceMonitor"),
    (MONITORING, "PodMonitor"),
    (MONITORING, "Probe"),
    (MONITORING, "PrometheusRule"),
    (MONITORING_ALPHA, "AlertmanagerConfig"),
    (MONITORING_ALPHA, "ScrapeConfig"),
)
_DRY = {"dryRun": "All"}


@dataclass(frozen=True, kw_only=True)
class Sender:
    """Sends actions. *clusters* are connections by credential, *acting* gives one that acts as somebody else."""

    clusters: t.Mapping[str, Cluster]
    acting: t.Callable[[str, str, t.Sequence[str]], Cluster]
    places: t.Mapping[str, str]
    own: str
    reviews: t.Mapping[str, Sent] = field(default_factory=dict)

    def send_all(self, rows: t.Sequence[Row], *, dry: bool = False) -> dict[str, Sent]:
        """How the API server took the action of each row, by its id; with *dry* nothing is stored."""
        sent = side_by_side(lambda row: self.send(row, dry=dry), rows, workers=WORKERS)
        return dict(zip((row.id for row in rows), sent, strict=True))

    def send(self, row: Row, *, dry: bool = False) -> Sent:
        """How the API server took one action."""
        action = row.action
        if isinstance(action, Configured):
            return TAKEN
        if isinstance(action, Review):
            return self.reviews.get(row.id, Sent(problem=True, said="no account was asked for"))
        cluster = self.clusters[row.credential]
        places = {**self.places, "id": row.id}
        try:
            if isinstance(action, Put):
                for obj in action.objects:
                    self._create(cluster, filled(obj, places), dry=dry or not action.keeps)
                return TAKEN
            return self._ask(cluster, row.credential, filled_ask(action, places), dry=dry)
        except ApiError as error:
            return sent_by_answer(error.status, error.server_message)
        except Unreachable as error:
            return Sent(problem=True, said=str(error))

    def _create(self, cluster: Cluster, obj: JsonObject, *, dry: bool) -> None:
        resource = cluster.resource(obj["apiVersion"], obj["kind"])
        if resource is None:
            raise Unreachable(f"the API server does not serve {obj['kind']}")
        metadata = {"namespace": self.own, **obj["metadata"]} if resource.namespaced else dict(obj["metadata"])
        metadata["labels"] = {ATTACK_LABEL: "true", **(metadata.get("labels") or {})}
        path = resource.path(namespace=metadata.get("namespace"))
        query = {"fieldManager": "promfleet-isolation", "fieldValidation": "Strict", **(_DRY if dry else {})}
        cluster.request("POST", path, query=query, body={**obj, "metadata": metadata}, patience=BRIEF)

    def _ask(self, cluster: Cluster, credential: str, ask: Ask, *, dry: bool) -> Sent:
        if ask.headers:
            token = credential
            user, group = ask.headers["Impersonate-User"], ask.headers["Impersonate-Group"]
            cluster = self.acting(token, user, [group])
        query = {**ask.query, **(_DRY if ask.dry or (dry and ask.method != "GET") else {})}
        status, data = cluster.send(
            ask.method, ask.path, query=query, body=ask.body, content_type=ask.content_type, patience=BRIEF
        )
        text = data[:2000].decode(errors="replace")
        if status in (401, 403, 422):
            return sent_by_answer(status, text)
        # Any other answer came from behind the authorizer: exec without an upgrade of the connection is a 400, an
        # object that does not exist is a 404.
        return Sent(said=f"HTTP {status}")


def filled_ask(ask: Ask, places: t.Mapping[str, str]) -> Ask:
    """The request with its places filled in. Pure."""
    return Ask(
        method=ask.method,
        path=filled(ask.path, places),
        query=filled(ask.query, places),
        body=filled(ask.body, places),
        content_type=ask.content_type,
        headers=ask.headers,
        dry=ask.dry,
    )


def clear(people: Cluster, *, namespace: str) -> None:
    """Remove what attacks and controls stored in the team's own namespace, as its people may do it.

    A kind that they may not delete, they could not make either.
    """
    for api_version, kind in MADE_KINDS:
        resource = people.resource(api_version, kind)
        if resource is None:
            continue
        path = resource.path(namespace=namespace)
        # Without the patience for 403: it is the answer for kinds that are not theirs.
        people.send("DELETE", path, query={"labelSelector": f"{ATTACK_LABEL}=true"}, patience=BRIEF)
