"""The words of Kubernetes and Prometheus."""

from __future__ import annotations

from fractions import Fraction

import pytest
from ansible_collections.promfleet.monitoring.plugins.module_utils._input import grammar
from hypothesis import given
from hypothesis import strategies as st


@pytest.mark.parametrize(
    ("check", "good"),
    [
        (grammar.duration, ["30s", "1h30m", "10d", "1y2w3d4h5m6s7ms", "90m", "500ms"]),
        (grammar.hours_duration, ["120h", "30m", "1h30m", "10ms"]),
        (grammar.quantity, ["1", "500m", "0.5", "2Gi", "1.5Gi", "100k", ".5"]),
        (grammar.byte_quantity, ["400Mi", "1Gi", "1000", "1.5Gi", "2G"]),
        (grammar.dns_label, ["a", "a-b", "0", "a" * 63]),
        (grammar.dns_subdomain, ["fast", "storage.example.com"]),
        (grammar.label_value, ["a", "Edge_1.example-x", "A" * 63]),
        (grammar.qualified_name, ["a", "example.com/a", "service.beta.kubernetes.io/aws-load-balancer-internal"]),
        (grammar.prometheus_label, ["team", "_a", "A1"]),
        (grammar.prometheus_label_value, ["prod", "a b", "ü"]),
        (grammar.version, ["3.13.5", "v0.93.1", "3.0.0-rc.1"]),
        (grammar.network, ["10.0.0.0/8", "fc00::/7", "192.0.2.1/32"]),
        (grammar.host, ["10.1.2.3", "fd00::1", "prom.example.com", "prom.example.com.", "localhost", "edge-1"]),
    ],
)
def test_good_words_pass(check: grammar.Check, good: list[str]) -> None:
    assert {word: check(word) for word in good} == dict.fromkeys(good)


@pytest.mark.parametrize(
    ("check", "word", "reason"),
    [
        (grammar.duration, "5", "no duration"),
        (grammar.duration, "", "no duration"),
        (grammar.duration, "5x", "no duration"),
        (grammar.duration, "1m1h", "no duration"),
        (grammar.duration, "-5m", "no duration"),
        (grammar.duration, "1.5h", "no duration"),
        (grammar.duration, "5m ", "no duration"),
        (grammar.duration, "0s", "longer than 0"),
        (grammar.duration, "0", "longer than 0"),
        (grammar.hours_duration, "5d", "120h"),
        (grammar.quantity, "1 Gi", "no quantity"),
        (grammar.quantity, "1GB", "no quantity"),
        (grammar.quantity, "-1", "no quantity"),
        (grammar.quantity, "0", "greater than 0"),
        (grammar.byte_quantity, "400m", "did you mean 400Mi?"),
        (grammar.dns_label, "Payments", "lower case"),
        (grammar.dns_label, "-a", "begin and end"),
        (grammar.dns_label, "a.b", "lower case"),
        (grammar.dns_label, "a\n", "lower case"),
        (grammar.dns_label, "a" * 64, "longer than 63"),
        (grammar.dns_subdomain, "a..b", "DNS name"),
        (grammar.label_value, "", "must consist"),
        (grammar.label_value, "a b", "must consist"),
        (grammar.label_value, "a" * 64, "longer than 63"),
        (grammar.qualified_name, "a/b/c", "domain/name"),
        (grammar.qualified_name, "/b", "domain/name"),
        (grammar.prometheus_label, "a-b", "no label name"),
        (grammar.prometheus_label, "1a", "no label name"),
        (grammar.prometheus_label, "__name__", "reserved"),
        (grammar.prometheus_label_value, "", "must not be empty"),
        (grammar.prometheus_label_value, "a$b", "variable"),
        (grammar.version, "latest", "no version"),
        (grammar.version, "3.13", "no version"),
        (grammar.network, "10.0.0.0", "lacks the length"),
        (grammar.network, "10.0.0.1/8", "did you mean 10.0.0.0/8?"),
        (grammar.network, "everybody", "no address range"),
        (grammar.host, "127.0.0.1", "cannot be reached"),
        (grammar.host, "::1", "cannot be reached"),
        (grammar.host, "169.254.1.1", "cannot be reached"),
        (grammar.host, "0.0.0.0", "cannot be reached"),  # noqa: S104 - nothing listens there
        (grammar.host, "10.0.0.256", "no valid IP address"),
        (grammar.host, "10.0.0.01", "no valid IP address"),
        (grammar.host, "http://prom", "no scheme"),
        (grammar.host, "prom:9090", "no port"),
        (grammar.host, "", "neither"),
    ],
)
def test_bad_words_are_refused_with_a_reason(check: grammar.Check, word: str, reason: str) -> None:
    assert reason in (check(word) or "")


@pytest.mark.parametrize(("number", "good"), [(1, True), (65535, True), (0, False), (65536, False), (-1, False)])
def test_ports(number: int, good: bool) -> None:
    assert (grammar.port(number) is None) is good


@pytest.mark.parametrize(
    ("written", "canonical"),
    [
        ("1000m", "1"),
        ("1", "1"),
        ("0.5", "500m"),
        ("1.5", "1500m"),
        ("100m", "100m"),
        ("0.1", "100m"),
        ("2000", "2k"),
        ("400Mi", "400Mi"),
        ("1024Mi", "1Gi"),
        ("0.5Gi", "512Mi"),
        ("1.5Gi", "1536Mi"),
        ("1000M", "1G"),
        ("1500M", "1500M"),
        ("1024", "1024"),
        ("0.5Ki", "512"),
    ],
)
def test_quantities_take_the_form_in_which_the_server_keeps_them(written: str, canonical: str) -> None:
    assert grammar.canonical_quantity(written) == canonical


@given(st.integers(min_value=1, max_value=10**6), st.sampled_from(["m", "", "k", "M", "G", "Ki", "Mi", "Gi", "Ti"]))
def test_the_canonical_form_has_the_same_value_and_is_its_own(number: int, suffix: str) -> None:
    canonical = grammar.canonical_quantity(f"{number}{suffix}")
    assert grammar.quantity_value(canonical) == grammar.quantity_value(f"{number}{suffix}")
    assert grammar.canonical_quantity(canonical) == canonical


@given(st.integers(min_value=0, max_value=10**15))
def test_an_amount_is_read_back_as_it_was_written(number: int) -> None:
    assert grammar.quantity_value(grammar.format_decimal(Fraction(number, 1000))) == Fraction(number, 1000)


def test_what_is_no_quantity_has_no_canonical_form() -> None:
    with pytest.raises(ValueError, match="no quantity"):
        grammar.canonical_quantity("much")


@pytest.mark.parametrize(
    ("text", "length"), [("1s", 1000), ("1m30s", 90_000), ("1d", 86_400_000), ("1y", 31_536_000_000), ("0", 0)]
)
def test_durations_have_a_length(text: str, length: int) -> None:
    assert grammar.milliseconds(text) == length
