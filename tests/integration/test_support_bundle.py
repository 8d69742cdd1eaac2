"""What the doctor writes and says has no secret in it, whatever stands around: canaries are found nowhere.

The API server is real, and so is the Prometheus that answers; only its address is that of the API server's proxy.
"""

from __future__ import annotations

import json
import stat
import tarfile
import typing as t
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.integration.conftest import Playbook
from tests.integration.support.canaries import NAMESPACE, Canaries, plant, scrape_jobs
from tests.integration.support.cluster import Cluster
from tests.integration.support.inventory import APART, fleet
from tests.integration.support.planes import started
from tests.integration.support.playbook import Run
from tests.integration.support.prometheus_process import PrometheusProcess, lab_program
from tests.integration.support.proxy import CONTEXT, Fault, Proxy, Request, faulty
from tests.integration.support.rights import TEAM, Bench, prepared
from tests.tools.judge_bundle import differences, read

JsonObject = dict[str, t.Any]


@dataclass(frozen=True, kw_only=True)
class Place:
    """Two clusters with canaries, by the names of the inventory's hosts, and how they are reached."""

    benches: t.Mapping[str, Bench]
    proxies: t.Mapping[str, Proxy]
    prometheus: PrometheusProcess
    canaries: Canaries

    def inventory(self, **variables: t.Any) -> JsonObject:
        """The hub, which federates the edge."""
        hosts = {name: {"promfleet_kubeconfig": str(proxy.kubeconfig)} for name, proxy in self.proxies.items()}
        found = fleet(
            central="hub",
            workers=["edge"],
            hosts=hosts,
            promfleet_kubeconfig="none",
            promfleet_wait=False,
            promfleet_wait_timeout=60,
            team_monitoring_teams=[TEAM],
            prometheus_federation_sources=[{"expose": "NodePort"}],
            **variables,
        )
        return {"all": {**found["all"], "vars": {**found["all"]["vars"], "promfleet_context": CONTEXT}}}


@pytest.fixture(scope="module")
def place(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, playbook: Playbook
) -> Iterator[Place]:
    folder = tmp_path_factory.mktemp("bundle")
    canaries = Canaries()
    prometheus = PrometheusProcess(
        program=lab_program(request, "prometheus"),
        folder=folder / "prometheus",
        # Nobody takes what it writes, so that it need not wait for that at its end.
        flags=("--storage.remote.flush-deadline=1s",),
        external_labels={"cluster": "hub", "team": "platform", "api_token": canaries.text("external label")},
    )
    prometheus.configure(scrape_jobs(canaries, address=prometheus.address))
    add_remote_write(prometheus, canaries)
    rule = answers(prometheus, canaries)
    with ExitStack() as stack:
        prometheus.start()
        stack.callback(prometheus.stop)
        planes = dict(
            zip(("hub", "edge"), stack.enter_context(started(request, "bundle-hub", "bundle-edge")), strict=True)
        )
        benches, proxies = {}, {}
        for name, plane in planes.items():
            own = folder / name
            own.mkdir()
            benches[name] = stack.enter_context(prepared(plane, own))
            proxies[name] = stack.enter_context(faulty(plane, own, rule))
            hide_in_kubeconfig(proxies[name], canaries, name)
        found = Place(benches=benches, proxies=proxies, prometheus=prometheus, canaries=canaries)
        for name in ("operator", "teams"):
            playbook(name, inventory=found.inventory()).require_success()
        benches["edge"].run_platform()
        playbook("federation", inventory=found.inventory()).require_success()
        plant(benches["hub"].admin, benches["edge"].admin, canaries)
        prometheus.until(lambda: bool(prometheus.get("targets")["activeTargets"]), "it has targets")
        yield found


def add_remote_write(prometheus: PrometheusProcess, canaries: Canaries) -> None:
    path = prometheus.folder / "prometheus.yml"
    config = json.loads(path.read_text())
    write = {
        "url": f"http://user:{canaries.text('address of its remote_write')}@127.0.0.1:1/write",
        "headers": {"X-Api-Key": canaries.text("header of its remote_write")},
    }
    path.write_text(json.dumps({**config, "remote_write": [write]}))


