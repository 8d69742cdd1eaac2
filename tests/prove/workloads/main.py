"""Proves the catalogue's entries `kuberay` and `cert-manager` with the programs themselves, on a cluster.

Two RayClusters, a RayService and a RayJob of KubeRay, and certificates of cert-manager are watched as the guide says.
`verify` finds nothing, each series is there once, also while the RayService is upgraded, and all series of Ray name
their cluster. The numbers of the two clusters differ on every panel. With the profile `minimal` the same queries give
answers of the same series. Then each alert of both entries is made to fire and to resolve: by copies of the applied
rules whose times are divided by DIVISOR.
"""

from __future__ import annotations

import argparse
import copy
import functools
import json
import re
import sys
import tempfile
import time
import typing as t
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.integration.support import lab
from tests.integration.support.cluster import ApiError, Cluster
from tests.integration.support.inventory import LOCAL
from tests.integration.support.playbook import Run, run_playbook
from tests.integration.support.prometheus import Prometheus
from tests.integration.support.watched_workloads import asked
from tests.prove.claims import Row, report
from tests.prove.workloads import programs
from tests.prove.workloads.programs import CERT_API, FIRST, RAY_API, SECOND, SHOP
from tests.tools.dashboards import definitions
from tests.tools.workloads import catalogue

JsonObject = dict[str, t.Any]

ENTRIES = ("kuberay", "cert-manager")
JOBS = {"kuberay": "kuberay-operator|ray-head|ray-worker", "cert-manager": "cert-manager"}
MONITORING = "monitoring.coreos.com/v1"
NAMESPACE = "monitoring-platform"
SECONDS = "5s"
# Ray on a node with two cores, beside other work.
READY = 900.0
# By what the times of alerts are divided: a quarter of an hour is 90 seconds then.
DIVISOR = 10
RUN = "python /home/ray/app"
UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def inventory(profile: str) -> JsonObject:
    """A fleet of the one cluster, whose platform watches both workloads."""
    quick = {"interval": SECONDS, "scrape_timeout": SECONDS, "profile": profile}
    return {
        "all": {
            "vars": {
                **LOCAL,
                "promfleet_kubeconfig": str(lab.kubeconfig()),
                "promfleet_context": "kind-{{ inventory_hostname }}",
                "team_monitoring_platform": {
                    "quota": False,
                    "prometheus": {"scrape_interval": SECONDS, "evaluation_interval": SECONDS},
                },
                "workload_monitors_workloads": [
                    {"id": "kuberay", "namespaces": [programs.KUBERAY, FIRST, SECOND], **quick},
                    {"id": "cert-manager", **quick},
                ],
            },
            "children": {"promfleet_central": {"hosts": {programs.CLUSTER: {}}}},
        }
    }


def play(name: str, *, profile: str = "full") -> Run:
    """A run of a playbook."""
    with tempfile.TemporaryDirectory(prefix="promfleet-workloads-") as folder:
        return run_playbook(name, inventory=inventory(profile), folder=Path(folder), live=True)


class Field:
    """The cluster with all programs, and the Prometheus that watches them."""

    def __init__(self) -> None:
        self.cluster: Cluster = lab.cluster(programs.CLUSTER)
        self.prometheus = Prometheus(self.cluster, team="platform")

    def status(self, kind: str, name: str, namespace: str, *, api: str = RAY_API) -> JsonObject:
        """The status of an object."""
        return dict(self.cluster.get(api, kind, name, namespace).get("status") or {})

    def condition(self, kind: str, name: str, namespace: str, wanted: str, *, api: str = RAY_API) -> str:
        """The value of a condition of an object, empty where it has none."""
        found = self.status(kind, name, namespace, api=api).get("conditions") or []
        return next((str(one["status"]) for one in found if one["type"] == wanted), "")

    def until(self, what: str, condition: Callable[[], bool], *, seconds: float = READY) -> None:
        """Wait until *condition* holds; a request that fails meanwhile counts as not yet."""

        def holds() -> bool:
            try:
                return condition()
            except (ApiError, json.JSONDecodeError, KeyError):
                return False

        self.cluster.wait_until(holds, what, timeout=seconds)

    def value(self, query: str) -> float | None:
        """The value of a query that has one series; None where it has none."""
        found = self.prometheus.query(query)
        return float(found[0]["value"][1]) if found else None

    def is_firing(self, alert: str, **labels: str) -> bool:
        """Whether the copy of an alert fires."""
        wanted = "".join(f', {name}="{value}"' for name, value in labels.items())
        return bool(
            self.prometheus.query(f'ALERTS{{alertname="{alert}", proof="divided", alertstate="firing"{wanted}}}')
        )


