# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Exposure: how an instance is made reachable from other clusters, to be read or to be written to. Pure."""

from __future__ import annotations

import ipaddress
import typing as t
from dataclasses import dataclass

from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.federation.access import Access
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.federation.load_balancers import (
    LOAD_BALANCERS,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.federation.proxy import (
    PROXY_OPTIONS,
    Proxy,
    parse_proxy,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._input import grammar
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.errors import Errors
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.validate import (
    Values,
    require_each,
    text_mapping,
)

DEFAULT_ALLOWED_SOURCES = ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7"]
# What a Service calls the families of addresses, with their version.
FAMILIES = {"IPv4": 4, "IPv6": 6}

EXPOSURE_OPTIONS: dict[str, dict[str, t.Any]] = {
    "expose": {"type": "str", "choices": ["LoadBalancer", "NodePort", "Existing"], "default": "LoadBalancer"},
    "node_port": {"type": "int"},
    "load_balancer": {"type": "str", "choices": sorted(LOAD_BALANCERS)},
    "ip_family": {"type": "str", "choices": list(FAMILIES)},
    "annotations": {"type": "dict", "default": {}},
    "health_check_sources": {"type": "list", "elements": "str"},
    "allowed_sources": {"type": "list", "elements": "str", "default": DEFAULT_ALLOWED_SOURCES},
    "proxy": {"type": "dict", "options": PROXY_OPTIONS},
}


@dataclass(frozen=True, kw_only=True)
class Exposure:
    """How each replica of an instance is exposed; where *expose* is Existing nothing is made.

    *allowed_sources* are the ranges of its clients, *health_check_sources* those of a load balancer's health checks.
    *ip_family* is that of its Services, by default the first one of the cluster. With a *proxy* they lead to that.
    """

    expose: str
    node_port: int | None
    ip_family: str | None
    annotations: t.Mapping[str, str]
    health_check_sources: tuple[str, ...]
    allowed_sources: tuple[str, ...]
    proxy: Proxy | None = None

    def allowed_of(self, family: str) -> list[str]:
        """The ranges of its clients that are of this family."""
        return of_family(self.allowed_sources, family)


def of_family(networks: t.Iterable[str], family: str) -> list[str]:
    """Those of *networks* that are of this family (FAMILIES), sorted."""
    return sorted(network for network in networks if ipaddress.ip_network(network).version == FAMILIES[family])


def parse_exposure(values: Values, *, access: Access | None, path: str, errors: Errors) -> Exposure:
    """The part of validated *values* that EXPOSURE_OPTIONS describes; *access* as in `parse_proxy`."""
    allowed = _networks(values["allowed_sources"], path=f"{path}.allowed_sources", errors=errors)
    preset = LOAD_BALANCERS.get(values["load_balancer"] or "")
    checks = values["health_check_sources"]
    if checks is None:
        checks = preset.health_checks if preset is not None else ()
    annotations = text_mapping(
        values["annotations"],
        path=f"{path}.annotations",
        check_name=grammar.qualified_name,
        check_value=_anything,
        errors=errors,
    )
    exposure = Exposure(
        expose=values["expose"],
        node_port=values["node_port"],
        ip_family=values["ip_family"],
        annotations={**annotations, **(preset.annotations if preset is not None else {})},
        health_check_sources=_networks(checks, path=f"{path}.health_check_sources", errors=errors),
        allowed_sources=allowed,
        proxy=None
        if values["proxy"] is None
        else parse_proxy(values["proxy"], access=access, path=f"{path}.proxy", errors=errors),
    )
    problem = None if exposure.node_port is None else grammar.port(exposure.node_port)
    if problem:
        errors.add(f"{path}.node_port", problem)
    if preset is not None:
        _check_contradictions(
            annotations, preset.annotations, load_balancer=values["load_balancer"], path=path, errors=errors
        )
    if errors.is_good(f"{path}.expose"):
        _check_form(exposure, path=path, errors=errors)
        _check_balancer(exposure, values, path=path, errors=errors)
    return exposure


def _networks(given: t.Iterable[str], *, path: str, errors: Errors) -> tuple[str, ...]:
    networks = require_each(grammar.network, given, path=path, errors=errors)
    return tuple(sorted(set(map(grammar.canonical_network, networks))))


def _check_contradictions(
    given: t.Mapping[str, str], preset: t.Mapping[str, str], *, load_balancer: str, path: str, errors: Errors
) -> None:
    """Own annotations may repeat and extend those of a load balancer, but say nothing else: it could become public."""
    for name in sorted(given.keys() & preset.keys()):
        if given[name] != preset[name]:
            errors.add(
                f"{path}.annotations.{name}",
                f"contradicts load_balancer: {load_balancer}, which sets it to {preset[name]!r}",
            )


def _check_form(exposure: Exposure, *, path: str, errors: Errors) -> None:
    """What is made must let somebody in, and options of what is not made must not be given."""
    if exposure.expose == "Existing" and exposure.proxy is not None:
        errors.add(f"{path}.proxy", "cannot be given where expose is Existing: nothing is made")
    if exposure.node_port is not None and exposure.expose != "NodePort":
        errors.add(f"{path}.node_port", f"needs expose to be NodePort, found {exposure.expose!r}")
    if not exposure.allowed_sources and exposure.expose != "Existing" and errors.is_good(f"{path}.allowed_sources"):
        errors.add(f"{path}.allowed_sources", "must not be empty: no address could read the instance")


def _check_balancer(exposure: Exposure, values: Values, *, path: str, errors: Errors) -> None:
    """Options of load balancers need one; the ranges of clients must be of the family that the Services have."""
    for name in ("load_balancer", "health_check_sources"):
        if values[name] and exposure.expose != "LoadBalancer":
            errors.add(f"{path}.{name}", f"needs expose to be LoadBalancer, found {exposure.expose!r}")
    if exposure.ip_family is None or not errors.is_good(f"{path}.ip_family"):
        return
    if exposure.expose == "Existing":
        errors.add(f"{path}.ip_family", "cannot be given where expose is Existing: no Service is made")
    elif errors.is_good(f"{path}.allowed_sources") and not exposure.allowed_of(exposure.ip_family):
        errors.add(f"{path}.allowed_sources", f"has no range of {exposure.ip_family}, which ip_family asks for")


def _anything(text: str) -> str | None:
    del text
    return None
