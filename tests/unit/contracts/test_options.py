"""One source for options: modules, action group, role arguments and role defaults say the same."""

from __future__ import annotations

import ast
import functools
import importlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.capability import Capability
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.registry import CAPABILITIES

from tests.integration.test_options import RUNS
from tests.tools import variables

CHECKOUT = Path(__file__).resolve().parents[3]
# Modules that make something and remove it again, and say so in attributes of their own.
MAKES_AND_REMOVES = {"isolation", "upgrade_pull"}
# Those that note where an upgrade is.
RECORDING = ("upgrade_gate", "upgrade_waves")
MODULES = sorted(path.stem for path in (CHECKOUT / "plugins/modules").glob("*.py"))
ROLES = sorted(path.name for path in (CHECKOUT / "roles").iterdir() if path.is_dir())
PACKAGE = "ansible_collections.promfleet.monitoring.plugins.modules"
CONNECTION = {
    "api_key", "ca_cert", "client_cert", "client_key", "context", "host", "in_cluster", "kubeconfig", "password",
    "login_timeout", "proxy", "use_environment", "username", "validate_certs",
}  # fmt: skip
# Options of kubernetes.core that the roles do not offer; a kubeconfig or K8S_AUTH_* variables give them.
CONNECTION_ELSEWHERE = {
    "progress_file", "impersonate_groups", "impersonate_user", "no_proxy", "persist_config", "proxy_headers",
}  # fmt: skip

Option = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Mirror:
    """Options of a module that a role offers under a prefix, and those that it fills in by itself."""

    role: str
    module: str
    prefix: str
    filled: frozenset[str]


CHANGING = frozenset({"audit", "lock_timeout", "records_namespace", "result_file", "wait", "wait_timeout"})
KEEPING_SETS = frozenset(
    {"adopt_managers", "claim_managers", "disposable_objects", "fleet", "force_conflicts", "shared_namespaces"}
)
# What only a module that writes sets has; the doctor foresees with some options of theirs what they will do.
WRITING = frozenset({"force_conflicts", "lock_timeout"})
SHARED = CHANGING | KEEPING_SETS | {"crds_to_come"}


def filled_in(capability: Capability[Any], option: str) -> bool:
    """Whether a role has an option from elsewhere than its own variable of that name."""
    own = capability.variable(option) == f"{capability.role}_{option}"
    return not own or (option in capability.variables and capability.variables[option] is None)


MIRRORS = (
    *(
        Mirror(
            role=capability.role,
            module=capability.module,
            prefix=f"{capability.role}_",
            filled=SHARED | {option for option in capability.options if filled_in(capability, option)},
        )
        for capability in CAPABILITIES
    ),
    Mirror(
        role="prometheus_operator",
        module="crds",
        prefix="prometheus_operator_crds_",
        # A restore is for the module alone: a role brings a cluster to what the inventory says.
        filled=CHANGING | {"version", "state", "snapshot", "create_missing", "for_operator"},
    ),
)
# Where a role differs from its module on purpose: (role variable, property) and why.
DIFFERENCES = {
    ("prometheus_federation_sources", "default"): "the role exposes the platform's instance unless told otherwise",
    ("prometheus_federation_central_team", "default"): "the role follows promfleet_platform_team",
    ("prometheus_operator_image_registry", "default"): "the role follows promfleet_image_registry",
    ("prometheus_operator_image_pull_secrets", "default"): "the role follows promfleet_image_pull_secrets",
    ("monitoring_exporters_image_registry", "default"): "the role follows promfleet_image_registry",
    ("monitoring_exporters_image_pull_secrets", "default"): "the role follows promfleet_image_pull_secrets",
}


def module_options(name: str) -> dict[str, Option]:
    """The argument spec of a module."""
    options: dict[str, Option] = importlib.import_module(f"{PACKAGE}.{name}").DEFINITION.options
    return options


@functools.cache
def documentation(name: str) -> dict[str, Any]:
    module = importlib.import_module(f"{PACKAGE}.{name}")
    document: dict[str, Any] = yaml.safe_load(module.DOCUMENTATION)
    return document


@functools.cache
def load(path: Path) -> dict[str, Any]:
    """A YAML file of ours, read once; nothing in it where the role has none."""
    return (yaml.safe_load(path.read_text()) or {}) if path.exists() else {}


def role_options(role: str) -> dict[str, Option]:
    """The variables that a role documents."""
    specs = load(CHECKOUT / "roles" / role / "meta/argument_specs.yml")["argument_specs"]
    return dict(specs["variables"]["options"])