# -- what is watched ----------------------------------------------------------------------------------------------


def start(field: Field) -> None:
    """Let Ray's clusters run, and issue certificates."""
    apply = functools.partial(field.cluster.apply, force=True)
    for namespace in (FIRST, SECOND):
        apply(programs.files(namespace))
    apply(programs.ray_cluster("alpha", FIRST, workers=1))
    apply(programs.ray_cluster("beta", SECOND, workers=1, store=120_000_000))
    apply(programs.ray_service("shop", SECOND))
    field.until(
        "two RayClusters and the RayService run",
        lambda: (
            field.condition("RayCluster", "alpha", FIRST, "RayClusterProvisioned") == "True"
            and field.condition("RayCluster", "beta", SECOND, "RayClusterProvisioned") == "True"
            and field.condition("RayService", "shop", SECOND, "Ready") == "True"
        ),
        seconds=READY,
    )
    apply(programs.issuer("own"))
    apply(programs.certificate("web", by="own"))
    field.until("the certificate is issued", lambda: is_ready(field, "web"))
    # On one of the two, so that they differ on the panel of jobs.
    apply(programs.ray_job("good", FIRST, on="alpha", entrypoint=f"{RUN}/good.py"))


def is_ready(field: Field, name: str) -> bool:
    """Whether a certificate is."""
    return field.condition("Certificate", name, SHOP, "Ready", api=CERT_API) == "True"


def duplicates(field: Field) -> list[str]:
    """Series that are there more than once: the same metric with the same labels of the program from one instance.

    What Prometheus adds to a series is its target; two targets at one address give the same series twice. What rules
    record of several jobs has no instance.
    """
    found = []
    for entry in ENTRIES:
        counted: Counter[tuple[tuple[str, str], ...]] = Counter()
        for one in field.prometheus.query(f'{{job=~"{JOBS[entry]}", instance!=""}}'):
            target = {"service", "endpoint", "container", "ray_io_group", "ray_io_node_type", "job"}
            counted[tuple(sorted((name, value) for name, value in one["metric"].items() if name not in target))] += 1
        found += [dict(series)["__name__"] for series, count in counted.items() if count > 1]
    return sorted(set(found))


def without_names(field: Field) -> list[str]:
    """Metrics of Ray whose series do not name cluster, namespace and Ray cluster when another Prometheus reads them."""
    series = field.prometheus.federate(['{job=~"ray-head|ray-worker", instance!="", __name__!~"ALERTS.*"}'])
    needed = {"cluster", "namespace", "ray_io_cluster", "pod"}
    return sorted({dict(one)["__name__"] for one in series if not needed <= dict(one).keys()}) if series else ["none"]


def answers(field: Field, entry: str) -> dict[str, dict[tuple[tuple[str, str], ...], str]]:
    """What the queries of an entry's panels give, by panel: values by labels."""
    found = {}
    for panel in definitions()[entry]["panels"]:
        for number, query in enumerate(panel["queries"]):
            result = field.prometheus.query(asked(query["expr"]))
            found[f"{panel['title']} {number}"] = {
                tuple(sorted(one["metric"].items())): str(one["value"][1]) for one in result
            }
    return found


def of_cluster(query: str, name: str) -> str:
    """A panel's query for one of Ray's clusters."""
    return asked(query.replace('"$ray_io_cluster"', f'"{name}"'))


