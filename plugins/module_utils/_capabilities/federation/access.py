# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How the central side gets access to an instance: its path, the check of its certificate, credentials. Pure.

Credentials are references to Secrets in the namespace of the central instance. Their values are never in the input.
"""

from __future__ import annotations

import re
import typing as t
from dataclasses import dataclass

from ansible_collections.promfleet.monitoring.plugins.module_utils._input import grammar
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.errors import Errors
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.validate import Values, require

JsonObject = dict[str, t.Any]

FEDERATE = "/federate"

# Keys by default: those of the Secret types kubernetes.io/tls and kubernetes.io/basic-auth, that which cert-manager
# gives to a certificate authority, and that of a ServiceAccount's token. The options are names, not secrets.
_NAME = {"type": "str", "required": True, "no_log": False}


def _key(default: str) -> JsonObject:
    return {"type": "str", "default": default, "no_log": False}


CA_OPTIONS: dict[str, dict[str, t.Any]] = {
    "secret": {"type": "str", "no_log": False},
    "config_map": {"type": "str"},
    "key": _key("ca.crt"),
}
CERT_OPTIONS: dict[str, dict[str, t.Any]] = {
    "secret": _NAME,
    "cert_key": _key("tls.crt"),
    "key_key": _key("tls.key"),
}
_TLS_OPTIONS: dict[str, dict[str, t.Any]] = {
    "ca": {"type": "dict", "options": CA_OPTIONS},
    "cert": {"type": "dict", "options": CERT_OPTIONS},
    "server_name": {"type": "str"},
    "insecure_skip_verify": {"type": "bool", "default": False},
}
_BASIC_AUTH_OPTIONS: dict[str, dict[str, t.Any]] = {
    "secret": _NAME,
    "username_key": _key("username"),
    "password_key": _key("password"),
}
_BEARER_TOKEN_OPTIONS: dict[str, dict[str, t.Any]] = {"secret": _NAME, "key": _key("token")}

ACCESS_OPTIONS: dict[str, dict[str, t.Any]] = {
    "scheme": {"type": "str", "choices": ["http", "https"], "default": "http"},
    "path_prefix": {"type": "str"},
    "tls_config": {"type": "dict", "options": _TLS_OPTIONS},
    "basic_auth": {"type": "dict", "options": _BASIC_AUTH_OPTIONS},
    "bearer_token": {"type": "dict", "options": _BEARER_TOKEN_OPTIONS, "no_log": False},
}

# What stays itself in a path (RFC 3986), without an escape that the two sides could read in different ways.
_PATH_PREFIX = re.compile(r"(?:/[A-Za-z0-9._~-]+)+")
_CREDENTIALS = ("basic_auth", "bearer_token")


@dataclass(frozen=True, kw_only=True)
class Access:
    """How the central side reads an instance.

    *path_prefix* is empty or begins with a slash and ends without one. The mappings are as the user gave them, checked
    and with their defaults: ACCESS_OPTIONS describes them. None is not given.
    """

    scheme: str = "http"
    path_prefix: str = ""
    tls_config: t.Mapping[str, t.Any] | None = None
    basic_auth: t.Mapping[str, t.Any] | None = None
    bearer_token: t.Mapping[str, t.Any] | None = None

    @property
    def path(self) -> str:
        """Where the instance answers."""
        return f"{self.path_prefix}{FEDERATE}"

    @property
    def is_unverified(self) -> bool:
        """Whether the central side takes any certificate, so that any server in between can read and answer."""
        return bool(self.tls_config and self.tls_config["insecure_skip_verify"])

    @property
    def given(self) -> JsonObject:
        """The same as options, without those that are not given."""
        options = {
            "path_prefix": self.path_prefix,
            "tls_config": self.tls_config,
            "basic_auth": self.basic_auth,
            "bearer_token": self.bearer_token,
        }
        return {"scheme": self.scheme, **{name: value for name, value in options.items() if value}}


def access_fields(access: Access) -> JsonObject:
    """The fields by which a ServiceMonitor's endpoint and a ScrapeConfig name certificates and credentials alike."""
    fields: JsonObject = {}
    tls = _tls_fields(access.tls_config or {})
    if tls:
        fields["tlsConfig"] = tls
    basic, bearer = access.basic_auth, access.bearer_token
    if basic is not None:
        fields["basicAuth"] = {
            "username": _reference(basic["secret"], basic["username_key"]),
            "password": _reference(basic["secret"], basic["password_key"]),
        }
    if bearer is not None:
        fields["authorization"] = {"type": "Bearer", "credentials": _reference(bearer["secret"], bearer["key"])}
    return fields