def differences(role: Option, module: Option, *, path: str) -> list[str]:
    """What two descriptions of one option disagree about, sub-options included."""
    found = [
        f"{path}.{key}: the role says {role.get(key, missing)!r}, the module {module.get(key, missing)!r}"
        for key, missing in (
            ("type", "str"),
            ("elements", None),
            ("choices", None),
            ("default", None),
            ("no_log", None),
        )
        if role.get(key, missing) != module.get(key, missing) and (path, key) not in DIFFERENCES
    ]
    if bool(role.get("required")) != bool(module.get("required")):
        found.append(f"{path}.required")
    ours, theirs = role.get("options") or {}, module.get("options") or {}
    found += [f"{path}.{name}: only one of role and module knows it" for name in sorted(ours.keys() ^ theirs.keys())]
    for name in sorted(ours.keys() & theirs.keys()):
        found += differences(ours[name], theirs[name], path=f"{path}.{name}")
    return found


def test_action_group_names_every_module_with_a_connection() -> None:
    group = load(CHECKOUT / "meta/runtime.yml")["action_groups"]["all"]
    members = [entry for entry in group if isinstance(entry, str)]
    assert members == sorted(name for name in MODULES if "kubeconfig" in module_options(name))
    assert [entry["metadata"] for entry in group if "metadata" in entry] == [{"extend_group": ["kubernetes.core.k8s"]}]


def test_what_all_writers_share_is_given_to_all_of_them() -> None:
    writers = [name for name in MODULES if module_options(name).keys() >= WRITING]
    assert load(CHECKOUT / "meta/runtime.yml")["action_groups"]["writers"] == writers
    assert all(module_options(name).keys() >= SHARED for name in writers)
    given = load(CHECKOUT / "roles/promfleet/vars/main.yml")
    assert given["__promfleet_changing"].keys() == CHANGING
    assert given["__promfleet_writing"].keys() == SHARED
    assert module_options("crds").keys() >= CHANGING
    assert not module_options("crds").keys() & (SHARED - CHANGING)


def test_every_module_may_run_in_ansibles_process_and_shows_its_progress() -> None:
    routing = load(CHECKOUT / "meta/runtime.yml")["plugin_routing"]["modules"]
    # input_check has an action plugin of its own name.
    assert sorted(routing) == sorted(name for name in MODULES if name != "input_check")
    assert {entry["action_plugin"] for entry in routing.values()} == {"promfleet.monitoring.objects"}


def test_the_options_of_every_module_are_shown_to_have_an_effect() -> None:
    """tests/integration/test_options.py runs each of them."""
    assert sorted(RUNS) == MODULES


@pytest.mark.parametrize("name", MODULES)
def test_fragments_fit_what_the_module_does(name: str) -> None:
    options = module_options(name)
    fragments = set(documentation(name)["extends_documentation_fragment"])
    auth = {"kubernetes.core.k8s_auth_options", "promfleet.monitoring.auth"}
    changes = "result_file" in options
    assert fragments & auth == (auth if "kubeconfig" in options else set())
    assert ("promfleet.monitoring.apply" in fragments) == (options.keys() >= WRITING)
    assert ("promfleet.monitoring.change" in fragments) == changes
    special = {"awx": ".awx", "images": ".files", "render": ".files", "state_record": ".files"}
    own = (special | dict.fromkeys(RECORDING, ".records")).get(name, "" if changes else ".info")
    # What makes something and removes it again says so itself.
    expected = set() if name in MAKES_AND_REMOVES else {f"promfleet.monitoring.attributes{own}"}
    assert {fragment for fragment in fragments if ".attributes" in fragment} == expected


@pytest.mark.parametrize("role", ROLES)
def test_defaults_and_argument_specs_agree(role: str) -> None:
    options = role_options(role)
    path = CHECKOUT / "roles" / role / "defaults/main.yml"
    defaults = load(path)
    commented = set(re.findall(r"^# ?(\w+):(?: |$)", path.read_text(), flags=re.MULTILINE)) & options.keys()
    with_default = {name: option["default"] for name, option in options.items() if "default" in option}
    # Ansible does not apply the defaults of the specification: what a role runs with stands in defaults/main.yml.
    assert defaults == with_default
    # What has no default is shown there as a comment, so that the file names everything.
    assert commented == options.keys() - with_default.keys()


@pytest.mark.parametrize("role", ROLES)
def test_role_variables_carry_the_name_of_the_role(role: str) -> None:
    options = role_options(role)
    assert options
    assert {name for name in options if not name.startswith(f"{role}_")} == set()
    private = load(CHECKOUT / "roles" / role / "vars/main.yml")
    assert {name for name in private if not name.startswith(f"__{role}_")} == set()


