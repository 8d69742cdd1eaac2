# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether the inventory is a fleet: clusters as hosts, each with a name of its own, all of them there. Pure."""

from __future__ import annotations

import typing as t

from ansible_collections.promfleet.monitoring.plugins.module_utils._base.marks import DNS_LABEL_MAX
from ansible_collections.promfleet.monitoring.plugins.module_utils._input import grammar
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.regions import region_errors

OPTIONS: dict[str, dict[str, t.Any]] = {
    "host": {"type": "str", "required": True},
    "hosts": {"type": "list", "elements": "str", "required": True},
    "clusters": {"type": "list", "elements": "str", "required": True},
    "workers": {"type": "int", "required": True},
    "expected_workers": {"type": "str"},
    "fleet": {"type": "str", "default": ""},
    "confirmed_fleet": {"type": "str"},
    "centrals": {"type": "list", "elements": "str", "default": []},
    "regions": {"type": "dict", "default": {}},
    "region_hosts": {"type": "list", "elements": "str", "default": []},
    "kubeconfig_is_path": {"type": "bool", "default": True},
}


def fleet_errors(fleet: t.Mapping[str, t.Any]) -> list[str]:
    """What is wrong with the fleet as one host sees it; *fleet* has the suboptions above."""
    errors = []
    if fleet["host"] not in fleet["hosts"]:
        errors.append(
            f"{fleet['host']} is neither in the group promfleet_central nor in promfleet_workers. "
            "Each cluster is a host of the inventory in one of them, or in both"
        )
    twice = _used_twice(fleet["clusters"], hosts=fleet["hosts"])
    if twice:
        errors.append(
            f"promfleet_cluster: each host needs a name of its own, but these are used more than once: {twice}"
        )
    named = zip(fleet["clusters"], fleet["hosts"], strict=True)
    for problem, host in ((grammar.label_value(cluster), host) for cluster, host in named):
        if problem is not None:
            errors.append(f"promfleet_cluster: {problem} (host {host}); the name becomes a label in Kubernetes")
    expected = fleet["expected_workers"]
    if expected and expected.strip() != str(fleet["workers"]):
        errors.append(
            f"promfleet_expected_workers: the inventory should have {expected} hosts in promfleet_workers, found "
            f"{fleet['workers']}. A slice of the inventory looks as if the other workers were gone; run this without "
            "job slicing (--limit is fine, it keeps the inventory whole)"
        )
    confirmed = fleet.get("confirmed_fleet")
    if confirmed and confirmed.strip() != fleet.get("fleet"):
        errors.append(
            f"promfleet_confirmed_fleet: {confirmed!r} was confirmed, and the fleet of this inventory is "
            f"{fleet.get('fleet')!r}. Nothing was changed; start it again with the name of this fleet if it is meant"
        )
    errors += region_errors(fleet["regions"], workers=fleet["region_hosts"], centrals=fleet["centrals"])
    if not fleet["kubeconfig_is_path"]:
        # A module that is given the content hides every word of it in what it says, so it could not even say this.
        errors.append(
            "promfleet_kubeconfig: must be the path of a file, found its content. "
            "Write it to a file that only you can read"
        )
    return errors


def fleet_name(text: str, *, capability: str) -> str | None:
    """Check the name of a fleet, with *capability* for the longest name of a set that it may have.

    ``<fleet>.<capability>`` is a label's value, and the end of the names of a ConfigMap and a Lease, which are DNS
    names.
    """
    longest = DNS_LABEL_MAX - len(f".{capability}")
    if len(text) > longest:
        return (
            f"{text!r} is longer than {longest} characters; with the name of a set behind it ({capability}) it is the "
            f"value of a label, which ends at {DNS_LABEL_MAX}"
        )
    problem = grammar.dns_subdomain(text)
    return None if problem is None else f"{problem}; names of objects end with it"


def _used_twice(clusters: t.Sequence[str], *, hosts: t.Sequence[str]) -> str:
    """The names that several hosts have, with these hosts: ``hub (a, b)``."""
    users: dict[str, list[str]] = {}
    for cluster, host in zip(clusters, hosts, strict=True):
        users.setdefault(cluster, []).append(host)
    return ", ".join(f"{cluster} ({', '.join(users[cluster])})" for cluster in users if len(users[cluster]) > 1)
