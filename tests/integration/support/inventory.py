"""Inventories for the tests."""

from __future__ import annotations

import typing as t
from collections.abc import Mapping, Sequence

from tests.integration.support.lab import kubeconfig

JsonObject = dict[str, t.Any]

LOCAL: JsonObject = {
    "ansible_connection": "local",
    "ansible_python_interpreter": "{{ ansible_playbook_python }}",
}


def fleet(
    *, central: str, workers: Sequence[str] = (), hosts: Mapping[str, JsonObject] | None = None, **variables: t.Any
) -> JsonObject:
    """An inventory of lab clusters; *hosts* gives variables to single ones, *variables* are for all."""
    own = hosts or {}
    shared = {
        **LOCAL,
        "promfleet_kubeconfig": str(kubeconfig()),
        "promfleet_context": "kind-{{ inventory_hostname }}",
        **variables,
    }
    children: JsonObject = {"promfleet_central": {"hosts": {central: own.get(central, {})}}}
    if workers:
        children["promfleet_workers"] = {"hosts": {name: own.get(name, {}) for name in workers}}
    return {"all": {"vars": shared, "children": children}}
