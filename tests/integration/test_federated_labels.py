"""Labels that the central side changes, as Prometheus does it; and what promtool says of the configuration."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.support.prometheus_process import (
    JsonObject,
    PrometheusProcess,
    application,
    jobs_of,
    lab_program,
)
from tests.unit.capabilities.builders import objects_of_endpoint

OWN = {"cluster": "edge", "team": "payments"}
METRICS = """\
team:a:sum{dc="fra.1",env="prd",user="u1"} 1
team:b:sum{dc="fraX1",env="prd it's \\"a\\""} 2
team:c:sum{env="dev"} 3
"""
NORMALIZE = {
    "drop": ["user"],
    "rename": {"dc": "datacenter"},
    "map": {"datacenter": {"fra.1": "eu"}, "env": {"prd": "production", 'prd it\'s "a"': "odd"}},
}
EXPECTED = {
    "team:a:sum": {"datacenter": "eu", "env": "production"},
    "team:b:sum": {"datacenter": "fraX1", "env": "odd"},
    "team:c:sum": {"env": "dev"},
}


def jobs(address: str, *, place: str) -> list[JsonObject]:
    """The jobs of a source with changed labels, by an address or by a name."""
    source = {
        **OWN,
        "targets": [{"address": place, "port": 9090}],
        "match": ['{__name__=~"team:.+"}', "ALERTS"],
        "interval": "200ms",
        "timeout": "200ms",
        "normalize": NORMALIZE,
        "limits": {"samples": 1000, "body_size": "1.5MiB"},
    }
    return jobs_of(objects_of_endpoint(source), addresses=[address])


@pytest.fixture(scope="module")
def prometheus(request: pytest.FixtureRequest) -> Path:
    return lab_program(request, "prometheus")


@pytest.fixture(scope="module")
def source(prometheus: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrometheusProcess]:
    server = PrometheusProcess(program=prometheus, folder=tmp_path_factory.mktemp("source"), external_labels=OWN)
    with application(METRICS) as shown:
        server.configure([{"job_name": "application", "static_configs": [{"targets": [shown.address]}]}])
        server.start()
        try:
            server.until(lambda: bool(server.query("team:c:sum")), "it has the metrics")
            yield server
        finally:
            server.stop()


@pytest.mark.parametrize("place", ["192.0.2.1", "edge.example.com"])
def test_labels_have_one_name_and_one_value(
    prometheus: Path, source: PrometheusProcess, tmp_path: Path, place: str
) -> None:
    central = PrometheusProcess(program=prometheus, folder=tmp_path / "central")
    central.configure(jobs(source.address, place=place))
    central.start()
    try:
        central.until(lambda: bool(central.query("team:c:sum")), "the series are federated")
        found = {labels.pop("__name__"): labels for labels in central.label_sets('{__name__=~"team:.+"}')}
    finally:
        central.stop()
    for labels in found.values():
        assert labels.pop("job") == "application"
        del labels["instance"]
    assert found == {name: {**OWN, **labels} for name, labels in EXPECTED.items()}


@pytest.mark.parametrize("place", ["192.0.2.1", "edge.example.com"])
def test_promtool_accepts_the_configuration(
    request: pytest.FixtureRequest, prometheus: Path, tmp_path: Path, place: str
) -> None:
    promtool = lab_program(request, "promtool")
    central = PrometheusProcess(program=prometheus, folder=tmp_path / "central")
    central.configure(jobs("192.0.2.1:9090", place=place))
    done = subprocess.run(
        [str(promtool), "check", "config", str(central.folder / "prometheus.yml")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
