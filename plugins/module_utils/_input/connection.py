# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which cluster am I writing to? Every run must say so; nothing falls back to whatever is current. Pure."""

from __future__ import annotations

import typing as t

from ansible_collections.promfleet.monitoring.plugins.module_utils._input.errors import InputError

# How kubernetes.core takes its options from the environment; AWX injects its credential that way.
ENVIRONMENT_PREFIX = "K8S_AUTH_"


def environment_options(environ: t.Mapping[str, str]) -> set[str]:
    """The names of the connection options that *environ* sets (``K8S_AUTH_HOST`` sets ``host``)."""
    return {
        name.removeprefix(ENVIRONMENT_PREFIX).lower()
        for name, value in environ.items()
        if name.startswith(ENVIRONMENT_PREFIX) and value
    }


def require_explicit(
    options: t.Mapping[str, t.Any], *, from_environment: t.Collection[str] = (), path: str = "connection"
) -> None:
    """Raise InputError unless the options name one cluster.

    Accepted: ``host`` with credentials; ``kubeconfig`` with ``context``; ``in_cluster: true``. *from_environment* names
    the options that come from there, see environment_options.
    """

    def given(name: str) -> bool:
        return bool(options.get(name)) or name in from_environment

    if isinstance(options.get("kubeconfig"), dict):
        # Every word of it would be hidden in results, names of clusters and kinds among them.
        raise InputError(path, "kubeconfig must be the path of a file, not its content")
    if options.get("in_cluster"):
        return
    if given("host"):
        if (
            given("api_key")
            or (given("client_cert") and given("client_key"))
            or (given("username") and given("password"))
        ):
            return
        raise InputError(path, "host is given, but no credentials: add api_key, or client_cert with client_key")
    if given("kubeconfig") and given("context"):
        return
    if given("kubeconfig"):
        raise InputError(path, "kubeconfig is given, but no context: the current context of a file is no safe choice")
    raise InputError(
        path,
        "no explicit connection: give kubeconfig with context, or host with api_key "
        "(or in_cluster: true to manage the cluster that this runs in)",
    )
