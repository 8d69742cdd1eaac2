# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How the central side gets access to an instance: its path, the check of its certificate, credentials. Pure.

Credentials are references to Secrets in the namespace of the central instance. Their values are never in the input.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.common.credentials import (
    BASIC_AUTH_OPTIONS,
    BEARER_TOKEN_OPTIONS,
    TLS_OPTIONS,
    check_references,
    check_tls,
    credential_fields,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._input import grammar
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.errors import Errors
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.validate import Values, require

JsonObject = dict[str, t.Any]

FEDERATE = "/federate"
# What Secrets and ConfigMaps must be beside.
CENTRAL = "the central instance"

ACCESS_OPTIONS: dict[str, dict[str, t.Any]] = {
    "scheme": {"type": "str", "choices": ["http", "https"], "default": "http"},
    "path_prefix": {"type": "str"},
    "tls_config": {"type": "dict", "options": TLS_OPTIONS},
    "basic_auth": {"type": "dict", "options": BASIC_AUTH_OPTIONS},
    "bearer_token": {"type": "dict", "options": BEARER_TOKEN_OPTIONS, "no_log": False},
}

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
    return credential_fields(
        tls_config=access.tls_config, basic_auth=access.basic_auth, bearer_token=access.bearer_token
    )


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
        check_tls(access.tls_config, path=f"{path}.tls_config", beside=CENTRAL, errors=errors)
    for name in _CREDENTIALS:
        if values[name] is not None:
            check_references(values[name], path=f"{path}.{name}", beside=CENTRAL, errors=errors)
    _check_together(access, path=path, errors=errors)
    return access


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
    problem = grammar.path_prefix(text)
    if problem is None and text.endswith(FEDERATE):
        return f"{text!r} must not end with {FEDERATE}, which is added to it"
    return problem
