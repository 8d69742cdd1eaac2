"""What holds for the project as a whole: metadata, molecule scenarios, and what must stand in no file."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.versions import COLLECTION

from tests.suite import artifact, lanes, scenarios
from tests.suite.stages import tracked_files

CHECKOUT = Path(__file__).resolve().parents[3]
FILES = tracked_files()
SCENARIOS = scenarios.folders()
STEPS = ("check", "converge", "idempotence", "verify", "absent")
# Scenarios that are about something else than how a role writes and removes its objects, and those of the whole job,
# where check mode and the second run are rules that judge what they say.
WHOLE = ("converge", "verify", "absent")
SHORT = {
    **dict.fromkeys(("images", "isolation", "upgrade"), ("converge", "verify")),
    **dict.fromkeys(("awx", "site"), WHOLE),
}
# Written apart, so that this file does not hold what it forbids.
PUBLIC_INDEXES = ("pypi" + ".org", "files.pythonhosted" + ".org", "proxy.golang" + ".org", "registry.npmjs" + ".org")
MACHINE_PATHS = ("/work" + "/", "/root" + "/", "/tmp" + "/spec")


def load(name: str) -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load((CHECKOUT / name).read_text())
    return document


def distributions(text: str) -> set[str]:
    """The names in a requirements file, in lower case."""
    return {match.lower() for match in re.findall(r"^([\w.-]+)", text, flags=re.MULTILINE)}


def test_the_collections_version_is_that_of_galaxy_yml() -> None:
    """Modules cannot read galaxy.yml: only Python is sent to where they run."""
    assert yaml.safe_load((CHECKOUT / "galaxy.yml").read_text())["version"] == COLLECTION


def test_execution_environment_brings_what_the_modules_import() -> None:
    files = load("meta/execution-environment.yml")["dependencies"]
    text = (CHECKOUT / files["python"]).read_text()
    imported = {
        name.split(".")[0]
        for path in (CHECKOUT / "plugins").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        for name in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else []
        )
    }
    third_party = imported - set(sys.stdlib_module_names) - {"ansible", "ansible_collections", "__future__"}
    known = packages_distributions()
    assert {known[name][0].lower() for name in third_party} == distributions(text)
    # Shared with other collections: an upper bound or a pin could make an environment impossible.
    assert not re.search(r"==|<|~=", text)


def test_requirements_of_modules_are_those_of_the_execution_environment() -> None:
    wanted = set(re.findall(r"^([\w-]+>=\S+)", (CHECKOUT / "meta/ee-requirements.txt").read_text(), flags=re.MULTILINE))
    fragment = (CHECKOUT / "plugins/doc_fragments/auth.py").read_text()
    documented = {line.replace(" ", "") for line in re.findall(r"^  - ([\w-]+ >= \S+)$", fragment, flags=re.MULTILINE)}
    assert documented - {"python>=3.11"} == wanted


def test_supported_versions_are_told_once() -> None:
    assert load("meta/runtime.yml")["requires_ansible"] == ">=2.19.0"
    assert load("tests/config.yml")["modules"]["python_requires"] == ">=3.11"
    for path in sorted(CHECKOUT.glob("roles/*/meta/main.yml")):
        assert load(str(path))["galaxy_info"]["min_ansible_version"] == "2.19.0", path


def test_the_built_collection_holds_what_a_user_needs(tmp_path: Path) -> None:
    names = artifact.files_in(artifact.build(Path(sys.prefix), tmp_path))
    folders = {"changelogs", "docs", "meta", "playbooks", "plugins", "roles"}
    expected = {
        str(path.relative_to(CHECKOUT))
        for path in FILES
        if path.relative_to(CHECKOUT).parts[0] in folders and "fragments" not in path.parts
    }
    top = {"CHANGELOG.md", "CODE_OF_CONDUCT.md", "CONTRIBUTING.md", "LICENSE", "README.md"}
    assert names == expected | top | {"FILES.json", "MANIFEST.json"}


def test_there_are_scenarios() -> None:
    roles = {path.name for path in (CHECKOUT / "roles").iterdir() if (path / "tasks/present.yml").exists()}
    # One for each role that does something, and one for the whole job.
    assert {path.name for path in SCENARIOS} >= roles | {"site"}


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda path: path.name)
def test_every_scenario_runs_every_step(scenario: Path) -> None:
    """Molecule passes with nothing in it: a missing step or playbook is only a warning there."""
    config = load(str(scenario / "molecule.yml"))
    base = CHECKOUT / ".config/molecule/config.yml"
    shared = load(str(base)) if base.exists() else {}
    both = [source.get("scenario", {}).get("test_sequence", []) for source in (config, shared)]
    sequence = both[0] or both[1]
    playbooks = {
        **shared.get("provisioner", {}).get("playbooks", {}),
        **config.get("provisioner", {}).get("playbooks", {}),
    }
    # Molecule has no step `absent`: one of its own plays absent.yml, as `side_effect absent.yml` or by configuration.
    played = [step.split()[1] if " " in step else playbooks.get(step, f"{step}.yml") for step in sequence]
    steps = [
        "absent" if Path(name).stem == "absent" else step.split()[0]
        for step, name in zip(sequence, played, strict=True)
    ]
    remaining = iter(steps)
    expected = SHORT.get(scenario.name, STEPS)
    assert [step for step in expected if step not in remaining] == [], "steps in this order, others between them"
    for playbook in {"converge", "verify", "absent"} & {*expected}:
        plays = yaml.safe_load((scenario / f"{playbook}.yml").read_text())
        assert plays, playbook


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda path: path.name)
def test_every_scenario_declares_where_it_runs(scenario: Path) -> None:
    assert scenarios.target_of(scenario) in scenarios.TARGETS


@pytest.mark.parametrize("text", ["{}", "ansible:", "ansible: {env: }", "ansible: {env: {PROMFLEET_RUNS_IN: never}}"])
def test_a_scenario_that_declares_nothing_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "molecule.yml").write_text(text)
    with pytest.raises(ValueError, match=f"{tmp_path.name}/molecule.yml: ansible.env.PROMFLEET_RUNS_IN is "):
        scenarios.target_of(tmp_path)


def forbidden_words() -> tuple[str, ...]:
    """What belongs to one machine: its paths, and the hosts that packages come from there."""
    listed = subprocess.run(
        [sys.executable, "-m", "pip", "config", "list"], capture_output=True, text=True, check=True
    ).stdout
    addresses = re.findall(r"https?://[^\s,'\"|]+", " ".join([listed, *os.environ.values()]))
    names = ("PIP_", "UV_", "GOPROXY", "NPM_", "npm_")
    own = " ".join(value for name, value in os.environ.items() if name.startswith(names))
    hosts = {urlsplit(address).hostname or "" for address in addresses if address in listed or address in own}
    return (*PUBLIC_INDEXES, *MACHINE_PATHS, *sorted(host for host in hosts if "." in host))


def test_no_file_names_a_machine_or_a_package_index() -> None:
    # Not as the end of a longer path or name.
    pattern = re.compile(rf"(?<![\w.])(?:{'|'.join(map(re.escape, forbidden_words()))})")
    found = []
    for path in FILES:
        # Checksums of Go modules name module paths, which are no hosts to fetch from.
        if path.name in {"go.mod", "go.sum"}:
            continue
        text = path.read_text(errors="replace")
        found += [f"{path.relative_to(CHECKOUT)}: {match[0]}" for match in pattern.finditer(text)]
    assert not found


def test_the_workflow_runs_targets_of_the_makefile_and_has_the_history_for_the_upgrade() -> None:
    """A scalar `on` is true in YAML 1.1; steps that call no target of ours are named here one by one."""
    jobs = load(".github/workflows/ci.yml")["jobs"]
    targets = set(re.findall(r"^([a-z]+):.*##", (CHECKOUT / "Makefile").read_text(), flags=re.MULTILINE))
    assert set(jobs["checks"]["strategy"]["matrix"]["target"]) == {"lint", "sanity", "unit"}
    assert {"lint", "sanity", "unit"} <= targets
    commands = [step["run"] for job in jobs.values() for step in job["steps"] if "run" in step]
    others = {"make ${{ matrix.target }}", "git diff --exit-code docs/proofs.md"}
    assert set(commands) - others <= {f"make {target}" for target in targets}
    (checkout,) = [step for step in jobs["test"]["steps"] if step.get("uses", "").startswith("actions/checkout@")]
    assert checkout["with"]["fetch-depth"] == 0


def test_every_file_of_the_lab_lane_is_there() -> None:
    assert [file for file in lanes.ON_LAB if not (CHECKOUT / file).is_file()] == []


@pytest.mark.parametrize(
    ("nodeid", "group"),
    [
        ("tests/suite/test_molecule.py::test_scenario[site]", "lab"),
        ("tests/integration/test_teams.py::test_x", "lab"),
        ("tests/integration/test_crds.py::test_x", "tests/integration/test_crds.py"),
        ("tests/suite/test_lint.py::test_lint[ruff-check]", "tests/suite/test_lint.py"),
        ("tests/suite/test_sanity.py::test_sanity[.venv]", "tests/suite/test_sanity.py::test_sanity[.venv]"),
    ],
)
def test_what_must_not_meet_is_in_one_group(nodeid: str, group: str) -> None:
    assert lanes.group_of(nodeid) == group


@pytest.mark.parametrize(
    ("nodeid", "following", "leaves"),
    [
        (f"{lanes.ON_LAB[-1]}::test_a", None, True),
        (f"{lanes.ON_LAB[-1]}::test_a", "tests/unit/test_a.py::test_a", True),
        (f"{lanes.ON_LAB[0]}::test_a", f"{lanes.ON_LAB[1]}::test_a", False),
        ("tests/unit/test_a.py::test_a", None, False),
    ],
)
def test_the_labs_clusters_go_with_the_last_test_of_their_lane(
    nodeid: str, following: str | None, leaves: bool
) -> None:
    assert lanes.leaves_lab(nodeid, following) is leaves
