"""What gives the central side access becomes Prometheus' configuration: the operator writes it, promtool accepts it."""

from __future__ import annotations

import base64
import gzip
import os
import subprocess
import typing as t
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.versions import PROMETHEUS_OPERATOR
from ansible_collections.promfleet.monitoring.plugins.module_utils._crds.source import load_crds

from promlab import build
from promlab.controlplane import ControlPlane
from promlab.locking import locked
from promlab.progress import Progress
from promlab.settings import from_environment
from tests.integration.support.certificates import pair
from tests.integration.support.cluster import Cluster
from tests.integration.support.inprocess import run_module
from tests.integration.support.planes import started

JsonObject = dict[str, t.Any]

NAMESPACE = "monitoring-platform"
PROGRAMS = ("operator", "promtool")
ACCESS: JsonObject = {
    "scheme": "https",
    "path_prefix": "/prometheus",
    "tls_config": {
        "ca": {"secret": "edge-ca"},
        "cert": {"secret": "central"},
        "server_name": "prometheus.edge.example",
    },
    "basic_auth": {"secret": "login"},
}
BY_TOKEN: JsonObject = {
    "scheme": "https",
    "tls_config": {"ca": {"config_map": "edge-ca"}},
    "bearer_token": {"secret": "token"},
}
SOURCES: list[JsonObject] = [
    {"cluster": "edge", "team": "platform", "targets": [{"address": "192.0.2.7", "port": 443}], **ACCESS},
    {"cluster": "edge", "team": "named", "targets": [{"address": "edge.example", "port": 443}], **ACCESS},
    {"cluster": "far", "team": "platform", "targets": [{"address": "192.0.2.8", "port": 443}], **BY_TOKEN},
    {"cluster": "far", "team": "named", "targets": [{"address": "far.example", "port": 443}], **BY_TOKEN},
]
CLEAR = "canary-in-clear"


@pytest.fixture(scope="module")
def programs(request: pytest.FixtureRequest) -> Path:
    """The folder of the lab's programs, built where they are missing."""
    lab, progress = from_environment(), Progress()
    lab.make()
    if not all((lab.bin / name).exists() for name in PROGRAMS):
        capture = request.config.pluginmanager.getplugin("capturemanager")
        with (
            capture.global_and_fixture_disabled(),
            locked(lab.locks, "build", purpose="building", say=progress.say),
        ):
            build.build_programs(PROGRAMS, lab=lab, progress=progress)
    return lab.bin


@pytest.fixture(scope="module")
def central(request: pytest.FixtureRequest) -> Iterator[ControlPlane]:
    """A control plane with the operator's CRDs, the platform's namespace, and what the user keeps there."""
    with started(request, "access", controllers=False) as (plane,):
        cluster = Cluster(kubeconfig=plane.kubeconfig, context=plane.context)
        crds = load_crds(version=PROMETHEUS_OPERATOR)
        for crd in crds:
            cluster.apply(crd, force=True)
        kinds = {crd["spec"]["names"]["kind"] for crd in crds}
        cluster.wait_until(lambda: kinds <= {kind.kind for kind in cluster.kinds()}, "the CRDs are served")
        cluster.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}})
        certificate, key = (text.decode() for text in pair("any.example"))
        for name, data in {
            "edge-ca": {"ca.crt": certificate},
            "central": {"tls.crt": certificate, "tls.key": key},
            "login": {"username": "central", "password": CLEAR},
            "token": {"token": CLEAR},
        }.items():
            cluster.apply({**of("Secret", name), "stringData": data})
        cluster.apply({**of("ConfigMap", "edge-ca"), "data": {"ca.crt": certificate}})
        yield plane


def of(kind: str, name: str) -> JsonObject:
    """The head of an object in the platform's namespace."""
    return {"apiVersion": "v1", "kind": kind, "metadata": {"name": name, "namespace": NAMESPACE}}


@pytest.fixture(scope="module")
def generated(central: ControlPlane, programs: Path) -> Iterator[tuple[JsonObject, JsonObject]]:
    """The configuration that the operator made, and the files that come with it."""
    shared: JsonObject = {"cluster": "hub", "clusters": ["hub", "edge", "far"], "wait": False}
    runs: tuple[tuple[str, JsonObject], ...] = (("team_monitoring", {}), ("federation_endpoints", {"sources": SOURCES}))
    for module, options in runs:
        run_module(module, kubeconfig=central.kubeconfig, context=central.context, **shared, **options)
    cluster = Cluster(kubeconfig=central.kubeconfig, context=central.context)
    flags = ["--web.listen-address=127.0.0.1:0", "--kubelet-endpoints=false"]
    with central.log("operator").open("ab") as sink:
        operator = subprocess.Popen(
            [str(programs / "operator"), *flags],
            env={**os.environ, "KUBECONFIG": str(central.kubeconfig)},
            stdout=sink,
            stderr=subprocess.STDOUT,
        )
    try:
        wanted = {f"federation-{source['cluster']}-{source['team']}" for source in SOURCES}

        def configuration() -> JsonObject:
            found = cluster.find("v1", "Secret", "prometheus-platform", NAMESPACE)
            text = gzip.decompress(base64.b64decode(found["data"]["prometheus.yaml.gz"])) if found else b"{}"
            loaded: JsonObject = yaml.safe_load(text)
            return loaded

        def is_whole() -> bool:
            text = str(configuration())
            return all(name in text or name.replace("-", "/") in text for name in wanted)

        cluster.wait_until(is_whole, "the operator wrote a job for each source")
        assets = cluster.get("v1", "Secret", "prometheus-platform-tls-assets-0", NAMESPACE)
        yield configuration(), assets["data"]
    finally:
        operator.kill()
        operator.wait()


def jobs(configuration: JsonObject) -> list[JsonObject]:
    """The jobs that federate."""
    return [job for job in configuration["scrape_configs"] if job.get("metrics_path", "").endswith("/federate")]


def test_each_source_is_read_with_what_it_needs(generated: tuple[JsonObject, JsonObject]) -> None:
    configuration, assets = generated
    found = jobs(configuration)
    assert len(found) >= len(SOURCES)
    files = {f"/etc/prometheus/certs/{name}": base64.b64decode(text) for name, text in assets.items()}
    for job in found:
        tls = job["tls_config"]
        assert job["scheme"].lower() == "https"
        assert files[tls["ca_file"]].startswith(b"-----BEGIN CERTIFICATE")
        if "basic_auth" in job:
            assert job["metrics_path"] == "/prometheus/federate"
            assert job["basic_auth"] == {"username": "central", "password": CLEAR}
            assert tls["server_name"] == "prometheus.edge.example"
            assert b"PRIVATE KEY" in files[tls["key_file"]]
        else:
            assert job["authorization"] == {"type": "Bearer", "credentials": CLEAR}
    assert {"basic_auth" in job for job in found} == {True, False}


def test_promtool_accepts_the_configuration(
    generated: tuple[JsonObject, JsonObject], programs: Path, tmp_path: Path
) -> None:
    configuration, assets = generated
    for name, text in assets.items():
        (tmp_path / name).write_bytes(base64.b64decode(text))
    only = {"scrape_configs": jobs(configuration)}
    path = tmp_path / "prometheus.yml"
    path.write_text(yaml.safe_dump(only).replace("/etc/prometheus/certs/", f"{tmp_path}/"))
    done = subprocess.run(
        [str(programs / "promtool"), "check", "config", str(path)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
