"""The module render: check mode and diff say what a run does, and a second run does nothing."""

from __future__ import annotations

import json
import typing as t
from pathlib import Path

import pytest
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible_collections.promfleet.monitoring.plugins.module_utils._api import block_yaml
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.yaml_text import parse
from ansible_collections.promfleet.monitoring.plugins.module_utils._run import rendering
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.execute import Answer, execute
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.rendering import DEFINITION
from ansible_collections.promfleet.monitoring.plugins.module_utils._state.secrecy import secret_values
from hypothesis import given as for_all
from hypothesis import strategies as st

JsonObject = dict[str, t.Any]
TEAMS: JsonObject = {
    "cluster": "hub",
    "clusters": ["hub"],
    "teams": [{"name": "pay", "namespaces": ["pay"]}],
    "egress": {"api_server": [{"cidr": "192.0.2.1/32", "ports": [6443]}]},
}


def run(folder: Path, *, check: bool = False, diff: bool = False, **options: t.Any) -> Answer:
    given = {"folder": str(folder), "cluster": "hub", "capabilities": {"operator": {}, "teams": TEAMS}, **options}
    validated = ArgumentSpecValidator(DEFINITION.options).validate(given)
    assert not validated.error_messages
    return execute(DEFINITION, validated.validated_parameters, check=check, diff=diff)


def content(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_check_mode_says_what_the_run_does(tmp_path: Path) -> None:
    foreseen = run(tmp_path, check=True, diff=True).result
    assert content(tmp_path) == {}
    assert run(tmp_path, diff=True).result == foreseen
    assert foreseen["counts"]["created"] == len(foreseen["files"]) == len(foreseen["diff"])
    shown = {entry["after_header"].removesuffix(" (created)"): entry["after"] for entry in foreseen["diff"]}
    assert {path: text.encode() for path, text in shown.items()} == {
        path.removeprefix("hub/"): text for path, text in content(tmp_path).items() if not path.endswith("-render")
    }
    again = run(tmp_path).result
    assert (again["changed"], again["files"], "diff" in again) == (False, [], False)
    assert again["counts"] == {"created": 0, "updated": 0, "deleted": 0, "unchanged": foreseen["counts"]["created"]}


def test_two_renders_are_equal_byte_by_byte(tmp_path: Path) -> None:
    teams = [{"name": name, "namespaces": [name]} for name in ("a", "b", "c")]
    for name, order in (("one", teams), ("other", teams[::-1])):
        run(tmp_path / name, capabilities={"teams": {**TEAMS, "teams": order}, "operator": {}})
    assert content(tmp_path / "one") == content(tmp_path / "other")


def test_what_is_no_longer_wanted_is_removed(tmp_path: Path) -> None:
    run(tmp_path)
    (tmp_path / "hub" / "teams" / "pay" / "own.yaml").write_text("mine")
    answer = run(tmp_path, capabilities={"operator": {}})
    assert answer.result["counts"]["deleted"] > 4
    assert (tmp_path / "hub" / "teams" / "pay" / "own.yaml").exists()
    assert not (tmp_path / "hub" / "teams" / "platform").exists()
    (warning,) = answer.warnings
    assert "1 files were not made by this module and are left as they are" in warning
    assert "teams/pay/own.yaml" in warning


def test_folders_of_clusters_that_left_are_named(tmp_path: Path) -> None:
    run(tmp_path, cluster="old")
    run(tmp_path, cluster="another", fleet="other")
    answer = run(tmp_path, clusters=["hub", "edge"])
    (warning,) = answer.warnings
    assert warning.endswith(f"{tmp_path}/old; remove them yourself")


def test_flux_gets_a_kustomization_for_each_folder(tmp_path: Path) -> None:
    run(tmp_path, flux={"source": "fleet", "path": "./clusters/"})
    (top,) = parse((tmp_path / "hub/kustomization.yaml").read_text())
    made = parse((tmp_path / "hub/flux/kustomizations.yaml").read_text())
    assert (
        [one["spec"]["path"].removeprefix("./clusters/hub/") for one in made]
        == top["resources"]
        == ["operator", "teams"]
    )
    assert [one["spec"].get("dependsOn") for one in made] == [None, [{"name": "promfleet-operator"}]]
    assert [[one["kind"] for one in each["spec"].get("healthCheckExprs", ())] for each in made] == [
        [], ["Alertmanager", "Prometheus"],
    ]  # fmt: skip
    run(tmp_path)
    assert not (tmp_path / "hub/flux").exists()


def test_errors_are_a_failure_that_writes_nothing(tmp_path: Path) -> None:
    answer = run(tmp_path, capabilities={"operator": {"log_level": "loud"}, "x": {}})
    assert answer.result["failed"]
    assert "capabilities.operator.log_level" in answer.result["msg"]
    assert "capabilities.x" in answer.result["msg"]
    assert content(tmp_path) == {}


def test_results_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rendering, "RESULT_BYTES", 300)
    result = run(tmp_path, diff=True).result
    assert result["truncated"] + len(result["files"]) == result["counts"]["created"]
    assert len(json.dumps([result["files"], result["diff"]])) < 400


NAMES = st.sampled_from(
    ["token", "x-api-key", "API_KEY", "a.password", "pass: word", 'secret"key', "bearer token", "- token", "? token",
     "automountServiceAccountToken", "tokens", "name", "value", "url",
     "kubectl.kubernetes.io/last-applied-configuration"]
)  # fmt: skip
TEXTS = [
    "",
    "text",
    "DB_PASSWORD",
    "db-password: x",
    "two\nlines\ntoken: x\n",
    "https://a:b@example.com",
    "a@b",
    " token",
]
LEAVES = st.none() | st.booleans() | st.just(5) | st.sampled_from(TEXTS)
BODIES = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3), max_leaves=8
)


@for_all(st.dictionaries(NAMES, BODIES, max_size=4))
def test_a_text_that_holds_a_secret_is_looked_at(body: JsonObject) -> None:
    obj = {"kind": "Any", "spec": body}
    if secret_values(obj):
        text = block_yaml.dump([obj])
        assert any(hint in text for hint in rendering._hints(text))


def test_most_texts_need_not_be_looked_at(tmp_path: Path) -> None:
    """To look at each value of 20,000 objects takes a second."""
    run(tmp_path)
    files = {path: text.decode() for path, text in content(tmp_path).items()}
    hints = rendering._hints("".join(files.values()))
    looked_at = [path for path, text in files.items() if any(hint in text for hint in hints)]
    # Its Prometheus names the file of a token.
    assert looked_at == ["hub/teams/platform/namespace-monitoring-platform.yaml"]
