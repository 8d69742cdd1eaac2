# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What AWX would refuse, or take and then fail with in each job: said before the first request, with its path. Pure."""

from __future__ import annotations

import re
import typing as t
from urllib.parse import urlsplit

from ansible_collections.promfleet.monitoring.plugins.module_utils._api.yaml_text import Unreadable, parse
from ansible_collections.promfleet.monitoring.plugins.module_utils._awx.making import PATH, Making
from ansible_collections.promfleet.monitoring.plugins.module_utils._awx.objects import JsonObject
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.errors import Errors
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.validate import validate_mapping

# The longest name that AWX takes (max_length of the field name in awx/main/models).
LONGEST_NAME = 512
# What becomes a name in AWX, or a part of one.
_NAMES = frozenset({"name", "organization", "name_prefix", "awx_team", "instance_group"})
_SCHEMES = frozenset({"http", "https", "ssh", "git", "git+ssh", "git+http", "git+https", "file"})
# As git has it: [user@]host:path.
_SCP = re.compile(r"^(?:[\w.-]+@)?[\w.-]+:(?!//)\S+$")
_LEAST = {"forks": 0, "timeout": 0, "approval_timeout": 0}


def texts(given: JsonObject, spec: t.Mapping[str, t.Any], *, errors: Errors, path: str = PATH) -> None:
    """Note required texts that are blank, names that AWX would change or refuse, and numbers below their least."""
    for name, option in spec.items():
        value, place = given.get(name), f"{path}.{name}"
        inner = option.get("options")
        if inner and isinstance(value, dict):
            texts(value, inner, errors=errors, path=place)
        elif inner and isinstance(value, list):
            for index, entry in enumerate(value):
                texts(entry, inner, errors=errors, path=f"{place}[{index}]")
        elif isinstance(value, str):
            _text(name, value, option, place=place, errors=errors)
        elif name in _LEAST and isinstance(value, int) and value < _LEAST[name]:
            errors.add(place, f"must be {_LEAST[name]} or more, found {value}")


def _text(name: str, value: str, option: t.Mapping[str, t.Any], *, place: str, errors: Errors) -> None:
    if not value.strip() and (option.get("required") or name in _NAMES):
        errors.add(place, "must not be empty")
    elif value != value.strip():
        # AWX takes them away, and every run would put them back.
        errors.add(place, f"must not begin or end with a space, found {value!r}")
    elif name in _NAMES and len(value) > LONGEST_NAME // 2:
        errors.add(place, f"must have at most {LONGEST_NAME // 2} characters, found {len(value)}")


def repository(made: Making) -> None:
    """Note a project that no job could use."""
    project, inventory = made.given["project"], made.given["inventory"]
    problem = url_problem(project["url"]) if project["url"] else None
    if problem:
        made.errors.add(f"{PATH}.project.url", problem)
    for place, path in (("project.playbooks", project["playbooks"]), ("inventory.path", inventory["path"])):
        if path.startswith("/") or ".." in path.split("/"):
            made.errors.add(f"{PATH}.{place}", "must be a path in the repository")


def url_problem(text: str) -> str | None:
    """What is wrong with the address of a repository; the message does not repeat it: it may hold a password."""
    try:
        parts = urlsplit(text)
        parts.port  # noqa: B018 - raises for what is not a port
    except ValueError:
        return "is not a URL"
    if parts.password is not None:
        return "must not hold a password, which AWX shows to everybody; name a credential of AWX"
    if (parts.scheme in _SCHEMES and "://" in text and parts.path.strip("/")) or _SCP.match(text):
        return None
    return "must be the address of a Git repository, as https://git.example.com/fleet.git or git@example.com:fleet.git"


def kubeconfig_problem(content: str) -> str | None:
    """Why jobs could not use a kubeconfig; None where they can. Nothing of the content is in the message."""
    try:
        documents = parse(content)
    except Unreadable:
        return "is not YAML"
    found = documents[0] if len(documents) == 1 else None
    if not isinstance(found, dict) or found.get("kind", "Config") != "Config" or not _KUBECONFIG & set(found):
        return "is not a kubeconfig"
    files = [
        f"{part}.{name}"
        for part, inner in (("clusters", "cluster"), ("users", "user"))
        for entry in found.get(part) or ()
        if isinstance(entry, dict)
        for name in sorted(_FILES & set(entry.get(inner) or ()))
    ]
    if files:
        return (
            f"names other files ({', '.join(dict.fromkeys(files))}), which a job does not have; make one that holds "
            "them by: kubectl config view --flatten"
        )
    return None


_KUBECONFIG = frozenset({"clusters", "contexts", "users", "kind"})
_FILES = frozenset({"certificate-authority", "client-certificate", "client-key", "tokenFile"})


def fixed(name: str, value: t.Any, option: t.Mapping[str, t.Any], *, place: str, errors: Errors) -> None:
    """Note a fixed value of a template that no job would take, or that everybody could read in AWX."""
    if option.get("no_log"):
        errors.add(place, "is a secret, which AWX would show; give it to jobs by a credential")
    elif not (isinstance(value, str) and "{{" in value):
        validate_mapping({name: value}, {name: option}, path=place.rpartition(".")[0], errors=errors)
