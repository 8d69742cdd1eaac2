"""One source for options: modules, action group, role arguments and role defaults say the same."""

from __future__ import annotations

import importlib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

CHECKOUT = Path(__file__).resolve().parents[3]
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


SHARED = frozenset(
    {
        "adopt_managers", "crds_to_come", "fleet", "force_conflicts", "lock_timeout", "result_file", "wait",
        "wait_timeout",
    }
)  # fmt: skip
TEAMS = frozenset({"teams", "platform", "platform_team", "namespace_prefix", "cluster", "clusters"})
MIRRORS = (
    Mirror(
        role="prometheus_operator",
        module="prometheus_operator",
        prefix="prometheus_operator_",
        filled=SHARED | {"platform_team", "platform_namespace", "rules"},
    ),
    Mirror(
        role="prometheus_operator",
        module="crds",
        prefix="prometheus_operator_crds_",
        # A restore is for the module alone: a role brings a cluster to what the inventory says.
        filled=SHARED | {"version", "state", "snapshot", "create_missing"},
    ),
    Mirror(
        role="team_monitoring",
        module="team_monitoring",
        prefix="team_monitoring_",
        filled=SHARED | {"platform_team", "cluster", "clusters", "base_rules"},
    ),
    Mirror(
        role="prometheus_federation",
        module="federation_source",
        prefix="prometheus_federation_",
        filled=SHARED | TEAMS,
    ),
    Mirror(
        role="prometheus_federation",
        module="federation_endpoints",
        prefix="prometheus_federation_",
        filled=SHARED | TEAMS | {"sources", "stale"},
    ),
)
# Where a role differs from its module on purpose: (role variable, property) and why.
DIFFERENCES = {
    ("prometheus_federation_sources", "default"): "the role exposes the platform's instance unless told otherwise",
    ("prometheus_federation_central_team", "default"): "the role follows promfleet_platform_team",
}


def module_options(name: str) -> dict[str, Option]:
    """The argument spec of a module."""
    options: dict[str, Option] = importlib.import_module(f"{PACKAGE}.{name}").DEFINITION.options
    return options


def documentation(name: str) -> dict[str, Any]:
    module = importlib.import_module(f"{PACKAGE}.{name}")
    document: dict[str, Any] = yaml.safe_load(module.DOCUMENTATION)
    return document


def load(path: Path) -> dict[str, Any]:
    """A YAML file of ours; nothing in it where the role has none."""
    return (yaml.safe_load(path.read_text()) or {}) if path.exists() else {}


def role_options(role: str) -> dict[str, Option]:
    """The options of all entry points of a role."""
    specs = load(CHECKOUT / "roles" / role / "meta/argument_specs.yml")["argument_specs"]
    return {name: option for spec in specs.values() for name, option in spec.get("options", {}).items()}


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
    writers = [name for name in MODULES if "force_conflicts" in module_options(name)]
    assert load(CHECKOUT / "meta/runtime.yml")["action_groups"]["writers"] == writers
    assert load(CHECKOUT / "roles/promfleet/vars/main.yml")["__promfleet_writing"].keys() == SHARED
    assert all(module_options(name).keys() >= SHARED for name in writers)


def test_every_module_with_a_connection_shows_its_progress() -> None:
    routing = load(CHECKOUT / "meta/runtime.yml")["plugin_routing"]["modules"]
    assert sorted(routing) == sorted(name for name in MODULES if "kubeconfig" in module_options(name))
    assert {entry["action_plugin"] for entry in routing.values()} == {"promfleet.monitoring.objects"}


@pytest.mark.parametrize("name", MODULES)
def test_fragments_fit_what_the_module_does(name: str) -> None:
    options = module_options(name)
    fragments = set(documentation(name)["extends_documentation_fragment"])
    auth = {"kubernetes.core.k8s_auth_options", "promfleet.monitoring.auth"}
    writes = "force_conflicts" in options
    assert fragments & auth == (auth if "kubeconfig" in options else set())
    assert ("promfleet.monitoring.apply" in fragments) == writes
    attributes = "promfleet.monitoring.attributes" if writes else "promfleet.monitoring.attributes.info"
    assert {fragment for fragment in fragments if ".attributes" in fragment} == {attributes}


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
    for name in sorted(CONNECTION | {"adopt_managers", "fleet", "force_conflicts", "lock_timeout", "wait_timeout"}):
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
