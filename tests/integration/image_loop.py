"""A fleet whose nodes reach one private registry and nothing else: what is predicted is what is pulled and what runs.

No test file by its name: molecule's scenario `images` runs these one by one, on two clusters that have no image but
those of Kubernetes.
"""

from __future__ import annotations

import json
import os
import subprocess
import typing as t
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
import yaml
from ansible_collections.promfleet.monitoring.plugins.module_utils._images.cost import of_pods

from promlab import pins
from promlab.build import build_images
from promlab.engine import make_engine
from promlab.images import PROOF_IMAGES, WORKLOAD_IMAGES
from promlab.locking import locked
from promlab.machine import inspect_machine
from promlab.progress import Progress
from promlab.settings import from_environment
from tests.integration.support import lab
from tests.integration.support.cluster import Cluster
from tests.integration.support.playbook import CHECKOUT, Run
from tests.integration.support.private_registry import PrivateRegistry, private_registry
from tests.integration.support.prometheus_process import lab_program
from tests.integration.support.releases import crd_folder
from tests.integration.support.wipe import wipe

JsonObject = dict[str, t.Any]
Playbook = Callable[..., Run]
Mirroring = Callable[[Mapping[str, str]], None]

SCENARIO = CHECKOUT / "molecule/images"
HUB, EDGE = "test-images-hub", "test-images-edge"
PORT = 5443
SECRET = "registry"
NAMESPACES = (
    "prometheus-operator",
    "monitoring-platform",
    "monitoring-payments",
    "monitoring-search",
    "promfleet-node-exporter",
    "promfleet-kube-state-metrics",
)
RELEASES = (*pins.OTHER_OPERATORS, pins.PROMETHEUS_OPERATOR)
CERTIFICATES = "/etc/containerd/certs.d"
TABLE = "promfleet_offline"


def work_folder() -> Path:
    """What the scenario's steps share: the registry's images and authority."""
    return from_environment().work / "image-loop"


