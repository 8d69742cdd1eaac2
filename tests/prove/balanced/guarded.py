"""An instance that is there already: a Prometheus with TLS, certificates of clients and passwords of its own.

It looks at its web configuration, and at the files that this names, with each connection and each request.
"""

from __future__ import annotations

import json
import typing as t

from promlab.images import WORKLOAD_IMAGES

JsonObject = dict[str, t.Any]
Secret = t.Mapping[str, str]

GUARDED = NAMESPACE = "guarded"
NAME = "prometheus.edge.example.com"
LABEL = f"app.kubernetes.io/name={GUARDED}"
LABELS = dict([LABEL.split("=")])
# The Secrets of its own: what it shows, and whose clients it takes.
SERVER, CLIENTS = "server", "clients"
PORT = 9090
# The users and their passwords, and the hash of each password (bcrypt).
LOGINS = ({"username": "central-1", "password": "first-word"}, {"username": "central-2", "password": "second-word"})
HASHES = {
    "central-1": "$2b$04$abcdefghijklmnopqrstuO9Jq.2Rkwyp6Hhc.5J1eKnYJ.7j5DbwS",
    "central-2": "$2b$04$abcdefghijklmnopqrstuOjPmdKOC3cuZX07sMHgc/pL5XSR7YqTW",
}


def configuration(*logins: Secret) -> JsonObject:
    """Its configuration, in which these logins are taken; JSON is YAML."""
    tls = {
        "cert_file": f"/{SERVER}/tls.crt",
        "key_file": f"/{SERVER}/tls.key",
        "client_auth_type": "RequireAndVerifyClientCert",
        "client_ca_file": f"/{CLIENTS}/ca.crt",
    }
    users = {one["username"]: HASHES[one["username"]] for one in logins}
    files = {
        "web.yml": {"tls_server_config": tls, "basic_auth_users": users},
        "prometheus.yml": {"global": {"evaluation_interval": "5s"}, "rule_files": ["/configuration/rules.yml"]},
        "rules.yml": {"groups": [{"name": "any", "rules": [{"record": "guarded:one:sum", "expr": "vector(1)"}]}]},
    }
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": GUARDED, "namespace": NAMESPACE},
        "data": {name: json.dumps(content) for name, content in files.items()},
    }


def objects() -> list[JsonObject]:
    """The instance, and a Service of type LoadBalancer in front of it."""
    volumes = [
        {"name": "configuration", "configMap": {"name": GUARDED}},
        *({"name": name, "secret": {"secretName": name}} for name in (SERVER, CLIENTS)),
    ]
    (image,) = [one.reference for one in WORKLOAD_IMAGES if one.name == "prometheus"]
    container = {
        "name": "prometheus",
        "image": image,
        "args": [
            "--config.file=/configuration/prometheus.yml",
            "--web.config.file=/configuration/web.yml",
            "--storage.tsdb.path=/prometheus/data",
        ],
        "ports": [{"name": "https", "containerPort": PORT}],
        "volumeMounts": [{"name": one["name"], "mountPath": f"/{one['name']}"} for one in volumes],
    }
    metadata = {"name": GUARDED, "namespace": NAMESPACE}
    deployment = {
        "selector": {"matchLabels": LABELS},
        "template": {"metadata": {"labels": LABELS}, "spec": {"containers": [container], "volumes": volumes}},
    }
    service = {
        "type": "LoadBalancer",
        "externalTrafficPolicy": "Local",
        "selector": LABELS,
        "ports": [{"name": "https", "port": 443, "targetPort": "https"}],
    }
    return [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}},
        configuration(LOGINS[0]),
        {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata, "spec": deployment},
        {"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": service},
    ]
