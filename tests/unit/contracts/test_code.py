"""Who may do what in plugins: the rules that keep each layer to its own business."""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[3]
PLUGINS = CHECKOUT / "plugins"
UTILS = PLUGINS / "module_utils"
FILES = sorted(PLUGINS.rglob("*.py"))
MODULES = sorted((PLUGINS / "modules").glob("*.py"))
OWN = "ansible_collections.promfleet.monitoring.plugins.module_utils"
# From the top of the house to its bottom: a file imports only from its own room and from those before it.
ROOMS = (
    "_base",
    "_input",
    "_api",
    "_awx",
    "_state",
    "_sets",
    "_operators",
    "_crds",
    "_prometheus",
    "_findings",
    "_policy",
    "_capabilities",
    "_images",
    "_doctor",
    "_audit",
    "_isolation",
    "_upgrade",
    "_run",
)
HTTP = {"urllib3", "requests", "urllib.request", "http.client", "ansible.module_utils.urls"}
HEADER = (
    "# Copyright: (c) 2026, promfleet.monitoring contributors\n"
    "# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)\n"
    "# SPDX-License-Identifier: GPL-3.0-or-later\n"
)


def name_of(path: Path) -> str:
    return str(path.relative_to(PLUGINS))


def imports_of(path: Path) -> Iterator[str]:
    """Every imported name in full, `a.b` and `a.b.c` for `from a.b import c`."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def says_it_is_pure(path: Path) -> bool:
    """Whether the first paragraph of a file's docstring ends with `Pure.`."""
    document = ast.get_docstring(ast.parse(path.read_text())) or ""
    return path.is_relative_to(UTILS) and document.split("\n\n")[0].endswith("Pure.")


def importers(*packages: str) -> set[str]:
    """The files that import one of these packages or something in them."""
    prefixes = tuple(f"{package}." for package in packages)
    return {
        name_of(path)
        for path in FILES
        if any(name in packages or name.startswith(prefixes) for name in imports_of(path))
    }


def test_only_the_client_imports_kubernetes() -> None:
    assert importers("kubernetes", "ansible_collections.kubernetes") == {"module_utils/_api/connection.py"}


def test_few_places_speak_http() -> None:
    allowed = {
        f"module_utils/{name}.py"
        for name in (
            "_api/connection",
            "_api/transport",
            "_audit/ship",
            "_awx/client",
            "_crds/source",
            "_images/registry",
        )
    }
    others = importers(*HTTP) - allowed
    assert {name for name in others if not name.startswith("module_utils/_prometheus/")} == set()


@pytest.mark.parametrize("library", ["cel_expr_python", "kubernetes", "promql_parser", "yaml"])
def test_each_library_is_imported_in_one_file_only(library: str) -> None:
    assert len(importers(library)) == 1


def test_only_one_file_ends_a_module() -> None:
    ending = {
        name_of(path)
        for path in FILES
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute) and node.attr in {"exit_json", "fail_json", "fail_from_exception"}
    }
    assert ending == {"module_utils/_run/module.py"}


def test_only_one_file_knows_ansible_module() -> None:
    assert importers("ansible.module_utils.basic") == {"module_utils/_run/module.py"}


def room_of(name: str) -> str | None:
    """The room of `module_utils` that a dotted name of ours leads into."""
    own = f"{OWN}."
    return name.removeprefix(own).split(".")[0] if name.startswith(own) else None


def test_every_file_of_module_utils_is_in_a_room_that_the_order_names() -> None:
    assert {path.relative_to(UTILS).parts[0] for path in UTILS.rglob("*.py")} == set(ROOMS)


@pytest.mark.parametrize("path", sorted(UTILS.rglob("*.py")), ids=name_of)
def test_a_file_imports_only_from_its_own_room_and_rooms_above(path: Path) -> None:
    own = ROOMS.index(path.relative_to(UTILS).parts[0])
    rooms = {room for name in imports_of(path) if (room := room_of(name))}
    assert {room for room in rooms if room not in ROOMS or ROOMS.index(room) > own} == set()


# The kinds of the operator, as its CRDs name them.
OPERATOR_KINDS = (
    "Alertmanager",
    "AlertmanagerConfig",
    "PodMonitor",
    "Probe",
    "Prometheus",
    "PrometheusAgent",
    "PrometheusRule",
    "ScrapeConfig",
    "ServiceMonitor",
    "ThanosRuler",
)
GROUP = "monitoring.coreos.com"
# Kinds whose names stand in messages, too, for programs.
WORDS = {"Alertmanager", "Probe", "Prometheus"}
# Files that know what the collection installs.
KNOWING = {f"module_utils/_base/{name}.py" for name in ("images", "marks", "versions")}
GENERAL = [
    path
    for path in sorted(UTILS.rglob("*.py"))
    if path.relative_to(UTILS).parts[0] in {"_base", "_input", "_api", "_state", "_sets"}
    and name_of(path) not in KNOWING
]