def in_node(cluster: str, command: str, *, text: str | None = None) -> str:
    """Run a line of shell in a cluster's node."""
    settings = from_environment()
    chosen = json.loads(settings.choice.read_text())["engine"]
    engine = make_engine(chosen, lab=settings, machine=inspect_machine())
    done = subprocess.run(
        [engine.name, "exec", "--interactive", f"{cluster}-control-plane", "bash", "-c", command],
        env={**os.environ, **engine.environment}, input=text or "", capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
    return done.stdout.strip()


def address_of(cluster: str) -> str:
    """The address of a node in the network of the clusters."""
    return in_node(cluster, "ip -4 -o addr show eth0 | awk '{print $4}'").partition("/")[0]


def gateway() -> str:
    """This machine, as nodes see it."""
    return in_node(HUB, "ip route show default | awk '{print $3}'")


@pytest.fixture(scope="module")
def crane(request: pytest.FixtureRequest) -> Path:
    return lab_program(request, "crane")


@pytest.fixture(scope="module")
def mirroring(request: pytest.FixtureRequest, crane: Path, mirror: PrivateRegistry) -> Mirroring:
    """Copies the images of a release, by the plain list, from the archives of the lab."""
    settings, progress = from_environment(), Progress()
    capture = request.config.pluginmanager.getplugin("capturemanager")

    def copy(copies: Mapping[str, str]) -> None:
        wanted = [image for image in (*WORKLOAD_IMAGES, *PROOF_IMAGES) if image.reference in copies]
        assert {image.reference for image in wanted} == copies.keys(), "the lab makes all of these images"
        with (
            capture.global_and_fixture_disabled(),
            locked(settings.locks, "build", purpose="building", say=progress.say),
        ):
            archives = build_images(wanted, lab=settings, progress=progress)
        for source, target in copies.items():
            command = [str(crane), "push", str(archives[source]), inside(mirror, target), "--insecure"]
            subprocess.run(command, check=True, capture_output=True)

    return copy


@pytest.fixture(scope="module")
def mirror(crane: Path) -> Iterator[PrivateRegistry]:
    with private_registry(crane, work_folder(), host=gateway(), port=PORT) as registry:
        for name in (HUB, EDGE):
            trust(name, registry)
        yield registry


def trust(cluster: str, registry: PrivateRegistry) -> None:
    """Let a node trust the registry's authority, as an administrator of nodes does it."""
    place = f"{CERTIFICATES}/{registry.address}"
    hosts = f'server = "https://{registry.address}"\n[host."https://{registry.address}"]\nca = "{place}/ca.pem"\n'
    in_node(cluster, f"mkdir -p {place} && cat > {place}/ca.pem", text=registry.ca.read_text())
    in_node(cluster, f"cat > {place}/hosts.toml", text=hosts)


def inventory(registry: PrivateRegistry, folder: Path, *, release: str, **more: t.Any) -> JsonObject:
    """The scenario's inventory, as a user who has this registry writes it."""
    data: JsonObject = yaml.safe_load((SCENARIO / "inventory.yml").read_text(encoding="utf-8"))
    data["all"]["vars"] |= {
        "ansible_connection": "local",
        "ansible_python_interpreter": "{{ ansible_playbook_python }}",
        "promfleet_kubeconfig": str(lab.account_kubeconfig()),
        "promfleet_context": "kind-{{ inventory_hostname }}",
        "promfleet_image_registry": f"{registry.address}/quay.io",
        "promfleet_image_pull_secrets": [SECRET],
        "promfleet_images_lock": str(folder / "images.lock.yml"),
        "promfleet_images_folder": str(folder / "mirror"),
        "promfleet_images_formats": ["plain"],
        "promfleet_images_credentials_file": str(registry.credentials),
        "promfleet_images_ca_cert": str(registry.ca),
        "prometheus_operator_version": release,
        "prometheus_operator_crds_source": str(crd_folder(release)),
        **more,
    }
    return data


def mirrored(folder: Path) -> dict[str, str]:
    """What is to be copied where: the lines of the plain list."""
    lines = (folder / "mirror/images.txt").read_text(encoding="utf-8").splitlines()
    copies = [line.partition("=") for line in lines if not line.startswith("#")]
    return {source.partition("@")[0]: target for source, _sign, target in copies}


def inside(registry: PrivateRegistry, target: str) -> str:
    """The place that pushes go to, for a name that clusters ask for."""
    return registry.inside + target.removeprefix(registry.address)


def locked_digests(folder: Path) -> dict[str, str]:
    """What the lock file has, by the names under which images are published."""
    found: dict[str, str] = yaml.safe_load((folder / "images.lock.yml").read_text(encoding="utf-8"))["images"]
    return found


def give_pull_secrets(cluster: Cluster, registry: PrivateRegistry) -> None:
    """What the guide asks for: the namespaces with the Secrets, before the first run."""
    for namespace in NAMESPACES:
        metadata = {"name": SECRET, "namespace": namespace}
        cluster.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}})
        cluster.apply({"apiVersion": "v1", "kind": "Secret", "metadata": metadata, **registry.pull_secret})


def images_on(cluster: str, registry: PrivateRegistry) -> list[str]:
    """The names of images of the registry that a node has."""
    listed = json.loads(in_node(cluster, "crictl images -o json"))["images"]
    return [name for image in listed for name in image["repoTags"] or () if name.startswith(registry.address)]


def forget_images(cluster: str, registry: PrivateRegistry) -> None:
    for name in images_on(cluster, registry):
        in_node(cluster, f"crictl rmi {name}")


def running(cluster: Cluster) -> set[tuple[str, str]]:
    """The names and digests of what pods of the fleet run, init containers too, as nodes note them."""
    found = set()
    for pod in cluster.list_kind(cluster.kind("v1", "Pod")):
        if pod["metadata"]["namespace"] in NAMESPACES:
            for group in ("initContainerStatuses", "containerStatuses"):
                for status in pod["status"].get(group) or ():
                    name, _at, digest = status["imageID"].partition("@")
                    found.add((name, digest))
    return found


