"""Ansible projects to measure: a fleet of N teams through the role as users call it, and what it is compared with."""

from __future__ import annotations

import json
import re
import shutil
import sys
import typing as t
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.teams.capability import TEAMS
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.teams.fleet import (
    TEAM_SET_OPTIONS,
    parse_team_set,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.teams.objects import team_objects
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.validate import validate_mapping
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.options import (
    CHANGE_OPTIONS,
    SET_OPTIONS,
    cluster_options,
)

from tests.bench.measure import Measured, run
from tests.integration.support.inventory import LOCAL
from tests.integration.support.playbook import CHECKOUT, environment

JsonObject = dict[str, t.Any]

HOST = "plane"
ROLE = CHECKOUT / "roles/team_monitoring"
# A module with the real one's options that leaves again at once.
NOOP_MODULE = """#!/usr/bin/python
import json
from ansible.module_utils.basic import AnsibleModule
SPEC = json.loads({spec!r})
AnsibleModule(argument_spec=SPEC, supports_check_mode=True).exit_json(changed=False)
"""

# Variables of other roles and results of other tasks: the floor does not have those, and they are empty for this fleet.
OF_OTHERS = re.compile(r"__promfleet_\w+|__team_monitoring_writes")
EMPTY: JsonObject = {"list": [], "dict": {}, "str": "", "int": 0}


def teams(number: int, *, changed: int = 0) -> list[JsonObject]:
    """*number* teams of 16 objects each; the first *changed* of them differ from what a call without has."""
    return [
        {"name": f"team-{index:04d}", "prometheus": {"retention": "3d" if index < changed else "2d"}}
        for index in range(number)
    ]


def base_rules() -> list[JsonObject]:
    """The role's own."""
    return list(yaml.safe_load((ROLE / "files/base_rules.yml").read_text()))


def objects(number: int) -> list[JsonObject]:
    """What the role makes of these teams, for the peers to apply."""
    raw = {"teams": teams(number), "cluster": HOST, "clusters": [HOST]}
    parsed = parse_team_set(validate_mapping(raw, TEAM_SET_OPTIONS, path=""))
    rules = base_rules()
    return [obj for team in parsed for obj in team_objects(team, cluster=HOST, base_rules=rules)]


@dataclass(frozen=True, kw_only=True)
class Project:
    """A folder with an inventory and a playbook."""

    folder: Path
    play: str = "play.yml"

    def run(self, *arguments: str, times: int = 1, memory: bool = False, expect: str = "", **env: str) -> Measured:
        """ansible-playbook on it, the whole process."""
        prefix = Path(sys.prefix)
        command: list[str | Path] = [
            prefix / "bin/ansible-playbook",
            "-i",
            self.folder / "inventory",
            self.folder / self.play,
            *arguments,
        ]
        return run(command, env=environment(prefix, **env), cwd=self.folder, times=times, memory=memory, expect=expect)


def _write(folder: Path, *, hosts: Sequence[str], variables: Mapping[str, t.Any], play: t.Any) -> Project:
    (folder / "inventory/group_vars").mkdir(parents=True, exist_ok=True)
    own = {name: {"promfleet_cluster": name} for name in hosts}
    inventory = {"all": {"children": {"promfleet_central": {"hosts": own}}}}
    (folder / "inventory/hosts.yml").write_text(yaml.safe_dump(inventory))
    (folder / "inventory/group_vars/all.yml").write_text(yaml.safe_dump({**LOCAL, **variables}, sort_keys=False))
    (folder / "play.yml").write_text(yaml.safe_dump(play, sort_keys=False))
    return Project(folder=folder)


def role_project(
    folder: Path, *, kubeconfig: Path, context: str, number: int, changed: int = 0, hosts: Sequence[str] = (HOST,)
) -> Project:
    """The fleet through the role."""
    variables = {
        "promfleet_kubeconfig": str(kubeconfig),
        "promfleet_context": context,
        "team_monitoring_teams": teams(number, changed=changed),
    }
    play = [{"hosts": "all", "gather_facts": False, "roles": ["promfleet.monitoring.team_monitoring"]}]
    return _write(folder, hosts=hosts, variables=variables, play=play)


def noop_project(folder: Path, *, number: int) -> Project:
    """The floor: a role with the same argument spec gives one module the same arguments, and that does nothing."""
    role = folder / "roles/noop"
    (role / "tasks").mkdir(parents=True)
    (role / "library").mkdir()
    for part in ("meta/argument_specs.yml", "defaults/main.yml", "vars/main.yml", "files/base_rules.yml"):
        (role / part).parent.mkdir(exist_ok=True)
        shutil.copy(ROLE / part, role / part)
    spec = cluster_options(TEAMS.options, CHANGE_OPTIONS, SET_OPTIONS)
    (role / "library/noop.py").write_text(NOOP_MODULE.format(spec=json.dumps(spec)))
    module = "promfleet.monitoring.team_monitoring"
    tasks = yaml.safe_load((ROLE / "tasks/present.yml").read_text())
    (arguments,) = [task[module] for task in tasks if module in task]
    shared = yaml.safe_load((CHECKOUT / "roles/promfleet/defaults/main.yml").read_text())
    variables = {
        **shared,
        "__promfleet_cluster": HOST,
        "__promfleet_clusters": [HOST],
        "__promfleet_platform_team": shared["promfleet_platform_team"],
        "team_monitoring_teams": teams(number),
    }
    given = {
        name: value
        if set(OF_OTHERS.findall(str(value))) <= variables.keys()
        else spec[name].get("default", EMPTY[spec[name]["type"]])
        for name, value in arguments.items()
    }
    (role / "tasks/main.yml").write_text(yaml.safe_dump([{"name": "Do nothing", "noop": given}]))
    play = [{"hosts": "all", "gather_facts": False, "roles": ["noop"]}]
    return _write(folder, hosts=[HOST], variables=variables, play=play)


def core_project(folder: Path, *, kubeconfig: Path, context: str, number: int, loop: bool) -> Project:
    """The same objects through kubernetes.core.k8s, in one task or one object at a time."""
    module: JsonObject = {
        "kubeconfig": str(kubeconfig),
        "context": context,
        "apply": True,
        "server_side_apply": {"field_manager": "kubernetes-core", "force_conflicts": True},
    }
    folder.mkdir(parents=True)
    manifests = folder / "objects.json"
    fleet = objects(number)
    task: JsonObject = {"name": "Apply", "kubernetes.core.k8s": module}
    if loop:
        module["resource_definition"] = "{{ item }}"
        manifests.write_text(json.dumps(fleet))
        # Read as a file, so that Prometheus' own templates stay as they are.
        task["loop"] = f"{{{{ lookup('ansible.builtin.file', '{manifests}') | from_json }}}}"
        task["loop_control"] = {"label": "{{ item.metadata.name }}"}
    else:
        manifests.write_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": fleet}))
        module["src"] = str(manifests)
    play = [{"hosts": "all", "gather_facts": False, "tasks": [task]}]
    return _write(folder, hosts=[HOST], variables={}, play=play)