def hide_in_kubeconfig(proxy: Proxy, canaries: Canaries, name: str) -> None:
    """A token and a name of the kubeconfig's user; the proxy has credentials of its own."""
    config = json.loads(proxy.kubeconfig.read_text())
    config["users"] = [{"name": "nobody", "user": {"token": canaries.text(f"token of the kubeconfig of {name}")}}]
    proxy.kubeconfig.write_text(json.dumps(config))


def answers(prometheus: PrometheusProcess, canaries: Canaries) -> Callable[[Request], Fault | None]:
    """Prometheus for what the API server would pass on to one, and an error with secrets for one kind."""
    message = (
        f'Internal error occurred: failed calling webhook: Post "https://user:{canaries.text("API error: address")}'
        f'@hook.example.com/check?token={canaries.text("API error: parameter")}": '
        f"Authorization: Bearer {canaries.text('API error: header')}, password={canaries.text('API error: value')}"
    )

    def rule(request: Request) -> Fault | None:
        if request.path.endswith("/storageclasses"):
            return Fault(status=403, message=message)
        if "/proxy/" not in request.path:
            return None
        url = f"http://{prometheus.address}/{request.path.partition('/proxy/')[2]}?{request.query}"
        with urllib.request.urlopen(url, timeout=10) as answer:
            return Fault(status=200, body=json.loads(answer.read()))

    return rule


def raw(place: Place) -> bytes:
    """All that can be read on the cluster and in Prometheus, by those who may."""
    objects = json.dumps([bench.admin.list_all() for bench in place.benches.values()])
    config = (place.prometheus.folder / "prometheus.yml").read_text()
    said = json.dumps([place.prometheus.get("targets"), place.prometheus.get("status/config")])
    kubeconfigs = "".join(proxy.kubeconfig.read_text() for proxy in place.proxies.values())
    return f"{objects}{config}{said}{kubeconfigs}".encode()


@pytest.fixture(scope="module")
def run(place: Place, playbook: Playbook, tmp_path_factory: pytest.TempPathFactory) -> tuple[Run, Path]:
    """One run of the doctor with everything that it can say and write, and its folder."""
    folder = tmp_path_factory.mktemp("results")
    text = place.canaries.text
    variables = {
        "ansible_become_password": text("Ansible's own variable"),
        "any_token": text("variable of somebody"),
        "promfleet_password": text("password of the connection"),
        "promfleet_username": "nobody",
    }
    (folder / "hub").mkdir()
    (folder / "hub" / f"{text('file name')}.json").write_text("{}")
    (folder / "hub" / "notes.txt").write_text(text("file beside the results"))
    # Relative to the folder of the run, from which modules in processes of their own do not start.
    relative = str(Path("..") / folder.relative_to(tmp_path_factory.getbasetemp()))
    inventory = place.inventory(
        **APART, promfleet_result_folder=relative, promfleet_bundle=True, promfleet_compare_with=None, **variables
    )
    environment = {"K8S_AUTH_API_KEY": text("environment"), "KUBECONFIG": f"/{text('path of a kubeconfig')}"}
    done = playbook("doctor", inventory=inventory, arguments=["-vvv"], env=environment).require_failure()
    assert "K8S_AUTH_API_KEY" not in done.output
    return done, folder


