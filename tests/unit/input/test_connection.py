"""Which cluster a connection leads to: named once, in one way, never by the environment unasked."""

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.connection import AUTH_ARG_SPEC
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.connection import from_environment, resolve
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.errors import InputError

JsonObject = dict[str, t.Any]
URL = "https://edge:6443"
FILE = {"kubeconfig": "~/.kube/config", "context": "edge"}
TOKEN = {"host": URL, "api_key": "secret-token"}
POISON = {"K8S_AUTH_HOST": "https://other:443", "K8S_AUTH_API_KEY": "other-token", "KUBECONFIG": "/other/config"}


def resolved(options: JsonObject, environ: t.Mapping[str, str] | None = None) -> JsonObject:
    return resolve(options, environ=environ or {}, spec=AUTH_ARG_SPEC)


@pytest.mark.parametrize("options", [FILE, TOKEN, {"host": URL, "client_cert": "c", "client_key": "k"}])
def test_the_environment_is_not_looked_at_unasked(options: JsonObject) -> None:
    assert resolved(options, POISON) == options
    assert resolved({**options, "use_environment": False}, POISON) == options


@pytest.mark.parametrize("empty", [None, ""])
def test_what_is_empty_is_not_given(empty: str | None) -> None:
    assert resolved({**FILE, "host": empty, "api_key": empty, "validate_certs": False}) == {
        **FILE,
        "validate_certs": False,
    }


def test_the_environment_counts_where_the_options_ask_for_it() -> None:
    environ = {
        "K8S_AUTH_HOST": URL,
        "K8S_AUTH_API_KEY": "t",
        "K8S_AUTH_VERIFY_SSL": "no",
        "K8S_AUTH_SSL_CA_CERT": "/ca",
        "K8S_AUTH_IMPERSONATE_GROUPS": "a,b",
        "K8S_AUTH_CONTEXT": "",
    }
    assert resolved({"use_environment": True}, environ) == {
        "host": URL,
        "api_key": "t",
        "validate_certs": False,
        "ca_cert": "/ca",
        "impersonate_groups": ["a", "b"],
    }
    assert from_environment({"KUBECONFIG": "/a:/b"}, spec=AUTH_ARG_SPEC) == {"kubeconfig": "/a:/b"}


@pytest.mark.parametrize(
    ("options", "environ", "words"),
    [
        ({**FILE, "use_environment": True}, {"K8S_AUTH_HOST": "https://other"}, ["host https://other", "context edge"]),
        ({**TOKEN, "use_environment": True}, {"KUBECONFIG": "/o"}, ["kubeconfig /o", f"host {URL}"]),
        (
            {"use_environment": True},
            {**POISON, "K8S_AUTH_CONTEXT": "edge"},
            ["host https://other:443", "context edge of kubeconfig /other/config"],
        ),
        ({**FILE, **TOKEN}, {}, [f"host {URL}", "context edge of kubeconfig ~/.kube/config"]),
        ({**FILE, "in_cluster": True}, {}, ["in_cluster", "context edge"]),
    ],
)
def test_two_clusters_are_refused_with_both_names(options: JsonObject, environ: JsonObject, words: list[str]) -> None:
    with pytest.raises(InputError) as caught:
        resolved(options, environ)
    for word in words:
        assert word in str(caught.value)
    assert "token" not in str(caught.value)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({}, "no explicit connection"),
        ({"context": "c"}, "no explicit connection"),
        ({"kubeconfig": "f"}, "no context"),
        ({"host": URL}, "no credentials"),
        ({"host": URL, "client_cert": "c"}, "no credentials"),
        ({"host": URL, "username": "u"}, "no credentials"),
        ({"host": "edge:6443", "api_key": "t"}, "must be a URL"),
        ({"kubeconfig": {"kind": "Config"}, "context": "c"}, "not its content"),
        ({"kubeconfig": "apiVersion: v1\nkind: Config", "context": "c"}, "not its content"),
        ({**FILE, "persist_config": True}, "persist_config is not supported"),
        ({"use_environment": True}, "no explicit connection"),
    ],
)
def test_what_names_no_cluster_is_an_error(options: JsonObject, words: str) -> None:
    with pytest.raises(InputError, match=words):
        resolved(options)


def test_in_cluster_needs_no_name() -> None:
    assert resolved({"in_cluster": True}, POISON) == {"in_cluster": True}


def test_the_check_knows_of_secrets_only_that_they_are_given() -> None:
    assert resolved({"host": URL, "api_key": True, "username": False, "password": False})["host"] == URL
