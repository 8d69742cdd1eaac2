"""Proves that the doctor finds nothing on clusters that are well, also while they are being changed.

In a thousand looks at two clusters no finding of severity warning or error, and nothing that was not observed, may be
a root; a change that is going on is reported as such, and for a limited time.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
import typing as t
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

from ansible_collections.promfleet.monitoring.plugins.module_utils._findings.catalogue import CODES

from tests.prove import kept
from tests.prove.doctor.fleet import NAMESPACE, SOURCE, Fleet, Look, install

QUIET = 300.0
# A change is made each time that so many looks were taken.
EVERY = 25
DEPLOYMENT = ("apps/v1", "Deployment", "prometheus-operator", "prometheus-operator")


def restart_instance(fleet: Fleet, cluster: str) -> None:
    """Replace the pod of the platform's Prometheus, as a drained node does."""
    getattr(fleet, cluster).delete("v1", "Pod", "prometheus-platform-0", NAMESPACE)


def roll_operator(fleet: Fleet, cluster: str) -> None:
    """Replace the operator's pods by a change of their template, as another release does."""
    note = {"metadata": {"annotations": {"example.com/rolled": str(time.time())}}}
    kind, name = DEPLOYMENT[:2], DEPLOYMENT[2:]
    getattr(fleet, cluster).edit(*kind, name[0], {"spec": {"template": note}}, namespace=name[1])


def change_policy(fleet: Fleet) -> None:
    """Let a run admit other networks, and the next time those of before."""
    others = ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "203.0.113.0/24"]
    fleet.source = SOURCE if "allowed_sources" in fleet.source else {**SOURCE, "allowed_sources": others}
    fleet.restore()


def change_interval(fleet: Fleet) -> None:
    """Let a run change the interval, and the next time change it back."""
    interval = SOURCE["interval"] if fleet.source["interval"] != SOURCE["interval"] else "6s"
    fleet.source = {**fleet.source, "interval": interval}
    fleet.restore()


CHANGES: dict[str, Callable[[Fleet], None]] = {
    "the worker's Prometheus is restarted": lambda fleet: restart_instance(fleet, "edge"),
    "the central Prometheus is restarted": lambda fleet: restart_instance(fleet, "hub"),
    "the worker's operator is rolled out": lambda fleet: roll_operator(fleet, "edge"),
    "the central operator is rolled out": lambda fleet: roll_operator(fleet, "hub"),
    "the network policy is changed": change_policy,
    "the interval is changed": change_interval,
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Look so often; 1 where a look found a fault."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--looks", type=int, default=1000)
    parser.add_argument("--output", type=Path, help="where the figures are kept, and looks continue after a stop")
    parser.add_argument("--installed", action="store_true", help="the clusters are as they are to be already")
    options = parser.parse_args(arguments)
    if not options.installed:
        install()
    fleet = Fleet()
    fleet.restore()
    base, took = fleet.wait_for([], seconds=QUIET)
    print(f"base state after {took:.0f} s: {base.told or 'nothing is found'}", flush=True)
    if base.findings:
        return 1
    nothing_yet: dict[str, t.Any] = {"looks": 0, "change": "", "changes": {}, "wrong": []}
    figures = kept.read(options.output, otherwise=nothing_yet)
    names = list(CHANGES)
    while figures["looks"] < options.looks:
        number, rest = divmod(figures["looks"], EVERY)
        if not rest:
            figures["change"] = names[number % len(names)]
            CHANGES[figures["change"]](fleet)
        _count(figures, fleet.look())
        kept.write(figures, options.output)
    print(json.dumps(figures, indent=1), flush=True)
    return 1 if figures["wrong"] else 0


def _count(figures: dict[str, t.Any], look: Look) -> None:
    figures["looks"] += 1
    # What a change excused, and how often.
    informing = Counter(one["code"] for one in look.findings if CODES[one["code"]].excuse)
    figures["changes"] = dict(Counter(figures["changes"]) + informing)
    if look.roots:
        figures["wrong"].append({"look": figures["looks"], "after": figures["change"], "told": look.told})
        print(f"look {figures['looks']}, {figures['change']}: {look.told}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
