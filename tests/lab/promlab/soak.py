"""Watches whether the Services of a cluster answer, while kube-proxy is restarted and made to write all its rules anew.

kube-proxy can lose rules without a word: at a restart, at its full sync once an hour, or when a Service goes. A test
that takes minutes sees none of that.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from promlab.errors import LabError
from promlab.shell import wait_until

NAMESPACE = "kube-system"
SERVICE = "lab-soak"
# A change of this label makes kube-proxy write everything anew, as it does once an hour.
ZONE = "topology.kubernetes.io/zone"
COUNTED = ("asked", "failed", "restarts", "forced", "own")
ROUND_SECONDS = 60.0
START_SECONDS = 30.0
SETTLE_SECONDS = 3.0
SYNC_SECONDS = 60.0
FULL_SYNCS = re.compile(
    r'^kubeproxy_sync_full_proxy_rules_duration_seconds_count\{ip_family="IPv4"\} (\d+)', re.MULTILINE
)

# Runs in the network of a pod, with the node's programs: no image of the lab has a shell.
_IN_A_POD = 'nsenter --net="$(ls -d /run/netns/* | head -n 1)" '
_RESOLVE = (
    "unshare --mount sh -c '"
    'printf "nameserver {dns}\\noptions timeout:2 attempts:2\\n" >/run/lab-soak.conf && '
    "mount --bind /run/lab-soak.conf /etc/resolv.conf && "
    "getent ahostsv4 kubernetes.default.svc.cluster.local'"
)
_FETCH = "curl --silent --insecure --fail --max-time 5 --output /dev/null {url}"


def restarts_by_round(rounds: int, restarts: int) -> list[int]:
    """How often kube-proxy is restarted in each round: half of it in the first fifth, half of it in the last.

    In the long time between, it is left alone, or its own hourly sync would never come.
    """
    outer = outer_rounds(rounds)
    plan = [0] * rounds
    late = restarts // 2
    early = restarts - late
    for number in range(early):
        plan[number * outer // early] += 1
    for number in range(late):
        plan[rounds - outer + number * outer // late] += 1
    return plan


def outer_rounds(rounds: int) -> int:
    """How many rounds at the start, and as many at the end, are the rough ones."""
    return max(1, rounds // 5)


def questions(*, api: str, dns: str, node: str, node_port: int) -> dict[str, str]:
    """What is asked in each round: a name for the log, and the command for the node's shell."""
    port = _FETCH.format(url=f"http://{node}:{node_port}/metrics")
    service = _FETCH.format(url=f"https://{api}/readyz")
    name = _RESOLVE.format(dns=dns)
    return {
        "API from node": service,
        "API from pod": _IN_A_POD + service,
        "DNS from node": name,
        "DNS from pod": _IN_A_POD + name,
        "NodePort from node": port,
        "NodePort from pod": _IN_A_POD + port,
    }


def manifest(name: str, *, selector: dict[str, str]) -> str:
    """A Service in front of CoreDNS' metrics; with a selector that fits no pod, one without endpoints."""
    spec = {"type": "NodePort", "selector": selector, "ports": [{"port": 80, "targetPort": 9153}]}
    metadata = {"name": name, "namespace": NAMESPACE, "labels": {"app.kubernetes.io/managed-by": SERVICE}}
    return json.dumps({"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": spec})


