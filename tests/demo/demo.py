"""The main job on two real clusters, and one link that is broken, found and mended.

Everything is installed twice, and the edge's series are shown on the hub. Then one object is changed by hand: the
doctor has to name it, and a run mends it.

Expects the lab's clusters hub and edge to be up; `make demo` sees to that.
"""

from __future__ import annotations

import functools
import shlex
import subprocess
import sys
import tempfile
import time
import typing as t
from pathlib import Path

from ansible_collections.promfleet.monitoring.plugins.module_utils._base.marks import federation_name

from tests.integration.support import lab
from tests.integration.support.inventory import LOCAL
from tests.integration.support.playbook import Run, run_playbook

CENTRAL, WORKER = "hub", "edge"
TEAMS = ("payments", "search")
STEPS = 6
# What is broken: the hub's Prometheus learns the edge's address from this object.
SLICE = f"endpointslice/{federation_name(cluster=WORKER, team='platform')}-0"
WRONG_PORT = '[{"op": "replace", "path": "/ports/0/port", "value": 9}]'
BROKEN_LINK = "PF314"


def inventory(kubeconfig: Path) -> dict[str, t.Any]:
    """The inventory of the README, with the lab's kubeconfig."""
    return {
        "all": {
            "vars": {
                **LOCAL,
                "promfleet_kubeconfig": str(kubeconfig),
                "promfleet_context": "kind-{{ inventory_hostname }}",
                # kind has nothing that gives addresses to load balancers.
                "prometheus_federation_sources": [{"expose": "NodePort"}],
                # Nor anything that enforces network policies, and nothing beside them guards what is exposed here.
                "promfleet_suppressions": [
                    {"code": "PF113", "object": f"{WORKER}/*", "reason": "a cluster for trials", "owner": "demo"}
                ],
                "team_monitoring_teams": [{"name": team, "namespaces": [team]} for team in TEAMS],
            },
            "children": {
                "promfleet_central": {"hosts": {CENTRAL: {}}},
                "promfleet_workers": {"hosts": {WORKER: {}}},
            },
        }
    }


def step(number: int, playbook: str, *arguments: str, why: str, kubeconfig: Path, folder: Path) -> Run:
    """Run one playbook with its output on the terminal."""
    command = shlex.join(["ansible-playbook", f"promfleet.monitoring.{playbook}", *arguments])
    print(f"\n[{number}/{STEPS}] {command}: {why}", flush=True)
    started = time.monotonic()
    run = run_playbook(playbook, inventory=inventory(kubeconfig), folder=folder, arguments=arguments, live=True)
    print(f"[{number}/{STEPS}] exit {run.status} after {time.monotonic() - started:.0f} s", flush=True)
    return run


def break_a_link() -> None:
    """Change by hand what a run wrote: the hub looks for the edge at a port where nothing listens."""
    context, namespace = f"--context=kind-{CENTRAL}", "--namespace=monitoring-platform"
    command = ["kubectl", context, namespace, "patch", SLICE, "--type=json", f"--patch={WRONG_PORT}"]
    print(f"\nOne link is broken by hand:\n  {shlex.join(command)}", flush=True)
    subprocess.run([lab.LAB, "kubectl", "--", *command[1:]], check=True)


def roots(run: Run) -> list[str]:
    """The codes of the faults that explain the others."""
    findings = [finding for result in run.of("federation_doctor") for finding in result.data.get("findings", [])]
    return [finding["code"] for finding in findings if not finding["caused_by"] and finding["severity"] != "info"]


def table(first: Run, second: Run, verified: Run) -> list[tuple[str, ...]]:
    """One row a cluster: what works, and what each run changed."""
    rows: list[tuple[str, ...]] = [
        ("cluster", "operator", "teams", "federated series", "changed in run 1", "changed in run 2")
    ]
    hub = verified.of("monitoring_verify", host=CENTRAL)
    federated = hub[0].data.get("federated_series", {}) if hub else {}
    for cluster in (CENTRAL, WORKER):
        results = verified.of("monitoring_verify", host=cluster)
        checks = results[0].data.get("checks", []) if results else []
        operator = [check["ok"] for check in checks if check["check"] in ("crds", "operator")]
        instances = [check for check in checks if check["check"] == "configuration_loaded"]
        answering = sum(check["ok"] for check in instances)
        series = "reads the others" if cluster == CENTRAL else str(federated.get(cluster, 0))
        rows.append(
            (
                cluster,
                "ready" if operator and all(operator) else "NOT READY",
                f"{answering} of {len(TEAMS) + 1} answer",
                series,
                f"{len(first.objects(host=cluster))} objects",
                f"{len(second.objects(host=cluster))} objects",
            )
        )
    return rows


def show(rows: list[tuple[str, ...]]) -> None:
    """Print rows as a table."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    print()
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def guide(kubeconfig: Path) -> str:
    """How to reach what is running, and what to try next."""
    return f"""
The clusters stay up; `make down` removes them.

  export KUBECONFIG={kubeconfig}      # contexts: kind-{CENTRAL}, kind-{WORKER}

The central Prometheus, with the edge's series (ask for {{cluster="{WORKER}"}}), at http://localhost:9090:
  kubectl --context kind-{CENTRAL} -n monitoring-platform port-forward service/prometheus-platform 9090
A team's own Prometheus, at http://localhost:9091:
  kubectl --context kind-{WORKER} -n monitoring-payments port-forward service/prometheus-payments 9091:9090
No kubectl at hand? `tests/lab/lab kubectl -- ARGUMENTS` has one.

Try next: switch a team off (enabled: false) and run promfleet.monitoring.site --check --diff; break something else by
hand and run promfleet.monitoring.doctor; read docs/getting-started.md.
"""


def main() -> int:
    """Run the demo and return the exit status: 0 only where all of it works."""
    kubeconfig = lab.kubeconfig()
    with tempfile.TemporaryDirectory(prefix="promfleet-demo-") as name:
        run = functools.partial(step, kubeconfig=kubeconfig, folder=Path(name))
        first = run(1, "site", why="install everything")
        if first.status:
            return first.status
        second = run(2, "site", why="a second run changes nothing")
        verified = run(3, "verify", why="every link of each cluster, up to the query")
        break_a_link()
        broken = run(4, "doctor", why="both sides of each federated source; it has to find the broken link")
        taken = "-epromfleet_force_conflicts=true"
        mended = run(5, "federation", taken, why="a run takes back what was changed by hand")
        healthy = run(6, "verify", why="all is well again")
    show(table(first, second, verified))
    hub = verified.of("monitoring_verify", host=CENTRAL)
    series = hub[0].data.get("federated_series", {}).get(WORKER, 0) if hub else 0
    print(f'\ncount({{cluster="{WORKER}"}}) on the hub\'s Prometheus: {series}')
    print(f"the broken link: found as {', '.join(roots(broken)) or 'nothing'}, repaired: {', '.join(mended.objects())}")
    print(guide(kubeconfig))
    problems = [
        problem
        for problem, there in (
            ("the second run failed", second.status != 0),
            ("the second run changed something", any(second.changed().values())),
            ("verification failed", verified.status != 0),
            ("the hub has no series of the edge", series == 0),
            (f"the doctor did not name the broken link as {BROKEN_LINK}", roots(broken)[:1] != [BROKEN_LINK]),
            ("the run did not mend the link", mended.status != 0 or len(mended.objects()) != 1),
            ("verification failed after the link was mended", healthy.status != 0),
        )
        if there
    ]
    for problem in problems:
        print(f"FAILED: {problem}", file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