def alike_panels(field: Field) -> dict[str, str]:
    """Panels of KubeRay's clusters on which two of them cannot be told apart, with why."""
    found = {}
    for panel in definitions()["kuberay"]["panels"]:
        for query in panel["queries"]:
            first, second = (
                {
                    (tuple(sorted(one["metric"].items())), one["value"][1])
                    for one in field.prometheus.query(of_cluster(query["expr"], name))
                }
                for name in ("alpha", "beta")
            )
            if "$ray_io_cluster" not in query["expr"]:
                continue
            if not first or not second:
                found[panel["title"]] = "no data"
            elif {labels for labels, _value in first} & {labels for labels, _value in second}:
                found[panel["title"]] = "series of both are the same"
            elif {value for _labels, value in first} == {value for _labels, value in second}:
                found[panel["title"]] = f"the same numbers: {sorted(value for _labels, value in first)}"
    return found


def cluster_panels() -> list[str]:
    """The titles of the panels that are about single clusters of Ray."""
    return [
        panel["title"]
        for panel in definitions()["kuberay"]["panels"]
        if any("$ray_io_cluster" in query["expr"] for query in panel["queries"])
    ]


def counts(field: Field) -> dict[str, tuple[int, int]]:
    """Series by job, as scraped and as kept: those of the largest target."""
    found = {}
    for job in "|".join(JOBS.values()).split("|"):
        scraped, stored = (
            int(field.value(f'max({name}{{job="{job}"}})') or 0)
            for name in ("scrape_samples_scraped", "scrape_samples_post_metric_relabeling")
        )
        found[job] = (scraped, stored)
    return found


def stored(field: Field) -> dict[str, int]:
    """How many series of each target are kept, by its address."""
    jobs = "|".join(JOBS.values())
    rows = field.prometheus.query(f'scrape_samples_post_metric_relabeling{{job=~"{jobs}"}}')
    return {row["metric"]["instance"]: int(row["value"][1]) for row in rows}


def missing(field: Field) -> list[str]:
    """Metrics that an entry expects and a target lacks, and targets above their budget."""
    found = []
    for entry in (catalogue()[name] for name in ENTRIES):
        for part in entry.parts:
            targets = field.prometheus.query(f'up{{job="{part.job}"}} == 1')
            if not targets:
                found.append(f"{part.job}: no target is up")
            for target in targets:
                where = f'{{job="{part.job}", instance="{target["metric"]["instance"]}"}}'
                found += [f"{part.job}: {name}" for name in part.expected if not field.prometheus.query(name + where)]
                samples = field.value(f"scrape_samples_post_metric_relabeling{where}") or 0
                if samples > part.budget:
                    found.append(f"{part.job}: {samples:.0f} series, the budget is {part.budget}")
    return found


def settled(look: Callable[[], t.Any], *, seconds: float = 60.0) -> t.Any:
    """What *look* finds, as soon as it finds nothing, at the latest after *seconds*."""
    end = time.monotonic() + seconds
    while (found := look()) and time.monotonic() < end:
        time.sleep(2)
    return found


# -- alerts -------------------------------------------------------------------------------------------------------


def divided(text: str) -> str:
    """A duration of Prometheus, divided by DIVISOR."""
    seconds = sum(int(number) * UNITS[unit] for number, unit in re.findall(r"(\d+)([smhd])", text))
    return f"{max(seconds // DIVISOR, 1)}s"


def divided_rules(rule: JsonObject) -> JsonObject:
    """An applied PrometheusRule as a copy whose times are divided, with a label by which its alerts are known."""
    groups = copy.deepcopy(rule["spec"]["groups"])
    found = []
    for group in groups:
        alerts = [one for one in group["rules"] if "alert" in one]
        for one in alerts:
            one["for"] = divided(one["for"])
            one["expr"] = re.sub(r"\[(\w+)\]", lambda match: f"[{divided(match[1])}]", one["expr"])
            one["labels"] = {**one["labels"], "proof": "divided"}
        if alerts:
            found.append({"name": f"divided.{group['name']}", "rules": alerts})
    name = f"divided-{rule['metadata']['name']}"
    return {
        "apiVersion": MONITORING,
        "kind": "PrometheusRule",
        "metadata": {"name": name, "namespace": NAMESPACE},
        "spec": {"groups": found},
    }


@dataclass(frozen=True, kw_only=True)
class Fault:
    """What makes an alert fire, what ends it, and what keeps it alive meanwhile."""

    alert: str
    labels: JsonObject
    what: str
    begin: Callable[[], object]
    end: Callable[[], object]
    again: Callable[[], object] = lambda: None