@dataclass(kw_only=True)
class Soak:
    """One watch over one cluster. `run_in_node` runs a line in the node's shell: its output, or None if it failed."""

    run_in_node: Callable[[str], str | None]
    log: Path
    say: Callable[[str], None]
    sleep: Callable[[float], None] = time.sleep
    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(COUNTED, 0))
    # Full syncs of the running kube-proxy up to now.
    seen: int = 0

    def _kubectl(self, arguments: str, *, stdin: str = "") -> str:
        feed = f"printf %s '{stdin}' | " if stdin else ""
        answer = self.run_in_node(f"{feed}kubectl --kubeconfig=/etc/kubernetes/admin.conf {arguments}")
        if answer is None:
            raise LabError(f"In the node, this failed: kubectl {arguments}")
        return answer.strip()

    def _write(self, text: str) -> None:
        line = f"{datetime.now().astimezone():%Y-%m-%d %H:%M:%S} {text}"
        with self.log.open("a") as sink:
            sink.write(line + "\n")

    def _full_syncs(self) -> int:
        """How often the running kube-proxy wrote everything; 0 while it does not answer."""
        found = FULL_SYNCS.search(self.run_in_node("curl --silent --max-time 5 127.0.0.1:10249/metrics") or "")
        return int(found[1]) if found else 0

    def _await_full_sync(self, more_than: int) -> None:
        if not wait_until(lambda: self._full_syncs() > more_than, timeout=SYNC_SECONDS, interval=1):
            raise LabError(f"kube-proxy did not write all its rules within {SYNC_SECONDS:g} s.")
        self.seen = self._full_syncs()
        self.counts["forced"] += 1

    def _restart(self) -> None:
        self._kubectl(f"delete pod --namespace={NAMESPACE} --selector=k8s-app=kube-proxy --wait")
        self.counts["restarts"] += 1
        self._await_full_sync(0)

    def _write_anew(self, number: int) -> None:
        before = self._full_syncs()
        self._kubectl(f"label node --all --overwrite {ZONE}=soak-{number}")
        self._await_full_sync(before)

    def _churn(self, number: int) -> str:
        """Make two Services, one without endpoints, and remove those of the round before; the address of the other."""
        for kind, selector in (("none", {"k8s-app": "nobody"}), ("some", {"k8s-app": "kube-dns"})):
            made = manifest(f"{SERVICE}-{kind}-{number}", selector=selector)
            self._kubectl("apply --filename=-", stdin=made)
            self._kubectl(f"delete service --namespace={NAMESPACE} --ignore-not-found {SERVICE}-{kind}-{number - 1}")
        other = f"{SERVICE}-some-{number}"
        return self._kubectl(f"get service --namespace={NAMESPACE} --output=jsonpath={{.spec.clusterIP}} {other}")

    def _ask(self, asked: dict[str, str], when: str) -> None:
        failed = [name for name, line in asked.items() if self.run_in_node(line) is None]
        self.counts["asked"] += len(asked)
        self.counts["failed"] += len(failed)
        if failed:
            self._write(f"FAILED {when}: {', '.join(failed)}")

    def _prepare(self) -> dict[str, str]:
        self._kubectl("apply --filename=-", stdin=manifest(SERVICE, selector={"k8s-app": "kube-dns"}))
        of_service = f"get service --namespace={NAMESPACE} --output=jsonpath="
        return questions(
            api=self._kubectl("get service --namespace=default kubernetes --output=jsonpath={.spec.clusterIP}"),
            dns=self._kubectl(of_service + "{.spec.clusterIP} kube-dns"),
            node=self._kubectl("get nodes --output=jsonpath={.items[0].status.addresses[0].address}"),
            node_port=int(self._kubectl(of_service + "{.spec.ports[0].nodePort} " + SERVICE)),
        )

    def _clear(self) -> None:
        self.run_in_node(
            "export KUBECONFIG=/etc/kubernetes/admin.conf; "
            f"kubectl delete service --namespace={NAMESPACE} --selector=app.kubernetes.io/managed-by={SERVICE}; "
            f"kubectl label node --all {ZONE}-"
        )

    def _round(self, number: int, restarts: int, asked: dict[str, str], *, write_anew: bool) -> None:
        for _number in range(restarts):
            self._restart()
            self._ask(asked, "after a restart of kube-proxy")
        if write_anew:
            self._write_anew(number)
            self._ask(asked, "after a full sync")
        address = self._churn(number)
        self.sleep(SETTLE_SECONDS)
        new = {"new Service from pod": _IN_A_POD + _FETCH.format(url=f"http://{address}/metrics")}
        self._ask(asked | new, "after Services came and went")
        full = self._full_syncs()
        self.counts["own"] += max(0, full - self.seen)
        self.seen = full

    def _try_round(self, number: int, restarts: int, asked: dict[str, str], *, write_anew: bool) -> None:
        """One round; what goes wrong in it counts as a failure and does not end the watch."""
        before = self.counts["failed"]
        try:
            self._round(number, restarts, asked, write_anew=write_anew)
        except LabError as error:
            self.counts["failed"] += 1
            self._write(f"FAILED: {error}")
        verdict = "FAILED" if self.counts["failed"] > before else "ok"
        self._write(f"round {number}: {verdict}, restarts {restarts}, full syncs of this kube-proxy {self.seen}")

    def run(self, *, minutes: int, restarts: int) -> bool:
        """Watch for that long; True when every question was answered."""
        plan = restarts_by_round(minutes, restarts)
        outer = outer_rounds(minutes)
        start = time.monotonic()
        self._write(f"start: {minutes} minutes, {restarts} restarts of kube-proxy")
        try:
            asked = self._prepare()
            wait_until(
                lambda: all(self.run_in_node(line) is not None for line in asked.values()), timeout=START_SECONDS
            )
            self.seen = self._full_syncs()
            for number, count in enumerate(plan):
                self._try_round(number, count, asked, write_anew=number < outer or number >= minutes - outer)
                if number + 1 < len(plan):
                    self.sleep(max(0.0, start + (number + 1) * ROUND_SECONDS - time.monotonic()))
        finally:
            self._clear()
        summary = (
            f"{'FAILED' if self.counts['failed'] else 'passed'}: {(time.monotonic() - start) / 60:.0f} minutes, "
            f"{self.counts['asked']} questions, {self.counts['failed']} of them without an answer, "
            f"{self.counts['restarts']} restarts of kube-proxy, {self.counts['forced']} forced full syncs, "
            f"{self.counts['own']} full syncs of its own"
        )
        self._write(summary)
        self.say(summary)
        return not self.counts["failed"]
