"""The archive of a support bundle: what goes in, in which bytes, and what is refused."""

from __future__ import annotations

import dataclasses
import datetime as dt
import io
import stat
import tarfile
from pathlib import Path

import pytest
from ansible_collections.promfleet.monitoring.plugins.module_utils._doctor.bundle import facts_text
from ansible_collections.promfleet.monitoring.plugins.module_utils._doctor.checks import Facts, Unobserved, judge_all
from ansible_collections.promfleet.monitoring.plugins.module_utils._findings.finding import Subject
from ansible_collections.promfleet.monitoring.plugins.module_utils._findings.render import as_json
from ansible_collections.promfleet.monitoring.plugins.module_utils._findings.report import make_report
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.errors import InputError
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.bundling import archive, pack

from tests.tools.judge_bundle import differences, read
from tests.unit.doctor.healthy import ACCESS, FEDERATED, OBSERVED, PEER, REPLICA, TARGETS, changed

GONE = Unobserved(code="PF002", object=Subject(cluster="edge", kind="Pod", name="*"), evidence={"reason": "forbidden"})
FACTS: tuple[Facts, ...] = (
    dataclasses.replace(FEDERATED, slices=(), jobs={}),
    dataclasses.replace(TARGETS, targets=()),
    dataclasses.replace(REPLICA, service=None, pod=GONE),
    dataclasses.replace(ACCESS, policies=(changed(ACCESS.desired, "spec|ingress", []),)),
    OBSERVED,
    PEER,
)


def folder(path: Path, *, cluster: str = "hub", facts: tuple[Facts, ...] = FACTS) -> str:
    """What the doctor leaves of a cluster."""
    path.mkdir()
    links, findings = judge_all(facts)
    report = make_report(
        cluster=cluster, links=links, findings=findings, suppressions=(), today=dt.date(2026, 11, 29),
        whole_fleet=True, fail_on="error", show_from="info",
    )  # fmt: skip
    (path / "findings.json").write_text(as_json(report))
    (path / "facts.json").write_text(facts_text(cluster, facts))
    (path / "versions.json").write_text("{}")
    return str(path)


def test_what_goes_in_is_named_and_nothing_else(tmp_path: Path) -> None:
    hub, edge = folder(tmp_path / "b"), folder(tmp_path / "a", cluster="edge")
    (tmp_path / "a/other.json").write_text("secret")
    (tmp_path / "a/comparison.json").write_text("{}")
    path = tmp_path / "new/bundle.tar.gz"
    done = pack([hub, edge], path, check=False)
    assert (done["changed"], done["clusters"]) == (True, ["edge", "hub"])
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert sorted(read(path)) == [
        "edge/comparison.json", "edge/facts.json", "edge/findings.json", "edge/versions.json",
        "hub/facts.json", "hub/findings.json", "hub/versions.json", "index.json",
    ]  # fmt: skip
    with tarfile.open(path) as tar:
        assert {(one.mtime, one.uid, one.gid, one.uname, one.mode) for one in tar} == {(0, 0, 0, "", 0o600)}
    # The order of the folders, and where they are, does not matter.
    again = pack([edge, hub], tmp_path / "again.tar.gz", check=False)
    assert again["sha256"] == done["sha256"]
    assert not pack([hub, edge], path, check=False)["changed"]


def test_check_mode_writes_nothing(tmp_path: Path) -> None:
    assert pack([folder(tmp_path / "a")], tmp_path / "b.tar.gz", check=True)["changed"]
    assert not (tmp_path / "b.tar.gz").exists()


def test_all_that_is_wrong_is_told(tmp_path: Path) -> None:
    good, twice = folder(tmp_path / "a"), folder(tmp_path / "b")
    (tmp_path / "c").mkdir()
    mixed = folder(tmp_path / "d", cluster="edge")
    (tmp_path / "d/facts.json").write_text(facts_text("other", ()))
    broken = folder(tmp_path / "e", cluster="far")
    (tmp_path / "e/facts.json").write_text("[")
    with pytest.raises(InputError) as refused:
        pack([good, twice, str(tmp_path / "c"), mixed, broken], tmp_path / "x.tar.gz", check=False)
    text = str(refused.value)
    assert text.startswith("4 errors:")
    for part in (
        f"folders[1]: {twice} is about the cluster 'hub', as {good} is",
        "folders[2]: ",
        "lacks findings.json, facts.json, versions.json: federation_doctor writes them with bundle=true",
        "folders[3]: ",
        "has findings about 'edge' and facts about 'other'",
        "folders[4]: ",
    ):
        assert part in text
    with pytest.raises(InputError, match="folders: is empty"):
        pack([], tmp_path / "x.tar.gz", check=False)


def test_the_checks_say_the_same_of_what_is_in_a_bundle(tmp_path: Path) -> None:
    pack([folder(tmp_path / "a")], tmp_path / "b.tar.gz", check=False)
    findings, other = differences(read(tmp_path / "b.tar.gz"), "hub")
    assert other == []
    assert findings == judge_all(FACTS)[1]
    assert {one.code for one in findings} >= {"PF301", "PF303", "PF320", "PF326", "PF002", "PF380"}


def test_other_facts_are_other_findings(tmp_path: Path) -> None:
    pack([folder(tmp_path / "a")], tmp_path / "b.tar.gz", check=False)
    files = read(tmp_path / "b.tar.gz")
    files["hub/facts.json"]["facts"].pop(0)
    assert differences(files, "hub")[1]


def test_an_archive_is_its_contents() -> None:
    files = {"b": b"1", "a": b"2" * 10000}
    data = archive(files)
    assert data == archive(dict(reversed(files.items())))
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        assert [(one.name, tar.extractfile(one).read()) for one in tar] == sorted(files.items())  # type: ignore[union-attr]
