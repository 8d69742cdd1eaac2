"""A fleet of two clusters is upgraded in waves while an application is scraped: a bad pair first, then a good one.

No test file by its name: molecule's scenario `upgrade` runs these one by one, in their order. Each finds what the one
before it has left.
"""

from __future__ import annotations

import copy
import itertools
import json
import shutil
import typing as t
from collections.abc import Callable
from pathlib import Path

import yaml
from ansible_collections.promfleet.monitoring.plugins.module_utils._upgrade.record import FREEZE_FILE

from promlab import pins
from promlab.settings import from_environment
from tests.integration.support import lab
from tests.integration.support.cluster import Cluster
from tests.integration.support.inventory import LOCAL
from tests.integration.support.playbook import CHECKOUT, Run
from tests.integration.support.prometheus import Prometheus
from tests.integration.support.releases import crd_folder

JsonObject = dict[str, t.Any]
Playbook = Callable[..., Run]

OLDER = pins.OTHER_OPERATORS[-1]
NEWER = pins.PROMETHEUS_OPERATOR
# The canary, and the later wave.
CANARY, LATER = "test-waves-edge", "test-waves-hub"
TEAM = "payments"
PLACE = f"monitoring-{TEAM}"
INTERVAL = 30
APP = 'up{job="app"}'


def records() -> Path:
    """The folder of the upgrade's records, for all rules."""
    return from_environment().work / "fleet-upgrade"


def inventory(release: str, **more: t.Any) -> JsonObject:
    """The scenario's inventory for one release."""
    data: JsonObject = yaml.safe_load((CHECKOUT / "molecule/upgrade/inventory.yml").read_text(encoding="utf-8"))
    data["all"]["vars"] |= {
        **LOCAL,
        "promfleet_kubeconfig": str(lab.account_kubeconfig()),
        "promfleet_context": "kind-{{ inventory_hostname }}",
        "promfleet_upgrade_folder": str(records()),
        "prometheus_operator_version": release,
        "prometheus_operator_crds_source": str(crd_folder(release)),
        **more,
    }
    return data


def changed_team(change: Callable[[JsonObject], object]) -> list[JsonObject]:
    """The scenario's teams, with a change to the first of them."""
    data = yaml.safe_load((CHECKOUT / "molecule/upgrade/inventory.yml").read_text(encoding="utf-8"))
    teams: list[JsonObject] = copy.deepcopy(data["all"]["vars"]["team_monitoring_teams"])
    change(teams[0])
    return teams


def application() -> list[JsonObject]:
    """A Prometheus that shows its own metrics, as something that a team runs."""
    place = {"namespace": TEAM}
    labels = {"app": "app"}
    confined = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
    container = {
        "name": "app",
        "image": f"quay.io/prometheus/prometheus:v{pins.PROMETHEUS}",
        "args": ["--config.file=/etc/app/prometheus.yml", "--storage.tsdb.path=/tmp/data"],
        "ports": [{"name": "web", "containerPort": 9090}],
        "volumeMounts": [{"name": "config", "mountPath": "/etc/app"}],
        "securityContext": confined,
    }
    pod = {
        "securityContext": {"runAsNonRoot": True, "runAsUser": 1000, "seccompProfile": {"type": "RuntimeDefault"}},
        "containers": [container],
        "volumes": [{"name": "config", "configMap": {"name": "app"}}],
    }
    template = {"metadata": {"labels": labels}, "spec": pod}
    return [
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": "app", **place},
            "data": {"prometheus.yml": "scrape_configs: []\n"},
        },
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": "app", **place, "labels": labels},
            "spec": {"selector": labels, "ports": [{"name": "web", "port": 9090}]},
        },
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": "app", **place},
            "spec": {"replicas": 1, "selector": {"matchLabels": labels}, "template": template},
        },
    ]


def operator_image(cluster: Cluster) -> str:
    spec = cluster.get("apps/v1", "Deployment", "prometheus-operator", "prometheus-operator")["spec"]["template"][
        "spec"
    ]
    return str(spec["containers"][0]["image"])


def pod_uid(cluster: Cluster) -> str:
    return str(cluster.get("v1", "Pod", f"prometheus-{TEAM}-0", PLACE)["metadata"]["uid"])


def now(cluster: Cluster) -> float:
    """The time by the clock of the team's instance."""
    (row,) = Prometheus(cluster, team=TEAM).query("vector(time())")
    return float(row["value"][1])


def samples(cluster: Cluster, *, since: float) -> list[float]:
    """When the application was scraped since a time, by the data of the instance itself."""
    window = round(now(cluster) - since) + INTERVAL
    rows = Prometheus(cluster, team=TEAM).query(f"{APP}[{window}s]")
    return sorted(float(when) for row in rows for when, value in row["values"] if value == "1" and float(when) >= since)


def is_up(cluster: Cluster) -> bool:
    return [row["value"][1] for row in Prometheus(cluster, team=TEAM).query(APP)] == ["1"]


