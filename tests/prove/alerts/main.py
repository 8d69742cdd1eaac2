"""Makes shipped alerts fire and resolve on a cluster, each by a fault of what it watches.

The cluster has the operator, the platform's instance, the exporters, and the monitors of the catalogue. The rules that
the collection applied are copied with their times divided, as in the proof `workloads`, which has the alerts about
KubeRay and cert-manager. Faults come in stages; those of a stage are there at the same time.
"""

from __future__ import annotations

import argparse
import base64
import copy
import json
import sys
import tempfile
import time
import typing as t
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ansible_collections.promfleet.monitoring.plugins.module_utils._base.marks import (
    FIELD_MANAGER,
    MANAGED_BY_LABEL,
    instance_pods,
)

from promlab.engine import make_engine
from promlab.machine import inspect_machine
from promlab.settings import from_environment
from tests.integration.support import lab
from tests.integration.support.cluster import ApiError, Cluster
from tests.integration.support.inventory import LOCAL
from tests.integration.support.playbook import run_playbook
from tests.integration.support.prometheus import Prometheus
from tests.prove.claims import Row, report
from tests.prove.workloads.main import divided_rules

JsonObject = dict[str, t.Any]

CLUSTER = "alerts"
NAMESPACE, OPERATOR = "monitoring-platform", "prometheus-operator"
MONITORING, MONITORING_ALPHA = "monitoring.coreos.com/v1", "monitoring.coreos.com/v1alpha1"
COREDNS = ("v1", "ConfigMap", "coredns", "kube-system")
RBAC = "rbac.authorization.k8s.io/v1"
ENTRIES = ("kubelet", "kube-state-metrics", "node-exporter", "coredns")
SECONDS = "5s"
READY = 300.0
# How long a fault may take until its alert fires, and the end of it until that resolves.
FIRES, RESOLVES = 420.0, 300.0
# A port of the pod itself at which nothing listens.
NOTHING = "127.0.0.1:9"
# Packets to this address go nowhere.
NOWHERE = "10.255.255.1"


def inventory() -> JsonObject:
    """A fleet of the one cluster, with all exporters."""
    quick = {"interval": SECONDS, "scrape_timeout": SECONDS}
    return {
        "all": {
            "vars": {
                **LOCAL,
                "promfleet_kubeconfig": str(lab.kubeconfig()),
                "promfleet_context": "kind-{{ inventory_hostname }}",
                "promfleet_force_conflicts": True,
                "team_monitoring_platform": {
                    "quota": False,
                    "prometheus": {"scrape_interval": SECONDS, "evaluation_interval": SECONDS},
                },
                **{
                    f"monitoring_exporters_{name}": {"enabled": True}
                    for name in ("node_exporter", "kube_state_metrics", "kubelet")
                },
                "workload_monitors_workloads": [{"id": name, **quick} for name in ENTRIES],
            },
            "children": {"promfleet_central": {"hosts": {CLUSTER: {}}}},
        }
    }


def install() -> None:
    """Bring the cluster up, and to the state that the faults start from."""
    lab.up(CLUSTER)
    with tempfile.TemporaryDirectory(prefix="promfleet-alerts-") as folder:
        run_playbook("site", inventory=inventory(), folder=Path(folder), live=True).require_success()


@dataclass(frozen=True, kw_only=True)
class Fault:
    """What makes *alerts* fire, each with labels, and what ends it; *again* keeps it alive meanwhile."""

    what: str
    alerts: t.Mapping[str, t.Mapping[str, str]]
    begin: Callable[[], object]
    end: Callable[[], object]
    again: Callable[[], object] = field(default=lambda: None)


def each(*acts: Callable[[], object]) -> Callable[[], None]:
    """One act that is several, one after the other."""

    def run() -> None:
        for act in acts:
            act()

    return run