def clean(registry: PrivateRegistry) -> None:
    """Clusters without anything of ours, and nodes without the registry's images."""
    for name in (HUB, EDGE):
        wipe(lab.cluster(name))
        forget_images(name, registry)


def test_nodes_reach_the_registry_and_nothing_else(mirror: PrivateRegistry) -> None:
    """From here on: a rule in each node rejects what leaves for anywhere but the network of the clusters."""
    other = subprocess.run(
        ["bash", "-c", "ip -4 route get 192.0.2.1 | sed -n 's/.* src \\([0-9.]*\\).*/\\1/p'"],
        capture_output=True, text=True, check=True,
    ).stdout.strip()  # fmt: skip
    ask = "curl --silent --show-error --insecure --max-time 10 --output /dev/null https://{}:{}/v2/"
    for name in (HUB, EDGE):
        # The same listener at another address of this machine: it is the rule that keeps the node away.
        in_node(name, f"nft delete table inet {TABLE} 2>/dev/null; {ask.format(other, PORT)}")
        subnet = in_node(name, "ip -4 route show dev eth0 scope link | awk '{print $1}'")
        chains = "\n".join(
            f"chain {hook} {{ type filter hook {hook} priority 0\noifname eth0 ip daddr != {subnet} reject\n}}"
            for hook in ("output", "forward")
        )
        in_node(name, "nft -f -", text=f"table inet {TABLE} {{\n{chains}\n}}\n")
        in_node(name, f"! {ask.format(other, PORT)}")
        in_node(name, ask.format(gateway(), PORT))
        assert images_on(name, mirror) == []
    assert mirror.refused, "the registry answers without credentials"


def test_a_missing_image_is_named_before_anything_is_written(
    mirror: PrivateRegistry, crane: Path, mirroring: Mirroring, playbook: Playbook, tmp_path: Path
) -> None:
    given = inventory(mirror, tmp_path, release=pins.PROMETHEUS_OPERATOR)
    clean(mirror)
    playbook("images", inventory=given, arguments=["-e", "promfleet_images_update_lock=true"]).require_success()
    copies = mirrored(tmp_path)
    (missing, target), *others = copies.items()
    mirroring(dict(others))
    subprocess.run([crane, "delete", inside(mirror, target), "--insecure"], check=False, capture_output=True)
    clusters = [lab.cluster(name) for name in (HUB, EDGE)]
    before = [cluster.snapshot() for cluster in clusters]
    refused = playbook("site", inventory=given, arguments=["-e", "promfleet_images_before_site=true"]).require_failure()
    said = " ".join(refused.output.split())
    assert f"ask: {target}: {mirror.address} does not have this image" in said
    assert not [place for _source, place in others if f"ask: {place}" in said], missing
    assert [cluster.snapshot() for cluster in clusters] == before


@pytest.mark.parametrize("release", RELEASES)
def test_predicted_is_pulled_is_running(
    mirror: PrivateRegistry, mirroring: Mirroring, playbook: Playbook, tmp_path: Path, release: str
) -> None:
    clean(mirror)
    given = inventory(mirror, tmp_path, release=release)
    playbook("images", inventory=given, arguments=["-e", "promfleet_images_update_lock=true"]).require_success()
    copies = mirrored(tmp_path)
    mirroring(copies)
    known = ["-e", "promfleet_images_ask=target", "-e", "promfleet_images_require_digests=true"]
    asked = playbook("images", inventory=given, arguments=["-e", "promfleet_images_update_lock=true", *known])
    asked.require_success()
    digests = locked_digests(tmp_path)
    assert digests.keys() == copies.keys()
    predicted = {
        name: {
            (copies[row["source"]].rpartition(":")[0], digests[row["source"]])
            for row in asked.of("images_info", host=name)[0].data["images"]
        }
        for name in (HUB, EDGE)
    }
    clusters = {name: lab.cluster(name) for name in (HUB, EDGE)}
    for cluster in clusters.values():
        give_pull_secrets(cluster, mirror)
    mirror.reads.clear()

    playbook("site", inventory=given, arguments=["-e", "promfleet_images_before_site=true"]).require_success()
    running_as_locked = ["-e", "promfleet_images_check_running=true"]
    playbook("images", inventory=given, arguments=[*known, *running_as_locked]).require_success()
    for name, cluster in clusters.items():
        client = address_of(name)
        pulled = {
            (f"{mirror.address}/{read.repository}", read.digest) for read in mirror.reads if read.client == client
        }
        assert pulled == predicted[name], name
        assert running(cluster) == predicted[name], name
    assert playbook("site", inventory=given).require_success().changed() == {HUB: 0, EDGE: 0}


