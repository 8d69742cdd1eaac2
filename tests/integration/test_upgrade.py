"""What an earlier commit installed stays as it is when today's collection runs over it.

But for what today's collection names otherwise: that is moved without a moment in which a right is missing.
"""

from __future__ import annotations

import subprocess
import typing as t
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from promlab.controlplane import ControlPlane
from tests.integration.support.cluster import MERGE, RESTLESS, Cluster, Key, key_of
from tests.integration.support.earlier import NoHistory, collections_of
from tests.integration.support.inventory import fleet
from tests.integration.support.managed import MANAGER, SET_LABEL
from tests.integration.support.planes import started
from tests.integration.support.playbook import ENVIRONMENTS, Run
from tests.integration.support.reviews import Polled, account, asked_of, may, polled
from tests.suite.in_full import in_full, representative

JsonObject = dict[str, t.Any]
Playbook = Callable[..., Run]

# The last commit before the rooms of module_utils: other files, other names, the same objects.
COMMIT = "ae1ed03c7b63d1f7e7c28a58c672b5cc76620943"
HUB, EDGE = "upgrade-hub", "upgrade-edge"
NODE = "node"
# What must have been installed, so that "nothing changed" says something. The federation's kinds differ by side.
KINDS = {
    HUB: {"CustomResourceDefinition", "Deployment", "Prometheus", "Alertmanager", "ServiceMonitor", "PrometheusRule"},
    EDGE: {"CustomResourceDefinition", "Deployment", "Prometheus", "Alertmanager", "Service", "NetworkPolicy"},
}
FEDERATED = {"EndpointSlice", "ScrapeConfig"}
RBAC = "rbac.authorization.k8s.io/v1"
OPERATOR = "prometheus-operator"
# The earlier commit's cluster-wide names were upstream's; this is what a first run of today does to each cluster.
RENAMED = [
    "created ClusterRole promfleet-prometheus-operator",
    "created ClusterRoleBinding promfleet-prometheus-operator",
    "deleted ClusterRole prometheus-operator",
    "deleted ClusterRoleBinding prometheus-operator",
]
# The earlier commit believed what a series says of its cluster and team.
IDENTIFIED = {
    HUB: [
        ("ScrapeConfig", "monitoring-platform", f"federation-{EDGE}-payments"),
        ("ServiceMonitor", "monitoring-platform", f"federation-{EDGE}-platform"),
    ],
    EDGE: [],
}
# A set's record lists the kinds that it can have: what exposes instances can have Deployments today, what federates
# them PrometheusRules, teams can have agents and disruption budgets, and an operator an admission webhook.
_BOTH = [("kube-system", f"promfleet-set-default.{name}") for name in ("operator", "teams")]
RECORDED = {
    HUB: [("kube-system", "promfleet-set-default.federation"), *_BOTH],
    EDGE: [("kube-system", "promfleet-set-default.federation-source"), *_BOTH],
}
# The earlier commit let a drained node take all replicas at once.
PROTECTED = [("monitoring-payments", "alertmanager-payments"), ("monitoring-payments", "prometheus-payments")]
# The earlier commit did not watch what it federates.
WATCHED = {
    HUB: [
        ("monitoring-platform", "federation"),
        ("monitoring-platform", f"federation-{EDGE}-payments"),
        ("monitoring-platform", f"federation-{EDGE}-platform"),
    ],
    EDGE: [],
}
# The earlier commit's quotas had no room for the proxies in front of exposed replicas.
ROOMIER = [("monitoring-payments", "payments"), ("monitoring-platform", "platform")]
# The earlier commit's policies selected the pods of any Prometheus of that name; today's select the operator's alone.
NARROWED = {
    HUB: [("monitoring-payments", "payments"), ("monitoring-platform", "platform"), ("monitoring-search", "search")],
    EDGE: [
        ("monitoring-payments", "payments"),
        ("monitoring-payments", "prometheus-payments-federation"),
        ("monitoring-platform", "platform"),
        ("monitoring-platform", "prometheus-platform-federation"),
    ],
}


# The platform's instance: namespace and name.
PLATFORM = ("monitoring-platform", "platform")