def faults(field: Field) -> list[Fault]:
    """A fault for each alert of both entries."""
    apply = functools.partial(field.cluster.apply, force=True)
    delete = field.cluster.delete
    huge = {"memory": "900Gi", "requests": "900Gi"}
    acme = {
        "acme": {
            # Not an ACME server: it refuses everybody.
            "server": "https://kubernetes.default.svc/directory",
            "skipTLSVerify": True,
            "privateKeySecretRef": {"name": "acme"},
            "solvers": [{"http01": {"ingress": {}}}],
        }
    }
    # A tenth of its lifetime after it was issued it should be renewed, by an issuer that is gone.
    short = {"duration": "1h", "renewBefore": "59m"}
    return [
        Fault(
            alert="KubeRayClusterNotProvisioned",
            labels={"namespace": FIRST, "name": "gamma"},
            what="a RayCluster whose head asks for more memory than any node has; it is deleted",
            begin=lambda: apply(programs.ray_cluster("gamma", FIRST, workers=0, **huge)),
            end=lambda: delete(RAY_API, "RayCluster", "gamma", FIRST),
        ),
        Fault(
            alert="KubeRayServiceNotReady",
            labels={"namespace": FIRST, "name": "stuck"},
            what="a RayService whose head asks for more memory than any node has; it is deleted",
            begin=lambda: apply(programs.ray_service("stuck", FIRST, **huge)),
            end=lambda: delete(RAY_API, "RayService", "stuck", FIRST),
        ),
        Fault(
            alert="KubeRayJobFailed",
            labels={"namespace": FIRST, "name": "bad"},
            what="a RayJob whose program ends with an error; it is deleted",
            begin=lambda: apply(programs.ray_job("bad", FIRST, on="alpha", entrypoint=f"{RUN}/bad.py")),
            end=lambda: delete(RAY_API, "RayJob", "bad", FIRST),
        ),
        Fault(
            alert="RayNodeMemoryHigh",
            labels={"namespace": FIRST, "ray_io_cluster": "alpha"},
            what="a RayJob that takes nearly all memory of the head; it is deleted",
            begin=lambda: apply(programs.ray_job("fill", FIRST, on="alpha", entrypoint=f"{RUN}/fill.py")),
            end=lambda: delete(RAY_API, "RayJob", "fill", FIRST),
        ),
        Fault(
            alert="CertManagerCertificateNotReady",
            labels={"namespace": SHOP, "name": "late"},
            what="a certificate of an issuer that is missing; then the issuer is made",
            begin=lambda: apply(programs.certificate("late", by="later")),
            end=lambda: apply(programs.issuer("later")),
        ),
        Fault(
            alert="CertManagerCertificateExpires",
            labels={"namespace": SHOP, "name": "short"},
            what="a certificate of an hour that is due, and whose issuer is gone; then the issuer is made again",
            begin=lambda: _issue_and_forget(field, short),
            end=lambda: apply(programs.issuer("gone")),
        ),
        Fault(
            alert="CertManagerIssuerNotReady",
            labels={"namespace": SHOP, "name": "refused"},
            what="an issuer whose ACME server answers 403; it is deleted",
            begin=lambda: apply(programs.issuer("refused", **acme)),
            end=lambda: delete(CERT_API, "Issuer", "refused", SHOP),
        ),
        Fault(
            alert="CertManagerAcmeErrors",
            labels={"host": "kubernetes.default.svc"},
            what="an ACME server that answers 403; the issuer is deleted",
            begin=lambda: apply(programs.issuer("acme", **acme)),
            end=lambda: delete(CERT_API, "Issuer", "acme", SHOP),
            # By itself it tries less and less often.
            again=lambda: _touch(field, "Issuer", "acme"),
        ),
    ]


def _touch(field: Field, kind: str, name: str) -> None:
    note = {"metadata": {"annotations": {"touched": str(time.monotonic())}}}
    field.cluster.edit(CERT_API, kind, name, note, namespace=SHOP)


