"""What gives the central side access becomes Prometheus' configuration: the operator writes it, promtool accepts it."""

from __future__ import annotations

import base64
import subprocess
import typing as t
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from promlab import build
from promlab.controlplane import ControlPlane
from promlab.locking import locked
from promlab.progress import Progress
from promlab.settings import from_environment
from tests.integration.support.certificates import pair
from tests.integration.support.cluster import Cluster
from tests.integration.support.inprocess import run_module
from tests.integration.support.operator_process import configuration, operator, serve_crds
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
DISCOVERY = ("job_name", "kubernetes_sd_configs", "static_configs", "relabel_configs", "scheme")


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
        serve_crds(cluster)
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


@dataclass(frozen=True, kw_only=True)
class Generated:
    """What the operator made of the sources in either form, and the files that come with it."""

    discovered: JsonObject
    static: JsonObject
    assets: JsonObject


@pytest.fixture(scope="module")
def generated(central: ControlPlane, programs: Path) -> Iterator[Generated]:
    """The configurations that the operator made."""
    shared: JsonObject = {"cluster": "hub", "clusters": ["hub", "edge", "far"], "wait": False}
    cluster = Cluster(kubeconfig=central.kubeconfig, context=central.context)

    def run(module: str, **options: t.Any) -> JsonObject:
        return run_module(module, kubeconfig=central.kubeconfig, context=central.context, **shared, **options)

    def until(kinds: dict[str, int]) -> JsonObject:
        """The configuration when it has this many jobs of each kind of object."""
        found: JsonObject = {}

        def is_whole() -> bool:
            found.clear()
            found.update(configuration(cluster, namespace=NAMESPACE, name="platform"))
            made = Counter(job["job_name"].partition("/")[0] for job in jobs(found)) if found else {}
            return made == kinds

        cluster.wait_until(is_whole, f"the operator wrote the jobs {kinds}")
        return dict(found)

    run("team_monitoring")
    with operator(central, programs / "operator"):
        run("federation_endpoints", sources=SOURCES)
        discovered = until({"serviceMonitor": 4, "scrapeConfig": 4})
        told = run("federation_endpoints", sources=SOURCES, target_form="static")["outcome"].warnings
        (text,) = told
        assert text.startswith(
            f"{NAMESPACE}: sources change from ServiceMonitor to ScrapeConfig (2 objects; target_form"
        )
        static = until({"scrapeConfig": 8})
        assets = cluster.get("v1", "Secret", "prometheus-platform-tls-assets-0", NAMESPACE)
        yield Generated(discovered=discovered, static=static, assets=assets["data"])


def jobs(configuration: JsonObject) -> list[JsonObject]:
    """The jobs that federate."""
    return [job for job in configuration["scrape_configs"] if job.get("metrics_path", "").endswith("/federate")]


@pytest.mark.parametrize("form", ["discovered", "static"])
def test_each_source_is_read_with_what_it_needs(generated: Generated, form: str) -> None:
    assets = generated.assets
    found = jobs(getattr(generated, form))
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


def described(configuration: JsonObject) -> dict[str, JsonObject]:
    """How targets are read, by the value that the job gives to the label job."""
    found = {}
    for job in jobs(configuration):
        steps = job["relabel_configs"]
        name = next(step["replacement"] for step in reversed(steps) if step.get("target_label") == "job")
        # Where targets come from and what is done to their labels differs; what comes of these is tested elsewhere.
        found[name] = {key: value for key, value in job.items() if key not in DISCOVERY}
        found[name]["scheme"] = job["scheme"].lower()
    return found


def test_both_forms_read_a_source_alike(generated: Generated) -> None:
    discovered, static = described(generated.discovered), described(generated.static)
    assert len(static) == 2 * len(SOURCES)
    assert static == discovered


@pytest.mark.parametrize("form", ["discovered", "static"])
def test_promtool_accepts_the_configuration(generated: Generated, programs: Path, tmp_path: Path, form: str) -> None:
    for name, text in generated.assets.items():
        (tmp_path / name).write_bytes(base64.b64decode(text))
    only = {"scrape_configs": jobs(getattr(generated, form))}
    path = tmp_path / "prometheus.yml"
    path.write_text(yaml.safe_dump(only).replace("/etc/prometheus/certs/", f"{tmp_path}/"))
    done = subprocess.run(
        [str(programs / "promtool"), "check", "config", str(path)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