def test_nodes_pull_the_images_of_an_upgrade_before_it_begins(
    mirror: PrivateRegistry, mirroring: Mirroring, playbook: Playbook, tmp_path: Path
) -> None:
    """Over the network, from the mirror, with the pull secret; the fleet that the rule before has installed stays."""
    given = inventory(mirror, tmp_path, release=RELEASES[0])
    asked = playbook("images", inventory=given, arguments=["-e", "promfleet_images_update_lock=true"]).require_success()
    copies = mirrored(tmp_path)
    mirroring(copies)
    clusters = {name: lab.cluster(name) for name in (HUB, EDGE)}
    ran = {name: running(cluster) for name, cluster in clusters.items()}
    absent = {
        name: {copies[row["source"]] for row in asked.of("images_info", host=name)[0].data["images"]}
        - set(images_on(name, mirror))
        for name in clusters
    }
    assert all(absent.values()), "the other release has images of its own"
    mirror.reads.clear()

    pulling = {
        "hosts": "all",
        "gather_facts": False,
        # A role of the play, so that its variables are those of the task, too.
        "roles": ["promfleet.monitoring.promfleet"],
        "module_defaults": {"group/promfleet.monitoring.all": "{{ __promfleet_auth }}"},
        "tasks": [
            {
                "promfleet.monitoring.upgrade_pull": {
                    "cluster": "{{ __promfleet_cluster }}",
                    "capabilities": "{{ __promfleet_rendered }}",
                    "fleet": "{{ __promfleet_fleet }}",
                }
            },
        ],
    }
    plays = [
        {"import_playbook": "promfleet.monitoring.check_input"},
        {"import_playbook": "promfleet.monitoring.plays.noted", "vars": {"__promfleet_without_addresses": True}},
        pulling,
    ]
    playbook(plays, inventory=given).require_success()
    for name, cluster in clusters.items():
        read = {read.repository for read in mirror.reads if read.client == address_of(name)}
        assert {target.partition("/")[2].rpartition(":")[0] for target in absent[name]} <= read, name
        assert absent[name] <= set(images_on(name, mirror)), name
        assert running(cluster) == ran[name], name
        assert cluster.find("apps/v1", "DaemonSet", "promfleet-pull", "prometheus-operator") is None
        # The rules after it find the images of what runs, and no others.
        for target in absent[name]:
            in_node(name, f"crictl rmi {target}")


def pods_of(cluster: Cluster) -> list[JsonObject]:
    return [pod for pod in cluster.list_kind(cluster.kind("v1", "Pod")) if pod["metadata"]["namespace"] in NAMESPACES]