def _issue_and_forget(field: Field, spec: JsonObject) -> None:
    field.cluster.apply(programs.issuer("gone"), force=True)
    field.cluster.apply(programs.certificate("short", by="gone", **spec), force=True)
    field.until("the short certificate is issued", lambda: is_ready(field, "short"))
    field.cluster.delete(CERT_API, "Issuer", "gone", SHOP)


def fire_and_resolve(field: Field, chosen: Sequence[Fault]) -> Iterator[Row]:
    """All faults at once: each alert fires; then each fault is ended: each alert resolves."""
    for name in ENTRIES:
        rule = field.cluster.get(MONITORING, "PrometheusRule", f"workload-{name}", NAMESPACE)
        field.cluster.apply(divided_rules(rule), force=True)
    field.until(
        "Prometheus has the divided rules",
        lambda: any(group["name"].startswith("divided.") for group in field.prometheus.rules()),
    )
    before = {one.alert for one in chosen if field.is_firing(one.alert, **one.labels)}
    seen: dict[str, dict[str, float]] = {one.alert: {} for one in chosen}
    for stage, act in (("fired", "begin"), ("resolved", "end")):
        started = {}
        for one in chosen:
            getattr(one, act)()
            started[one.alert] = time.monotonic()
        open_ones, end = list(chosen), time.monotonic() + READY
        while open_ones and time.monotonic() < end:
            for one in list(open_ones):
                if stage == "fired":
                    one.again()
                if field.is_firing(one.alert, **one.labels) == (stage == "fired"):
                    seen[one.alert][stage] = time.monotonic() - started[one.alert]
                    open_ones.remove(one)
            time.sleep(2)
    for one in chosen:
        times = seen[one.alert]
        yield Row(
            claim=f"{one.alert} fires and resolves: {one.what}",
            held=one.alert not in before and set(times) == {"fired", "resolved"},
            seen=", ".join(f"{stage} after {seconds:.0f} s" for stage, seconds in times.items()) or "never fired",
        )


# -- all of it ----------------------------------------------------------------------------------------------------


def twice_by_services(field: Field) -> Row:
    """A control: two Services lead to the head of a RayService, and a monitor of Services scrapes it twice."""
    relabel = {"targetLabel": "job", "replacement": "ray-head", "action": "replace"}
    monitor = {
        "apiVersion": MONITORING,
        "kind": "ServiceMonitor",
        "metadata": {"name": "by-service", "namespace": NAMESPACE},
        "spec": {
            "selector": {"matchLabels": {"ray.io/node-type": "head"}},
            "namespaceSelector": {"matchNames": [SECOND]},
            "endpoints": [{"port": "metrics", "interval": SECONDS, "scrapeTimeout": SECONDS, "relabelings": [relabel]}],
        },
    }
    field.cluster.apply(monitor, force=True)
    try:
        field.until("the head is scraped twice", lambda: bool(duplicates(field)), seconds=90)
        seen = len(duplicates(field))
    finally:
        field.cluster.delete(MONITORING, "ServiceMonitor", "by-service", NAMESPACE)
    return Row(
        claim="a monitor of Services would have the series of the RayService's head twice",
        held=seen > 0,
        seen=f"{seen} metrics",
    )


def upgrade(field: Field) -> Row:
    """The RayService gets another cluster; until the old one is gone no series is there twice."""
    status = functools.partial(field.status, "RayService", "shop", SECOND)
    old = status()["activeServiceStatus"]["rayClusterName"]
    field.cluster.apply(programs.ray_service("shop", SECOND, mark="second"), force=True)
    heads, twice, upgrading = 0, set[str](), False
    end = time.monotonic() + READY
    while time.monotonic() < end:
        heads = max(heads, len(field.prometheus.query('up{job="ray-head", ray_io_cluster=~"shop-.*"} == 1')))
        twice |= set(duplicates(field))
        upgrading = upgrading or bool(
            field.prometheus.query('kuberay_service_condition_upgrade_in_progress{name="shop", condition="true"} == 1')
        )
        now = status().get("activeServiceStatus", {}).get("rayClusterName")
        if now != old and heads == 2:
            break
        time.sleep(2)
    return Row(
        claim="while a RayService is upgraded both heads are watched, and no series is there twice",
        held=heads == 2 and not twice,
        seen=f"heads: {heads}, upgrade_in_progress seen: {upgrading}, twice: {sorted(twice)}",
    )


