"""A source behind the collection's own proxy, with certificates of both ends that cert-manager issues and renews."""

from __future__ import annotations

import base64
import datetime as dt
import typing as t

from tests.integration.support.cluster import Cluster
from tests.prove.workloads.programs import CERT_API, certificate, issuer

JsonObject = dict[str, t.Any]

TEAM = "books"
# Where the instance is on the worker, and the one that reads it on the central cluster.
OF_SOURCE, OF_READER = f"monitoring-{TEAM}", "monitoring-platform"
# Certificates, with the Secrets of the same names, and the Secret on the other cluster that has their authority.
SERVER, READER = f"{TEAM}-server", f"{TEAM}-reader"
SERVERS, READERS = f"{TEAM}-servers", f"{TEAM}-readers"
# The name in each.
SERVER_NAME, READER_NAME = "books.edge.example.com", "central"
LABEL = "app.kubernetes.io/name=kube-rbac-proxy"
DESCRIBED: JsonObject = {
    "team": TEAM,
    "expose": "LoadBalancer",
    "load_balancer": "metallb",
    "scheme": "https",
    "proxy": {"certificate": {"secret": SERVER}, "client_ca": {"secret": READERS}, "clients": [READER_NAME]},
    "tls_config": {"ca": {"secret": SERVERS}, "cert": {"secret": READER}, "server_name": SERVER_NAME},
}


class Issued:
    """A certificate that cert-manager keeps in a Secret of the same name."""

    def __init__(self, cluster: Cluster, name: str, namespace: str) -> None:
        self._cluster, self._name, self._namespace = cluster, name, namespace

    def file(self, key: str) -> bytes:
        """One file of the Secret; empty where it is not there yet."""
        found = self._cluster.find("v1", "Secret", self._name, self._namespace) or {}
        return base64.b64decode((found.get("data") or {}).get(key, ""))

    def order(self, *, usage: str, **spec: t.Any) -> None:
        """Ask for it, from an authority that cert-manager makes first."""
        authority = f"{self._name}-authority"
        for obj in (
            issuer("self", self._namespace),
            certificate(authority, by="self", namespace=self._namespace, isCA=True, commonName=authority),
            issuer(authority, self._namespace, ca={"secretName": authority}),
            certificate(self._name, by=authority, namespace=self._namespace, usages=[usage], **spec),
        ):
            self._cluster.apply(obj, force=True)
        self._cluster.wait_until(lambda: bool(self.file("tls.crt")), f"{self._name} is issued", timeout=120.0)

    def renew(self) -> bytes:
        """Let cert-manager issue it once more, as `cmctl renew` does; the new one."""
        before = self.file("tls.crt")
        path = self._cluster.kind(CERT_API, "Certificate").path(self._namespace, self._name)
        live = self._cluster.request("GET", path)
        others = [one for one in live["status"]["conditions"] if one["type"] != "Issuing"]
        asked = {
            "type": "Issuing",
            "status": "True",
            "reason": "ManuallyTriggered",
            "message": "renewed by hand",
            "lastTransitionTime": dt.datetime.now(tz=dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        }
        body = {**live, "status": {**live["status"], "conditions": [*others, asked]}}
        self._cluster.request("PUT", f"{path}/status", body=body)
        what = f"{self._name} is issued again"
        self._cluster.wait_until(lambda: self.file("tls.crt") not in (b"", before), what, timeout=120.0)
        return self.file("tls.crt")