def test_fifty_canaries_are_found_nowhere(place: Place, run: tuple[Run, Path]) -> None:
    done, folder = run
    canaries = place.canaries
    assert len(canaries.planted) >= 50
    around = {name for name in canaries.planted if name not in canaries.found_in(raw(place))}
    # What is not on the cluster or in Prometheus was given to the run, or said by the API server.
    assert {name for name in around if not name.startswith("API error")} == {
        "Ansible's own variable", "variable of somebody", "password of the connection", "file name",
        "file beside the results", "environment", "path of a kubeconfig",
    }  # fmt: skip
    bundle = folder / "support-bundle.tar.gz"
    places: dict[str, bytes] = {"output": done.output.encode(), "results": repr(done.results).encode()}
    with tarfile.open(bundle) as tar:
        for member in tar.getmembers():
            places[f"bundle: {member.name}"] = tar.extractfile(member).read()  # type: ignore[union-attr]
        places["names in the bundle"] = "\n".join(tar.getnames()).encode()
    for path in folder.glob("*/*"):
        if path.name.startswith(("findings", "facts", "versions", "comparison")):
            places[f"{path.parent.name}/{path.name}"] = path.read_bytes()
    assert {name: found for name, text in places.items() if (found := canaries.found_in(text))} == {}


def test_the_verdict_is_made_again_from_the_bundle_alone(run: tuple[Run, Path]) -> None:
    done, folder = run
    files = read(folder / "support-bundle.tar.gz")
    names = (f"{name}/{file}.json" for name in ("edge", "hub") for file in ("facts", "findings", "versions"))
    assert set(files) == {"index.json", *names}
    findings = []
    for name in ("edge", "hub"):
        made, other = differences(files, name)
        assert other == []
        findings += made
    codes = {one.code for one in findings}
    # What was planted is told as a fault, without its value.
    assert codes >= {"PF310", "PF316", "PF230", "PF002"}
    text = json.dumps([one.result() for one in findings])
    assert "(not shown)" in text
    assert "VALUE HIDDEN" in text
    told = {one["code"] for result in done.of("federation_doctor") for one in result.data["findings"]}
    assert told >= codes - {"PF008"}
    assert files["hub/versions.json"]["kubernetes"].startswith("v1.")


def test_only_the_owner_can_read_it_and_the_same_facts_are_the_same_bytes(
    run: tuple[Run, Path], place: Place, playbook: Playbook, tmp_path: Path
) -> None:
    _done, folder = run
    bundle = folder / "support-bundle.tar.gz"
    for path in (bundle, folder / "hub" / "facts.json", folder / "hub" / "versions.json"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    connection = {"hosts": "hub", "gather_facts": False}
    task = {
        "name": "Pack again",
        "promfleet.monitoring.support_bundle": {
            "folders": [str(folder / name) for name in ("hub", "edge")], "path": str(tmp_path / "again.tar.gz"),
        },
    }  # fmt: skip
    playbook([{**connection, "tasks": [task, task]}], inventory=place.inventory()).require_success()
    assert (tmp_path / "again.tar.gz").read_bytes() == bundle.read_bytes()


def test_a_run_is_compared_with_the_one_before_it_in_the_same_folder(
    run: tuple[Run, Path], place: Place, playbook: Playbook
) -> None:
    _done, folder = run
    inventory = place.inventory(promfleet_result_folder=str(folder), promfleet_compare_with=str(folder))
    admin: Cluster = place.benches["edge"].admin
    live = admin.get("v1", "Service", "prometheus-platform-federation-0", NAMESPACE)
    admin.delete("v1", "Service", "prometheus-platform-federation-0", NAMESPACE)
    try:
        second = playbook("doctor", inventory=inventory).require_failure()
    finally:
        metadata = {name: live["metadata"][name] for name in ("name", "namespace", "labels")}
        spec = {name: live["spec"][name] for name in ("type", "ports", "selector", "externalTrafficPolicy")}
        admin.apply({"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": spec}, force=True)
    comparison = second.of("federation_doctor", host="edge")[-1].data["comparison"]
    assert "PF320" in {one["code"] for one in comparison["new"]}
    assert comparison["still"]
    # What the check of the Service that is gone had found is not known now.
    assert "gone" in comparison["headline"]
    assert f"compared with the earlier result: {comparison['headline']}" in second.output
    assert json.loads((folder / "edge" / "comparison.json").read_text())["headline"] == comparison["headline"]
