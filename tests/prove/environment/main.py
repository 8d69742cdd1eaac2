"""Proves that an execution environment of AWX needs nothing but what meta/ee-requirements.txt names.

In a new virtual environment with ansible-core and these requirements alone, every library that the plugins import is
there, every plugin file is imported, objects are rendered, and the playbook awx runs.
"""

from __future__ import annotations

import argparse
import ast
import json
import subprocess
import sys
import tempfile
import time
import typing as t
from collections.abc import Sequence
from pathlib import Path

from tests.integration.support.awx import TOKEN, FakeAwx
from tests.integration.support.playbook import CHECKOUT, environment
from tests.prove import kept

REQUIREMENTS = CHECKOUT / "tests/tools/requirements"
PACKAGE = "ansible_collections.promfleet.monitoring"
IMPORTS = """
import importlib, json, sys
names, modules = json.load(sys.stdin)
for name in names:
    importlib.import_module(name)
for name in modules:
    error = getattr(importlib.import_module(name), "IMPORT_ERROR", None)
    assert error is None, f"{name}: {error}"
"""


def third_party() -> list[str]:
    """The libraries that plugins import, those that they import late among them."""
    found: set[str] = set()
    for path in (CHECKOUT / "plugins").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                found |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                found.add(node.module.partition(".")[0])
    return sorted(found - set(sys.stdlib_module_names) - {"ansible", "ansible_collections", "__future__"})


def plugins() -> list[str]:
    """Every plugin file by its name in Python."""
    paths = sorted((CHECKOUT / "plugins").rglob("*.py"))
    return [f"{PACKAGE}.{'.'.join(path.relative_to(CHECKOUT).with_suffix('').parts)}" for path in paths]


def run(command: Sequence[str | Path], **options: t.Any) -> str:
    """The output of a command that has to succeed."""
    done = subprocess.run(command, capture_output=True, text=True, check=False, **options)
    if done.returncode:
        raise SystemExit(f"{' '.join(map(str, command))}\n{done.stdout}{done.stderr}")
    return str(done.stdout)


def inventory(fake: FakeAwx, folder: Path) -> dict[str, t.Any]:
    """A fleet of one cluster, that is rendered, and its templates in AWX."""
    (folder / "token").write_text(TOKEN)
    (folder / "kubeconfig").write_text("kind: Config\n")
    variables = {
        "ansible_connection": "local",
        "ansible_python_interpreter": "{{ ansible_playbook_python }}",
        "promfleet_render_folder": str(folder / "clusters"),
        "team_monitoring_egress": {"api_server": [{"cidr": "10.0.0.5/32", "ports": [6443]}]},
        "team_monitoring_teams": [{"name": "payments", "namespaces": ["payments"]}],
        "promfleet_awx": {
            "controller": {"host": fake.url, "token_file": "token"},
            "execution_environment": {"image": "registry.example.com/promfleet-ee:1"},
            "credentials": [{"name": "clusters", "kubeconfig_file": "kubeconfig"}],
            "project": {"url": "https://git.example.com/fleet.git"},
        },
    }
    return {"all": {"vars": variables, "children": {"promfleet_central": {"hosts": {"hub": {}}}}}}


def prove(folder: Path) -> dict[str, t.Any]:
    """Build the environment and run everything in it; returns figures."""
    started = time.monotonic()
    venv = folder / "venv"
    run([Path(sys.base_prefix) / f"bin/python{sys.version_info[0]}.{sys.version_info[1]}", "-m", "venv", venv])
    needed: list[str | Path] = [
        "--requirement",
        REQUIREMENTS / "core-main.txt",
        "--requirement",
        CHECKOUT / "meta/ee-requirements.txt",
    ]
    run([venv / "bin/python", "-m", "pip", "install", "--quiet", *needed])
    collections = Path(sys.prefix) / "collections"
    env = environment(venv, ANSIBLE_COLLECTIONS_PATH=str(collections), HOME=str(folder))
    names, modules = third_party(), plugins()
    run(
        [venv / "bin/python", "-c", IMPORTS], input=json.dumps([names, modules]),
        env={**env, "PYTHONPATH": str(collections)},
    )  # fmt: skip
    with FakeAwx().started() as fake:
        (folder / "inventory.yml").write_text(json.dumps(inventory(fake, folder)), encoding="utf-8")
        for playbook in ("render", "awx"):
            run(
                [venv / "bin/ansible-playbook", f"promfleet.monitoring.{playbook}", "-i", "inventory.yml"],
                env=env, cwd=folder,
            )  # fmt: skip
        templates = fake.names("job_templates")
    objects = sorted(path.name for path in (folder / "clusters/hub").rglob("*.yaml"))
    if not templates or not objects:
        raise SystemExit("the playbooks did nothing")
    return {
        "libraries": names, "files imported": len(modules), "templates": len(templates), "files rendered": len(objects),
        "seconds": round(time.monotonic() - started),
    }  # fmt: skip


def main(arguments: Sequence[str] | None = None) -> None:
    """Prove it, and write the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path)
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="promfleet-environment-") as folder:
        figures = prove(Path(folder))
    print(json.dumps(figures, indent=2))
    kept.write(figures, options.output)


if __name__ == "__main__":
    main()
