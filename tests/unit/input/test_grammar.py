"""The words of Kubernetes and Prometheus."""

from __future__ import annotations

import pytest
from ansible_collections.promfleet.monitoring.plugins.module_utils._input import grammar


@pytest.mark.parametrize(
    ("check", "good"),
    [
        (grammar.duration, ["30s", "1h30m", "10d", "1y2w3d4h5m6s7ms", "90m", "500ms"]),
        (grammar.hours_duration, ["120h", "30m", "1h30m", "10ms"]),
        (grammar.quantity, ["1", "500m", "0.5", "2Gi", "1.5Gi", "100k", ".5", "0.5m", "12.", "1e3", " 1 "]),
        (grammar.body_size, ["20MB", "1.5GiB", ".5KB", "7B"]),
        (grammar.path_prefix, ["/a", "/prom/pay-1", "/~a._b"]),
        (grammar.web_url, ["https://a.example", "http://10.0.0.1:9090/x?y=z", "https://[fd00::1]/"]),
        (grammar.byte_quantity, ["400Mi", "1Gi", "1048576", "1.5Gi", "2G"]),
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
        (grammar.duration, "5", "not a duration"),
        (grammar.duration, "", "not a duration"),
        (grammar.duration, "5x", "not a duration"),
        (grammar.duration, "1m1h", "not a duration"),
        (grammar.duration, "-5m", "not a duration"),
        (grammar.duration, "1.5h", "not a duration"),
        (grammar.duration, "5m ", "not a duration"),
        (grammar.duration, "0s", "longer than 0"),
        (grammar.duration, "0", "longer than 0"),
        (grammar.hours_duration, "5d", "120h"),
        (grammar.quantity, "1 Gi", "not a quantity"),
        (grammar.quantity, "1GB", "not a quantity"),
        (grammar.quantity, "-1", "greater than 0"),
        (grammar.quantity, "0", "greater than 0"),
        (grammar.quantity, "+", "not a quantity"),
        (grammar.quantity, "8Ei", "more than Kubernetes can count"),
        (grammar.quantity, "1e30", "more than Kubernetes can count"),
        (grammar.byte_quantity, "400m", "did you mean 400Mi?"),
        (
            grammar.byte_quantity,
            "200",
            "'200' has no unit, and would be that many bytes; write the unit, such as 200Mi",
        ),
        (grammar.byte_quantity, "0.1Gi", "such as 103Mi"),
        (grammar.byte_quantity, "0.5", "such as 1Mi"),
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
        (grammar.prometheus_label, "a-b", "not a label name"),
        (grammar.prometheus_label, "1a", "not a label name"),
        (grammar.prometheus_label, "__name__", "reserved"),
        (grammar.prometheus_label_value, "", "must not be empty"),
        (grammar.prometheus_label_value, "a$b", "variable"),
        (grammar.version, "latest", "not a version"),
        (grammar.version, "3.13", "not a version"),
        (grammar.network, "10.0.0.0", "lacks the length"),
        (grammar.network, "::ffff:10.0.0.0/104", "write 10.0.0.0/8"),
        (grammar.network, "fe80::1%eth0/128", "has a zone"),
        (grammar.network, "10.0.0.1/8", "did you mean 10.0.0.0/8?"),
        (grammar.network, "everybody", "not an address range"),
        (grammar.host, "127.0.0.1", "cannot be reached"),
        (grammar.host, "::1", "cannot be reached"),
        (grammar.host, "169.254.1.1", "cannot be reached"),
        (grammar.host, "0.0.0.0", "cannot be reached"),  # noqa: S104 - nothing listens there
        (grammar.host, "10.0.0.256", "not a valid IP address"),
        (grammar.host, "10.0.0.01", "not a valid IP address"),
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
    ("text", "length"), [("1s", 1000), ("1m30s", 90_000), ("1d", 86_400_000), ("1y", 31_536_000_000), ("0", 0)]
)
def test_durations_have_a_length(text: str, length: int) -> None:
    assert grammar.milliseconds(text) == length