# The earlier commit closed only the way to an instance, limited no objects of teams, let alerts without a namespace
# reach no receiver, named no runbooks, and had no scrape class for kubelets.
def _closed(cluster: str) -> list[tuple[str, str, str, str]]:
    """What today's collection does about it: action, kind, namespace and name."""
    both = ("prometheus", "alertmanager")
    parts = {"platform": both, "payments": both, "search": ("prometheus",), "bare": ("alertmanager",), "off": ()}
    found: list[tuple[str, str, str, str]] = []
    for team, of_team in parts.items():
        if team == "search" and cluster == EDGE:
            continue
        place = f"monitoring-{team}"
        found.append(("updated", "Namespace", "", place))
        if "alertmanager" in of_team:
            found.append(("updated", "Alertmanager", place, team))
        if "prometheus" in of_team:
            found.append(("updated", "PrometheusRule", place, f"{team}-base"))
        if team in ("platform", "payments", "bare"):
            found.append(("created", "LimitRange", place, team))
        if team in ("platform", "payments", "search"):
            found.append(("created", "NetworkPolicy", place, f"{team}-default-deny"))
            found += [("created", "NetworkPolicy", place, f"{part}-{team}-egress") for part in of_team]
    found.append(("updated", "Prometheus", *PLATFORM))
    found.append(("updated", "PrometheusRule", OPERATOR, OPERATOR))
    found += [("created", "ResourceQuota", place, "promfleet-objects") for place in ("payments", "payments-jobs")]
    if cluster == HUB:
        found.append(("created", "NetworkPolicy", "monitoring-platform", "prometheus-platform-sources"))
    return found


# Every option that gives objects or fields of its own, in forms that people write.
VARIABLES: JsonObject = {
    # Nothing ever gets ready without nodes.
    "promfleet_wait": False,
    "prometheus_operator_log_level": "debug",
    "prometheus_operator_resources": {"cpu": "0.05", "memory": "256Mi"},
    "team_monitoring_platform": {"prometheus": {"scrape_interval": "15s"}, "labels": {"tier": "platform"}},
    "team_monitoring_teams": [
        {
            "name": "payments",
            "namespaces": ["payments", "payments-jobs"],
            "groups": ["payments-developers"],
            "size": "medium",
            "labels": {"cost_centre": "4711"},
            "prometheus": {
                "replicas": 2,
                "retention": "7d",
                "storage": {"size": "1.5Gi", "class": "standard"},
                "resources": {"cpu": "0.5", "memory": "1500Mi"},
            },
            "alertmanager": {"replicas": 3, "storage": {"size": "1Gi"}, "retention": "48h"},
        },
        {
            "name": "search",
            "namespaces": ["search"],
            "clusters": [HUB],
            "quota": False,
            "alertmanager": {"enabled": False},
        },
        {"name": "bare", "rbac": False, "network_policy": False, "base_rules": False, "prometheus": {"enabled": False}},
        {"name": "off", "enabled": False},
    ],
    "prometheus_federation_sources": [
        # By the address of a node.
        {"expose": "NodePort", "interval": "15s", "timeout": "10s", "labels": {"site": "lab"}},
        # By name.
        {"team": "payments", "expose": "NodePort", "address": "edge.example.com", "match": ['{__name__=~"job:.+"}']},
    ],
}


@dataclass(frozen=True, kw_only=True)
class Installed:
    """Two clusters that the earlier commit installed, and the inventory with which it did."""

    inventory: JsonObject
    clusters: dict[str, Cluster]
    made: list[str]

    def state(self) -> dict[tuple[str, Key], tuple[str, list[JsonObject]]]:
        """All objects of both clusters: what they hold, and since when our manager has owned what."""
        found = {}
        for name, cluster in self.clusters.items():
            prints = cluster.snapshot()
            for obj in cluster.list_all(without=RESTLESS):
                entries = obj["metadata"].get("managedFields") or ()
                ours = [entry for entry in entries if entry["manager"].startswith(MANAGER)]
                found[name, key_of(obj)] = prints[key_of(obj)], ours
        return found

    def platforms(self) -> dict[str, JsonObject]:
        """By cluster the spec of the platform's Prometheus."""
        namespace, name = PLATFORM
        return {
            cluster: api.get("monitoring.coreos.com/v1", "Prometheus", name, namespace)["spec"]
            for cluster, api in self.clusters.items()
        }


def add_node(cluster: Cluster, *, address: str) -> None:
    """A node that is not there, with an address by which the others would reach it."""
    path = cluster.kind("v1", "Node").path()
    cluster.request("POST", path, body={"apiVersion": "v1", "kind": "Node", "metadata": {"name": NODE}})
    status = {"addresses": [{"type": "InternalIP", "address": address}]}
    cluster.request("PATCH", f"{path}/{NODE}/status", body={"status": status}, content_type=MERGE)


