# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether the inventory is a fleet: clusters as hosts, each with a name of its own, all of them there. Pure."""

from __future__ import annotations

import typing as t

OPTIONS: dict[str, dict[str, t.Any]] = {
    "host": {"type": "str", "required": True},
    "hosts": {"type": "list", "elements": "str", "required": True},
    "clusters": {"type": "list", "elements": "str", "required": True},
    "workers": {"type": "int", "required": True},
    "expected_workers": {"type": "str"},
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
    expected = fleet["expected_workers"]
    if expected and expected.strip() != str(fleet["workers"]):
        errors.append(
            f"promfleet_expected_workers: the inventory should have {expected} hosts in promfleet_workers, found "
            f"{fleet['workers']}. A slice of the inventory looks as if the other workers were gone; run this without "
            "job slicing (--limit is fine, it keeps the inventory whole)"
        )
    if not fleet["kubeconfig_is_path"]:
        # A module that is given the content hides every word of it in what it says, so it could not even say this.
        errors.append(
            "promfleet_kubeconfig: must be the path of a file, found its content. "
            "Write it to a file that only you can read"
        )
    return errors


def _used_twice(clusters: t.Sequence[str], *, hosts: t.Sequence[str]) -> str:
    """The names that several hosts have, with these hosts: ``hub (a, b)``."""
    users: dict[str, list[str]] = {}
    for cluster, host in zip(clusters, hosts, strict=True):
        users.setdefault(cluster, []).append(host)
    return ", ".join(f"{cluster} ({', '.join(users[cluster])})" for cluster in users if len(users[cluster]) > 1)
