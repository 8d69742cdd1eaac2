# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The pages of both parts: at which URL people open them, and through which gateway. Pure.

Prometheus and Alertmanager authenticate no one. So there is no option for an Ingress that leads to them without
another program in between: people come through a gateway or proxy that knows them, which is made elsewhere.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field

from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.common.objects import (
    JsonObject,
    pods_in,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._input import grammar
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.errors import Errors
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.validate import (
    Values,
    require,
    text_mapping,
)

GATEWAY_OPTION: dict[str, t.Any] = {
    "type": "dict",
    "options": {
        "namespace": {"type": "str", "required": True},
        "pod_labels": {"type": "dict", "default": {}},
    },
}
WEB_OPTION: dict[str, t.Any] = {
    "type": "dict",
    "options": {
        "external_url": {"type": "str"},
        "route_prefix": {"type": "str"},
        "gateway": GATEWAY_OPTION,
    },
}


@dataclass(frozen=True, kw_only=True)
class Gateway:
    """The pods through which people reach the pages: those of *namespace*, all or those with *pod_labels*."""

    namespace: str
    pod_labels: t.Mapping[str, str] = field(default_factory=dict)

    def peer(self) -> JsonObject:
        """The gateway as a peer of a NetworkPolicy."""
        return pods_in(self.namespace, self.pod_labels)


@dataclass(frozen=True, kw_only=True)
class Web:
    """*external_url* is empty where the pages have no URL for people.

    *route_prefix*, the path below which the part answers, is empty or without a last slash.
    """

    external_url: str = ""
    route_prefix: str = ""
    gateway: Gateway | None = None

    def fields(self) -> JsonObject:
        """The fields of both custom resources."""
        fields = {"externalUrl": self.external_url, "routePrefix": self.route_prefix}
        return {name: value for name, value in fields.items() if value}


NO_WEB = Web()


def parse_web(values: Values | None, *, path: str, errors: Errors) -> Web:
    """What validated *values* of WEB_OPTION describe."""
    if values is None:
        return NO_WEB
    url, prefix = values["external_url"] or "", values["route_prefix"] or ""
    if url:
        require(page_url, url, path=f"{path}.external_url", errors=errors)
    if prefix and prefix != "/":
        require(grammar.path_prefix, prefix, path=f"{path}.route_prefix", errors=errors)
    return Web(
        external_url=url,
        route_prefix=prefix.rstrip("/"),
        gateway=parse_gateway(values["gateway"], path=f"{path}.gateway", errors=errors),
    )


def parse_gateway(values: Values | None, *, path: str, errors: Errors) -> Gateway | None:
    """What validated *values* of GATEWAY_OPTION describe."""
    if values is None:
        return None
    require(grammar.dns_label, values["namespace"], path=f"{path}.namespace", errors=errors)
    labels = text_mapping(
        values["pod_labels"],
        path=f"{path}.pod_labels",
        check_name=grammar.qualified_name,
        check_value=grammar.label_value,
        errors=errors,
    )
    return Gateway(namespace=values["namespace"], pod_labels=labels)


def page_url(text: str) -> str | None:
    """Check the URL at which people open pages."""
    if "?" in text or "#" in text:
        return f"{text!r} must end with its path: links to pages are made of it"
    return grammar.web_url(text)