def kinds_named(source: str) -> set[str]:
    """The kinds of the operator, or its group, that code names: in text that is not a docstring, or by importing it."""
    tree = ast.parse(source)
    documents = {
        id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in documents:
            text = node.value
            found |= {text} & set(OPERATOR_KINDS)
            found |= set(re.findall(r"monitoring\.coreos\.com|\w+", text)) & (set(OPERATOR_KINDS) - WORDS | {GROUP})
        elif isinstance(node, ast.ImportFrom):
            found |= {alias.name for alias in node.names if alias.name.startswith("MONITORING")}
    return found


@pytest.mark.parametrize("path", GENERAL, ids=name_of)
def test_what_works_for_every_kind_names_none_of_the_operator(path: Path) -> None:
    """What is special about those kinds is registered by _crds/kinds.py."""
    assert kinds_named(path.read_text()) == set()


def test_naming_a_kind_is_found() -> None:
    assert kinds_named("x = {'Prometheus': 1, 'see ServiceMonitor x': 2}") == {"Prometheus", "ServiceMonitor"}
    assert kinds_named("x = 'monitoring.coreos.com/v1'") == {"monitoring.coreos.com"}
    assert kinds_named("from a.marks import MONITORING_GROUP") == {"MONITORING_GROUP"}
    assert kinds_named("def f():\n    'A Prometheus.'\n    raise E('Prometheus refuses this')") == set()


def test_every_run_knows_the_kinds_of_the_operator() -> None:
    """Tests register them by themselves, so this asks a process of its own."""
    program = (
        f"from {OWN}._run.run import Run\n"
        f"from {OWN}._sets.contents import NAMESPACED_OWNERS\n"
        f"from {OWN}._state.atomic import atomic_maps\n"
        f"from {OWN}._state.ready import STEPS\n"
        "def known(kind):\n"
        f"    return kind in STEPS, kind in NAMESPACED_OWNERS, bool(atomic_maps({GROUP!r}, kind))\n"
        "assert known('Prometheus') == (False, False, False)\n"
        "Run(params={}, check=True)\n"
        "assert known('Prometheus') == (True, True, True)\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(sys.prefix) / "collections")}
    subprocess.run([sys.executable, "-c", program], env=environment, check=True)


@pytest.mark.parametrize("path", sorted(path for path in FILES if says_it_is_pure(path)), ids=name_of)
def test_what_says_that_it_is_pure_imports_nothing_that_does_io(path: Path) -> None:
    impure = {"os", "socket", "subprocess", "pathlib", "time", "tempfile", "random", "threading", *HTTP}
    assert not set(imports_of(path)) & impure


def test_most_rooms_have_pure_files() -> None:
    rooms = {path.relative_to(UTILS).parts[0] for path in UTILS.rglob("*.py") if says_it_is_pure(path)}
    assert rooms >= {"_input", "_state", "_crds", "_findings", "_capabilities", "_doctor"}


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_licence_header_and_private_names(path: Path) -> None:
    text = path.read_text()
    assert HEADER in text[: len(HEADER) + 40]
    assert "from __future__ import annotations\n" in text
    if path.is_relative_to(UTILS):
        # Private to the collection, so that it may change with any release.
        assert path.relative_to(UTILS).parts[0].startswith("_")


def test_module_names_shadow_nothing() -> None:
    assert MODULES
    # Python puts the folder of the file that it runs first on its path.
    assert {path.stem for path in MODULES} & (set(sys.stdlib_module_names) | {"yaml", "kubernetes", "ansible"}) == set()


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_every_module_can_be_run_directly(path: Path, tmp_path: Path) -> None:
    arguments = tmp_path / "arguments.json"
    arguments.write_text(json.dumps({"ANSIBLE_MODULE_ARGS": {"no_such_option": 1}}))
    # A clean environment: no cluster can be reached by chance.
    env = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "PYTHONPATH": f"{sys.prefix}/collections"}
    answer = subprocess.run(
        [sys.executable, path, arguments], env=env, cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert answer.stdout.strip().startswith("{"), answer.stderr
    result = json.loads(answer.stdout)
    assert result["failed"]
    # It got as far as its own argument spec.
    assert result["msg"].startswith(("Unsupported parameters for", "missing required arguments:"))
