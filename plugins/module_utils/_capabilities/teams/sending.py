# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where an instance sends its series: ends of remote_write that a team gives, and a Thanos sidecar. Pure.

What federation writes to central clusters (``transport: remote_write`` of a source) comes beside these ends, and how a
sidecar serves others (``transport: thanos``) beside what the team says of it.
"""

from __future__ import annotations

import re
import typing as t
from dataclasses import dataclass, field

from ansible_collections.promfleet.monitoring.plugins.module_utils._base.versions import THANOS
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.common.credentials import (
    BASIC_AUTH_OPTIONS,
    BEARER_TOKEN_OPTIONS,
    CA_OPTIONS,
    CERT_OPTIONS,
    TLS_OPTIONS,
    check_credentials,
    check_references,
    credential_fields,
    reference,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.common.objects import burstable
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.common.resources import (
    RESOURCES_OPTION,
    Resources,
    resources,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._input import grammar
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.errors import Errors, Place
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.validate import (
    Values,
    given_only,
    require,
    text_mapping,
    validate_list,
    validate_mapping,
)

JsonObject = dict[str, t.Any]

REMOTE_WRITE_OPTION: dict[str, t.Any] = {
    "type": "list",
    "elements": "dict",
    "default": [],
    "options": {
        "name": {"type": "str", "required": True},
        "url": {"type": "str", "required": True},
        "headers": {"type": "dict", "default": {}},
        "write_relabel_configs": {"type": "list", "elements": "dict", "default": []},
        "tls_config": {"type": "dict", "options": TLS_OPTIONS},
        "basic_auth": {"type": "dict", "options": BASIC_AUTH_OPTIONS},
        "bearer_token": {"type": "dict", "options": BEARER_TOKEN_OPTIONS, "no_log": False},
        "timeout": {"type": "str"},
        "send_exemplars": {"type": "bool"},
        "send_native_histograms": {"type": "bool"},
        "message_version": {"type": "str", "choices": ["V1.0", "V2.0"]},
        "queue": {"type": "dict", "default": {}},
    },
}
THANOS_OPTION: dict[str, t.Any] = {
    "type": "dict",
    "options": {
        "version": {"type": "str", "default": THANOS},
        "object_storage": {
            "type": "dict",
            "options": {
                "secret": {"type": "str", "required": True, "no_log": False},
                "key": {"type": "str", "default": "thanos.yaml", "no_log": False},
            },
        },
        "resources": RESOURCES_OPTION,
    },
}

# How a sidecar serves others than its own cluster.
SIDECAR_OPTIONS: dict[str, dict[str, t.Any]] = {
    "certificate": {"type": "dict", "required": True, "options": CERT_OPTIONS},
    "client_ca": {"type": "dict", "required": True, "options": CA_OPTIONS},
}

# As the operator's CRD has them.
_RELABELING: dict[str, dict[str, t.Any]] = {
    "sourceLabels": {"type": "list", "elements": "str"},
    "separator": {"type": "str"},
    "targetLabel": {"type": "str"},
    "regex": {"type": "str"},
    "modulus": {"type": "int"},
    "replacement": {"type": "str"},
    "action": {
        "type": "str",
        "choices": [
            "dropequal", "drop", "hashmod", "keep", "keepequal", "labeldrop", "labelkeep", "labelmap", "lowercase",
            "replace", "uppercase",
        ],
        "default": "replace",
    },
}  # fmt: skip
_NEEDS_TARGET = ("dropequal", "hashmod", "keepequal", "lowercase", "replace", "uppercase")
_QUEUE: dict[str, dict[str, t.Any]] = {
    "capacity": {"type": "int"},
    "minShards": {"type": "int"},
    "maxShards": {"type": "int"},
    "maxSamplesPerSend": {"type": "int"},
    "maxRetries": {"type": "int"},
    "batchSendDeadline": {"type": "str"},
    "minBackoff": {"type": "str"},
    "maxBackoff": {"type": "str"},
    "sampleAgeLimit": {"type": "str"},
    "retryOnRateLimit": {"type": "bool"},
}
# Prometheus sets these itself (reservedHeaders in its config/config.go), or they hold a credential.
_OWN_HEADERS = frozenset(
    {
        "accept-encoding", "connection", "content-encoding", "content-length", "content-type", "host", "keep-alive",
        "proxy-authenticate", "user-agent", "www-authenticate", "x-amz-content-sha256", "x-amz-date",
        "x-prometheus-remote-read-version", "x-prometheus-remote-write-version",
    }
)  # fmt: skip
_CREDENTIALS = re.compile(r"authorization|cookie|password|secret|token|api-?key", re.IGNORECASE)
_HEADER = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")

# What Secrets must be beside.
_BESIDE = "the team's instance"
# Chosen, not measured: the process holds the index headers of the blocks on the volume, and uploads one at a time.
_THANOS_RESOURCES = Resources(cpu="50m", memory="256Mi")
_THANOS_VERSION = grammar.version_from("0.24.0", who="the operator")


@dataclass(frozen=True, kw_only=True)
class RemoteWrite:
    """One end to which series are sent; *fields* are those of the custom resource. *path*: its place in the input."""

    name: str
    url: str
    fields: JsonObject
    path: str = field(default="", compare=False)


# Where a sidecar finds its certificate, and the authority of its clients.
_SERVING_FOLDER = "/etc/thanos/serving"
_CERTIFICATE, _CLIENT_CA = "thanos-certificate", "thanos-client-ca"
# Secrets are read by the group of the pod's volumes.
_MODE = 0o440


@dataclass(frozen=True, kw_only=True)
class Serving:
    """How a sidecar serves clients with a certificate; both are as the user gave them, checked (SIDECAR_OPTIONS)."""

    certificate: t.Mapping[str, t.Any]
    client_ca: t.Mapping[str, t.Any]

    @property
    def given(self) -> JsonObject:
        """The same as options."""
        return {"certificate": dict(self.certificate), "client_ca": dict(self.client_ca)}

    def volumes(self) -> list[JsonObject]:
        """The volumes of the pod. What is missing does not keep Prometheus from starting: only the sidecar needs it."""
        certificate, client_ca = self.certificate, self.client_ca
        keys = {"tls.crt": certificate["cert_key"], "tls.key": certificate["key_key"]}
        items = [{"key": key, "path": path} for path, key in keys.items()]
        authority: JsonObject = {
            "items": [{"key": client_ca["key"], "path": "ca.crt"}],
            "defaultMode": _MODE,
            "optional": True,
        }
        return [
            {
                "name": _CERTIFICATE,
                "secret": {
                    "secretName": certificate["secret"],
                    "items": items,
                    "defaultMode": _MODE,
                    "optional": True,
                },
            },
            {
                "name": _CLIENT_CA,
                **(
                    {"secret": {"secretName": client_ca["secret"], **authority}}
                    if client_ca["secret"]
                    else {"configMap": {"name": client_ca["config_map"], **authority}}
                ),
            },
        ]

    @staticmethod
    def fields() -> JsonObject:
        """What the field ``thanos`` of a Prometheus gets of this."""
        return {
            "grpcServerTlsConfig": {
                "certFile": f"{_SERVING_FOLDER}/{_CERTIFICATE}/tls.crt",
                "keyFile": f"{_SERVING_FOLDER}/{_CERTIFICATE}/tls.key",
                "caFile": f"{_SERVING_FOLDER}/{_CLIENT_CA}/ca.crt",
            },
            "volumeMounts": [
                {"name": name, "mountPath": f"{_SERVING_FOLDER}/{name}", "readOnly": True}
                for name in (_CERTIFICATE, _CLIENT_CA)
            ],
        }


def parse_serving(values: Values, *, path: str, errors: Errors) -> Serving:
    """How a sidecar serves, from validated *values* (SIDECAR_OPTIONS)."""
    check_references(values["certificate"], path=f"{path}.certificate", beside=_BESIDE, errors=errors)
    check_references(values["client_ca"], path=f"{path}.client_ca", beside=_BESIDE, errors=errors)
    if errors.is_good(f"{path}.client_ca") and bool(values["client_ca"]["secret"]) == bool(
        values["client_ca"]["config_map"]
    ):
        errors.add(f"{path}.client_ca", "needs either secret or config_map, the one that holds the clients' authority")
    return Serving(certificate=values["certificate"], client_ca=values["client_ca"])


@dataclass(frozen=True, kw_only=True)
class Thanos:
    """A Thanos sidecar; without *object_storage* (a Secret and its key) it only answers queries.

    *serving*: how it serves other clusters, None where it does not.
    """

    version: str = THANOS
    object_storage: tuple[str, str] | None = None
    resources: Resources = _THANOS_RESOURCES
    serving: Serving | None = None

    def fields(self, image: str | None) -> JsonObject:
        """The field ``thanos`` of a Prometheus; *image* None leaves the registry to the operator."""
        fields: JsonObject = {"version": f"v{self.version}", "resources": burstable(self.resources)}
        if image is not None:
            fields["image"] = image
        if self.object_storage is not None:
            fields["objectStorageConfig"] = reference(*self.object_storage)
        if self.serving is not None:
            fields |= self.serving.fields()
        return fields


def parse_remote_write(raw: t.Sequence[Values], *, path: str, errors: Errors) -> tuple[RemoteWrite, ...]:
    """The ends that validated values of REMOTE_WRITE_OPTION describe, in the order of the input."""
    names: dict[str, str] = {}
    urls: dict[str, str] = {}
    found = []
    for number, values in enumerate(raw):
        place = f"{path}[{number}]"
        entry = _remote_write(values, path=place, errors=errors)
        found.append(entry)
        for name, value, places in (("name", entry.name, names), ("url", entry.url, urls)):
            if value and value in places:
                errors.add(f"{place}.{name}", "is that of ", Place(places[value]), " too")
            places.setdefault(value, place)
    return tuple(found)


def _remote_write(values: Values, *, path: str, errors: Errors) -> RemoteWrite:
    # Names with a slash are those of federation: they cannot meet.
    name = require(grammar.dns_label, values["name"], path=f"{path}.name", errors=errors)
    url = require(_write_url, values["url"], path=f"{path}.url", errors=errors)
    fields: JsonObject = {
        "name": name,
        "url": url,
        **credential_fields(
            tls_config=values["tls_config"], basic_auth=values["basic_auth"], bearer_token=values["bearer_token"]
        ),
    }
    _check_access(values, path=path, errors=errors)
    headers = text_mapping(
        values["headers"], path=f"{path}.headers", check_name=_header, check_value=_header_value, errors=errors
    )
    if headers:
        fields["headers"] = headers
    steps = _relabelings(values["write_relabel_configs"], path=f"{path}.write_relabel_configs", errors=errors)
    if steps:
        fields["writeRelabelConfigs"] = steps
    if values["timeout"]:
        fields["remoteTimeout"] = require(grammar.duration, values["timeout"], path=f"{path}.timeout", errors=errors)
    queue = _queue(values["queue"], path=f"{path}.queue", errors=errors)
    if queue:
        fields["queueConfig"] = queue
    for option, key in (
        ("send_exemplars", "sendExemplars"),
        ("send_native_histograms", "sendNativeHistograms"),
        ("message_version", "messageVersion"),
    ):
        if values[option] is not None:
            fields[key] = values[option]
    return RemoteWrite(name=name, url=url, fields=fields, path=path)


def _check_access(values: Values, *, path: str, errors: Errors) -> None:
    check_credentials(values, path=path, beside=_BESIDE, errors=errors)
    if not errors.is_good(f"{path}.url") or values["url"].startswith("https:"):
        return
    for name, sent in (("tls_config", ""), ("basic_auth", True), ("bearer_token", True)):
        if values[name] is not None:
            unsafe = ": it would be sent without encryption" if sent else ""
            errors.add(f"{path}.{name}", f"needs a url that begins with https{unsafe}")


def _relabelings(raw: t.Sequence[object], *, path: str, errors: Errors) -> list[JsonObject]:
    steps = []
    for number, values in enumerate(validate_list(raw, _RELABELING, path=path, errors=errors)):
        place = f"{path}[{number}]"
        if not errors.is_good(f"{place}.action"):
            continue
        if values["action"] in _NEEDS_TARGET and not values["targetLabel"]:
            errors.add(f"{place}.targetLabel", f"is required where action is {values['action']}")
        if values["action"] == "hashmod" and not values["modulus"]:
            errors.add(f"{place}.modulus", "is required where action is hashmod")
        steps.append(given_only(values))
    return steps


def _queue(raw: t.Mapping[str, t.Any], *, path: str, errors: Errors) -> JsonObject:
    values = validate_mapping(raw, _QUEUE, path=path, errors=errors)
    for name, value in values.items():
        if isinstance(value, str):
            require(grammar.duration, value, path=f"{path}.{name}", errors=errors)
        elif value is not None and not isinstance(value, bool) and value < 1:
            errors.add(f"{path}.{name}", f"must be at least 1, found {value}")
    return given_only(values)


def parse_thanos(values: Values | None, *, path: str, errors: Errors) -> Thanos | None:
    """The sidecar that validated *values* of THANOS_OPTION describe; None without any."""
    if values is None:
        return None
    storage = values["object_storage"]
    if storage is not None:
        check_references(storage, path=f"{path}.object_storage", beside=_BESIDE, errors=errors)
    return Thanos(
        version=grammar.plain_version(
            require(_THANOS_VERSION, values["version"], path=f"{path}.version", errors=errors)
        ),
        object_storage=None if storage is None else (storage["secret"], storage["key"]),
        resources=resources(values["resources"], default=_THANOS_RESOURCES, path=f"{path}.resources", errors=errors),
    )


def _write_url(text: str) -> str | None:
    if "#" in text:
        return "must not have a fragment (#)"
    return grammar.web_url(text)


def _header(text: str) -> str | None:
    # The value is not repeated anywhere: it can be the secret itself.
    if _CREDENTIALS.search(text):
        return "would be readable in the custom resource; credentials come from a Secret: basic_auth or bearer_token"
    if text.lower() in _OWN_HEADERS:
        return f"{text!r} is set by Prometheus itself"
    return None if _HEADER.fullmatch(text) else f"{text!r} is not the name of an HTTP header"


def _header_value(text: str) -> str | None:
    return None if text.isprintable() else "must be one line of printable text"
