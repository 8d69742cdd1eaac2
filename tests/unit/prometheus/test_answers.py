"""Whose answer came: that of a Prometheus, of something else behind its Service, or of what is in between."""

from __future__ import annotations

import json
import typing as t

import pytest
from ansible_collections.promfleet.monitoring.plugins.module_utils._prometheus.api import Prometheus, PrometheusError

STATUS = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": 503}


class Answering:
    """A cluster that gives one answer to everything."""

    def __init__(self, status: int, body: object) -> None:
        self._answer = status, body.encode() if isinstance(body, str) else json.dumps(body).encode()

    def send(self, *_request: t.Any, **_more: t.Any) -> tuple[int, bytes]:
        return self._answer


def asked(status: int, body: object) -> PrometheusError:
    """What asking raises."""
    cluster = t.cast("t.Any", Answering(status, body))
    with pytest.raises(PrometheusError) as caught:
        Prometheus(cluster, namespace="a", service="b").runtime_info()
    return caught.value


@pytest.mark.parametrize(
    ("status", "body", "words"),
    [
        (503, {**STATUS, "message": "error trying to reach service: dial tcp: i/o timeout"}, "i/o timeout"),
        (503, {**STATUS, "message": 'no endpoints available for service "b:web"'}, "no endpoints"),
        (502, "<html>Bad Gateway</html>", "Bad Gateway"),
        (504, "upstream timed out", "upstream timed out"),
    ],
)
def test_no_pod_answered(status: int, body: object, words: str) -> None:
    error = asked(status, body)
    assert not error.reached
    assert words in str(error)


@pytest.mark.parametrize(
    ("status", "body", "words"),
    [
        (503, "Service Unavailable", "HTTP 503: Service Unavailable"),
        (503, {"status": "error", "errorType": "unavailable", "error": "TSDB not ready"}, "TSDB not ready"),
        (401, "Unauthorized", "HTTP 401: Unauthorized"),
        (403, {**STATUS, "code": 403, "message": "services is forbidden"}, "is forbidden"),
        (404, {**STATUS, "code": 404, "message": 'services "b" not found'}, "not found"),
        (200, "<html>\n<body>Sign in", "HTTP 200: <html> <body>Sign in"),
        (200, {"status": "success", "data": []}, "an answer without data"),
        (200, [1], "HTTP 200: [1]"),
    ],
)
def test_something_answered(status: int, body: object, words: str) -> None:
    error = asked(status, body)
    assert error.reached
    assert words in str(error)
