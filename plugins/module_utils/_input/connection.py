# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which cluster am I writing to? Every run says so in one way; two ways are never mixed. Pure."""

from __future__ import annotations

import typing as t

from ansible_collections.promfleet.monitoring.plugins.module_utils._input.errors import InputError

Options = t.Mapping[str, t.Any]

# How kubernetes.core takes its options from the environment; AWX injects its credential that way.
PREFIX = "K8S_AUTH_"
# What names a cluster, and what says who we are there.
PLACES = ("host", "kubeconfig", "context")
CREDENTIALS = ("api_key", "username", "password", "client_cert", "client_key")


def from_environment(environ: t.Mapping[str, str], *, spec: Options) -> dict[str, t.Any]:
    """The connection options that *environ* gives, by their names in *spec*: ``K8S_AUTH_*``, and KUBECONFIG as a path.

    Lists are separated by commas; a bool is false for ``0``, ``false`` and ``no`` (as kubernetes.core reads them).
    """
    found: dict[str, t.Any] = {}
    for name, option in spec.items():
        texts = [environ.get(PREFIX + alias.upper()) for alias in (name, *option.get("aliases", ()))]
        text = next(filter(None, texts), None)
        if text is None:
            continue
        if option.get("type") == "bool":
            found[name] = text.lower() not in ("0", "false", "no")
        elif option.get("type") == "list":
            found[name] = [part for part in text.split(",") if part]
        elif option.get("type") != "dict":
            found[name] = text
    if "kubeconfig" not in found and environ.get("KUBECONFIG"):
        found["kubeconfig"] = environ["KUBECONFIG"]
    return found


def resolve(
    options: Options, *, environ: t.Mapping[str, str], spec: Options, path: str = "connection"
) -> dict[str, t.Any]:
    """The options of the one connection that *options* or, where ``use_environment`` is true, *environ* names.

    Raises InputError if no cluster is named, if credentials are missing, and if two clusters are named; the
    message has both names and no secret. Nothing is taken from *environ* that the options did not ask for.
    """
    # Of a secret the check of all input knows only whether it is given.
    given = {
        name: options[name]
        for name in spec
        if options.get(name) not in (None, "") and (options[name] is not False or name == "validate_certs")
    }
    if isinstance(given.get("kubeconfig"), dict) or "\n" in str(given.get("kubeconfig") or ""):
        # Every word of it could be shown in results, tokens among them.
        raise InputError(path, "kubeconfig must be the path of a file, not its content")
    if given.get("persist_config"):
        raise InputError(path, "persist_config is not supported: this collection never writes to a kubeconfig")
    if options.get("use_environment"):
        ours = [name for name in (*PLACES, *CREDENTIALS) if name in given]
        there = from_environment(environ, spec=spec)
        if ours and any(name in there for name in PLACES):
            raise InputError(
                path,
                f"use_environment is true and the environment names {_place(there)}, but the options name "
                f"{_place(given)} ({', '.join(ours)}); give one of the two",
            )
        given = {**there, **given}
    if options.get("in_cluster"):
        if any(name in given for name in PLACES):
            raise InputError(path, f"in_cluster is true, but {_place(given)} is named too; give one of the two")
        return {**given, "in_cluster": True}
    _require_one_place(given, path=path)
    if "host" in given and not str(given["host"]).startswith(("https://", "http://")):
        raise InputError(path, f"host must be a URL such as https://api.example.com:6443, found {given['host']!r}")
    return given


def _require_one_place(given: Options, *, path: str) -> None:
    if "host" in given:
        if "kubeconfig" in given or "context" in given:
            file = {name: value for name, value in given.items() if name != "host"}
            raise InputError(path, f"two clusters are named, {_place(given)} and {_place(file)}; give one of the two")
        if not _has_credentials(given):
            raise InputError(
                path,
                "host is given, but no credentials: add api_key, or client_cert with client_key, or username with "
                "password",
            )
    elif "kubeconfig" in given and "context" not in given:
        raise InputError(
            path, "kubeconfig is given, but no context: the current context of a file is not a safe choice"
        )
    elif "kubeconfig" not in given:
        raise InputError(
            path,
            "no explicit connection: give kubeconfig with context, or host with api_key (or in_cluster: true to manage "
            "the cluster that this runs in, or use_environment: true to take K8S_AUTH_* and KUBECONFIG)",
        )


def _has_credentials(given: Options) -> bool:
    pairs = (("api_key",), ("client_cert", "client_key"), ("username", "password"))
    return any(all(given.get(name) for name in pair) for pair in pairs)


def _place(given: Options) -> str:
    """The cluster that *given* names, for people."""
    if "host" in given:
        return f"host {given['host']}"
    words = [f"{name} {given[name]}" for name in ("context", "kubeconfig") if name in given]
    return " of ".join(words) or "credentials for another"