@pytest.mark.parametrize("role", ROLES)
def test_ansible_refuses_no_variable_before_the_role_checks_it(role: str) -> None:
    specs = load(CHECKOUT / "roles" / role / "meta/argument_specs.yml")["argument_specs"]
    # Ansible would refuse the blank answers of surveys where there is a type, and parameters where there is no option.
    if role == "promfleet":
        # The others depend on it: Ansible would validate its arguments first, and a variable that it cannot read would
        # end the check of the input.
        assert list(specs) == ["variables"]
        return
    assert [name for name, spec in specs.items() if "options" in spec] == ["main", "variables"]
    parameters = specs["main"]["options"]
    assert parameters.keys() == specs["variables"]["options"].keys()
    assert {option["type"] for option in parameters.values()} == {"raw"}
    assert not any(option.keys() - {"description", "type", "no_log"} for option in parameters.values())
    secret = {name for name, option in specs["variables"]["options"].items() if option.get("no_log")}
    assert {name for name, option in parameters.items() if option.get("no_log")} == secret
    assert not (CHECKOUT / "roles" / role / "tasks/variables.yml").exists()


@pytest.mark.parametrize("role", ROLES)
def test_tasks_read_what_a_variable_means(role: str) -> None:
    """Never the variable itself, which may be blank; where it is read all the same, blank is taken for not given."""
    names = "|".join(name for other in ROLES for name in role_options(other))
    # Taken for not given on the spot, a key of another host's variables, or the name of an entry of a mapping.
    allowed = r"\s*\| default\([^|]*, true\)|'|:| is string| ~ '/'"
    read = re.compile(rf"\b(?:{names})\b(?!{allowed})")
    # As the stamped variables do it; of what may be false, default(..., true) would make its default.
    stamped = re.compile(r"\S+ if (\w+) \| default\(''\) in \['', none\] else \1")
    folder = CHECKOUT / "roles" / role
    found = [
        f"{path.name}: {line.strip()}"
        for path in (*folder.glob("tasks/*.yml"), *folder.glob("templates/*"), folder / "vars/main.yml")
        for line in path.read_text().partition(variables.BEGIN)[0].splitlines()
        if not line.lstrip().startswith("#") and read.search(stamped.sub("", line))
    ]
    assert found == []


@pytest.mark.parametrize("mirror", MIRRORS, ids=lambda mirror: f"{mirror.role}-{mirror.module}")
def test_a_role_says_what_its_module_says(mirror: Mirror) -> None:
    offered = role_options(mirror.role)
    # The connection is the shared role's, tested below.
    own = module_options(mirror.module).keys() - CONNECTION - CONNECTION_ELSEWHERE
    expected = {name: module_options(mirror.module)[name] for name in own - mirror.filled}
    missing = [name for name in sorted(expected) if mirror.prefix + name not in offered]
    assert not missing, "options of the module that the role neither offers nor fills in"
    found = [
        line
        for name, option in sorted(expected.items())
        for line in differences(offered[mirror.prefix + name], option, path=mirror.prefix + name)
    ]
    assert not found


def test_the_shared_role_offers_the_connection() -> None:
    offered = role_options("promfleet")
    options = module_options("objects")
    assert options.keys() >= CONNECTION | CONNECTION_ELSEWHERE
    found = []
    for name in sorted(CONNECTION | KEEPING_SETS | {"lock_timeout", "records_namespace", "wait_timeout"}):
        # A path on the machine that runs Ansible is plain text for a role.
        kind = {"path": "str"}.get(options[name].get("type", "str"), options[name].get("type", "str"))
        # kubernetes.core hides the whole kubeconfig; a role's is a path, and what is secret in itself is tested below.
        module = {key: value for key, value in options[name].items() if key != "no_log"} | {"type": kind}
        role = {key: value for key, value in offered[f"promfleet_{name}"].items() if key != "no_log"}
        found += differences(role, module, path=f"promfleet_{name}")
    assert not found
    secrets = {name for name in CONNECTION if options[name].get("no_log")} - {"kubeconfig"}
    assert secrets == {"api_key", "password"}
    assert all(offered[f"promfleet_{name}"].get("no_log") for name in secrets)


# -- options in messages ----------------------------------------------------------------------------------------------

