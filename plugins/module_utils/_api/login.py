# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Running the login helper that a kubeconfig names: client-go's credential plugins, with a time limit.

The contract is Kubernetes' documentation, "Authentication", "client-go credential plugins": the helper gets
KUBERNETES_EXEC_INFO and prints an ExecCredential. It must not ask questions: its input is closed.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import os
import signal
import subprocess
import typing as t
from dataclasses import dataclass
from pathlib import Path

from ansible_collections.promfleet.monitoring.plugins.module_utils._api.errors import Unreachable

JsonObject = dict[str, t.Any]

API_VERSIONS = ("client.authentication.k8s.io/v1", "client.authentication.k8s.io/v1beta1")
# What a helper said is shown up to here; the end of it says why it failed.
SHOWN = 500
# A token that expires within this time is requested again, in seconds.
EARLY = 60


@dataclass(frozen=True, kw_only=True)
class Credential:
    """A helper's answer: a token, or a certificate with its key as PEM; *expires* is None if it is unknown."""

    token: str | None = None
    certificate: str | None = None
    key: str | None = None
    expires: dt.datetime | None = None

    def is_fresh(self, now: dt.datetime) -> bool:
        """Whether it holds for another while."""
        return self.expires is None or self.expires - dt.timedelta(seconds=EARLY) > now


def log_in(exec_: JsonObject, *, cluster: JsonObject, folder: Path, timeout: float) -> Credential:
    """Run the helper of a kubeconfig's user (its ``exec``) and return its credential.

    *cluster* is the kubeconfig's cluster, for helpers that ask for it. *folder* is that of the kubeconfig, where a
    command with a slash begins. Raises Unreachable with the helper's name and its message, after at most *timeout*
    seconds.
    """
    command = str(exec_.get("command") or "")
    version = str(exec_.get("apiVersion") or "")
    name = f"the login helper {command!r}"
    if not command or version not in API_VERSIONS:
        raise Unreachable(
            f"{name} of the kubeconfig cannot be run: its apiVersion is {version or 'missing'!r}, "
            f"expected {' or '.join(API_VERSIONS)}"
        )
    if exec_.get("interactiveMode") == "Always":
        raise Unreachable(f"{name} requires a person to answer (interactiveMode: Always); log in in another way")
    output = _run(
        [_place(command, folder=folder), *map(str, exec_.get("args") or ())],
        env={
            **os.environ,
            **{str(item["name"]): str(item["value"]) for item in exec_.get("env") or ()},
            "KUBERNETES_EXEC_INFO": json.dumps(_info(exec_, version=version, cluster=cluster)),
        },
        name=name,
        hint=str(exec_.get("installHint") or ""),
        timeout=timeout,
    )
    return _credential(output, name=name, version=version)


def _place(command: str, *, folder: Path) -> str:
    return str(folder / command) if "/" in command else command


def _info(exec_: JsonObject, *, version: str, cluster: JsonObject) -> JsonObject:
    spec: JsonObject = {"interactive": False}
    if exec_.get("provideClusterInfo"):
        names = ("server", "tls-server-name", "insecure-skip-tls-verify", "certificate-authority-data", "proxy-url")
        spec["cluster"] = {name: cluster[name] for name in names if name in cluster}
        extensions = {item.get("name"): item.get("extension") for item in cluster.get("extensions") or ()}
        if "client.authentication.k8s.io/exec" in extensions:
            spec["cluster"]["config"] = extensions["client.authentication.k8s.io/exec"]
    return {"apiVersion": version, "kind": "ExecCredential", "spec": spec}


def _run(command: list[str], *, env: dict[str, str], name: str, hint: str, timeout: float) -> str:
    try:
        # Not AnsibleModule.run_command: it has no time limit, and in Ansible's own process there is no module.
        process = subprocess.Popen(  # pylint: disable=ansible-bad-function
            command,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            # A group of its own, so that what it starts ends with it.
            start_new_session=True,
        )
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise Unreachable(
            f"{name} of the kubeconfig cannot be started: {reason}. Install it where modules run"
            + (f": {hint.strip()}" if hint else "")
        ) from error
    try:
        output, said = process.communicate(timeout=timeout)
    except subprocess.TimeoutExpired:
        _end(process)
        output, said = process.communicate()
        raise Unreachable(
            f"{name} of the kubeconfig did not answer within {timeout:g} s{_quoted(said or output)}. It may wait for a "
            "person: log in first, on the machine where modules run (login_timeout is the limit)"
        ) from None
    except BaseException:
        _end(process)
        raise
    if process.returncode:
        raise Unreachable(
            f"{name} of the kubeconfig failed (exit status {process.returncode}){_quoted(said)}. Log in again"
        )
    return output


def _end(process: subprocess.Popen[str]) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def _quoted(text: str) -> str:
    words = " ".join(text.split())
    return f", and said: {words[-SHOWN:]}" if words else ", and said nothing"


def _credential(output: str, *, name: str, version: str) -> Credential:
    try:
        answer = json.loads(output)
        status = dict(answer["status"])
        expires = status.get("expirationTimestamp")
        credential = Credential(
            token=status.get("token") or None,
            certificate=status.get("clientCertificateData") or None,
            key=status.get("clientKeyData") or None,
            expires=dt.datetime.fromisoformat(expires).astimezone(dt.UTC) if expires else None,
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        # What it printed may be a secret.
        raise Unreachable(f"{name} of the kubeconfig printed no ExecCredential ({type(error).__name__})") from error
    if answer.get("apiVersion") != version:
        raise Unreachable(
            f"{name} answered with apiVersion {answer.get('apiVersion')!r}, the kubeconfig says {version!r}"
        )
    if not credential.token and not (credential.certificate and credential.key):
        raise Unreachable(f"{name} gave neither a token nor a client certificate with its key. Log in again")
    return credential