def add_pod(cluster: Cluster, name: str, *, namespace: str) -> None:
    """A pod on that node, as the operator would make it: a node port has the address of its pod's node."""
    some = {"cpu": "10m", "memory": "10Mi"}
    # As much as the namespace's quota and its pod security ask for.
    container = {
        "name": "prometheus",
        "image": "none",
        "resources": {"requests": some, "limits": some},
        "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
    }
    secure = {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}
    labels = {"app.kubernetes.io/name": "prometheus", "app.kubernetes.io/managed-by": "prometheus-operator"}
    pod = {
        "metadata": {"name": name, "labels": labels},
        "spec": {"nodeName": NODE, "securityContext": secure, "containers": [container]},
    }
    path = cluster.kind("v1", "Pod").path(namespace)
    cluster.request("POST", path, body={"apiVersion": "v1", "kind": "Pod", **pod})


@pytest.fixture(scope="module")
def earlier(tmp_path_factory: pytest.TempPathFactory) -> Path:
    try:
        return collections_of(COMMIT, folder=tmp_path_factory.mktemp("earlier"))
    except NoHistory as error:
        # A source archive or a shallow clone cannot show what an earlier commit installed.
        pytest.skip(str(error))


@pytest.fixture(scope="module")
def planes(request: pytest.FixtureRequest) -> Iterator[dict[str, ControlPlane]]:
    with started(request, HUB, EDGE) as (hub, edge):
        yield {HUB: hub, EDGE: edge}


@pytest.fixture(scope="module")
def installed(planes: dict[str, ControlPlane], playbook: Playbook, earlier: Path) -> Installed:
    clusters = {name: Cluster(kubeconfig=plane.kubeconfig, context=plane.context) for name, plane in planes.items()}
    for number, cluster in enumerate(clusters.values()):
        add_node(cluster, address=f"192.0.2.{number + 10}")
    inventory = fleet(
        central=HUB,
        workers=[EDGE],
        hosts={name: {"promfleet_kubeconfig": str(plane.kubeconfig)} for name, plane in planes.items()},
        promfleet_kubeconfig="overridden by each host",
        **VARIABLES,
    )
    env = {"ANSIBLE_COLLECTIONS_PATH": str(earlier)}
    without = ["--skip-tags", "prometheus_federation"]
    first = playbook("site", inventory=inventory, env=env, arguments=without).require_success()
    for team, pods in {"platform": 1, "payments": 2}.items():
        for number in range(pods):
            add_pod(clusters[EDGE], f"prometheus-{team}-{number}", namespace=f"monitoring-{team}")
    second = playbook("site", inventory=inventory, env=env).require_success()
    return Installed(inventory=inventory, clusters=clusters, made=[*first.objects(), *second.objects()])


@dataclass(frozen=True, kw_only=True)
class Migrated:
    """The first runs of today's collection: what check mode foretold and what the run did, and what was seen of it."""

    installed: Installed
    before: dict[tuple[str, Key], tuple[str, list[JsonObject]]]
    platforms: dict[str, JsonObject]
    foretold: Run
    run: Run
    reviews: dict[str, Polled]


@pytest.fixture(scope="module")
def migrated(installed: Installed, playbook: Playbook) -> Migrated:
    before, platforms = installed.state(), installed.platforms()
    foretold = playbook("site", inventory=installed.inventory, arguments=["--check"]).require_success()
    assert installed.state() == before
    user = account(OPERATOR, OPERATOR)
    with ExitStack() as stack:
        reviews = {}
        for name, cluster in installed.clusters.items():
            rights = asked_of(cluster.get(RBAC, "ClusterRole", OPERATOR)["rules"])
            assert ("monitoring.coreos.com", "prometheuses/status", "update") in rights
            assert all(may(cluster, user, right) for right in rights)
            reviews[name] = stack.enter_context(polled(cluster, user, rights))
        run = playbook("site", inventory=installed.inventory).require_success()
    return Migrated(
        installed=installed, before=before, platforms=platforms, foretold=foretold, run=run, reviews=reviews
    )


def test_the_earlier_commit_installed_everything(installed: Installed, earlier: Path) -> None:
    # It was the earlier code: this file has moved since.
    assert (earlier / "ansible_collections/promfleet/monitoring/plugins/module_utils/_cluster").is_dir()
    actions = Counter(entry.split()[0] for entry in installed.made)
    assert actions["created"] > 100, actions
    for name, cluster in installed.clusters.items():
        kinds = {obj["kind"] for obj in cluster.list_all(selector=SET_LABEL)}
        kinds |= {
            obj["kind"]
            for obj in cluster.list_kind(cluster.kind("apiextensions.k8s.io/v1", "CustomResourceDefinition"))
        }
        assert kinds >= KINDS[name] | (FEDERATED if name == HUB else set())


