"""Access: how the central side gets through to an instance that is exposed already."""

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.federation.access import (
    ACCESS_OPTIONS,
    Access,
    access_fields,
    parse_access,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.errors import Collecting, InputError
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.validate import validate_mapping

from tests.unit.capabilities.builders import JsonObject, objects_of_endpoint, only

HTTPS: JsonObject = {"scheme": "https"}
FULL: JsonObject = {
    "scheme": "https",
    "path_prefix": "/prometheus",
    "tls_config": {
        "ca": {"secret": "edge-ca"},
        "cert": {"secret": "central", "cert_key": "client.crt", "key_key": "client.key"},
        "server_name": "prometheus.edge.example",
    },
    "basic_auth": {"secret": "edge-login"},
}


def parse(raw: JsonObject) -> Access:
    with Collecting(None) as errors:
        values = validate_mapping(raw, ACCESS_OPTIONS, path="here", errors=errors)
        return parse_access(values, path="here", errors=errors)


def test_by_default_nothing_is_checked_and_nothing_is_sent() -> None:
    access = parse({})
    assert (access.scheme, access.path, access.is_unverified) == ("http", "/federate", False)
    assert access_fields(access) == {}
    assert access.given == {"scheme": "http"}


@pytest.mark.parametrize(
    ("raw", "fields"),
    [
        (
            FULL,
            {
                "tlsConfig": {
                    "ca": {"secret": {"name": "edge-ca", "key": "ca.crt"}},
                    "cert": {"secret": {"name": "central", "key": "client.crt"}},
                    "keySecret": {"name": "central", "key": "client.key"},
                    "serverName": "prometheus.edge.example",
                },
                "basicAuth": {
                    "username": {"name": "edge-login", "key": "username"},
                    "password": {"name": "edge-login", "key": "password"},
                },
            },
        ),
        (
            {**HTTPS, "tls_config": {"ca": {"config_map": "edge-ca", "key": "bundle.pem"}}},
            {"tlsConfig": {"ca": {"configMap": {"name": "edge-ca", "key": "bundle.pem"}}}},
        ),
        ({**HTTPS, "tls_config": {"insecure_skip_verify": True}}, {"tlsConfig": {"insecureSkipVerify": True}}),
        ({**HTTPS, "tls_config": {}}, {}),
        (
            {**HTTPS, "bearer_token": {"secret": "edge-token"}},
            {"authorization": {"type": "Bearer", "credentials": {"name": "edge-token", "key": "token"}}},
        ),
    ],
)
def test_secrets_are_named_by_reference(raw: JsonObject, fields: JsonObject) -> None:
    assert access_fields(parse(raw)) == fields


@pytest.mark.parametrize("raw", [{}, FULL, {**HTTPS, "bearer_token": {"secret": "a"}}, {"path_prefix": "/a/b"}])
def test_what_is_handed_on_is_understood_there(raw: JsonObject) -> None:
    access = parse(raw)
    assert parse(access.given) == access


@pytest.mark.parametrize(("prefix", "path"), [("", "/federate"), ("/prometheus", "/prometheus/federate")])
@pytest.mark.parametrize("address", ["10.0.0.1", "prom.example.com"])
def test_both_forms_of_the_central_side_get_all_of_it(prefix: str, path: str, address: str) -> None:
    raw = {**FULL, "path_prefix": prefix, "cluster": "edge", "team": "platform"}
    objects = objects_of_endpoint({**raw, "targets": [{"address": address, "port": 443}]})
    if address[0].isdigit():
        found = only(objects, "ServiceMonitor")["spec"]["endpoints"]
        assert {(one["path"], one["scheme"]) for one in found} == {(path, "https")}
    else:
        found = [obj["spec"] for obj in objects]
        assert {(one["metricsPath"], one["scheme"]) for one in found} == {(path, "HTTPS")}
    assert len(found) == 2
    for one in found:
        assert access_fields(parse(FULL)).items() <= one.items()


@pytest.mark.parametrize(
    ("raw", "errors"),
    [
        ({"tls_config": {"ca": {"secret": "a"}}}, ["here.tls_config: needs scheme to be https, found 'http'"]),
        (
            {"basic_auth": {"secret": "a"}},
            ["here.basic_auth: needs scheme to be https, found 'http': it would be sent without encryption"],
        ),
        (
            {"scheme": "http", "bearer_token": {"secret": "a"}},
            ["here.bearer_token: needs scheme to be https, found 'http': it would be sent without encryption"],
        ),
        ({**HTTPS, "basic_auth": {}}, ["here.basic_auth.secret: is required"]),
        ({**HTTPS, "tls_config": {"cert": {}}}, ["here.tls_config.cert.secret: is required"]),
        (
            {**HTTPS, "basic_auth": {"secret": "a"}, "bearer_token": {"secret": "a"}},
            ["here.bearer_token: cannot be given together with basic_auth: a request has one of them"],
        ),
        (
            {**HTTPS, "tls_config": {"ca": {}}},
            ["here.tls_config.ca: needs either secret or config_map, the one that holds the certificate authority"],
        ),
        (
            {**HTTPS, "tls_config": {"ca": {"secret": "a", "config_map": "a"}}},
            ["here.tls_config.ca: needs either secret or config_map, the one that holds the certificate authority"],
        ),
        (
            {**HTTPS, "tls_config": {"ca": {"secret": "a"}, "insecure_skip_verify": True}},
            ["here.tls_config.insecure_skip_verify: cannot be true where ca is given: ca would not be used"],
        ),
        (
            {**HTTPS, "tls_config": {"server_name": "https://a"}},
            ["here.tls_config.server_name: 'https://a' is neither an IP address nor a DNS name"],
        ),
        (
            {"path_prefix": "prometheus"},
            ["here.path_prefix: 'prometheus' is not a path such as /prometheus; begin it with a slash"],
        ),
        ({"path_prefix": "/a/federate"}, ["here.path_prefix: '/a/federate' must not end with /federate"]),
        ({**HTTPS, "basic_auth": {"secret": "a", "user_key": "b"}}, ["here.basic_auth.user_key: unknown key"]),
    ],
)
def test_errors_name_their_place(raw: JsonObject, errors: list[str]) -> None:
    with pytest.raises(InputError) as caught:
        parse(raw)
    found = [str(error) for error in caught.value.errors]
    assert len(found) == len(errors)
    assert all(text.startswith(error) for text, error in zip(found, errors, strict=True)), found


@pytest.mark.parametrize("prefix", ["/", "/a/", "//a", "/a//b", "/a b", "/a?b", "/..", "/a/../b", "/%61", "/a$b"])
def test_a_path_that_two_servers_could_read_differently_is_refused(prefix: str) -> None:
    with pytest.raises(InputError, match=r"^here\.path_prefix: .* is not a path such as /prometheus"):
        parse({"path_prefix": prefix})


@pytest.mark.parametrize(
    ("option", "given"),
    [
        ("basic_auth", {"secret": "S3cret!Value"}),
        ("basic_auth", {"secret": "a", "password_key": "S3cret!Value"}),
        ("bearer_token", {"secret": "a", "key": "..S3cret!Value"}),
        ("tls_config", {"cert": {"secret": "a", "key_key": "-----BEGIN S3cret!Value"}}),
        ("tls_config", {"ca": {"config_map": "S3cret!Value"}}),
    ],
)
def test_a_value_in_place_of_a_name_is_refused_and_not_repeated(option: str, given: dict[str, t.Any]) -> None:
    with pytest.raises(InputError) as caught:
        parse({**HTTPS, option: given})
    assert str(caught.value).startswith(f"here.{option}.")
    assert "S3cret" not in str(caught.value)
