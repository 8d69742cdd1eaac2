"""Writes into vars/main.yml of each role what each of its variables means: what was given, or the default.

A question of a survey that nobody answered reaches a role as empty text or as null, which beats the role's default
(ansible/awx issues 9525 and 16205). So tasks read no variable of a role by its name, but ``__<name>``, which is stamped
here from meta/argument_specs.yml. `make stamp` runs this; a contract test holds the files to it.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

CHECKOUT = Path(__file__).resolve().parents[2]
BEGIN = (
    "# Stamped by make stamp from meta/argument_specs.yml, which documents them: null and empty text mean not given.\n"
)
PARAMETERS = (
    "    # Stamped by make stamp: parameters that Ansible accepts; the role's own check validates them.\n    options:\n"
)
# Secrets and their like are read where they are handed to modules, in vars/main.yml itself, and nowhere else.
CONNECTION = {
    "api_key",
    "ca_cert",
    "client_cert",
    "client_key",
    "context",
    "host",
    "kubeconfig",
    "password",
    "proxy",
    "username",
}
WIDTH = 120
BLANK = "['', none]"


def roles(root: Path = CHECKOUT) -> list[str]:
    """The roles of the collection."""
    return sorted(path.parents[1].name for path in root.glob("roles/*/meta/argument_specs.yml"))


def options_of(role: str, *, root: Path = CHECKOUT) -> dict[str, dict[str, Any]]:
    """The variables that a role documents."""
    specs = yaml.safe_load((root / f"roles/{role}/meta/argument_specs.yml").read_text(encoding="utf-8"))
    return dict(specs["argument_specs"]["variables"]["options"])


def with_parameters(text: str) -> str:
    """An argument_specs.yml whose entry point main takes all variables, of any type.

    Ansible refuses a parameter (``roles: [{role: ..., name: value}]``) that main does not name, and a blank answer that
    has not the type that it names.
    """
    found = re.search(r"^  main:\n(?:(?!  \S).*\n)*", text, flags=re.MULTILINE)
    if found is None:
        return text
    own = found[0].partition(PARAMETERS)[0].rstrip("\n") + "\n"
    options = yaml.safe_load(text)["argument_specs"]["variables"]["options"]
    lines = [
        f"      {name}:\n        description: The entry point variables documents it.\n        type: raw\n"
        + ("        no_log: true\n" if option.get("no_log") else "")
        for name, option in options.items()
    ]
    after = text[found.end() :]
    return text[: found.start()] + own + PARAMETERS + "".join(lines) + "\n" + after


def stamped(role: str, *, root: Path = CHECKOUT) -> str:
    """The text of vars/main.yml of *role*: what stands there, with the stamped part at its end."""
    options = {
        name: option
        for name, option in options_of(role, root=root).items()
        if role != "promfleet" or name.removeprefix("promfleet_") not in CONNECTION
    }
    lines = [_variable(name, option) for name, option in options.items()]
    plain = [name for name, option in options.items() if role == "promfleet" or "options" not in option]
    lines += [
        "# For the check of their types; what has a structure and is a capability's is checked with that.\n",
        f"__{role}_variables:\n",
        *(f'  {name}: "{{{{ __{name} }}}}"\n' for name in plain),
    ]
    path = root / f"roles/{role}/vars/main.yml"
    text = path.read_text(encoding="utf-8") if path.exists() else "---\n"
    own = text.partition(BEGIN)[0]
    return own + ("" if own.endswith(("---\n", "\n\n")) else "\n") + BEGIN + "".join(lines)


def _variable(name: str, option: dict[str, Any]) -> str:
    """A variable's line, or three where it is long: what was given, else the default, else nothing (omit)."""
    if "default" in option:
        # What the role has in defaults/main.yml is always there.
        meant, given = _literal(option["default"]), name
    else:
        meant, given = "omit", f"lookup('ansible.builtin.vars', '{name}', default='')"
    condition = f"{{{{ {meant} if {given} in {BLANK}"
    line = f'__{name}: "{condition} else {name} }}}}"\n'
    return line if len(line) <= WIDTH else f"__{name}: >-\n  {condition}\n  else {name} }}}}\n"


def _literal(value: Any) -> str:
    """A default as an expression; one that is a template names another variable."""
    found = re.fullmatch(r"\{\{ (\w+) \}\}", value) if isinstance(value, str) else None
    if found:
        return f"__{found[1]}" if found[1].startswith("promfleet_") else found[1]
    return str(value).lower() if isinstance(value, bool) else repr(value)
