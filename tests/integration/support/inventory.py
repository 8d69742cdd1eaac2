"""Inventories for the tests."""

from __future__ import annotations

import typing as t
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.integration.support.lab import account_kubeconfig

JsonObject = dict[str, t.Any]

LOCAL: JsonObject = {
    "ansible_connection": "local",
    "ansible_python_interpreter": "{{ ansible_playbook_python }}",
}
# The same Python in other words: whether it finds the same is only known where its name is the very same, so that
# modules have processes of their own.
APART: JsonObject = {
    **LOCAL,
    "ansible_python_interpreter": "{{ ansible_playbook_python | dirname }}/./{{ ansible_playbook_python | basename }}",
}


def fleet(
    *, central: str, workers: Sequence[str] = (), hosts: Mapping[str, JsonObject] | None = None, **variables: t.Any
) -> JsonObject:
    """An inventory of lab clusters; *hosts* gives variables to single ones, *variables* are for all."""
    own = hosts or {}
    # Asked for only where it is needed: a control plane without nodes does without the lab's clusters.
    where = variables.get("promfleet_kubeconfig") or str(account_kubeconfig())
    shared = {
        **LOCAL,
        "promfleet_kubeconfig": where,
        "promfleet_context": "kind-{{ inventory_hostname }}",
        **variables,
    }
    children: JsonObject = {"promfleet_central": {"hosts": {central: own.get(central, {})}}}
    if workers:
        children["promfleet_workers"] = {"hosts": {name: own.get(name, {}) for name in workers}}
    return {"all": {"vars": shared, "children": children}}


def single(*, name: str, kubeconfig: Path, **variables: t.Any) -> JsonObject:
    """An inventory of one cluster that is not the lab's, by its kubeconfig."""
    return fleet(central=name, promfleet_kubeconfig=str(kubeconfig), **variables)
