# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What job templates are made of: organization, credentials, notifications, image, project and inventory. Pure."""

from __future__ import annotations

from ansible_collections.promfleet.monitoring.plugins.module_utils._awx import notices, refusals
from ansible_collections.promfleet.monitoring.plugins.module_utils._awx.making import (
    PATH,
    Making,
    server_url_without_login,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._awx.objects import Desired, JsonObject, Key, key
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.validate import require

CLUSTERS_TYPE = "Kubeconfig"
# AWX's own type for one cluster; it gives its values to jobs as K8S_AUTH_*.
ONE_CLUSTER_TYPE = "OpenShift or Kubernetes API Bearer Token"


def organization(made: Making) -> None:
    """Add the organization of all objects."""
    made.add(Desired(key=made.organization, description="Monitoring of Kubernetes clusters"))


def credentials(made: Making) -> None:
    """Add the ways in which jobs reach clusters."""
    for index, entry in enumerate(made.given["credentials"]):
        place = f"{PATH}.credentials[{index}]"
        ways = [name for name in ("kubeconfig_file", "host", "existing") if entry[name]]
        if len(ways) != 1:
            made.errors.add(place, "needs one of kubeconfig_file, host with token_file, and existing: true")
        elif entry["existing"]:
            made.existing("credential", entry["name"], place=f"{place}.name")
        elif entry["kubeconfig_file"]:
            _kubeconfig(made, entry, place=place)
        else:
            _one_cluster(made, entry, place=place)


def _kubeconfig(made: Making, entry: JsonObject, *, place: str) -> None:
    kind = made.add(
        Desired(
            key=key("credential_type", made.name(CLUSTERS_TYPE)),
            description="A kubeconfig for all clusters of a fleet",
            fields={
                "kind": "cloud",
                "inputs": {
                    "fields": [
                        {
                            "id": "kubeconfig",
                            "label": "Kubeconfig",
                            "type": "string",
                            "secret": True,
                            "multiline": True,
                        }
                    ],
                    "required": ["kubeconfig"],
                },
                "injectors": {
                    "file": {"template.kubeconfig": "{{ kubeconfig }}"},
                    "extra_vars": {"promfleet_kubeconfig": "{{ tower.filename.kubeconfig }}"},
                },
            },
        )
    )
    content = made.content(entry["kubeconfig_file"], place=f"{place}.kubeconfig_file")
    problem = refusals.kubeconfig_problem(content) if content.strip() else None
    if problem:
        made.errors.add(f"{place}.kubeconfig_file", f"{entry['kubeconfig_file']} {problem}")
    made.add(
        Desired(
            key=made.credential(entry),
            description="The clusters of a fleet",
            fields={"organization": made.organization, "credential_type": kind, "inputs": {}},
            secrets={"inputs.kubeconfig": content},
        )
    )


def _one_cluster(made: Making, entry: JsonObject, *, place: str) -> None:
    require(server_url_without_login, entry["host"], path=f"{place}.host", errors=made.errors)
    if not entry["token_file"]:
        made.errors.add(f"{place}.token_file", "is required with host")
    token = made.content(entry["token_file"], place=f"{place}.token_file").strip()
    authority = made.content(entry["ca_file"], place=f"{place}.ca_file")
    made.add(
        Desired(
            key=made.credential(entry),
            description="One cluster",
            fields={
                "organization": made.organization,
                "credential_type": made.existing("credential_type", ONE_CLUSTER_TYPE, place=place),
                "inputs": {"host": entry["host"], "verify_ssl": bool(authority)},
            },
            secrets={
                "inputs.bearer_token": token,
                **({"inputs.ssl_ca_cert": authority} if authority else {}),
            },
        )
    )


def notifications(made: Making) -> None:
    """Add those that AWX tells about jobs."""
    for index, entry in enumerate(made.given["notifications"]):
        place = f"{PATH}.notifications[{index}]"
        secrets = {
            f"notification_configuration.{name}": made.content(path, place=f"{place}.secret_files.{name}").strip()
            for name, path in entry["secret_files"].items()
        }
        notices.check(entry, place=place, errors=made.errors)
        made.add(
            Desired(
                key=key("notification_template", made.name(entry["name"])),
                fields={
                    "organization": made.organization,
                    "notification_type": entry["type"],
                    "notification_configuration": notices.completed(entry),
                },
                secrets=secrets,
                shown=frozenset(f"notification_configuration.{name}" for name in notices.shown(entry)),
            )
        )


def _named(made: Making, option: str, name: str | None) -> Key | None:
    return made.existing("credential", name, place=f"{PATH}.{option}.credential") if name else None


def sources(made: Making) -> None:
    """Add the image, the project, and the inventory with its source."""
    image, project, inventory = (made.given[name] for name in ("execution_environment", "project", "inventory"))
    made.add(
        Desired(
            key=made.environment,
            fields={
                "organization": made.organization,
                "image": image["image"],
                "pull": image["pull"],
                "credential": _named(made, "execution_environment", image["credential"]),
            },
        )
    )
    made.add(
        Desired(
            key=made.project,
            description="Inventory and playbooks of a fleet",
            fields={
                "organization": made.organization,
                "scm_type": "git",
                "scm_url": project["url"],
                "scm_branch": project["branch"],
                "allow_override": False,
                "scm_update_on_launch": project["update_on_launch"],
                "credential": _named(made, "project", project["credential"]),
            },
        )
    )
    made.add(
        Desired(
            key=made.inventory,
            description="The clusters of a fleet",
            fields={"organization": made.organization, "variables": {}},
        )
    )
    made.add(
        Desired(
            key=key("inventory_source", made.prefix, parent=made.prefix),
            fields={
                "inventory": made.inventory,
                "source": "scm",
                "source_project": made.project,
                "source_path": inventory["path"],
                "overwrite": True,
                "overwrite_vars": True,
                "update_on_launch": inventory["update_on_launch"],
                "execution_environment": made.environment,
            },
        )
    )
