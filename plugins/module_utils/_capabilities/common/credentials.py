# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Certificates and credentials by reference: options, their check, and the fields of the operator's kinds. Pure.

They are references to Secrets and ConfigMaps beside the object that uses them. Their values are never in the input.
"""

from __future__ import annotations

import typing as t

from ansible_collections.promfleet.monitoring.plugins.module_utils._input import grammar
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.errors import Errors
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.validate import require

JsonObject = dict[str, t.Any]

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
TLS_OPTIONS: dict[str, dict[str, t.Any]] = {
    "ca": {"type": "dict", "options": CA_OPTIONS},
    "cert": {"type": "dict", "options": CERT_OPTIONS},
    "server_name": {"type": "str"},
    "insecure_skip_verify": {"type": "bool", "default": False},
}
BASIC_AUTH_OPTIONS: dict[str, dict[str, t.Any]] = {
    "secret": _NAME,
    "username_key": _key("username"),
    "password_key": _key("password"),
}
BEARER_TOKEN_OPTIONS: dict[str, dict[str, t.Any]] = {"secret": _NAME, "key": _key("token")}


def credential_fields(
    *,
    tls_config: t.Mapping[str, t.Any] | None,
    basic_auth: t.Mapping[str, t.Any] | None,
    bearer_token: t.Mapping[str, t.Any] | None,
) -> JsonObject:
    """The fields by which the operator's kinds name certificates and credentials alike, from checked options."""
    fields: JsonObject = {}
    tls = _tls_fields(tls_config or {})
    if tls:
        fields["tlsConfig"] = tls
    if basic_auth is not None:
        fields["basicAuth"] = {
            "username": reference(basic_auth["secret"], basic_auth["username_key"]),
            "password": reference(basic_auth["secret"], basic_auth["password_key"]),
        }
    if bearer_token is not None:
        credentials = reference(bearer_token["secret"], bearer_token["key"])
        fields["authorization"] = {"type": "Bearer", "credentials": credentials}
    return fields


def _tls_fields(given: t.Mapping[str, t.Any]) -> JsonObject:
    fields: JsonObject = {}
    ca, cert = given.get("ca"), given.get("cert")
    if ca and ca["secret"]:
        fields["ca"] = {"secret": reference(ca["secret"], ca["key"])}
    elif ca:
        fields["ca"] = {"configMap": reference(ca["config_map"], ca["key"])}
    if cert:
        fields["cert"] = {"secret": reference(cert["secret"], cert["cert_key"])}
        fields["keySecret"] = reference(cert["secret"], cert["key_key"])
    if given.get("server_name"):
        fields["serverName"] = given["server_name"]
    if given.get("insecure_skip_verify"):
        fields["insecureSkipVerify"] = True
    return fields


def reference(name: str, key: str) -> JsonObject:
    """A key of a Secret or ConfigMap, as the operator's kinds name it."""
    return {"name": name, "key": key}


def check_tls(given: t.Mapping[str, t.Any], *, path: str, beside: str, errors: Errors) -> None:
    """Check the options of a TLS client; *beside* as in `check_references`."""
    ca = given["ca"]
    if ca is not None:
        if bool(ca["secret"]) == bool(ca["config_map"]):
            errors.add(f"{path}.ca", "needs either secret or config_map, the one that holds the certificate authority")
        check_references(ca, path=f"{path}.ca", beside=beside, errors=errors)
        if given["insecure_skip_verify"]:
            errors.add(f"{path}.insecure_skip_verify", "cannot be true where ca is given: ca would not be used")
    if given["cert"] is not None:
        check_references(given["cert"], path=f"{path}.cert", beside=beside, errors=errors)
    if given["server_name"]:
        require(grammar.host, given["server_name"], path=f"{path}.server_name", errors=errors)


def check_credentials(values: t.Mapping[str, t.Any], *, path: str, beside: str, errors: Errors) -> None:
    """Check the options tls_config, basic_auth and bearer_token of *values*; *beside* as in `check_references`."""
    if values["tls_config"] is not None:
        check_tls(values["tls_config"], path=f"{path}.tls_config", beside=beside, errors=errors)
    for name in ("basic_auth", "bearer_token"):
        if values[name] is not None:
            check_references(values[name], path=f"{path}.{name}", beside=beside, errors=errors)
    if values["basic_auth"] is not None and values["bearer_token"] is not None:
        errors.add(f"{path}.bearer_token", "cannot be given together with basic_auth: a request has one of them")


def check_references(given: t.Mapping[str, t.Any], *, path: str, beside: str, errors: Errors) -> None:
    """Check the names of a Secret or ConfigMap and of its keys.

    *beside*: what they must be beside, in the same namespace. Messages do not repeat what was given: it can be the
    secret itself, by mistake.
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
            errors.add(f"{path}.{name}", f"must be the name of a {kind} beside {beside}")
