"""What the central Prometheus says of a source's targets becomes the code that names the reason."""

from __future__ import annotations

import dataclasses

import pytest
from ansible_collections.promfleet.monitoring.plugins.module_utils._doctor.checks import judge_all
from ansible_collections.promfleet.monitoring.plugins.module_utils._doctor.targets import Scraped, Stored, code_of

from tests.unit.doctor.healthy import POOL, TARGETS, target, target_set

# As Prometheus 3 and Go say it, after what both put before: Get "http://...": .
ERRORS = [
    ("dial tcp 10.89.0.3:31090: connect: connection refused", "PF360"),
    ("read tcp 10.244.0.9:40234->10.89.0.3:31090: read: connection reset by peer", "PF360"),
    ("EOF", "PF360"),
    ("context deadline exceeded", "PF361"),
    ("dial tcp 10.89.0.3:31090: i/o timeout", "PF361"),
    ("dial tcp: lookup metrics.example.com on 10.96.0.10:53: no such host", "PF362"),
    ("dial tcp 10.89.0.3:31090: connect: no route to host", "PF362"),
    ("dial tcp [fd00::1]:31090: connect: network is unreachable", "PF362"),
    ("tls: failed to verify certificate: x509: certificate signed by unknown authority", "PF363"),
    ("tls: failed to verify certificate: x509: certificate is valid for a.example, not b.example", "PF364"),
    ("x509: cannot validate certificate for 10.89.0.3 because it doesn't contain any IP SANs", "PF364"),
    ("x509: certificate has expired or is not yet valid: current time 2026-11-28 is after 2026-11-01", "PF365"),
    ("http: server gave HTTP response to HTTPS client", "PF366"),
    ("tls: first record does not look like a TLS handshake", "PF366"),
    ("remote error: tls: certificate required", "PF366"),
    ('net/http: HTTP/1.x transport connection broken: malformed HTTP response "\\x15\\x03\\x01"', "PF366"),
    ("server returned HTTP status 401 Unauthorized", "PF367"),
    ("server returned HTTP status 403 Forbidden", "PF367"),
    ("server returned HTTP status 404 Not Found", "PF368"),
    ("server returned HTTP status 400 Bad Request", "PF369"),
    ("sample limit exceeded", "PF370"),
    ("label_limit exceeded (metric: ..., number of labels: 9, limit: 2)", "PF370"),
    ("body size limit exceeded", "PF371"),
    ("server returned HTTP status 503 Service Unavailable", "PF372"),
    ('expected a valid start token, got "<" ("INVALID") while parsing: "<"', "PF374"),
    ('received unsupported Content-Type "text/html" and no fallback_scrape_protocol specified', "PF374"),
    ("something that nobody has seen yet", "PF304"),
]
DISCOVERED = [(4, "PF382"), (0, "PF383")]


@pytest.mark.parametrize(("error", "code"), ERRORS)
def test_the_reason_decides_the_code(error: str, code: str) -> None:
    assert code_of(error) == code
    assert code_of(f'Get "http://10.89.0.3:31090/federate?match%5B%5D=x": {error}') == code


@pytest.mark.parametrize(("found", "code"), DISCOVERED)
def test_a_pool_without_targets_says_what_discovery_found(found: int, code: str) -> None:
    facts = dataclasses.replace(TARGETS, targets=(), discovered={POOL: found})
    assert {finding.code for finding in judge_all([facts])[1]} == {"PF303", code}


def test_a_source_of_alerts_alone_may_give_nothing() -> None:
    """Where no alert fires /federate is empty, and that is well."""
    alerts = target_set(match=["ALERTS"])
    label = alerts.jobs[0].label
    own = dataclasses.replace(
        TARGETS,
        wanted=alerts,
        targets=(target(labels={"job": label, "cluster": "edge"}),),
        scraped=Scraped(samples=0, kept=0),
        stored=Stored(series=0, fresh=0, within=90.0),
    )
    assert judge_all([own])[1] == []


def test_each_job_of_a_source_has_its_targets() -> None:
    """Alerts have a job of their own: a target with its label is the source's, and one that lacks it is missed."""
    both = target_set(match=["up", "ALERTS"])
    labels = [{"job": job.label, "cluster": "edge"} for job in both.jobs]
    pools = (POOL, f"{POOL}-alerts")
    targets = tuple(target(scrapePool=pool, labels=one) for pool, one in zip(pools, labels, strict=True))
    facts = dataclasses.replace(TARGETS, wanted=both, pools=pools, targets=targets)
    assert judge_all([facts])[1] == []
    (finding,) = judge_all([dataclasses.replace(facts, targets=targets[:1])])[1]
    assert (finding.code, finding.evidence["found"], finding.evidence["expected"]) == ("PF303", 1, 2)