def test_what_it_costs_is_what_the_pods_ask_for(
    mirror: PrivateRegistry, mirroring: Mirroring, playbook: Playbook, tmp_path: Path
) -> None:
    """Of the fleet that the rule before has installed; and its images on the nodes are as large as predicted."""
    given = inventory(mirror, tmp_path, release=RELEASES[-1])
    playbook("images", inventory=given, arguments=["-e", "promfleet_images_update_lock=true"]).require_success()
    # A registry that starts again has its blobs still, and no manifests.
    mirroring(mirrored(tmp_path))
    given["all"]["vars"]["promfleet_render_folder"] = str(tmp_path / "after")
    # Where a worker is read does not matter here, but rendering needs it.
    given["all"]["vars"]["prometheus_federation_sources"] = [
        {"expose": "NodePort", "node_port": 30990, "address": "192.0.2.1"}
    ]
    given["all"]["vars"]["team_monitoring_egress"] = {
        "api_server": [{"cidr": "192.0.2.2/32", "ports": [6443]}],
    }
    playbook("render", inventory=given).require_success()
    (tmp_path / "before").mkdir()
    sides = {"promfleet_render_before": "before", "promfleet_render_folder": "after"}
    arguments = [f"--extra-vars={name}={tmp_path / folder}" for name, folder in sides.items()]
    asking = {
        "promfleet_images_ask": "target",
        "promfleet_images_credentials_file": mirror.credentials,
        "promfleet_images_ca_cert": mirror.ca,
    }
    arguments += [f"--extra-vars={name}={value}" for name, value in asking.items()]
    run = playbook("images_cost", inventory=given, arguments=arguments).require_success()
    rows = {row["cluster"]: row["after"] for row in run.of("images_cost")[0].data["clusters"]}
    for name in (HUB, EDGE):
        found = of_pods(pods_of(lab.cluster(name)))
        predicted = rows[name]
        measured = found.result()
        for figure in ("pods", "containers", "cpu_requests", "memory_requests", "memory_limits"):
            assert predicted[figure] == pytest.approx(measured[figure], rel=0.1), figure
        # What containerd says of an image is what it pulled, and the configuration.
        listed = json.loads(in_node(name, "crictl images -o json"))["images"]
        own = [one for one in listed if any(tag.startswith(mirror.address) for tag in one["repoTags"] or ())]
        size = sum(int(one["size"]) for one in own) / (1 << 20)
        assert predicted["image_megabytes"] == pytest.approx(size, rel=0.1)


def test_the_clusters_go_back_to_what_was_recorded(mirror: PrivateRegistry, playbook: Playbook, tmp_path: Path) -> None:
    given = inventory(mirror, tmp_path, release=RELEASES[-1], promfleet_state_folder=str(tmp_path / "states"))
    playbook("record", inventory=given).require_success()
    hub, edge = (lab.cluster(name) for name in (HUB, EDGE))
    before = {name: (tmp_path / f"states/{name}.json").read_bytes() for name in (HUB, EDGE)}
    other = inventory(
        mirror,
        tmp_path,
        release=RELEASES[-1],
        promfleet_state_folder=str(tmp_path / "states"),
        team_monitoring_teams=[{"name": "payments", "namespaces": ["payments"], "alertmanager": {"enabled": False}}],
        team_monitoring_prune=True,
        team_monitoring_prune_max_percent=100,
        monitoring_exporters_node_exporter={"enabled": False},
    )
    playbook("site", inventory=other).require_success()
    edge.delete("v1", "Service", "prometheus-payments", "monitoring-payments")
    playbook("compare", inventory=given, arguments=["-e", "promfleet_state_fail_on=any"]).require_failure()
    assert hub.find("monitoring.coreos.com/v1", "Prometheus", "search", "monitoring-search") is None
    # Only images that the nodes still have, or that the mirror has, can run again.
    for cluster in (hub, edge):
        give_pull_secrets(cluster, mirror)
    back = playbook("revert", inventory=given).require_success()
    for name in (HUB, EDGE):
        assert "created Prometheus monitoring-search/search" in back.objects(host=name)
    assert "created Service monitoring-payments/prometheus-payments" in back.objects(host=EDGE)
    playbook("compare", inventory=given, arguments=["-e", "promfleet_state_fail_on=any"]).require_success()
    playbook("record", inventory=given).require_success()
    assert {name: (tmp_path / f"states/{name}.json").read_bytes() for name in (HUB, EDGE)} == before
    assert playbook("revert", inventory=given).require_success().changed() == {HUB: 0, EDGE: 0}
    # The inventory of that time finds nothing to do, and everything answers again.
    assert playbook("site", inventory=given).require_success().changed() == {HUB: 0, EDGE: 0}
    playbook("verify", inventory=given).require_success()
