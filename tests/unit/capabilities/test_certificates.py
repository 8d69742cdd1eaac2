"""Certificates: which names fit, and that what cannot be seen counts as not checked."""

from __future__ import annotations

import pytest
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.errors import Refused
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.common.certificates import names_of
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.federation.certificates import (
    Checked,
    covers,
    require_fitting,
    wanted_name,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.federation.sources import parse_sources

from tests.integration.support.certificates import pem
from tests.unit.capabilities.builders import JsonObject


@pytest.mark.parametrize(
    ("name", "wanted", "fits"),
    [
        ("edge.example", "edge.example", True),
        ("EDGE.example", "edge.Example.", True),
        ("edge.example", "other.example", False),
        ("*.example", "edge.example", True),
        ("*.example", "a.edge.example", False),
        ("*.example", "example", False),
        ("*.example", ".example", False),
        ("*", "example", False),
        ("10.0.0.1", "10.0.0.1", True),
        ("fd00::1", "FD00:0:0::1", True),
        ("10.0.0.2", "10.0.0.1", False),
        ("*.0.0.1", "10.0.0.1", False),
    ],
)
def test_a_certificate_covers_a_host(name: str, wanted: str, fits: bool) -> None:
    assert covers(name, wanted) is fits


def test_names_are_those_of_the_first_certificate_and_never_the_common_name() -> None:
    assert names_of(pem("b.example", "a.example", addresses=("10.0.0.1",)) + pem("authority.example")) == (
        "a.example",
        "b.example",
        "10.0.0.1",
    )
    assert names_of(pem()) == ()
    with pytest.raises(ValueError, match="PEM"):
        names_of(b"none")


def test_a_certificate_for_another_name_is_refused() -> None:
    with pytest.raises(Refused, match=r"^team pay: the certificate of its proxy is not for a\.b, .*: c\.d, e\.f\."):
        require_fitting(Checked(team="pay", wanted="a.b", names=("c.d", "e.f")))
    with pytest.raises(Refused, match=r"subjectAltName\): none\."):
        require_fitting(Checked(team="pay", wanted="a.b"))


def test_what_was_not_checked_is_said_and_not_refused() -> None:
    found = Checked(team="pay", wanted="a.b", reason="the account may not read it")
    require_fitting(found)
    assert found.result() == {
        "team": "pay",
        "name": "a.b",
        "checked": False,
        "reason": "the account may not read it",
    }
    assert Checked(team="pay", wanted="a.b", names=("a.b",)).result()["checked"] is True


@pytest.mark.parametrize(
    ("options", "name"),
    [
        ({}, None),
        ({"address": "edge.example"}, "edge.example"),
        ({"address": "10.0.0.1", "tls_config": {"cert": {"secret": "a"}, "server_name": "edge"}}, "edge"),
    ],
)
def test_the_name_is_the_one_that_the_central_side_looks_for(options: JsonObject, name: str | None) -> None:
    raw = {"expose": "LoadBalancer", "scheme": "https", "tls_config": {"cert": {"secret": "a"}}, **options}
    (source,) = parse_sources([raw], check_match=lambda _text: None)
    assert wanted_name(source) == name