def _tls_fields(given: t.Mapping[str, t.Any]) -> JsonObject:
    fields: JsonObject = {}
    ca, cert = given.get("ca"), given.get("cert")
    if ca and ca["secret"]:
        fields["ca"] = {"secret": _reference(ca["secret"], ca["key"])}
    elif ca:
        fields["ca"] = {"configMap": _reference(ca["config_map"], ca["key"])}
    if cert:
        fields["cert"] = {"secret": _reference(cert["secret"], cert["cert_key"])}
        fields["keySecret"] = _reference(cert["secret"], cert["key_key"])
    if given.get("server_name"):
        fields["serverName"] = given["server_name"]
    if given.get("insecure_skip_verify"):
        fields["insecureSkipVerify"] = True
    return fields


def _reference(name: str, key: str) -> JsonObject:
    return {"name": name, "key": key}


def parse_access(values: Values, *, path: str, errors: Errors) -> Access:
    """The part of validated *values* that ACCESS_OPTIONS describes."""
    access = Access(
        scheme=values["scheme"],
        path_prefix=require(_path_prefix, values["path_prefix"], path=f"{path}.path_prefix", errors=errors)
        if values["path_prefix"]
        else "",
        tls_config=values["tls_config"],
        basic_auth=values["basic_auth"],
        bearer_token=values["bearer_token"],
    )
    if access.tls_config is not None:
        _check_tls(access.tls_config, path=f"{path}.tls_config", errors=errors)
    for name in _CREDENTIALS:
        if values[name] is not None:
            check_references(values[name], path=f"{path}.{name}", errors=errors)
    _check_together(access, path=path, errors=errors)
    return access


def _check_tls(given: t.Mapping[str, t.Any], *, path: str, errors: Errors) -> None:
    ca = given["ca"]
    if ca is not None:
        if bool(ca["secret"]) == bool(ca["config_map"]):
            errors.add(f"{path}.ca", "needs either secret or config_map, the one that holds the certificate authority")
        check_references(ca, path=f"{path}.ca", errors=errors)
        if given["insecure_skip_verify"]:
            errors.add(f"{path}.insecure_skip_verify", "cannot be true where ca is given: ca would not be used")
    if given["cert"] is not None:
        check_references(given["cert"], path=f"{path}.cert", errors=errors)
    if given["server_name"]:
        require(grammar.host, given["server_name"], path=f"{path}.server_name", errors=errors)


def check_references(given: t.Mapping[str, t.Any], *, path: str, errors: Errors) -> None:
    """Check the names of a Secret or ConfigMap and of its keys.

    Messages do not repeat what was given: it can be the secret itself, by mistake.
    """
    for name, value in given.items():
        if value is None:
            continue
        if name not in ("secret", "config_map"):
            if grammar.data_key(value) is not None:
                errors.add(
                    f"{path}.{name}",
                    "must be the name of a key in the Secret or ConfigMap, of letters, digits, '-', '_' and '.'",
                )
        elif grammar.dns_subdomain(value) is not None:
            kind = "Secret" if name == "secret" else "ConfigMap"
            errors.add(f"{path}.{name}", f"must be the name of a {kind} beside the central instance")


def _check_together(access: Access, *, path: str, errors: Errors) -> None:
    if not errors.is_good(f"{path}.scheme"):
        return
    if access.basic_auth is not None and access.bearer_token is not None:
        errors.add(f"{path}.bearer_token", "cannot be given together with basic_auth: a request has one of them")
    if access.scheme == "https":
        return
    if access.tls_config is not None:
        errors.add(f"{path}.tls_config", f"needs scheme to be https, found {access.scheme!r}")
    for name, given in ((name, getattr(access, name)) for name in _CREDENTIALS):
        if given is not None:
            errors.add(
                f"{path}.{name}",
                f"needs scheme to be https, found {access.scheme!r}: it would be sent without encryption",
            )


def _path_prefix(text: str) -> str | None:
    if not _PATH_PREFIX.fullmatch(text) or {".", ".."} & set(text.split("/")):
        return f"{text!r} is not a path such as /prometheus; begin it with a slash, and end it without one"
    if text.endswith(FEDERATE):
        return f"{text!r} must not end with {FEDERATE}, which is added to it"
    return None
