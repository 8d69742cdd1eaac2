"""Writes what a new capability needs outside of its folder, and what several modules tell alike; says what is missing.

`make stamp` writes files that are not there yet and adds names to those that are; what people wrote stays, except what
modules return alike: that is written in returned.yml and returned_findings.yml. The words in capitals (DESCRIBE) are
for people to replace. Rights follow with `make rights`.
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

from tests.tools import variables

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
# Modules with this fragment have the engine's outcome in their result.
CHANGES = f"  - {COLLECTION}.change\n"
# Modules with this one return findings.
FINDS = f"  - {COLLECTION}.findings\n"
_RETURN = re.compile(r'(?<=\nRETURN = r"""\n---\n).*?(?=""")', re.DOTALL)

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
  state:
    description:
      - V(present) brings the set to its wanted state.
      - V(absent) removes all that this module made.
    type: str
    choices: [present, absent]
    default: present
extends_documentation_fragment:
  - kubernetes.core.k8s_auth_options
  - promfleet.monitoring.auth
  - promfleet.monitoring.attributes
  - promfleet.monitoring.apply
  - promfleet.monitoring.change
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
{returned}"""

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

  check:
    short_description: Find every error in the role's input, without a connection to the cluster
    description:
      - Writes nothing.
    author:
      - promfleet.monitoring contributors (@promfleet)

  # Ansible checks the entry points of a role before the first task, and refuses the empty answers of surveys. None of
  # them is called variables: the role's own check holds what was given to these types.
  variables:
    short_description: The variables of the role
    description:
      - All entry points take these variables.
      - Null and empty text, which surveys send for a question without an answer, mean that a variable is not given.
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
CHECK = """\
---
- name: Check | Find every error in the input
  promfleet.monitoring.input_check:
    role: {role}
    options: "{{{{ __promfleet_options }}}}"
    variables: "{{{{ __{role}_variables }}}}"
    found: "{{{{ query('ansible.builtin.varnames', '^{role}_') }}}}"
    capabilities:
      {name}:
{arguments}  register: __{role}_check
  # The playbooks tell the errors of all roles and hosts together, in errors.yml of the role promfleet.
  failed_when: >-
    __{role}_check is failed
    and not (__promfleet_tells_together | default(false) and __{role}_check.errors is defined)
"""
RENDER = """\
---
- name: Render | Note what the objects are made of
  ansible.builtin.set_fact:
    __{role}_rendered:
      {name}:
{arguments}  when: __{role}_state == 'present'
"""
# Behind the facts of all other roles.
_LAST_RENDERED = "__prometheus_federation_rendered_central | default({})"
INCLUDED_RENDER = """
    - name: Note what the objects of {role} are made of
      ansible.builtin.include_role:
        name: promfleet.monitoring.{role}
        tasks_from: render
"""
INCLUDED_CHECK = """
    - name: Check the input of {role}
      ansible.builtin.include_role:
        name: promfleet.monitoring.{role}
        tasks_from: check
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
  ansible.builtin.include_tasks: "{{{{ __{role}_state }}}}.yml"
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


def entries(text: str) -> dict[str, str]:
    """The top level of a YAML mapping as text: each name with all of its lines."""
    found = re.findall(r"^\w+:.*\n(?:^(?!\w|#).*\n)*", text, flags=re.MULTILINE)
    return {entry.partition(":")[0]: entry.rstrip() + "\n" for entry in found}


# What every module returns that changes a cluster, or that returns findings; a documentation fragment cannot carry it.
RETURNED, RETURNED_FINDINGS = (
    entries((Path(__file__).parent / name).read_text(encoding="utf-8"))
    for name in ("returned.yml", "returned_findings.yml")
)


@dataclass(frozen=True, kw_only=True)
class Part:
    """One thing that must name a capability, or that is told alike in several places.

    Where it is, whether a text has it, and the text that does (None: a new file).
    """

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
    own = {name: option for name, option in capability.options.items() if _is_of_role(capability, name)}
    given = {
        name: _expression(capability, name)
        for name in capability.options
        if capability.variables.get(name, "") is not None
    }
    yield _file(
        f"plugins/modules/{module}.py",
        MODULE.format(
            module=module,
            folder=folder,
            constant=capability.name.replace("-", "_").upper(),
            package=PACKAGE,
            returned="".join(RETURNED.values()),
            # Ansible knows no_log of documented variables, and not of documented options.
            options=_documented(capability.options, indent="  ", without=("no_log",)),
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
    required = {name: text for name, text in given.items() if capability.options[name].get("required")}
    texts = {
        "present": ("Bring the set to its wanted state", _arguments(given, indent=4)),
        "absent": ("Remove the set", "    state: absent\n" + _arguments(required, indent=4)),
    }
    # A role with two sides has such files for each side, which are for people to write.
    sides = sum(other.role == role for other in registry.CAPABILITIES)
    for state, (sentence, arguments) in texts.items() if sides < 2 else ():
        text = STATE.format(title=state.title(), sentence=sentence, module=module, role=role, arguments=arguments)
        yield _file(f"roles/{role}/tasks/{state}.yml", text)
    arguments = _arguments(given, indent=8)
    if sides < 2:
        render = RENDER.format(role=role, name=capability.name, arguments=arguments)
        yield _file(f"roles/{role}/tasks/render.yml", render)
        fact = f"__{role}_rendered | default({{}})"
        yield _before("roles/promfleet/vars/main.yml", f"{fact},\n               ", mark=fact, before=_LAST_RENDERED)
    yield Part(
        path="playbooks/plays/noted.yml",
        what=f"the rendering of {role}",
        is_there=lambda text: f"{COLLECTION}.{role}\n        tasks_from: render\n" in text,
        stamped=lambda text: _behind_last(
            text or "", "        tasks_from: render\n", INCLUDED_RENDER.format(role=role)
        ),
    )
    check = CHECK.format(role=role, name=capability.name, arguments=arguments)
    yield Part(
        path=f"roles/{role}/tasks/check.yml",
        what=f"the check of {capability.name}",
        is_there=lambda text: f"\n      {capability.name}:\n" in text,
        stamped=lambda text: (
            check
            if text is None
            else text.replace("  register:", f"      {capability.name}:\n{arguments}  register:", 1)
        ),
    )
    yield Part(
        path="playbooks/check_input.yml",
        what=f"the check of {role}",
        is_there=lambda text: f"{COLLECTION}.{role}\n        tasks_from: check\n" in text,
        stamped=lambda text: _behind_last(text or "", "        tasks_from: check\n", INCLUDED_CHECK.format(role=role)),
    )
    # A role with two sides has a line for each side, which is for people to write.
    if sides < 2:
        line = f"             'DESCRIBE {role}': facts['__{role}_result'] | default({{}}),\n"
        yield _before(
            "roles/promfleet/tasks/recap.yml",
            line,
            mark=f"facts['__{role}_result']",
            before="             'the verification'",
        )
    yield _file(f"playbooks/plays/{playbook}.yml", PLAY.format(role=role))
    yield _file(f"playbooks/{playbook}.yml", PLAYBOOK.format(playbook=playbook))
    imported = f"- name: Run {role}\n  import_playbook: {COLLECTION}.plays.{playbook}\n\n"
    yield _before("playbooks/site.yml", imported, mark=f"plays.{playbook}", before="- name: Recap\n")
    # Removed before all that it was applied after.
    checked = f"  import_playbook: {COLLECTION}.check_input\n  vars:\n    __promfleet_removes: true\n\n"
    yield Part(
        path="playbooks/uninstall.yml",
        what=f"the removal of {role}",
        is_there=lambda text: f"{COLLECTION}.{role}\n" in text,
        stamped=lambda text: (text or "").replace(checked, checked + UNINSTALL.format(role=role), 1),
    )
    row = f"| `{COLLECTION}.{playbook}` | {DESCRIBE} |\n"
    yield _before("README.md", row, mark=f"| `{COLLECTION}.{playbook}` |", before=f"| `{COLLECTION}.verify` |")


def _is_of_role(capability: Capability[Any], option: str) -> bool:
    """Whether the role has a variable of its own for an option of the module."""
    return (
        capability.variable(option) == f"{capability.role}_{option}"
        and capability.variables.get(option, "") is not None
    )


def _expression(capability: Capability[Any], option: str) -> str:
    """What a role gives to an option of its module."""
    # What is made of other roles' variables has this name in the role promfleet.
    return f"__{capability.role if _is_of_role(capability, option) else 'promfleet'}_{option}"


def _arguments(given: dict[str, str], *, indent: int) -> str:
    return "".join(f'{" " * indent}{name}: "{{{{ {text} }}}}"\n' for name, text in given.items())


def _behind_last(text: str, line: str, added: str) -> str:
    head, found, tail = text.rpartition(line)
    return head + found + added + tail


def undescribed(*, root: Path = CHECKOUT) -> list[str]:
    """The places in stamped files where people have to write still, as path:line."""
    return [
        f"{path.relative_to(root)}:{number}"
        for pattern in ("plugins/modules/*.py", "roles/**/*.yml", "playbooks/**/*.yml", "README.md")
        for path in sorted(root.glob(pattern))
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1)
        if DESCRIBE in line
    ]


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


def _documented(options: dict[str, Any], *, indent: str, prefix: str = "", without: tuple[str, ...] = ()) -> str:
    """Options as documentation has them, but the properties *without*, with their descriptions to be written."""
    texts = {
        f"{prefix}{name}": {
            "description": f"{DESCRIBE} it.",
            **{key: option[key] for key in option if key not in ("options", *without)},
        }
        for name, option in options.items()
    }
    text = yaml.safe_dump(texts, sort_keys=False) if texts else ""
    return "\n".join(f"{indent}{line}" for line in text.splitlines())


def _defaults(options: dict[str, Any], *, role: str) -> str:
    given = {f"{role}_{name}": option["default"] for name, option in options.items() if "default" in option}
    silent = [f"# {role}_{name}:\n" for name, option in options.items() if "default" not in option]
    return (yaml.safe_dump(given, sort_keys=False) if given else "") + "".join(silent)


def shared(root: Path) -> Iterator[Part]:
    """What stands in several files although it is written in one place."""
    for path in sorted((root / "plugins/modules").glob("*.py")):
        module = path.read_text(encoding="utf-8")
        for mark, name, returned in (
            (CHANGES, "returned.yml", RETURNED),
            (FINDS, "returned_findings.yml", RETURNED_FINDINGS),
        ):
            if mark in module:
                yield Part(
                    path=str(path.relative_to(root)),
                    what=f"what all such modules return, as tests/tools/{name} has it",
                    is_there=lambda text, returned=returned: _with_returned(text, returned) == text,  # type: ignore[misc]
                    stamped=lambda text, returned=returned: _with_returned(text or "", returned),  # type: ignore[misc]
                )

    for capability in registry.CAPABILITIES:
        yield Part(
            path=f"roles/{capability.role}/tasks/render.yml",
            what=f"what the role gives to {capability.module}, as its tasks have it",
            is_there=lambda text, one=capability: _with_given(text, one, root=root) == text,  # type: ignore[misc]
            stamped=lambda text, one=capability: _with_given(text or "", one, root=root),  # type: ignore[misc]
        )
    for role in variables.roles(root):
        yield Part(
            path=f"roles/{role}/meta/argument_specs.yml",
            what="the role's variables as parameters of its entry point main",
            is_there=lambda text: variables.with_parameters(text) == text,
            stamped=lambda text: variables.with_parameters(text or ""),
        )
        yield Part(
            path=f"roles/{role}/vars/main.yml",
            what="what the role's variables mean, as meta/argument_specs.yml has them",
            is_there=lambda text, role=role: text == variables.stamped(role, root=root),  # type: ignore[misc]
            stamped=lambda _text, role=role: variables.stamped(role, root=root),  # type: ignore[misc]
        )
    yield Part(
        path="plugins/doc_fragments/teams.py",
        what="the options of a team as those of the platform",
        is_there=lambda text: _with_platform(text) == text,
        stamped=lambda text: _with_platform(text or ""),
    )


def _with_given(text: str, capability: Capability[Any], *, root: Path) -> str:
    """The tasks that note what a capability is rendered from, with what its module is given where it applies."""
    block = re.compile(rf"^( +){re.escape(COLLECTION)}\.{capability.module}:\n((?:\1  .*\n)+)", re.MULTILINE)
    files = sorted((root / "roles" / capability.role / "tasks").glob("*present.yml"))
    found = [match for path in files for match in block.finditer(path.read_text(encoding="utf-8"))]
    if len(found) != 1:
        return text
    given = re.sub(rf"^{found[0][1]}  ", " " * 8, found[0][2], flags=re.MULTILINE)
    section = re.compile(rf"(?<=^      {capability.name}:\n)(?: {{8}}.*\n)+", re.MULTILINE)
    return section.sub(lambda _old: given, text, count=1)


def _with_returned(text: str, returned: dict[str, str]) -> str:
    """A module with what it has in common with others (*returned*) first in its RETURN, and its own after that."""
    found = _RETURN.search(text)
    own = entries(found[0]) if found else {}
    whole = "".join(returned.values()) + "".join(entry for name, entry in own.items() if name not in returned)
    return _RETURN.sub(lambda _found: whole, text, count=1)


def _with_platform(text: str) -> str:
    """The fragment about teams with the options of a team, from `enabled` on, as those of the platform too.

    Fragments must be plain text: ansible-test reads them without running them.
    """
    first, last = "      enabled:\n", "  platform_team:\n"
    teams, platform, rest = text.partition("  platform:\n")
    options = teams[teams.index(first) :]
    head = rest[: rest.index(first)]
    tenancy, default, after = options.partition("          enforce_tenancy:\n")
    # The platform trusts its own monitors.
    after = after.replace("default: true", "default: false", 1)
    return teams + platform + head + tenancy + default + after + rest[rest.index(last) :]


def folder_of(capability: Capability[Any]) -> str:
    """The folder in `_capabilities` whose capability.py states *capability*."""
    module = capability.parse.__module__
    found = re.search(r"_capabilities\.(\w+)\.", module)
    return found[1] if found else module.rpartition(".")[2]


def missing(capabilities: Sequence[Capability[Any]], *, root: Path = CHECKOUT) -> list[str]:
    """What does not name its capability yet or is not told alike everywhere, one line each."""
    return [
        f"{name}: {part.path} lacks {part.what}; run make stamp"
        for name, part in _all_parts(capabilities, root=root)
        if not (root / part.path).exists() or not part.is_there((root / part.path).read_text(encoding="utf-8"))
    ]


def _all_parts(capabilities: Sequence[Capability[Any]], *, root: Path) -> Iterator[tuple[str, Part]]:
    for capability in capabilities:
        for part in parts(capability, folder=folder_of(capability)):
            yield capability.name, part
    for part in shared(root):
        yield Path(part.path).stem, part


def stamp(capabilities: Sequence[Capability[Any]], *, root: Path = CHECKOUT) -> list[str]:
    """Write what is missing, and return the paths that were written."""
    written: list[str] = []
    for _name, part in _all_parts(capabilities, root=root):
        path = root / part.path
        text = path.read_text(encoding="utf-8") if path.exists() else None
        if text is None or not part.is_there(text):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(part.stamped(text), encoding="utf-8")
            written.append(part.path)
    return written


def main() -> None:
    """Write what is missing."""
    for path in dict.fromkeys(stamp(registry.CAPABILITIES)):
        print(f"{path}: written")
    for place in undescribed():
        print(f"{place}: replace {DESCRIBE}")


if __name__ == "__main__":
    main()
