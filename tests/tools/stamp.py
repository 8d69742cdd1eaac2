"""Writes what a new capability needs outside of its folder, and says what of that is missing.

`make stamp` writes files that are not there yet and adds names to those that are; what people wrote stays. The words in
capitals (DESCRIBE) are for people to replace: documentation is not generated. Rights follow with `make rights`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities import registry
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.capability import Capability

CHECKOUT = Path(__file__).resolve().parents[2]
PACKAGE = "ansible_collections.promfleet.monitoring.plugins.module_utils"
COLLECTION = "promfleet.monitoring"
# The playbook of a role where it is not called after it.
PLAYBOOKS = {
    "prometheus_operator": "operator",
    "team_monitoring": "teams",
    "prometheus_federation": "federation",
}
DESCRIBE = "DESCRIBE"

MODULE = '''\
#!/usr/bin/python
# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: {module}
short_description: DESCRIBE what the module keeps
version_added: 1.0.0
author:
  - promfleet.monitoring contributors (@promfleet)
description:
  - DESCRIBE the objects that it makes.
options:
{options}
extends_documentation_fragment:
  - kubernetes.core.k8s_auth_options
  - promfleet.monitoring.auth
  - promfleet.monitoring.attributes
  - promfleet.monitoring.apply
"""

EXAMPLES = r"""
---
- name: DESCRIBE the example
  promfleet.monitoring.{module}:
    kubeconfig: ~/.kube/config
    context: kind-hub
"""

RETURN = r"""
---
counts:
  description: How many objects were created, updated, replaced, deleted, released and left unchanged.
  returned: success
  type: dict
  sample: {{created: 1, unchanged: 2}}
"""

from {package}._capabilities.{folder}.capability import {constant}
from {package}._run.capability import definition_of
from {package}._run.module import run_module

DEFINITION = definition_of({constant})


def main() -> None:
    """Run the module."""
    run_module(DEFINITION)


if __name__ == "__main__":
    main()