class Field:
    """The cluster, and what is done to it."""

    def __init__(self) -> None:
        self.cluster: Cluster = lab.cluster(CLUSTER)
        self.prometheus = Prometheus(self.cluster, team="platform")
        self.engine = make_engine("podman", lab=from_environment(), machine=inspect_machine())
        self._count = 0

    def until(self, what: str, condition: Callable[[], bool], *, seconds: float = READY) -> None:
        """Wait until *condition* holds; a request that fails meanwhile counts as not yet."""

        def holds() -> bool:
            try:
                return condition()
            except (ApiError, json.JSONDecodeError, KeyError):
                return False

        self.cluster.wait_until(holds, what, timeout=seconds)

    def firing(self) -> list[JsonObject]:
        """The labels of all copies of alerts that fire; none while Prometheus cannot be asked."""
        try:
            found = self.prometheus.query('ALERTS{proof="divided", alertstate="firing"}')
        except (ApiError, json.JSONDecodeError):
            return []
        return [row["metric"] for row in found]

    def apply(self, *objects: JsonObject) -> None:
        """Apply objects."""
        for obj in objects:
            self.cluster.apply(obj, force=True)

    def delete(self, *objects: JsonObject) -> None:
        """Delete objects, in the opposite order."""
        for obj in reversed(objects):
            metadata = obj["metadata"]
            self.cluster.delete(obj["apiVersion"], obj["kind"], metadata["name"], metadata.get("namespace", ""))

    def touch(self, kind: str, name: str) -> None:
        """Change an instance, so that the operator reconciles it once more."""
        self._count += 1
        labels = {"spec": {"podMetadata": {"annotations": {"touched": str(self._count)}}}}
        self.cluster.edit(MONITORING, kind, name, labels, namespace=NAMESPACE)

    def write_corefile(self, text: str) -> None:
        """Give CoreDNS another configuration."""
        version, kind, name, namespace = COREDNS
        self.cluster.edit(version, kind, name, {"data": {"Corefile": text}}, namespace=namespace)

    def node(self, *command: str) -> str:
        """What a command on the node says."""
        return self.engine.ask("exec", f"{CLUSTER}-control-plane", *command) or ""


# -- objects of faults ------------------------------------------------------------------------------------------------


def made(api_version: str, kind: str, name: str, namespace: str = NAMESPACE, **rest: t.Any) -> JsonObject:
    """An object of a fault."""
    where = {"namespace": namespace} if namespace else {}
    return {"apiVersion": api_version, "kind": kind, "metadata": {"name": name, **where}, **rest}


# What the platform's namespace demands of pods, by Pod Security.
RESTRICTED: JsonObject = {
    "runAsNonRoot": True,
    "runAsUser": 65534,
    "fsGroup": 65534,
    "seccompProfile": {"type": "RuntimeDefault"},
}


def secret(name: str, **values: str) -> JsonObject:
    """A Secret of the platform's namespace."""
    data = {key.replace("_", "."): base64.b64encode(value.encode()).decode() for key, value in values.items()}
    return made("v1", "Secret", name, data=data)


def prometheus(here: Field, name: str, **spec: t.Any) -> JsonObject:
    """A small Prometheus beside the platform's; it looks at nothing but rules that are called as it is."""
    return made(
        MONITORING,
        "Prometheus",
        name,
        spec={
            # Nodes have no other one.
            "image": _image(here),
            "serviceAccountName": "prometheus-platform",
            "securityContext": RESTRICTED,
            "scrapeInterval": SECONDS,
            "evaluationInterval": SECONDS,
            "ruleSelector": {"matchLabels": {"sick": name}},
            **spec,
        },
    )


def monitor_of(name: str, job: str, labels: t.Mapping[str, str], *ports: str) -> JsonObject:
    """What lets the platform's Prometheus scrape pods with *labels* under another *job*."""
    relabel = [{"targetLabel": "job", "replacement": job, "action": "replace"}]
    endpoints = [
        {"port": port, "interval": SECONDS, "scrapeTimeout": SECONDS, "relabelings": relabel} for port in ports
    ]
    spec = {"selector": {"matchLabels": dict(labels)}, "podMetricsEndpoints": endpoints}
    return made(MONITORING, "PodMonitor", name, spec=spec)


def always(name: str) -> JsonObject:
    """A rule whose alert fires all the time, for the Prometheus *name*."""
    rules = [{"alert": "Always", "expr": "vector(1)"}]
    obj = made(MONITORING, "PrometheusRule", f"{name}-always", spec={"groups": [{"name": "always", "rules": rules}]})
    obj["metadata"]["labels"] = {"sick": name}
    return obj


ROUTES = f"""
route: {{receiver: dead, group_wait: 1s, group_interval: 1s, repeat_interval: 5s}}
receivers:
- name: dead
  webhook_configs:
  - url: http://{NOTHING}/
"""
BROKEN_ROUTES = ROUTES + "    http_config: {tls_config: {ca_file: /no/such/file}}\n"
BAD_JOBS = "- job_name: wrong\n  no_such_field: 1\n"