def test_the_operator_has_all_its_rights_while_its_cluster_wide_names_change(migrated: Migrated) -> None:
    for name in (HUB, EDGE):
        listed = [
            *RENAMED,
            *(f"created PrometheusRule {place}/{rules}" for place, rules in WATCHED[name]),
            *(f"created PodDisruptionBudget {place}/{budget}" for place, budget in PROTECTED),
            *(f"updated ConfigMap {place}/{record}" for place, record in RECORDED[name]),
            *(f"updated NetworkPolicy {place}/{policy}" for place, policy in NARROWED[name]),
            *(f"updated ResourceQuota {place}/{quota}" for place, quota in ROOMIER),
            *(f"updated {kind} {place}/{obj}" for kind, place, obj in IDENTIFIED[name]),
            *(f"{action} {kind} {place and f'{place}/'}{obj}" for action, kind, place, obj in _closed(name)),
        ]
        assert sorted(migrated.run.objects(host=name)) == sorted(listed)
        assert sorted(migrated.foretold.objects(host=name)) == sorted(listed)
        reviews = migrated.reviews[name]
        # A run takes seconds, and a review some milliseconds.
        assert reviews.asked > 500, "the reviews went on all through the run"
        assert reviews.denied == []
    assert migrated.run.warnings == []


def test_nothing_restarts_while_its_cluster_wide_names_change(migrated: Migrated) -> None:
    """No other object is written: neither the operator's Deployment nor a team's Prometheus.

    Of an Alertmanager only the strategy changes, and of the platform's Prometheus the scrape classes: both are in the
    instance's configuration.
    """
    after = migrated.installed.state()
    # The run's entries in the audit trail are no part of the installation.
    moved = {
        (cluster, key)
        for cluster, key in {*migrated.before, *after}
        if migrated.before.get((cluster, key)) != after.get((cluster, key)) and "promfleet-audit-" not in key[2]
    }
    # Whole objects are compared, and with them the generation of each Deployment, Prometheus and Alertmanager.
    names = ("prometheus-operator", "promfleet-prometheus-operator")
    kinds = ("ClusterRole", "ClusterRoleBinding")
    expected = {(cluster, (kind, "", name)) for cluster in (HUB, EDGE) for kind in kinds for name in names}
    expected |= {
        (cluster, ("NetworkPolicy", place, policy))
        for cluster, policies in NARROWED.items()
        for place, policy in policies
    }
    expected |= {
        (cluster, ("ConfigMap", place, record)) for cluster, records in RECORDED.items() for place, record in records
    }
    expected |= {(cluster, ("ResourceQuota", place, quota)) for cluster in (HUB, EDGE) for place, quota in ROOMIER}
    expected |= {
        (cluster, ("PodDisruptionBudget", place, budget)) for cluster in (HUB, EDGE) for place, budget in PROTECTED
    }
    expected |= {(cluster, key) for cluster, keys in IDENTIFIED.items() for key in keys}
    expected |= {
        (cluster, ("PrometheusRule", place, rules)) for cluster, found in WATCHED.items() for place, rules in found
    }
    expected |= {
        (cluster, (kind, place, obj)) for cluster in (HUB, EDGE) for _action, kind, place, obj in _closed(cluster)
    }
    assert moved == expected
    today = migrated.installed.platforms()
    classes = {cluster: spec.pop("scrapeClasses") for cluster, spec in today.items()}
    assert today == migrated.platforms
    assert all(classes.values())


@pytest.mark.parametrize("prefix", representative(ENVIRONMENTS), ids=lambda path: path.name)
def test_today_changes_nothing_more(migrated: Migrated, playbook: Playbook, prefix: Path) -> None:
    """Check mode, the next run, and in full the one after it: no host is changed, and no object is written."""
    installed = migrated.installed
    before = installed.state()
    for arguments in (["--check", "--diff"], [], *([[]] if in_full() else [])):
        run = playbook("site", inventory=installed.inventory, arguments=arguments, prefix=prefix).require_success()
        assert run.objects() == [], arguments
        assert run.changed() == {HUB: 0, EDGE: 0}, run.output
        assert run.warnings == [], run.output
        # Each capability looked at its objects: none was left out.
        for module, host in (
            ("crds", HUB),
            ("prometheus_operator", EDGE),
            ("team_monitoring", HUB),
            ("federation_endpoints", HUB),
        ):
            assert run.of(module, host=host), run.output
        assert installed.state() == before, arguments


def test_a_clone_without_the_commit_says_what_to_do(tmp_path: Path) -> None:
    shallow = tmp_path / "clone"
    subprocess.run(["git", "init", "--quiet", shallow], check=True)
    with pytest.raises(NoHistory, match=rf"commit {COMMIT} is not in {shallow} .*git fetch --unshallow"):
        collections_of(COMMIT, folder=tmp_path, checkout=shallow)