'''
DEFAULTS = "---\n{role}_state: present\n{defaults}"
SPECS = """\
---
argument_specs:
  main:
    short_description: DESCRIBE what the role does
    description:
      - DESCRIBE it.
    author:
      - promfleet.monitoring contributors (@promfleet)
    options:
      {role}_state:
        description:
          - V(present) brings the set to its wanted state.
          - V(absent) removes what the role made.
        type: str
        choices:
          - present
          - absent
        default: present
{options}
"""
META = """\
---
galaxy_info:
  author: promfleet.monitoring contributors
  description: DESCRIBE what the role does
  license: GPL-3.0-or-later
  min_ansible_version: 2.19.0
dependencies:
  # Its variables, and once for each play and host its checks.
  - role: promfleet.monitoring.promfleet
"""
MAIN = """\
---
- name: Check the input
  ansible.builtin.import_tasks: check.yml
  when: __{role}_check is not defined

- name: Bring the set to its state
  ansible.builtin.include_tasks: "{{{{ {role}_state }}}}.yml"
"""
STATE = """\
---
- name: {title} | {sentence}
  promfleet.monitoring.{module}:
{arguments}  module_defaults:
    group/promfleet.monitoring.all: "{{{{ __promfleet_auth }}}}"
    group/promfleet.monitoring.writers: "{{{{ __promfleet_writing }}}}"
  register: __{role}_result
"""
PLAY = """\
---
- name: DESCRIBE the play
  hosts: ~^promfleet_(central|workers)$
  gather_facts: false
  tags: [{role}]
  tasks:
    - name: Run the role
      ansible.builtin.include_role:
        name: promfleet.monitoring.{role}
"""
PLAYBOOK = """\
---
- name: Check all input
  import_playbook: promfleet.monitoring.check_input

- name: Run the role
  import_playbook: promfleet.monitoring.plays.{playbook}

- name: Recap
  import_playbook: promfleet.monitoring.plays.recap
"""
UNINSTALL = """\
- name: Remove what {role} made
  hosts: ~^promfleet_(central|workers)$
  gather_facts: false
  tags: [{role}]
  tasks:
    - name: Remove what {role} made
      ansible.builtin.include_role:
        name: promfleet.monitoring.{role}
        tasks_from: absent

"""


@dataclass(frozen=True, kw_only=True)
class Part:
    """One thing that must name a capability: where, whether a text does, and the text that does (None: a new file)."""

    path: str
    what: str
    is_there: Callable[[str], bool]
    stamped: Callable[[str | None], str]


def playbook_of(role: str) -> str:
    """The name of a role's playbook."""
    return PLAYBOOKS.get(role, role)


def parts(capability: Capability[Any], *, folder: str) -> Iterator[Part]:
    """Everything outside of its folder that must name a capability; *folder* is its folder in `_capabilities`."""
    role, module, playbook = capability.role, capability.module, playbook_of(capability.role)
    own = {name: option for name, option in capability.options.items() if "required" not in option}
    yield _file(
        f"plugins/modules/{module}.py",
        MODULE.format(
            module=module,
            folder=folder,
            constant=capability.name.replace("-", "_").upper(),
            package=PACKAGE,
            options=_documented(capability.options, indent="  "),
        ),
    )
    yield _listed("meta/runtime.yml", f"    - {module}", after="    - cluster_info", what="action group all")
    yield _listed("meta/runtime.yml", f"    - {module}", after="  writers:", what="action group writers", last=True)
    yield Part(
        path="meta/runtime.yml",
        what=f"plugin_routing of {module}",
        is_there=lambda text: module in yaml.safe_load(text)["plugin_routing"]["modules"],
        stamped=lambda text: f"{(text or '').rstrip()}\n    {module}:\n      action_plugin: {COLLECTION}.objects\n",
    )
    yield _file(f"roles/{role}/defaults/main.yml", DEFAULTS.format(role=role, defaults=_defaults(own, role=role)))
    options = _documented(own, indent="      ", prefix=f"{role}_")
    yield _file(f"roles/{role}/meta/argument_specs.yml", SPECS.format(role=role, options=options))
    yield _file(f"roles/{role}/meta/main.yml", META)
    yield _file(f"roles/{role}/tasks/main.yml", MAIN.format(role=role))
    arguments = "".join(f'    {name}: "{{{{ {role}_{name} }}}}"\n' for name in own)
    texts = {
        "present": ("Bring the set to its wanted state", arguments),
        "absent": ("Remove the set", "    state: absent\n"),
    }
    # A role with two sides has such files for each side, which are for people to write.
    sides = sum(other.role == role for other in registry.CAPABILITIES)
    for state, (sentence, given) in texts.items() if sides < 2 else ():
        text = STATE.format(title=state.title(), sentence=sentence, module=module, role=role, arguments=given)
        yield _file(f"roles/{role}/tasks/{state}.yml", text)
    yield _file(f"playbooks/plays/{playbook}.yml", PLAY.format(role=role))
    yield _file(f"playbooks/{playbook}.yml", PLAYBOOK.format(playbook=playbook))
    imported = f"- name: Run {role}\n  import_playbook: {COLLECTION}.plays.{playbook}\n\n"
    yield _before("playbooks/site.yml", imported, mark=f"plays.{playbook}", before="- name: Recap\n")
    first = "- name: Stop federating\n"
    yield _before("playbooks/uninstall.yml", UNINSTALL.format(role=role), mark=f"{COLLECTION}.{role}\n", before=first)
    row = f"| `{COLLECTION}.{playbook}` | {DESCRIBE} |\n"
    yield _before("README.md", row, mark=f"| `{COLLECTION}.{playbook}` |", before=f"| `{COLLECTION}.verify` |")


def _file(path: str, text: str) -> Part:
    return Part(path=path, what="the file", is_there=lambda _text: True, stamped=lambda _text: text)


def _before(path: str, text: str, *, mark: str, before: str) -> Part:
    return Part(
        path=path,
        what=mark.strip(),
        is_there=lambda found: mark in found,
        stamped=lambda found: (found or "").replace(before, text + before, 1),
    )


def _listed(path: str, line: str, *, after: str, what: str, last: bool = False) -> Part:
    """A *line* of the sorted list that *after* is a line of, or that begins after it (*last*)."""

    def section(text: str) -> tuple[int, int]:
        lines = text.splitlines()
        start = lines.index(after) + (1 if last else 0)
        end = start
        while end < len(lines) and lines[end].startswith("    - "):
            end += 1
        return start, end

    def stamped(found: str | None) -> str:
        lines = (found or "").splitlines()
        start, end = section(found or "")
        return "\n".join([*lines[:start], *sorted([*lines[start:end], line]), *lines[end:]]) + "\n"

    def is_there(found: str) -> bool:
        start, end = section(found)
        return line in found.splitlines()[start:end]

    return Part(path=path, what=f"{line.strip(' -')} in the {what}", is_there=is_there, stamped=stamped)


def _documented(options: dict[str, Any], *, indent: str, prefix: str = "") -> str:
    """Options as documentation has them, with their descriptions to be written."""
    texts = {
        f"{prefix}{name}": {
            "description": f"{DESCRIBE} it.",
            **{key: option[key] for key in option if key != "options"},
        }
        for name, option in options.items()
    }
    text = yaml.safe_dump(texts, sort_keys=False) if texts else "{}"
    return "\n".join(f"{indent}{line}" for line in text.splitlines())


def _defaults(options: dict[str, Any], *, role: str) -> str:
    given = {f"{role}_{name}": option["default"] for name, option in options.items() if "default" in option}
    silent = [f"# {role}_{name}:\n" for name, option in options.items() if "default" not in option]
    return (yaml.safe_dump(given, sort_keys=False) if given else "") + "".join(silent)


def folder_of(capability: Capability[Any]) -> str:
    """The folder in `_capabilities` whose capability.py states *capability*."""
    module = capability.parse.__module__
    found = re.search(r"_capabilities\.(\w+)\.", module)
    return found[1] if found else module.rpartition(".")[2]


def missing(capabilities: Sequence[Capability[Any]], *, root: Path = CHECKOUT) -> list[str]:
    """What does not name its capability yet, one line each."""
    return [
        f"{capability.name}: {part.path} lacks {part.what}; run make stamp"
        for capability in capabilities
        for part in parts(capability, folder=folder_of(capability))
        if not (root / part.path).exists() or not part.is_there((root / part.path).read_text(encoding="utf-8"))
    ]


def stamp(capabilities: Sequence[Capability[Any]], *, root: Path = CHECKOUT) -> list[str]:
    """Write what is missing, and return the paths that were written."""
    written: list[str] = []
    for capability in capabilities:
        for part in parts(capability, folder=folder_of(capability)):
            path = root / part.path
            text = path.read_text(encoding="utf-8") if path.exists() else None
            if text is None or not part.is_there(text):
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(part.stamped(text), encoding="utf-8")
                written.append(part.path)
    return written


def main() -> None:
    """Write what is missing."""
    for path in stamp(registry.CAPABILITIES):
        print(f"{path}: written; replace {DESCRIBE}")


if __name__ == "__main__":
    main()