def pulling(cluster: Cluster) -> list[str]:
    """What is left of pulling images: DaemonSets and their pods."""
    kinds = [cluster.kind("apps/v1", "DaemonSet"), cluster.kind("v1", "Pod")]
    found = [obj for kind in kinds for obj in cluster.list_kind(kind)]
    return [obj["metadata"]["name"] for obj in found if obj["metadata"]["name"].startswith("promfleet-pull")]


def told(run: Run) -> dict[str, str]:
    """What the verdict says of each cluster."""
    return {failure.host: failure.message for failure in run.failures if failure.task.startswith("Upgrade verdict")}


def test_the_older_release_scrapes(playbook: Playbook) -> None:
    shutil.rmtree(records(), ignore_errors=True)
    playbook("site", inventory=inventory(OLDER)).require_success()
    for name in (CANARY, LATER):
        cluster = lab.cluster(name)
        for obj in application():
            cluster.apply(obj)
        assert operator_image(cluster).endswith(f":v{OLDER}")
    for name in (CANARY, LATER):
        cluster = lab.cluster(name)
        began = now(cluster)
        cluster.wait_until(lambda: len(samples(cluster, since=began)) >= 3, "the application is scraped", timeout=300)  # noqa: B023


def test_an_image_that_no_node_can_pull_stops_it_before_anything_changes(playbook: Playbook) -> None:
    # Nothing listens there.
    teams = changed_team(lambda team: team.update(image_registry="127.0.0.1:1/quay.io"))
    given = inventory(NEWER, team_monitoring_teams=teams, promfleet_upgrade_pull_timeout=60)
    clusters = {name: lab.cluster(name) for name in (CANARY, LATER)}
    before = {name: cluster.snapshot() for name, cluster in clusters.items()}
    run = playbook("upgrade", inventory=given).require_failure()
    verdict = told(run)
    image = f"127.0.0.1:1/quay.io/prometheus/prometheus:v{pins.PROMETHEUS}"
    assert verdict[CANARY].startswith("not begun: not all nodes have the images"), run.output
    assert f"node {CANARY}-control-plane: {image}: " in verdict[CANARY]
    assert "ErrImagePull" in verdict[CANARY] or "ImagePullBackOff" in verdict[CANARY]
    assert verdict[LATER].startswith("not begun"), run.output
    for name, cluster in clusters.items():
        assert pulling(cluster) == []
        cluster.wait_until(lambda: cluster.snapshot() == before[name], "all is as it was")  # noqa: B023
    assert not (records() / CANARY).exists()


def test_a_bad_pair_rolls_back_and_the_later_wave_does_not_begin(playbook: Playbook) -> None:
    """The release is good, and with it comes a monitor that asks for a page that the application does not have."""
    teams = changed_team(lambda team: team["monitors"][0]["spec"]["endpoints"][0].update(path="/nothing"))
    canary, later = lab.cluster(CANARY), lab.cluster(LATER)
    untouched = later.snapshot()
    given = inventory(NEWER, team_monitoring_teams=teams, promfleet_upgrade_gate_timeout=60)
    run = playbook("upgrade", inventory=given).require_failure()
    verdict = told(run)
    assert verdict[CANARY].startswith("rolled back, and the gates pass; "), run.output
    assert "before 1 of 1 up, after 0 of 1 up" in verdict[CANARY]
    assert verdict[LATER].startswith("not upgraded: frozen since 2"), run.output
    assert operator_image(canary).endswith(f":v{OLDER}")
    assert is_up(canary)
    assert later.snapshot() == untouched
    assert pulling(canary) == []


def test_a_good_pair_goes_through_without_a_gap(playbook: Playbook) -> None:
    clusters = {name: lab.cluster(name) for name in (CANARY, LATER)}
    lift = json.loads((records() / FREEZE_FILE).read_text(encoding="utf-8"))["id"]
    began = {name: now(cluster) for name, cluster in clusters.items()}
    pods = {name: pod_uid(cluster) for name, cluster in clusters.items()}
    run = playbook("upgrade", inventory=inventory(NEWER, promfleet_upgrade_lift=lift)).require_success()
    assert [one.host for one in run.of("upgrade_gate") if one.data.get("passed")] == [CANARY, LATER]
    for name, cluster in clusters.items():
        assert operator_image(cluster).endswith(f":v{NEWER}")
        assert pod_uid(cluster) != pods[name], "the pod of the instance was not replaced"
        (pulled,) = run.of("upgrade_pull", host=name)
        assert pulled.data["nodes"] == [f"{name}-control-plane"]
        assert f"quay.io/prometheus-operator/prometheus-operator:v{NEWER}" in pulled.data["images"]
        assert pulling(cluster) == []
        times = [began[name], *samples(cluster, since=began[name]), now(cluster)]
        gaps = [after - before for before, after in itertools.pairwise(times)]
        print(f"{name}: {len(gaps)} scrapes, longest gap {max(gaps):.1f} s")
        # A single scrape is missing at most; scrapes are not on time to the millisecond.
        assert max(gaps) <= 2 * INTERVAL + 1, f"{name}: {gaps}"