# What speaks of a role's input by the names that its user wrote: the check of a role's variables.
OF_VARIABLES = frozenset({"module_utils/_input/fleet.py", "module_utils/_run/check.py"})
DOCUMENTS = ("DOCUMENTATION", "EXAMPLES", "RETURN")
PLAIN = re.compile(r"\{\{ (?:__)?(?P<variable>[a-z]\w*)(?: \| [^}]*)? \}\}")


def texts(path: Path) -> Iterator[str]:
    """The strings of a Python file that a message can come from: docstrings and documentation left out."""
    tree = ast.parse(path.read_text())
    documentation = {
        id(node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr) or (isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) in DOCUMENTS)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in documentation:
            yield node.value


def test_messages_of_modules_name_options_and_no_variables_of_roles() -> None:
    variables = {name for role in ROLES for name in role_options(role)}
    word = re.compile(r"\b(?:" + "|".join(sorted(map(re.escape, variables), key=len, reverse=True)) + r")\b")
    found = {
        f"{path.relative_to(CHECKOUT)}: {text!r}"
        for path in sorted((CHECKOUT / "plugins").rglob("*.py"))
        if str(path.relative_to(CHECKOUT / "plugins")) not in OF_VARIABLES
        for text in texts(path)
        # A capability's table of option and variable is not a message. A role and a module may be called alike.
        if " " in text and set(word.findall(text)) - set(MODULES) - set(ROLES)
    }
    assert found == set()


def plain(module: str, options: object) -> Iterator[tuple[str, str, str]]:
    """Each option that is given as nothing but a variable: module, option, variable."""
    for option, value in (options if isinstance(options, dict) else {}).items():
        match = PLAIN.fullmatch(str(value).strip())
        # What roles make of several variables has names like theirs.
        if match and any(match["variable"] in role_options(role) for role in ROLES):
            yield module, option, match["variable"]


def tasks_of(items: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Tasks, those in blocks too."""
    for task in items:
        yield task
        for part in ("block", "rescue", "always"):
            yield from tasks_of(task.get(part) or [])


def given_by_roles() -> Iterator[tuple[str, str, str]]:
    """The same for all options that roles give to modules."""
    for path in sorted(CHECKOUT.glob("roles/*/tasks/*.yml")):
        for task in tasks_of(yaml.safe_load(path.read_text()) or []):
            for name, options in task.items():
                if name.startswith("promfleet.monitoring.") and not name.endswith(".input_check"):
                    yield from plain(name.rpartition(".")[2], options)
    shared = load(CHECKOUT / "roles/promfleet/vars/main.yml")
    for group in ("__promfleet_auth", "__promfleet_writing"):
        yield from plain("all", shared[group])


def guide() -> tuple[dict[str, str], dict[tuple[str, str], str]]:
    """What the guide says: the prefix of a module's variables, and the variable of an option where it differs."""
    text = (CHECKOUT / "docs/troubleshooting.md").read_text()
    section = text.partition("### Options and variables")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| (`\w+`.*?|all: .*?) \| (.*) \|$", section, flags=re.MULTILINE)
    prefixes: dict[str, str] = {}
    others: dict[tuple[str, str], str] = {}
    for modules, meaning in rows:
        for module in re.findall(r"`(\w+)`", modules) or ["all"]:
            prefixes[module] = re.findall(r"`(\w+_)`", meaning)[0]
            others |= {(module, option): variable for option, variable in re.findall(r"`(\w+)` is `(\w+)`", meaning)}
    return prefixes, others


def test_the_guide_says_which_variable_an_option_is() -> None:
    prefixes, others = guide()
    # Options that are several modules' and one thing of the fleet.
    pairs = {
        (module, option, variable)
        for module, option, variable in given_by_roles()
        if variable not in (prefixes["all"] + option, others.get(("all", option)))
    }
    assert len(pairs) > 10
    wrong = {
        pair for pair in pairs if others.get(pair[:2], prefixes.get(pair[0], prefixes["all"]) + pair[1]) != pair[2]
    }
    assert wrong == set()
    assert ("all", "result_file") in others


@pytest.mark.parametrize("capability", CAPABILITIES, ids=lambda capability: capability.name)
def test_the_check_of_the_input_names_the_variables_that_the_guide_says(capability: Capability[Any]) -> None:
    prefixes, others = guide()
    offered = {name for role in ROLES for name in role_options(role)}
    variables = {option: capability.variable(option) for option in capability.options}
    wrong = {
        option: variable
        for option, variable in variables.items()
        if variable in offered
        and variable not in (prefixes[capability.module] + option, prefixes["all"] + option)
        and variable not in (others.get((capability.module, option)), others.get(("all", option)))
    }
    assert wrong == {}