# -- faults -----------------------------------------------------------------------------------------------------------


def objects_at_once(here: Field) -> list[Fault]:
    """Faults by objects that are wrong; they do not disturb each other."""
    unsynced = prometheus(here, "unsynced", additionalScrapeConfigs={"name": "no-such-secret", "key": "jobs"})
    nowhere = prometheus(here, "nowhere", nodeSelector={"example.com/none": "there"})
    ignored = prometheus(here, "ignored")
    ignored["metadata"]["annotations"] = {"operator.prometheus.io/controller-id": "nobody"}
    rejected = made(
        MONITORING,
        "ServiceMonitor",
        "rejected",
        spec={
            "selector": {"matchLabels": {"no": "service"}},
            "endpoints": [{"port": "web", "tlsConfig": {"ca": {"secret": {"name": "no-such-secret", "key": "ca"}}}}],
        },
    )
    own = instance_pods("prometheus", name="platform")
    down = monitor_of("down", "down", own, "web")
    down["spec"]["podMetricsEndpoints"][0]["path"] = "/no/such/page"
    twice = monitor_of("twice", "twice", own, "web")
    twice["spec"]["podMetricsEndpoints"][0]["metricRelabelings"] = [{"action": "labeldrop", "regex": "le|handler|code"}]
    fails = made(
        MONITORING,
        "PrometheusRule",
        "fails",
        spec={"groups": [{"name": "fails", "rules": [{"record": "fails:up", "expr": "up * on () up"}]}]},
    )
    lost = {"requests": {"memory": "900Gi"}}
    pod = {
        "containers": [
            {"name": "main", "image": _image(here), "args": ["--no-such-flag"], "command": ["/bin/prometheus"]}
        ]
    }
    labels = {"app": "crashing"}
    crashing = made(
        "apps/v1",
        "Deployment",
        "crashing",
        "default",
        spec={"selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels}, "spec": pod}},
    )
    pending = made(
        "v1", "Pod", "pending", "default", spec={"containers": [{**pod["containers"][0], "resources": lost}]}
    )
    node = made("v1", "Node", "gone", "")
    return [
        Fault(
            what="a Prometheus that names a Secret which is not there, changed again and again",
            alerts={
                "PrometheusOperatorSyncFailed": {"controller": "prometheus"},
                "PrometheusOperatorReconcileErrors": {"controller": "prometheus"},
                "MonitoringObjectNotReconciled": {"name": "unsynced"},
            },
            begin=lambda: here.apply(unsynced),
            again=lambda: here.touch("Prometheus", "unsynced"),
            end=lambda: here.delete(unsynced),
        ),
        Fault(
            what="a Prometheus for nodes that are not there",
            alerts={
                "MonitoringObjectNotAvailable": {"name": "nowhere"},
                "KubePodNotReady": {"pod": "prometheus-nowhere-0"},
            },
            begin=lambda: here.apply(nowhere),
            end=lambda: here.delete(nowhere),
        ),
        Fault(
            what="a Prometheus with the controller id of no operator",
            alerts={"MonitoringObjectWithoutStatus": {"name": "ignored"}},
            begin=lambda: here.apply(ignored),
            end=lambda: here.delete(ignored),
        ),
        Fault(
            what="a ServiceMonitor that names a Secret which is not there",
            alerts={"PrometheusOperatorRejectedResources": {"resource": "ServiceMonitor"}},
            begin=lambda: here.apply(rejected),
            end=lambda: here.delete(rejected),
        ),
        Fault(
            what="a PodMonitor with a path that answers 404",
            alerts={"TargetDown": {"job": "down"}},
            begin=lambda: here.apply(down),
            end=lambda: here.delete(down),
        ),
        Fault(
            what="a PodMonitor that drops the labels which tell series apart",
            alerts={"PrometheusDuplicateTimestamps": {"namespace": NAMESPACE}},
            begin=lambda: here.apply(twice),
            end=lambda: here.delete(twice),
        ),
        Fault(
            what="a rule that matches many series with many",
            alerts={"PrometheusRuleFailures": {"pod": "prometheus-platform-0"}},
            begin=lambda: here.apply(fails),
            end=lambda: here.delete(fails),
        ),
        Fault(
            what="a Deployment whose program ends with an error",
            alerts={
                "KubePodCrashLooping": {"namespace": "default"},
                "KubeDeploymentReplicasMismatch": {"deployment": "crashing"},
            },
            begin=lambda: here.apply(crashing),
            end=lambda: here.delete(crashing),
        ),
        Fault(
            what="a pod that asks for more memory than any node has",
            alerts={"KubePodNotReady": {"pod": "pending"}},
            begin=lambda: here.apply(pending),
            end=lambda: here.delete(pending),
        ),
        Fault(
            what="a node whose kubelet does not report",
            alerts={"KubeNodeNotReady": {"node": "gone"}},
            begin=lambda: here.apply(node),
            end=lambda: here.delete(node),
        ),
    ]


def instances_at_once(here: Field) -> list[Fault]:
    """Faults of instances beside the platform's, which watches them."""
    sick = prometheus(here, "sick", additionalScrapeConfigs={"name": "sick-jobs", "key": "jobs.yml"})
    mute = prometheus(
        here,
        "mute",
        additionalAlertManagerConfigs={"name": "mute-alertmanagers", "key": "alertmanagers.yml"},
        remoteWrite=[{"url": f"http://{NOTHING}/api/v1/write"}],
    )
    dead = secret("mute-alertmanagers", alertmanagers_yml=f"- static_configs: [{{targets: ['{NOTHING}']}}]\n")
    lone = made(MONITORING, "Alertmanager", "lone", spec={"configSecret": "lone-routes", "securityContext": RESTRICTED})
    watched = [
        monitor_of(f"of-{name}", part, instance_pods(part, name=name), "web", "reloader-web")
        for name, part in (("sick", "prometheus"), ("mute", "prometheus"), ("lone", "alertmanager"))
    ]
    proxy = f"/api/v1/namespaces/{NAMESPACE}/pods/alertmanager-lone-0:9093/proxy/api/v2/alerts"

    def send(*alerts: JsonObject) -> None:
        try:
            here.cluster.send("POST", proxy, body=list(alerts))
        except ApiError:
            # That it is refused is the fault; and it may not run yet.
            return

    def running(pod: str, job: str) -> None:
        here.until(f"{pod} is scraped", lambda: bool(here.prometheus.query(f'up{{pod="{pod}", job="{job}"}} == 1')))

    def break_prometheus() -> None:
        here.apply(secret("sick-jobs", jobs_yml="[]\n"), sick, watched[0])
        running("prometheus-sick-0", "prometheus")
        here.apply(secret("sick-jobs", jobs_yml=BAD_JOBS))

    def break_alertmanager() -> None:
        here.apply(secret("lone-routes", alertmanager_yaml=ROUTES), lone, watched[2])
        running("alertmanager-lone-0", "alertmanager")
        here.apply(secret("lone-routes", alertmanager_yaml=BROKEN_ROUTES))

    return [
        Fault(
            what="a job that Prometheus does not understand",
            alerts={
                "PrometheusConfigReloadFailed": {"pod": "prometheus-sick-0"},
                "ConfigReloaderSidecarErrors": {"pod": "prometheus-sick-0"},
            },
            begin=break_prometheus,
            end=lambda: here.apply(secret("sick-jobs", jobs_yml="[]\n")),
        ),
        Fault(
            what="an Alertmanager and an end of remote_write that nothing answers at",
            alerts={
                "PrometheusNotificationsFailing": {"pod": "prometheus-mute-0"},
                "PrometheusRemoteWriteBehind": {"pod": "prometheus-mute-0"},
            },
            begin=lambda: here.apply(dead, always("mute"), mute, watched[1]),
            end=lambda: here.delete(mute),
        ),
        Fault(
            what="an Alertmanager outside of the other one's cluster, with a receiver that nothing answers at "
            "and a certificate file that is not there; it gets alerts that fire, and such without a label",
            alerts={
                "AlertmanagerMembersMissing": {"namespace": NAMESPACE},
                "AlertmanagerConfigReloadFailed": {"pod": "alertmanager-lone-0"},
                "AlertmanagerNotificationsFail": {"pod": "alertmanager-lone-0"},
                "AlertmanagerAlertsInvalid": {"pod": "alertmanager-lone-0"},
            },
            begin=break_alertmanager,
            again=each(lambda: send({"labels": {"alertname": "Always"}}), lambda: send({"labels": {"alertname": ""}})),
            end=lambda: here.delete(lone),
        ),
    ]


def names_at_once(here: Field) -> list[Fault]:
    """Names that nobody resolves."""
    lookup = made(
        MONITORING_ALPHA,
        "ScrapeConfig",
        "lookup",
        spec={
            "staticConfigs": [{"targets": ["one.example.com:80", "two.example.com:80"], "labels": {"job": "lookup"}}]
        },
    )
    corefile = here.cluster.get(*COREDNS)["data"]["Corefile"]

    def forward() -> None:
        here.apply(lookup)
        lines = [f"    forward . {NOWHERE} {{" if "forward ." in line else line for line in corefile.splitlines()]
        here.write_corefile("\n".join(lines) + "\n")

    return [
        Fault(
            what="CoreDNS asks a server that does not answer",
            alerts={"CoreDNSErrors": {}, "CoreDNSSlow": {}},
            begin=forward,
            end=each(lambda: here.write_corefile(corefile), lambda: here.delete(lookup)),
        ),
    ]


def broken_names(here: Field) -> list[Fault]:
    """A configuration of CoreDNS that cannot be read."""
    corefile = here.cluster.get(*COREDNS)["data"]["Corefile"]

    return [
        Fault(
            what="a Corefile that cannot be read",
            alerts={"CoreDNSReloadFailed": {}},
            begin=lambda: here.write_corefile(corefile + "\nno_such_plugin {\n"),
            end=lambda: here.write_corefile(corefile),
        )
    ]


def without_rights(here: Field) -> list[Fault]:
    """The operator loses rights, and then starts without them."""
    name = next(
        one["roleRef"]["name"]
        for one in here.cluster.list_kind(here.cluster.kind(RBAC, "ClusterRoleBinding"))
        if any(subject.get("name") == "prometheus-operator" for subject in one.get("subjects") or ())
    )
    rules = here.cluster.get(RBAC, "ClusterRole", name)["rules"]

    def write(rules: Sequence[JsonObject]) -> None:
        here.cluster.edit(RBAC, "ClusterRole", name, {"rules": list(rules)})

    def without(resource: str, *verbs: str) -> list[JsonObject]:
        found = []
        for rule in rules:
            given = rule.get("resources") or []
            others = [one for one in given if one != resource]
            if others or not given:
                found.append({**rule, **({"resources": others} if others else {})})
            if len(others) < len(given):
                found.append({**rule, "resources": [resource], "verbs": [v for v in rule["verbs"] if v not in verbs]})
        return [rule for rule in found if rule["verbs"]]

    def restart() -> None:
        for pod in here.cluster.list_kind(
            here.cluster.kind("v1", "Pod"), selector="app.kubernetes.io/name=prometheus-operator"
        ):
            here.cluster.delete("v1", "Pod", pod["metadata"]["name"], pod["metadata"]["namespace"])

    return [
        Fault(
            what="the operator may not write the status of a Prometheus, which changes again and again",
            alerts={"PrometheusOperatorStatusUpdateErrors": {"controller": "prometheus"}},
            begin=lambda: write(without("prometheuses/status", "get", "update", "patch")),
            again=lambda: here.touch("Prometheus", "platform"),
            end=lambda: write(rules),
        ),
        Fault(
            what="the operator starts without the right to list ConfigMaps",
            alerts={"PrometheusOperatorListErrors": {}, "PrometheusOperatorNotReady": {}},
            begin=each(lambda: write(without("configmaps", "list", "watch")), restart),
            end=each(lambda: write(rules), restart),
        ),
        Fault(
            what="the operator starts without the right to watch ConfigMaps",
            alerts={"PrometheusOperatorWatchErrors": {}},
            begin=each(lambda: write(without("configmaps", "watch")), restart),
            end=each(lambda: write(rules), restart),
        ),
    ]


def stopped(here: Field) -> list[Fault]:
    """What does not run."""

    def scale(replicas: int) -> None:
        here.cluster.edit("apps/v1", "Deployment", OPERATOR, {"spec": {"replicas": replicas}}, namespace=OPERATOR)

    return [
        Fault(
            what="the operator is scaled to zero",
            alerts={"PrometheusOperatorDown": {}},
            begin=lambda: scale(0),
            end=lambda: scale(1),
        ),
        Fault(
            what="containerd is stopped on the node",
            alerts={"KubeletRuntimeErrors": {}},
            begin=lambda: here.node("systemctl", "stop", "containerd"),
            end=lambda: here.node("systemctl", "start", "containerd"),
        ),
    ]


def _image(here: Field) -> str:
    """The image of the platform's Prometheus: any that a node has."""
    pod = here.cluster.get("v1", "Pod", "prometheus-platform-0", NAMESPACE)
    return next(str(one["image"]) for one in pod["spec"]["containers"] if one["name"] == "prometheus")


# -- the proof --------------------------------------------------------------------------------------------------------

STAGES: t.Mapping[str, Callable[[Field], list[Fault]]] = {
    "objects": objects_at_once,
    "instances": instances_at_once,
    "names": names_at_once,
    "names-broken": broken_names,
    "rights": without_rights,
    "stopped": stopped,
}
# Each of these needs what the one before it took away.
ONE_BY_ONE = ("rights", "stopped")


def divide(here: Field) -> None:
    """Apply a copy of each rule with alerts whose times are divided."""
    for rule in here.cluster.list_kind(here.cluster.kind(MONITORING, "PrometheusRule")):
        labels = rule["metadata"].get("labels") or {}
        if labels.get(MANAGED_BY_LABEL) == FIELD_MANAGER and any(
            "alert" in one for group in rule["spec"]["groups"] for one in group["rules"]
        ):
            here.apply(divided_rules(_with_times(rule)))
    here.until(
        "Prometheus has the divided rules",
        lambda: any(group["name"].startswith("divided.") for group in here.prometheus.rules()),
    )


def _with_times(rule: JsonObject) -> JsonObject:
    """A PrometheusRule in which each alert says for how long it must hold."""
    found = copy.deepcopy(rule)
    for one in (one for group in found["spec"]["groups"] for one in group["rules"] if "alert" in one):
        one.setdefault("for", "10s")
    return found


def fire_and_resolve(here: Field, faults: Sequence[Fault]) -> Iterator[Row]:
    """All *faults* at once: their alerts fire; then they end, and the alerts resolve."""
    before = here.firing()
    wanted = [(fault, alert, labels) for fault in faults for alert, labels in fault.alerts.items()]
    seen: dict[tuple[str, str], dict[str, float]] = {(fault.what, alert): {} for fault, alert, _labels in wanted}
    for stage, act, limit in (("fired", "begin", FIRES), ("resolved", "end", RESOLVES)):
        for fault in faults:
            getattr(fault, act)()
        began = time.monotonic()
        left = [one for one in wanted if stage == "fired" or "fired" in seen[one[0].what, one[1]]]
        while left and time.monotonic() - began < limit:
            if stage == "fired":
                for fault in faults:
                    fault.again()
            firing = here.firing()
            for one in list(left):
                if _is_among(firing, one[1], one[2]) == (stage == "fired"):
                    seen[one[0].what, one[1]][stage] = time.monotonic() - began
                    left.remove(one)
            time.sleep(2)
    for fault, alert, labels in wanted:
        times = seen[fault.what, alert]
        yield Row(
            claim=f"{alert} fires and resolves: {fault.what}",
            held=set(times) == {"fired", "resolved"} and not _is_among(before, alert, labels),
            seen=", ".join(f"{stage} after {seconds:.0f} s" for stage, seconds in times.items()) or "never fired",
        )


def _is_among(firing: Sequence[JsonObject], alert: str, labels: t.Mapping[str, str]) -> bool:
    wanted = {"alertname": alert, **labels}.items()
    return any(wanted <= one.items() for one in firing)


def prove(here: Field, stages: Sequence[str]) -> Iterator[Row]:
    """The faults of each stage."""
    divide(here)
    for stage in stages:
        faults = STAGES[stage](here)
        for group in [[one] for one in faults] if stage in ONE_BY_ONE else [faults]:
            yield from fire_and_resolve(here, group)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the proof; 1 where a claim does not hold."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, help="where the rows are kept")
    parser.add_argument("--installed", action="store_true", help="the cluster is as it is to be already")
    parser.add_argument("--stage", action="append", choices=list(STAGES), help="only these")
    options = parser.parse_args(arguments)
    if not options.installed:
        install()
    here = Field()
    if not report(prove(here, options.stage or list(STAGES)), options.output):
        return 1
    lab.down(CLUSTER)
    return 0


if __name__ == "__main__":
    sys.exit(main())
