"""Login helpers: what they get, what they may answer, and what is told when they do not."""

from __future__ import annotations

import datetime as dt
import json
import typing as t
from pathlib import Path

import pytest
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.errors import Unreachable
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.login import Credential, log_in

JsonObject = dict[str, t.Any]
V1 = "client.authentication.k8s.io/v1"
PATIENT = 60.0


def helper(folder: Path, script: str) -> Path:
    path = folder / "helper"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path


def answer(**status: t.Any) -> str:
    return "printf '%s' '" + json.dumps({"apiVersion": V1, "kind": "ExecCredential", "status": status}) + "'"


def logged_in(
    folder: Path, *, timeout: float = PATIENT, cluster: JsonObject | None = None, **exec_: t.Any
) -> Credential:
    given = {"apiVersion": V1, "command": "./helper", **exec_}
    return log_in(given, cluster=cluster or {}, folder=folder, timeout=timeout)


def test_a_command_with_a_slash_begins_at_the_kubeconfigs_folder(tmp_path: Path) -> None:
    helper(tmp_path, answer(token="abc", expirationTimestamp="2030-01-02T03:04:05Z"))
    found = logged_in(tmp_path)
    assert found.token == "abc"
    assert found.is_fresh(dt.datetime(2030, 1, 2, 3, 3, tzinfo=dt.UTC))
    assert not found.is_fresh(dt.datetime(2030, 1, 2, 3, 4, 30, tzinfo=dt.UTC))


def test_it_gets_arguments_environment_and_the_cluster(tmp_path: Path) -> None:
    helper(tmp_path, f'printf "%s|%s|%s" "$1" "$WORD" "$KUBERNETES_EXEC_INFO" >{tmp_path}/seen; {answer(token="t")}')
    cluster = {"server": "https://edge", "extensions": [{"name": "client.authentication.k8s.io/exec", "extension": 7}]}
    env = [{"name": "WORD", "value": "w"}]
    logged_in(tmp_path, args=["one"], env=env, provideClusterInfo=True, cluster=cluster)
    first, word, info = (tmp_path / "seen").read_text().split("|")
    assert (first, word) == ("one", "w")
    assert json.loads(info) == {
        "apiVersion": V1,
        "kind": "ExecCredential",
        "spec": {"interactive": False, "cluster": {"server": "https://edge", "config": 7}},
    }


@pytest.mark.parametrize(
    ("script", "words"),
    [
        (
            "echo 'token expired' >&2; exit 3",
            r"'\./helper' of the kubeconfig failed \(exit status 3\), and said: token",
        ),
        ("exit 1", "and said nothing. Log in again"),
        ("echo rubbish", "printed no ExecCredential"),
        ("echo '[]'", "printed no ExecCredential"),
        ('echo \'{"status": {"token": "secret", "expirationTimestamp": "soon"}}\'', "printed no ExecCredential"),
        (answer(), "neither a token nor a client certificate"),
        (answer(clientCertificateData="c"), "neither a token nor a client certificate"),
        (answer(token="t").replace("/v1", "/v1beta1"), "answered with apiVersion"),
    ],
)
def test_what_is_wrong_is_told_in_the_helpers_words(tmp_path: Path, script: str, words: str) -> None:
    helper(tmp_path, script)
    with pytest.raises(Unreachable, match=words) as caught:
        logged_in(tmp_path)
    assert "secret" not in str(caught.value)


def test_a_helper_that_waits_is_ended_with_all_that_it_started(tmp_path: Path) -> None:
    """The limit is the test's only clock: the helper says that it runs, and never ends by itself."""
    helper(tmp_path, "echo 'open https://login.example.com' >&2; mkfifo fifo; cat fifo")
    with pytest.raises(
        Unreachable, match=r"did not answer within 1 s, and said: open https://login\.example\.com"
    ) as caught:
        logged_in(tmp_path, timeout=1, env=[{"name": "PATH", "value": "/bin:/usr/bin"}])
    assert "log in first" in str(caught.value)


@pytest.mark.parametrize(
    ("exec_", "words"),
    [
        (
            {"command": "no-such-helper", "installHint": "get it at example.com"},
            "cannot be started: No such file.*example",
        ),
        (
            {"apiVersion": "client.authentication.k8s.io/v1alpha1"},
            "its apiVersion is 'client.authentication.k8s.io/v1a",
        ),
        ({"command": ""}, "cannot be run"),
        ({"interactiveMode": "Always"}, "requires a person"),
    ],
)
def test_what_cannot_be_run_is_told(tmp_path: Path, exec_: JsonObject, words: str) -> None:
    with pytest.raises(Unreachable, match=words):
        logged_in(tmp_path, **exec_)