def refuses(field: Field) -> Row:
    """cert-manager's webhook denies a certificate that cannot be."""
    try:
        field.cluster.apply(programs.certificate("wrong", by="own", duration="1m"), force=True)
    except ApiError as error:
        return Row(claim="cert-manager's webhook denies a certificate of a minute", held=True, seen=str(error)[:200])
    return Row(claim="cert-manager's webhook denies a certificate of a minute", held=False, seen="it was accepted")


def prove(field: Field) -> Iterator[Row]:
    """All claims, in an order in which each needs what was before it."""
    yield refuses(field)
    wrong = settled(lambda: missing(field))
    yield Row(
        claim="each target has the expected metrics and is within its budget",
        held=not wrong,
        seen=", ".join(wrong) or json.dumps({job: scraped for job, (scraped, _kept) in counts(field).items()}),
    )
    done = play("verify")
    yield Row(claim="verify finds nothing", held=done.status == 0, seen="" if not done.status else done.output[-2000:])
    wrong = duplicates(field)
    heads = len(field.prometheus.query('up{job="ray-head"}'))
    yield Row(
        claim="each series is there once, those of the RayService's head too",
        held=not wrong and heads == 3,
        seen=f"heads: {heads}, twice: {wrong}",
    )
    wrong = without_names(field)
    yield Row(
        claim="all series of Ray have cluster, namespace, ray_io_cluster and pod",
        held=not wrong,
        seen=", ".join(wrong),
    )
    alike = settled(lambda: alike_panels(field))
    yield Row(
        claim=f"the numbers of two clusters differ on all {len(cluster_panels())} panels of KubeRay's clusters",
        held=not alike,
        seen=json.dumps(alike),
    )
    jobs = "kuberay_job_deployment_status"
    wrong = settled(lambda: not field.prometheus.query(f'{jobs}{{name="good", deployment_status="Complete"}}'))
    yield Row(
        claim="a RayJob is seen with its status",
        held=not wrong,
        seen=json.dumps([one["metric"] for one in field.prometheus.query(jobs)]),
    )
    yield upgrade(field)
    yield from fire_and_resolve(field, faults(field))
    yield from profiles(field)
    # The last, because its series are found for five minutes after it.
    yield twice_by_services(field)


def profiles(field: Field) -> Iterator[Row]:
    """The profile `minimal` after `full`: the same series on every panel, and fewer of them scraped."""
    full, before = {name: answers(field, name) for name in ENTRIES}, stored(field)
    play("workload_monitors", profile="minimal").require_success()
    # Each target is scraped with the new configuration at a moment of its own.
    field.until(
        "all targets keep fewer series",
        lambda: all(number < before.get(target, number + 1) for target, number in stored(field).items()),
    )

    def lost() -> list[str]:
        now = {name: answers(field, name) for name in ENTRIES}
        return [
            f"{name}: {panel}"
            for name in ENTRIES
            for panel, rows in full[name].items()
            if not rows.keys() <= now[name][panel].keys()
        ]

    wrong, after = settled(lost), counts(field)
    fewer = {job: f"{after[job][0]} to {after[job][1]}" for job in after}
    large = [job for job, (scraped, left) in after.items() if scraped > 500 and left > 0.4 * scraped]
    yield Row(
        claim="with minimal every panel shows the same series, and targets above 500 series keep 40 % at most",
        held=not wrong and not large,
        seen=json.dumps({**fewer, "lost": wrong}),
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the proof; 1 where a claim does not hold."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, help="where the rows are kept")
    parser.add_argument("--installed", action="store_true", help="the cluster is as it is to be already")
    options = parser.parse_args(arguments)
    if not options.installed:
        cluster = programs.up()
        for playbook in ("operator", "teams"):
            play(playbook).require_success()
        programs.install(cluster)
    field = Field()
    if not options.installed:
        start(field)
        play("workload_monitors").require_success()
    return 0 if report(prove(field), options.output) else 1


if __name__ == "__main__":
    sys.exit(main())
